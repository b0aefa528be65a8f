"""What did each customer buy on each day? Days of orders as columns of numbers, packed once.

A refresh leaves a row for each day on which anybody's orders changed, empty; the worker packs it.
So each day with a paid order has a row, and one that is still empty is read from orders.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo

from django.db import connection

from analytics import buying, packed
from analytics.packed import Column
from analytics.periods import Question, last_day, midnight
from tenants.models import Tenant
from tenants.scope import current_tenant_id

Figure = Literal["channels", "orders", "revenues", "margins", "lasts"]


@dataclass(frozen=True)
class Day:
    """A column of the buyers' ids, then one of each figure that was asked for (packed.py)."""

    buyers: int
    columns: Sequence[Column]


_NUMBERS: Final = {
    "contact_id": "contacts",
    "channel_id": "channels",
    "orders": "orders",
    "revenue": "revenues",
    "margin": "margins",
    "last": "lasts",
}
_COLUMNS: Final = f"buyers, {', '.join(_NUMBERS.values())}"
_PACKED: Final = f"""
SELECT day, count(*)::int AS buyers, {packed.columns(_NUMBERS, "contact_id")}
FROM (SELECT *, {packed.widths([*_NUMBERS])} FROM ({{}}) bought) each GROUP BY day
"""  # noqa: S608 - our own names
# Of everybody, once facts of customers are made.
READING: Final = _PACKED.format("""
  SELECT contact_id, channel_id, u.* FROM analytics_customerfact,
    unnest(days, day_orders, day_revenues, day_margins, day_lasts)
      AS u(day, orders, revenue, margin, last)
  WHERE tenant_id = %(tenant)s""")
_CHANNEL: Final = """COALESCE((
    SELECT channel_id FROM contacts_contact c
    WHERE c.tenant_id = %(tenant)s AND c.id = o.contact_id), 0) AS channel_id"""
_OF_DAYS: Final = _PACKED.format(f"""
  SELECT contact_id, {_CHANNEL}, day, count(*) AS orders, sum({buying.REVENUE})::bigint AS revenue,
    sum({buying.MARGIN})::bigint AS margin,
    (extract(epoch FROM max(paid_at)) * 1000000)::bigint AS last
  FROM unnest(%(days)s::date[], %(starts)s::timestamptz[], %(ends)s::timestamptz[])
    AS asked(day, start, over)
  JOIN contacts_order o ON o.paid_at >= start AND o.paid_at < over
  WHERE o.tenant_id = %(tenant)s AND o.paid GROUP BY contact_id, day""")  # noqa: S608 - our own names

# Within upkeep.py, from what customers' facts were (`old`) and are (`new`).
EMPTIED: Final = f"""
  INSERT INTO analytics_orderday AS d (tenant_id, day)
  SELECT DISTINCT %(tenant)s, day FROM (
    SELECT u.day FROM (
      SELECT contact_id, channel_id, days, day_orders, day_revenues, day_margins, day_lasts,
        1 AS sign FROM new
      UNION ALL
      SELECT contact_id, channel_id, days, day_orders, day_revenues, day_margins, day_lasts, -1
      FROM old
    ) change, unnest(days, day_orders, day_revenues, day_margins, day_lasts)
      AS u(day, orders, revenue, margin, last)
    GROUP BY contact_id, channel_id, u.day, u.orders, u.revenue, u.margin, u.last
    HAVING sum(sign) <> 0) moved
  ON CONFLICT (tenant_id, day) DO UPDATE SET buyers = NULL,
    {", ".join(f"{column} = NULL" for column in _NUMBERS.values())}
  WHERE d.buyers IS NOT NULL
"""  # noqa: S608 - our own names

_TAKE_EMPTY: Final = """
DELETE FROM analytics_orderday WHERE tenant_id = %(tenant)s AND buyers IS NULL
  AND day < %(before)s RETURNING day
"""
_PACK: Final = f"""
INSERT INTO analytics_orderday (tenant_id, day, {_COLUMNS})
SELECT %(tenant)s, day, {_COLUMNS} FROM ({_OF_DAYS}) packed
"""  # noqa: S608 - our own names
_OF_PERIOD: Final = """
SELECT day, buyers, {} FROM analytics_orderday
WHERE tenant_id = %(tenant)s AND day >= %(from)s AND day <= %(through)s ORDER BY day
"""


def pack(before: date) -> None:
    """Inside a scope, alone for the tenant: fill the empty days before that one."""
    given: dict[str, Any] = {"tenant": current_tenant_id(), "before": before}
    with connection.cursor() as cursor:
        cursor.execute(_TAKE_EMPTY, given)
        days = [row[0] for row in cursor.fetchall()]
        if days:
            cursor.execute(_PACK, given | _bounds(days, Tenant.current().tz))


def read(question: Question, figures: Sequence[Figure]) -> list[Day]:
    """Inside a scope, of everybody: the days of the period up to as_of on which anybody bought."""
    zone = question.span.zone
    until = min(midnight(question.span.end, zone), question.as_of)
    through = last_day(until, zone)
    given = {"tenant": current_tenant_id(), "from": question.span.start, "through": through}
    columns = ", ".join(("contacts", *figures))
    found = _read(_OF_PERIOD.format(columns), given)
    # Of the last day only a part may lie before as_of.
    empty = [day for day, each in found.items() if each is None or day == through]
    if empty:
        sql = f"SELECT day, buyers, {columns} FROM ({_OF_DAYS}) packed"  # noqa: S608 - our own names
        found |= dict.fromkeys(empty) | _read(sql, given | _bounds(empty, zone, until))
    return [each for _day, each in sorted(found.items()) if each is not None]


def _bounds(days: Sequence[date], zone: ZoneInfo, until: datetime | None = None) -> dict[str, Any]:
    """When these days begin and end; none after `until`."""
    ends = [midnight(day + timedelta(days=1), zone) for day in days]
    return {
        "days": days,
        "starts": [midnight(day, zone) for day in days],
        "ends": [min(end, until) if until else end for end in ends],
    }


def _read(sql: str, given: Mapping[str, Any]) -> dict[date, Day | None]:
    """None: the day is empty."""
    return {
        day: None if buyers is None else Day(buyers, columns)
        for day, buyers, columns in packed.read(sql, given)
    }
