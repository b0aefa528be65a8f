"""On which days was a contact touched, did it speak, buy, scan, and when the time before?

A deed counts once a contact and day, with the day of the one before: of a period of whole days, the
first one of each contact is the one whose day before lies outside. What comes of a scan (added,
served, bought) hangs on the first one of its day alone, so it is a property of that day (R32).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from enum import IntEnum
from typing import Any, Final

from contacts.kinds import (
    INBOUND,
    LIVECODE_SCANNED,
    MESSAGE_RECEIVED,
    MESSAGE_SENT,
    TOUCH_DELIVERED,
)

# Days that are not: nothing before, nothing after.
NEVER: Final = (date.min, date.max)
TO_ADD, TO_SERVE, TO_BUY = 7, 7, 30  # days, FIGURES R32


class Deed(IntEnum):
    """What the column `kind` says."""

    TOUCHED = 1
    SPOKE = 2
    BOUGHT = 3  # after a touch
    SCANNED = 4
    ADDED = 5
    SERVED = 6
    MONETISED = 7
    # Of those who wear a tag: when they became reachable, until when they were, and who of them was
    # reachable up to the day `before`.
    TAGGED = 8
    UNTIL = 9
    AGAIN = 10
    # A customer's first referred contact became reachable, or that referrer first bought.
    REFERRED = 11


SCANS: Final = (Deed.SCANNED, Deed.ADDED, Deed.SERVED, Deed.MONETISED)


def parameters() -> dict[str, Any]:
    """What READING and CELLS are asked with, besides tenant, zone and every."""
    return {
        "touched": TOUCH_DELIVERED,
        "acts": [TOUCH_DELIVERED, *sorted(INBOUND)],
        "scanned": LIVECODE_SCANNED,
        "talk": [MESSAGE_RECEIVED, MESSAGE_SENT],
        "to_add": TO_ADD * 86_400,
        "to_serve": TO_SERVE * 86_400,
        "to_buy": TO_BUY * 86_400,
        "first_day": NEVER[0],
        "last_day": NEVER[1],
        "of_scans": [int(deed) for deed in SCANS],
    }


# The arrays of DeedFact, and what they hold.
_COLUMNS: Final = {"kinds": "kind", "days": "day", "befores": "before"}
_UNUSUAL: Final = {"seens": "seen", "nexts": "next", "times": "times", "fens": "fen"}
COLUMNS: Final = ", ".join(("channel_id", "referrer_id", *_COLUMNS, *_UNUSUAL))


def entries(fact: str) -> str:
    """The deeds of a DeedFact as rows (kind, day, before, seen, next, times, fen)."""
    arrays = ", ".join(f"{fact}.{many}" for many in (*_COLUMNS, *_UNUSUAL))
    return f"""LATERAL (
    SELECT kind, day, before, COALESCE(seen, day) AS seen, COALESCE(next, %(last_day)s) AS next,
      COALESCE(times, 1) AS times, COALESCE(fen, 0) AS fen
    FROM unnest({arrays}) AS u(kind, day, before, seen, next, times, fen)) u"""  # noqa: S608 - our own names


# `{these column}` is where a reading is narrowed to the contacts that changed.
_READING: Final = """
WITH TOLD reach AS MATERIALIZED (
  SELECT s.contact_id, (s.opened_at AT TIME ZONE %(zone)s)::date AS first,
    COALESCE(((s.ended_at - interval '1 microsecond') AT TIME ZONE %(zone)s)::date,
      %(last_day)s) AS last
  FROM contacts_reachspell s WHERE s.tenant_id = %(tenant)s{these s.contact_id}
), acted AS (
  SELECT contact_id, kind, day, lag(day) OVER (PARTITION BY contact_id, kind ORDER BY day) AS before
  FROM (
    SELECT DISTINCT e.contact_id, (e.at AT TIME ZONE %(zone)s)::date AS day,
      CASE e.kind WHEN %(touched)s THEN DEED_TOUCHED ELSE DEED_SPOKE END AS kind
    FROM EVENTS e
    WHERE e.tenant_id = %(tenant)s AND e.kind = ANY(%(acts)s::text[]){these e.contact_id}
    LAST_ACTS) acts
)BY_ORDERS, reached AS (
  SELECT d.*, max(least(r.last, d.day)) FILTER (WHERE r.first <= d.day) AS seen,
    min(r.first) FILTER (WHERE r.first > d.day) AS next
  FROM (SELECT *, 1 AS times, 0::bigint AS fen FROM acted FRESH PLUS_BOUGHT) d
  JOIN reach r ON r.contact_id = d.contact_id
  GROUP BY d.contact_id, d.kind, d.day, d.before, d.times, d.fen
)OTHERS
SELECT c.id AS contact_id, COALESCE(c.channel_id, 0) AS channel_id, c.referrer_id, EMPTY
FROM PEOPLE c LEFT JOIN (
  SELECT contact_id, ARRAYS
  FROM (
    SELECT contact_id, kind::smallint, day, COALESCE(before, %(first_day)s) AS before,
      COALESCE(seen, %(first_day)s) AS seen,
      CASE WHEN seen = day THEN %(last_day)s ELSE COALESCE(next, %(last_day)s) END AS next,
      times, fen
    FROM reached
    UNION ALL SELECT * FROM other) deed
  GROUP BY contact_id
) d ON d.contact_id = c.id
WHERE c.tenant_id = %(tenant)s{these c.id}
  AND (d.contact_id IS NOT NULL OR c.referrer_id IS NOT NULL AND c.acquired_at IS NOT NULL)
"""

# Orders by the last touch before them, at any time.
_ORDERS: Final = """, bought AS (
  SELECT contact_id, DEED_BOUGHT AS kind, (at AT TIME ZONE %(zone)s)::date AS day,
    (touched_at AT TIME ZONE %(zone)s)::date AS before, count(*)::int AS times,
    sum(fen)::bigint AS fen
  FROM (
    SELECT *, max(at) FILTER (WHERE NOT paid) OVER (
      PARTITION BY contact_id ORDER BY at, paid ROWS UNBOUNDED PRECEDING) AS touched_at
    FROM (
      SELECT e.contact_id, e.at, false AS paid, 0 AS fen FROM EVENTS e
      WHERE e.tenant_id = %(tenant)s AND e.kind = %(touched)s{these e.contact_id}
      UNION ALL
      SELECT o.contact_id, o.paid_at, true, o.amount_fen - o.refund_fen FROM contacts_order o
      WHERE o.tenant_id = %(tenant)s AND o.paid{these o.contact_id} O_SINCE
      LAST_TOUCH) mixed) told
  WHERE paid AND touched_at IS NOT NULL GROUP BY 1, 2, 3, 4
)"""
# What came of scans, who wears a tag, who referred.
_OTHERS: Final = """, scanned AS (
  SELECT *, lag(day) OVER (PARTITION BY contact_id ORDER BY day) AS before
  FROM (
    SELECT e.contact_id, (e.at AT TIME ZONE %(zone)s)::date AS day, min(e.at) AS at
    FROM contacts_event e
    WHERE e.tenant_id = %(tenant)s AND e.kind = %(scanned)s{these e.contact_id} GROUP BY 1, 2) first
), added AS MATERIALIZED (
  SELECT s.*, (
    SELECT min(f.opened_at) FROM contacts_reachspell f
    WHERE f.tenant_id = %(tenant)s AND f.contact_id = s.contact_id AND f.staff_id IS NOT NULL
      AND f.opened_at BETWEEN s.at AND s.at + make_interval(secs => %(to_add)s)) AS added_at
  FROM scanned s
), served AS MATERIALIZED (
  SELECT a.*, a.added_at IS NOT NULL AND (
    SELECT count(DISTINCT m.kind) = 2 FROM contacts_event m
    WHERE m.tenant_id = %(tenant)s AND m.contact_id = a.contact_id
      AND m.kind = ANY(%(talk)s::text[])
      AND m.at BETWEEN a.added_at AND a.added_at + make_interval(secs => %(to_serve)s)) AS served
  FROM added a
), monetised AS (
  SELECT s.*, s.served AND EXISTS (
    SELECT FROM contacts_order o
    WHERE o.tenant_id = %(tenant)s AND o.contact_id = s.contact_id AND o.paid
      AND o.paid_at BETWEEN s.added_at AND s.added_at + make_interval(secs => %(to_buy)s)
    ) AS monetised
  FROM served s
), island AS (
  SELECT contact_id, nth, min(first) AS first, max(last) AS last
  FROM (
    SELECT *, count(*) FILTER (WHERE first > until OR until IS NULL) OVER (
      PARTITION BY contact_id ORDER BY first, last ROWS UNBOUNDED PRECEDING) AS nth
    FROM (
      SELECT *, max(last) OVER (PARTITION BY contact_id ORDER BY first, last
        ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS until
      FROM reach r WHERE r.contact_id IN (
        SELECT t.contact_id FROM contacts_contacttag t
        WHERE t.tenant_id = %(tenant)s{these t.contact_id})) covered) numbered
  GROUP BY contact_id, nth
), referred AS (
  SELECT b.contact_id, (greatest(b.at, p.at) AT TIME ZONE %(zone)s)::date AS day
  FROM (
    SELECT r.referrer_id AS contact_id, min(r.acquired_at) AS at FROM contacts_contact r
    WHERE r.tenant_id = %(tenant)s AND r.acquired_at IS NOT NULL
      AND r.referrer_id IS NOT NULL{these r.referrer_id} GROUP BY 1) b
  JOIN (
    SELECT o.contact_id, min(o.paid_at) AS at FROM contacts_order o
    WHERE o.tenant_id = %(tenant)s AND o.paid{these o.contact_id} GROUP BY 1) p
    ON p.contact_id = b.contact_id
), other AS (
  SELECT contact_id, kind::smallint, day, COALESCE(before, %(first_day)s), day, %(last_day)s::date,
    1, 0::bigint
  FROM (
    SELECT m.contact_id, k.kind, m.day, m.before
    FROM monetised m CROSS JOIN LATERAL (VALUES (DEED_SCANNED, true),
      (DEED_ADDED, m.added_at IS NOT NULL), (DEED_SERVED, m.served), (DEED_MONETISED, m.monetised)
      ) AS k(kind, done)
    WHERE k.done
    UNION ALL
    SELECT i.contact_id, k.kind, k.day, k.before
    FROM (SELECT *, lag(last) OVER (PARTITION BY contact_id ORDER BY nth) AS until FROM island) i
    CROSS JOIN LATERAL (VALUES (DEED_TAGGED, i.first, NULL), (DEED_UNTIL, i.last, NULL),
      (DEED_AGAIN, i.first, i.until)) AS k(kind, day, before)
    WHERE k.day < %(last_day)s AND (k.kind <> DEED_AGAIN OR k.before IS NOT NULL)
    UNION ALL
    SELECT contact_id, DEED_REFERRED, day, NULL FROM referred) plain
)"""

# Of all time, and of the days from `tail` on: what lies before stays as it was, in what upkeep.py
# calls `old`, and so does what acts and orders do not change.
_ALL: Final = {
    "TOLD": "", "BY_ORDERS": _ORDERS, "PLUS_BOUGHT": "UNION ALL TABLE bought", "O_SINCE": "",
    "EVENTS": "contacts_event", "LAST_ACTS": "", "LAST_TOUCH": "", "FRESH": "",
    "OTHERS": _OTHERS, "PEOPLE": "contacts_contact",
}  # fmt: skip
_TAIL: Final = {
    **_ALL,
    "TOLD": """past AS MATERIALIZED (
  SELECT o.contact_id, u.* FROM old o CROSS JOIN ENTRIES
  WHERE u.kind NOT IN (DEED_TOUCHED, DEED_SPOKE, DEED_BOUGHT) OR u.day < %(tail_day)s
), told AS MATERIALIZED (
  SELECT tenant_id, contact_id, kind, at FROM contacts_event
  WHERE tenant_id = %(tenant)s AND kind = ANY(%(acts)s::text[]) AND at >= %(tail)s
    {these contact_id}
), person AS (
  SELECT %(tenant)s AS tenant_id, contact_id AS id, channel_id, referrer_id,
    '-infinity'::timestamptz AS acquired_at FROM old
  UNION ALL
  SELECT tenant_id, id, channel_id, referrer_id, acquired_at FROM contacts_contact
  WHERE tenant_id = %(tenant)s AND id = ANY(ARRAY(
    SELECT id FROM these EXCEPT SELECT contact_id FROM old))
),""",
    "EVENTS": "told",
    "O_SINCE": "AND o.paid_at >= %(tail)s",
    "LAST_ACTS": """UNION ALL
    SELECT contact_id, max(day), kind FROM past
    WHERE kind IN (DEED_TOUCHED, DEED_SPOKE) GROUP BY contact_id, kind""",
    "LAST_TOUCH": """UNION ALL
      SELECT contact_id, max(day)::timestamp AT TIME ZONE %(zone)s, false, 0 FROM past
      WHERE kind = DEED_TOUCHED GROUP BY contact_id""",
    "FRESH": "WHERE day >= %(tail_day)s",
    "OTHERS": ", other AS (TABLE past)",
    "PEOPLE": "person",
}
# The same, where contacts did nothing but speak.
_SPOKEN: Final = {
    **_TAIL,
    "BY_ORDERS": "", "PLUS_BOUGHT": "", "LAST_TOUCH": "", "O_SINCE": "",
    "TOLD": _TAIL["TOLD"].replace("%(acts)s", "%(inbound)s")
    .replace("NOT IN (DEED_TOUCHED, DEED_SPOKE, DEED_BOUGHT)", "<> DEED_SPOKE"),
    "LAST_ACTS": _TAIL["LAST_ACTS"].replace("IN (DEED_TOUCHED, DEED_SPOKE)", "= DEED_SPOKE"),
}  # fmt: skip


_PLAIN: Final = "seen = day AND next = %(last_day)s AND times = 1 AND fen = 0"


def _written(of_time: Mapping[str, str]) -> str:
    """With the numbers of the deeds, and one array of each column, all in one order: what is not
    plain comes first, so that the last four arrays end where the rest is.
    """
    order = f"({_PLAIN}), kind, day, before, seen, next, times, fen"
    aggregates = {many: f"array_agg({one} ORDER BY {order})" for many, one in _COLUMNS.items()} | {
        many: f"array_agg({one} ORDER BY {order}) FILTER (WHERE NOT ({_PLAIN}))"
        for many, one in _UNUSUAL.items()
    }
    parts = {
        **of_time,
        "ENTRIES": entries("o"),
        "ARRAYS": ", ".join(f"{sql} AS {many}" for many, sql in aggregates.items()),
        "EMPTY": ", ".join(f"COALESCE(d.{many}, '{{}}') AS {many}" for many in aggregates),
        **{f"DEED_{deed.name}": str(int(deed)) for deed in Deed},
    }
    sql = _READING
    for name, part in parts.items():
        sql = sql.replace(name, part)
    return sql


READING, TAIL, SPOKEN_TAIL = _written(_ALL), _written(_TAIL), _written(_SPOKEN)


def cells(facts: str, times: str = "1", since: str = "") -> str:
    """What these DeedFacts add to the cells; each counts `times` times; of the days `since` one."""
    return f"""
SELECT u.kind, k.channel_id, u.day, u.before, u.seen, u.next,
  sum({times} * u.times)::bigint AS times, sum({times} * u.fen)::bigint AS fen
FROM {facts}
CROSS JOIN {entries("f")}
CROSS JOIN LATERAL (VALUES (%(every)s),
  (CASE WHEN u.kind = ANY(%(of_scans)s::int[]) THEN f.channel_id END)) AS k(channel_id)
WHERE k.channel_id IS NOT NULL{since}
GROUP BY 1, 2, 3, 4, 5, 6 ORDER BY 1, 2, 3"""  # noqa: S608 - our own names
