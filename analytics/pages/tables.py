"""How are figures laid out: summary, chart, table and definitions of a dashboard?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from analytics import shown


@dataclass(frozen=True)
class Figure:
    """What of a card can be compared: of a `rate` the change is in percentage points. `good` is 1
    where more is better, -1 where less is, 0 where neither is.
    """

    value: Fraction | int | None
    good: int = 0
    rate: bool = False


@dataclass(frozen=True)
class Change:
    """How a figure moved since another period; `was` is what it was then, as far as it is known."""

    text: str
    was: str
    tone: str


class Counted(str):
    """A count, as it is shown, of contacts or orders that a list can show: those `of` a figure.
    `given` are parameters beside those of the page. The page fills in `url`.
    """

    __slots__ = ("given", "of", "url")

    of: str
    given: Mapping[str, object]
    url: str


def counted(number: int, of: str, sign: str = "", /, **given: object) -> str:
    """Nobody is in no list."""
    if not number:
        return shown.count(number)
    text = Counted(sign + shown.count(number))
    text.of, text.given, text.url = of, given, ""
    return text


def spark(values: Sequence[int]) -> str:
    """Points of a line in a box of 100 × 28, a point for each value; nothing of nothing."""
    if len(values) < 2 or not any(values):
        return ""
    top, bottom = max(values), min(0, *values)
    height = (top - bottom) or 1
    step = 100 / (len(values) - 1)
    return " ".join(
        f"{n * step:.1f},{26 - 24 * (v - bottom) / height:.1f}" for n, v in enumerate(values)
    )


@dataclass
class Card:
    """A figure at a glance. The page fills in the `change`; `url` is where more is said of it."""

    title: str
    text: str
    note: str = ""
    tone: str = ""
    figure: Figure | None = None
    change: Change | None = None
    url: str = ""


@dataclass(frozen=True)
class Column:
    """A heading, and in one sentence what stands below it."""

    title: str
    meaning: str = ""


@dataclass
class Table:
    """`rows` read as people read them, `raw` as programs do (the file)."""

    columns: list[Column]
    rows: list[list[str]] = field(default_factory=list)
    raw: list[list[object]] = field(default_factory=list)
    total: list[str] = field(default_factory=list)
    cards: list[Card] = field(default_factory=list)
    tiles: list[Card] = field(default_factory=list)  # which the page lays out itself
    chart: dict[str, object] = field(default_factory=dict)
    meanings: list[Column] = field(default_factory=list)  # of figures that are rows

    @property
    def all_cards(self) -> list[Card]:
        return [*self.cards, *self.tiles]

    @property
    def wide(self) -> bool:
        return len(self.columns) > 8

    @property
    def definitions(self) -> list[Column]:
        return [column for column in (*self.columns, *self.meanings) if column.meaning]
