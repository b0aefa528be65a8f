"""One person was two after all: the rows go back, as they were; what came since stays.

A merge that others followed is undone beneath them: those are taken back first, the last first,
and done again. So it comes out as if this one had never been.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils import timezone

from contacts import changes, reach, search, timeline
from contacts.merging import merge as merging
from contacts.merging import rows, rules
from contacts.models import Contact, Duplicate, Event, Merge, MergedRows, Order
from contacts.models.person import SEALED
from contacts.timeline import NewEvent
from tenants import ids
from tenants.isolation import composite_keys


class TooLate(Exception):  # noqa: N818 - reads as what happened
    """The merge was undone already, or is older than 30 days."""


@dataclass(frozen=True)
class Preview:
    """What goes back, and what came after the merge and stays with the survivor."""

    back: dict[str, int]
    events_stay: int
    orders_stay: int
    until: datetime


def undoable(merge: Merge) -> bool:
    return merge.undone_at is None and merge.at >= timezone.now() - merging.KEPT


def preview(merge: Merge) -> Preview:
    back: dict[str, int] = {}
    steps = MergedRows.objects.filter(
        merge=merge, step__in=[MergedRows.Step.MOVED, MergedRows.Step.DROPPED]
    )
    for step in steps:
        back[step.table] = back.get(step.table, 0) + len(step.rows)
    came = {"contact_id": merge.survivor_id}
    return Preview(
        back=back,
        events_stay=Event.objects.filter(**came, received_at__gt=merge.at)
        .exclude(source=merging.SOURCE)
        .count(),
        orders_stay=Order.objects.filter(**came, created_at__gt=merge.at).count(),
        until=merge.at + merging.KEPT,
    )


def forget(merge_ids: Collection[int]) -> None:
    """What they would be undone by: personal data that nobody needs any more. Old ids lead on."""
    MergedRows.objects.filter(merge_id__in=merge_ids).delete()
    Merge.objects.filter(pk__in=merge_ids).update(record={}, before={}, after={})


def forget_old() -> None:
    """Inside a scope: forget what the merges that can no longer be undone had moved."""
    late = Merge.objects.filter(at__lt=timezone.now() - merging.KEPT)
    kept = MergedRows.objects.filter(merge__in=late)
    forget(set(kept.values_list("merge_id", flat=True)))


def next_due() -> datetime | None:
    """When there is something to forget."""
    oldest = MergedRows.objects.select_related("merge").order_by("id").first()
    return oldest.merge.at + merging.KEPT if oldest is not None else None


def unmerge(merge: Merge, *, by: str) -> tuple[int, int]:
    """Inside a scope: make two contacts of one again; answers (survivor, restored). Raises TooLate.

    Nobody merges the two by rule again: a person has said that they are two.
    """
    merging.hold([merge.survivor_id])
    merge = Merge.objects.select_for_update(of=("self",)).get(pk=merge.pk)
    if not undoable(merge):
        raise TooLate
    list(
        Contact.objects.select_for_update(of=("self",))
        .filter(pk=merge.survivor_id)
        .values_list("id")
    )
    later = list(
        Merge.objects.filter(
            survivor_id=merge.survivor_id, pk__gt=merge.pk, undone_at=None
        ).order_by("id")
    )
    for each in reversed(later):
        each.refresh_from_db()
        _undo(each)
    merge.refresh_from_db()
    pair = merge.survivor_id, merge.absorbed_id
    _undo(merge)
    Merge.objects.filter(pk=merge.pk).update(undone_at=timezone.now(), undone_by=by[:80])
    forget([merge.pk])
    _remember(*pair, by)
    _tell(merge, by)
    for each in later:
        _again(each)
    return pair


def _undo(merge: Merge) -> None:
    survivor, absorbed = merge.survivor_id, merge.absorbed_id
    record = _with_those_left(merge.record)
    if not rows.insert(Contact, {**record, "external_id": None}):
        raise TooLate
    now = timezone.now().isoformat()
    rows.write(Contact, survivor, {**_unchanged(merge), "updated_at": now})
    external_id = record.get("external_id")
    steps = list(MergedRows.objects.filter(merge=merge).order_by("id"))
    rows.put_back(steps)
    if external_id and not Contact.objects.filter(external_id=external_id).exists():
        rows.write(Contact, absorbed, {"external_id": external_id})
    merging.rekey_back(absorbed, survivor)
    reach.rebuild([survivor, absorbed])
    search.reindex([survivor, absorbed])
    for hook in rules.undone:
        hook([survivor, absorbed])
    both = [survivor, absorbed]
    changes.note([*both, *(pk for each in both for pk in merging.brought(each))])


def _again(merge: Merge) -> None:
    """What followed is done again, under its own time; the rows of the undone one are void."""
    merge.refresh_from_db()
    pair = merge.survivor_id, merge.absorbed_id
    merge.delete()
    merging.merge(*pair, by=merge.by, reason=merge.reason, at=merge.at)


def _with_those_left(record: dict[str, Any]) -> dict[str, Any]:
    """The row as it was, without naming what has been deleted since."""
    found = dict(record)
    for field in composite_keys(Contact):
        named = found.get(field.column)
        if named and rows.stored(field.remote_field.model, named) is None:
            found[field.column] = None
    return found


def _unchanged(merge: Merge) -> dict[str, Any]:
    """The survivor's columns as they were, where nobody has changed them since."""
    now = rows.stored(Contact, merge.survivor_id) or {}
    judged_by = {column: SEALED.get(column, column) for column in merge.after}
    same = {
        column
        for column, other in judged_by.items()
        if now.get(other) == merge.after.get(other, merge.before.get(other))
    }
    return _with_those_left({c: merge.before[c] for c in merge.before if c in same})


def _remember(one: int, other: int, by: str) -> None:
    pair = sorted((one, other))
    said = {
        "state": Duplicate.State.DISMISSED,
        "decided_at": timezone.now(),
        "decided_by": by[:80],
    }
    known = Duplicate.objects.filter(first_id__in=pair, second_id__in=pair)
    if not known.update(**said):
        Duplicate.objects.create(
            first_id=pair[0], second_id=pair[1], why=Duplicate.Why.HAND, **said
        )


def _tell(merge: Merge, by: str) -> None:
    now = timezone.now()
    told: dict[str, object] = {
        "name": merge.external_id or ids.encode(merge.absorbed_id),
        "by": by.partition(":")[0],
    }
    both: Sequence[int] = (merge.survivor_id, merge.absorbed_id)
    timeline.record(
        NewEvent(pk, merging.UNMERGED, now, merging.SOURCE, f"{merge.pk}:undone:{pk}", told)
        for pk in both
    )
