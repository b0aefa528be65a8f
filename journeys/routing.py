"""Through whom, or through which account, can a contact be reached now?"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

from django.db.models import Case, F, IntegerField, Value, When

from contacts.models import Follow, ReachSpell
from journeys.models import TO_FANS, Route


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


def leads(route: str, *, friend: bool, fan: bool, subscribed: bool) -> bool:
    """Does this route lead to a contact who is so known? It may still be refused later."""
    if route in TO_FANS:
        return fan
    return friend or (route == Route.NONE and subscribed)


def after(routes: Sequence[str], route: str) -> str:
    """The route to try when this one has no way, or nothing."""
    place = routes.index(route) + 1 if route in routes else len(routes)
    return routes[place] if place < len(routes) else ""
