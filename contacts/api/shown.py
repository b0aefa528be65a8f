"""How does a contact look in the API? A page of them, in a fixed number of statements."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date, datetime, tzinfo
from typing import Any, NamedTuple, cast

from django.db import connection
from django.utils import timezone
from rest_framework.request import Request

from contacts import arrays, facets, masking
from contacts.models import Contact
from tenants import audit, ids
from tenants.fields import EncryptedField
from tenants.models import ApiKey
from tenants.rest.permissions import can
from tenants.roles import Can
from tenants.scope import current_tenant_id


def moment(value: datetime | None, zone: tzinfo | None = None) -> str | None:
    """RFC 3339 with the offset of the tenant's zone; for many, ask for the zone once."""
    return None if value is None else timezone.localtime(value, zone).isoformat()


def may_reveal(request: Request, *, asked: bool) -> bool:
    """Whole phones and e-mails: keys by their scope; members when they ask and their role may."""
    return can(request, Can.REVEAL) and (asked or isinstance(request.auth, ApiKey))


def shown(
    request: Request, contact_ids: Sequence[int], *, asked: bool = False
) -> dict[int, dict[str, object]]:
    """What the API says of these contacts, by row id, in their order; who has just gone is left
    out. Ask with ids that the caller may see.
    """
    rows = _rows(contact_ids)
    whole = may_reveal(request, asked=asked)
    zone = timezone.get_current_timezone()
    added = facets.values(contact_ids)
    if whole and any(row.phone or row.email for row in rows):
        _note(request, rows)
    return {row.id: _own(row, zone, whole=whole) | added[row.id] for row in rows}


class _Row(NamedTuple):
    """A contact as `_ROWS` answers it: phone and e-mail are sealed, `custom` is JSON."""

    id: int
    external_id: str | None
    name: str
    gender: str
    birthday: date | None
    phone: str | None
    email: str | None
    channel: str | None
    source: str
    owner: str | None
    referrer_id: int | None
    tags: list[str] | None
    custom: str
    acquired_at: datetime | None
    excluded: bool
    excluded_reason: str
    consent: list[dict[str, Any]] | None
    created_at: datetime
    updated_at: datetime


# One statement: composing this from models, and models from its answer, takes several times as
# long. Of consent the latest word on each purpose.
_ROWS = """
SELECT c.id, c.external_id, c.name, c.gender, c.birthday, c.phone, c.email, h.name, c.source,
  o.userid, c.referrer_id, worn.tags, c.custom, c.acquired_at, c.excluded, c.excluded_reason,
  said.consent, c.created_at, c.updated_at
FROM contacts_contact c
LEFT JOIN contacts_channel h ON h.tenant_id = c.tenant_id AND h.id = c.channel_id
LEFT JOIN tenants_staff o ON o.tenant_id = c.tenant_id AND o.id = c.owner_id
LEFT JOIN (
  SELECT w.contact_id, array_agg(t.name ORDER BY t.name) AS tags FROM contacts_contacttag w
  JOIN contacts_tag t ON t.tenant_id = w.tenant_id AND t.id = w.tag_id
  WHERE w.tenant_id = %(tenant)s AND w.contact_id = ANY(%(ids)s::bigint[])
  GROUP BY w.contact_id
) worn ON worn.contact_id = c.id
LEFT JOIN (
  SELECT contact_id, json_agg(json_build_object('purpose', purpose, 'granted', granted, 'at', at,
    'channel', channel, 'text_version', text_version) ORDER BY purpose) AS consent
  FROM (
    SELECT DISTINCT ON (contact_id, purpose) * FROM contacts_consent
    WHERE tenant_id = %(tenant)s AND contact_id = ANY(%(ids)s::bigint[])
    ORDER BY contact_id, purpose, at DESC, id DESC
  ) latest GROUP BY contact_id
) said ON said.contact_id = c.id
WHERE c.tenant_id = %(tenant)s AND c.id = ANY(%(ids)s::bigint[])
"""
_PHONE = cast("EncryptedField", Contact._meta.get_field("phone"))
_EMAIL = cast("EncryptedField", Contact._meta.get_field("email"))


def _rows(contact_ids: Sequence[int]) -> list[_Row]:
    with connection.cursor() as cursor:
        cursor.execute(
            _ROWS, {"tenant": current_tenant_id(), "ids": arrays.literal(list(contact_ids))}
        )
        found = {row[0]: _Row(*row) for row in cursor.fetchall()}
    return [found[pk] for pk in contact_ids if pk in found]


def _own(row: _Row, zone: tzinfo, *, whole: bool) -> dict[str, object]:
    custom = json.loads(row.custom)
    phone, email = _PHONE.opened(row.id, row.phone), _EMAIL.opened(row.id, row.email)
    return {
        "id": ids.encode(row.id),
        "external_id": row.external_id,
        "name": row.name,
        "gender": row.gender,
        "birthday": row.birthday.isoformat() if row.birthday else None,
        "phone": phone if whole else masking.phone(phone),
        "email": email if whole else masking.email(email),
        "channel": row.channel,
        "source": row.source,
        "owner": row.owner,
        "referrer": ids.encode(row.referrer_id) if row.referrer_id else None,
        "tags": row.tags or [],
        "custom": custom if whole else masking.values(custom),
        "acquired_at": moment(row.acquired_at, zone),
        "excluded": row.excluded,
        "excluded_reason": row.excluded_reason,
        "consent": [
            said | {"at": moment(datetime.fromisoformat(said["at"]), zone)}
            for said in row.consent or ()
        ],
        "created_at": moment(row.created_at, zone),
        "updated_at": moment(row.updated_at, zone),
    }


def _note(request: Request, rows: Sequence[_Row]) -> None:
    """Who saw whole numbers, once a request."""
    seen = [audit.reference_to(Contact, row.id) for row in rows if row.phone or row.email]
    one = Contact(pk=rows[0].id) if len(rows) == 1 else None
    audit.record("contact.revealed", one, request=request, detail={"contacts": seen})
