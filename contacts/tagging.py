"""Who wears which tag, since when and by whose hand? Set-based: one statement for any number.

Only what really changes is written, and each change is an event on the contact's timeline.
`by` is user:<id>, live_code:<id>, import:<id>, rule:<id> or api; the timeline shows its first word.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable
from datetime import datetime

from django.db import connection
from django.utils import timezone

from contacts import kinds, timeline
from contacts.models import Tag
from contacts.timeline import NewEvent
from tenants.scope import current_tenant_id

SOURCE = "tags"

Tagging = tuple[int, int, datetime]  # contact, tag, when

_MAKE = """
INSERT INTO contacts_tag (tenant_id, name, created_at)
SELECT %s, name, now() FROM unnest(%s::text[]) AS wanted(name)
ON CONFLICT (tenant_id, name) DO NOTHING
"""

# Ordered, so that two workers with overlapping sets wait for each other and never deadlock.
_ADD = """
INSERT INTO contacts_contacttag (tenant_id, tag_id, contact_id, by, at)
SELECT DISTINCT ON (t.id, c.id) %(tenant)s, t.id, c.id, %(by)s, w.at
FROM unnest(%(contacts)s::bigint[], %(tags)s::bigint[], %(at)s::timestamptz[])
  AS w(contact_id, tag_id, at)
JOIN contacts_contact c ON c.tenant_id = %(tenant)s AND c.id = w.contact_id
JOIN contacts_tag t ON t.tenant_id = %(tenant)s AND t.id = w.tag_id
ORDER BY t.id, c.id, w.at
ON CONFLICT (tenant_id, tag_id, contact_id) DO NOTHING
RETURNING contact_id, tag_id, at
"""

_REMOVE = """
DELETE FROM contacts_contacttag
WHERE tenant_id = %(tenant)s AND contact_id = ANY(%(contacts)s::bigint[])
  AND tag_id = ANY(%(tags)s::bigint[])
RETURNING contact_id, tag_id, %(at)s::timestamptz
"""


def named(names: Iterable[str]) -> dict[str, int]:
    """Tag ids by name; those that do not exist yet are made."""
    wanted = list(dict.fromkeys(names))
    found = dict(Tag.objects.filter(name__in=wanted).values_list("name", "id"))
    missing = sorted(name for name in wanted if name not in found)
    if missing:
        with connection.cursor() as cursor:
            cursor.execute(_MAKE, [current_tenant_id(), missing])
        found |= dict(Tag.objects.filter(name__in=missing).values_list("name", "id"))
    return found


def add(
    contact_ids: Collection[int], tag_ids: Collection[int], by: str, at: datetime | None = None
) -> int:
    """Tag each contact with each tag. Answers how many taggings are new."""
    moment = at or timezone.now()
    return add_each([(contact, tag, moment) for tag in tag_ids for contact in contact_ids], by)


def add_each(taggings: Collection[Tagging], by: str) -> int:
    """Tag each contact with its tag at its time. Answers how many taggings are new."""
    if not taggings:
        return 0
    parameters: dict[str, int | str | list[int] | list[datetime]] = {
        "tenant": current_tenant_id(),
        "contacts": [contact for contact, _, _ in taggings],
        "tags": [tag for _, tag, _ in taggings],
        "at": [at for _, _, at in taggings],
        "by": by[:80],
    }
    with connection.cursor() as cursor:
        cursor.execute(_ADD, parameters)
        return _tell(kinds.TAG_ADDED, cursor.fetchall(), by)


def remove(
    contact_ids: Collection[int], tag_ids: Collection[int], by: str, at: datetime | None = None
) -> int:
    """Take each tag from each contact. Answers how many taggings went."""
    if not contact_ids or not tag_ids:
        return 0
    parameters: dict[str, int | datetime | list[int]] = {
        "tenant": current_tenant_id(),
        "contacts": list(contact_ids),
        "tags": list(tag_ids),
        "at": at or timezone.now(),
    }
    with connection.cursor() as cursor:
        cursor.execute(_REMOVE, parameters)
        return _tell(kinds.TAG_REMOVED, cursor.fetchall(), by)


def _tell(kind: str, changed: Collection[Tagging], by: str) -> int:
    if not changed:
        return 0
    names = dict(
        Tag.objects.filter(id__in={tag for _, tag, _ in changed}).values_list("id", "name")
    )
    who = by.partition(":")[0]
    call = uuid.uuid4().hex  # the same tag may come and go: each real change is an event
    events = []
    for contact, tag, at in changed:
        properties: dict[str, object] = {"tag": names[tag], "by": who}
        events.append(NewEvent(contact, kind, at, SOURCE, f"{call}:{tag}:{contact}", properties))
    timeline.record(events)
    return len(changed)
