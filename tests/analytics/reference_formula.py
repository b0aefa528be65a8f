"""The formula and the three rates once more: slow, from raw rows, word by word as in FIGURES."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from itertools import pairwise
from typing import Any

from contacts.models import Contact, Event, ReachSpell
from tenants.models import Tenant
from tests.analytics.reference import before, money, paid_orders

WEEK, MONTH = timedelta(seconds=7 * 86_400), timedelta(seconds=30 * 86_400)
FACTORS = ("assets", "reach", "conversion", "aov")


class World:
    """Everything that is known of a tenant before `as_of`, of the contacts that filters allow."""

    def __init__(
        self,
        tenant: Tenant,
        as_of: datetime,
        channel: int | None = None,
        owners: set[int] | None = None,
    ) -> None:
        self.tenant = tenant
        people = {
            c.pk
            for c in Contact.objects.all()
            if (channel is None or c.channel_id == channel)
            and (owners is None or c.owner_id in owners)
        }
        self.spells = [
            (s.contact_id, s.staff_id is not None, s.opened_at, before(s.ended_at, as_of))
            for s in ReachSpell.objects.all()
            if s.contact_id in people and s.opened_at < as_of
        ]
        self.events: dict[str, list[tuple[int, datetime]]] = defaultdict(list)
        for e in Event.objects.filter(contact_id__in=people, at__lt=as_of):
            self.events[e.kind].append((e.contact_id, e.at))
        self.orders = [
            (o.contact, o.at, o.revenue) for o in paid_orders(as_of) if o.contact in people
        ]

    def period(self, start: date, end: date) -> tuple[datetime, datetime]:
        zone = self.tenant.tz
        days = (datetime(d.year, d.month, d.day, tzinfo=zone) for d in (start, end))
        return next(days), next(days)

    def first(self, kind: str, start: datetime, end: datetime) -> dict[int, datetime]:
        found: dict[int, datetime] = {}
        for pk, at in self.events[kind]:
            if start <= at < end:
                found[pk] = min(at, found.get(pk, at))
        return found

    def formula(self, first_day: date, after: date) -> dict[str, Any]:
        start, end = self.period(first_day, after)
        assets = {
            pk
            for pk, _friend, opened, ended in self.spells
            if opened < end and (ended is None or ended > start)
        }
        reached = {
            pk: at for pk, at in self.first("touch.delivered", start, end).items() if pk in assets
        }
        paid = [(pk, at, fen) for pk, at, fen in self.orders if start <= at < end]
        theirs = [fen for pk, at, fen in paid if pk in reached and at >= reached[pk]]
        return {
            "assets": len(assets),
            "reached": len(reached),
            "orders": len(theirs),
            "revenue": sum(theirs),
            "paid": sum(fen for _pk, _at, fen in paid),
        }

    def rates(self, first_day: date, after: date) -> tuple[int, int, int, int]:
        scanned = self.first("livecode.scanned", *self.period(first_day, after))
        added: dict[int, datetime] = {}
        for pk, friend, opened, _ended in self.spells:
            if friend and pk in scanned and scanned[pk] <= opened <= scanned[pk] + WEEK:
                added[pk] = min(opened, added.get(pk, opened))

        def wrote(pk: int, kind: str) -> bool:
            return any(
                who == pk and added[pk] <= at <= added[pk] + WEEK for who, at in self.events[kind]
            )

        served = {pk for pk in added if wrote(pk, "message.received") and wrote(pk, "message.sent")}
        bought = {
            pk
            for pk, at, _fen in self.orders
            if pk in served and added[pk] <= at <= added[pk] + MONTH
        }
        return len(scanned), len(added), len(served), len(bought)


def shown(figures: dict[str, Any]) -> dict[str, Any]:
    """As the endpoint answers."""
    assets, reached, orders, revenue = (
        figures[name] for name in ("assets", "reached", "orders", "revenue")
    )
    aov = None
    if orders:
        exact = Decimal(revenue) / Decimal(100 * orders)
        aov = str(exact.quantize(Decimal("0.000001"), ROUND_HALF_UP))
    return {
        "assets": assets,
        "reached": reached,
        "orders": orders,
        "revenue": money(revenue),
        "reach": reached / assets if assets else None,
        "conversion": orders / reached if reached else None,
        "aov": aov,
        "unreached_revenue": money(figures["paid"] - revenue),
    }


def factors(figures: dict[str, Any]) -> list[Fraction | None]:
    heads = [figures[name] for name in ("assets", "reached", "orders", "revenue")]
    return [Fraction(heads[0])] + [
        Fraction(part, whole) if whole else None for whole, part in pairwise(heads)
    ]


def exact_shares(now: dict[str, Any], was: dict[str, Any]) -> list[float]:
    """R28 without rounding, in floating point: near enough to say which fen is meant."""
    r1, r0 = now["revenue"], was["revenue"]
    mean = r1 if r1 == r0 else (r1 - r0) / math.log(r1 / r0)
    pairs: Iterable[Any] = zip(factors(now), factors(was), strict=True)
    return [mean * math.log(one / other) for one, other in pairs]
