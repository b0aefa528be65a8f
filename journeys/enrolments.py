"""Who enters a script, and who leaves it? Listeners of the timeline; any event may start one."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta, tzinfo

from django.db.models import Q
from django.utils import timezone

from contacts import kinds, messaging, timeline
from contacts.models import Contact, Event, Follow
from contacts.timeline import NewEvent
from journeys import engine, ledger, recalls, routing
from journeys.engine import Reason
from journeys.ledger import QUEUE, State
from journeys.models import TO_FANS, Enrolment, Route, Sop, SopVersion, StaffTask, Touch
from journeys.routing import Way
from tenants import doorbell
from tenants.ids import encode
from tenants.models import Tenant

SOURCE = "sop"
ORDER_PAID = "order.paid"
LEAVING = frozenset({kinds.MESSAGE_RECEIVED, ORDER_PAID, kinds.FOLLOW_ENDED})

# An event older than this when it was recorded is history that somebody brought along.
LIVE = timedelta(hours=24)
_MANY = 1000


# --- entering ---


def start_on(events: Sequence[Event]) -> None:
    """Timeline listener: enrol whom these events concern, once an event."""
    scripts: dict[str, list[Sop]] = {}
    for sop in Sop.objects.filter(status=Sop.Status.ACTIVE):
        scripts.setdefault(sop.trigger, []).append(sop)
    live = [e for e in events if e.kind in scripts and e.received_at - e.at <= LIVE]
    if not live:
        return
    people = Contact.objects.filter(id__in={e.contact_id for e in live}, excluded=False)
    contacts = people.only("id", "channel", "live_code").in_bulk()
    follows = _follows_of(live)
    ways = routing.best(contacts)
    wanted = []
    for event in live:
        follow = follows.get((event.contact_id, str(event.properties.get("staff", ""))))
        if event.contact_id not in contacts or (follow is None and _names_staff(event)):
            continue  # excluded, or the friendship that it tells of is over by now
        for sop in scripts[event.kind]:
            if _suits(sop, contacts[event.contact_id], follow) and _of_segment(sop, event):
                way = Way(follow.pk, follow.staff_id) if follow else ways.get(event.contact_id)
                wanted.append((sop, event, way))
    if wanted:
        _enrol(wanted)


def _names_staff(event: Event) -> bool:
    return event.kind == kinds.FOLLOW_OPENED and bool(event.properties.get("staff"))


def _follows_of(events: Sequence[Event]) -> dict[tuple[int, str], Follow]:
    """The active Follow between an event's contact and the member of staff whom it names."""
    rows = Follow.objects.filter(contact_id__in={e.contact_id for e in events}, ended_at=None)
    return {(f.contact_id, f.staff.userid): f for f in rows.select_related("staff", "live_code")}


def _suits(sop: Sop, contact: Contact, follow: Follow | None) -> bool:
    """The live code and the channel are those of this friendship, else those of the first touch."""
    live_code = follow.live_code if follow is not None else None
    code_id = live_code.pk if live_code else contact.live_code_id
    channel_id = live_code.channel_id if live_code else contact.channel_id
    return sop.live_code_id in (None, code_id) and sop.channel_id in (None, channel_id)


def _of_segment(sop: Sop, event: Event) -> bool:
    """Events of segments name theirs; a script for one segment starts on no other event."""
    if sop.segment_id is None:
        return True
    return bool(event.properties.get("segment_id") == encode(sop.segment_id))


def _enrol(wanted: Sequence[tuple[Sop, Event, Way | None]]) -> None:
    versions = latest_versions({sop.pk for sop, _event, _way in wanted})
    rows = [
        Enrolment(
            sop=sop,
            version=versions[sop.pk],
            contact_id=event.contact_id,
            follow_id=way.follow_id if way else None,
            event=event,
            started_at=event.at,
        )
        for sop, event, way in wanted
        if sop.pk in versions
    ]
    Enrolment.objects.bulk_create(rows, ignore_conflicts=True, batch_size=_MANY)
    made = Enrolment.objects.filter(
        sop_id__in=versions,
        event_id__in=[event.pk for _sop, event, _way in wanted],
        state=Enrolment.State.RUNNING,
    )
    plan(list(made.select_related("sop", "follow")))


def latest_versions(sop_ids: Collection[int]) -> dict[int, SopVersion]:
    """The published version that newcomers get."""
    published = SopVersion.objects.filter(sop_id__in=sop_ids, published_at__isnull=False)
    rows = published.order_by("sop_id", "-number").distinct("sop_id").prefetch_related("steps")
    return {version.sop_id: version for version in rows}


def plan(enrolments: Sequence[Enrolment]) -> None:
    """Write the touches of these enrolments into the ledger; their keys make repeats harmless."""
    steps = {
        version.pk: list(version.steps.all())
        for version in SopVersion.objects.filter(
            id__in={e.version_id for e in enrolments}
        ).prefetch_related("steps")
    }
    zone: tzinfo = Tenant.current().tz
    touches = [
        Touch(
            key=f"sop:{enrolment.pk}:{step.pk}",
            contact_id=enrolment.contact_id,
            enrolment=enrolment,
            step=step,
            follow_id=enrolment.follow_id,
            staff_id=enrolment.follow.staff_id if enrolment.follow else None,
            route=step.route,
            kind=step.kind,
            due_at=engine.due_at(step, enrolment.started_at, zone),
        )
        for enrolment in enrolments
        for step in steps[enrolment.version_id]
    ]
    if not touches:
        return
    Touch.objects.bulk_create(touches, ignore_conflicts=True, batch_size=_MANY)
    timeline.record(_news(e, "entered", e.started_at) for e in enrolments)
    doorbell.ring(QUEUE, min(touch.due_at for touch in touches))


def _news(enrolment: Enrolment, what: str, at: datetime, reason: str = "") -> NewEvent:
    properties: dict[str, object] = {"sop": enrolment.sop.name}
    if reason:
        properties |= {"reason": reason, "by": reason}  # `by` picks the sentence (apps.py)
    key = f"{enrolment.pk}:{what}"
    return NewEvent(enrolment.contact_id, f"sop.{what}", at, SOURCE, key, properties)


# --- leaving ---


def leave_on(events: Sequence[Event]) -> None:
    """Timeline listener: a reply, an order or the end of a friendship ends what it ends."""
    _leave_after(events, kinds.MESSAGE_RECEIVED, "leave_on_reply", Reason.REPLIED)
    _leave_after(events, ORDER_PAID, "leave_on_order", Reason.ORDERED)
    parted = {e.contact_id for e in events if e.kind == kinds.FOLLOW_ENDED}
    if parted:
        reroute(parted)


def _leave_after(events: Sequence[Event], kind: str, rule: str, reason: Reason) -> None:
    latest: dict[int, datetime] = {}
    for event in events:
        if event.kind == kind:
            latest[event.contact_id] = max(event.at, latest.get(event.contact_id, event.at))
    if not latest:
        return
    running = Enrolment.objects.filter(
        contact_id__in=latest, state=Enrolment.State.RUNNING, **{f"sop__{rule}": True}
    )
    rows = running.values_list("id", "contact_id", "started_at")
    leave({pk: reason for pk, contact_id, began in rows if latest[contact_id] >= began})


def leave(reasons: Mapping[int, str]) -> int:
    """End these enrolments now, each for its reason: what has not gone out is cancelled."""
    if not reasons:
        return 0
    _lock_touches(Q(enrolment_id__in=reasons))
    running = Enrolment.objects.filter(id__in=reasons, state=Enrolment.State.RUNNING)
    rows = list(running.select_related("sop").order_by("id").select_for_update(of=("self",)))
    now = timezone.now()
    for reason in {reasons[row.pk] for row in rows}:
        ids = [row.pk for row in rows if reasons[row.pk] == reason]
        Enrolment.objects.filter(id__in=ids).update(
            state=Enrolment.State.LEFT, reason=reason, ended_at=now
        )
        _cancel(ids, reason)
    timeline.record(_news(row, "left", now, reasons[row.pk]) for row in rows)
    return len(rows)


def _lock_touches(which: Q) -> None:
    """Touches before enrolments, in order, as everybody does: so nobody waits in a circle."""
    touches = Touch.objects.filter(which, state__in=ledger.OPEN).order_by("id")
    list(touches.select_for_update(no_key=True).values_list("id", flat=True))


def _cancel(enrolment_ids: Sequence[int], reason: str) -> None:
    touches = Touch.objects.filter(enrolment_id__in=enrolment_ids)
    at_staff = touches.filter(route=Route.STAFF_TASK, state=State.AWAITING_STAFF)
    handed = list(at_staff.values_list("id", flat=True))
    StaffTask.objects.filter(touch_id__in=handed, state=StaffTask.State.OPEN).update(
        state=StaffTask.State.CANCELLED
    )
    recalls.call_back_all(enrolment_ids, reason)
    touches.filter(Q(state__in=ledger.RECALLABLE) | Q(id__in=handed)).update(
        state=State.CANCELLED, reason=reason, sending_at=None, lease_until=None, held=False
    )


# --- another way ---


def reroute(contact_ids: Iterable[int]) -> None:
    """What was to go through a Follow that ended goes through another, or is cancelled."""
    ids = set(contact_ids)
    _lock_touches(Q(contact_id__in=ids))
    ways = routing.best(ids)
    lost = list(
        Enrolment.objects.filter(
            contact_id__in=ids, state=Enrolment.State.RUNNING, follow__ended_at__isnull=False
        )
    )
    others = _to_fans(lost)
    ended: dict[int, str] = {}
    for enrolment in lost:
        way = ways.get(enrolment.contact_id)
        if way is not None:
            _turn(enrolment, way)
        elif enrolment.pk not in others:
            ended[enrolment.pk] = Reason.FOLLOW_ENDED
    leave(ended)


def _to_fans(enrolments: Iterable[Enrolment]) -> set[int]:
    """Those whose contact an official account reaches, with something left to send that way."""
    fans = messaging.known_fans({e.contact_id for e in enrolments})
    if not fans:
        return set()
    waiting = Touch.objects.filter(
        enrolment__in=[e.pk for e in enrolments if e.contact_id in fans],
        state__in=ledger.RECALLABLE,
    ).select_related("step")
    return {
        touch.enrolment_id
        for touch in waiting
        if touch.enrolment_id and touch.step and not TO_FANS.isdisjoint(touch.step.routes)
    }


def _turn(enrolment: Enrolment, way: Way) -> None:
    Enrolment.objects.filter(pk=enrolment.pk).update(follow=way.follow_id)
    touches = Touch.objects.filter(enrolment=enrolment, follow__ended_at__isnull=False)
    at_staff = touches.filter(state=State.AWAITING_STAFF, route=Route.STAFF_TASK)
    handed = list(at_staff.values_list("id", flat=True))
    waiting = list(touches.filter(state__in=ledger.RECALLABLE).values_list("id", flat=True))
    Touch.objects.filter(id__in=waiting + handed).update(follow=way.follow_id, staff=way.staff_id)
    tasks = StaffTask.objects.filter(touch_id__in=handed, state=StaffTask.State.OPEN)
    tasks.update(staff=way.staff_id)
