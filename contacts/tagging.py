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

_MAKE = """
INSERT INTO contacts_tag (tenant_id, name, created_at)
SELECT %s, name, now() FROM unnest(%s::text[]) AS wanted(name)
ON CONFLICT (tenant_id, name) DO NOTHING
"""

# Ordered, so that two workers with overlapping sets wait for each other and never deadlock.
_ADD = """
INSERT INTO contacts_contacttag (tenant_id, tag_id, contact_id, by, at)
SELECT %(tenant)s, t.id, c.id, %(by)s, %(at)s
FROM contacts_contact c CROSS JOIN contacts_tag t
WHERE c.tenant_id = %(tenant)s AND c.id = ANY(%(contacts)s::bigint[])
  AND t.tenant_id = %(tenant)s AND t.id = ANY(%(tags)s::bigint[])
ORDER BY t.id, c.id
ON CONFLICT (tenant_id, tag_id, contact_id) DO NOTHING
RETURNING contact_id, tag_id
"""

_REMOVE = """
DELETE FROM contacts_contacttag
WHERE tenant_id = %(tenant)s AND contact_id = ANY(%(contacts)s::bigint[])
  AND tag_id = ANY(%(tags)s::bigint[])
RETURNING contact_id, tag_id
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
    return _change(_ADD, kinds.TAG_ADDED, contact_ids, tag_ids, by, at)


def remove(
    contact_ids: Collection[int], tag_ids: Collection[int], by: str, at: datetime | None = None
) -> int:
    """Take each tag from each contact. Answers how many taggings went."""
    return _change(_REMOVE, kinds.TAG_REMOVED, contact_ids, tag_ids, by, at)


def _change(
    statement: str,
    kind: str,
    contact_ids: Collection[int],
    tag_ids: Collection[int],
    by: str,
    at: datetime | None,
) -> int:
    if not contact_ids or not tag_ids:
        return 0
    moment = at or timezone.now()
    parameters: dict[str, int | str | datetime | list[int]] = {
        "tenant": current_tenant_id(),
        "contacts": list(contact_ids),
        "tags": list(tag_ids),
        "by": by[:80],
        "at": moment,
    }
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        changed = [(int(contact), int(tag)) for contact, tag in cursor.fetchall()]
    names = dict(Tag.objects.filter(id__in={tag for _, tag in changed}).values_list("id", "name"))
    who = by.partition(":")[0]
    call = uuid.uuid4().hex  # the same tag may come and go: each real change is an event
    timeline.record(
        NewEvent(
            contact, kind, moment, SOURCE, f"{call}:{tag}:{contact}", {"tag": names[tag], "by": who}
        )
        for contact, tag in changed
    )
    return len(changed)
