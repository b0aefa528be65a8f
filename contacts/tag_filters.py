"""How do several chosen tags narrow a list? OR inside a group, AND across groups; or exclusion.

Tags without a group count as one group. By the tagging rows: they keep their index under RLS.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, TypeVar

from django.db.models import QuerySet

from contacts.models import Contact, ContactTag, Tag

Rows = TypeVar("Rows", bound=QuerySet[Contact])


def by_group(contacts: Rows, tag_ids: Collection[int]) -> Rows:
    """Those who wear, of each group that is named here, at least one of its tags named here.

    A tag that does not exist is worn by nobody.
    """
    groups: dict[int | None, list[int]] = {}
    for pk, group_id in Tag.objects.filter(pk__in=tag_ids).values_list("pk", "group_id"):
        groups.setdefault(group_id, []).append(pk)
    if not groups and tag_ids:
        groups[None] = []
    for _group, pks in sorted(groups.items(), key=lambda pair: pair[0] or 0):
        contacts = wearing(contacts, pks)
    return contacts


def wearing(contacts: Rows, tag_ids: Collection[int]) -> Rows:
    """Those who wear at least one of these."""
    return contacts.filter(id__in=_wearers(tag_ids))


def without(contacts: Rows, tag_ids: Collection[int]) -> Rows:
    """Those who wear none of these."""
    return contacts.exclude(id__in=_wearers(tag_ids))


def _wearers(tag_ids: Collection[int]) -> QuerySet[ContactTag, Any]:
    return ContactTag.objects.filter(tag_id__in=tag_ids).values("contact_id")
