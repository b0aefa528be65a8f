"""How are figures laid out: summary, chart, table and definitions of a dashboard?"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Card:
    """A figure at a glance."""

    title: str
    text: str
    note: str = ""
    tone: str = ""


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
    chart: dict[str, object] = field(default_factory=dict)
    # What rows mean, where each is another figure.
    meanings: list[Column] = field(default_factory=list)

    @property
    def wide(self) -> bool:
        return len(self.columns) > 8

    @property
    def definitions(self) -> list[Column]:
        return [column for column in (*self.meanings, *self.columns) if column.meaning]
