"""What is still asked of a message that waits for its member: to be reminded, or to come back?

Asked for here, carried out by the worker that follows touches up. A reminder is told at most once
and at most three times in 24 hours, as the platform allows; calling back stops what nobody has
confirmed yet, and what was sent meanwhile stays sent.
"""

from __future__ import annotations

import logging
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Final

from django.utils import timezone

from contacts import messaging
from contacts.messaging import Progress, Request
from journeys import ledger
from journeys.engine import Reason
from journeys.ledger import Move, State
from journeys.models import Route, Touch
from tenants import doorbell
from tenants.scope import scope
from tenants.wechat.errors import RateLimited, Retryable, Terminal, WeChatError
from tenants.wechat.mass_sends import REMINDERS_A_DAY

log = logging.getLogger(__name__)

DAY: Final = timedelta(hours=24)
SOON: Final = timedelta(seconds=20)
LATER: Final = timedelta(minutes=10)
Ask = Touch.Ask


def waits(touch: Touch) -> bool:
    """A member has it and has not confirmed, as far as we know; and nothing is asked of it yet."""
    awaits = touch.state == State.AWAITING_STAFF and touch.route == Route.MASS_TASK
    return awaits and bool(touch.provider_id) and touch.ask == Ask.NOTHING


def may_remind(touch: Touch) -> bool:
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
    return rows.update(ask=what, reason=reason, lease_until=timezone.now())


def _recent(reminded: Collection[str], now: datetime) -> list[str]:
    since = (now - DAY).isoformat()
    return [at for at in reminded if at > since]


# --- by the worker, outside any scope ---


def carry_out(
    tenant_id: int, touch_id: int, attempt: int, request: Request, provider_id: str
) -> Move:
    """What became of what was asked."""
    with scope(tenant_id):
        touch = Touch.objects.get(pk=touch_id)
    if touch.ask == Ask.REMIND:
        _remind(tenant_id, touch, request)
        return Move(touch_id, attempt, State.AWAITING_STAFF, lease_until=timezone.now() + SOON)
    return _cancel(tenant_id, touch, attempt, request, provider_id)


def _remind(tenant_id: int, touch: Touch, request: Request) -> None:
    """Noted first: a reminder whose answer is lost counts, and is not told twice."""
    now = timezone.now()
    reminded = [*_recent(touch.reminded, now), now.isoformat()]
    with scope(tenant_id):
        mine = Touch.objects.filter(pk=touch.pk, ask=Ask.REMIND)
        if not mine.update(ask=Ask.NOTHING, reminded=reminded):
            return
    try:
        messaging.remind(tenant_id, request, touch.provider_id)
    except WeChatError as error:
        log.warning("touch %s: its member was not reminded: %s", touch.pk, error)


def _cancel(tenant_id: int, touch: Touch, attempt: int, request: Request, provider_id: str) -> Move:
    again = Move(
        touch.pk, attempt, State.AWAITING_STAFF, touch.reason, lease_until=timezone.now() + LATER
    )
    try:
        messaging.cancel(tenant_id, request, provider_id)
    except Terminal as error:
        log.warning("touch %s: nothing to call back: %s", touch.pk, error)
    except WeChatError as error:
        return _later(again, error)
    try:
        polled = messaging.poll(tenant_id, request, provider_id)
    except WeChatError as error:
        return _later(again, error)
    if polled.progress is Progress.DELIVERED:
        at = polled.at or timezone.now()
        return Move(touch.pk, attempt, State.DELIVERED, sent_at=at, delivered_at=at)
    return Move(touch.pk, attempt, State.CANCELLED, touch.reason)


def _later(again: Move, error: WeChatError) -> Move:
    log.warning("touch %s was not called back yet: %s", again.touch_id, error)
    if isinstance(error, Retryable | RateLimited):
        wait = max(SOON, timedelta(seconds=error.retry_after))
        return Move(
            again.touch_id, again.attempt, again.state, again.reason,
            lease_until=timezone.now() + wait,
        )  # fmt: skip
    return again
