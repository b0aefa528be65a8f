"""How much may go to whom now? The tenant's rules, and what was already booked against them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from datetime import datetime, timedelta
from typing import NamedTuple

from django.db import connection

from contacts.messaging import quota
from journeys import ledger
from journeys.engine import Pace, Tally, day_start, enough, week_start
from journeys.models import TO_FANS, Touch, TouchRules
from tenants.models import Tenant
from tenants.scope import current_tenant_id

# States in which a message has gone out or may yet. A claimed touch counts once it is booked.
BOOKED = [
    Touch.State.CLAIMED,
    Touch.State.SENDING,
    Touch.State.AWAITING_STAFF,
    Touch.State.SENT,
    Touch.State.DELIVERED,
    Touch.State.UNKNOWN,
]
# An unconfirmed message is given up after this; one booked earlier cannot count today.
LONGEST_WAIT = timedelta(days=31)


class Had(NamedTuple):
    """A message that another part sent, or is sending, to a contact; `kind` as of touches."""

    contact_id: int
    at: datetime
    kind: str


# Of these contacts, since then.
Others = Callable[[Collection[int], datetime], Iterable[Had]]
_others: list[Others] = []


def counts(others: Others) -> None:
    """Register, in apps.py: what else contacts get that counts against their caps.

    Whoever registers keeps the caps as well: `lock`, then `full`, then write what is sent.
    """
    _others.append(others)


def lock() -> datetime:
    """Inside a scope: one judge a tenant at a time, until the transaction ends. Answers the
    database's time."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(hashtext('touches'), %s::int), now()",
            [current_tenant_id()],
        )
        now: datetime = cursor.fetchone()[1]
    return now


def full(contact_ids: Collection[int], kind: str, now: datetime) -> set[int]:
    """Inside a scope: those who had so much that they get no more of this kind now."""
    own = of_tenant()
    found = tallies(contact_ids, own, now)
    return {contact_id for contact_id, tally in found.items() if enough(kind, tally, own)}


def rules() -> TouchRules:
    """The rules of the scope's tenant; made with their defaults where there are none."""
    own, new = TouchRules.objects.get_or_create()
    if new:
        own.refresh_from_db()  # the row made just now holds its times as text
    return own


def of_tenant() -> Pace:
    own = rules()
    return Pace(
        zone=Tenant.current().tz,
        quiet_from=own.quiet_from,
        quiet_to=own.quiet_to,
        per_contact_day=own.per_contact_day,
        per_contact_week=own.per_contact_week,
        promotions_per_week=own.promotions_per_week,
        per_staff_day=own.per_staff_day,
        mass_quota=own.mass_quota,
        sensitive_words=tuple(str(word) for word in own.sensitive_words),
    )


# What counts is when it reached the contact, or else when it was booked: a message that staff
# confirm a day late belongs to the day on which the contact got it.
_TALLIES = """
SELECT contact_id,
       count(*) FILTER (WHERE at >= %(day)s),
       count(*) FILTER (WHERE at >= %(week)s),
       count(*) FILTER (WHERE at >= %(week)s AND kind = 'promotion'),
       count(*) FILTER (WHERE at >= %(mass)s AND route = 'mass_task')
FROM (SELECT contact_id, kind, route, COALESCE(sent_at, sending_at) AS at FROM journeys_touch
      WHERE tenant_id = %(tenant)s AND contact_id = ANY(%(contacts)s)
        AND sending_at >= %(since)s AND state = ANY(%(booked)s)
        AND route <> 'app_message') AS log
GROUP BY contact_id
"""

_STAFF_TODAY = """
SELECT staff_id, count(*) FROM journeys_touch
WHERE tenant_id = %(tenant)s AND staff_id = ANY(%(staff)s)
  AND sending_at >= %(day)s AND state = ANY(%(booked)s) AND route <> ALL(%(fans)s)
GROUP BY staff_id
"""


def tallies(contact_ids: Collection[int], pace: Pace, now: datetime) -> dict[int, Tally]:
    """What each of these contacts has had; mass messages of other parts are counted as well."""
    day, week = day_start(now, pace.zone), week_start(now, pace.zone)
    mass = quota.window(pace.mass_quota, now)[1]
    found = {contact_id: Tally() for contact_id in contact_ids}
    with connection.cursor() as cursor:
        cursor.execute(
            _TALLIES,
            {
                "tenant": current_tenant_id(),
                "contacts": list(found),
                "booked": list(BOOKED),
                "day": day,
                "week": week,
                "mass": mass,
                "since": min(week, mass) - LONGEST_WAIT,
            },
        )
        for contact_id, *counts in cursor.fetchall():
            found[contact_id] = Tally(*counts)
    for others in _others:
        for had in others(list(found), week):
            _add(found[had.contact_id], had, day)
    for contact_id, count in quota.delivered(found, now, but=[ledger.SOURCE]).items():
        found[contact_id].mass += count
    return found


def _add(tally: Tally, had: Had, day: datetime) -> None:
    """Had within the week. The platform's quota of mass messages is counted by what arrived."""
    tally.day += had.at >= day
    tally.week += 1
    tally.promotions += had.kind == "promotion"


def staff_today(staff_ids: Collection[int], pace: Pace, now: datetime) -> dict[int, int]:
    """How many touches each of these members of staff was booked for today."""
    with connection.cursor() as cursor:
        cursor.execute(
            _STAFF_TODAY,
            {
                "tenant": current_tenant_id(),
                "staff": list(staff_ids),
                "day": day_start(now, pace.zone),
                "booked": list(BOOKED),
                "fans": [str(route) for route in TO_FANS],
            },
        )
        return {int(staff_id): int(count) for staff_id, count in cursor.fetchall()}
