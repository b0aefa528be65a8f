"""What became of the touches whose end is open: leases that ran out, unknown outcomes?

Those of mass tasks are looked at together (shared_results.py) and have no lease of their own.
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from django.db import connection
from django.utils import timezone

from contacts import messaging
from contacts.messaging import NoRoute, Request, Settling
from journeys import ledger, results, shared_results
from journeys.delivery import accepted_move, reason_of
from journeys.engine import Reason
from journeys.ledger import Move, State
from journeys.models import Touch
from journeys.shared_results import HOLD_AFTER
from tenants import doorbell
from tenants.scope import current_tenant_id, scope
from tenants.wechat.errors import (
    Forbidden,
    RateLimited,
    Retryable,
    Terminal,
    Unknown,
    WeChatError,
)

log = logging.getLogger(__name__)

LOOK = 200
NEARBY = timedelta(hours=1)
LOOK_LEASE = timedelta(seconds=60)

# Only one worker looks at a time: the look itself takes a lease, in every state but claimed and
# sending, where the lease that ran out is the fact.
_TAKE = """
WITH due AS MATERIALIZED (
  SELECT id FROM journeys_touch
  WHERE tenant_id = %(tenant)s AND lease_until <= %(now)s
    AND state IN ('claimed', 'sending', 'unknown')
  ORDER BY lease_until LIMIT %(limit)s FOR UPDATE SKIP LOCKED)
UPDATE journeys_touch t SET
  lease_until = %(now)s + make_interval(secs => %(lease)s),
  state = CASE t.state WHEN 'sending' THEN 'unknown' ELSE t.state END
FROM due WHERE t.tenant_id = %(tenant)s AND t.id = due.id
RETURNING t.id, t.attempt, t.state, t.request, t.sending_at
"""


@dataclass(frozen=True, slots=True)
class Open:
    id: int
    attempt: int
    state: str
    request: Request | None
    sending_at: datetime | None


def follow_up(tenant_id: int, now: datetime | None = None) -> int:
    """Outside any scope: settle what can be settled now. Answers how many were looked at."""
    now = now or timezone.now()
    with scope(tenant_id):
        taken = _take(now)
        dropped = [Move(o.id, o.attempt, State.PLANNED) for o in taken if o.state == State.CLAIMED]
        ledger.move(dropped, [State.CLAIMED])
    for one in taken:
        if one.state != State.UNKNOWN:
            continue
        move = _look_up(tenant_id, one)
        with scope(tenant_id):
            ledger.move([move], [one.state])
        if move.state == State.SENT:
            with scope(tenant_id):
                results.look_back(one.id)
    return len(taken) + shared_results.follow_up(tenant_id, now, LOOK)


def _take(now: datetime) -> list[Open]:
    with connection.cursor() as cursor:
        cursor.execute(
            _TAKE,
            {
                "tenant": current_tenant_id(),
                "now": now,
                "limit": LOOK,
                "lease": LOOK_LEASE.total_seconds(),
            },
        )
        rows = cursor.fetchall()
    # Django leaves JSON of a plain cursor as text.
    found = [Open(*row) for row in rows]
    return [replace(o, request=json.loads(str(o.request))) if o.request else o for o in found]


# --- unknown: did it go out? ---


def _look_up(tenant_id: int, touch: Open) -> Move:
    if touch.request is None or touch.sending_at is None:
        return _for_a_person(touch)
    try:
        found = messaging.settle_unknown(
            tenant_id, touch.request, touch.sending_at, _others(tenant_id, touch, touch.sending_at)
        )
    except Unknown:
        return _for_a_person(touch)
    except (Retryable, RateLimited) as error:
        return _look_again(touch, timedelta(seconds=max(error.retry_after, 1.0)))
    except NoRoute as refusal:
        # The first call may have arrived before this was so: no other route is tried.
        return Move(touch.id, touch.attempt, State.FAILED, refusal.reason)
    except WeChatError as error:
        if _is_repeat_refused(touch, error):
            return Move(touch.id, touch.attempt, State.FAILED, reason_of(error))
        log.warning("touch %s: the look-up failed: %s", touch.id, error)
        return _look_again(touch, timedelta(minutes=5))
    if found is None:  # certainly not done: it may be sent again
        return Move(touch.id, touch.attempt, State.PLANNED)
    return accepted_move(touch.id, touch.attempt, found)


def _is_repeat_refused(touch: Open, error: WeChatError) -> bool:
    """A route that settles by repeating has its final answer."""
    repeats = messaging.settles(str((touch.request or {})["route"])) is Settling.REPEAT
    return repeats and isinstance(error, Terminal) and not isinstance(error, Forbidden)


def _others(tenant_id: int, touch: Open, sending_at: datetime) -> set[str]:
    """Provider ids of other touches of that time: the same words may have been said twice."""
    around = (sending_at - NEARBY, sending_at + NEARBY)
    with scope(tenant_id):
        others = Touch.objects.filter(sending_at__range=around).exclude(provider_id="")
        return set(others.exclude(pk=touch.id).values_list("provider_id", flat=True))


def _look_again(touch: Open, wait: timedelta) -> Move:
    now = timezone.now()
    if touch.sending_at is not None and now - touch.sending_at > HOLD_AFTER:
        return _for_a_person(touch)
    return Move(touch.id, touch.attempt, State.UNKNOWN, lease_until=now + wait)


def _for_a_person(touch: Open) -> Move:
    """No lease: nobody looks again by itself. `touches?state=unknown` lists it."""
    return Move(touch.id, touch.attempt, State.UNKNOWN, Reason.UNSETTLED)


def is_looked_up(touch: Touch) -> bool:
    """While it is looked up by itself, nobody decides by hand."""
    shared = touch.shared
    return touch.lease_until is not None or (shared is not None and shared.due_at is not None)


def settle_by_hand(touch: Touch, *, sent: bool) -> bool:
    """Inside a scope: a person has looked. False when it is known, or still being looked up."""
    if is_looked_up(touch):
        return False
    move = (
        Move(touch.pk, touch.attempt, State.SENT, sent_at=touch.sending_at or timezone.now())
        if sent
        else Move(touch.pk, touch.attempt, State.PLANNED)
    )
    doorbell.ring(ledger.QUEUE)
    return bool(ledger.move([move], [State.UNKNOWN]))
