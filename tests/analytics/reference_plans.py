"""The progress of a plan once more: slow, from raw rows, by docs/figures.md."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from statistics import median
from typing import Any

from contacts.models import Contact, SegmentMember
from tenants.models import Tenant
from tests.analytics.reference_kpis import Known

DAY = timedelta(days=1)
SUMS = {"new_contacts", "deletes", "new_customers", "orders", "revenue"}
LESS = {"deletes", "delete_rate"}
MONEY = {"revenue", "aov"}


class Progress:
    """Of one plan as of one moment; `to` is the day after the last one."""

    def __init__(
        self, tenant: Tenant, metric: str, start: date, to: date, as_of: datetime,
        segment: int | None = None,
    ) -> None:  # fmt: skip
        self.tenant, self.metric, self.as_of = tenant, metric, as_of
        self.start, self.to, self.segment = start, to, segment
        everybody = set(Contact.objects.values_list("pk", flat=True))
        self.everybody = everybody
        members = SegmentMember.objects.filter(segment_id=segment or 0)
        self.members = (
            everybody if segment is None else set(members.values_list("contact_id", flat=True))
        )
        self.today = as_of.astimezone(tenant.tz).date()
        self._known: dict[tuple[datetime, frozenset[int]], Known] = {}

    def midnight(self, day: date) -> datetime:
        return datetime(day.year, day.month, day.day, tzinfo=self.tenant.tz).astimezone(UTC)

    def known(self, as_of: datetime, people: Iterable[int] | None = None) -> Known:
        who = frozenset(self.members if people is None else people)
        if (as_of, who) not in self._known:
            self._known[as_of, who] = Known(self.tenant, as_of, people=set(who))
        return self._known[as_of, who]

    def figure(self, start: date, to: date, as_of: datetime | None = None) -> Any:
        return self.known(as_of or self.as_of).kpis(start, to)[self.metric]

    @property
    def begun(self) -> bool:
        return self.as_of > self.midnight(self.start)

    @property
    def elapsed(self) -> Fraction:
        whole = self.midnight(self.to) - self.midnight(self.start)
        passed = min(self.as_of, self.midnight(self.to)) - self.midnight(self.start)
        return max(Fraction(0), Fraction(passed // timedelta(microseconds=1),
                                         whole // timedelta(microseconds=1)))  # fmt: skip

    @property
    def due(self) -> Fraction:
        """The share of the goal: each day by the median of its weekday in eight weeks before."""
        days = [self.start + DAY * n for n in range((self.to - self.start).days)]
        weight = self.weights()
        if not sum(weight[day.weekday()] for day in days):
            weight = [Fraction(1)] * 7
        reached = Fraction(0)
        for day in days:
            length = self.midnight(day + DAY) - self.midnight(day)
            passed = min(max(self.as_of - self.midnight(day), timedelta(0)), length)
            reached += (
                weight[day.weekday()]
                * Fraction(passed / timedelta(microseconds=1))
                / Fraction(length / timedelta(microseconds=1))
            )
        return reached / sum(weight[day.weekday()] for day in days)

    def weights(self) -> list[Fraction]:
        end, first = min(self.start, self.today), self.known(self.as_of).first
        found = []
        for weekday in range(7):
            past = [end - DAY * n for n in range(1, 57)]
            of = [day for day in past if day.weekday() == weekday and first and day >= first]
            if len(of) < 4:
                return [Fraction(1)] * 7
            found.append(median([number(self.figure(day, day + DAY)) for day in of]))
        return found if sum(each > 0 for each in found) >= 5 else [Fraction(1)] * 7

    def value(self) -> Any:
        return self.figure(self.start, self.to) if self.begun else None

    def before(self, start: date, to: date) -> dict[str, Any] | None:
        first = self.known(self.as_of).first
        if first is None or first > start or to > self.today:
            return None
        so_far = None
        if self.as_of >= self.midnight(self.to):
            so_far = self.figure(start, to)
        elif self.begun:
            local = self.as_of.astimezone(self.tenant.tz)
            day = start + (local.date() - self.start)
            so_far = self.figure(
                start, to, datetime.combine(day, local.time(), tzinfo=self.tenant.tz)
            )
        return {
            "from": start.isoformat(),
            "to": to.isoformat(),
            "value": self.figure(start, to),
            "so_far": so_far,
        }

    def just_before(self) -> dict[str, Any] | None:
        end = min(self.start, self.today)
        return self.before(end - (self.to - self.start), end)

    def people(self, ids: set[int]) -> dict[str, Any] | None:
        if self.segment is None or not self.begun:
            return None
        known = self.known(self.as_of, ids)
        begin, stop = self.midnight(self.start), self.midnight(self.to)
        reachable = {
            s.contact for s in known.spells if s.opened < stop and (not s.ended or s.ended > begin)
        }
        return {
            "value": known.kpis(self.start, self.to)[self.metric],
            "contacts": len(reachable),
        }

    def points(self) -> list[tuple[str, Any]]:
        """(day, the figure through it), of sums."""
        days = [self.start + DAY * n for n in range((self.to - self.start).days)]
        return [
            (
                day.isoformat(),
                self.figure(self.start, day + DAY) if self.begun and day <= self.today else None,
            )
            for day in days
        ]


def number(value: Any) -> Fraction:
    """Money is text, everything else a number."""
    return Fraction(value) if isinstance(value, str) else Fraction(value).limit_denominator(10**9)


def verdict(wanted: Progress, value: Any, target: Fraction) -> bool | None:
    if value is None or not wanted.elapsed:
        return None
    metric = wanted.metric
    expected = target * wanted.due if metric in SUMS else target
    return number(value) <= expected if metric in LESS else number(value) >= expected
