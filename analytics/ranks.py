"""What did each customer of a period bring, and who stands how far up? Numbers of many customers.

Sorting and counting them takes NumPy a tenth of the time that window functions take the database;
it is loaded where this module is, with the first such report.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from analytics import buying, hindsight, order_days, packed_numbers
from analytics.packed_numbers import Whole
from analytics.periods import Question, among

Numbers = NDArray[np.float64]
# Fen, orders, microseconds since 1970: whole numbers up to 2⁵³, of which sums of doubles are exact.
Figure = Literal["worth", "orders", "last"]
_COLUMNS: Final[Mapping[Figure, order_days.Figure]] = {
    "worth": "revenues", "orders": "orders", "last": "lasts",
}  # fmt: skip
_FIGURES: Final[Mapping[Figure, str]] = {
    "worth": f"sum(({buying.REVENUE})::float8)",
    "orders": "count(*)::float8",
    "last": "(extract(epoch FROM max(paid_at)) * 1000000)::float8",
}
_BUYERS = f"""
SELECT string_agg({{packed}}, '') FROM (
  SELECT {{figures}} FROM contacts_order WHERE {buying.PAID} GROUP BY contact_id) buyer
"""  # noqa: S608 - our own names


def of_buyers(question: Question, *figures: Figure) -> list[Numbers]:
    """Inside a scope: a column for each figure, with a number of each customer of the period."""
    if question.of_everybody and hindsight.begun():
        return _of_days(question, figures)
    return _of_orders(question, figures)


def _of_days(question: Question, figures: Sequence[Figure]) -> list[Numbers]:
    days = order_days.read(question, [_COLUMNS[figure] for figure in figures])
    if not days:
        return [np.empty(0) for _figure in figures]
    places = packed_numbers.places(_column(days, 0, np.int64))
    seen = np.zeros(int(places.max()) + 1, np.bool_)
    seen[places] = True
    there = np.flatnonzero(seen)
    found = []
    for number, figure in enumerate(figures, start=1):
        column = _column(days, number, np.float64)
        if figure == "last":  # days are in their order: the last one stays
            each: NDArray[Any] = np.empty(len(seen))
            each[places] = column
        else:
            each = np.bincount(places, weights=column)
        found.append(each[there])
    return found


def _column(days: Sequence[order_days.Day], number: int, kind: type[Any]) -> NDArray[Any]:
    return packed_numbers.joined([(day.columns[number], day.buyers) for day in days], kind)


def buyers_by_channel(question: Question) -> dict[int, int]:
    """Inside a scope, of every channel, 0 for none: how many of its contacts bought in the period.

    Not of a part of them by person; facts have to be there (hindsight.begun).
    """
    days = order_days.read(question, ["channels"])
    if not days:
        return {}
    places = packed_numbers.places(_column(days, 0, np.int64))
    channel_of = np.full(int(places.max()) + 1, -1)
    channel_of[places] = _column(days, 1, np.int64)
    channels, buyers = np.unique(channel_of[channel_of >= 0], return_counts=True)
    return dict(zip(channels.tolist(), buyers.tolist(), strict=True))


def _of_orders(question: Question, figures: Sequence[Figure]) -> list[Numbers]:
    """All come as one value: as rows they would take longer than all that follows."""
    sql = _BUYERS.format(
        packed=" || ".join(f"float8send({figure})" for figure in figures),
        figures=", ".join(f"{_FIGURES[figure]} AS {figure}" for figure in figures),
        among=among(question),
    )
    ((packed,),) = buying.rows(sql, buying.given(question))
    rows = np.frombuffer(packed or b"", [(figure, ">f8") for figure in figures])
    return [rows[figure].astype(np.float64) for figure in figures]


def ascending(values: Numbers) -> Whole:
    """Whole numbers, the smallest first."""
    return np.sort(values).astype(np.int64)


def scores(values: Numbers, best: int) -> Whole:
    """1 + ⌊best × those strictly worse ÷ all⌋: one more for each border that is surpassed."""
    n, ordered = len(values), np.sort(values)
    found = np.ones(n, np.int64)
    for score in range(1, best) if n else ():
        found += values > ordered[(score * n + best - 1) // best - 1]
    return found


def weighted(values: Whole) -> int:
    """Σ i·value, i from 1 on."""
    return int(values @ np.arange(1, len(values) + 1))


def counted(keys: Whole, values: Numbers) -> list[tuple[int, int, int]]:
    """Each key that there is, in order: how many have it, and the sum of their values."""
    heads, sums = np.bincount(keys), np.bincount(keys, weights=values)
    return [(int(key), int(heads[key]), int(sums[key])) for key in np.flatnonzero(heads)]
