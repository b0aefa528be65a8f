"""How did the user assets of a period begin, change and end? FIGURES R14–R16, R49, R50.

Heads, gross: opening + acquired + returned + moved in − lost − moved out = closing, in every row.
A head is a stretch of time in which a contact could be reached, by any route; by staff and team it
is a Follow. It enters the period's book at its beginning, or at opening, and leaves it at its end,
or at closing: each in one row. Where the two are different rows, it moved.

A team's row is the sum of its guides'. Ends by whom nobody knows stand with those by staff: what
no callback told is not held against the customer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from fractions import Fraction
from functools import partial
from typing import Any, Final, Literal

from django.db import connection
from django.db.models import F
from django.utils import timezone

from analytics import buying
from analytics.assets import cells, readings
from analytics.periods import Question, by_deed, filters, last_day, midnight
from analytics.prediction import known
from analytics.prediction.known import Worths
from analytics.standing import Ownership
from contacts.arrays import Among
from contacts.kinds import INBOUND
from contacts.models import Channel, ContactSettings
from tenants.models import Staff, Team

_NOW: Final = timedelta(minutes=1)
Group = Literal["ownership", "staff", "channel", "team"]
GROUPS: Final[tuple[Group, ...]] = ("ownership", "staff", "channel", "team")
# Their rows count Follows, not contacts: one contact may be in several.
BY_FOLLOW: Final[frozenset[Group]] = frozenset({"staff", "team"})

_UNITS: Final[Mapping[Group, str]] = {
    "staff": "s.staff_id", "team": "s.staff_id", "channel": "c.channel_id",
}  # fmt: skip

# What happened at or after as_of is not known (R1).
_SPELLS = """
  SELECT s.contact_id, {unit} AS unit, 0 AS channel_id, s.opened_at, s.opened_by,
    CASE WHEN s.ended_at < %(as_of)s THEN s.ended_at END AS ended_at,
    CASE WHEN s.ended_at < %(as_of)s THEN s.ended_by ELSE '' END AS ended_by
  FROM contacts_reachspell s {holder}
  WHERE s.tenant_id = %(tenant)s AND s.opened_at < LEAST(%(end)s, %(as_of)s) {filters}
"""
_AMONG = "WHERE until IS NULL OR until >= %(start)s"
_HOLDER = "JOIN contacts_contact c ON c.tenant_id = s.tenant_id AND c.id = s.contact_id"
_BOOKED = """
, booked AS (
  SELECT contact_id, unit, GREATEST(since, %(start)s) AS enters,
    LEAST(until, %(end)s) AS leaves,
    CASE WHEN since < %(start)s THEN 'opening' ELSE {came} END AS how_in,
    CASE WHEN until IS NULL OR until >= %(end)s THEN 'closing' ELSE {went} END AS how_out
  FROM stretch s
)
"""

# Level at a moment: of the 30 and 365 days (settings) before it, the moment itself not in them.
_LEVEL = """
CASE WHEN NOT EXISTS (
  SELECT FROM contacts_event e WHERE e.tenant_id = %(tenant)s AND e.contact_id = b.contact_id
    AND e.at >= {at} - make_interval(secs => %(interacting)s)
    AND e.at < LEAST({at}, %(as_of)s) AND e.kind = ANY(%(inbound)s::text[])) THEN 'L1'
WHEN NOT EXISTS (
  SELECT FROM contacts_order o WHERE o.tenant_id = %(tenant)s AND o.contact_id = b.contact_id
    AND o.paid_at >= {at} - make_interval(secs => %(owned)s)
    AND o.paid_at < LEAST({at}, %(as_of)s) AND o.paid) THEN 'L2'
ELSE 'L3' END
"""

_BOOK = """
SELECT row_in, row_out, how_in, how_out, count(*),
  sum(w.worth) FILTER (WHERE how_out = 'closing')
FROM (
  SELECT b.contact_id, b.how_in, b.how_out, {row_in} AS row_in, {row_out} AS row_out FROM booked b
) entry
LEFT JOIN {worths} w
  ON w.contact_id = entry.contact_id AND entry.how_out = 'closing'
GROUP BY row_in, row_out, how_in, how_out
"""
# Only of whom something begins or ends in the period does a list of those who came or went speak.
_CHANGED = """
 AND s.contact_id IN (SELECT m.contact_id FROM contacts_reachspell m
   WHERE m.tenant_id = %(tenant)s AND (m.opened_at >= %(start)s AND m.opened_at < %(end)s
     OR m.ended_at >= %(start)s AND m.ended_at < %(end)s))"""
_PEOPLE = """
SELECT line, grouping(key), key, count(DISTINCT contact_id)
FROM (
  SELECT b.how_in AS line, {row_in} AS key, b.contact_id FROM booked b WHERE b.how_in = 'returned'
  UNION ALL
  SELECT b.how_out, {row_out}, b.contact_id FROM booked b WHERE b.how_out <> 'closing'
) turned
GROUP BY GROUPING SETS ((line, key), (line))
"""
# Of these lines people are counted, each once, where heads are more.
OF_PEOPLE: Final = ("returned", "lost_by_customer", "lost_by_staff")


@dataclass
class Row:
    """One line of the statement. `key` is a level, or the id of a channel, guide or team."""

    key: str | int | None
    opening: int = 0
    acquired: int = 0
    returned: int = 0
    moved_in: int = 0
    lost_by_customer: int = 0
    lost_by_staff: int = 0
    moved_out: int = 0
    closing: int = 0
    value: Fraction | None = None  # fen

    def add(self, other: Row) -> None:
        for line in LINES:
            setattr(self, line, getattr(self, line) + getattr(other, line))
        if other.value is not None:
            self.value = (self.value or Fraction()) + other.value


LINES: Final = tuple(f.name for f in fields(Row) if f.name not in {"key", "value"})

_NOTHING: Final = Worths({})
Book = dict[str | int | None, Row]
# By key of a row: how the API calls it (its filters understand it), and how people do.
Names = Mapping[str | int, tuple[str, str]]


def worth(question: Question) -> Worths | None:
    """What the customers are expected to bring, fitted as of the end of the period (R25, R50).

    None while no model of the tenant's purchases exists: then no row has a value. Of a period that
    goes on, the last fit of the background will do.
    """
    end, exact = _moment(question)
    return known.worths(end, exact=exact)


def _moment(question: Question) -> tuple[datetime, bool]:
    """When what people are worth is asked of, and whether it is over."""
    end = min(midnight(question.span.end, question.span.zone), question.as_of)
    return end, timezone.now() - end > _NOW


def kept_as(question: Question, group: Group) -> str | None:
    """Under which name the answer may be kept while facts stand still. None: it may not, as rows
    decide, or who is in which team.
    """
    if group == "team" or not cells.know(question):
        return None
    end, exact = _moment(question)
    fitted = end if exact else last_day(end, question.span.zone)  # one fit a day
    return f"assets:{group}:{fitted.isoformat()}"


def closing(question: Question) -> dict[str, int]:
    """Inside a scope: heads by ownership level just before the period's end, or as_of."""
    read = _flows if cells.know(question) else partial(_booked, worths=None)
    return {str(key): row.closing for key, row in read(question, "ownership").items()}


def heads(question: Question) -> Row:
    """Inside a scope: all contacts together, however they moved between rows."""
    known = cells.know(question)
    book = _flows(question, "ownership") if known else _booked(question, "channel", None)
    whole = total([*book.values()])
    whole.moved_in = whole.moved_out = 0  # between levels
    return whole


def report(question: Question, group: Group) -> list[Row]:
    """Inside a scope: all levels in their order, or whoever has something to show, most first."""
    worths = worth(question)
    if cells.know(question):
        book = _counted(question, group, worths)
    else:
        book = _booked(question, group, worths)
    for row in book.values():
        row.value = None if worths is None else row.value or Fraction()
    if group == "ownership":
        return [book.get(level.value) or Row(level.value) for level in Ownership]
    rows = [row for row in book.values() if any(getattr(row, line) for line in LINES)]
    return sorted(rows, key=lambda row: (-row.closing, -row.opening, str(row.key)))


def _booked(question: Question, group: Group, worths: Worths | None) -> Book:
    """From raw rows, head by head."""
    book: Book = {}
    for row_in, row_out, how_in, how_out, heads, value in _entries(question, group, worths):
        entered = book.setdefault(row_in, Row(row_in))
        left = book.setdefault(row_out, Row(row_out))
        setattr(entered, how_in, getattr(entered, how_in) + heads)
        setattr(left, how_out, getattr(left, how_out) + heads)
        if entered is not left:
            entered.moved_out += heads
            left.moved_in += heads
        left.value = (left.value or Fraction()) + Fraction(value or 0)
    return book


def _flows(question: Question, group: Group) -> Book:
    """From the cells of days: `moved` is whatever moved between rows, not by the period's book."""
    book: Book = {}
    for key, *figures in cells.read(question, group):
        row = book[key] = Row(key)
        for line, number in zip(LINES, figures, strict=False):
            setattr(row, line, int(number))
        if group == "channel":
            row.moved_in = row.moved_out = 0  # between levels
        row.closing = (
            row.opening + row.acquired + row.returned + row.moved_in
            - row.lost_by_customer - row.lost_by_staff - row.moved_out
        )  # fmt: skip
    return book


def _counted(question: Question, group: Group, worths: Worths | None) -> Book:
    """The flows; of levels also who changed, from their pieces."""
    book = _flows(question, group)
    if group == "ownership":
        stayed = {str(key): _entered(row) - row.moved_out for key, row in book.items()}
        _move(book, cells.changed(question, {"L2": 0, "L3": 0, **stayed}))
    if worths is not None:
        for key, value in cells.worth(question, group, worths).items():
            book.setdefault(key, Row(key)).value = value
    return book


def _move(book: Book, active: Mapping[tuple[str, str], int]) -> None:
    """Of each level: who entered the period's book there and left it elsewhere, and the reverse.

    `active` counts those that entered and left it at L2 or L3; the many at L1 are the rest.
    """
    one, two, three = (book.setdefault(level.value, Row(level.value)) for level in Ownership)
    stayed = dict[int, int]()
    for row in (two, three):
        stayed[id(row)] = active.get((str(row.key), str(row.key)), 0)
    from_active = sum(_left(row) for row in (two, three)) - sum(active.values())
    stayed[id(one)] = _entered(one) - from_active
    for row in (one, two, three):
        row.moved_out = _entered(row) - stayed[id(row)]
        row.moved_in = _left(row) - stayed[id(row)]


def _entered(row: Row) -> int:
    return row.opening + row.acquired + row.returned


def _left(row: Row) -> int:
    return row.closing + row.lost_by_customer + row.lost_by_staff


def total(rows: Sequence[Row]) -> Row:
    """All rows as one. Of levels: moves between them cancel out."""
    whole = Row(None)
    for row in rows:
        whole.add(row)
    return whole


def _entries(question: Question, group: Group, worths: Worths | None) -> list[tuple[Any, ...]]:
    row_in, row_out = _rows(group)
    narrow = _filters(question) + (" AND s.staff_id IS NOT NULL" if group in BY_FOLLOW else "")
    sql = _book_of(narrow, _UNITS.get(group, "0"), follow=group in BY_FOLLOW) + _BOOK.format(
        row_in=row_in, row_out=row_out, worths=(worths or _NOTHING).table
    )
    with connection.cursor() as cursor:
        cursor.execute(sql, _given(question, worths or _NOTHING))
        found: list[tuple[Any, ...]] = cursor.fetchall()
    return found


def _book_of(narrow: str, unit: str = "0", *, follow: bool = False) -> str:
    """The period's book, entry by entry."""
    holder = _HOLDER if "c." in narrow + unit else ""
    spells = _SPELLS.format(unit=unit, holder=holder, filters=narrow)
    came, went = readings.lines(follow=follow)
    stretches = readings.STRETCHES.replace("SPELLS", spells).replace("AMONG", _AMONG)
    return stretches + _BOOKED.format(came=came, went=went)


@dataclass(frozen=True)
class People:
    """How many contacts returned or were lost, each once: of a row, by line and key, and of all, by
    line (`OF_PEOPLE`). Who was lost twice is one of them, and two heads of the statement.
    """

    by_key: Mapping[tuple[str, str | int | None], int]
    all: Mapping[str, int]


def people(question: Question, group: Group) -> People:
    """Inside a scope; not of a group in BY_FOLLOW."""
    if cells.know(question):
        found = [(line, *row) for line in OF_PEOPLE for row in cells.people(question, group, line)]
    else:
        row_in, row_out = _rows(group)
        book = _book_of(_filters(question) + _CHANGED, _UNITS.get(group, "0"))
        sql = book + _PEOPLE.format(row_in=row_in, row_out=row_out)
        found = buying.rows(sql, _given(question, _NOTHING))
    return People(
        {(line, key): number for line, whole, key, number in found if not whole},
        dict.fromkeys(OF_PEOPLE, 0)
        | {line: number for line, whole, _key, number in found if whole},
    )


def behind(question: Question, line: str, level: str = "") -> tuple[str, dict[str, Any]]:
    """SQL of the contacts behind `acquired`, at this level or any, or a line of `OF_PEOPLE`; and
    its parameters.
    """
    way, at = ("how_out", "leaves") if line.startswith("lost") else ("how_in", "enters")
    sql = f"SELECT b.contact_id FROM booked b WHERE b.{way} = %(line)s"  # noqa: S608 - our own names
    if level:
        sql += f" AND {_LEVEL.format(at=f'b.{at}')} = %(level)s"
    given = _given(question, _NOTHING) | {"line": line, "level": level}
    return _book_of(_filters(question) + _CHANGED) + sql, given


def at_level(
    ids: str, question: Question, moment: datetime, level: str
) -> tuple[str, dict[str, Any]]:
    """SQL of those of `ids` that stood at the level just before the moment, and its parameters."""
    sql = f"SELECT b.contact_id FROM ({ids}) b WHERE {_LEVEL.format(at='%(at)s')} = %(level)s"  # noqa: S608 - our own names
    return sql, _given(question, _NOTHING) | {"at": moment, "level": level}


def _rows(group: Group) -> tuple[str, str]:
    """In which row does a head enter, in which one does it leave?"""
    if group == "ownership":
        return _LEVEL.format(at="b.enters"), _LEVEL.format(at="b.leaves")
    if group == "team":
        team = (
            "(SELECT t.team_id FROM tenants_staff t"
            " WHERE t.tenant_id = %(tenant)s AND t.id = b.unit)"
        )
        return team, team
    return "b.unit", "b.unit"


def _filters(question: Question) -> str:
    sql = "" if question.channel_id is None else " AND c.channel_id = %(channel)s"
    owners = " AND c.owner_id = ANY(%(owners)s::bigint[])"
    if question.owners is not None:
        sql += owners
    return sql + by_deed(question, "c.id")


def _given(question: Question, worths: Worths) -> dict[str, Any]:
    span, rule = question.span, ContactSettings.of_tenant()
    return {
        **filters(question),
        "start": midnight(span.start, span.zone),
        "end": midnight(span.end, span.zone),
        "as_of": question.as_of,
        "inbound": sorted(INBOUND),
        "interacting": rule.interacting.total_seconds(),
        "owned": rule.owned.total_seconds(),
        **worths.parameters,
    }


def names(group: Group, rows: Sequence[Row]) -> Names:
    if group == "ownership":
        return {level.value: (level.value, level.value) for level in Ownership}
    keys = [row.key for row in rows if row.key is not None]
    # A number in the place of what was deleted.
    found: dict[Any, tuple[str, str]] = {key: (f"#{key}", f"#{key}") for key in keys}
    if group == "staff":
        members = Staff.objects.filter(Among(F("pk"), keys)).values_list("pk", "userid", "name")
        return found | {pk: (userid, name or userid) for pk, userid, name in members}
    of: Callable[..., Any] = (Channel if group == "channel" else Team).objects.filter
    return found | {row.pk: (row.name, row.name) for row in of(pk__in=keys)}
