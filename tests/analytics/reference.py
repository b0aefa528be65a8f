"""The figures once more: slow, from raw rows, in plain Python, following FIGURES word by word."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from statistics import median
from typing import Any

from contacts.models import Channel, Contact, Cost, Event, Order
from journeys.models import Stage, StageMove
from tenants.models import Tenant

DAY = timedelta(seconds=86_400)
DAYS = (30, 60, 90, 180, 365)


def money(x: Fraction | int | None) -> str | None:
    """R6: two decimals, half up; `x` in fen."""
    if x is None:
        return None
    x = Fraction(x)
    exact = Decimal(x.numerator) / Decimal(x.denominator) / 100
    return str(exact.quantize(Decimal("0.01"), ROUND_HALF_UP))


@dataclass(frozen=True)
class Paid:
    """An order that counts; amounts in fen."""

    order_id: str
    contact: int
    at: datetime
    revenue: int
    cost: int

    @property
    def margin(self) -> int:
        return self.revenue - self.cost


def paid_orders(as_of: datetime) -> Iterator[Paid]:
    """R3: what was paid before `as_of`, is not cancelled, and was not given back as a whole."""
    for o in Order.objects.exclude(status="cancelled").filter(paid_at__lt=as_of):
        refund = o.refunded_fen
        if refund is None:
            refund = o.amount_fen if o.status == "refunded" else 0
        if not (refund > 0 and refund >= o.amount_fen):
            assert o.paid_at
            yield Paid(o.order_id, o.contact_id, o.paid_at, o.amount_fen - refund, o.cost_fen)


@dataclass
class Person:
    pk: int
    channel: int | None
    owner: int | None
    referrer: int | None
    reached: datetime | None
    orders: list[tuple[datetime, int]] = field(default_factory=list)  # paid before as_of: margin
    rewards: list[tuple[datetime, int]] = field(default_factory=list)
    moves: list[StageMove] = field(default_factory=list)

    @property
    def first(self) -> datetime | None:
        return min((at for at, _margin in self.orders), default=None)

    def within(self, d: int) -> int:
        assert self.first
        return sum(margin for at, margin in self.orders if at <= self.first + d * DAY)


class World:
    """Everything that is known of a tenant before `as_of`."""

    def __init__(self, tenant: Tenant, as_of: datetime) -> None:
        self.tenant, self.as_of = tenant, as_of
        self.people = {
            c.pk: Person(
                c.pk, c.channel_id, c.owner_id, c.referrer_id, before(c.acquired_at, as_of)
            )
            for c in Contact.objects.all()
        }
        for o in paid_orders(as_of):
            self.people[o.contact].orders.append((o.at, o.margin))
        for e in Event.objects.filter(kind="reward.paid", at__lt=as_of):
            fen = int(Decimal(str(e.properties["amount"])) * 100)
            self.people[e.contact_id].rewards.append((e.at, fen))
        for m in StageMove.objects.filter(at__lt=as_of):
            self.people[m.contact_id].moves.append(m)
        self.stages = list(Stage.objects.order_by("position"))
        self.names = dict(Channel.objects.values_list("pk", "name"))

    def midnight(self, day: date) -> datetime:
        return datetime(day.year, day.month, day.day, tzinfo=self.tenant.tz)

    def inside(self, at: datetime | None, start: date, end: date) -> bool:
        return at is not None and self.midnight(start) <= at < self.midnight(end)

    # --- value ---

    def value(
        self,
        start: date,
        end: date,
        group: str,
        channel: int | None = None,
        owners: set[int] | None = None,
    ) -> list[dict[str, Any]]:
        people = [
            p
            for p in self.people.values()
            if (channel is None or p.channel == channel) and (owners is None or p.owner in owners)
        ]
        costs = [
            c
            for c in Cost.objects.all()
            if start <= c.date < end
            and self.midnight(c.date) < self.as_of
            and (channel is None or c.channel_id == channel)
            and owners is None
        ]
        rows = []
        if group == "month":
            day = start
            while day < end:
                after = min((day.replace(day=1) + timedelta(days=32)).replace(day=1), end)
                inside = [c for c in costs if day <= c.date < after]
                name = f"{day.year:04}-{day.month:02}"
                rows.append(self.row(name, people, inside, day, after, owners))
                day = after
            return rows
        found = {c.channel_id for c in costs} | {
            p.channel
            for p in people
            if self.inside(p.reached, start, end) or self.inside(p.first, start, end)
        }
        names = sorted(found, key=lambda pk: (pk is None, self.names.get(pk or 0, "")))
        for pk in names:
            mine = [p for p in people if p.channel == pk]
            inside = [c for c in costs if c.channel_id == pk]
            name_of = None if pk is None else self.names[pk]
            rows.append(self.row(name_of, mine, inside, start, end, owners))
        return rows

    def row(
        self,
        name: str | None,
        people: list[Person],
        costs: list[Cost],
        start: date,
        end: date,
        owners: set[int] | None,
    ) -> dict[str, Any]:
        cost = None if owners is not None else sum(c.amount_fen for c in costs)
        new = [p for p in people if self.inside(p.reached, start, end)]
        won = [p for p in people if self.inside(p.first, start, end)]
        customers = [p for p in new if p.first]
        cohort_cac = ratio(cost, len(customers))
        ltv = {d: self.ltv(customers, d) for d in DAYS}
        known = [d for d in DAYS if ltv[d] is not None]
        days = max(known) if cohort_cac and known else None
        longest = ltv[days] if days else None
        payback = None
        if cohort_cac is not None:
            by_day = ((d, self.ltv(customers, d)) for d in range(366))
            payback = next((d for d, v in by_day if v is not None and v >= cohort_cac), None)
        return {
            "group": name,
            "cost": money(cost),
            "new_contacts": len(new),
            "new_customers": len(won),
            "cost_per_contact": money(ratio(cost, len(new))),
            "cac": money(ratio(cost, len(won))),
            "cac_cohort": money(cohort_cac),
            "ltv": {str(d): money(ltv[d]) for d in DAYS},
            "ltv_referral": {str(d): money(self.ltv_referral(customers, d)) for d in DAYS},
            "ltv_cac": float(longest / cohort_cac) if longest is not None and cohort_cac else None,
            "ltv_cac_days": days,
            "payback_days": payback,
        }

    def observed(self, p: Person, d: int) -> bool:
        return p.first is not None and p.first + d * DAY <= self.as_of

    def ltv(self, customers: list[Person], d: int) -> Fraction | None:
        seen = [p for p in customers if self.observed(p, d)]
        return ratio(sum(p.within(d) for p in seen), len(seen))

    def ltv_referral(self, customers: list[Person], d: int) -> Fraction | None:
        seen = [p for p in customers if self.observed(p, d)]
        total = 0
        for i in seen:
            assert i.first
            total += i.within(d)
            total += sum(
                j.within(d)
                for j in self.people.values()
                if j.referrer == i.pk and self.observed(j, d)
            )
            total -= sum(fen for at, fen in i.rewards if at <= i.first + d * DAY)
        return ratio(total, len(seen))

    # --- funnel ---

    def cohort(
        self, start: date, end: date, channel: int | None = None, owners: set[int] | None = None
    ) -> list[dict[str, Any]]:
        place = {s.pk: n for n, s in enumerate(self.stages)}
        reached: dict[int, int] = defaultdict(int)
        gaps: dict[int, list[Fraction]] = defaultdict(list)
        for p in self.people.values():
            if channel not in (None, p.channel) or (owners is not None and p.owner not in owners):
                continue
            if not p.moves or not self.inside(min(m.at for m in p.moves), start, end):
                continue
            deepest = max(place[m.to_stage_id] for m in p.moves)
            for k in range(deepest + 1):
                reached[k] += 1
                if k:
                    now, was = entry(p, place, k), entry(p, place, k - 1)
                    if now is not None and was is not None:
                        gaps[k].append(seconds(now - was))
        answer = []
        for k, stage in enumerate(self.stages):
            heads, before_, first = reached[k], reached[k - 1] if k else 0, reached[0]
            answer.append(
                {
                    "key": stage.key,
                    "name": str(stage),
                    "reached": heads,
                    "rate_from_previous": heads / before_ if k and before_ else None,
                    "rate_from_first": heads / first if first else None,
                    "median_seconds_from_previous": float(median(gaps[k])) if gaps[k] else None,
                }
            )
        return answer

    def snapshot(
        self, channel: int | None = None, owners: set[int] | None = None
    ) -> dict[str, int]:
        place = {s.pk: n for n, s in enumerate(self.stages)}
        heads = {s.key: 0 for s in self.stages}
        for p in self.people.values():
            if channel not in (None, p.channel) or (owners is not None and p.owner not in owners):
                continue
            if p.moves:
                last = max(
                    p.moves, key=lambda m: (m.at, m.why == "person", place[m.to_stage_id], m.pk)
                )
                heads[self.stages[place[last.to_stage_id]].key] += 1
        return heads


def entry(p: Person, place: dict[int, int], k: int) -> datetime | None:
    """When stage k was first reached, if by entering it: a stage passed over has no time (R35)."""
    reached = min(m.at for m in p.moves if place[m.to_stage_id] >= k)
    own = [m.at for m in p.moves if place[m.to_stage_id] == k]
    return reached if own and min(own) == reached else None


def seconds(span: timedelta) -> Fraction:
    return Fraction(span // timedelta(microseconds=1), 1_000_000)


def before(at: datetime | None, as_of: datetime) -> datetime | None:
    return at if at is not None and at < as_of else None


def ratio(part: int | None, whole: int) -> Fraction | None:
    return None if part is None or not whole else Fraction(part, whole)
