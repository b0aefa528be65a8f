"""One contact made, changed or deleted by hand: row, tags, consent, timeline in one transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from contacts import people, tagging
from contacts.models import Contact, ContactTag, SourceKind
from contacts.privacy import consents
from contacts.privacy.consents import Agreement

__all__ = ["Agreement", "agree", "change", "create", "set_tags"]


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
    agree(contact, consent, by)
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


def agree(contact: Contact, agreements: Sequence[Agreement], by: str = "") -> None:
    """Write down what the person said; saying the same again is no new record."""
    consents.write(contact, agreements, by)
