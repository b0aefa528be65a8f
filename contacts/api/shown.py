"""How does a contact look in the API? A page of them, in a fixed number of queries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db.models import F
from django.utils import timezone
from rest_framework.request import Request

from contacts import facets, masking
from contacts.models import Consent, Contact, ContactTag
from tenants import audit, ids
from tenants.models import ApiKey
from tenants.rest.permissions import can
from tenants.roles import Can


def moment(value: datetime | None) -> str | None:
    """RFC 3339 with the offset of the tenant's zone."""
    return None if value is None else timezone.localtime(value).isoformat()


def may_reveal(request: Request, *, asked: bool) -> bool:
    """Whole phones and e-mails: keys by their scope; members when they ask and their role may."""
    return can(request, Can.REVEAL) and (asked or isinstance(request.auth, ApiKey))


class Shown:
    """What the API says of these contacts."""

    def __init__(
        self, request: Request, contacts: Sequence[Contact], *, asked: bool = False
    ) -> None:
        self.ids = [contact.pk for contact in contacts]
        self.reveal = may_reveal(request, asked=asked)
        self.tags = self._tags()
        self.consent = self._consent()
        self.facets = self._facets()
        if self.reveal and any(each.phone or each.email for each in contacts):
            self._note(request, contacts)

    def of(self, contact: Contact) -> dict[str, object]:
        """The contact; its channel, owner and referrer came with it (`SELECTED`)."""
        shown: dict[str, object] = {
            "id": ids.encode(contact.pk),
            "external_id": contact.external_id,
            "name": contact.name,
            "gender": contact.gender,
            "birthday": contact.birthday.isoformat() if contact.birthday else None,
            "phone": contact.phone if self.reveal else masking.phone(contact.phone),
            "email": contact.email if self.reveal else masking.email(contact.email),
            "channel": contact.channel.name if contact.channel else None,
            "source": contact.source,
            "owner": contact.owner.userid if contact.owner else None,
            "referrer": ids.encode(contact.referrer_id) if contact.referrer_id else None,
            "tags": self.tags.get(contact.pk, []),
            "custom": contact.custom if self.reveal else masking.values(contact.custom),
            "acquired_at": moment(contact.acquired_at),
            "excluded": contact.excluded,
            "excluded_reason": contact.excluded_reason,
            "consent": self.consent.get(contact.pk, []),
            "created_at": moment(contact.created_at),
            "updated_at": moment(contact.updated_at),
        }
        for name, facet in facets.fields.items():
            shown[name] = facet.value(self.facets[name], contact.pk)
        return shown

    def _tags(self) -> dict[int, list[str]]:
        rows = ContactTag.objects.filter(contact_id__in=self.ids).order_by("tag__name")
        found: dict[int, list[str]] = {}
        for contact_id, name in rows.values_list("contact_id", "tag__name"):
            found.setdefault(contact_id, []).append(name)
        return found

    def _consent(self) -> dict[int, list[dict[str, object]]]:
        """The latest word on each purpose."""
        rows = (
            Consent.objects.filter(contact_id__in=self.ids)
            .order_by("contact_id", "purpose", F("at").desc(), F("id").desc())
            .distinct("contact_id", "purpose")
        )
        found: dict[int, list[dict[str, object]]] = {}
        for row in rows:
            found.setdefault(row.contact_id, []).append(
                {
                    "purpose": row.purpose,
                    "granted": row.granted,
                    "at": moment(row.at),
                    "channel": row.channel,
                    "text_version": row.text_version,
                }
            )
        return found

    def _facets(self) -> dict[str, Mapping[int, object]]:
        """Facets that share a loader share its query."""
        loaded: dict[Any, Mapping[int, object]] = {}
        for facet in facets.fields.values():
            if facet.load not in loaded:
                loaded[facet.load] = facet.load(self.ids) if self.ids else {}
        return {name: loaded[facet.load] for name, facet in facets.fields.items()}

    def _note(self, request: Request, contacts: Sequence[Contact]) -> None:
        """Who saw whole numbers, once a request."""
        seen: list[object] = [ids.encode(each.pk) for each in contacts if each.phone or each.email]
        one = contacts[0] if len(contacts) == 1 else None
        audit.record(
            "contact.revealed", one, request=request,
            summary=f"{len(seen)} contacts", detail={"contacts": seen},
        )  # fmt: skip


SELECTED = ("channel", "owner")
