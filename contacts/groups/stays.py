"""Which stays in a group follow from the moves of one member? Pure: no database."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from contacts.models import GroupMove, GroupWay


@dataclass(frozen=True, slots=True)
class Stay:
    """`left` None: still in. It is a move without a row where the whole group was dismissed."""

    joined: GroupMove
    left: GroupMove | None

    def covers(self, at: datetime) -> bool:
        return self.joined.at <= at and (self.left is None or at < self.left.at)


def stays(moves: Iterable[GroupMove], dismissed_at: datetime | None = None) -> list[Stay]:
    """Coming while in, or going while out, changes nothing; at one instant going comes first."""
    found = []
    joined: GroupMove | None = None
    for move in sorted(moves, key=_order):
        if dismissed_at is not None and move.at >= dismissed_at:
            break
        if move.joins and joined is None:
            joined = move
        elif not move.joins and joined is not None:
            found.append(Stay(joined, move))
            joined = None
    if joined is not None:
        found.append(Stay(joined, _dismissal(dismissed_at)))
    return found


def _order(move: GroupMove) -> tuple[datetime, bool]:
    return move.at, move.joins


def _dismissal(at: datetime | None) -> GroupMove | None:
    return GroupMove(at=at, joins=False, way=GroupWay.DISMISSED) if at is not None else None


def borders(found: Iterable[Stay]) -> Iterator[GroupMove]:
    """The moves that made a difference."""
    for stay in found:
        yield stay.joined
        if stay.left is not None:
            yield stay.left
