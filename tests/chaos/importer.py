"""Carries out one tenant's imports until it is killed: `python -m tests.chaos.importer TENANT`.

Batches are small and leases short: a kill costs a second.
"""

from __future__ import annotations

import os
import sys
import time
from datetime import timedelta

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "scrm.settings")
django.setup()

from contacts.imports import attempt, run  # noqa: E402 - after Django is set up


def main(tenant_id: int) -> None:
    attempt.BATCH = 10  # many of them: the end must not come before all the kills
    run.LEASE = timedelta(seconds=2)
    while True:
        run.work(tenant_id)
        time.sleep(0.05)


if __name__ == "__main__":
    main(int(sys.argv[1]))
