"""May an official account write to this fan now, as far as we know?

A fan's own message opens five messages within 48 hours and each new one begins the count again; a
follow, a scan or a tap on a menu entry opens three within a minute. Told by the timeline: what fans
did, and our messages of this route. Where the two end differently, the platform has the last word.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from contacts import kinds
from contacts.models import Event

Act = Literal["spoke", "acted", "left", "sent"]

ALLOWED: Final = {"spoke": (5, timedelta(hours=48)), "acted": (3, timedelta(minutes=1))}
LONGEST: Final = timedelta(hours=48)
# How far the platform's clock may be ahead of ours.
CLOCKS: Final = timedelta(minutes=1)
ROUTE: Final = "oa_message"

_ACTS: Final[dict[str, Act]] = {
    kinds.MESSAGE_RECEIVED: "spoke",
    kinds.MENU_CLICKED: "acted",
    kinds.CODE_SCANNED: "acted",
    kinds.SUBSCRIPTION_OPENED: "acted",
    kinds.SUBSCRIPTION_ENDED: "left",
}
_sent: set[str] = set()


def counts(kind: str) -> None:
    """Register, in apps.py: events of this kind whose `route` is ours are messages that went out.

    Their property `account` is the app id.
    """
    _sent.add(kind)


@dataclass
class _Opening:
    until: datetime
    left: int


def problem(contact_id: int, app_id: str, now: datetime) -> str:
    """Inside a scope: "", or why the platform would refuse: window_closed, window_used_up."""
    rows = Event.objects.filter(
        contact_id=contact_id,
        kind__in=[*_ACTS, *_sent],
        at__gt=now - LONGEST,
        at__lte=now + CLOCKS,
        properties__account=app_id,
    )
    facts = []
    for kind, at, properties in rows.order_by("at", "id").values_list("kind", "at", "properties"):
        act: Act = _ACTS.get(kind, "sent")
        if act != "sent" or properties.get("route") == ROUTE:
            facts.append((act, at))
    return judged(facts, now)


def judged(facts: Iterable[tuple[Act, datetime]], now: datetime) -> str:
    """What the openings that these facts left behind still allow at `now`."""
    openings: dict[str, _Opening] = {}
    for act, at in facts:
        if act == "left":
            openings.clear()
        elif act == "sent":
            _use(openings, at)
        else:
            most, span = ALLOWED[act]
            openings[act] = _Opening(at + span, most)
    live = [one for one in openings.values() if now < one.until]
    if not live:
        return "window_closed"
    return "" if any(one.left for one in live) else "window_used_up"


def _use(openings: dict[str, _Opening], at: datetime) -> None:
    """The opening that ends first gives one."""
    free = [one for one in openings.values() if at < one.until and one.left]
    if free:
        min(free, key=lambda one: one.until).left -= 1
