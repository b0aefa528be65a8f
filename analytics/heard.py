"""Which contacts' facts are to be read again, and how much of each, after what was told of them?

Whatever changes a contact leaves a DirtyContact row, in the same transaction (dirty.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final

from django.utils import timezone

from analytics import dirty
from analytics.dirty import What
from analytics.periods import midnight
from campaigns.broadcasts import delivered
from contacts.kinds import (
    INBOUND,
    LIVECODE_SCANNED,
    MESSAGE_SENT,
    TAG_ADDED,
    TAG_REMOVED,
    TOUCH_DELIVERED,
    TOUCH_FAILED,
    TOUCH_SENT,
)
from contacts.models import Event
from contacts.orders import PAID
from journeys import ledger
from journeys.models import Touch
from tenants import doorbell
from tenants.ids import decode
from tenants.models import Tenant

QUEUE: Final = "facts"
DELAY: Final = timedelta(seconds=3)  # of the bell: many changes, one refresh

# Families of event kinds after which a contact's facts may differ. Moves are told by changes.py.
_FAMILIES: Final = frozenset({"contact", "follow", "reward", "stage", "subscription"})
# After these nothing but what the contact bought.
_ORDERS: Final = frozenset({"order"})
# After these nothing but on which days it did what; after the others so from then on.
_DEEDS: Final = frozenset({LIVECODE_SCANNED, TAG_ADDED, TAG_REMOVED})
_LATER: Final = {TOUCH_DELIVERED: What.DEEDS, MESSAGE_SENT: What.TALK}
# Our own messages, which have rows of their own.
_OWN: Final = frozenset({ledger.SOURCE, delivered.SOURCE})


def on_changes(contact_ids: Sequence[int]) -> None:
    """Listener of contacts/changes.py: these contacts are not what they were, or are gone."""
    _mark(contact_ids, What.ALTERED)


def mark(contact_ids: Sequence[int]) -> None:
    """The facts of these contacts have to be read again."""
    _mark(contact_ids)


def mark_orders(contact_ids: Sequence[int], since: datetime | None = None) -> None:
    """Of these contacts only orders changed; with `since`, there are only more, from then on."""
    _mark(contact_ids, What.ORDERS, since)


def mark_spoken(contact_ids: Sequence[int], since: datetime) -> None:
    """These contacts did nothing but show that they are there, not before then."""
    _mark(contact_ids, What.SPOKE, since)


def mark_deeds(contact_ids: Sequence[int], since: datetime | None = None) -> None:
    """Of these contacts only the days of deeds changed; with `since`, from then on."""
    _mark(contact_ids, What.DEEDS, since)


def _mark(
    contact_ids: Sequence[int], what: What = What.ANYTHING, since: datetime | None = None
) -> None:
    dirty.mark(contact_ids, what, since)
    doorbell.ring(QUEUE, timezone.now() + DELAY)


def on_events(events: Sequence[Event]) -> None:
    """Listener of the timeline, after those that move stages."""
    changed = _contacts_of(events, _FAMILIES)
    if changed:
        mark(sorted(changed))
    others = [e for e in events if e.contact_id not in changed]
    did = {e.contact_id for e in others if e.kind in _DEEDS}
    if did:
        mark_deeds(sorted(did))
    corrected = _contacts_of([e for e in others if e.kind != PAID], _ORDERS)
    if corrected:
        mark_orders(sorted(corrected))
    more = [
        e for e in others
        if e.contact_id not in corrected and (e.kind == PAID or e.kind in INBOUND)
    ]  # fmt: skip
    bought = _contacts_of(more, _ORDERS)
    if bought:
        mark_orders(sorted(bought), min(e.at for e in more))
    spoke = {e.contact_id for e in more} - bought
    if spoke:
        mark_spoken(sorted(spoke), min(e.at for e in more))
    for kind, what in _LATER.items():
        later = [e for e in others if e.kind == kind and e.contact_id not in did]
        if later:
            _mark(sorted({e.contact_id for e in later}), what, min(e.at for e in later))
    _mark_messages(events)


def _contacts_of(events: Sequence[Event], families: frozenset[str]) -> set[int]:
    return {e.contact_id for e in events if e.kind.partition(".")[0] in families}


# --- messages of days that are over ---


def _mark_messages(events: Sequence[Event]) -> None:
    """Those told of later, and those that failed after they were sent: by the platform's result."""
    ours = [e for e in events if e.source in _OWN]
    sent = [(e.at, e.contact_id) for e in ours if e.kind == TOUCH_SENT]
    failed = [e for e in ours if e.kind == TOUCH_FAILED]
    zone = Tenant.current().tz
    today = midnight(timezone.now().astimezone(zone).date(), zone)
    by_day = {
        at.astimezone(zone).date(): (at, contact_id)
        for at, contact_id in (*sent, *_sent_before(failed))
        if at < today
    }
    for at, contact_id in by_day.values():
        _mark([contact_id], What.MESSAGES, at)  # one tells of the whole day


def _sent_before(failed: Sequence[Event]) -> Iterable[tuple[datetime, int]]:
    told = [decode(str(e.properties.get("touch"))) for e in failed]
    ids = [pk for pk in told if pk is not None]
    rows = Touch.objects.filter(id__in=ids).values_list("sent_at", "contact_id") if ids else ()
    return [(at, contact_id) for at, contact_id in rows if at]
