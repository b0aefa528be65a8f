"""What do packed columns hold? Their numbers, as NumPy counts with them (packed.py)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from analytics.packed import Column

Whole = NDArray[np.int64]
# How many places for each number: more would take longer to look through than to sort.
_SPARSE: Final = 16


def joined(parts: Sequence[tuple[Column, int]], kind: type[Any]) -> NDArray[Any]:
    """The columns one after the other; of each the number of its rows is known."""
    if not parts:
        return np.empty(0, kind)
    return np.concatenate([numbers(column, rows) for column, rows in parts], dtype=kind)


def numbers(column: Column, rows: int) -> NDArray[Any]:
    """Of a column of so many rows, at least one."""
    size = len(column) // rows
    return np.frombuffer(column, f">{'i' if size == 8 else 'u'}{size}")


def places(ids: Whole) -> Whole:
    """A place for each id, at least one, from 0 on: some may be left free."""
    least = int(ids.min())
    if int(ids.max()) - least < _SPARSE * len(ids):
        return ids - least
    return np.unique(ids, return_inverse=True)[1]
