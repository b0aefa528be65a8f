"""Of the Follows opened in a period, how many were lost within N days, by channel or staff?

Unit: spells of Follows. A hand-over is no opening and no loss: spells opened by transfer stay out,
and one that ended by transfer counts only where it had been seen for N days before. A loss is an
end by the customer or by staff. Within N days: FIGURES R2, both ends in; facts from as_of on do
not count (R1). Cells count them beforehand; the SQL here reads rows, where cells do not know.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Final

from analytics import buying
from analytics.loss_facts import cells, readings
from analytics.periods import Question, by_deed, filters, midnight
from contacts.models import Channel, LiveCode, SourceKind
from tenants.models import Staff
from tenants.scope import TenantModel

DAYS: Final = readings.DAYS
Group = readings.Group
GROUPS: Final[tuple[Group, ...]] = tuple(readings.KINDS)
NO_KEY: Final = "none"

# Most Follows are of contacts who came in the period (n, joined at once, as few as they are among
# all); the others are looked up.
_OF_CONTACT: Final = """CASE WHEN n.id IS NOT NULL THEN n.{0} ELSE (
    SELECT o.{0} FROM contacts_contact o
    WHERE o.tenant_id = %(tenant)s AND o.id = s.contact_id) END"""
_CHANNEL: Final = _OF_CONTACT.format("channel_id")
_COLUMNS: Final[Mapping[Group, str]] = {
    "channel": _CHANNEL,
    "staff": "s.staff_id",
    "live_code": f"COALESCE(f.live_code_id, {_OF_CONTACT.format('live_code_id')})",
    "source": _OF_CONTACT.format("source"),
}

_LOST = "('customer', 'staff', 'unknown')"

_COHORT = """
WITH cohort AS (
  SELECT {group} AS grp, s.contact_id, s.opened_at,
    CASE WHEN s.ended_at < %(as_of)s THEN s.ended_at END AS ended_at,
    CASE WHEN s.ended_at < %(as_of)s THEN s.ended_by ELSE '' END AS ended_by
  FROM contacts_reachspell s {joined}
  WHERE s.tenant_id = %(tenant)s AND s.staff_id IS NOT NULL
    AND s.opened_by <> 'transfer'
    AND s.opened_at >= %(start)s AND s.opened_at < LEAST(%(end)s, %(as_of)s) {filters}
)
"""
# For how many of DAYS was a Follow observed, and how many of them were over when it was lost?
_COUNTED = f"""
SELECT NULL::int, grp, width_bucket(
    LEAST(%(as_of)s, CASE WHEN ended_by = 'transfer' THEN ended_at END) - opened_at,
    {readings.BORDERS}),
  CASE WHEN ended_by IN {_LOST}
    THEN width_bucket(ended_at - opened_at - interval '1 microsecond', {readings.BORDERS}) END,
  ended_by = 'customer', count(*)
FROM cohort GROUP BY 2, 3, 4, 5
"""  # noqa: S608 - our own names
# Contacts, each once: of a row (0), of all rows (1).
_PEOPLE = """
UNION ALL
SELECT grouping(grp), grp, NULL, NULL, NULL, count(DISTINCT contact_id) FROM cohort
WHERE {observed} AND {lost} GROUP BY GROUPING SETS ((grp), ())
"""

_CONTACT = """
  LEFT JOIN contacts_contact n ON n.tenant_id = %(tenant)s AND n.id = s.contact_id
    AND n.acquired_at >= %(start)s"""
_FOLLOW = """
  LEFT JOIN contacts_follow f ON f.tenant_id = %(tenant)s AND f.contact_id = s.contact_id
    AND f.staff_id = s.staff_id AND f.opened_at = s.opened_at AND f.live_code_id IS NOT NULL"""


@dataclass(frozen=True)
class After:
    """What became of a cohort within N days, as far as it was observed that long."""

    observed: int = 0
    lost: int = 0
    by_customer: int = 0

    @property
    def share(self) -> Fraction | None:
        return Fraction(self.lost, self.observed) if self.observed else None

    def __add__(self, other: After) -> After:
        return After(
            self.observed + other.observed,
            self.lost + other.lost,
            self.by_customer + other.by_customer,
        )


@dataclass(frozen=True)
class Row:
    """`name` None: no channel, no live code, or one that was deleted."""

    name: str | None
    opened: int
    after: Mapping[int, After] = field(default_factory=dict)
    key: str | None = None


@dataclass
class Tally:
    """A row while it is added up."""

    opened: int = 0
    after: dict[int, After] = field(default_factory=lambda: dict.fromkeys(DAYS, After()))


def report(question: Question, group: Group) -> list[Row]:
    """Inside a scope, with facts up to date: a row for each group, the largest cohort first."""
    if cells.know(question):
        return _named(group, {k: _tally(n) for k, n in cells.read(question, group).items()})
    return _of_rows(group, buying.rows(_cohort(question, group) + _COUNTED, _given(question)))


def _tally(counts: cells.Counts) -> Tally:
    opened, *after = counts
    threes = zip(after[::3], after[1::3], after[2::3], strict=True)
    return Tally(opened, {days: After(*three) for days, three in zip(DAYS, threes, strict=True)})


def _of_rows(group: Group, found: Sequence[Sequence[Any]]) -> list[Row]:
    tallies: dict[str | None, Tally] = defaultdict(Tally)
    for _people, grp, seen, gone, by_customer, heads in found:
        tally = tallies[_key(grp)]
        tally.opened += heads
        for place, days in enumerate(DAYS[:seen]):
            lost = heads if gone is not None and gone <= place else 0
            tally.after[days] += After(heads, lost, lost if by_customer else 0)
    return _named(group, tallies)


def _named(group: Group, tallies: Mapping[str | None, Tally]) -> list[Row]:
    names = _names(group, [key for key in tallies if key])
    rows = [
        Row(names.get(key) if key else None, tally.opened, tally.after, key)
        for key, tally in tallies.items()
    ]
    return sorted(rows, key=lambda row: (-row.opened, row.name is None, row.name or ""))


def _key(grp: int | str | None) -> str | None:
    return None if grp is None else str(grp)


@dataclass(frozen=True)
class People:
    """How many contacts were lost within N days, each once; by key of a row, and of all rows."""

    by_key: Mapping[str | None, int]
    all: int


def with_people(question: Question, group: Group, days: int) -> tuple[list[Row], People]:
    """Inside a scope: the report, and who was lost within so many days, by one reading."""
    sql = _cohort(question, group) + _COUNTED + _PEOPLE.format(**_conditions(days))
    found = buying.rows(sql, _given(question))
    by_key = {_key(grp): heads for whole, grp, *_of, heads in found if whole == 0}
    everybody = sum(heads for whole, *_of, heads in found if whole == 1)
    rows = _of_rows(group, [row for row in found if row[0] is None])
    return rows, People(by_key, everybody)


def behind(question: Question, group: Group, days: int, key: str) -> tuple[str, dict[str, Any]]:
    """SQL of the contacts that `people` counts, and its parameters: of the row of this key, of the
    one without (`NO_KEY`), or of all ("").
    """
    lost = _conditions(days)
    sql = f"SELECT contact_id FROM cohort WHERE {lost['observed']} AND {lost['lost']}"  # noqa: S608 - our own names
    if key:
        sql += " AND COALESCE(grp::text, '') = ''" if key == NO_KEY else " AND grp::text = %(key)s"
    return _cohort(question, group) + sql, _given(question) | {"key": key}


def _cohort(question: Question, group: Group) -> str:
    return _COHORT.format(
        group=_COLUMNS[group], joined=_joined(question, group), filters=_filters(question)
    )


def _given(question: Question) -> dict[str, Any]:
    span = question.span
    return filters(question) | {
        "start": midnight(span.start, span.zone),
        "end": midnight(span.end, span.zone),
        "as_of": question.as_of,
    }


def total(rows: Sequence[Row]) -> Row:
    after = {days: sum((row.after[days] for row in rows), After()) for days in DAYS}
    return Row(None, sum(row.opened for row in rows), after)


def _conditions(days: int) -> dict[str, str]:
    until = f"opened_at + make_interval(secs => {days * 86_400})"
    seen = f"{until} <= %(as_of)s AND NOT (ended_by = 'transfer' AND ended_at < {until})"
    lost = f"ended_by IN {_LOST} AND ended_at <= {until}"
    return {"observed": seen, "lost": lost}


def _joined(question: Question, group: Group) -> str:
    of_contact = group != "staff" or question.channel_id is not None
    return (_CONTACT if of_contact else "") + (_FOLLOW if group == "live_code" else "")


def _filters(question: Question) -> str:
    """Of this report `staff` and `team` mean the friends of the contacts."""
    sql = "" if question.channel_id is None else f" AND {_CHANNEL} = %(channel)s"
    if question.owners is not None:
        sql += " AND s.staff_id = ANY(%(owners)s::bigint[])"
    return sql + by_deed(question, "s.contact_id")


def _names(group: Group, keys: Sequence[str]) -> dict[str, str]:
    if group == "source":
        return {key: key for key in keys}
    of: dict[Group, tuple[type[TenantModel], Sequence[str]]] = {
        "channel": (Channel, ["name"]),
        "staff": (Staff, ["name", "userid"]),
        "live_code": (LiveCode, ["name"]),
    }
    model, columns = of[group]
    rows = model.objects.filter(pk__in=keys).values_list("pk", *columns)
    return {str(pk): next(filter(None, names), "") for pk, *names in rows}


def label(group: Group, row: Row) -> str:
    """For pages: sources by their names."""
    if group == "source" and row.name in SourceKind.values:
        return str(SourceKind(row.name).label)
    return row.name or ""


def name_of(group: Group, key: str) -> str:
    """Of the row of this key; "" for the one without."""
    name = (
        None
        if key == NO_KEY
        else _names(group, [key] if group == "source" or key.isdecimal() else []).get(key)
    )
    return label(group, Row(name, 0))
