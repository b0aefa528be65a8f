"""What does a report ask for: which days, which contacts, as known at which moment?"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

from analytics.models.facts import EVERY_CHANNEL
from tenants.scope import current_tenant_id

# (month, or None for a part of one; start; end)
Stretch = tuple[date | None, int, int]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def micros(moment: datetime) -> int:
    """Whole microseconds since 1970 UTC: what facts calculate with."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """The first moment of a calendar day in the zone."""
    return datetime.combine(day, time(), tzinfo=zone).astimezone(UTC)


def month_of(day: date) -> date:
    return day.replace(day=1)


def next_month(day: date) -> date:
    return (day.replace(day=1) + timedelta(days=32)).replace(day=1)


def _earlier(day: date, months: int) -> date:
    """The same day of an earlier month, or the last one that it has."""
    number = day.year * 12 + day.month - 1 - months
    first = date(number // 12, number % 12 + 1, 1)
    return first.replace(day=min(day.day, (next_month(first) - first).days))


def last_day(as_of: datetime, zone: ZoneInfo) -> date:
    """The last local day before as_of; of it only a part may have passed."""
    return (as_of - timedelta(microseconds=1)).astimezone(zone).date()


@dataclass(frozen=True)
class Span:
    """Calendar days [start, end) of a zone."""

    start: date
    end: date
    zone: ZoneInfo

    @property
    def start_us(self) -> int:
        return micros(midnight(self.start, self.zone))

    @property
    def end_us(self) -> int:
        return micros(midnight(self.end, self.zone))

    def months(self) -> list[Span]:
        """The calendar months of the span, the first and the last one clipped to it."""
        found = []
        day = self.start
        while day < self.end:
            after = min(next_month(day), self.end)
            found.append(replace(self, start=day, end=after))
            day = after
        return found

    @property
    def through(self) -> date:
        """The last day, as people say it."""
        return self.end - timedelta(days=1)

    def before(self) -> Span:
        """As long, and just before: as many months, where these are whole ones, or days."""
        if self.start.day == self.end.day == 1:
            months = (self.end.year - self.start.year) * 12 + self.end.month - self.start.month
            return replace(self, start=_earlier(self.start, months), end=self.start)
        return replace(self, start=self.start - (self.end - self.start), end=self.start)

    def last(self, months: int) -> Span:
        """So many months up to the same end."""
        return replace(self, start=_earlier(self.end, months))

    def a_year_before(self) -> Span:
        """The same days of the year before; the end of February may be a day shorter."""
        start, end = _earlier(self.start, 12), _earlier(self.end, 12)
        return replace(self, start=start, end=max(end, start + timedelta(days=1)))

    def passed(self, moment_us: int) -> Fraction:
        """The share of it that lies before a moment."""
        length = self.end_us - self.start_us
        return Fraction(max(0, min(moment_us - self.start_us, length)), length)

    def whole(self) -> bool:
        """A whole calendar month?"""
        return self.start.day == 1 and self.end == next_month(self.start)


@dataclass(frozen=True)
class Question:
    """A report's period and contacts. `owners` holds the staff of the filters staff and team;
    `segment_id` asks for its members of now, or for everybody else: FIGURES R49. `product_role`
    asks for those who had paid for a product of that role before as_of.
    """

    span: Span
    as_of: datetime
    channel_id: int | None = None
    owners: tuple[int, ...] | None = None
    segment_id: int | None = None
    outside_segment: bool = False
    product_role: str | None = None

    @property
    def by_person(self) -> bool:
        """Is it asked by what no cell knows: by owner, by membership, by what was bought?"""
        return (
            self.owners is not None or self.segment_id is not None or self.product_role is not None
        )

    @property
    def of_everybody(self) -> bool:
        return self.channel_id is None and not self.by_person

    @property
    def cells_of(self) -> int:
        """The channel_id of the cells that count these contacts, if nothing else narrows them."""
        return EVERY_CHANNEL if self.channel_id is None else self.channel_id

    @property
    def as_of_us(self) -> int:
        return micros(self.as_of)

    @property
    def end_us(self) -> int:
        """Facts at or after as_of are ignored (FIGURES R1)."""
        return min(self.span.end_us, self.as_of_us)

    @property
    def today(self) -> date:
        """The day of as_of: of it only a part has happened."""
        return self.as_of.astimezone(self.span.zone).date()

    @property
    def today_us(self) -> int:
        return micros(midnight(self.today, self.span.zone))

    @property
    def last_cost_day(self) -> date:
        """The cost of a day is dated at its midnight."""
        return self.today if self.as_of_us > self.today_us else self.today - timedelta(days=1)

    def against(self, which: str) -> Question | None:
        """`previous` or `year`: the same of earlier days."""
        return self.earlier(year=which == "year") if which in {"previous", "year"} else None

    def earlier(self, *, year: bool = False) -> Question:
        """The same of the period before, or of the same days last year, as known at the same
        moment. Of a period that goes on, only as many days as have begun.
        """
        tomorrow = self.today + timedelta(days=1)
        end = max(self.span.start + timedelta(days=1), min(self.span.end, tomorrow))
        begun = replace(self.span, end=end)
        return replace(self, span=begun.a_year_before() if year else begun.before())

    def stretches(self) -> Iterator[Stretch]:
        """The period up to as_of by months."""
        for month in self.span.months():
            end = min(month.end_us, self.as_of_us)
            if month.start_us >= end:
                break
            whole = month.whole() and end == month.end_us
            yield month.start if whole else None, month.start_us, end


def filters(question: Question) -> dict[str, Any]:
    """The parameters of `among` and `holders`, and what nearly every reading needs."""
    return {
        "tenant": current_tenant_id(),
        "zone": question.span.zone.key,
        "channel": question.channel_id,
        "owners": list(question.owners or ()),
        "segment": question.segment_id,
        "product_role": question.product_role,
        "bought_before": question.as_of,
    }


def among(question: Question, column: str = "contact_id") -> str:
    """SQL that narrows a column of contact ids to the filters (FIGURES R49)."""
    tests = ""
    if question.channel_id is not None:
        tests += " AND c.channel_id = %(channel)s"
    if question.owners is not None:
        tests += " AND c.owner_id = ANY(%(owners)s::bigint[])"
    return _in_contacts(column, tests) + by_deed(question, column)


def holders(question: Question, column: str = "contact_id") -> str:
    """The same for rows of facts: they have `channel_id` themselves, 0 for none."""
    channel = "" if question.channel_id is None else " AND channel_id = %(channel)s"
    owner = "" if question.owners is None else " AND c.owner_id = ANY(%(owners)s::bigint[])"
    return channel + _in_contacts(column, owner) + by_deed(question, column)


def narrowed(sql: str, question: Question) -> str:
    """Fills each `{who column}` of an SQL text by `among` that column."""
    return re.sub(r" ?\{who ([^}]*)\}", lambda found: among(question, found[1]), sql)


def _in_contacts(column: str, tests: str) -> str:
    if not tests:
        return ""
    return (
        f" AND {column} IN (SELECT c.id FROM contacts_contact c"  # noqa: S608 - our own names
        f" WHERE c.tenant_id = %(tenant)s{tests})"
    )


def by_deed(question: Question, column: str) -> str:
    """The filters that no column of a contact answers: by segment, by what was bought."""
    return _in_segment(question, column) + _bought(question, column)


def _in_segment(question: Question, column: str) -> str:
    if question.segment_id is None:
        return ""
    no = "NOT " if question.outside_segment else ""
    return (
        f" AND {column} {no}IN (SELECT m.contact_id FROM contacts_segmentmember m"  # noqa: S608 - our own names
        " WHERE m.tenant_id = %(tenant)s AND m.segment_id = %(segment)s)"
    )


def _bought(question: Question, column: str) -> str:
    """Materialized: where no statistics know a new tenant, it would be joined row by row."""
    if question.product_role is None:
        return ""
    return (
        f" AND {column} IN (WITH buyer AS MATERIALIZED ("  # noqa: S608 - our own names
        "SELECT DISTINCT o.contact_id FROM contacts_product p"
        " JOIN contacts_orderitem i ON i.tenant_id = p.tenant_id AND i.sku = p.sku"
        " JOIN contacts_order o ON o.tenant_id = i.tenant_id AND o.id = i.order_id"
        " WHERE p.tenant_id = %(tenant)s AND p.role = %(product_role)s"
        " AND o.paid AND o.paid_at < %(bought_before)s) SELECT contact_id FROM buyer)"
    )


def days_between(start: date, end: date) -> Sequence[date]:
    return [start + timedelta(days=n) for n in range((end - start).days)]
