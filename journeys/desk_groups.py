"""Which customer groups is a contact in, or was? As far as who works at the desk sees groups."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from contacts.groups import lists, words
from contacts.models import Contact, Group
from tenants.models import Staff


@dataclass(frozen=True)
class Row:
    """A group with the contact's latest stay there; `ways` in and out in words of the reader."""

    name: str
    joined_at: datetime
    left_at: datetime | None
    ways: str


@dataclass(frozen=True)
class Card:
    """`others`: in how many groups of colleagues the contact is now."""

    rows: list[Row]
    others: int


def card(contact: Contact, staff: Staff | None, *, every: bool) -> Card | None:
    """Sales see the groups that they own or are in; with `every` all. None: there is none."""
    found = lists.of_contact(contact.pk)
    if not every:
        groups = Group.objects.filter(pk__in=[member.group_id for member, _stays in found])
        own = set(lists.of_staff(groups, staff.pk if staff else None).values_list("pk", flat=True))
    rows, others = [], 0
    for member, stays in found:
        stay = stays.latest
        if every or member.group_id in own:
            rows.append(Row(str(member.group), stay.joined_at, stay.left_at, words.ways(stay)))
        else:
            others += stay.left_at is None
    return Card(rows, others) if rows or others else None
