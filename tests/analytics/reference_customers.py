"""Cohorts, concentration and RFM once more: slow, from raw rows, in plain Python, as FIGURES says.

Calendar months, shares and scores are counted here by loops over people, not by their formulas.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from fractions import Fraction
from typing import Any

from contacts.models import Contact
from tenants.models import Tenant
from tests.analytics.reference import Paid, money, paid_orders


@dataclass
class Buyer:
    pk: int
    orders: list[Paid] = field(default_factory=list)  # in the order of R18

    @property
    def first(self) -> Paid:
        return self.orders[0]


class Shop:
    """All who paid for something before `as_of`, of the contacts that the filters mean."""

    def __init__(
        self,
        tenant: Tenant,
        as_of: datetime,
        channel: int | None = None,
        owners: set[int] | None = None,
    ) -> None:
        self.tenant, self.as_of = tenant, as_of
        meant = {
            c.pk
            for c in Contact.objects.all()
            if (channel is None or c.channel_id == channel)
            and (owners is None or c.owner_id in owners)
        }
        found: dict[int, Buyer] = {}
        for o in paid_orders(as_of):
            if o.contact in meant:
                found.setdefault(o.contact, Buyer(o.contact)).orders.append(o)
        for buyer in found.values():
            buyer.orders.sort(key=lambda o: (o.at, o.order_id))
        self.buyers = list(found.values())

    def midnight(self, day: date) -> datetime:
        return datetime(day.year, day.month, day.day, tzinfo=self.tenant.tz)

    def inside(self, at: datetime, start: date, end: date) -> bool:
        return self.midnight(start) <= at < self.midnight(end)

    # --- R29 ---

    def cohorts(self, start: date, end: date, value: str) -> list[dict[str, Any]]:
        rows = []
        month = start.replace(day=1)
        while month < end:
            clipped = max(month, start), min(after(month), end)
            members = [b for b in self.buyers if self.inside(b.first.at, *clipped)]
            if members:
                rows.append(
                    {
                        "cohort": f"{month.year:04}-{month.month:02}",
                        "size": len(members),
                        "cells": self.cells(members, month, value),
                    }
                )
            month = after(month)
        return rows

    def cells(self, members: list[Buyer], month: date, value: str) -> list[dict[str, Any]]:
        cells: list[dict[str, Any]] = []
        while self.midnight(month) < self.as_of:
            figure: Any = None
            if self.midnight(after(month)) <= self.as_of:
                inside = [
                    [o for o in b.orders if self.inside(o.at, month, after(month))] for b in members
                ]
                figure = {
                    "retention": sum(1 for some in inside if some) / len(members),
                    "revenue": money(sum(o.revenue for some in inside for o in some)),
                    "margin": money(sum(o.margin for some in inside for o in some)),
                }[value]
            cells.append({"month": len(cells), "value": figure})
            month = after(month)
        return cells

    # --- R30 ---

    def concentration(self, start: date, end: date) -> dict[str, Any]:
        bought = [
            sum(o.revenue for o in b.orders if self.inside(o.at, start, end))
            for b in self.buyers
            if any(self.inside(o.at, start, end) for o in b.orders)
        ]
        revenue = sum(bought)
        later = sum(
            o.revenue for b in self.buyers for o in b.orders[1:] if self.inside(o.at, start, end)
        )
        ranked = sorted(bought)
        n = len(ranked)
        spread = sum((2 * i - n - 1) * x for i, x in enumerate(ranked, 1))
        return {
            "top": {
                q: part(sum(ranked[n - heads(n, q) :]), revenue) for q in ("0.1", "1", "10", "20")
            },
            "gini": part(spread, n * revenue),
            "existing_share": part(later, revenue),
        }

    # --- R31 ---

    def scores(self, start: date, end: date) -> dict[int, dict[str, int]]:
        """Scores r, f, m and the worth of each, by contact."""
        known = {}
        for b in self.buyers:
            mine = [o for o in b.orders if self.inside(o.at, start, end)]
            if mine:
                known[b.pk] = (max(o.at for o in mine), len(mine), sum(o.revenue for o in mine))

        def score(of: int, mine: Any) -> int:
            worse = sum(1 for each in known.values() if each[of] < mine)
            return 1 + 5 * worse // len(known)

        return {
            pk: {"r": score(0, last), "f": score(1, number), "m": score(2, worth), "worth": worth}
            for pk, (last, number, worth) in known.items()
        }

    def rfm(self, start: date, end: date) -> list[dict[str, Any]]:
        cells: dict[tuple[int, int, int], list[int]] = {}
        for found in self.scores(start, end).values():
            cells.setdefault((found["r"], found["f"], found["m"]), []).append(found["worth"])
        return [
            {"r": r, "f": f, "m": m, "contacts": len(worths), "revenue": money(sum(worths))}
            for (r, f, m), worths in sorted(cells.items())
        ]


def after(month: date) -> date:
    return (month + timedelta(days=32)).replace(day=1)


def heads(n: int, percent: str) -> int:
    """max(1, ceil(q·n)), nobody of nobody."""
    exact = Fraction(percent) / 100 * n
    return min(n, max(1, -(-exact.numerator // exact.denominator)))


def part(share: int, whole: int) -> float | None:
    return float(Fraction(share, whole)) if whole else None
