"""Which due touches go out now? Claim them, check them, book them; DESIGN.md §4.

    run(tenant_id)                      outside any scope
      claim → judge                     one transaction: what needs no provider is done in it
      delivery.deliver(touch)           freeze (commit) → call → settle, one touch at a time
      shared_sends.send_due             the same for mass tasks, which several touches share
      outcomes.follow_up                what a killed worker left, and what has no answer yet

One judge a tenant at a time, by an advisory lock: so the caps hold with any number of workers.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from django.db import connection
from django.db.models import Min, Q
from django.utils import timezone

from contacts import messaging
from journeys import (
    content,
    delivery,
    engine,
    enrolments,
    ledger,
    outcomes,
    pace,
    routing,
    shared_sends,
    task_notices,
    writing,
)
from journeys.claimed import Claimed, facts_of
from journeys.engine import Action, Pace, Reason, Tally, Verb
from journeys.ledger import QUEUE, Move, State
from journeys.models import TO_FANS, Route, SharedTask, StaffTask, Touch
from tenants import doorbell
from tenants.scope import current_tenant_id, scope

CLAIM = 200
LEASE = timedelta(seconds=60)
TURN = timedelta(seconds=20)  # then other tenants have theirs

# The lock is the claim until the transaction ends; its one UPDATE (ledger.move) then leaves the
# lease, or the outcome. Two updates of a row in one transaction would check all its keys again.
_CLAIM = """
SELECT id FROM journeys_touch
WHERE tenant_id = %(tenant)s AND state = 'planned' AND NOT held AND due_at <= %(now)s
ORDER BY due_at, id LIMIT %(limit)s FOR NO KEY UPDATE SKIP LOCKED
"""


@dataclass(frozen=True, slots=True)
class Batch:
    """How many were claimed; which of them a provider must be called for; whose SOP has ended."""

    claimed: int
    outgoing: list[tuple[int, int]]  # (touch, attempt)
    ended: dict[int, str]  # enrolment → reason


def run(tenant_id: int, now: datetime | None = None) -> int:
    """Work what is due for this tenant; answers how many touches were claimed.

    The database's clock decides what is due; `now` stands in for it in tests.
    """
    outcomes.follow_up(tenant_id, now)
    breaker = delivery.Breaker()
    until = time.monotonic() + TURN.total_seconds()
    total = 0
    while time.monotonic() < until:
        with scope(tenant_id):
            batch = take(now)
        if batch.ended:
            with scope(tenant_id):  # after the claim's own locks are gone
                enrolments.leave(batch.ended)
        delivery.deliver_all(tenant_id, batch.outgoing, breaker, lease=LEASE)
        shared_sends.send_due(tenant_id, breaker, until)
        total += batch.claimed
        if not batch.claimed:
            break
    with scope(tenant_id):
        doorbell.settle(QUEUE)
    return total


def next_due() -> datetime | None:
    """When this tenant's next touch is due, or an open one is to be looked at."""
    open_states = [State.CLAIMED, State.SENDING, State.UNKNOWN]
    tasks = SharedTask.objects.exclude(due_at=None).aggregate(due=Min("due_at"))["due"]
    moments = Touch.objects.aggregate(
        due=Min("due_at", filter=Q(state=State.PLANNED, held=False)),
        look=Min("lease_until", filter=Q(state__in=open_states)),
    )
    return min((at for at in (*moments.values(), tasks) if at is not None), default=None)


def take(now: datetime | None = None, limit: int = CLAIM) -> Batch:
    """Inside a scope: claim and judge one batch."""
    asked = pace.lock()
    now = now or asked
    ids = claim(now, limit)
    return judge(ids, now) if ids else Batch(0, [], {})


def claim(now: datetime, limit: int = CLAIM) -> list[int]:
    """Take the next due touches, past those that others hold; for this transaction."""
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, {"tenant": current_tenant_id(), "now": now, "limit": limit})
        return [int(row[0]) for row in cursor.fetchall()]


def judge(ids: Sequence[int], now: datetime) -> Batch:
    """Check the batch in due order, book what passes, and finish what needs no provider."""
    touches = _rerouted(facts_of(ids))
    rules = pace.of_tenant()
    contacts = pace.tallies({t.contact_id for t in touches}, rules, now)
    staff = pace.staff_today({t.staff_id for t in touches if t.staff_id}, rules, now)
    moves, passed, ended = [], [], dict[int, str]()
    for touch in touches:
        sent_today = staff.get(touch.staff_id or 0, 0)
        contact = contacts[touch.contact_id]
        touch, action = _decide(touch, contact, sent_today, rules, now)
        if action.verb is Verb.SEND:
            contact.book(touch.kind, touch.route)
            if touch.route not in TO_FANS:
                staff[touch.staff_id or 0] = sent_today + 1
            passed.append(touch)
            moves.append(_booked(touch, now))
        else:
            moves.append(_declined(touch, action))
            if touch.enrolment_id and action.reason in (Reason.EXCLUDED, Reason.ORDERED):
                ended[touch.enrolment_id] = action.reason
    ledger.move(moves, [State.PLANNED], claims=True)
    _hand_to_staff([t for t in passed if t.route == Route.STAFF_TASK])
    outgoing = [t for t in passed if t.route not in (Route.NONE, Route.STAFF_TASK)]
    return Batch(len(ids), [(t.id, t.attempt + 1) for t in outgoing], ended)


def _rerouted(touches: list[Claimed]) -> list[Claimed]:
    """Each by its first route that leads to the contact; for an ended Follow another, if any."""
    lost = {t.contact_id for t in touches if not t.reachable}
    ways = routing.best(lost) if lost else {}
    to_fans = {t.contact_id for t in touches if not TO_FANS.isdisjoint(t.routes)}
    fans = messaging.known_fans(to_fans) if to_fans else set()
    tests = {t.contact_id for t in touches if t.route == Route.NONE and not t.reachable}
    subscribed = routing.subscribed(tests) if tests else set()
    found = []
    for touch in touches:
        way = None if touch.reachable else ways.get(touch.contact_id)
        if way is not None:
            Touch.objects.filter(pk=touch.id).update(follow=way.follow_id, staff=way.staff_id)
            touch = replace(touch, follow_id=way.follow_id, staff_id=way.staff_id)
        known = {
            "friend": touch.reachable or way is not None,
            "fan": touch.contact_id in fans,
            "subscribed": touch.contact_id in subscribed,
        }
        open_ = tuple(route for route in touch.routes if routing.leads(route, **known))
        route = open_[0] if open_ else touch.route
        found.append(replace(touch, route=route, reachable=bool(open_), open_routes=open_))
    return found


def _decide(
    touch: Claimed, contact: Tally, staff_day: int, rules: Pace, now: datetime
) -> tuple[Claimed, Action]:
    """What happens now, and by which route: one whose quota is used up makes room for the next."""
    for route in touch.open_routes or (touch.route,):
        tried = touch if route == touch.route else replace(touch, route=route)
        action = engine.next_action(tried.facts(), contact, staff_day, rules, now)
        if action.reason != Reason.PLATFORM:
            break
    return tried, action


def _booked(touch: Claimed, now: datetime) -> Move:
    here = Move(touch.id, touch.attempt, State.CLAIMED, booked_at=now, route=touch.route)
    if touch.route == Route.NONE:
        return replace(here, state=State.SENT, sent_at=now)
    if touch.route == Route.STAFF_TASK:
        return replace(here, state=State.AWAITING_STAFF)
    return replace(here, lease_until=timezone.now() + LEASE)


_AFTER = {
    Verb.WAIT: State.PLANNED,
    Verb.HOLD: State.PLANNED,
    Verb.SKIP: State.SKIPPED,
    Verb.CANCEL: State.CANCELLED,
}


def _declined(touch: Claimed, action: Action) -> Move:
    return Move(
        touch.id,
        touch.attempt,
        _AFTER[action.verb],
        reason=action.reason,
        due_at=action.at,
        held=action.verb is Verb.HOLD,
        # What waits looks for its way anew, from the first route on.
        route=touch.route if action.verb is Verb.SKIP else "",
    )


def _hand_to_staff(touches: Sequence[Claimed]) -> None:
    """A task for each: what to say, to whom, with the contact's own link."""
    wanted = {t.id: _link_of(t) for t in touches}
    links = content.links([w for w in wanted.values() if w is not None])
    tasks = []
    for touch in touches:
        want = wanted[touch.id]
        url = content.url_of(links[want]) if want is not None else ""
        tasks.append(
            StaffTask(
                touch_id=touch.id,
                contact_id=touch.contact_id,
                staff_id=touch.staff_id or 0,
                text=writing.with_lines(
                    writing.with_link(touch.text, touch.rendered(url), url),
                    json.loads(touch.attachments),
                ),
                due_at=touch.due_at,
                notice=StaffTask.Notice.WAITING,
                notice_at=timezone.now(),
            )
        )
    if tasks:
        StaffTask.objects.bulk_create(tasks, ignore_conflicts=True)
        doorbell.ring(task_notices.QUEUE)


def _link_of(touch: Claimed) -> content.Wanted | None:
    if touch.content_id is None:
        return None
    return content.Wanted(touch.content_id, touch.staff_id, touch.contact_id)


def hold(which: Q) -> int:
    """Stop planned touches until they are released; what is on its way is not called back."""
    planned = Touch.objects.filter(which, state=State.PLANNED, held=False).order_by("id")
    ids = list(planned.select_for_update(no_key=True, of=("self",)).values_list("id", flat=True))
    return Touch.objects.filter(id__in=ids).update(held=True)


def release(which: Q) -> int:
    """Let held touches go on; what was due meanwhile is due now, within the pace."""
    held = Touch.objects.filter(which, state=State.PLANNED, held=True).order_by("id")
    ids = list(held.select_for_update(no_key=True, of=("self",)).values_list("id", flat=True))
    doorbell.ring(QUEUE)
    return Touch.objects.filter(id__in=ids).update(held=False, reason="")
