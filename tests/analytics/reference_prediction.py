"""Predicted LTV once more: slow, from raw rows, customer by customer, following FIGURES R25."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from scipy.special import hyp2f1

from contacts.models import Contact
from tenants.models import Tenant
from tests.analytics.reference import paid_orders


@dataclass
class Customer:
    by_day: dict[date, int] = field(default_factory=dict)  # net revenue, fen

    def history(self, last_day: date) -> tuple[int, float, float]:
        """x, t_x, T in weeks."""
        first, last = min(self.by_day), max(self.by_day)
        return len(self.by_day) - 1, (last - first).days / 7, (last_day - first).days / 7

    @property
    def mean(self) -> float:
        """Net revenue of a repeat date, in the currency's unit; 0 where there is none."""
        first = min(self.by_day)
        later = [fen for day, fen in self.by_day.items() if day != first]
        return sum(later) / len(later) / 100 if later else 0.0


class Past:
    """What is known of a tenant's purchases before `as_of`."""

    def __init__(self, tenant: Tenant, as_of: datetime) -> None:
        self.customers: dict[int, Customer] = {}
        self.revenue = self.margin = 0
        for o in paid_orders(as_of):
            day = o.at.astimezone(tenant.tz).date()
            days = self.customers.setdefault(o.contact, Customer()).by_day
            days[day] = days.get(day, 0) + o.revenue
            self.revenue += o.revenue
            self.margin += o.margin
        self.last_day = (as_of - timedelta(microseconds=1)).astimezone(tenant.tz).date()

    def repeaters(self) -> int:
        return sum(len(c.by_day) > 1 for c in self.customers.values())

    def log_likelihood(self, params: dict[str, float]) -> float:
        """Of both models together."""
        r, alpha, a, b = (params[name] for name in ("r", "alpha", "a", "b"))
        p, q, v = (params[name] for name in ("p", "q", "v"))
        total = 0.0
        for customer in self.customers.values():
            x, t_x, seen = customer.history(self.last_day)
            stays = lbeta(a, b + x) - (r + x) * math.log(alpha + seen)
            parts = [stays]
            if x:
                parts.append(lbeta(a + 1, b + x - 1) - (r + x) * math.log(alpha + t_x))
            top = max(parts)
            total += (
                r * math.log(alpha) + math.lgamma(r + x) - math.lgamma(r) - lbeta(a, b)
                + top + math.log(sum(math.exp(part - top) for part in parts))
            )  # fmt: skip
            m = customer.mean
            if x and m > 0:
                total += (
                    math.lgamma(p * x + q) - math.lgamma(p * x) - math.lgamma(q) + q * math.log(v)
                    + (p * x - 1) * math.log(m) + p * x * math.log(x)
                    - (p * x + q) * math.log(x * m + v)
                )  # fmt: skip
        return total

    def of(self, contact: Contact, params: dict[str, float]) -> tuple[float, float | None]:
        """(predicted LTV in the currency's unit, P(alive))."""
        customer = self.customers.get(contact.pk)
        if customer is None:
            return 0.0, None
        r, alpha, a, b = (params[name] for name in ("r", "alpha", "a", "b"))
        p, q, v = (params[name] for name in ("p", "q", "v"))
        x, t_x, seen = customer.history(self.last_day)
        weeks = 365 / 7
        ratio = (alpha + seen) / (alpha + seen + weeks)
        series = float(hyp2f1(r + x, b + x, a + b + x - 1, 1 - ratio))
        expected = (a + b + x - 1) / (a - 1) * (1 - ratio ** (r + x) * series)
        alive = 1.0
        if x:
            alive = 1 / (1 + a / (b + x - 1) * ((alpha + seen) / (alpha + t_x)) ** (r + x))
        worth = p * (v + x * customer.mean) / (p * x + q - 1)
        return expected * alive * worth * self.margin / self.revenue, alive


def lbeta(a: float, b: float) -> float:
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)
