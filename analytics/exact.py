"""Exact numbers of figures: whole fen and fractions of them, null where nothing is to divide by."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction


def ratio(part: Fraction | int | None, whole: Fraction | int | None) -> Fraction | None:
    return None if part is None or not whole else Fraction(part) / whole


def fen(exact: Fraction | int | None) -> int | None:
    """Whole fen, half up in size (FIGURES R6)."""
    if exact is None:
        return None
    size = abs(Fraction(exact))
    rounded = (2 * size.numerator + size.denominator) // (2 * size.denominator)
    return rounded if exact >= 0 else -rounded


def apportioned(exact: Sequence[Fraction]) -> list[int]:
    """Whole fen that sum up to the (whole) sum of the shares: the largest remainders are rounded
    up.
    """
    whole = [share.numerator // share.denominator for share in exact]
    rest = int(sum(exact, Fraction(0))) - sum(whole)
    order = sorted(range(len(exact)), key=lambda n: (whole[n] - exact[n], n))
    for place in order[:rest]:
        whole[place] += 1
    return whole
