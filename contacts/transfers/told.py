"""What do callbacks tell of transfers? That one failed; or, by both friendships, that it was done.

A transfer shows as the end of one friendship (`DELETE_BY_TRANSFER`; not of a member who resigned)
and the beginning of another, in any order, at times only as one of the two. Of ours either
completes it, both sides. One that was made at WeCom itself is told by the two callbacks: whichever
comes second makes the beginning one by transfer.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from django.utils import timezone

from contacts import kinds
from contacts.models import Follow, TransferItem
from contacts.timeline import NewEvent
from contacts.transfers import completing
from tenants.wechat import event_types as events

REMEMBERED: Final = timedelta(days=5)  # a transfer that was asked for longer ago is over
NEAR: Final = timedelta(minutes=10)
_REASONS: Final = {
    "customer_refused": TransferItem.State.REFUSED,
    "customer_limit_exceed": TransferItem.State.FULL,
}
State = TransferItem.State


@dataclass
class Told:
    """What one batch of callbacks tells of transfers. Inside a scope."""

    items: dict[int, list[TransferItem]]
    done: dict[int, datetime | None] = field(default_factory=dict)
    failed: dict[int, str] = field(default_factory=dict)
    touched: set[int] = field(default_factory=set)  # batches whose results are worth a look

    @classmethod
    def of(cls, contact_ids: Collection[int]) -> Told:
        """What is under way, or was lately, of these contacts."""
        rows = TransferItem.objects.filter(
            contact_id__in=contact_ids,
            state__in=(State.ASKED, State.WAITING, State.DONE),
            asked_at__gte=timezone.now() - REMEMBERED,
        )
        found: dict[int, list[TransferItem]] = defaultdict(list)
        for row in rows.select_related("batch__giver", "taker").order_by("-id"):
            found[row.contact_id or 0].append(row)
        return cls(found)

    def ended(self, contact_id: int, giver: str, at: datetime) -> bool:
        """The platform took the friendship with the giver away. Is that a transfer of ours?"""
        for item in self.items.get(contact_id, ()):
            if item.batch.giver.userid == giver:
                self._complete(item, at)
                return True
        return False

    def opened(self, contact_id: int, taker: str, at: datetime) -> bool:
        """A friendship without code or welcome began. Is that a transfer of ours?"""
        for item in self.items.get(contact_id, ()):
            if item.taker.userid == taker and self._not_anew(item, at):
                self._complete(item, at)
                return True
        return False

    def _not_anew(self, item: TransferItem, at: datetime) -> bool:
        """Long after a transfer they may have parted and become friends again."""
        settled = item.settled_at
        return item.state != State.DONE or settled is None or abs(at - settled) <= NEAR

    def _complete(self, item: TransferItem, at: datetime) -> None:
        if item.state != State.DONE:
            self.done.setdefault(item.pk, at)

    def refused(self, contact_id: int | None, event: events.TransferFailed) -> None:
        for item in self.items.get(contact_id or 0, ()):
            under_way = item.state in (State.ASKED, State.WAITING)
            if under_way and item.taker.userid == event.user_id:
                self.failed[item.pk] = _REASONS.get(event.reason, State.FAILED)
                self.touched.add(item.batch_id)
                return

    def write(self) -> None:
        """After the callbacks' own events were recorded."""
        now = timezone.now()
        for pk, state in self.failed.items():
            rows = TransferItem.objects.filter(pk=pk, state__in=(State.ASKED, State.WAITING))
            rows.update(state=state, settled_at=now)
        completing.complete(self.done)
        if self.touched:
            completing.hurry(self.touched)


def by_hand(happened: Sequence[NewEvent]) -> list[NewEvent]:
    """Further events for transfers that were made at WeCom itself: `follow.opened` by=transfer at
    the very moment at which a friend of another member was told to have begun.
    """
    ends, begins = _ends(happened), _begins(happened)
    if ends:
        _add_friends(begins, ends.keys())
    lone = begins.keys() - ends.keys()
    if lone:
        _add_parted(ends, lone)
    found = []
    for contact_id, told in begins.items():
        for taker, at in told:
            giver = _giver(ends.get(contact_id, ()), taker, at)
            if giver:
                into: dict[str, object] = {"staff": taker, "by": "transfer", "from": giver}
                key = f"{contact_id}:{taker}:{at.timestamp():.6f}"
                found.append(
                    NewEvent(contact_id, kinds.FOLLOW_OPENED, at, completing.SOURCE, key, into)
                )
    return found


def _giver(ends: Iterable[tuple[str, datetime]], taker: str, at: datetime) -> str:
    return next((who for who, then in ends if who != taker and abs(then - at) <= NEAR), "")


def _add_friends(begins: _Times, contact_ids: Collection[int]) -> None:
    rows = Follow.objects.filter(contact_id__in=contact_ids, ended_at=None, state="")
    for row in rows.select_related("staff"):
        begins[row.contact_id].append((row.staff.userid, row.opened_at))


def _add_parted(ends: _Times, contact_ids: Collection[int]) -> None:
    rows = Follow.objects.filter(
        contact_id__in=contact_ids, ended_by=Follow.EndedBy.TRANSFER, ended_at__isnull=False
    )
    for pk, userid, at in rows.values_list("contact_id", "staff__userid", "ended_at"):
        if at is not None:
            ends[pk].append((userid, at))


_Times = dict[int, list[tuple[str, datetime]]]


def _ends(happened: Iterable[NewEvent]) -> _Times:
    found: _Times = defaultdict(list)
    for event in happened:
        if event.kind == kinds.FOLLOW_ENDED and event.properties.get("by") == "transfer":
            found[event.contact_id].append((str(event.properties["staff"]), event.at))
    return found


def _begins(happened: Iterable[NewEvent]) -> _Times:
    found: _Times = defaultdict(list)
    for event in happened:
        told = event.properties
        if event.kind == kinds.FOLLOW_OPENED and not told.get("state") and not told.get("by"):
            found[event.contact_id].append((str(told["staff"]), event.at))
    return found
