"""How does a contact stand with the business now: life cycle, and who owns the traffic?

DOMAIN.md §3, FIGURES R14, R15, R34. Read for a page of contacts in one statement.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from analytics import facts
from contacts import arrays
from contacts.facets import Query
from contacts.kinds import INBOUND
from contacts.models import Contact, ContactSettings, Event, Order, ReachSpell

# Of a contact: how many paid orders, when the last one, lately enough; active, if reachable.
_Read = tuple[int, str | None, bool | None, bool | None]


class Lifecycle(StrEnum):
    PROSPECT = "prospect"
    NEW = "new"
    REPEAT = "repeat"
    LAPSED = "lapsed"


class Ownership(StrEnum):
    ACQUIRED = "L1"
    INTERACTING = "L2"
    OWNED = "L3"


@dataclass(frozen=True, slots=True)
class Standing:
    """Of one contact. Who cannot be reached is nobody's."""

    lifecycle: Lifecycle
    ownership: Ownership | None


# Events are looked up only of those who can be reached; null, who cannot. LIMIT keeps the planner
# from reading everybody's instead.
_STANDING = """
SELECT c.id, json_build_array(bought.number, bought.last, bought.last >= since.owned, CASE WHEN (
    SELECT true FROM contacts_reachspell s WHERE s.tenant_id = %(tenant)s AND s.contact_id = c.id
      AND s.opened_at < %(now)s AND (s.ended_at IS NULL OR s.ended_at > %(now)s) LIMIT 1
  ) THEN coalesce((
    SELECT true FROM contacts_event e WHERE e.tenant_id = %(tenant)s AND e.contact_id = c.id
      AND e.at >= since.interacting AND e.at < %(now)s AND e.kind = ANY(%(inbound)s::text[]) LIMIT 1
  ), false) END)
FROM unnest(%(contacts)s::bigint[]) AS c(id)
CROSS JOIN (
  SELECT %(now)s - make_interval(secs => coalesce(max(interacting_days), 30) * 86400)
      AS interacting,
    %(now)s - make_interval(secs => coalesce(max(owned_days), 365) * 86400) AS owned
  FROM contacts_contactsettings WHERE tenant_id = %(tenant)s
) AS since
CROSS JOIN LATERAL (
  SELECT count(*), max(o.paid_at) FROM contacts_order o
  WHERE o.tenant_id = %(tenant)s AND o.contact_id = c.id AND o.paid AND o.paid_at < %(now)s
) AS bought(number, last)
"""


def _params() -> dict[str, Any]:
    return {"now": timezone.now(), "inbound": arrays.literal(sorted(INBOUND))}


def _standings(rows: Mapping[int, _Read]) -> Mapping[int, Standing]:
    now = timezone.now()
    lapse = _lapse(now) if any(number for number, *_others in rows.values()) else None
    found = {}
    for pk, (number, last_at, bought, active) in rows.items():
        last = datetime.fromisoformat(last_at) if last_at else None
        found[pk] = Standing(
            _lifecycle(number, last, lapse),
            _level(active=active, bought=bool(bought)),
        )
    return found


OF_CONTACTS = Query(_STANDING, _standings, _params)  # everyone has one


def _lifecycle(number: int, last: datetime | None, lapse: datetime | None) -> Lifecycle:
    if last is None:
        return Lifecycle.PROSPECT
    if lapse is not None and last <= lapse:
        return Lifecycle.LAPSED
    return Lifecycle.NEW if number == 1 else Lifecycle.REPEAT


def _level(*, active: bool | None, bought: bool) -> Ownership | None:
    if active is None:
        return None
    if not active:
        return Ownership.ACQUIRED
    return Ownership.OWNED if bought else Ownership.INTERACTING


def _lapse(now: datetime) -> datetime | None:
    """Who has not bought since then has lapsed: twice the median gap ago. No gap, nobody."""
    gap = facts.median_gap()
    return None if gap is None else now - 2 * gap


def in_lifecycle(contacts: QuerySet[Contact], wanted: str) -> QuerySet[Contact]:
    now = timezone.now()
    paid = Order.objects.filter(contact=OuterRef("pk"), paid=True, paid_at__lt=now)
    if wanted == Lifecycle.PROSPECT:
        return contacts.filter(~Exists(paid))
    lapse = _lapse(now)
    fresh = Exists(paid) if lapse is None else Exists(paid.filter(paid_at__gt=lapse))
    if wanted == Lifecycle.LAPSED:
        return contacts.filter(Exists(paid), ~fresh)
    second = Exists(paid.order_by("paid_at")[1:2])
    return contacts.filter(fresh, second if wanted == Lifecycle.REPEAT else ~Q(second))


# Of in_ownership: whoever can be reached.
ANY = "any"


def in_ownership(contacts: QuerySet[Contact], wanted: str) -> QuerySet[Contact]:
    now, rule = timezone.now(), ContactSettings.of_tenant()
    of_contact = {"contact": OuterRef("pk")}
    spell = ReachSpell.objects.filter(Q(ended_at=None) | Q(ended_at__gt=now), opened_at__lt=now)
    recent = Q(at__gte=now - rule.interacting, at__lt=now)
    active = Exists(Event.objects.filter(recent, kind__in=INBOUND, **of_contact))
    since = Q(paid_at__gte=now - rule.owned, paid_at__lt=now)
    bought = Exists(Order.objects.filter(since, paid=True, **of_contact))
    contacts = contacts.filter(Exists(spell.filter(**of_contact)))
    if wanted == ANY:
        return contacts
    if wanted == Ownership.ACQUIRED:
        return contacts.filter(~active)
    return contacts.filter(active, bought if wanted == Ownership.OWNED else ~bought)
