"""What webhooks are told of contacts, orders and segments: that something happened, and to whom.

Some things are told where they are written; what is an event of the timeline anyway goes out when
that is handed on, in one transaction with its `handled_at`. Events that a business tells us itself
(source `given`) say nothing to others, whatever they are called.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from contacts import events as given
from contacts import kinds, timeline
from contacts.models import Event, FollowLoss
from contacts.timeline import NewEvent
from tenants.ids import encode
from tenants.webhooks import types
from tenants.webhooks.emitting import Happened, emit

CREATED: Final = "contact.created"
UPDATED: Final = "contact.updated"
MERGED: Final = "contact.merged"
ERASED: Final = "contact.erased"
PAID: Final = "order.paid"
REFUNDED: Final = "order.refunded"
LOST: Final = "follow.lost"
ENTERED: Final = "segment.entered"
LEFT: Final = "segment.left"

_CHANGES: Final = frozenset({"contact.changed", kinds.TAG_ADDED, kinds.TAG_REMOVED})
_TOLD: Final = _CHANGES | {ENTERED, LEFT}


def register() -> None:
    """In apps.py."""
    types.declare(CREATED, _("a contact was made"))
    types.declare(UPDATED, _("details or tags of a contact changed"))
    types.declare(MERGED, _("two contacts became one"))
    types.declare(ERASED, _("a contact was erased"))
    types.declare(PAID, _("an order was paid"))
    types.declare(REFUNDED, _("an order was refunded"))
    types.declare(LOST, _("a customer or a member ended a friendship"))
    types.declare(ENTERED, _("a contact entered a segment"))
    types.declare(LEFT, _("a contact left a segment"))
    timeline.listen(on_events, _TOLD)


def created(contact_ids: Iterable[int]) -> None:
    """Inside the transaction that made them."""
    now = timezone.now()
    emit(CREATED, (Happened(str(pk), {"contact": encode(pk)}, now) for pk in contact_ids))


def updated(contact_ids: Iterable[int]) -> None:
    """Changes that are no events of the timeline: what the platform says of people."""
    now = timezone.now()
    emit(
        UPDATED,
        (Happened(f"{pk}:{now.timestamp()}", {"contact": encode(pk)}, now) for pk in contact_ids),
    )


def merged(survivor_id: int, absorbed_id: int, key: str, at: datetime) -> None:
    """Inside the transaction of the merge."""
    about = {"contact": encode(survivor_id), "merged": encode(absorbed_id)}
    emit(MERGED, [Happened(key, about, at)])


def erased(contact_id: int, key: str) -> None:
    """Inside the transaction of the erasure."""
    emit(ERASED, [Happened(key, {"contact": encode(contact_id)}, timezone.now())])


def orders(told: Iterable[tuple[int, NewEvent]]) -> None:
    """What the timeline says of orders, each with the id of the order."""
    rows = list(told)
    for kind in (PAID, REFUNDED):
        emit(
            kind,
            (
                Happened(
                    event.key,
                    {"order": encode(pk), "contact": encode(event.contact_id)},
                    event.at,
                )
                for pk, event in rows
                if event.kind == kind
            ),
        )


def lost(losses: Iterable[FollowLoss]) -> None:
    emit(
        LOST,
        (
            Happened(
                f"{loss.contact_id}:{loss.staff_id}:{loss.ended_at.timestamp()}",
                {
                    "contact": encode(loss.contact_id),
                    "staff": encode(loss.staff_id),
                    "by": loss.ended_by,
                },
                loss.ended_at,
            )
            for loss in losses
        ),
    )


def on_events(events: Sequence[Event]) -> None:
    """Listener of the timeline."""
    ours = [event for event in events if event.source != given.SOURCE]
    # However many things change about a contact at once: it is to be read once.
    changed = {event.contact_id: event for event in ours if event.kind in _CHANGES}
    emit(
        UPDATED,
        (
            Happened(str(event.pk), {"contact": encode(pk)}, event.received_at)
            for pk, event in changed.items()
        ),
    )
    for kind in (ENTERED, LEFT):
        emit(kind, (_of_segment(event) for event in ours if event.kind == kind))


def _of_segment(event: Event) -> Happened:
    about = {
        "contact": encode(event.contact_id),
        "segment": event.properties.get("segment_id"),
    }
    return Happened(str(event.pk), about, event.at)
