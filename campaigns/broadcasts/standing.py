"""How far is a broadcast: its state by its batches, and its counts?"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any, Final

from django.db.models import Count, F, Q, Sum
from django.utils import timezone

from campaigns.models import Broadcast, BroadcastBatch, BroadcastRecipient, BroadcastShare

Batch = BroadcastBatch.State
Recipient = BroadcastRecipient.State
_OPEN: Final = (Batch.PLANNED, Batch.ASKED, Batch.PREPARING)


@dataclass
class Standing:
    """Recipients by state, and how many of the members' parts are confirmed.

    Of a moment there are no recipients: `seen_by`, `likes` and `comments` count customers.
    """

    counts: dict[str, int] = field(default_factory=dict)
    shares: int = 0
    confirmed: int = 0
    refused: int = 0  # members who cannot send
    seen_by: int = 0
    likes: int = 0
    comments: int = 0

    @property
    def total(self) -> int:
        return sum(self.counts.values())

    @property
    def delivered(self) -> int:
        return self.counts.get(Recipient.DELIVERED, 0)

    @property
    def left(self) -> int:
        return self.counts.get(Recipient.PLANNED, 0) + self.counts.get(Recipient.WAITING, 0)

    @property
    def rows(self) -> list[tuple[str, str, int]]:
        """(state, its words, how many), in the order of a recipient's life, those that there are"""
        return [
            (state, str(label), self.counts[state])
            for state, label in Recipient.choices
            if self.counts.get(state)
        ]


def of(broadcast_ids: Collection[int]) -> dict[int, Standing]:
    """Inside a scope; two queries for any number of broadcasts."""
    found = {pk: Standing() for pk in broadcast_ids}
    rows = BroadcastRecipient.objects.filter(broadcast_id__in=broadcast_ids)
    for row in rows.values("broadcast_id", "state").annotate(n=Count("id")).order_by():
        found[row["broadcast_id"]].counts[row["state"]] = row["n"]
    done = Q(state__in=(BroadcastShare.State.CONFIRMED, BroadcastShare.State.DONE))
    refused = Q(state=BroadcastShare.State.REFUSED)
    shares = BroadcastShare.objects.filter(batch__broadcast_id__in=broadcast_ids)
    sums = shares.values("batch__broadcast_id").annotate(
        n=Count("id"), sent=Count("id", filter=done), no=Count("id", filter=refused),
        seen=Sum("seen_by"), liked=Sum("likes"), said=Sum("comments"),
    )  # fmt: skip
    for total in sums.order_by():
        one = found[total["batch__broadcast_id"]]
        one.shares, one.confirmed, one.refused = total["n"], total["sent"], total["no"]
        one.seen_by, one.likes, one.comments = total["seen"], total["liked"], total["said"]
    return found


def members(broadcast: Broadcast) -> list[dict[str, Any]]:
    """Inside a scope, of personal words: how many tasks each member has (`tasks`, most first), and
    how many of them they `confirmed`; by `userid` and `name`.
    """
    rows = BroadcastShare.objects.filter(batch__broadcast=broadcast)
    named = rows.values(userid=F("staff__userid"), name=F("staff__name"), pk=F("staff_id"))
    done = Q(state__in=(BroadcastShare.State.CONFIRMED, BroadcastShare.State.DONE))
    counted = named.annotate(tasks=Count("id"), confirmed=Count("id", filter=done))
    return [{**row} for row in counted.order_by("-tasks", "userid")]


def review(broadcast_id: int) -> None:
    """Inside a scope, after its batches were locked and changed: what follows for the broadcast."""
    row = Broadcast.objects.select_for_update(of=("self",)).get(pk=broadcast_id)
    batches = BroadcastBatch.objects.filter(broadcast=row)
    states = set(batches.values_list("state", flat=True).distinct())
    if row.state in (Broadcast.State.DRAFT, Broadcast.State.SCHEDULED):
        return
    cancelled = row.state == Broadcast.State.CANCELLED
    if states.intersection(_OPEN):
        row.state = Broadcast.State.SENDING
    elif Batch.WAITING in states:
        row.state = Broadcast.State.WAITING
    elif states == {Batch.FAILED}:
        row.state = Broadcast.State.FAILED
    else:
        row.state = Broadcast.State.DONE
    over = not states.intersection((*_OPEN, Batch.WAITING))
    if cancelled:
        row.state = Broadcast.State.CANCELLED
    problems = batches.exclude(problem="").order_by("id").values_list("problem", flat=True)
    row.problem = problems.first() or ""
    row.finished_at = (row.finished_at or timezone.now()) if over else None
    row.save(update_fields=["state", "problem", "finished_at"])
