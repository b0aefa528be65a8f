"""What may stay of what happened to an erased person? That it did, when, and what figures read."""

from __future__ import annotations

from typing import Any

from django.db import connection
from django.db.models import QuerySet

from contacts import kinds
from contacts.models import LiveCode, Welcome
from contacts.privacy.person import Person
from tenants.scope import current_tenant_id

# Names of properties that figures and other people's pages read; none holds words of the person.
_STAY = (
    "account", "amount", "broadcast", "broadcast_id", "by", "channel", "content", "currency",
    "group", "live_code", "purpose", "route", "segment", "segment_id", "sop", "staff", "state",
    "step", "touch", "touch_kind",
)  # fmt: skip
# Whose keys are our own numbers; others may hold ids of the person in other systems.
_OURS = (
    "contacts", "tags", "segments", "touch", "journeys", "merging", "privacy", "groups",
    "broadcast",
)  # fmt: skip

_FORGET = """
UPDATE contacts_event e SET problem = '',
  key = CASE WHEN e.source = ANY(%(ours)s::text[])
    AND NOT EXISTS (SELECT 1 FROM unnest(%(words)s::text[]) w WHERE strpos(e.key, w) > 0)
    THEN e.key ELSE 'erased:' || e.id END,
  properties = COALESCE((
    SELECT jsonb_object_agg(p.key, p.value) FROM jsonb_each(e.properties) p
    WHERE p.key = ANY(%(stay)s::text[]) AND jsonb_typeof(p.value) <> 'object'
      AND jsonb_typeof(p.value) <> 'array'
      AND NOT EXISTS (SELECT 1 FROM unnest(%(words)s::text[]) w
        WHERE strpos(lower(p.value #>> '{}'), lower(w)) > 0)
      AND (p.key <> 'state' OR e.kind <> %(opened)s OR EXISTS (SELECT 1 FROM contacts_livecode l
        WHERE l.tenant_id = e.tenant_id AND l.state = p.value #>> '{}'))), '{}'::jsonb)
WHERE e.tenant_id = %(tenant)s AND e.contact_id = %(contact)s
"""


def forget(rows: QuerySet[Any], person: Person) -> int:
    """Answers how many events there are; `rows` are this person's."""
    with connection.cursor() as cursor:
        cursor.execute(
            _FORGET,
            {
                "tenant": current_tenant_id(),
                "contact": person.contact_id,
                "ours": list(_OURS),
                "stay": list(_STAY),
                "words": person.words(),
                "opened": kinds.FOLLOW_OPENED,
            },
        )
        return int(cursor.rowcount)


def forget_in_follows(rows: QuerySet[Any], person: Person) -> int:
    """A state that is of no live code of ours may have been made for this person."""
    ours = LiveCode.objects.values("state")
    rows.exclude(state__in=ours).update(state="")
    return int(rows.update(remark="", description="", remark_company="", remark_mobiles=None))


def forget_in_welcomes(rows: QuerySet[Any], person: Person) -> int:
    """Live codes count them; one that is owed still is not sent."""
    rows.filter(state=Welcome.State.DUE).update(state=Welcome.State.EXPIRED)
    return int(rows.update(code="", text="", attachments=[], problem=""))
