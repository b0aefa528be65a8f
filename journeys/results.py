"""What became of a message by template? Its result comes by callback, long after the answer.

The callback may be handled before the answer is stored: so whoever stores one looks back.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from contacts import kinds, messaging
from contacts.messaging import Result
from contacts.models import Event
from journeys import ledger
from journeys.engine import Reason
from journeys.ledger import Move, State
from journeys.models import BY_TEMPLATE, Route, Touch

KINDS = frozenset({kinds.NOTICE_FINISHED})

# The platform tells whole seconds of its own clock.
SKEW = timedelta(seconds=5)

_REASONS = {"blocked": Reason.BLOCKED}


def on_events(events: Sequence[Event]) -> None:
    """Timeline listener."""
    for event in events:
        _apply(Result.of(event))


def look_back(touch_id: int) -> None:
    """Inside a scope, in a transaction after the one that stored the answer."""
    touch = Touch.objects.filter(pk=touch_id, route__in=BY_TEMPLATE, state=State.SENT).first()
    if touch is None or touch.request is None or touch.sending_at is None:
        return
    for result in messaging.results(touch.request, touch.sending_at):
        _apply(result)


def _apply(result: Result) -> None:
    touch = _touch_of(result)
    if touch is None:
        return
    if result.problem:
        reason = _REASONS.get(result.problem, Reason.UNDELIVERED)
        move = Move(touch.pk, touch.attempt, State.FAILED, reason, provider_id=result.key)
    else:
        move = Move(
            touch.pk,
            touch.attempt,
            State.DELIVERED,
            delivered_at=result.at,
            provider_id=result.key,
        )
    ledger.move([move], [State.SENT])


def _touch_of(result: Result) -> Touch | None:
    """By its number; of subscribe messages whose answer had none, the one that has waited longest
    for a result of this template."""
    sent = Touch.objects.filter(
        contact_id=result.contact_id, route=result.route, state=State.SENT
    ).order_by("sending_at", "id")
    if result.route == Route.TEMPLATE:
        return sent.filter(provider_id=result.key).first()
    known = Touch.objects.filter(contact_id=result.contact_id, provider_id=result.key)
    if known.exclude(state=State.SENT).exists():
        return None
    named = {"request__app": result.app, "request__template_id": result.template_id}
    return (
        sent.filter(provider_id__in=["", result.key], sending_at__lte=result.at + SKEW, **named)
        .order_by("-provider_id", "sending_at", "id")
        .first()
    )
