"""What follows here when the platform has handed a customer or a group over?

Two events of one transfer, `follow.ended` and `follow.opened`, both by=transfer, under the keys of
its item: whoever learns of it first (a callback of either member, or the poll) tells both, and the
others change nothing. Upper apps hear of it by the first, which says who took over.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from django.utils import timezone

from contacts import handover, kinds, reach, timeline
from contacts.models import Contact, Follow, Group, TransferBatch, TransferItem
from contacts.timeline import NewEvent
from tenants import doorbell

SOURCE: Final = "transfer"
# A platform's clock further ahead than this is wrong.
AHEAD: Final = timedelta(days=1)
State = TransferItem.State


def complete(done: Mapping[int, datetime | None]) -> None:
    """Inside a scope: these items (id → when, None for now) were handed over; again is no harm."""
    now = timezone.now()
    times = {pk: at if at is not None and at <= now + AHEAD else now for pk, at in done.items()}
    rows = TransferItem.objects.filter(pk__in=times).exclude(state=State.DONE)
    items = list(rows.select_related("batch__giver", "taker").order_by("contact_id", "id"))
    if not items:
        return
    people: list[int] = sorted({item.contact_id for item in items if item.contact_id})
    list(Contact.objects.select_for_update(no_key=True).filter(pk__in=people).order_by("id"))
    _move_customers([item for item in items if item.contact_id], times)
    _move_groups([item for item in items if item.group_id])
    for item in items:
        item.state, item.settled_at = State.DONE, times[item.pk]
        item.errcode, item.problem = None, ""
    TransferItem.objects.bulk_update(items, ["state", "settled_at", "errcode", "problem"])
    hurry({item.batch_id for item in items})


def hurry(batch_ids: Collection[int], *, poll: bool = False) -> None:
    """Inside a scope: look at these transfers soon; at the platform's results too if `poll`."""
    now = timezone.now()
    rows = TransferBatch.objects.filter(pk__in=batch_ids, finished_at=None)
    if rows.update(due_at=now, **({"poll_at": now} if poll else {})):
        doorbell.ring("transfers")


def _move_customers(items: Sequence[TransferItem], times: Mapping[int, datetime]) -> None:
    people = {item.contact_id for item in items if item.contact_id}
    if not people:
        return
    follows = {
        (row.contact_id, row.staff_id): row for row in Follow.objects.filter(contact_id__in=people)
    }
    events: list[NewEvent] = []
    for item in items:
        events += told(item, times[item.pk], follows)
    timeline.record(events)
    reach.rebuild(people)
    for giver, taker in {(item.batch.giver, item.taker) for item in items}:
        of_pair = {
            item.contact_id for item in items if (item.batch.giver, item.taker) == (giver, taker)
        }
        given = [row for (who, by), row in follows.items() if who in of_pair and by == giver.pk]
        handover.carry(given, [pk for pk in of_pair if pk], giver, taker)


def told(
    item: TransferItem, at: datetime, follows: Mapping[tuple[int, int], Follow]
) -> list[NewEvent]:
    giver, taker, contact_id = item.batch.giver, item.taker, item.contact_id
    if contact_id is None:
        return []
    resigned = item.batch.kind == TransferBatch.Kind.RESIGNED
    out: dict[str, object] = {"staff": giver.userid, "by": "transfer", "to": taker.userid}
    out |= {"resigned": True} if resigned else {}
    into: dict[str, object] = {"staff": taker.userid, "by": "transfer", "from": giver.userid}
    events = [NewEvent(contact_id, kinds.FOLLOW_ENDED, at, SOURCE, f"{item.pk}:out", out)]
    friend = follows.get((contact_id, taker.pk))
    if friend is None or friend.ended_at is not None:
        events.append(NewEvent(contact_id, kinds.FOLLOW_OPENED, at, SOURCE, f"{item.pk}:in", into))
    return events


def _move_groups(items: Sequence[TransferItem]) -> None:
    for item in items:
        Group.objects.filter(pk=item.group_id or 0).update(owner=item.taker)
