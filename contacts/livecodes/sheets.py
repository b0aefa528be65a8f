"""What do the tables plan for a live code, and how many customers has each member got by it?"""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from zoneinfo import ZoneInfo

from django.db.models import Count

from contacts.livecodes.plan import Adds, Hours, Person, Sheet, midnight, stretch_start
from contacts.models import (
    LiveCode,
    LiveCodeAdd,
    LiveCodeFreeHours,
    LiveCodeShift,
    LiveCodeStaff,
    OffDuty,
)
from contacts.models.livecodes import Hours as HoursRow
from tenants.models import Tenant


def zone() -> ZoneInfo:
    """The scope's tenant's: workers have no zone of their own."""
    return Tenant.current().tz


def hours_of(row: HoursRow) -> Hours:
    return Hours(frozenset(row.weekdays), row.starts, row.ends)


def sheet_of(code: LiveCode) -> Sheet:
    """Inside a scope: as the rows are now."""
    shifts: dict[int, list[Hours]] = defaultdict(list)
    for shift in LiveCodeShift.objects.filter(live_code=code):
        shifts[shift.staff_id].append(hours_of(shift))
    rows = LiveCodeStaff.objects.filter(live_code=code).select_related("staff").order_by("id")
    off = set(OffDuty.objects.values_list("staff_id", flat=True))
    people = tuple(
        Person(
            staff_id=row.staff_id,
            userid=row.staff.userid,
            active=row.staff.active,
            online=row.staff_id not in off,
            weight=row.weight,
            daily_cap=row.daily_cap,
            spare=row.spare,
            hours=tuple(shifts[row.staff_id]),
        )
        for row in rows
    )
    free = LiveCodeFreeHours.objects.filter(live_code=code)
    return Sheet(people, zone(), code.skip_verify, tuple(map(hours_of, free)), code.expires_at)


def adds_of(code: LiveCode, sheet: Sheet, at: datetime) -> Adds:
    """Inside a scope: counted only where the plan depends on it."""
    if not sheet.counts:
        return Adds()
    since = stretch_start(sheet, at)
    today = _counted(code, midnight(sheet, at))
    return Adds(today, _counted(code, since) if sheet.weighs else {})


def _counted(code: LiveCode, since: datetime) -> dict[int, int]:
    rows = LiveCodeAdd.objects.filter(live_code=code, opened_at__gte=since)
    return dict(rows.order_by().values_list("staff_id").annotate(n=Count("id")))
