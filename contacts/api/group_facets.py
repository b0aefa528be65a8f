"""What groups add to the contacts resource: which ones a contact is in, and lists by them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from django.db.models import QuerySet
from rest_framework import serializers

from contacts import facets
from contacts.groups import lists, people
from contacts.models import Contact
from tenants import ids


def register() -> None:
    groups = serializers.ListField(child=serializers.CharField(), help_text="In now: ids.")
    facets.field("groups", groups, _groups, absent=[])
    facets.filter("group", serializers.CharField(max_length=64), _in_group)
    facets.filter("in_groups_min", serializers.IntegerField(min_value=1), lists.in_many)


def _groups(contact_ids: Sequence[int]) -> Mapping[int, object]:
    found = lists.of_contacts(contact_ids)
    return {pk: [ids.encode(group.pk) for group in groups] for pk, groups in found.items()}


def _in_group(contacts: QuerySet[Contact], text: str) -> QuerySet[Contact]:
    """By chat id or id."""
    return lists.in_group(contacts, [group.pk for group in people.by_name([text]).values()])
