"""How does a contact stand with the business now: life cycle, and who owns the traffic?

DOMAIN.md §3, FIGURES R14, R15, R34. Read for a page of contacts at a time, in one statement each.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum

from django.db import connection
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from analytics import facts
from contacts.kinds import INBOUND
from contacts.models import Contact, Event, Order, ReachSpell
from tenants.scope import current_tenant_id

INTERACTING = timedelta(days=30)
OWNED = timedelta(days=365)


class Lifecycle(StrEnum):
    PROSPECT = "prospect"
    NEW = "new"
    REPEAT = "repeat"
    LAPSED = "lapsed"


class Ownership(StrEnum):
    ACQUIRED = "L1"
    INTERACTING = "L2"
    OWNED = "L3"


_BOUGHT = """
SELECT contact_id, count(*), max(paid_at) FROM contacts_order
WHERE tenant_id = %s AND contact_id = ANY(%s::bigint[]) AND paid AND paid_at < %s
GROUP BY contact_id
"""


def lifecycles(contact_ids: Sequence[int]) -> Mapping[int, str]:
    """Who never bought is left out: a prospect."""
    now = timezone.now()
    lapse = _lapse(now)
    with connection.cursor() as cursor:
        cursor.execute(_BOUGHT, [current_tenant_id(), list(contact_ids), now])
        return {
            pk: Lifecycle.LAPSED
            if lapse is not None and last <= lapse
            else (Lifecycle.NEW if number == 1 else Lifecycle.REPEAT)
            for pk, number, last in cursor.fetchall()
        }


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


_LEVELS = """
SELECT c.id, EXISTS (
    SELECT 1 FROM contacts_event e WHERE e.tenant_id = %(tenant)s AND e.contact_id = c.id
      AND e.at >= %(interacting)s AND e.at < %(now)s AND e.kind = ANY(%(inbound)s)),
  EXISTS (
    SELECT 1 FROM contacts_order o WHERE o.tenant_id = %(tenant)s AND o.contact_id = c.id
      AND o.paid AND o.paid_at >= %(owned)s AND o.paid_at < %(now)s)
FROM unnest(%(contacts)s::bigint[]) AS c(id)
WHERE EXISTS (
  SELECT 1 FROM contacts_reachspell s WHERE s.tenant_id = %(tenant)s AND s.contact_id = c.id
    AND s.opened_at < %(now)s AND (s.ended_at IS NULL OR s.ended_at > %(now)s))
"""


def ownerships(contact_ids: Sequence[int]) -> Mapping[int, str]:
    """Who cannot be reached is left out: nobody's."""
    now = timezone.now()
    with connection.cursor() as cursor:
        cursor.execute(
            _LEVELS,
            {
                "tenant": current_tenant_id(),
                "contacts": list(contact_ids),
                "now": now,
                "interacting": now - INTERACTING,
                "owned": now - OWNED,
                "inbound": sorted(INBOUND),
            },
        )
        return {pk: _level(active=active, bought=bought) for pk, active, bought in cursor}


def _level(*, active: bool, bought: bool) -> str:
    if not active:
        return Ownership.ACQUIRED
    return Ownership.OWNED if bought else Ownership.INTERACTING


def in_ownership(contacts: QuerySet[Contact], wanted: str) -> QuerySet[Contact]:
    now = timezone.now()
    of_contact = {"contact": OuterRef("pk")}
    spell = ReachSpell.objects.filter(Q(ended_at=None) | Q(ended_at__gt=now), opened_at__lt=now)
    recent = Q(at__gte=now - INTERACTING, at__lt=now)
    active = Exists(Event.objects.filter(recent, kind__in=INBOUND, **of_contact))
    since = Q(paid_at__gte=now - OWNED, paid_at__lt=now)
    bought = Exists(Order.objects.filter(since, paid=True, **of_contact))
    contacts = contacts.filter(Exists(spell.filter(**of_contact)))
    if wanted == Ownership.ACQUIRED:
        return contacts.filter(~active)
    return contacts.filter(active, bought if wanted == Ownership.OWNED else ~bought)
