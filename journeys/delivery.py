"""How does one touch leave? Freeze the request and commit, call outside any transaction, settle.

A mass task is asked for by several touches together: those only join it here (gathering.py).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.utils import timezone

from contacts import media, messaging
from contacts.messaging import Accepted, NoRoute, NotSendable, Request
from journeys import gathering, ledger, results, routing, writing
from journeys.claimed import facts_of
from journeys.engine import Reason
from journeys.ledger import Move, State
from journeys.models import Route, Touch
from tenants.scope import current_tenant_id, scope
from tenants.wechat import accounts
from tenants.wechat.errors import (
    RateLimited,
    Retryable,
    Terminal,
    Unauthorised,
    Unknown,
    WeChatError,
)

log = logging.getLogger(__name__)

# A call that began in time has ended when the lease does: timeouts of the adapter and a margin.
CALL_AT_MOST = timedelta(seconds=30)
SEND_LEASE = timedelta(seconds=60)
LONGEST_BACK_OFF = timedelta(hours=1)
ACCOUNT_PAUSE = timedelta(minutes=5)
MEDIA_WAIT = timedelta(seconds=30)  # a file that goes along is on its way to the platform


@dataclass(slots=True)
class Breaker:
    """Spares touches the way to an account that is to be left alone.

    Which account that is, the adapter knows for all workers; what this run heard of a limit that
    was hit is kept here, so that not every touch of the run asks again.
    """

    until: dict[int, float] = field(default_factory=dict)

    def wait(self, account: int) -> tuple[timedelta, str]:
        """Inside a scope: for how long, and the reason; nothing to wait for is zero."""
        rest = self.until.get(account, 0.0) - time.monotonic()
        if rest > 0:
            return timedelta(seconds=rest), Reason.LATER
        shared = accounts.standing(current_tenant_id(), account)
        reason = Reason.ACCOUNT if shared.why == "account" else Reason.LATER
        return timedelta(seconds=shared.wait), reason

    def heard(self, account: int, error: WeChatError) -> None:
        if isinstance(error, RateLimited):
            self.until[account] = time.monotonic() + error.retry_after


@dataclass(frozen=True, slots=True)
class Frozen:
    """A touch that is `sending`: its request is stored, and nobody else will send it."""

    touch_id: int
    attempt: int
    request: Request
    at: datetime
    call_before: float  # monotonic: past it, the lease might end during the call
    following: str = ""  # the route to try when this one has no way

    @property
    def account(self) -> int:
        number = self.request.get("account")
        return number if isinstance(number, int) else 0


def deliver_all(
    tenant_id: int, touches: Sequence[tuple[int, int]], breaker: Breaker, *, lease: timedelta
) -> None:
    """Outside any scope. What is left when the claim's lease runs out goes back to planned."""
    until = time.monotonic() + (lease / 2).total_seconds()
    for number, (touch_id, attempt) in enumerate(touches):
        if time.monotonic() > until:
            with scope(tenant_id):
                back = [Move(t, a, State.PLANNED) for t, a in touches[number:]]
                ledger.move(back, [State.CLAIMED])
            return
        deliver(tenant_id, touch_id, attempt, breaker)


def deliver(tenant_id: int, touch_id: int, attempt: int, breaker: Breaker) -> None:
    with scope(tenant_id):
        frozen = _freeze(touch_id, attempt, breaker)
    if frozen is None:
        return
    if time.monotonic() > frozen.call_before:
        # This process stood still: nothing was sent, but the lease is another's by now.
        log.warning("touch %s: too late to call", touch_id)
        return
    move = _call(tenant_id, frozen, breaker)
    with scope(tenant_id):
        settle(move)
    if move.state == State.SENT:
        with scope(tenant_id):
            results.look_back(touch_id)


def settle(move: Move) -> None:
    """Write the outcome of a call. A look-up may have overtaken us; an acceptance still counts."""
    expected = [State.SENDING, State.UNKNOWN]
    if move.provider_id:
        expected.append(State.PLANNED)
    if not ledger.move([move], expected):
        log.error("touch %s: outcome %s came too late", move.touch_id, move.state)


# --- freeze ---


def _freeze(touch_id: int, attempt: int, breaker: Breaker) -> Frozen | None:
    """Inside a scope: look once more whether it may go, and store what will be sent."""
    touch = (
        Touch.objects.select_for_update(of=("self",), no_key=True)
        .select_related("contact", "follow__staff", "follow__live_code__account", "step__content")
        .filter(pk=touch_id, attempt=attempt, state=State.CLAIMED)
        .first()
    )
    if touch is None:
        return None
    if any(known.stopped for known in facts_of([touch_id])):
        # Back to planned: the next judge gives the reason.
        ledger.move([Move(touch_id, attempt, State.PLANNED)], [State.CLAIMED])
        return None
    try:
        request = writing.request_of(touch)
    except media.NotReady:
        due = timezone.now() + MEDIA_WAIT
        ledger.move(
            [Move(touch_id, attempt, State.PLANNED, Reason.UPLOADING, due_at=due)], [State.CLAIMED]
        )
        return None
    except NoRoute as refusal:
        skipped = no_way(touch_id, attempt, refusal.reason, after(touch))
        ledger.move([skipped], [State.CLAIMED])
        return None
    now = timezone.now()
    call_before = time.monotonic() + (SEND_LEASE - CALL_AT_MOST).total_seconds()
    frozen = Frozen(touch_id, attempt, request, now, call_before, after(touch))
    wait, reason = breaker.wait(frozen.account)
    if wait:
        back = Move(touch_id, attempt, State.PLANNED, reason, due_at=now + wait)
        ledger.move([back], [State.CLAIMED])
        return None
    if touch.route == Route.MASS_TASK:
        gathering.gather(touch, request)
        return None
    touch.state, touch.request = State.SENDING, request
    touch.sending_at, touch.lease_until = now, now + SEND_LEASE
    touch.save(update_fields=["state", "request", "sending_at", "lease_until"])
    return frozen


def after(touch: Touch) -> str:
    """The route to try when this one has no way, or nothing."""
    routes = touch.step.routes if touch.step is not None else []
    return routing.after(routes, touch.route)


def no_way(
    touch_id: int, attempt: int, reason: str, following: str, end: str = State.SKIPPED
) -> Move:
    """Certainly not this way: by the route that follows, or not at all."""
    if following:
        now = timezone.now()
        return Move(touch_id, attempt, State.PLANNED, reason, due_at=now, route=following)
    return Move(touch_id, attempt, end, reason)


def not_sendable(touch_id: int, attempt: int, following: str) -> Move:
    return no_way(touch_id, attempt, NotSendable.reason, following, State.FAILED)


# --- call ---


def _call(tenant_id: int, frozen: Frozen, breaker: Breaker) -> Move:
    """Call the provider; every way it can end is a move."""
    try:
        accepted = messaging.send(tenant_id, frozen.request)
    except NoRoute as refusal:
        log.info("touch %s: no way: %s", frozen.touch_id, refusal.reason)
        return no_way(frozen.touch_id, frozen.attempt, refusal.reason, frozen.following)
    except WeChatError as error:
        log.warning("touch %s was not sent: %s", frozen.touch_id, error)
        breaker.heard(frozen.account, error)
        return refused(frozen.touch_id, frozen.attempt, error)
    return accepted_move(frozen.touch_id, frozen.attempt, accepted)


def accepted_move(touch_id: int, attempt: int, accepted: Accepted) -> Move:
    return Move(
        touch_id,
        attempt,
        State.SENT,
        provider_id=accepted.provider_id,
        sent_at=timezone.now(),
    )


def refused(touch_id: int, attempt: int, error: WeChatError) -> Move:
    """It was not sent, or nobody knows."""
    if isinstance(error, Unknown):
        return Move(touch_id, attempt, State.UNKNOWN, lease_until=timezone.now())
    if isinstance(error, Terminal):
        return Move(touch_id, attempt, State.FAILED, reason_of(error))
    if isinstance(error, Unauthorised):
        return _later(touch_id, attempt, ACCOUNT_PAUSE, Reason.ACCOUNT)
    wait = back_off(attempt)
    if isinstance(error, RateLimited):
        wait = timedelta(seconds=error.retry_after)
    elif isinstance(error, Retryable):
        wait = max(wait, timedelta(seconds=error.retry_after))
    return _later(touch_id, attempt, wait, Reason.LATER)


def _later(touch_id: int, attempt: int, wait: timedelta, reason: str) -> Move:
    return Move(touch_id, attempt, State.PLANNED, reason, due_at=timezone.now() + wait)


def back_off(attempt: int) -> timedelta:
    """5 s, 10 s, 20 s … up to an hour."""
    return min(timedelta(seconds=5 * 2 ** min(attempt - 1, 12)), LONGEST_BACK_OFF)


def reason_of(error: WeChatError) -> str:
    return Reason.REFUSED if error.errcode is None else f"{Reason.REFUSED}:{error.errcode}"
