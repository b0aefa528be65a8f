"""At which points was a customer met before each order? A fact of a customer says it all.

A CustomerFact knows every order by day and moment and every point: the first reachable moment with
its channel, and the additions by live codes. So what it adds to the cells is read from it alone,
and upkeep takes back what the old fact had added without a look at any other row.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

# Groups of analytics/attribution.py by their numbers in CreditCell.
KINDS: Final[Mapping[str, int]] = {"channel": 1, "live_code": 2}
WINDOWS: Final = (7, 30, 90)  # days of 86,400 s, both ends in (FIGURES R2)

# Of CustomerFact; null for most customers.
ADDS: Final = ("add_us", "add_codes", "add_channels")
EARLIER: Final = ("early_days", "early_us", "early_revenues", "early_margins")
COLUMNS: Final = ", ".join((*ADDS, *EARLIER))
# What `cells` reads of a fact, besides contact_id and these.
_OF_FACTS: Final = (
    "contact_id, channel_id, reach_us, days, day_orders, day_revenues, day_margins, day_lasts"
)
FACTS: Final = f"{_OF_FACTS}, {COLUMNS}"
CELL: Final = "kind, window_days, day, key, points, first, last"
LINES: Final = ("orders", "revenue", "margin")


def parameters() -> dict[str, Any]:
    """What `cells` are asked with, besides `day`, the microseconds of one."""
    return {"credited": max(WINDOWS)}


# `{these column}` is where a reading is narrowed to the contacts that changed.
_ADDED: Final = """
SELECT contact_id, array_agg(at ORDER BY at, code) AS add_us,
  array_agg(code ORDER BY at, code) AS add_codes,
  array_agg(channel ORDER BY at, code) AS add_channels
FROM (
  SELECT DISTINCT a.contact_id, (extract(epoch FROM a.opened_at) * 1000000)::bigint AS at,
    a.live_code_id AS code, COALESCE(l.channel_id, 0) AS channel
  FROM contacts_livecodeadd a
  JOIN contacts_livecode l ON l.tenant_id = %(tenant)s AND l.id = a.live_code_id
  WHERE a.tenant_id = %(tenant)s AND a.contact_id IS NOT NULL{these a.contact_id}
) each GROUP BY contact_id"""
# Of `bought` orders, and `daily`, their sums by day with the `last` moment.
_EARLIER: Final = """
SELECT b.contact_id, array_agg(b.day ORDER BY b.at, b.revenue, b.margin) AS early_days,
  array_agg(b.at ORDER BY b.at, b.revenue, b.margin) AS early_us,
  array_agg(b.revenue ORDER BY b.at, b.revenue, b.margin) AS early_revenues,
  array_agg(b.margin ORDER BY b.at, b.revenue, b.margin) AS early_margins
FROM bought b JOIN daily d ON d.contact_id = b.contact_id AND d.day = b.day
WHERE d.orders > 1 AND b.at < d.last GROUP BY b.contact_id"""
JOINED: Final = f"""
LEFT JOIN ({_ADDED}) adds ON adds.contact_id = a.contact_id
LEFT JOIN ({_EARLIER}) early ON early.contact_id = a.contact_id"""

# Orders by moment: all of a day at its last one, but those of earlier moments.
_ORDERS: Final = """
SELECT u.* FROM unnest(f.days, f.day_lasts, f.day_orders, f.day_revenues, f.day_margins)
  AS u(day, at, orders, revenue, margin)
UNION ALL
SELECT e.day, v.at, v.n, v.n * e.revenue, v.n * e.margin
FROM unnest(f.early_days, f.early_us, f.early_revenues, f.early_margins)
  AS e(day, at, revenue, margin), LATERAL (VALUES
  (e.at, 1), (f.day_lasts[array_position(f.days, e.day)], -1)) AS v(at, n)
WHERE f.early_us IS NOT NULL"""
_WITHIN: Final = "{} BETWEEN 0 AND %(credited)s * %(day)s"
# After this moment no point of the fact is met any more; null: it has none.
UNTIL: Final = """greatest(CASE WHEN {0}.channel_id <> 0 THEN {0}.reach_us END,
  {0}.add_us[cardinality({0}.add_us)]) + %(credited)s * %(day)s"""
_MET: Final = f"""(f.channel_id <> 0 AND {_WITHIN.format("o.at - f.reach_us")}
  OR f.add_us IS NOT NULL AND EXISTS (
    SELECT FROM unnest(f.add_us) AS a(at) WHERE {_WITHIN.format("o.at - a.at")}))"""
_POINTS: Final = f"""
SELECT {KINDS["channel"]} AS kind, p.channel_id AS key, p.reach_us AS at
UNION ALL
SELECT k.kind, k.key, a.at FROM unnest(p.add_us, p.add_codes, p.add_channels)
  AS a(at, code, channel), LATERAL (VALUES
  ({KINDS["channel"]}, a.channel), ({KINDS["live_code"]}, a.code)) AS k(kind, key)"""  # noqa: S608 - our own names
_COUNTS: Final = ", ".join(
    f"count(*) FILTER (WHERE lag <= {days} * %(day)s) OVER (PARTITION BY n, kind) AS within_{days}"
    for days in WINDOWS
)


def cells(facts: str, times: str = "1") -> str:
    """What these CustomerFacts (FACTS) add to the cells; each counts `times` times.

    Orders that did not change cancel out before points are looked at. Of the points of an order a
    window holds the latest ones: the first of so many is that many places from the end.
    """
    sums = ", ".join(f"sum({times} * o.{line})::bigint AS {line}" for line in LINES)
    windows = ", ".join(f"({days}, within_{days})" for days in WINDOWS)
    return f"""
SELECT kind::smallint AS kind, w.days::smallint AS window_days, day, key, w.points::int AS points,
  place = w.points AS first, place = 1 AS last,
  {", ".join(f"sum({line})::bigint AS {line}" for line in LINES)}
FROM (
  SELECT *, {_COUNTS},
    row_number() OVER (PARTITION BY n, kind ORDER BY lag, key::text DESC) AS place
  FROM (
    SELECT DISTINCT p.n, p.day, {", ".join(f"p.{line}" for line in LINES)}, point.kind, point.key,
      p.at - point.at AS lag
    FROM (
      SELECT *, row_number() OVER () AS n FROM (
        SELECT f.contact_id, f.channel_id, f.reach_us, f.add_us, f.add_codes, f.add_channels,
          o.day, o.at, {sums}
        FROM {facts} CROSS JOIN LATERAL ({_ORDERS}) AS o(day, at, orders, revenue, margin)
        WHERE {_MET}
        GROUP BY 1, 2, 3, 4, 5, 6, 7, 8) moments
      WHERE ({", ".join(LINES)}) <> (0, 0, 0)
    ) p CROSS JOIN LATERAL ({_POINTS}) point
    WHERE point.key <> 0 AND {_WITHIN.format("p.at - point.at")}
  ) met
) placed CROSS JOIN LATERAL (VALUES {windows}) AS w(days, points)
WHERE lag <= w.days * %(day)s
GROUP BY 1, 2, 3, 4, 5, 6, 7 ORDER BY 1, 2, 3, 4, 5, 6, 7"""  # noqa: S608 - our own names
