"""What happened to contacts: one log that is its own outbox.

`record` appends; upper apps `listen` in their apps.py; `drain` hands new events to the listeners in
the order of arrival, and their writes commit together with `handled_at`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import msgspec
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from contacts import arrays
from contacts.models import Event
from tenants import doorbell
from tenants.scope import current_tenant_id

log = logging.getLogger(__name__)

QUEUE = "timeline"
BATCH = 1000

Listener = Callable[[Sequence[Event]], None]
_listeners: list[tuple[Listener, frozenset[str] | None]] = []
_last_listeners: list[tuple[Listener, frozenset[str] | None]] = []


@dataclass(frozen=True)
class NewEvent:
    """An event to append. `key` is unique within `source`; `at` is when it happened."""

    contact_id: int
    kind: str
    at: datetime
    source: str
    key: str
    properties: dict[str, object] = field(default_factory=dict)


def listen(listener: Listener, kinds: Iterable[str] | None = None, *, last: bool = False) -> None:
    """Subscribe, in apps.py. The listener gets batches in order of arrival, of `kinds` or of all.

    It must bear late events (use `event.at`, not now); it runs alone for its tenant. `last` is for
    one that reads what the listeners of upper apps make of the batch.
    """
    subscription = listener, frozenset(kinds) if kinds is not None else None
    (_last_listeners if last else _listeners).append(subscription)


_APPEND = """
INSERT INTO contacts_event
  (tenant_id, contact_id, kind, at, source, key, properties, received_at, problem)
SELECT %s, e.contact_id, e.kind, e.at, e.source, e.key, e.properties, now(), ''
FROM ROWS FROM (
    unnest(%s::bigint[], %s::text[], %s::timestamptz[], %s::text[], %s::text[]),
    jsonb_array_elements(%s)
  ) WITH ORDINALITY AS e(contact_id, kind, at, source, key, properties, nr)
ORDER BY e.nr
ON CONFLICT (tenant_id, source, key) DO NOTHING
RETURNING id
"""


def record(events: Iterable[NewEvent]) -> list[int]:
    """Append events in one statement; those already there stay as they are.

    Answers the ids of the new rows, in the order of the events. Rings the timeline's bell.
    """
    rows = list(events)
    return append(
        [row.contact_id for row in rows],
        [row.kind for row in rows],
        [row.at for row in rows],
        [row.source for row in rows],
        [row.key for row in rows],
        [row.properties for row in rows],
    )


def append(
    contact_ids: Sequence[int],
    kinds: Sequence[str],
    moments: Sequence[datetime],
    sources: Sequence[str],
    keys: Sequence[str],
    properties: Sequence[Mapping[str, object]],
) -> list[int]:
    """`record` for those who have hundreds of events, and them by columns."""
    if not keys:
        return []
    columns = [arrays.literal(each) for each in (contact_ids, kinds, moments, sources, keys)]
    documents = msgspec.json.encode(properties).decode()
    with connection.cursor() as cursor:
        cursor.execute(_APPEND, [current_tenant_id(), *columns, documents])
        new = [pk for (pk,) in cursor.fetchall()]
    if new:
        doorbell.ring(QUEUE)
    return new


def drain(limit: int = BATCH) -> int:
    """Inside a scope: hand the next unhandled events to the listeners. Answers how many there were.

    One drainer a tenant at a time: whoever finds the lock taken leaves the work to its holder.
    """
    if not _alone():
        return 0
    events = list(Event.objects.filter(handled_at=None).order_by("id")[:limit])
    if events:
        try:
            with transaction.atomic():
                _deliver(events)
        except Exception:
            if not connection.is_usable():
                raise  # the database is away: that is no event's fault
            log.exception("a batch of %s events failed; trying them one by one", len(events))
            _deliver_singly(events)
        Event.objects.filter(id__in=[e.pk for e in events]).update(handled_at=timezone.now())
    return len(events)


def work(tenant_id: int) -> None:
    """Drain batch by batch, each in a transaction of its own, until nothing is left."""
    doorbell.work_off(QUEUE, tenant_id, drain)


def drain_all(limit: int | None = None) -> int:
    """Drain until nothing is left, or `limit` events were handled."""
    total = 0
    while limit is None or total < limit:
        handled = drain()
        total += handled
        if handled == 0:
            break
    return total


def next_due() -> datetime | None:
    """Now, when events wait; else None."""
    return timezone.now() if Event.objects.filter(handled_at=None).exists() else None


def _alone() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_try_advisory_xact_lock(hashtext('timeline'), %s::int)", [current_tenant_id()]
        )
        return bool(cursor.fetchone()[0])


def _deliver(events: Sequence[Event]) -> None:
    for listener, kinds in (*_listeners, *_last_listeners):
        wanted = events if kinds is None else [e for e in events if e.kind in kinds]
        if wanted:
            listener(wanted)


def _deliver_singly(events: Sequence[Event]) -> None:
    """A poisoned event must not hold up the others: it keeps its problem and is passed over."""
    for event in events:
        try:
            with transaction.atomic():
                _deliver([event])
        except DatabaseError as error:
            if transaction.get_connection().needs_rollback:
                raise
            _give_up(event, error)
        except Exception as error:
            _give_up(event, error)


def _give_up(event: Event, error: Exception) -> None:
    log.error("event %s (%s) could not be handled: %s", event.pk, event.kind, type(error).__name__)
    Event.objects.filter(pk=event.pk).update(problem=f"{type(error).__name__}: {error}"[:300])
