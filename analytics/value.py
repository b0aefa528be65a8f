"""What does a customer cost and bring, by channel or by month? FIGURES R18–R24, DOMAIN.md §6.

Everything is exact: whole fen and whole microseconds inside, fractions only at the end. Margin by
age is read from cells where a whole month is asked, from customers' facts elsewhere (curves.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction
from typing import Literal, TypeVar

from django.db.models import QuerySet, Sum
from django.db.models.functions import TruncMonth

from analytics import curves, newcomers
from analytics.curves import DAYS, Curve
from analytics.exact import ratio
from analytics.periods import Question, month_of
from contacts.models import Channel, Cost

Group = Literal["channel", "month"]
T = TypeVar("T")
Key = int | date  # a channel's id (0: none), or the first day of a month


@dataclass
class Row:
    """One line of the report; None is "not observable" or "nothing to divide by"."""

    key: Key
    name: str | None
    cost: int | None
    new_contacts: int
    new_customers: int
    cohort_customers: int
    ltv: dict[int, Fraction | None] = field(default_factory=dict)
    ltv_referral: dict[int, Fraction | None] = field(default_factory=dict)
    observed: dict[int, int] = field(default_factory=dict)  # customers that each LTV is of
    payback_days: int | None = None

    @property
    def cost_per_contact(self) -> Fraction | None:
        return ratio(self.cost, self.new_contacts)

    @property
    def cac(self) -> Fraction | None:
        return ratio(self.cost, self.new_customers)

    @property
    def cac_cohort(self) -> Fraction | None:
        return ratio(self.cost, self.cohort_customers)

    @property
    def ltv_cac_days(self) -> int | None:
        """The longest LTV that is known (R23)."""
        if not self.cac_cohort:
            return None
        return max((d for d in DAYS if self.ltv[d] is not None), default=None)

    @property
    def ltv_cac(self) -> Fraction | None:
        days, cac = self.ltv_cac_days, self.cac_cohort
        if days is None or not cac:
            return None
        value = self.ltv[days]
        return None if value is None else value / cac


@dataclass
class Report:
    """The rows, and all of them as one."""

    rows: list[Row]
    total: Row


def report(question: Question, group: Group) -> Report:
    """Every channel with a cost, contact or customer in the period; or every month of it."""
    names = dict(Channel.objects.values_list("id", "name"))
    counts = newcomers.counts(question, group)
    costs = _costs(question, group)
    found = curves.curves(question, group)
    if group == "channel":
        counts, costs, found = _known(names, counts, costs, found)
    rows = []
    for key in _keys(question, group, {*counts, *costs}):
        contacts, customers = counts.get(key, (0, 0))
        name = names.get(key) if isinstance(key, int) else key.strftime("%Y-%m")
        cost = None if question.by_person else costs.get(key, 0)
        rows.append(_row(key, name, cost, contacts, customers, found.get(key) or Curve()))
    return Report(_ordered(rows), _total(question, counts, costs, found))


def together(
    question: Question, group_of: Mapping[int, str], groups: Sequence[str | None]
) -> dict[str | None, Row]:
    """Channels as groups: `group_of` has the group of every channel; no channel is None.

    Cohorts are added up before anything is divided, so a group's LTV is that of all its customers.
    """
    counts, costs, found = _known(
        group_of,
        newcomers.counts(question, "channel"),
        _costs(question, "channel"),
        curves.curves(question, "channel"),
    )
    rows: dict[str | None, Row] = {}
    for group in groups:
        keys = {key for key in {*counts, *costs, *found} if group_of.get(_id(key)) == group}
        rows[group] = _total(
            question, _only(counts, keys), _only(costs, keys), _only(found, keys), group
        )
    return rows


def _only(parts: Mapping[Key, T], keys: set[Key]) -> dict[Key, T]:
    return {key: part for key, part in parts.items() if key in keys}


def _id(key: Key) -> int:
    return key if isinstance(key, int) else 0


def _row(
    key: Key, name: str | None, cost: int | None, contacts: int, customers: int, curve: Curve
) -> Row:
    row = Row(key, name, cost, contacts, customers, curve.customers)
    add_worth(row, curve)
    return row


def _total(
    question: Question,
    counts: dict[Key, tuple[int, int]],
    costs: dict[Key, int],
    found: dict[Key, Curve],
    name: str | None = None,
) -> Row:
    whole = Curve()
    for curve in found.values():
        whole.plus(curve)
    return _row(
        0,
        name,
        None if question.by_person else sum(costs.values()),
        sum(contacts for contacts, _customers in counts.values()),
        sum(customers for _contacts, customers in counts.values()),
        whole,
    )


def _known(
    names: Mapping[int, str],
    counts: dict[Key, tuple[int, int]],
    costs: dict[Key, int],
    found: dict[Key, Curve],
) -> tuple[dict[Key, tuple[int, int]], dict[Key, int], dict[Key, Curve]]:
    """A channel that was deleted is no channel."""
    for gone in {*counts, *costs, *found} - {*names, 0}:
        contacts, customers = counts.pop(gone, (0, 0))
        before = counts.get(0, (0, 0))
        counts[0] = (before[0] + contacts, before[1] + customers)
        costs[0] = costs.get(0, 0) + costs.pop(gone, 0)
        found[0] = found.get(0, Curve()).plus(found.pop(gone, Curve()))
    return counts, costs, found


def _keys(question: Question, group: Group, seen: set[Key]) -> list[Key]:
    if group == "channel":
        return list(seen)
    return [month_of(month.start) for month in question.span.months()]


def _ordered(rows: list[Row]) -> list[Row]:
    """Channels by name, "no channel" last; months in order."""
    if rows and isinstance(rows[0].key, date):
        return rows
    return sorted(rows, key=lambda row: (row.name is None, row.name or "", str(row.key)))


def costs_of(question: Question) -> QuerySet[Cost]:
    """A cost belongs to its own date, whenever contacts convert (R20), and to no staff (R49)."""
    if question.by_person:
        return Cost.objects.none()
    costs = Cost.objects.filter(
        date__gte=question.span.start,
        date__lt=question.span.end,
        date__lte=question.last_cost_day,
    )
    if question.channel_id is not None:
        costs = costs.filter(channel_id=question.channel_id)
    return costs


def costs_by_day(question: Question) -> dict[date, int]:
    """Inside a scope: fen."""
    sums = costs_of(question).values_list("date").annotate(sum=Sum("amount_fen"))
    return {day: int(total) for day, total in sums}


def _costs(question: Question, group: Group) -> dict[Key, int]:
    """Fen by channel or month."""
    costs = costs_of(question)
    if group == "channel":
        sums = costs.values_list("channel_id").annotate(sum=Sum("amount_fen"))
        return {key or 0: int(total) for key, total in sums}
    by_month = costs.annotate(month=TruncMonth("date")).values_list("month")
    return {key: int(total) for key, total in by_month.annotate(sum=Sum("amount_fen"))}


def add_worth(row: Row, curve: Curve) -> None:
    row.cohort_customers = curve.customers
    margins, observed = curve.by_day()
    for d in DAYS:
        row.observed[d] = observed[d]
        row.ltv[d] = ratio(margins[d], observed[d])
        row.ltv_referral[d] = ratio(margins[d] + curve.referral.get(d, 0), observed[d])
    if row.cost is not None and curve.customers:  # LTV_d ≥ CAC, without division
        row.payback_days = next(
            (
                d
                for d, heads in enumerate(observed)
                if heads and margins[d] * curve.customers >= row.cost * heads
            ),
            None,
        )
