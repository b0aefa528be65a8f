"""What became of the mass tasks that were asked for: is it there, has the member confirmed?

One look is for all touches of a task: the platform tells of each customer.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, TypeVar

from django.utils import timezone

from contacts import messaging
from contacts.messaging import Polled, Progress, Request, mass_tasks
from journeys import delivery, ledger, recalls, shared_sends
from journeys.engine import Reason
from journeys.ledger import Move, State
from journeys.models import SharedTask, Touch
from journeys.pace import LONGEST_WAIT
from journeys.shared_sends import Member
from tenants.scope import scope
from tenants.wechat.errors import RateLimited, Retryable, Terminal, Unknown, WeChatError

log = logging.getLogger(__name__)

NEARBY: Final = timedelta(hours=1)
LOOK_LEASE: Final = timedelta(seconds=60)
SOONEST, LATEST = timedelta(seconds=20), timedelta(hours=1)  # between two looks at a task
HOLD_AFTER: Final = timedelta(hours=6)  # an unknown that no look-up settles by then is a person's
AT_ONCE: Final = 500  # touches told of in one transaction
Of = SharedTask.State
T = TypeVar("T")
Judge = Callable[[Touch, "Polled | None"], Move | None]


def follow_up(tenant_id: int, now: datetime, most: int) -> int:
    """Outside any scope: look at every task that is due. Answers how many."""
    with scope(tenant_id):
        tasks = _take(now, most)
    for task in tasks:
        _look(tenant_id, task)
    return len(tasks)


def _take(now: datetime, most: int) -> list[SharedTask]:
    """A call whose lease has run out may have been heard: what it asked for is not known."""
    due = SharedTask.objects.filter(state__in=[Of.ASKED, Of.WAITING], due_at__lte=now)
    rows = due.select_for_update(skip_locked=True, no_key=True, of=("self",))
    tasks = list(rows.order_by("due_at", "id")[:most])
    for task in tasks:
        task.attempt, task.due_at = task.attempt + 1, now + LOOK_LEASE
        task.save(update_fields=["attempt", "due_at"])
    asked = [task.pk for task in tasks if task.state == Of.ASKED]
    Touch.objects.filter(shared__in=asked, state=State.SENDING).update(state=State.UNKNOWN)
    return tasks


def _look(tenant_id: int, task: SharedTask) -> None:
    with scope(tenant_id):
        touches = open_touches(task)
    request = request_of(task, touches)
    if not touches:
        look_again(tenant_id, task, None)
    elif task.state == Of.ASKED:
        _look_up(tenant_id, task, touches, request)
    elif task.called_back_at is not None:
        _part(tenant_id, task, touches, request)
    elif any(touch.ask == Touch.Ask.CANCEL for touch in touches):
        _call_back(tenant_id, task, touches, request)
    else:
        if any(touch.ask == Touch.Ask.REMIND for touch in touches):
            recalls.remind_of(tenant_id, task, touches, request)
        _poll(tenant_id, task, touches, request)


def open_touches(task: SharedTask) -> list[Touch]:
    state = State.UNKNOWN if task.state == Of.ASKED else State.AWAITING_STAFF
    rows = Touch.objects.filter(shared=task, state=state).select_related("step")
    return list(rows.order_by("id"))


def request_of(task: SharedTask, touches: Sequence[Touch]) -> Request:
    """To all of these; whose words were deleted at their contact's wish is not named any more."""
    known = [touch.request for touch in touches if touch.request]
    return (
        messaging.together(known) if known else {"route": "mass_task", "account": task.account_id}
    )


def look_again(tenant_id: int, task: SharedTask, wait: timedelta | None) -> None:
    """After that time; without one its end is known, or a person's."""
    with scope(tenant_id):
        mine = SharedTask.objects.filter(pk=task.pk, attempt=task.attempt)
        if wait is not None:
            mine.update(due_at=timezone.now() + wait)
        else:
            mine.update(due_at=None, state=Of.DONE)


def _wait(error: WeChatError) -> timedelta:
    if isinstance(error, Retryable | RateLimited):
        return max(timedelta(seconds=error.retry_after), SOONEST)
    return LATEST


# --- asked for, without an answer: is it there? ---


def _look_up(tenant_id: int, task: SharedTask, touches: Sequence[Touch], request: Request) -> None:
    asked_at = task.asked_at or task.created_at
    if "text" not in request:
        _for_a_person(tenant_id, task, touches)
        return
    try:
        found = messaging.settle_unknown(tenant_id, request, asked_at, _others(tenant_id, task))
    except Unknown:
        _for_a_person(tenant_id, task, touches)
        return
    except WeChatError as error:
        if timezone.now() - asked_at > HOLD_AFTER:
            _for_a_person(tenant_id, task, touches)
            return
        if not isinstance(error, Retryable | RateLimited):
            log.warning("shared task %s: the look-up failed: %s", task.pk, error)
        wait = error.retry_after if isinstance(error, Retryable | RateLimited) else 300
        look_again(tenant_id, task, timedelta(seconds=max(wait, 1.0)))
        return
    if found is None:  # certainly not done: it may be asked for again
        _write(tenant_id, [Move(t.pk, t.attempt, State.PLANNED) for t in touches], State.UNKNOWN)
        look_again(tenant_id, task, None)
        return
    members = [Member(t.pk, t.attempt, _customer(t), delivery.after(t)) for t in touches]
    with scope(tenant_id):
        shared_sends.accept(task.pk, members, found)


def _others(tenant_id: int, task: SharedTask) -> set[str]:
    """Ids of other tasks of that time: the same words may have been said twice."""
    asked_at = task.asked_at or task.created_at
    around = (asked_at - NEARBY, asked_at + NEARBY)
    with scope(tenant_id):
        others = SharedTask.objects.filter(asked_at__range=around).exclude(provider_id="")
        return set(others.exclude(pk=task.pk).values_list("provider_id", flat=True))


def _for_a_person(tenant_id: int, task: SharedTask, touches: Sequence[Touch]) -> None:
    """Nobody looks again by itself. `touches?state=unknown` lists them."""
    state = touches[0].state
    moves = [Move(t.pk, t.attempt, State.UNKNOWN, Reason.UNSETTLED) for t in touches]
    _write(tenant_id, moves, state)
    look_again(tenant_id, task, None)


def _customer(touch: Touch) -> str:
    return str((touch.request or {}).get("external_userid", ""))


# --- awaiting staff: has the member confirmed? ---


def _poll(tenant_id: int, task: SharedTask, touches: Sequence[Touch], request: Request) -> None:
    asked_at = task.asked_at or task.created_at
    waited = timezone.now() - asked_at
    if "text" not in request:
        look_again(tenant_id, task, None)
        return
    try:
        told = messaging.poll(tenant_id, request, task.provider_id)
    except WeChatError as error:
        if not isinstance(error, Retryable | RateLimited):
            log.warning("shared task %s: no result: %s", task.pk, error)
        if waited <= LONGEST_WAIT:
            look_again(tenant_id, task, _wait(error))
            return
        told = {}

    def judge(touch: Touch, polled: Polled | None) -> Move | None:
        settled = settled_move(touch, polled)
        if settled is None and waited > LONGEST_WAIT:
            return Move(touch.pk, touch.attempt, State.FAILED, Reason.NOT_CONFIRMED)
        if (
            settled is None
            and polled is None
            and told
            and waited > mass_tasks.LIST_LAG
            and touch.request
        ):
            # The task has others, but not this customer: the answer that said so was lost.
            return delivery.not_sendable(touch.pk, touch.attempt, delivery.after(touch))
        return settled

    left = write_all(tenant_id, touches, told, judge)
    look_again(tenant_id, task, min(max(waited / 4, SOONEST), LATEST) if left else None)


def settled_move(touch: Touch, polled: Polled | None) -> Move | None:
    """What the platform told of this customer, unless it waits or is not told of."""
    if polled is None:
        return None
    if polled.progress is Progress.DELIVERED:
        at = polled.at or timezone.now()
        return Move(touch.pk, touch.attempt, State.DELIVERED, sent_at=at, delivered_at=at)
    if polled.progress is Progress.NOT_A_FRIEND:
        return Move(touch.pk, touch.attempt, State.FAILED, Reason.NOT_A_FRIEND)
    if polled.progress is Progress.QUOTA:
        return Move(touch.pk, touch.attempt, State.FAILED, Reason.PLATFORM)
    return None


def write_all(
    tenant_id: int, touches: Sequence[Touch], told: Mapping[str, Polled], judge: Judge
) -> int:
    """Move those of whom the judge knows the end. Answers how many still wait.

    Each is read again under its lock: while the platform was asked, somebody may have called one
    back, and that one must not be planned again.
    """
    customers = {touch.pk: _customer(touch) for touch in touches}
    left = 0
    for ids in _parts(list(customers)):
        with scope(tenant_id):
            rows = Touch.objects.select_for_update(of=("self",), no_key=True)
            here = rows.filter(id__in=ids, state=State.AWAITING_STAFF).select_related("step")
            moves = [judge(one, told.get(customers[one.pk])) for one in here.order_by("id")]
            known = [move for move in moves if move is not None]
            ledger.move(known, [State.AWAITING_STAFF])
            left += len(moves) - len(known)
    return left


def _write(tenant_id: int, moves: Sequence[Move], expected: str) -> None:
    for some in _parts(moves):
        with scope(tenant_id):
            ledger.move(some, [expected])


def _parts(rows: Sequence[T]) -> Iterator[Sequence[T]]:
    return (rows[start : start + AT_ONCE] for start in range(0, len(rows), AT_ONCE))


# --- called back ---


def _call_back(
    tenant_id: int, task: SharedTask, touches: Sequence[Touch], request: Request
) -> None:
    """The platform stops a task for all its customers or for none. Those who were not meant get
    another, once it is sure that the member had not confirmed this one: results lag behind."""
    others = any(touch.ask != Touch.Ask.CANCEL for touch in touches)
    stopped = True
    try:
        messaging.cancel(tenant_id, request, task.provider_id)
    except Terminal as error:
        log.warning("shared task %s: nothing to call back: %s", task.pk, error)
        stopped = False
    except WeChatError as error:
        log.warning("shared task %s was not called back yet: %s", task.pk, error)
        again = isinstance(error, Retryable | RateLimited)
        look_again(tenant_id, task, _wait(error) if again else recalls.LATER)
        return
    if stopped:
        with scope(tenant_id):
            mine = SharedTask.objects.filter(pk=task.pk, attempt=task.attempt)
            if not mine.update(called_back_at=timezone.now()):
                return
    if others and stopped:
        look_again(tenant_id, task, mass_tasks.LIST_LAG)
    elif others:
        with scope(tenant_id):
            Touch.objects.filter(id__in=[t.pk for t in touches]).update(ask="", reason="")
        look_again(tenant_id, task, SOONEST)
    else:
        _part(tenant_id, task, touches, request)


def _part(tenant_id: int, task: SharedTask, touches: Sequence[Touch], request: Request) -> None:
    """After the task was stopped: who has got it, who was to be left out, and who gets another."""
    told: Mapping[str, Polled] | None = {}
    try:
        if "text" in request:
            told = messaging.poll(tenant_id, request, task.provider_id)
    except WeChatError as error:
        log.warning("shared task %s: no result after it was called back: %s", task.pk, error)
        since = task.called_back_at or timezone.now()
        if timezone.now() - since <= HOLD_AFTER:
            look_again(tenant_id, task, max(_wait(error), recalls.LATER))
            return
        told = None
    got = any(one.progress is Progress.DELIVERED for one in (told or {}).values())

    def judge(touch: Touch, polled: Polled | None) -> Move:
        settled = settled_move(touch, polled)
        if settled is not None:
            return settled
        if touch.ask == Touch.Ask.CANCEL:
            return Move(touch.pk, touch.attempt, State.CANCELLED, touch.reason)
        unsent = polled is not None and polled.progress is Progress.WAITING
        # A platform that lists only what was sent has sent nothing when it lists nothing.
        if unsent or (polled is None and told is not None and not got):
            return Move(touch.pk, touch.attempt, State.PLANNED, due_at=timezone.now())
        return Move(touch.pk, touch.attempt, State.UNKNOWN, Reason.UNSETTLED)

    write_all(tenant_id, touches, told or {}, judge)
    look_again(tenant_id, task, None)
