"""How does a touch change state? Fenced by its attempt, told on the timeline, in one statement."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from django.db import connection
from django.utils import timezone

from contacts import timeline
from contacts.timeline import NewEvent
from journeys.models import TO_FANS, Enrolment, Route, Touch
from tenants.ids import encode
from tenants.scope import current_tenant_id

State = Touch.State
QUEUE = "touches"
SOURCE = "touch"
NOTE = Route.APP_MESSAGE

OPEN = (State.PLANNED, State.CLAIMED, State.SENDING, State.AWAITING_STAFF, State.UNKNOWN)
# Until here nothing has left the house: the touch may still be taken back.
RECALLABLE = (State.PLANNED, State.CLAIMED)


@dataclass(frozen=True, slots=True)
class Move:
    """One change. `attempt` is the fencing number under which the touch was read.

    None keeps `due_at`, `booked_at`, `sent_at`, `delivered_at`, and "" the route; a touch that goes
    back to planned, or ends unsent, gives its booking back. Back to planned, it leaves its shared
    task as well.
    """

    touch_id: int
    attempt: int
    state: str
    reason: str = ""
    due_at: datetime | None = None
    lease_until: datetime | None = None
    held: bool = False
    booked_at: datetime | None = None
    sent_at: datetime | None = None
    delivered_at: datetime | None = None
    provider_id: str = ""
    route: str = ""


class Moved(NamedTuple):
    id: int
    key: str
    contact_id: int
    enrolment_id: int | None
    route: str
    kind: str
    state: str
    reason: str
    sent_at: datetime | None
    delivered_at: datetime | None

    @property
    def is_news(self) -> bool:
        """Going to and fro before sending is none, and who leaves a script is told by it."""
        return self.state in (State.SENT, State.DELIVERED, State.SKIPPED, State.FAILED)


_MOVE = """
UPDATE journeys_touch t SET
  state = v.state, reason = v.reason, held = v.held, lease_until = v.lease_until,
  attempt = t.attempt + %(claims)s, due_at = COALESCE(v.due_at, t.due_at),
  sending_at = CASE WHEN v.state IN ('planned', 'skipped', 'cancelled') THEN NULL
                    ELSE COALESCE(v.booked_at, t.sending_at) END,
  sent_at = COALESCE(v.sent_at, t.sent_at),
  delivered_at = COALESCE(v.delivered_at, t.delivered_at),
  provider_id = CASE v.provider_id WHEN '' THEN t.provider_id ELSE v.provider_id END,
  route = CASE v.route WHEN '' THEN t.route ELSE v.route END,
  shared_id = CASE v.state WHEN 'planned' THEN NULL ELSE t.shared_id END
FROM unnest(%(ids)s::bigint[], %(attempts)s::int[], %(states)s::text[], %(reasons)s::text[],
            %(helds)s::bool[], %(leases)s::timestamptz[], %(dues)s::timestamptz[],
            %(booked)s::timestamptz[], %(sent)s::timestamptz[], %(delivered)s::timestamptz[],
            %(providers)s::text[], %(routes)s::text[])
  AS v(id, attempt, state, reason, held, lease_until, due_at, booked_at, sent_at, delivered_at,
       provider_id, route)
WHERE t.tenant_id = %(tenant)s AND t.id = v.id AND t.attempt = v.attempt
  AND t.state = ANY(%(expected)s)
RETURNING t.id, t.key, t.contact_id, t.enrolment_id, t.route, t.kind, t.state, t.reason,
          t.sent_at, t.delivered_at
"""


def move(moves: Sequence[Move], expected: Collection[str], *, claims: bool = False) -> list[Moved]:
    """Make these changes where the touch is still in one of `expected` under the same attempt.

    Answers what really changed; whoever finds less was overtaken and must not act on the rest.
    With `claims` a new attempt begins.
    """
    if not moves:
        return []
    with connection.cursor() as cursor:
        cursor.execute(_MOVE, {**_columns(moves, expected), "claims": int(claims)})
        moved = [Moved(*row) for row in cursor.fetchall()]
    _tell([one for one in moved if one.is_news])
    finish({m.enrolment_id for m in moved if m.enrolment_id and m.state not in OPEN})
    return moved


def _columns(moves: Sequence[Move], expected: Collection[str]) -> dict[str, Any]:
    return {
        "tenant": current_tenant_id(),
        "expected": [str(state) for state in expected],
        "ids": [m.touch_id for m in moves],
        "attempts": [m.attempt for m in moves],
        "states": [str(m.state) for m in moves],
        "reasons": [str(m.reason)[:60] for m in moves],
        "helds": [m.held for m in moves],
        "leases": [m.lease_until for m in moves],
        "dues": [m.due_at for m in moves],
        "booked": [m.booked_at for m in moves],
        "sent": [m.sent_at for m in moves],
        "delivered": [m.delivered_at for m in moves],
        "providers": [m.provider_id[:120] for m in moves],
        "routes": [str(m.route) for m in moves],
    }


# --- the timeline ---


def _tell(news: Sequence[Moved]) -> None:
    if not news:
        return
    rows = Touch.objects.filter(id__in=[one.id for one in news])
    names = {
        touch_id: {"staff": staff, "sop": sop, "step": step, "account": app}
        for touch_id, staff, sop, step, app in rows.values_list(
            "id", "staff__userid", "enrolment__sop__name", "step__position", "request__app"
        )
    }
    timeline.record(event for one in news for event in _events(one, names.get(one.id, {})))


def _events(touch: Moved, names: Mapping[str, object]) -> Iterator[NewEvent]:
    if touch.state in (State.SKIPPED, State.FAILED):
        yield _event(touch, touch.state, timezone.now(), names)
        return
    if touch.sent_at is not None:
        yield _event(touch, "sent", touch.sent_at, names)
    if touch.state == State.DELIVERED and touch.delivered_at is not None:
        yield _event(touch, "delivered", touch.delivered_at, names)


def _event(touch: Moved, what: str, at: datetime, names: Mapping[str, object]) -> NewEvent:
    by_account = touch.route in TO_FANS
    properties = {
        "touch": encode(touch.id),
        "route": touch.route,
        "touch_kind": touch.kind,
        **names,
        "staff": None if by_account else names.get("staff"),
        "reason": touch.reason,
        # Picks the sentence (apps.py).
        "by": touch.reason or (touch.route if by_account or touch.route == NOTE else ""),
    }
    return NewEvent(
        contact_id=touch.contact_id,
        kind=f"touch.{what}",
        at=at,
        source=SOURCE,
        key=f"{touch.key}:{what}",
        properties={name: value for name, value in properties.items() if value not in (None, "")},
    )


# --- enrolments that have nothing left to do ---

_FINISH = """
UPDATE journeys_enrolment e SET state = 'done', ended_at = now()
WHERE e.tenant_id = %s AND e.id = ANY(%s) AND e.state = 'running'
  AND NOT EXISTS (SELECT 1 FROM journeys_touch t WHERE t.tenant_id = e.tenant_id
                  AND t.enrolment_id = e.id AND t.state = ANY(%s))
"""


def finish(enrolment_ids: Iterable[int]) -> None:
    """End those enrolments whose touches are all over."""
    ids = sorted(enrolment_ids)
    if not ids:
        return
    # Locked first: of two workers with the last two touches, the second must see the first's.
    running = Enrolment.objects.filter(id__in=ids, state=Enrolment.State.RUNNING).order_by("id")
    locked = list(running.select_for_update(no_key=True).values_list("id", flat=True))
    if locked:
        with connection.cursor() as cursor:
            cursor.execute(_FINISH, [current_tenant_id(), locked, [str(state) for state in OPEN]])
