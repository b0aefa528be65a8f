"""What is still asked of a message that waits for its member: to be reminded, or to come back?

Asked for here, carried out by the worker that looks at shared tasks. A reminder is told at most
once and at most three times in 24 hours a task, as the platform allows. Calling back stops what
nobody has confirmed yet, and what was sent meanwhile stays sent; the platform stops whole tasks
only, so the other customers of the task get a new one (shared_results.py).
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Final

from django.utils import timezone

from contacts import messaging
from contacts.messaging import Request
from journeys import ledger
from journeys.engine import Reason
from journeys.ledger import State
from journeys.models import Route, SharedTask, Touch
from tenants import doorbell
from tenants.scope import scope
from tenants.wechat.errors import WeChatError
from tenants.wechat.mass_sends import REMINDERS_A_DAY

log = logging.getLogger(__name__)

DAY: Final = timedelta(hours=24)
LATER: Final = timedelta(minutes=10)
Ask = Touch.Ask


def waits(touch: Touch) -> bool:
    """A member has it and has not confirmed, as far as we know; and nothing is asked of it yet."""
    awaits = touch.state == State.AWAITING_STAFF and touch.route == Route.MASS_TASK
    return awaits and bool(touch.provider_id) and touch.ask == Ask.NOTHING


def may_remind(touch: Touch) -> bool:
    shared = touch.shared
    if shared is not None and shared.called_back_at is not None:
        return False
    return waits(touch) and len(_recent(touch.reminded, timezone.now())) < REMINDERS_A_DAY


def remind(touch: Touch) -> bool:
    """Inside a scope: have the member reminded. False when it is too late, or often enough."""
    fresh = Touch.objects.select_for_update(no_key=True).get(pk=touch.pk)
    return may_remind(fresh) and _ask([fresh.pk], Ask.REMIND, "") == 1


def call_back(touch: Touch) -> bool:
    """Inside a scope: stop it unless it is confirmed. False when it waits for nobody."""
    fresh = Touch.objects.select_for_update(no_key=True).get(pk=touch.pk)
    return waits(fresh) and _ask([fresh.pk], Ask.CANCEL, Reason.TASK_CANCELLED) == 1


def call_back_all(enrolment_ids: Collection[int], reason: str) -> None:
    """Inside a scope: what these runs left with members."""
    rows = Touch.objects.filter(
        enrolment_id__in=enrolment_ids, state=State.AWAITING_STAFF, route=Route.MASS_TASK
    ).exclude(provider_id="")
    _ask(list(rows.values_list("id", flat=True)), Ask.CANCEL, reason)


def _ask(touch_ids: Collection[int], what: str, reason: str) -> int:
    if not touch_ids:
        return 0
    doorbell.ring(ledger.QUEUE)
    rows = Touch.objects.filter(id__in=touch_ids)
    asked = rows.update(ask=what, reason=reason)
    tasks = SharedTask.objects.filter(
        pk__in=rows.values("shared"), state=SharedTask.State.WAITING, called_back_at=None
    )
    tasks.update(due_at=timezone.now())
    return asked


def _recent(reminded: Collection[str], now: datetime) -> list[str]:
    since = (now - DAY).isoformat()
    return [at for at in reminded if at > since]


# --- by the worker, outside any scope ---


def remind_of(tenant_id: int, task: SharedTask, touches: Sequence[Touch], request: Request) -> None:
    """Noted first: a reminder whose answer is lost counts, and is not told twice."""
    now = timezone.now()
    asked = next(touch for touch in touches if touch.ask == Ask.REMIND)
    reminded = [*_recent(asked.reminded, now), now.isoformat()]
    ids = [touch.pk for touch in touches]
    with scope(tenant_id):
        mine = Touch.objects.filter(pk__in=ids, ask=Ask.REMIND)
        if not mine.update(ask=Ask.NOTHING):
            return
        Touch.objects.filter(pk__in=ids).update(reminded=reminded)
    try:
        messaging.remind(tenant_id, request, task.provider_id)
    except WeChatError as error:
        log.warning("shared task %s: its member was not reminded: %s", task.pk, error)
