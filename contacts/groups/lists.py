"""Which members does a list show? In, gone, in many groups, lost for good."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from django.db.models import Count, Exists, OuterRef, Q, QuerySet

from contacts.models import Contact, Group, GroupMember, GroupSpell, GroupTag

Members = QuerySet[GroupMember]


def inside(rows: Members) -> Members:
    return rows.filter(in_since__isnull=False)


def gone(rows: Members) -> Members:
    return rows.filter(left_at__isnull=False)


def seen(rows: Members) -> Members:
    """Those who are or were in; not those of whom only a quit was told so far."""
    return rows.filter(Q(in_since__isnull=False) | Q(left_at__isnull=False))


def lost(rows: Members) -> Members:
    """Customers who left the last of their groups; each once, with that group."""
    others = GroupMember.objects.filter(
        Q(in_since__isnull=False)
        | Q(left_at__gt=OuterRef("left_at"))
        | Q(left_at=OuterRef("left_at"), id__gt=OuterRef("id"))
    )
    return gone(rows).filter(
        ~Exists(others.filter(contact_id=OuterRef("contact_id"))),
        ~Exists(others.filter(external=OuterRef("external"))),
        staff=None,
    )


def of_staff(rows: QuerySet[Group], staff_id: int | None) -> QuerySet[Group]:
    """Groups that this member of staff owns or is in; none for nobody."""
    if staff_id is None:
        return rows.none()
    within = GroupMember.objects.filter(staff_id=staff_id, in_since__isnull=False)
    return rows.filter(Q(owner_id=staff_id) | Q(id__in=within.values("group_id")))


def in_group(contacts: QuerySet[Contact], group_ids: Iterable[int]) -> QuerySet[Contact]:
    rows = inside(GroupMember.objects.filter(group_id__in=list(group_ids)))
    return contacts.filter(id__in=rows.filter(contact__isnull=False).values("contact_id"))


def in_many(contacts: QuerySet[Contact], least: int) -> QuerySet[Contact]:
    """Contacts who are in at least so many groups now."""
    rows = inside(GroupMember.objects.filter(contact__isnull=False)).values("contact_id")
    return contacts.filter(
        id__in=rows.annotate(n=Count("id")).filter(n__gte=least).values("contact_id")
    )


@dataclass(frozen=True, slots=True)
class Stays:
    """The latest stay of a member, and how many there were."""

    latest: GroupSpell
    count: int


def stays_of(members: Iterable[GroupMember]) -> Mapping[int, Stays]:
    """Member → latest stay; one query for a page."""
    rows = GroupSpell.objects.filter(member_id__in=[member.pk for member in members])
    found: dict[int, Stays] = {}
    for row in rows.select_related("invited_by").order_by("joined_at"):
        before = found.get(row.member_id)
        found[row.member_id] = Stays(row, before.count + 1 if before else 1)
    return found


def of_contact(contact_id: int) -> list[tuple[GroupMember, Stays]]:
    """Where a contact is or was, each with the group: those they are in first."""
    rows = seen(GroupMember.objects.filter(contact_id=contact_id)).select_related("group")
    members = sorted(rows, key=lambda row: (row.in_since is None, row.left_at or row.in_since))
    stays = stays_of(members)
    # Who joined since the rows were read has a stay by the next page.
    return [(member, stays[member.pk]) for member in members if member.pk in stays]


def put_tags(group: Group, wanted: set[int]) -> None:
    """Give the group these tags and no others."""
    rows = GroupTag.objects.filter(group=group)
    rows.exclude(tag_id__in=wanted).delete()
    known = set(rows.values_list("tag_id", flat=True))
    GroupTag.objects.bulk_create(
        GroupTag(group=group, tag_id=each) for each in sorted(wanted - known)
    )
