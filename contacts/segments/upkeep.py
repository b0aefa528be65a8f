"""How do members follow what happens? By event, by the clock, and all of them once a day.

What happens to a contact is heard in the timeline's batch, after the listeners of upper apps: the
contacts concerned are looked at again, in the order in which segments build on each other. What
only time changes ("no event in 14 days") needs no visit of everybody either: each window says whose
event fell out of it since the last look. Once a day, and when what a rule reads besides contacts
has changed, everybody is counted.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from django.db import connection
from django.utils import timezone

from contacts.models import Event, Segment, SegmentMember, SegmentTouch, SegmentUse
from contacts.segments import belonging, compiling, leaves, membership, pieces, rules
from contacts.segments.pieces import Moment
from contacts.segments.rules import Node, RuleError
from tenants import doorbell
from tenants.scope import TenantQuerySet, current_tenant_id

log = logging.getLogger(__name__)

QUEUE = "segments"
DAY = timedelta(days=1)
CLOCK = timedelta(minutes=10)  # how often the hands of the clock are looked at
FAMILY = "segment."
MANY = 20_000  # contacts beyond which counting everybody is no dearer
TOGETHER = 25  # segments that one statement looks at


@dataclass(frozen=True)
class Ready:
    """A segment with its rule read."""

    segment: Segment
    tree: Node
    uses: frozenset[int]

    def hears(self, kind: str) -> bool:
        return any(leaf.hears(kind) for leaf in rules.leaves(self.tree))

    def basis(self) -> str:
        return " ".join(filter(None, (leaf.basis() for leaf in rules.leaves(self.tree))))[:300]


# --- what happens ---


def on_events(events: Sequence[Event]) -> None:
    """Listener of the timeline, the last one: stages and scores are those after the batch."""
    told = [event for event in events if not event.kind.startswith(FAMILY)]
    if not told or not _any():
        return
    _alone()
    found = ready()
    concerned: dict[int, set[int]] = {}
    for each in found:
        heard = {kind: each.hears(kind) for kind in {event.kind for event in told}}
        whom = {event.contact_id for event in told if heard[event.kind]}
        for used in each.uses:
            whom |= concerned.get(used, set())
        concerned[each.segment.pk] = whom
    look_again(found, concerned, timezone.now())


def on_changes(contact_ids: Sequence[int]) -> None:
    """Listener of contacts/changes.py: what no event tells is looked at soon."""
    if _any():
        _touch(contact_ids)


def on_merge(contact_ids: Sequence[int]) -> None:
    """Of two members one is left, or two again: rules are looked at, and lists are counted."""
    if SegmentMember.objects.filter(contact_id__in=contact_ids).exists() or _any():
        _touch(contact_ids)


def on_erasure(contact_id: int) -> None:
    """At once, after `hold`: only rules that still find them have who was erased among theirs."""
    now, found = timezone.now(), ready()
    look_again(found, {each.segment.pk: {contact_id} for each in found}, now)
    others = SegmentMember.objects.filter(contact_id=contact_id).exclude(
        segment__in=[each.segment.pk for each in found]
    )
    for segment in Segment.objects.filter(pk__in=others.values("segment_id")):
        membership.leave(segment, [contact_id], now)


def hold() -> None:
    """Whoever is going to lock contacts and look at segments: this first, as the worker does."""
    _alone()


def _touch(contact_ids: Sequence[int]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO contacts_segmenttouch (tenant_id, contact_id)"
            " SELECT %s, unnest(%s::bigint[])",
            [current_tenant_id(), list(contact_ids)],
        )
    doorbell.ring(QUEUE)


def look_again(
    found: Sequence[Ready], concerned: Mapping[int, Collection[int]], now: datetime
) -> None:
    """Evaluate each segment for the contacts concerned; `found` is in the order of uses."""
    at = membership.moment(now)
    waiting = [each for each in found if concerned[each.segment.pk]]
    while waiting:
        left = {each.segment.pk for each in waiting}
        free = [each for each in waiting if not each.uses & left] or waiting
        whom = concerned[free[0].segment.pk]
        # One statement reads once what they all ask of the same contacts.
        same = [each for each in free if concerned[each.segment.pk] == whom]
        together = same[:TOGETHER]
        # Those that build on them are looked at for the same contacts: nothing to pass on.
        _evaluate(together, replace(at, among=sorted(whom)), silent=False, passes_on=False)
        done = {each.segment.pk for each in together}
        waiting = [each for each in waiting if each.segment.pk not in done]


# --- the clock, and everybody ---


def next_due() -> datetime | None:
    """Now while contacts wait; else when the next segment is looked at, or None."""
    if SegmentTouch.objects.exists():
        return timezone.now()
    waiting = Segment.objects.filter(due_at__isnull=False).order_by("due_at")
    return waiting.values_list("due_at", flat=True).first()


def work(tenant_id: int) -> None:
    """Outside a scope: all that is due, each step in a transaction of its own."""
    doorbell.work_off(QUEUE, tenant_id, step)


def step(now: datetime | None = None) -> bool:
    """Inside a scope: the contacts that wait, else the next segment. Answers whether there were."""
    if not _try_alone():
        return False
    moment = now or timezone.now()
    if _touched(moment):
        return True
    due = set(Segment.objects.filter(due_at__lte=moment).values_list("pk", flat=True))
    if not due:
        return False
    by_hand = Segment.objects.filter(pk__in=due, kind=Segment.Kind.STATIC).first()
    if by_hand is not None:
        _recount(by_hand, moment)
        return True
    for each in _in_order(_read(Segment.objects.filter(kind=Segment.Kind.RULE))):
        if each.segment.pk in due:
            look(each, moment)
            return True
    # What is left are rules that cannot be read: they were marked as broken.
    Segment.objects.filter(pk__in=due).update(due_at=None)
    return True


def _touched(now: datetime) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM contacts_segmenttouch WHERE id IN (SELECT id FROM contacts_segmenttouch"
            " WHERE tenant_id = %(tenant)s ORDER BY id LIMIT %(many)s)"
            " AND tenant_id = %(tenant)s RETURNING contact_id",
            {"tenant": current_tenant_id(), "many": MANY},
        )
        ids = {int(pk) for (pk,) in cursor.fetchall()}
    if ids:
        found = ready()
        look_again(found, dict.fromkeys((each.segment.pk for each in found), ids), now)
        on_lists = SegmentMember.objects.filter(
            contact_id__in=ids, segment__kind=Segment.Kind.STATIC
        )
        for segment in Segment.objects.filter(pk__in=on_lists.values("segment_id")):
            _recount(segment, now)
    return bool(ids)


def _recount(segment: Segment, now: datetime) -> None:
    """A list by hand: contacts that were merged or deleted are on it no longer."""
    Segment.objects.filter(pk=segment.pk).update(
        size=membership.count(segment), evaluated_at=now, due_at=now + DAY
    )


def look(each: Ready, now: datetime) -> None:
    """A segment is due: those whom the clock concerns, or everybody."""
    at = membership.moment(now)
    whom = None if _everybody_is_due(each, at) else _moved(each, at)
    if whom is None:
        count(each, at)
        return
    if whom and not _evaluate([each], replace(at, among=whom), silent=False):
        return
    _as_read(each.segment).update(evaluated_at=now, due_at=now + CLOCK)


def _everybody_is_due(each: Ready, at: Moment) -> bool:
    segment = each.segment
    if segment.state != Segment.State.READY or not segment.counted_at or not segment.evaluated_at:
        return True
    today = at.now.astimezone(at.zone).date()
    return segment.counted_at.astimezone(at.zone).date() < today or segment.basis != each.basis()


def _moved(each: Ready, at: Moment) -> list[int] | None:
    """Whom time alone may concern since the last look; None: everybody, or nearly."""
    before = each.segment.evaluated_at
    found = compiling.moved(each.tree, before, at) if before is not None else None
    if found is None:
        return None
    with connection.cursor() as cursor:
        cursor.execute(f"{found.sql} LIMIT {MANY + 1}", found.values)
        ids = sorted({int(pk) for (pk,) in cursor.fetchall()})
    return ids if len(ids) <= MANY else None


def count(each: Ready, at: Moment) -> None:
    """Evaluate a segment for everybody. The first time, members begin without being told of."""
    first = each.segment.evaluated_at is None
    if not _evaluate([each], at, silent=first):
        return
    _as_read(each.segment).update(
        state=Segment.State.READY,
        problem="",
        size=membership.count(each.segment),
        evaluated_at=at.now,
        counted_at=at.now,
        due_at=at.now + CLOCK,
        basis=each.basis(),
    )


def _evaluate(
    together: Sequence[Ready], at: Moment, *, silent: bool, passes_on: bool = True
) -> bool:
    """Segments of which none builds on another; answers whether all of their rules hold good."""
    if at.among is not None:
        tags = belonging.tags_of(each.tree for each in together)
        at = replace(at, facts=pieces.Facts(tags))
    found = []
    for each in together:
        try:
            found.append((each.segment, compiling.compile(each.tree, at)))
        except RuleError as error:
            give_up(each.segment, error)
    membership.settle(found, at, silent=silent, passes_on=passes_on)
    return len(found) == len(together)


def _as_read(segment: Segment) -> TenantQuerySet[Segment]:
    """The row, unless somebody changed its rule meanwhile: then it stays due."""
    return Segment.objects.get_queryset().filter(pk=segment.pk, updated_at=segment.updated_at)


def give_up(segment: Segment, error: RuleError) -> None:
    """What the rule names is no longer there: its members stay, until somebody repairs it."""
    log.warning("segment %s cannot be evaluated: %s", segment.pk, error.path)
    _as_read(segment).update(state=Segment.State.BROKEN, problem=str(error)[:500], due_at=None)


# --- which segments ---


def ready() -> list[Ready]:
    """The segments whose members are kept up to date, each after those that it builds on."""
    rows = Segment.objects.filter(kind=Segment.Kind.RULE, state=Segment.State.READY)
    return _in_order(_read(rows))


def _any() -> bool:
    return Segment.objects.filter(kind=Segment.Kind.RULE).exists()


def _read(rows: Iterable[Segment]) -> list[Ready]:
    uses: dict[int, set[int]] = {}
    for segment_id, used_id in SegmentUse.objects.values_list("segment_id", "used_id"):
        uses.setdefault(segment_id, set()).add(used_id)
    found = []
    for segment in rows:
        try:
            tree = rules.parse(segment.rule, leaves.readers)
        except RuleError as error:
            if segment.state != Segment.State.BROKEN:
                give_up(segment, error)
            continue
        found.append(Ready(segment, tree, frozenset(uses.get(segment.pk, ()))))
    return found


def _in_order(found: Sequence[Ready]) -> list[Ready]:
    waiting = {each.segment.pk: each for each in sorted(found, key=lambda each: each.segment.pk)}
    ordered: list[Ready] = []
    while waiting:
        free = [each for each in waiting.values() if not each.uses & set(waiting)]
        free = free or list(waiting.values())  # a circle is refused before it is stored
        ordered += [waiting.pop(each.segment.pk) for each in free]
    return ordered


# --- one at a time ---

_LOCK = "hashtext('segments'), %s::int"


def _alone() -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT pg_advisory_xact_lock({_LOCK})", [current_tenant_id()])


def _try_alone() -> bool:
    """While the timeline's listener is at it, this work waits for the next bell."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT pg_try_advisory_xact_lock({_LOCK})", [current_tenant_id()])
        return bool(cursor.fetchone()[0])
