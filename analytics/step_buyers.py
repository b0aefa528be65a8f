"""Which of those who passed a step bought, and what did they bring? By NumPy, which is loaded where
this module is, with the first such report.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from analytics import packed_numbers
from analytics.order_days import Day


def of_steps(
    passed: Sequence[tuple[int, memoryview]], days: Sequence[Day]
) -> Iterator[tuple[int, int, int, int]]:
    """Of each step, of which the ids of contacts are given, eight bytes each: how many they are,
    how many of them bought, and the margin of the days' orders, fen.
    """
    buyers = packed_numbers.joined([(day.columns[0], day.buyers) for day in days], np.int64)
    margins = packed_numbers.joined([(day.columns[1], day.buyers) for day in days], np.float64)
    known, places = np.unique(buyers, return_inverse=True)
    earned = np.bincount(places, weights=margins)  # whole numbers, exact up to 2⁵³
    for step, packed in passed:
        contacts = np.sort(np.frombuffer(packed, ">i8").astype(np.int64))
        there = np.searchsorted(contacts, known)
        bought = np.append(contacts, known[-1:] + 1)[there] == known
        yield step, len(contacts), int(bought.sum()), int(earned[bought].sum())
