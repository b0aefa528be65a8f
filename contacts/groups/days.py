"""How many customers joined and left a group on each day, and how many were in at its end?

Staff are not counted. Days are of the tenant's zone. Somebody who comes twice on a day counts
twice; so the members at the end of a day are those of the day before, plus joined, less left.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from django.db import connection
from django.db.models import F, Sum

from contacts.models import Group, GroupDay
from tenants.models import Tenant
from tenants.scope import current_tenant_id


@dataclass(frozen=True, slots=True)
class Day:
    day: date
    joined: int
    left: int
    members: int


_COUNTED = """
SELECT day, count(*) FILTER (WHERE came), count(*) FILTER (WHERE NOT came)
FROM contacts_groupspell s
JOIN contacts_groupmember m ON m.tenant_id = s.tenant_id AND m.id = s.member_id
CROSS JOIN LATERAL (VALUES ((s.joined_at AT TIME ZONE %(zone)s)::date, true),
                           ((s.left_at AT TIME ZONE %(zone)s)::date, false)) AS border(day, came)
WHERE s.tenant_id = %(tenant)s AND s.group_id = %(group)s AND m.staff_id IS NULL
  AND day IS NOT NULL AND (%(days)s::date[] IS NULL OR day = ANY(%(days)s::date[]))
GROUP BY day
"""


def zone() -> ZoneInfo:
    """The scope's tenant's: workers have no zone of their own."""
    return Tenant.current().tz


def days_of(moments: Collection[datetime]) -> set[date]:
    if not moments:
        return set()
    local = zone()
    return {at.astimezone(local).date() for at in moments}


def recount(group_id: int, days: Collection[date] | None) -> bool:
    """Count these days (None: all) of a group again from its spells. Answers what changed."""
    local = str(zone())
    if days is None:
        Group.objects.filter(pk=group_id).exclude(days_zone=local).update(days_zone=local)
    parameters: dict[str, int | str | list[date] | None] = {
        "tenant": current_tenant_id(),
        "group": group_id,
        "zone": local,
        "days": sorted(days) if days is not None else None,
    }
    with connection.cursor() as cursor:
        cursor.execute(_COUNTED, parameters)
        right = {day: (joined, left) for day, joined, left in cursor.fetchall()}
    rows = GroupDay.objects.filter(group_id=group_id)
    if days is not None:
        rows = rows.filter(day__in=days)
    stored = {row.day: (row.joined, row.left) for row in rows}
    differ = {day for day in right.keys() | stored.keys() if right.get(day) != stored.get(day)}
    if not differ:
        return False
    GroupDay.objects.filter(group_id=group_id, day__in=differ & stored.keys()).delete()
    GroupDay.objects.bulk_create(
        GroupDay(group_id=group_id, day=day, joined=right[day][0], left=right[day][1])
        for day in sorted(differ & right.keys())
    )
    return True


def by_day(group_id: int, start: date, end: date) -> list[Day]:
    """Each day of [start, end), also those on which nobody came or went."""
    rows = GroupDay.objects.filter(group_id=group_id, day__lt=end)
    before = rows.filter(day__lt=start).aggregate(n=Sum(F("joined") - F("left")))["n"] or 0
    changes = {row.day: row for row in rows.filter(day__gte=start)}
    found = []
    members = int(before)
    for number in range((end - start).days):
        day = start + timedelta(days=number)
        row = changes.get(day)
        joined, left = (row.joined, row.left) if row else (0, 0)
        members += joined - left
        found.append(Day(day, joined, left, members))
    return found


def moved_since(group_ids: Iterable[int], start: date) -> dict[int, tuple[int, int]]:
    """Group → (joined, left) from that day on; groups without either are left out."""
    rows = (
        GroupDay.objects.filter(group_id__in=list(group_ids), day__gte=start)
        .values_list("group_id")
        .annotate(Sum("joined"), Sum("left"))
    )
    return {group_id: (joined, left) for group_id, joined, left in rows}
