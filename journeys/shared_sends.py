"""How is one mass task asked for, for all the touches that gathered for it?

    send_due(tenant_id, …)      outside a scope: settle whom it is for (commit) → one call → settle

Whoever dies in between leaves rows: before the commit nothing was sent and the next worker asks;
after it the task is looked up (shared_results.py), never asked for again blindly.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.utils import timezone

from contacts import messaging
from contacts.messaging import Accepted, NotSendable, Request
from journeys import delivery, ledger
from journeys.claimed import facts_of
from journeys.delivery import Breaker
from journeys.ledger import Move, State
from journeys.models import SharedTask, Touch
from tenants import doorbell
from tenants.scope import scope
from tenants.wechat.errors import Terminal, Unknown, WeChatError

log = logging.getLogger(__name__)

# A customer's id that the platform does not take: it refuses the whole task for it.
BAD_CUSTOMER: Final = 40096
FIRST_LOOK: Final = timedelta(seconds=20)
Of = SharedTask.State


@dataclass(frozen=True, slots=True)
class Member:
    """A touch of the task; `following` is the route to try when there is no way to its customer."""

    touch_id: int
    attempt: int
    external_userid: str
    following: str


@dataclass(frozen=True, slots=True)
class Asked:
    """A task whose audience is stored; nobody else asks for it."""

    task_id: int
    account_id: int
    digest: str
    request: Request
    members: tuple[Member, ...]
    call_before: float  # monotonic: past it, the lease might end during the call


def send_due(tenant_id: int, breaker: Breaker, until: float) -> None:
    """Outside any scope: ask for every task that has gathered long enough; `until` is monotonic."""
    while time.monotonic() < until:
        with scope(tenant_id):
            task = _next()
            asked = None if task is None else _freeze(task, breaker)
        if task is None:
            return
        if asked is None:
            continue
        if time.monotonic() > asked.call_before:
            # This process stood still: nothing was sent, but the lease is another's by now.
            log.warning("shared task %s: too late to call", asked.task_id)
            continue
        _ask(tenant_id, asked, breaker)


def _next() -> SharedTask | None:
    due = SharedTask.objects.filter(
        state__in=[Of.GATHERING, Of.READY], due_at__lte=timezone.now()
    ).order_by("due_at", "id")
    return due.select_for_update(skip_locked=True, no_key=True, of=("self",)).first()


def _freeze(task: SharedTask, breaker: Breaker) -> Asked | None:
    """Look once more who may be written to, and store that these are asked for."""
    locked = Touch.objects.select_for_update(of=("self",), no_key=True).select_related("step")
    touches = list(locked.filter(shared=task, state=State.CLAIMED).order_by("id"))
    stopped = {one.id for one in facts_of([t.pk for t in touches]) if one.stopped}
    wait, reason = breaker.wait(task.account_id)
    now = timezone.now()
    if wait:
        back = [Move(t.pk, t.attempt, State.PLANNED, reason, due_at=now + wait) for t in touches]
    else:
        # The next judge gives the reason.
        back = [Move(t.pk, t.attempt, State.PLANNED) for t in touches if t.pk in stopped]
    ledger.move(back, [State.CLAIMED])
    going = [] if wait else [t for t in touches if t.pk not in stopped]
    task.size, task.attempt = len(going), task.attempt + 1
    task.state, task.due_at = (Of.ASKED, now + delivery.SEND_LEASE) if going else (Of.DONE, None)
    task.asked_at = now if going else None
    task.save(update_fields=["size", "attempt", "state", "due_at", "asked_at"])
    if not going:
        return None
    Touch.objects.filter(id__in=[t.pk for t in going]).update(state=State.SENDING, sending_at=now)
    return Asked(
        task.pk,
        task.account_id,
        task.digest,
        messaging.together([t.request or {} for t in going]),
        tuple(_member(t) for t in going),
        time.monotonic() + (delivery.SEND_LEASE - delivery.CALL_AT_MOST).total_seconds(),
    )


def _member(touch: Touch) -> Member:
    named = str((touch.request or {})["external_userid"])
    return Member(touch.pk, touch.attempt, named, delivery.after(touch))


# --- call ---


def _ask(tenant_id: int, asked: Asked, breaker: Breaker) -> None:
    try:
        accepted = messaging.send(tenant_id, asked.request)
    except WeChatError as error:
        log.warning("shared task %s was not made: %s", asked.task_id, error)
        breaker.heard(asked.account_id, error)
        with scope(tenant_id):
            _refused(asked, error)
        return
    with scope(tenant_id):
        accept(asked.task_id, asked.members, accepted)


def accept(task_id: int, members: Collection[Member], accepted: Accepted) -> None:
    """Inside a scope: the platform has it. A look-up may have overtaken us; this still counts."""
    refused = set(accepted.refused)
    moves = [
        delivery.not_sendable(one.touch_id, one.attempt, one.following)
        if one.external_userid in refused
        else Move(one.touch_id, one.attempt, State.AWAITING_STAFF, provider_id=accepted.provider_id)
        for one in members
    ]
    moved = ledger.move(moves, [State.SENDING, State.UNKNOWN, State.PLANNED])
    if len(moved) < len(moves):
        log.error("shared task %s: the answer came too late for some", task_id)
    Touch.objects.filter(id__in=[one.id for one in moved], shared=None).update(shared=task_id)
    due_at = timezone.now() + FIRST_LOOK
    SharedTask.objects.filter(pk=task_id).update(
        state=Of.WAITING, provider_id=accepted.provider_id, due_at=due_at
    )


def _refused(asked: Asked, error: WeChatError) -> None:
    """It was not made, or nobody knows."""
    if isinstance(error, Unknown):
        _move(asked, [Move(m.touch_id, m.attempt, State.UNKNOWN) for m in asked.members])
        _end(asked, Of.ASKED, timezone.now())
        return
    if isinstance(error, Terminal) and error.errcode == BAD_CUSTOMER and len(asked.members) > 1:
        _halve(asked)
    elif isinstance(error, NotSendable):
        _move(
            asked,
            [delivery.not_sendable(m.touch_id, m.attempt, m.following) for m in asked.members],
        )
    else:
        _move(asked, [delivery.refused(m.touch_id, m.attempt, error) for m in asked.members])
    _end(asked, Of.DONE, None)


def _halve(asked: Asked) -> None:
    """One bad customer is no reason for all others to go without: each half is asked for alone."""
    middle = len(asked.members) // 2
    for half in (asked.members[:middle], asked.members[middle:]):
        new = SharedTask.objects.create(
            account_id=asked.account_id,
            digest=asked.digest,
            state=Of.READY,
            size=len(half),
            due_at=timezone.now(),
        )
        back = [Move(m.touch_id, m.attempt, State.CLAIMED) for m in half]
        moved = ledger.move(back, [State.SENDING])
        Touch.objects.filter(id__in=[one.id for one in moved]).update(shared=new)
    doorbell.ring(ledger.QUEUE)


def _move(asked: Asked, moves: Sequence[Move]) -> None:
    if len(ledger.move(moves, [State.SENDING, State.UNKNOWN])) < len(moves):
        log.error("shared task %s: its outcome came too late for some", asked.task_id)


def _end(asked: Asked, state: str, due_at: datetime | None) -> None:
    SharedTask.objects.filter(pk=asked.task_id, state=Of.ASKED).update(state=state, due_at=due_at)
