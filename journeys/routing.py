"""Through whom can a contact be reached now?"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from django.db.models import Case, F, IntegerField, Value, When

from contacts.models import Follow, ReachSpell


class Way(NamedTuple):
    follow_id: int
    staff_id: int


def best(contact_ids: Collection[int]) -> dict[int, Way]:
    """An active Follow of each contact: the owner's if there is one, else the latest."""
    by_owner = Case(
        When(staff_id=F("contact__owner_id"), then=Value(0)),
        default=Value(1),
        output_field=IntegerField(),
    )
    rows = (
        Follow.objects.filter(contact_id__in=list(contact_ids), ended_at=None)
        .annotate(rank=by_owner)
        .order_by("contact_id", "rank", "-opened_at", "id")
        .values_list("contact_id", "id", "staff_id")
    )
    ways: dict[int, Way] = {}
    for contact_id, follow_id, staff_id in rows:
        ways.setdefault(contact_id, Way(follow_id, staff_id))
    return ways


def subscribed(contact_ids: Collection[int]) -> set[int]:
    """Those who can be reached through a subscription."""
    open_spells = ReachSpell.objects.filter(contact_id__in=list(contact_ids), ended_at=None)
    return set(open_spells.exclude(account="").values_list("contact_id", flat=True))
