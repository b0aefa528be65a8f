"""Where do the bars and lines of a group's days stand? The page draws them, without scripts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from contacts.groups.days import Day

WIDTH = 1000.0  # of the drawing; the page stretches it
HEIGHT = 100.0


@dataclass(frozen=True)
class Bar:
    """A day: heights of joined (up from the middle) and left (down), and where they stand."""

    day: Day
    x: float
    width: float
    up: float
    top: float
    down: float


@dataclass(frozen=True)
class Chart:
    bars: list[Bar]
    line: str  # points of the members at the end of each day
    area: str
    most: int  # members, the top of the line's scale
    most_moved: int


def chart(days: Sequence[Day]) -> Chart:
    step = WIDTH / max(len(days), 1)
    most = max((row.members for row in days), default=0) or 1
    moved = max((max(row.joined, row.left) for row in days), default=0) or 1
    points = [
        f"{(place + 0.5) * step:.1f},{HEIGHT - row.members / most * HEIGHT:.1f}"
        for place, row in enumerate(days)
    ]
    half = HEIGHT / 2
    bars = [
        Bar(
            day=row,
            x=round(place * step + step * 0.15, 1),
            width=round(step * 0.7, 1),
            up=round(row.joined / moved * half, 1),
            top=round(half - row.joined / moved * half, 1),
            down=round(row.left / moved * half, 1),
        )
        for place, row in enumerate(days)
    ]
    line = " ".join(points)
    ends = f"{step / 2:.1f},{HEIGHT} {line} {WIDTH - step / 2:.1f},{HEIGHT}" if points else ""
    return Chart(bars, line, ends, most, moved)
