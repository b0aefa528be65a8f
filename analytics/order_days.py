"""What did each customer buy on each day? Days of orders as columns of numbers, packed once.

A refresh leaves a row for each day on which anybody's orders changed, empty; the worker packs it.
So each day with a paid order has a row, and one that is still empty is read from orders.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from io import BytesIO
from struct import Struct
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo

from django.db import connection

from analytics import buying
from analytics.periods import Question, last_day, midnight
from tenants.models import Tenant
from tenants.scope import current_tenant_id

Figure = Literal["orders", "revenues", "lasts"]


@dataclass(frozen=True)
class Day:
    """Whole numbers of as many buyers in each column, all in one order: their ids, then each figure
    that was asked for. A number's highest byte comes first; how many it has, the length tells. Of
    eight the first one has the sign.
    """

    buyers: int
    columns: Sequence[memoryview]


def _column(name: str) -> str:
    """As few bytes for each number as the day's need: 2, 4 or 8."""
    number = f"substring(int8send({name}) FROM 9 - {name}_bytes)"
    return f"string_agg({number}, '' ORDER BY contact_id)"


def _bytes(name: str) -> str:
    least, top = (f"{of}({name}) OVER (PARTITION BY day)" for of in ("min", "max"))
    return (
        f"CASE WHEN {least} < 0 THEN 8 WHEN {top} < 65536 THEN 2 WHEN {top} < 4294967296 THEN 4"
        " ELSE 8 END"
    )


_NUMBERS: Final = ("contact_id", "orders", "revenue", "last")
_PACKED: Final = """
SELECT day, count(*)::int AS buyers, {} AS contacts, {} AS orders, {} AS revenues, {} AS lasts
FROM (SELECT *, {} FROM ({{}}) bought) each GROUP BY day
""".format(  # noqa: S608 - our own names
    *map(_column, _NUMBERS), ", ".join(f"{_bytes(name)} AS {name}_bytes" for name in _NUMBERS)
)
# Of everybody, once facts of customers are made.
READING: Final = _PACKED.format("""
  SELECT contact_id, u.* FROM analytics_customerfact,
    unnest(days, day_orders, day_revenues, day_lasts) AS u(day, orders, revenue, last)
  WHERE tenant_id = %(tenant)s""")
_OF_DAYS: Final = _PACKED.format(f"""
  SELECT contact_id, day, count(*) AS orders, sum({buying.REVENUE})::bigint AS revenue,
    (extract(epoch FROM max(paid_at)) * 1000000)::bigint AS last
  FROM unnest(%(days)s::date[], %(starts)s::timestamptz[], %(ends)s::timestamptz[])
    AS asked(day, start, over)
  JOIN contacts_order o ON o.paid_at >= start AND o.paid_at < over
  WHERE o.tenant_id = %(tenant)s AND o.paid GROUP BY contact_id, day""")  # noqa: S608 - our own names

# Within upkeep.py, from what customers' facts were (`old`) and are (`new`).
EMPTIED: Final = """
  INSERT INTO analytics_orderday AS d (tenant_id, day)
  SELECT DISTINCT %(tenant)s, day FROM (
    SELECT u.day FROM (
      SELECT contact_id, days, day_orders, day_revenues, day_lasts, 1 AS sign FROM new
      UNION ALL
      SELECT contact_id, days, day_orders, day_revenues, day_lasts, -1 FROM old
    ) change, unnest(days, day_orders, day_revenues, day_lasts) AS u(day, orders, revenue, last)
    GROUP BY contact_id, u.day, u.orders, u.revenue, u.last HAVING sum(sign) <> 0) moved
  ON CONFLICT (tenant_id, day) DO UPDATE
  SET buyers = NULL, contacts = NULL, orders = NULL, revenues = NULL, lasts = NULL
  WHERE d.buyers IS NOT NULL
"""

_TAKE_EMPTY: Final = """
DELETE FROM analytics_orderday WHERE tenant_id = %(tenant)s AND buyers IS NULL
  AND day < %(before)s RETURNING day
"""
_PACK: Final = f"""
INSERT INTO analytics_orderday (tenant_id, day, buyers, contacts, orders, revenues, lasts)
SELECT %(tenant)s, day, buyers, contacts, orders, revenues, lasts FROM ({_OF_DAYS}) packed
"""  # noqa: S608 - our own names
_READ: Final = """
SELECT day, buyers, contacts, {} FROM analytics_orderday
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
    found = _copied(_READ.format(", ".join(figures)), given)
    # Of the last day only a part may lie before as_of.
    empty = [day for day, packed in found.items() if packed is None or day == through]
    if empty:
        sql = f"SELECT day, buyers, contacts, {', '.join(figures)} FROM ({_OF_DAYS}) packed"  # noqa: S608 - our own names
        found |= dict.fromkeys(empty) | _copied(sql, given | _bounds(empty, zone, until))
    return [packed for _day, packed in sorted(found.items()) if packed is not None]


def _bounds(days: Sequence[date], zone: ZoneInfo, until: datetime | None = None) -> dict[str, Any]:
    """When these days begin and end; none after `until`."""
    ends = [midnight(day + timedelta(days=1), zone) for day in days]
    return {
        "days": days,
        "starts": [midnight(day, zone) for day in days],
        "ends": [min(end, until) if until else end for end in ends],
    }


# Of a row in Postgres' binary form: how many fields; of a field: how many bytes, −1 for null.
_FIELDS, _LENGTH = Struct(">h"), Struct(">i")
_HEAD: Final = 19
_FIRST_DAY: Final = date(2000, 1, 1)


def _copied(sql: str, given: Mapping[str, Any]) -> dict[date, Day | None]:
    """Rows of a day, buyers and columns, as bytes: as text they take twice as long."""
    told = BytesIO()
    with connection.cursor() as cursor:
        rows = cursor.mogrify(sql, given).decode()
        cursor.copy_expert(f"COPY ({rows}) TO STDOUT (FORMAT binary)", told)
    found: dict[date, Day | None] = {}
    whole, place = told.getbuffer(), _HEAD
    while (fields := _FIELDS.unpack_from(whole, place)[0]) >= 0:
        place += _FIELDS.size
        values: list[memoryview] = []
        for _field in range(fields):
            length = _LENGTH.unpack_from(whole, place)[0]
            place += _LENGTH.size
            values.append(whole[place : place + max(length, 0)])
            place += max(length, 0)
        day = _FIRST_DAY + timedelta(days=_LENGTH.unpack(values[0])[0])
        packed = Day(_LENGTH.unpack(values[1])[0], values[2:]) if values[1] else None
        found[day] = packed
    return found
