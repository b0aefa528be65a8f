"""What was learnt of a tenant's purchases? A fit as it is kept, without the mathematics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction
from typing import Final

from django.utils.translation import gettext as _

from analytics.exact import ratio

FITTED: Final = "bgnbd+gammagamma"
COHORT: Final = "cohort"
HORIZON_DAYS: Final = 365
AGES: Final = (30, 60, 90, 180, 365)
# What there must be before a model is fitted.
CUSTOMERS, HISTORY_DAYS, REPEATERS, OFTEN = 500, 180, 100, 3


class Reason(StrEnum):
    """Why there is no fitted model."""

    NO_CUSTOMERS = "no_customers"
    FEW_CUSTOMERS = "few_customers"
    SHORT_HISTORY = "short_history"
    FEW_REPEATERS = "few_repeaters"
    NONE_OFTEN = "none_often"
    NO_REVENUE = "no_revenue"
    NO_CONVERGENCE = "no_convergence"


@dataclass(frozen=True)
class Sums:
    """Of some customers, as of a moment: how many they are, how many bought on two days or more,
    and what the next 365 days will bring, orders and `worth` in fen; 0 where nothing was fitted.
    `curve` has the margin (fen) within so many days of their first purchases, and the number of
    those observed so long.
    """

    customers: int = 0
    repeaters: int = 0
    curve: Mapping[str, list[int]] = field(default_factory=dict)
    worth: float = 0.0
    orders: float = 0.0

    @property
    def means(self) -> dict[str, Fraction | None]:
        """Days since the first purchase → mean margin of those observed so long."""
        return {d: ratio(sum_, n) for d, (sum_, n) in self.curve.items()}


@dataclass(frozen=True)
class Fit(Sums):
    """What was learnt as of a moment, in words of JSON, and the sums over all customers.

    `margin` ÷ `revenue` is that of all paid orders, in fen. `backtest` has the repeat purchases by
    week of the hold-out, "expected" from what was known before it, and "actual".
    """

    history_days: int = 0
    revenue: int = 0
    margin: int = 0
    reason: str = ""
    purchases: Mapping[str, float] = field(default_factory=dict)
    spending: Mapping[str, float] = field(default_factory=dict)
    backtest: Mapping[str, list[float]] | None = None
    # Heads by tenths of P(alive).
    alive: list[int] = field(default_factory=list)

    @property
    def model(self) -> str | None:
        if not self.reason:
            return FITTED
        return COHORT if any(mean is not None for mean in self.means.values()) else None

    @property
    def margin_rate(self) -> Fraction | None:
        return ratio(self.margin, self.revenue)


def why(fit: Fit) -> str:
    """In a sentence: what is missing for a model of each customer."""
    sentences = {
        Reason.NO_CUSTOMERS: _("Nobody has bought yet."),
        Reason.FEW_CUSTOMERS: _("Customers so far: %(n)s. The model needs %(least)s.")
        % {"n": fit.customers, "least": CUSTOMERS},
        Reason.SHORT_HISTORY: _("Days since the first order: %(n)s. The model needs %(least)s.")
        % {"n": fit.history_days, "least": HISTORY_DAYS},
        Reason.NONE_OFTEN: _("No customer has bought on %(n)s days or more yet.") % {"n": OFTEN},
        Reason.FEW_REPEATERS: _("Customers who bought again: %(n)s. The model needs %(least)s.")
        % {"n": fit.repeaters, "least": REPEATERS},
        Reason.NO_REVENUE: _("The orders have no amounts."),
        Reason.NO_CONVERGENCE: _("These purchases follow no pattern that the model knows."),
    }
    return sentences[Reason(fit.reason)] if fit.reason else ""
