"""Who is meant by an old id, or by the external id of a record that was merged?"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any, Final

from django.db.models import QuerySet

from contacts.models import Contact, Identity, Merge

# An Identity of kind other: an external id that the contact was known by before a merge.
FORMER: Final = "external_id"
_MANY: Final = 50


def survivors(contact_ids: Collection[int]) -> dict[int, int]:
    """Of ids that a merge took out: whom each means now."""
    if not contact_ids:
        return {}
    standing = Merge.objects.filter(absorbed_id__in=contact_ids, undone_at=None)
    return dict(standing.values_list("absorbed_id", "survivor_id"))


def formerly(external_ids: Collection[str]) -> dict[str, int]:
    """Contacts by external ids that they had before a merge."""
    if not external_ids:
        return {}
    rows = Identity.objects.filter(kind=Identity.Kind.OTHER, account=FORMER)
    if len(external_ids) > _MANY and not rows.exists():
        return {}  # most businesses never merged: a file of millions need not ask for each
    known = rows.filter(value__in=list(external_ids))
    return dict(known.values_list("value", "contact_id"))


def known_as(external_id: str) -> QuerySet[Any, Any]:
    """The ids of contacts that had this external id before a merge."""
    rows = Identity.objects.filter(kind=Identity.Kind.OTHER, account=FORMER, value=external_id)
    return rows.values("contact_id")


def current_names(external_ids: Iterable[str]) -> dict[str, str]:
    """For those among these that are former ones: the external id that the contact has now.

    Who has none now gets the former one back: it is used again.
    """
    found = formerly(list(set(external_ids)))
    if not found:
        return {}
    taken = set(Contact.objects.filter(external_id__in=found).values_list("external_id", flat=True))
    contacts = Contact.objects.in_bulk(found.values())
    names: dict[str, str] = {}
    for name, contact_id in found.items():
        if name in taken:
            continue
        contact = contacts[contact_id]
        if contact.external_id is None:
            contact.external_id = name
            contact.save(update_fields=["external_id", "updated_at"])
            Identity.objects.filter(kind=Identity.Kind.OTHER, account=FORMER, value=name).delete()
        elif contact.external_id != name:
            names[name] = contact.external_id
    return names
