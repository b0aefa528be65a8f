"""What would somebody tell the owner who has a minute? The few things that changed, and why.

Everything is compared with the period before, if the business had begun by then. The cause of a
change in revenue is the factor of the formula that explains most of it (FIGURES R28), or what was
bought without reach.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from analytics import baselines, formula, satisfaction, trust_mix
from analytics.formula import FACTORS, Formula
from analytics.models.goals import KpiSettings
from analytics.periods import Question
from analytics.prediction import forecasts
from analytics.satisfaction import Level
from analytics.trust_mix import Mix

UNREACHED: Final = "unreached"  # a cause beside FACTORS


@dataclass(frozen=True)
class Cause:
    """Fen of the change in revenue that are due to one of FACTORS, or to UNREACHED."""

    name: str
    fen: int


@dataclass(frozen=True)
class Before:
    """The same of the period before."""

    revenue: int
    deletes: int
    satisfaction: Level
    cause: Cause | None


@dataclass(frozen=True)
class Brief:
    """What the overview does not have: money in fen. `before` None: the business had not begun
    by then.
    `foretold` is the margin that today's customers will bring within a year; None where nobody
    knows, or where the question is not of everybody and now.
    """

    satisfaction: Level
    mix: Mix
    floor: int
    before: Before | None
    foretold: float | None


def report(question: Question) -> Brief:
    """Inside a scope, with facts up to date."""
    return Brief(
        satisfaction=satisfaction.level(question),
        mix=trust_mix.mix(question),
        floor=KpiSettings.of_tenant().trust_floor,
        before=_before(question),
        foretold=_foretold(question),
    )


def _before(question: Question) -> Before | None:
    earlier = question.earlier()
    first = baselines.first_day(question)
    if first is None or first > earlier.span.start:
        return None
    now, then = formula.report(question), formula.report(earlier)
    deletes = sum(baselines.daily(earlier, earlier.span.start)["deletes"].values())
    return Before(then.paid_revenue, deletes, satisfaction.level(earlier), _cause(now, then))


def _cause(now: Formula, then: Formula) -> Cause | None:
    """What moved all paid revenue the most in the direction in which it went."""
    shares: Mapping[str, int | None] = {
        **formula.change(now, then).shares,
        UNREACHED: now.unreached_revenue - then.unreached_revenue,
    }
    up = 1 if now.paid_revenue > then.paid_revenue else -1
    known = {name: (shares[name] or 0) * up for name in (*FACTORS, UNREACHED)}
    name = max(known, key=lambda each: known[each])
    if now.paid_revenue == then.paid_revenue or known[name] <= 0:
        return None
    return Cause(name, known[name] * up)


def _foretold(question: Question) -> float | None:
    made_at = forecasts.state().as_of
    over = question.span.end <= question.today
    if made_at is None or made_at > question.as_of or over or not question.of_everybody:
        return None
    fit = forecasts.current()
    return fit.worth if fit is not None and not fit.reason else None
