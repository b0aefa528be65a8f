"""One contact made, changed or deleted by hand: row, tags, consent, timeline in one transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils import timezone

from contacts import people, tagging
from contacts.models import Consent, Contact, ContactTag, SourceKind


@dataclass(frozen=True)
class Agreement:
    """What a person said to a purpose. `at` None: now."""

    purpose: str
    granted: bool
    at: datetime | None = None
    channel: str = ""
    text_version: str = ""


def create(
    values: Mapping[str, Any],
    *,
    tags: Sequence[str],
    consent: Sequence[Agreement],
    opened: tuple[str, datetime] | None,
    by: str,
) -> Contact:
    """A new contact. `values` are columns; `opened` (userid, moment) opens a Follow (R8)."""
    source = SourceKind.REFERRAL if values.get("referrer") else SourceKind.API
    contact = Contact(source=source, **values)
    contact.save(force_insert=True)
    people.tell_created([contact])
    set_tags(contact, tags, by=by)
    agree(contact, consent)
    if opened is not None:
        people.open_follows([(contact.pk, *opened)])
    return contact


def change(contact: Contact, values: Mapping[str, Any]) -> list[str]:
    """Put new values on a contact. Answers the names of the columns that really changed."""
    different = [name for name, value in values.items() if getattr(contact, name) != value]
    if not different:
        return []
    for name in different:
        setattr(contact, name, values[name])
    contact.save(update_fields=[*different, "updated_at"])
    people.tell_changed([(contact, different)])
    if {"name", "phone"} & set(different):
        people.make_findable([contact.pk])
    return different


def set_tags(contact: Contact, names: Sequence[str], *, by: str) -> None:
    """Exactly these tags: others go, unknown ones are made."""
    wanted = set(tagging.named(names).values()) if names else set()
    worn = set(ContactTag.objects.filter(contact=contact).values_list("tag_id", flat=True))
    tagging.remove([contact.pk], worn - wanted, by)
    tagging.add([contact.pk], wanted - worn, by)


def agree(contact: Contact, agreements: Sequence[Agreement]) -> None:
    """Write down what the person said; saying the same again is no new record."""
    now = timezone.now()
    for said in agreements:
        last = (
            Consent.objects.filter(contact=contact, purpose=said.purpose)
            .order_by("-at", "-id")
            .first()
        )
        at = said.at or now
        same = last is not None and last.granted == said.granted and said.at in (None, last.at)
        if not same:
            Consent.objects.create(
                contact=contact,
                purpose=said.purpose,
                granted=said.granted,
                at=at,
                channel=said.channel,
                text_version=said.text_version,
            )
