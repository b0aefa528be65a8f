"""What do cells and facts say of the losses of a period? Sums, where a filter asks for no rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, date, timedelta
from operator import add
from typing import Any

from analytics import buying, hindsight
from analytics.loss_facts.readings import (
    COLUMN_OF,
    DAYS,
    DELETED,
    HANDED,
    KINDS,
    LOST,
    SOURCES,
    Group,
)
from analytics.periods import Question
from tenants.scope import current_tenant_id

# Of Follows opened before the day of `until` all were observed for N days, of later ones none.
_WHOLE_DAYS = """
SELECT key, sum(opened), {sums} FROM analytics_losscell
WHERE tenant_id = %(tenant)s AND kind = %(kind)s AND day >= %(from)s AND day < %(to)s
  AND day <> ALL(%(split)s::date[]){narrowed}
GROUP BY key HAVING sum(opened) <> 0
""".replace(
    "{sums}",
    ", ".join(
        f"sum({what}) FILTER (WHERE day < %(day_{n})s)"
        for n in DAYS
        for what in (f"opened - handed_{n}", f"lost_{n}", f"deleted_{n}")
    ),
)
_BY_THE_MOMENT = """
SELECT {key}, count(*), {counts} FROM analytics_lossfact
WHERE tenant_id = %(tenant)s AND {days}{narrowed}
GROUP BY 1
""".replace(
    "{counts}",
    ", ".join(
        f"count(*) FILTER (WHERE opened_at <= %(until_{n})s AND {which})"
        for place, n in enumerate(DAYS)
        for which in (
            f"NOT ({HANDED} AND place <= {place})",
            f"{LOST} AND place <= {place}",
            f"{DELETED} AND place <= {place}",
        )
    ),
)


# Of a row: how many were opened; then for each of DAYS: observed, lost, lost by the customer.
Counts = Sequence[int]


def know(question: Question) -> bool:
    """Inside a scope: do cells answer this? Not for a part of the contacts, nor in hindsight: how
    a Follow ended may be told long after the period.
    """
    return not question.by_person and not hindsight.needed(question, outcomes=True)


def read(question: Question, group: Group) -> dict[str | None, Counts]:
    """Inside a scope: the Follows opened in the period, by the key of the row."""
    given = _given(question, group)
    one = question.channel_id is not None
    if one and group != "channel":  # which cells do not know
        days = "day >= %(from)s AND day < %(to)s"
        rows = buying.rows(_of_facts(group, days, one=one), given)
    else:
        sql = _WHOLE_DAYS.format(narrowed=" AND key = %(channel)s" if one else "")
        rows = buying.rows(sql, given)
        if given["split"]:
            days = "day = ANY(%(split)s::date[])"
            rows += buying.rows(_of_facts(group, days, one=one), given)
    found: dict[str | None, Counts] = {}
    for number, *some in rows:
        key, counts = _key(group, number), [count or 0 for count in some]
        found[key] = [*map(add, found[key], counts)] if key in found else counts
    return found


def _of_facts(group: Group, days: str, *, one: bool) -> str:
    narrowed = " AND channel_id = %(channel)s" if one else ""
    return _BY_THE_MOMENT.format(key=COLUMN_OF[group], days=days, narrowed=narrowed)


def _given(question: Question, group: Group) -> dict[str, Any]:
    span, as_of = question.span, question.as_of.astimezone(UTC)
    until = {n: as_of - timedelta(days=n) for n in DAYS}
    days = {n: moment.astimezone(span.zone).date() for n, moment in until.items()}
    return {
        "tenant": current_tenant_id(),
        "kind": KINDS[group],
        "channel": question.channel_id,
        "from": span.start,
        "to": span.end,
        "split": _within(days.values(), span.start, span.end),
        **{f"until_{n}": moment for n, moment in until.items()},
        **{f"day_{n}": day for n, day in days.items()},
    }


def _within(days: Iterable[date], start: date, end: date) -> list[date]:
    """The days on which some had been observed for N days, and some had not."""
    return sorted({day for day in days if start <= day < end})


def _key(group: Group, number: int) -> str | None:
    if number == 0:
        return None
    return SOURCES[number - 1] if group == "source" else str(number)
