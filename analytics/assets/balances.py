"""How many stand in each row of the user assets with no end in sight, and what are they worth?

A statement begins with them and looks at the days since alone, however long the history is. They
follow the pieces of contacts, which upkeep.py keeps together with them, and the forecasts of
prediction/forecasts.py, who changes them inside `moving` or `recounted`, one at a time.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

from django.db import connection

from contacts import arrays
from tenants.scope import current_tenant_id

Balance = tuple[int, Decimal]
_Row = tuple[int, int]  # staff or 0, channel or 0
_NOTHING: Balance = (0, Decimal())

# What a customer is worth, to the millionth: sums of it do not depend on their order.
WORTH = "round(w.margin::numeric, 6)"
_STANDING = f"""
SELECT p.staff_id, p.channel_id, count(*) AS heads, COALESCE(sum({WORTH}), 0) AS worth
FROM analytics_assetpiece p
LEFT JOIN analytics_forecast w ON w.tenant_id = p.tenant_id AND w.contact_id = p.contact_id
WHERE p.tenant_id = %(tenant)s AND p.until IS NULL {{these}}
GROUP BY p.staff_id, p.channel_id
"""  # noqa: S608 - our own names
_OF_THESE = _STANDING.format(
    these="AND p.contact_id = ANY(ARRAY(SELECT unnest(%(contacts)s::bigint[])))"
)
_ADD = """
INSERT INTO analytics_assetbalance AS b (tenant_id, staff_id, channel_id, heads, worth)
SELECT %(tenant)s, m.* FROM unnest(%(staff)s::bigint[], %(channel)s::bigint[], %(heads)s::bigint[],
  %(worth)s::numeric[]) AS m(staff_id, channel_id, heads, worth)
ON CONFLICT (tenant_id, staff_id, channel_id) DO UPDATE
SET heads = b.heads + EXCLUDED.heads, worth = b.worth + EXCLUDED.worth
"""
_RECOUNT = (
    "DELETE FROM analytics_assetbalance WHERE tenant_id = %(tenant)s",
    f"""
INSERT INTO analytics_assetbalance (tenant_id, staff_id, channel_id, heads, worth)
SELECT %(tenant)s, s.* FROM ({_STANDING.format(these="")}) s""",  # noqa: S608 - our own names
)
# Within upkeep.py: by as many more pieces without an end as its `standing` tells.
ADDED = f"""
  INSERT INTO analytics_assetbalance AS b (tenant_id, staff_id, channel_id, heads, worth)
  SELECT %(tenant)s, s.staff_id, s.channel_id, sum(s.n), COALESCE(sum(s.n * {WORTH}), 0)
  FROM standing s LEFT JOIN analytics_forecast w ON w.tenant_id = %(tenant)s
    AND w.contact_id = s.contact_id AND w.contact_id = ANY(ARRAY(SELECT contact_id FROM standing))
  GROUP BY s.staff_id, s.channel_id
  ON CONFLICT (tenant_id, staff_id, channel_id) DO UPDATE
  SET heads = b.heads + EXCLUDED.heads, worth = b.worth + EXCLUDED.worth
"""  # noqa: S608 - our own names
# That of facts.py: who reads facts again changes balances too.
_ALONE = "SELECT pg_advisory_xact_lock(hashtext('facts'), %(tenant)s::int)"


@contextmanager
def moving(contact_ids: Collection[int]) -> Iterator[None]:
    """Inside a scope: forecasts of these contacts change; balances follow."""
    given: dict[str, Any] = {
        "tenant": current_tenant_id(),
        "contacts": arrays.literal(sorted(contact_ids)),
    }
    with connection.cursor() as cursor:
        cursor.execute(_ALONE, given)
    before = _standing(given)
    yield
    moved = _difference(before, _standing(given))
    if moved:
        _add(moved)


@contextmanager
def recounted() -> Iterator[None]:
    """Inside a scope: pieces or forecasts of many change; balances are read again."""
    given: dict[str, Any] = {"tenant": current_tenant_id()}
    with connection.cursor() as cursor:
        cursor.execute(_ALONE, given)
        yield
        for statement in _RECOUNT:
            cursor.execute(statement, given)


def _standing(given: Mapping[str, Any]) -> dict[_Row, Balance]:
    with connection.cursor() as cursor:
        cursor.execute(_OF_THESE, given)
        return {(staff, channel): (heads, worth) for staff, channel, heads, worth in cursor}


def _difference(
    before: Mapping[_Row, Balance], after: Mapping[_Row, Balance]
) -> dict[_Row, Balance]:
    moved = {}
    for row in before.keys() | after.keys():
        (had, was_worth), (has, is_worth) = before.get(row, _NOTHING), after.get(row, _NOTHING)
        if (had, was_worth) != (has, is_worth):
            moved[row] = has - had, is_worth - was_worth
    return moved


def _add(moved: Mapping[_Row, Balance]) -> None:
    given: dict[str, Any] = {
        "tenant": current_tenant_id(),
        "staff": [staff for staff, _channel in moved],
        "channel": [channel for _staff, channel in moved],
        "heads": [heads for heads, _worth in moved.values()],
        "worth": [worth for _heads, worth in moved.values()],
    }
    with connection.cursor() as cursor:
        cursor.execute(_ADD, given)
