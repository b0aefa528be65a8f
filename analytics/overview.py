"""How is the business? The few figures that an owner looks at first, each as its report has it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import Final

from analytics import baselines, funnel, newcomers, rates, value
from analytics.assets import statement
from analytics.models.alerts import Alert
from analytics.periods import Question
from analytics.rates import Rates

DAYS: Final = 90  # shorter, few new customers are observed for thirty days
ALERTS: Final = 5
ASSETS: Final = (
    "opening", "acquired", "returned", "lost_by_customer", "lost_by_staff", "closing"
)  # fmt: skip


@dataclass(frozen=True)
class Overview:
    """Of one period; money in fen. `days` is what happened day by day, zeros left out."""

    money: value.Row
    channels: Sequence[value.Row]
    assets: statement.Row
    rates: Rates
    steps: Sequence[funnel.Step]
    days: Mapping[str, Mapping[date, int]]

    @property
    def revenue(self) -> int:
        return sum(self.days["revenue"].values())

    @property
    def orders(self) -> int:
        return sum(self.days["orders"].values())

    @property
    def best(self) -> value.Row | None:
        """The channel whose customers bring the most for what they cost."""
        return max(self._judged(), key=_worth, default=None)

    @property
    def worst(self) -> value.Row | None:
        """Where there are two to compare."""
        judged = self._judged()
        return min(judged, key=_worth) if len(judged) > 1 else None

    def _judged(self) -> list[value.Row]:
        return [row for row in self.channels if row.name is not None and row.ltv_cac is not None]


def _worth(row: value.Row) -> Fraction:
    return row.ltv_cac or Fraction(0)


def report(question: Question) -> Overview:
    """Inside a scope, with facts up to date."""
    found = value.report(question, "channel")
    return Overview(
        money=found.total,
        channels=found.rows,
        assets=statement.heads(question),
        rates=rates.report(question),
        steps=funnel.cohort(question),
        days=_by_day(question),
    )


def _by_day(question: Question) -> dict[str, Mapping[date, int]]:
    came = newcomers.counts(question, "day").items()
    return {
        **baselines.daily(question, question.span.start),
        "cost": value.costs_by_day(question),
        "new_customers": {
            day: won for day, (_new, won) in came if won and isinstance(day, date)
        },
    }  # fmt: skip


def alerts() -> tuple[Sequence[Alert], int]:
    """Inside a scope: the latest that nobody has seen to, and how many there are."""
    still = Alert.objects.filter(state=Alert.State.OPEN)
    return list(still.order_by("-day", "-id")[:ALERTS]), still.count()
