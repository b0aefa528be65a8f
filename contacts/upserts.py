"""What became of each row of an upsert? Shared by the sets that the API and files bring.

A rule for all of them: a value that is None (absent, a blank cell) keeps what is stored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from contacts.validation import Invalid


class Status(StrEnum):
    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class Outcome:
    """`error` says why a row was rejected, `field` which of its values is at fault."""

    status: Status
    row_id: int | None = None
    error: Invalid | None = None
    field: str = ""


Row = TypeVar("Row")


def refused(error: Invalid, field: str = "") -> Outcome:
    return Outcome(Status.REJECTED, None, error, field)


def in_rounds(rows: Sequence[Row], key: Callable[[Row], object]) -> Iterator[list[tuple[int, Row]]]:
    """Rows with their place, in rounds that hold each key once: so the later row wins."""
    rounds: list[list[tuple[int, Row]]] = []
    seen: dict[object, int] = {}
    for place, row in enumerate(rows):
        number = seen[key(row)] = seen.get(key(row), -1) + 1
        if number == len(rounds):
            rounds.append([])
        rounds[number].append((place, row))
    yield from rounds
