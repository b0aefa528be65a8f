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
from fractions import Fraction
from typing import Any, Final, Literal

from django.db import connection

from analytics.periods import Question, midnight
from analytics.standing import Ownership
from contacts.kinds import INBOUND
from contacts.models import Channel, ContactSettings
from tenants.models import Staff, Team
from tenants.scope import current_tenant_id

Group = Literal["ownership", "staff", "channel", "team"]
GROUPS: Final[tuple[Group, ...]] = ("ownership", "staff", "channel", "team")
# Their rows count Follows, not contacts: one contact may be in several.
BY_FOLLOW: Final[frozenset[Group]] = frozenset({"staff", "team"})

# Routes that touch or overlap are one stretch. What happened at or after as_of is not known (R1).
_STRETCHES = """
WITH spell AS (
  SELECT s.contact_id, {unit} AS unit, s.opened_at, s.opened_by,
    CASE WHEN s.ended_at < %(as_of)s THEN s.ended_at END AS ended_at,
    CASE WHEN s.ended_at < %(as_of)s THEN s.ended_by ELSE '' END AS ended_by
  FROM contacts_reachspell s {holder}
  WHERE s.tenant_id = %(tenant)s AND s.opened_at < LEAST(%(end)s, %(as_of)s) {filters}
), covered AS (
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
  SELECT contact_id, unit, nth, min(opened_at) AS since, until,
    (array_agg(opened_by ORDER BY opened_at))[1] AS opened_by,
    CASE WHEN bool_or(ended_by = 'customer'
        AND date_trunc('second', ended_at) = date_trunc('second', until)) THEN 'customer'
      ELSE (array_agg(ended_by ORDER BY ended_at DESC NULLS LAST, ended_by))[1] END AS ended_by
  FROM lasting WHERE until IS NULL OR until >= %(start)s
  GROUP BY contact_id, unit, nth, until
), booked AS (
  SELECT contact_id, unit, GREATEST(since, %(start)s) AS enters,
    LEAST(until, %(end)s) AS leaves,
    CASE WHEN since < %(start)s THEN 'opening'
      {handed_in} WHEN nth = 1 THEN 'acquired' ELSE 'returned' END AS how_in,
    CASE WHEN until IS NULL OR until >= %(end)s THEN 'closing'
      WHEN ended_by = 'customer' THEN 'lost_by_customer'
      {handed_out} ELSE 'lost_by_staff' END AS how_out
  FROM stretch
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
LEFT JOIN unnest(%(worthy)s::bigint[], %(worths)s::float8[]) AS w(contact_id, worth)
  ON w.contact_id = entry.contact_id AND entry.how_out = 'closing'
GROUP BY row_in, row_out, how_in, how_out
"""

_HOLDER = "JOIN contacts_contact c ON c.tenant_id = s.tenant_id AND c.id = s.contact_id"
_HANDED_IN = "WHEN opened_by = 'transfer' THEN 'moved_in'"
_HANDED_OUT = "WHEN ended_by = 'transfer' THEN 'moved_out'"


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

# Predicted LTV of contacts, in fen; who is not named is worth nothing.
Worth = Mapping[int, float]
# By key of a row: how the API calls it (its filters understand it), and how people do.
Names = Mapping[str | int, tuple[str, str]]


def worth(question: Question) -> Worth | None:
    """What the customers are expected to bring, fitted as of the end of the period (R25, R50).

    None while no model of the tenant's purchases exists: then no row has a value.
    """
    return None


def report(question: Question, group: Group) -> list[Row]:
    """Inside a scope: all levels in their order, or whoever has something to show, most first."""
    worths = worth(question)
    rows = {level.value: Row(level.value) for level in Ownership} if group == "ownership" else {}
    book = dict[str | int | None, Row](rows)
    for row_in, row_out, how_in, how_out, heads, value in _entries(question, group, worths):
        entered = book.setdefault(row_in, Row(row_in))
        left = book.setdefault(row_out, Row(row_out))
        setattr(entered, how_in, getattr(entered, how_in) + heads)
        setattr(left, how_out, getattr(left, how_out) + heads)
        if entered is not left:
            entered.moved_out += heads
            left.moved_in += heads
        left.value = (left.value or Fraction()) + Fraction(value or 0)
    for row in book.values():
        row.value = None if worths is None else row.value or Fraction()
    if group == "ownership":
        return list(book.values())
    return sorted(book.values(), key=lambda row: (-row.closing, -row.opening, str(row.key)))


def total(rows: Sequence[Row]) -> Row:
    """All rows as one. Of levels: moves between them cancel out."""
    whole = Row(None)
    for row in rows:
        whole.add(row)
    return whole


def _entries(question: Question, group: Group, worths: Worth | None) -> list[tuple[Any, ...]]:
    by_follow = group in BY_FOLLOW
    filters = _filters(question) + (" AND s.staff_id IS NOT NULL" if by_follow else "")
    row_in, row_out = _rows(group)
    unit = {"staff": "s.staff_id", "team": "s.staff_id", "channel": "c.channel_id"}
    sql = _STRETCHES.format(
        unit=unit.get(group, "0"),
        holder=_HOLDER if "c." in filters or group == "channel" else "",
        filters=filters,
        handed_in=_HANDED_IN if by_follow else "",
        handed_out=_HANDED_OUT if by_follow else "",
    ) + _BOOK.format(row_in=row_in, row_out=row_out)
    with connection.cursor() as cursor:
        cursor.execute(sql, _given(question, worths or {}))
        return cursor.fetchall()


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
    return sql if question.owners is None else sql + owners


def _given(question: Question, worths: Worth) -> dict[str, Any]:
    span, rule = question.span, ContactSettings.of_tenant()
    return {
        "tenant": current_tenant_id(),
        "start": midnight(span.start, span.zone),
        "end": midnight(span.end, span.zone),
        "as_of": question.as_of,
        "channel": question.channel_id,
        "owners": list(question.owners or ()),
        "inbound": sorted(INBOUND),
        "interacting": rule.interacting.total_seconds(),
        "owned": rule.owned.total_seconds(),
        "worthy": list(worths),
        "worths": list(worths.values()),
    }


def names(group: Group, rows: Sequence[Row]) -> Names:
    if group == "ownership":
        return {level.value: (level.value, level.value) for level in Ownership}
    keys = [row.key for row in rows if row.key is not None]
    if group == "staff":
        return {s.pk: (s.userid, str(s)) for s in Staff.objects.filter(pk__in=keys)}
    of: Callable[..., Any] = (Channel if group == "channel" else Team).objects.filter
    return {row.pk: (row.name, row.name) for row in of(pk__in=keys)}
