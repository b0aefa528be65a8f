"""What groups add to the contacts resource: which ones a contact is in, and lists by them."""

from __future__ import annotations

from collections.abc import Mapping

from django.db.models import QuerySet
from rest_framework import serializers

from contacts import facets
from contacts.groups import lists, people
from contacts.models import Contact
from tenants import ids

_GROUPS = """
SELECT contact_id, json_agg(group_id ORDER BY in_since, id) FROM contacts_groupmember
WHERE tenant_id = %(tenant)s AND contact_id = ANY(%(contacts)s::bigint[]) AND in_since IS NOT NULL
GROUP BY contact_id
"""


def register() -> None:
    groups = serializers.ListField(child=serializers.CharField(), help_text="In now: ids.")
    facets.field("groups", groups, facets.Query(_GROUPS, _groups), absent=[])
    facets.filter("group", serializers.CharField(max_length=64), _in_group)
    facets.filter("in_groups_min", serializers.IntegerField(min_value=1), lists.in_many)


def _groups(found: Mapping[int, list[int]]) -> Mapping[int, object]:
    """The group joined first goes first."""
    return {pk: [ids.encode(each) for each in group_ids] for pk, group_ids in found.items()}


def _in_group(contacts: QuerySet[Contact], text: str) -> QuerySet[Contact]:
    """By chat id or id."""
    return lists.in_group(contacts, [group.pk for group in people.by_name([text]).values()])
