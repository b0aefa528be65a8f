"""How far is a transfer?"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from django.db.models import Count

from contacts.models import TransferItem

State = TransferItem.State


@dataclass
class Progress:
    """How many items are in which state; `left` are not settled yet."""

    counts: dict[str, int] = field(default_factory=dict)

    @property
    def total(self) -> int:
        return sum(self.counts.values())

    @property
    def done(self) -> int:
        return self.counts.get(State.DONE, 0)

    @property
    def left(self) -> int:
        open_now = (State.PLANNED, State.ASKED, State.WAITING)
        return sum(self.counts.get(state, 0) for state in open_now)

    @property
    def rows(self) -> list[tuple[str, str, int]]:
        """(state, its words, how many), in the order of a transfer's life, those that there are."""
        return [
            (state, str(label), self.counts[state])
            for state, label in State.choices
            if self.counts.get(state)
        ]


def of(batch_ids: Collection[int]) -> dict[int, Progress]:
    found = {pk: Progress() for pk in batch_ids}
    rows = TransferItem.objects.filter(batch_id__in=batch_ids).values("batch_id", "state")
    for row in rows.annotate(n=Count("id")).order_by():
        found[row["batch_id"]].counts[row["state"]] = row["n"]
    return found
