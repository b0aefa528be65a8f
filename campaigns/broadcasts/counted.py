"""What of broadcasts counts against the pace of touches of a contact?

A mass message that the customer has got, or that is on its way: as with touches, what was booked
counts when it was booked, and what arrived on the day on which it did.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime

from django.db import connection

from contacts import arrays
from journeys.pace import LONGEST_WAIT, Had
from tenants.scope import current_tenant_id

_HAD = """
SELECT contact_id, at, kind FROM (
  SELECT r.contact_id, b.kind,
    CASE r.state WHEN 'delivered' THEN r.settled_at ELSE b.frozen_at END AS at
  FROM campaigns_broadcastrecipient r
  JOIN campaigns_broadcast b ON b.tenant_id = r.tenant_id AND b.id = r.broadcast_id
  WHERE r.tenant_id = %(tenant)s AND r.contact_id = ANY(%(contacts)s::bigint[])
    AND r.state IN ('planned', 'waiting', 'delivered')
    AND b.route = 'mass_task' AND b.frozen_at >= %(frozen)s
) AS log
WHERE at >= %(since)s
"""


def had(contact_ids: Collection[int], since: datetime) -> Iterator[Had]:
    """Inside a scope; see journeys.pace.counts. One whose audience is being settled in this very
    transaction is not counted yet."""
    parameters: dict[str, int | str | datetime] = {
        "tenant": current_tenant_id(),
        "contacts": arrays.literal(sorted(contact_ids)),
        "since": since,
        "frozen": since - LONGEST_WAIT,
    }
    with connection.cursor() as cursor:
        cursor.execute(_HAD, parameters)
        rows = cursor.fetchall()
    return (Had(*row) for row in rows)
