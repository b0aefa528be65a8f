"""Who wears which tag, since when and by whose hand? Set-based: one statement for any number.

Only what really changes is written, and each change is an event on the contact's timeline.
`by` is user:<id>, live_code:<id>, import:<id>, rule:<id>, pretag:<id>, platform or api; the
timeline shows its first word, and `why`: the name of the rule or list.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable
from datetime import datetime

from django.db import connection
from django.utils import timezone

from contacts import cascade, changes, kinds, timeline
from contacts.models import Contact, ContactTag, Tag
from contacts.timeline import NewEvent
from tenants.scope import current_tenant_id

SOURCE = "tags"
PLATFORM = "platform"

Tagging = tuple[int, int, datetime]  # contact, tag, when

_MAKE = """
INSERT INTO contacts_tag (tenant_id, name, created_at)
SELECT %s, name, now() FROM unnest(%s::text[]) AS wanted(name)
ON CONFLICT (tenant_id, name) DO NOTHING
"""

# Ordered, so that two workers with overlapping sets wait for each other and never deadlock.
_ADD = """
INSERT INTO contacts_contacttag (tenant_id, tag_id, contact_id, by, why, at)
SELECT DISTINCT ON (t.id, c.id) %(tenant)s, t.id, c.id, %(by)s, %(why)s, w.at
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
    contact_ids: Collection[int],
    tag_ids: Collection[int],
    by: str,
    at: datetime | None = None,
    *,
    why: str = "",
) -> int:
    """Tag each contact with each tag. Answers how many taggings are new."""
    moment = at or timezone.now()
    taggings = [(contact, tag, moment) for tag in tag_ids for contact in contact_ids]
    return add_each(taggings, by, why=why)


def add_each(taggings: Collection[Tagging], by: str, *, why: str = "") -> int:
    """Tag each contact with its tag at its time. Answers how many taggings are new."""
    if not taggings:
        return 0
    parameters: dict[str, int | str | list[int] | list[datetime]] = {
        "tenant": current_tenant_id(),
        "contacts": [contact for contact, _, _ in taggings],
        "tags": [tag for _, tag, _ in taggings],
        "at": [at for _, _, at in taggings],
        "by": by[:80],
        "why": why[:120],
    }
    with connection.cursor() as cursor:
        cursor.execute(_ADD, parameters)
        return _tell(kinds.TAG_ADDED, cursor.fetchall(), by, why)


def remove(
    contact_ids: Collection[int],
    tag_ids: Collection[int],
    by: str,
    at: datetime | None = None,
    *,
    why: str = "",
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
        return _tell(kinds.TAG_REMOVED, cursor.fetchall(), by, why)


def delete(tag: Tag) -> None:
    """Take the tag from the tenant, and so from all who wear it; no event tells these."""
    worn = list(ContactTag.objects.filter(tag=tag).values_list("contact_id", flat=True))
    cascade.delete(Tag, [tag.pk])
    changes.note(worn)


def sync(
    contact: Contact, platform_tags: Collection[str], at: datetime | None = None
) -> tuple[int, int]:
    """The contact wears what the platform says; answers how many taggings are new, and went.

    Tags that are only ours stay as they are, whatever the platform calls its own.
    """
    ours = set(Tag.objects.filter(local_only=True).values_list("name", flat=True))
    wanted = set(named(name for name in platform_tags if name not in ours).values())
    worn = ContactTag.objects.filter(contact=contact, tag__local_only=False)
    mirrored = set(worn.values_list("tag_id", flat=True))
    return (
        add([contact.pk], wanted - mirrored, PLATFORM, at),
        remove([contact.pk], mirrored - wanted, PLATFORM, at),
    )


def to_push(contact_ids: Collection[int]) -> dict[int, list[str]]:
    """What a sync tells the platform of each contact: never tags that are only ours."""
    found: dict[int, list[str]] = {pk: [] for pk in contact_ids}
    worn = ContactTag.objects.filter(contact_id__in=contact_ids, tag__local_only=False)
    for contact_id, name in worn.order_by("tag__name").values_list("contact_id", "tag__name"):
        found[contact_id].append(name)
    return found


def _tell(kind: str, changed: Collection[Tagging], by: str, why: str = "") -> int:
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
        if why:
            properties["why"] = why[:120]
        events.append(NewEvent(contact, kind, at, SOURCE, f"{call}:{tag}:{contact}", properties))
    timeline.record(events)
    return len(changed)
