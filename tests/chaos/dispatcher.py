"""Dispatches one tenant's touches until it is killed: `python -m tests.chaos.dispatcher TENANT`.

Its leases are short and look-ups need not wait for the platform's list: a kill costs a second.
"""

from __future__ import annotations

import os
import sys
import time
from datetime import timedelta

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "scrm.settings")
django.setup()

from django.conf import settings  # noqa: E402 - after Django is set up

from contacts.messaging import mass_tasks  # noqa: E402 - after Django is set up
from journeys import (  # noqa: E402 - after Django is set up
    delivery,
    dispatch,
    outcomes,
    shared_results,
)

SECOND = timedelta(seconds=1)


def main(tenant_id: int) -> None:
    dispatch.CLAIM = 20
    settings.TOUCH_GATHER_S = 1
    dispatch.LEASE = outcomes.LOOK_LEASE = 2 * SECOND
    shared_results.LOOK_LEASE = 2 * SECOND  # type: ignore[misc] # as all leases here
    # Longer than a call can last: a look-up never runs beside the call that it asks about.
    delivery.SEND_LEASE, delivery.CALL_AT_MOST = 3 * SECOND, 2 * SECOND
    mass_tasks.LIST_LAG = 0 * SECOND  # type: ignore[misc] # the sandbox's list does not lag
    delivery.LONGEST_BACK_OFF = SECOND
    while True:
        dispatch.run(tenant_id)
        time.sleep(0.05)


if __name__ == "__main__":
    main(int(sys.argv[1]))
