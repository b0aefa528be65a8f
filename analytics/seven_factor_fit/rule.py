"""The seven-factor fit of DOMAIN.md §6: points, their weighted mean, and how suited that is.

The factors are those of Guosen Securities' study of private traffic (2020), as the trade quotes
them. The levels, the weights, the bands and the presets of industries are our own judgement;
docs/figures.md states all of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import Final

from analytics.models.seven_factor_fit import Industry

LOWEST, HIGHEST = 1, 5
Answers = Mapping[str, int]  # by key of a factor, as they were chosen


class Suited(StrEnum):
    MADE = "made"
    WELL = "well"
    PARTLY = "partly"
    HARDLY = "hardly"


@dataclass(frozen=True)
class Factor:
    """`weight` is its part of the mean; `turned`: the less there is of it, the more points."""

    key: str
    weight: int
    turned: bool = False

    def points(self, level: int) -> int:
        return LOWEST + HIGHEST - level if self.turned else level


FACTORS: Final[Sequence[Factor]] = (
    Factor("trial_cost", 2),
    Factor("brand_strength", 1, turned=True),
    Factor("loyalty", 2),
    Factor("purchase_cycle", 3),
    Factor("audience_precision", 2),
    Factor("differentiation", 2),
    Factor("order_value", 3),
)
KEYS: Final = tuple(factor.key for factor in FACTORS)

# From this mean on.
BANDS: Final[Sequence[tuple[Fraction, Suited]]] = (
    (Fraction(4), Suited.MADE),
    (Fraction(13, 4), Suited.WELL),
    (Fraction(5, 2), Suited.PARTLY),
    (Fraction(1), Suited.HARDLY),
)

# Levels in the order of FACTORS.
_PRESETS: Final[Mapping[Industry, Sequence[int]]] = {
    Industry.BEAUTY: (3, 4, 4, 4, 3, 3, 3),
    Industry.MOTHER_BABY: (4, 3, 4, 5, 5, 3, 3),
    Industry.HEALTH: (4, 3, 4, 4, 4, 3, 3),
    Industry.PETS: (3, 3, 4, 5, 5, 3, 2),
    Industry.CLOTHING: (3, 3, 3, 3, 3, 4, 3),
    Industry.JEWELLERY: (5, 3, 3, 2, 4, 5, 5),
    Industry.FOOD: (2, 3, 3, 5, 2, 2, 2),
    Industry.RESTAURANTS: (1, 3, 3, 5, 2, 3, 1),
    Industry.EDUCATION: (5, 3, 3, 3, 5, 4, 5),
    Industry.INSURANCE: (5, 4, 4, 3, 4, 2, 5),
    Industry.APPLIANCES: (3, 4, 2, 2, 2, 2, 4),
    Industry.CARS: (5, 4, 2, 1, 3, 3, 5),
    Industry.HOUSEHOLD: (1, 2, 1, 4, 1, 1, 1),
}


def preset(industry: Industry) -> dict[str, int]:
    return dict(zip(KEYS, _PRESETS[industry], strict=True))


def points(answers: Answers) -> dict[str, int]:
    return {factor.key: factor.points(answers[factor.key]) for factor in FACTORS}


def mean(answers: Answers) -> Fraction:
    """Σ weight × points ÷ Σ weights: 1 to 5."""
    got = points(answers)
    total = sum(factor.weight * got[factor.key] for factor in FACTORS)
    return Fraction(total, sum(factor.weight for factor in FACTORS))


def suited(exact: Fraction) -> Suited:
    return next(band for least, band in BANDS if exact >= least)


# --- what to start with ---

STRONG, WEAK, MOST = 4, 2, 2


@dataclass(frozen=True)
class Start:
    """A factor to begin with: one to build on, or one to make up for."""

    factor: Factor
    points: int
    strength: bool


def starts(answers: Answers) -> list[Start]:
    """The two factors with most points, if 4 or more; then the two with fewest, if 2 or fewer.

    Among equals the heavier one, then the order of the questionnaire. All in the middle: the
    highest one alone.
    """
    got = points(answers)
    high = sorted(FACTORS, key=lambda factor: (-got[factor.key], -factor.weight))
    low = sorted(FACTORS, key=lambda factor: (got[factor.key], -factor.weight))
    strong = [factor for factor in high[:MOST] if got[factor.key] >= STRONG]
    weak = [factor for factor in low[:MOST] if got[factor.key] <= WEAK]
    if not strong and not weak:
        strong = high[:1]
    return [Start(factor, got[factor.key], factor in strong) for factor in (*strong, *weak)]
