"""What do the facts say of user assets? Balances, and cells of days.

Balances and cells know the heads of each row at any midnight: who stands there now, less what came
since. Who changed the level between two midnights is known by cells of two days; of a channel, and
of very long periods, it is read from the pieces at L2 and L3 alone, as far fewer are active than
can be reached.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from analytics import buying, hindsight
from analytics.assets import balances
from analytics.assets.readings import CHANGE_DAYS, CHANGES, LINES
from analytics.models.facts import EVERY_CHANNEL
from analytics.periods import Question, midnight
from analytics.prediction.known import Worths
from tenants.scope import current_tenant_id

_TEAM = "JOIN tenants_staff t ON t.tenant_id = %(tenant)s AND t.id = c.staff_id"
_KEYS = {
    "ownership": ("'L' || c.level", "c.staff_id = 0", ""),
    "channel": ("NULLIF(c.channel_id, 0)", "c.staff_id = 0", ""),
    "staff": ("c.staff_id", "c.staff_id <> 0", ""),
    "team": ("t.team_id", "c.staff_id <> 0", _TEAM),
}
# At the beginning stood who stands there now, less what came since.
_CELLS = """
SELECT KEY, sum(opening), COALESCE(sum(acquired) FILTER (WHERE day < %(to)s), 0),
  COALESCE(sum(returned) FILTER (WHERE day < %(to)s), 0),
  COALESCE(sum(moved_in) FILTER (WHERE day < %(to)s), 0),
  COALESCE(sum(lost_by_customer) FILTER (WHERE day < %(to)s), 0),
  COALESCE(sum(lost_by_staff) FILTER (WHERE day < %(to)s), 0),
  COALESCE(sum(moved_out) FILTER (WHERE day < %(to)s), 0)
FROM (
  SELECT staff_id, level, channel_id, day, acquired, returned, moved_in, lost_by_customer,
    lost_by_staff, moved_out,
    lost_by_customer + lost_by_staff + moved_out - acquired - returned - moved_in AS opening
  FROM analytics_assetcell c WHERE tenant_id = %(tenant)s AND day >= %(from)s AND CELLS
  UNION ALL
  SELECT staff_id, 1::smallint, channel_id, NULL, 0, 0, 0, 0, 0, 0, heads
  FROM analytics_assetbalance c WHERE tenant_id = %(tenant)s CHANNEL
) c JOINED
WHERE KIND
GROUP BY 1
"""
# Those in a later piece than the one in which they entered: readings.changes.
_CHANGES = f"""
SELECT {", ".join(f"COALESCE(sum({name}), 0)::bigint" for name in CHANGES)}
FROM analytics_assetchange
WHERE tenant_id = %(tenant)s AND since_day >= %(from)s AND since_day < %(to)s
  AND until_day < %(to)s
"""  # noqa: S608 - our own names
# At which level did they leave the book, standing at the end or lost before, and at which one had
# they entered it? A piece in which one did both tells it alone; another one is joined with that of
# its contact which was entered and did not last, by when the contact became reachable. So each
# piece is looked at once.
_ENTERED = "(since < %(start)s OR came <> %(moved_in)s)"
_ACTIVE = "FROM analytics_assetpiece WHERE tenant_id = %(tenant)s AND level >= 2"
_CHANGED = f"""
SELECT 'L' || entered, 'L' || gone, count(*)
FROM (
  SELECT CASE WHEN g.entered THEN g.level ELSE e.level END AS entered, g.level AS gone
  FROM (
    SELECT contact_id, began, level, {_ENTERED} AS entered {_ACTIVE}
      AND until >= %(end)s AND since < %(end)s CHANNEL
    UNION ALL
    SELECT contact_id, began, level, {_ENTERED} {_ACTIVE} AND staff_id = 0 AND went IN (4, 5)
      AND until >= %(start)s AND until < %(end)s CHANNEL
  ) g LEFT JOIN (
    SELECT contact_id, began, level {_ACTIVE} AND went = %(moved_out)s AND {_ENTERED}
      AND until >= %(start)s AND until < %(end)s CHANNEL
  ) e ON e.contact_id = g.contact_id AND e.began = g.began AND NOT g.entered
) book
WHERE entered IS NOT NULL
GROUP BY entered, gone
"""  # noqa: S608 - our own names
_WORTH = """
SELECT KEY, sum(w.worth)
FROM WORTHS w JOIN analytics_assetpiece c ON c.contact_id = w.contact_id JOINED
WHERE c.tenant_id = %(tenant)s AND KIND AND c.since < %(end)s
  AND (c.until IS NULL OR c.until >= %(end)s) CHANNEL
GROUP BY 1
"""
# By what is foretold: of all who stand there now, but for those who came or went since the end.
_BALANCE = f"""
WITH moved AS MATERIALIZED (
  SELECT contact_id FROM contacts_reachspell
  WHERE tenant_id = %(tenant)s AND opened_at >= %(end)s
  UNION SELECT contact_id FROM contacts_reachspell
  WHERE tenant_id = %(tenant)s AND ended_at >= %(end)s
)
SELECT KEY, sum(worth)
FROM (
  SELECT staff_id, channel_id, worth FROM analytics_assetbalance WHERE tenant_id = %(tenant)s
  UNION ALL
  SELECT p.staff_id, p.channel_id, {balances.WORTH}
    * ((p.since < %(end)s AND (p.until IS NULL OR p.until >= %(end)s))::int
      - (p.until IS NULL)::int)
  FROM moved JOIN analytics_assetpiece p USING (contact_id)
  JOIN analytics_forecast w USING (tenant_id, contact_id)
  WHERE p.tenant_id = %(tenant)s
) c JOINED
WHERE KIND CHANNEL
GROUP BY 1
"""  # noqa: S608 - our own names
_ACTIVE_WORTH = """
SELECT KEY, sum(w.margin)
FROM analytics_assetpiece c
JOIN analytics_forecast w ON w.tenant_id = c.tenant_id AND w.contact_id = c.contact_id
WHERE c.tenant_id = %(tenant)s AND c.level >= 2 AND c.until >= %(end)s
  AND c.since < %(end)s CHANNEL
GROUP BY 1
"""
_PEOPLE = """
SELECT grouping(KEY), KEY, count(DISTINCT contact_id) FROM analytics_assetpiece c
WHERE c.tenant_id = %(tenant)s AND KIND AND LINE AND MOMENT >= %(start)s
  AND MOMENT < %(end)s CHANNEL
GROUP BY GROUPING SETS ((KEY), ())
"""


def know(question: Question) -> bool:
    """Inside a scope: do the facts answer this? Not for some owners, nor when as_of hides some."""
    return not question.by_person and not hindsight.needed(question)


def read(question: Question, group: str) -> list[tuple[Any, ...]]:
    """By key: opening, then the changes, in the order of the statement."""
    if question.channel_id is not None:
        which = "c.channel_id = %(channel)s"
    elif group == "channel":
        which = "c.channel_id <> %(every)s"
    else:
        which = "c.channel_id = %(every)s"
    return _all(_filled(_CELLS.replace("CELLS", which), question, group), question)


def changed(question: Question, stayed: Mapping[str, int]) -> Mapping[tuple[str, str], int]:
    """How many entered the period's book at one level and left it at another, of L2 and L3.

    `stayed`: by level, those that entered less whatever moved out in the period.
    """
    span = question.span
    if question.channel_id is None and (span.end - span.start).days <= CHANGE_DAYS:
        ways = [(f"L{name[-2]}", f"L{name[-1]}") for name in CHANGES]
        (heads,) = buying.rows(_CHANGES, _given(question))
        return {
            way: found + (stayed[way[0]] if way[0] == way[1] else 0)
            for way, found in zip(ways, heads, strict=True)
        }
    sql = _CHANGED.replace("CHANNEL", _channel(question, ""))
    rows = buying.of_many(sql, _given(question))
    return {(before, after): heads for before, after, heads in rows}


def people(question: Question, group: str, line: str) -> list[tuple[bool, Any, int]]:
    """How many contacts returned, or were lost, each once: (in all rows?, key of a row, number)."""
    turn, moment = ("c.went", "c.until") if line.startswith("lost") else ("c.came", "c.since")
    sql = _PEOPLE.replace("LINE", f"{turn} = {LINES.index(line) + 1}").replace("MOMENT", moment)
    rows = _all(_filled(sql, question, group), question)
    return [(bool(whole), key, number) for whole, key, number in rows]


def worth(question: Question, group: str, worths: Worths) -> Mapping[str | int | None, Fraction]:
    """By key: what those at closing are worth, fen."""
    if worths.told is not None:
        sql = _filled(_WORTH, question, group).replace("WORTHS", worths.table)
        return _sums(sql, question, **worths.parameters)
    if group != "ownership":
        return _sums(_filled(_BALANCE, question, group), question)
    active = _sums(_filled(_ACTIVE_WORTH, question, group), question)
    everybody = _sums(_filled(_BALANCE, question, "channel"), question)
    return {**active, "L1": sum(everybody.values(), Fraction()) - sum(active.values())}


def _sums(sql: str, question: Question, **more: object) -> dict[str | int | None, Fraction]:
    return {key: Fraction(worth) for key, worth in _all(sql, question, **more)}


def _filled(sql: str, question: Question, group: str) -> str:
    key, kind, joined = _KEYS[group]
    channel = _channel(question, "c.")
    parts = {"KEY": key, "KIND": kind, "JOINED": joined, "CHANNEL": channel}
    for name, part in parts.items():
        sql = sql.replace(name, part)
    return sql


def _channel(question: Question, table: str) -> str:
    return "" if question.channel_id is None else f"AND {table}channel_id = %(channel)s"


def _all(sql: str, question: Question, **more: object) -> list[tuple[Any, ...]]:
    return buying.rows(sql, _given(question) | more)


def _given(question: Question) -> dict[str, Any]:
    span = question.span
    return {
        "tenant": current_tenant_id(),
        "from": span.start,
        "to": span.end,
        "start": midnight(span.start, span.zone),
        "end": midnight(span.end, span.zone),
        "channel": question.channel_id,
        "every": EVERY_CHANNEL,
        "moved_in": LINES.index("moved_in") + 1,
        "moved_out": LINES.index("moved_out") + 1,
    }
