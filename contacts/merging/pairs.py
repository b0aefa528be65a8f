"""Which two contacts may be one person? Noted here; a worker or a person decides."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from django.db import connection

from contacts.models import Contact, Duplicate, Event
from tenants import doorbell
from tenants.scope import current_tenant_id

QUEUE: Final = "merges"

# What was open as a mere suggestion becomes due when more is known; a person's verdict stays.
_NOTE = """
INSERT INTO contacts_duplicate AS d
  (tenant_id, first_id, second_id, why, state, differs, at, decided_by)
SELECT DISTINCT ON (p.one, p.other) %(tenant)s, p.one, p.other, %(why)s, %(state)s, '[]', now(), ''
FROM unnest(%(ones)s::bigint[], %(others)s::bigint[]) AS p(one, other)
JOIN contacts_contact a ON a.tenant_id = %(tenant)s AND a.id = p.one
JOIN contacts_contact b ON b.tenant_id = %(tenant)s AND b.id = p.other
WHERE NOT EXISTS (SELECT FROM contacts_duplicate k WHERE k.tenant_id = %(tenant)s
  AND k.first_id = p.other AND k.second_id = p.one)
ORDER BY p.one, p.other
ON CONFLICT (tenant_id, first_id, second_id) DO UPDATE SET why = EXCLUDED.why,
  state = EXCLUDED.state
WHERE d.state = 'open' AND EXCLUDED.state = 'due' AND d.differs = '[]'
"""


def note(pairs: Iterable[tuple[int, int]], why: Duplicate.Why, *, due: bool = False) -> None:
    """Inside a scope: these may be one person; `due` lets the worker merge those who agree."""
    ordered = sorted({(min(pair), max(pair)) for pair in pairs if pair[0] != pair[1]})
    if not ordered:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            _NOTE,
            {
                "tenant": current_tenant_id(),
                "why": str(why),
                "state": str(Duplicate.State.DUE if due else Duplicate.State.OPEN),
                "ones": [one for one, _other in ordered],
                "others": [other for _one, other in ordered],
            },
        )
    if due:
        doorbell.ring(QUEUE)


# One for each: of a thousand contacts with the number of a shop, each is compared with the oldest.
_SAME_PHONE = """
SELECT c.id, o.id FROM contacts_contact c
CROSS JOIN LATERAL (
  SELECT o.id FROM contacts_contact o
  WHERE o.tenant_id = %(tenant)s AND o.phone_hash = c.phone_hash
  ORDER BY o.id LIMIT 1) o
WHERE c.tenant_id = %(tenant)s AND c.id = ANY(%(contacts)s::bigint[])
  AND c.phone_hash IS NOT NULL AND o.id <> c.id
"""
TELLING: Final = frozenset({"contact.created", "contact.changed", "follow.opened"})


def on_events(events: Sequence[Event]) -> None:
    """Listener of the timeline: who became known with the phone of another is a suggestion."""
    ids = {
        event.contact_id
        for event in events
        if event.kind != "contact.changed" or "phone" in event.properties.get("fields", ())
    }
    if ids:
        suggest(ids)


def suggest(contact_ids: Iterable[int]) -> None:
    """Inside a scope: note those among these whose stored phone another contact has, too."""
    with connection.cursor() as cursor:
        cursor.execute(
            _SAME_PHONE, {"tenant": current_tenant_id(), "contacts": sorted(contact_ids)}
        )
        found = [(int(one), int(other)) for one, other in cursor.fetchall()]
    note(found, Duplicate.Why.STORED_PHONE)


def of(contact: Contact) -> list[Duplicate]:
    """The open questions about a contact."""
    rows = Duplicate.objects.filter(state=Duplicate.State.OPEN).select_related("first", "second")
    return [*rows.filter(first=contact), *rows.filter(second=contact)]
