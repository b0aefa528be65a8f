"""When could contacts be reached, by what, at which level? The pieces that assets are made of.

A piece is a stretch of time without a change: of a contact (staff_id 0), cut where its ownership
level changes; or of a Follow (level 0). `since` and `until` are the moments after which something
else holds, so the level of a piece is the level at `until`, as FIGURES R14 looks at it: of what
lies before. A piece of no length is a contact that comes at one level and changes at that very
moment. `came` and `went` say by which of LINES, from 1 on.
"""

from __future__ import annotations

from collections.abc import Mapping

# Routes that touch or overlap are one stretch. SPELLS have contact_id, unit, channel_id,
# opened_at, opened_by, ended_at, ended_by; AMONG may leave out stretches that matter not.
STRETCHES = """
WITH spell AS (SPELLS), covered AS (
  SELECT *, max(COALESCE(ended_at, 'infinity')) OVER (
    PARTITION BY contact_id, unit ORDER BY opened_at
    ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS until_now
  FROM spell
), numbered AS (
  SELECT *, count(*) FILTER (WHERE until_now IS NULL OR opened_at > until_now) OVER (
    PARTITION BY contact_id, unit ORDER BY opened_at
    ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS nth
  FROM covered
), lasting AS (
  SELECT *, NULLIF(max(COALESCE(ended_at, 'infinity')) OVER (
    PARTITION BY contact_id, unit, nth), 'infinity') AS until
  FROM numbered
), stretch AS (
  SELECT contact_id, unit, channel_id, nth, min(opened_at) AS since, until,
    (array_agg(opened_by ORDER BY opened_at))[1] AS opened_by,
    CASE WHEN bool_or(ended_by = 'customer'
        AND date_trunc('second', ended_at) = date_trunc('second', until)) THEN 'customer'
      ELSE (array_agg(ended_by ORDER BY ended_at DESC NULLS LAST, ended_by))[1] END AS ended_by
  FROM lasting AMONG
  GROUP BY contact_id, unit, channel_id, nth, until
)
"""

# By which line does a stretch enter the statement, and by which one does it leave? A hand-over is a
# line of its own for a Follow only.
HANDED_IN = "WHEN s.opened_by = 'transfer' THEN 'moved_in'"
HANDED_OUT = "WHEN s.ended_by = 'transfer' THEN 'moved_out'"
CAME = "CASE HANDED_IN WHEN s.nth = 1 THEN 'acquired' ELSE 'returned' END"
WENT = (
    "CASE WHEN s.ended_by = 'customer' THEN 'lost_by_customer' HANDED_OUT ELSE 'lost_by_staff' END"
)


def lines(*, follow: bool) -> tuple[str, str]:
    """Both, of Follows or of contacts."""
    return (
        CAME.replace("HANDED_IN", HANDED_IN if follow else ""),
        WENT.replace("HANDED_OUT", HANDED_OUT if follow else ""),
    )


_SPELLS = """
  SELECT s.contact_id, u.unit, COALESCE(c.channel_id, 0) AS channel_id, s.opened_at, s.opened_by,
    s.ended_at, s.ended_by
  FROM contacts_reachspell s
  JOIN contacts_contact c ON c.tenant_id = %(tenant)s AND c.id = s.contact_id{these c.id}
  CROSS JOIN LATERAL (VALUES UNITS) AS u(unit)
  WHERE s.tenant_id = %(tenant)s AND u.unit IS NOT NULL{these s.contact_id}
"""

# Signs of life, and orders, run together into islands of time (a, b] in which they count.
_ISLANDS = """NAME AS (
  SELECT contact_id, min(at) AS a, max(at) + make_interval(secs => %(NAME_secs)s) AS b
  FROM (
    SELECT *, count(*) FILTER (WHERE alone) OVER (
      PARTITION BY contact_id ORDER BY at ROWS UNBOUNDED PRECEDING) AS island
    FROM (
      SELECT contact_id, at, COALESCE(at > lag(at) OVER (PARTITION BY contact_id ORDER BY at)
        + make_interval(secs => %(NAME_secs)s), true) AS alone
      FROM (ROWS_) happened) told) counted
  GROUP BY contact_id, island
)"""
_ACTIVE = """
SELECT e.contact_id, e.at FROM contacts_event e
WHERE e.tenant_id = %(tenant)s AND e.kind = ANY(%(inbound)s::text[]){these e.contact_id} SPEAKING"""
_BOUGHT = """
SELECT o.contact_id, o.paid_at AS at FROM contacts_order o
WHERE o.tenant_id = %(tenant)s AND o.paid{these o.contact_id} PAYING"""

_LEVELS = """
, ACTIVE, BOUGHT, bound AS (
  SELECT contact_id, a AS at FROM active UNION SELECT contact_id, b FROM active
  UNION SELECT contact_id, a FROM bought UNION SELECT contact_id, b FROM bought
), point AS (
  SELECT s.contact_id, s.nth, p.at FROM stretch s JOIN bound p ON p.contact_id = s.contact_id
    AND p.at >= s.since AND p.at < COALESCE(s.until, 'infinity') POINTS
  WHERE s.unit = 0
  UNION ALL SELECT contact_id, nth, COALESCE(until, 'infinity') FROM stretch WHERE unit = 0
), levelled AS (
  SELECT p.contact_id, p.nth, p.at,
    CASE WHEN active.a IS NULL THEN 1 WHEN bought.a IS NULL THEN 2 ELSE 3 END AS level
  FROM point p
  LEFT JOIN active ON active.contact_id = p.contact_id AND active.a < p.at AND p.at <= active.b
  LEFT JOIN bought ON bought.contact_id = p.contact_id AND bought.a < p.at AND p.at <= bought.b
), turning AS (
  SELECT * FROM (
    SELECT *, lead(level) OVER (PARTITION BY contact_id, nth ORDER BY at) AS next FROM levelled) l
  WHERE next IS NULL OR next <> level
), cut AS (
  SELECT t.contact_id, t.nth, t.level, lag(t.at) OVER w AS since, NULLIF(t.at, 'infinity') AS until,
    t.next IS NULL AS last
  FROM turning t WINDOW w AS (PARTITION BY t.contact_id, t.nth ORDER BY t.at)
), piece AS (
  SELECT s.contact_id, s.unit AS staff_id, s.channel_id, 0 AS level, s.since, s.until,
    s.since AS began, CAME_F AS came, CASE WHEN s.until IS NOT NULL THEN WENT_F ELSE '' END AS went
  FROM stretch s WHERE s.unit <> 0
  UNION ALL
  SELECT s.contact_id, 0, s.channel_id, c.level, COALESCE(c.since, BEGUN s.since), c.until, s.since,
    CASE WHEN c.since IS NOT NULL THEN 'moved_in' CAME_BEFORE ELSE CAME_H END,
    CASE WHEN NOT c.last THEN 'moved_out' WHEN c.until IS NOT NULL THEN WENT_H ELSE '' END
  FROM stretch s JOIN cut c ON c.contact_id = s.contact_id AND c.nth = s.nth SPANNING
  WHERE s.unit = 0
)
SELECT contact_id, staff_id, channel_id, level::smallint AS level, since, until, began,
  array_position(%(lines)s::text[], came)::smallint AS came,
  array_position(%(lines)s::text[], went)::smallint AS went,
  (since AT TIME ZONE %(zone)s)::date AS since_day, (until AT TIME ZONE %(zone)s)::date AS until_day
FROM piece
"""


# Of all time, and of the time from `tail` on. What lies before a change stays as it was: so does
# the beginning of the piece that spans the moment, of those that upkeep.py calls `old`.
_ALL = {
    "UNITS": "(0::bigint), (s.staff_id)", "AMONG": "", "SPEAKING": "", "PAYING": "", "POINTS": "",
    "BEGUN": "", "CAME_BEFORE": "", "SPANNING": "",
}  # fmt: skip
_TAIL = {
    "UNITS": "(0::bigint)",
    "AMONG": "WHERE until IS NULL OR until >= %(tail)s",
    "SPEAKING": "AND e.at >= %(tail)s - make_interval(secs => %(active_secs)s)",
    "PAYING": "AND o.paid_at >= %(tail)s - make_interval(secs => %(bought_secs)s)",
    "POINTS": "AND p.at >= %(tail)s",
    "BEGUN": "o.since,",
    "CAME_BEFORE": "WHEN o.came IS NOT NULL THEN (%(lines)s::text[])[o.came]",
    "SPANNING": "LEFT JOIN old o ON o.contact_id = s.contact_id AND o.began = s.since"
    " AND o.since < %(tail)s",
}


def _pieces(of_time: Mapping[str, str]) -> str:
    followed, headed = lines(follow=True), lines(follow=False)
    of = {
        "ACTIVE": _ISLANDS.replace("NAME", "active").replace("ROWS_", _ACTIVE),
        "BOUGHT": _ISLANDS.replace("NAME", "bought").replace("ROWS_", _BOUGHT),
        "CAME_F": followed[0], "WENT_F": followed[1], "CAME_H": headed[0], "WENT_H": headed[1],
    }  # fmt: skip
    sql = STRETCHES.replace("SPELLS", _SPELLS) + _LEVELS
    for name, part in (*of.items(), *of_time.items()):
        sql = sql.replace(name, part)
    return sql


# Of some contacts or of all: `{these column}` is where the reading is narrowed (readings.py).
PIECES, TAILS = _pieces(_ALL), _pieces(_TAIL)

LINES = ("acquired", "returned", "moved_in", "lost_by_customer", "lost_by_staff", "moved_out")
COLUMNS = (
    "contact_id, staff_id, level, channel_id, since, until, began, came, went, since_day, until_day"
)


def cells(pieces: str, times: str = "1") -> str:
    """Counted by day and row, in its channel and in all together; a piece counts `times` times."""
    counted = ", ".join(
        f"COALESCE(sum(n) FILTER (WHERE line = {number}), 0) AS {line}"
        for number, line in enumerate(LINES, start=1)
    )
    return f"""
SELECT staff_id, level, channel_id, day, {counted}
FROM (
  SELECT p.staff_id, p.level, c.channel_id, t.day, t.line, {times} AS n
  FROM (SELECT * FROM {pieces}) p
  CROSS JOIN LATERAL (VALUES (since_day, came), (until_day, went)) AS t(day, line)
  CROSS JOIN LATERAL (VALUES (p.channel_id), (%(every)s)) AS c(channel_id)
  WHERE t.day IS NOT NULL) turn
GROUP BY staff_id, level, channel_id, day"""  # noqa: S608 - our own names


# The longest period whose changes are counted: twelve months.
CHANGE_DAYS = 366
CHANGES = ("heads_22", "heads_23", "heads_32", "heads_33")
_IN, _OUT = LINES.index("moved_in") + 1, LINES.index("moved_out") + 1


def changes(pieces: str, pair: str = "1", alone: str = "1") -> str:
    """Counted by two days, so that the sum over the cells of which both days are in a period tells
    how many entered its book in one of these pieces, at L2 or L3, and left it in a later one.

    A head enters the book in piece i if that ended since the period began, and either began before
    or is its first one; it leaves the book in piece j if that began before the period's end, and
    did not end before by moving on. Multiplied, that is a cell for each border of i with each one
    of j. Who left in the piece in which it entered is counted elsewhere, as all that entered at the
    level less all that moved out of it: the pieces that began and ended by a move within the
    period, taken away there though none entered in them, are added here.
    A pair counts `pair` times, a piece by itself `alone` times.
    """
    counted = ", ".join(
        f"COALESCE(sum(n) FILTER (WHERE way = {name[-2:]}), 0)::int AS {name}" for name in CHANGES
    )
    return f"""
SELECT since_day, until_day, {counted}
FROM (
  SELECT i.level * 10 + j.level AS way, x.day AS since_day, y.day AS until_day,
    {pair} * x.n * y.n AS n
  FROM {pieces} i JOIN {pieces} j ON j.contact_id = i.contact_id AND j.began = i.began
    AND j.since >= i.until AND (j.since, j.level) <> (i.since, i.level) AND {pair} <> 0
    AND j.since_day - i.until_day < {CHANGE_DAYS}
  CROSS JOIN LATERAL (VALUES
    (i.until_day, 1), (CASE WHEN i.came = {_IN} THEN i.since_day END, -1)) AS x(day, n)
  CROSS JOIN LATERAL (VALUES
    (j.since_day, 1), (CASE WHEN j.went = {_OUT} THEN j.until_day END, -1)) AS y(day, n)
  UNION ALL
  SELECT level * 11, since_day, until_day, {alone}
  FROM {pieces} p WHERE came = {_IN} AND went = {_OUT} AND {alone} <> 0) turn
WHERE until_day - since_day < {CHANGE_DAYS}
GROUP BY since_day, until_day"""  # noqa: S608 - our own names
