"""What may be planned for a live code? The checks and the writing that pages and API share."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time
from typing import Any

from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext as _

from contacts import attachments, media
from contacts.livecodes import plan, words
from contacts.livecodes.push import look_again
from contacts.models import (
    LiveCode,
    LiveCodeFreeHours,
    LiveCodeShift,
    LiveCodeStaff,
    LiveCodeWelcome,
    MediaFile,
    OffDuty,
)
from tenants.models import Staff

MOST_STAFF = 100  # behind one way, by the platform
MOST_ROWS = 200  # of hours


@dataclass(frozen=True)
class Member:
    staff: Staff
    weight: int = 1
    daily_cap: int | None = None
    spare: bool = False


@dataclass(frozen=True)
class Span:
    weekdays: tuple[int, ...]
    starts: time
    ends: time


@dataclass(frozen=True)
class Shift:
    staff: Staff
    span: Span


@dataclass(frozen=True)
class Variant:
    """A welcome for certain hours; attachments as contacts/attachments.py stores them."""

    span: Span
    text: str
    attachments: tuple[dict[str, object], ...] = ()


def check_staff(members: Sequence[Member], shifts: Sequence[Shift]) -> None:
    """Raises ValidationError, naming the gaps, when nobody would be on duty at some hour."""
    if not any(one.staff.active for one in members):
        raise ValidationError(str(words.SHORT[plan.Short.NOBODY]))
    if len(members) > MOST_STAFF or len(shifts) > MOST_ROWS:
        raise ValidationError(
            _("At most %(staff)d members and %(shifts)d shifts.")
            % {"staff": MOST_STAFF, "shifts": MOST_ROWS}
        )
    if all(one.spare for one in members):
        raise ValidationError(_("Somebody must be on duty who is not a spare."))
    known = {one.staff.pk for one in members}
    for shift in shifts:
        check_span(shift.span)
        if shift.staff.pk not in known:
            raise ValidationError(
                _("%(staff)s has a shift and is not behind the code.") % {"staff": shift.staff}
            )
    gaps = plan.gaps(_people(members, shifts))
    if gaps:
        raise ValidationError(words.nobody(gaps))


def check_span(span: Span) -> None:
    if not span.weekdays or not set(span.weekdays) <= set(range(1, 8)):
        raise ValidationError(_("Choose at least one weekday."))


def check_expiry(expires_at: datetime | None, before: datetime | None = None) -> None:
    """A live code cannot be made to have ended already; an old end may stay."""
    if expires_at is not None and expires_at != before and expires_at <= timezone.now():
        raise ValidationError(_("This moment is over. To end the code now, retire it."))


def advice(members: Sequence[Member]) -> str:
    """What is allowed, but worth a word; empty when there is nothing."""
    limited = members and all(one.daily_cap for one in members)
    if limited:
        return _(
            "All staff have a limit and nobody without one is a spare: when all have reached it, "
            "they go on taking customers."
        )
    return ""


def _people(members: Sequence[Member], shifts: Sequence[Shift]) -> list[plan.Person]:
    hours: dict[int, list[plan.Hours]] = defaultdict(list)
    for shift in shifts:
        span = shift.span
        hours[shift.staff.pk].append(plan.Hours(frozenset(span.weekdays), span.starts, span.ends))
    return [
        plan.Person(
            one.staff.pk,
            one.staff.userid,
            active=one.staff.active,
            spare=one.spare,
            hours=tuple(hours[one.staff.pk]),
        )
        for one in members
    ]


def members_of(code: LiveCode) -> list[Member]:
    rows = LiveCodeStaff.objects.filter(live_code=code).select_related("staff").order_by("id")
    return [Member(row.staff, row.weight, row.daily_cap, row.spare) for row in rows]


def shifts_of(code: LiveCode) -> list[Shift]:
    rows = LiveCodeShift.objects.filter(live_code=code).select_related("staff").order_by("id")
    return [Shift(row.staff, span_of(row)) for row in rows]


def span_of(row: Any) -> Span:
    return Span(tuple(row.weekdays), row.starts, row.ends)


def put_members(code: LiveCode, members: Sequence[Member]) -> None:
    """Replace who is behind the code; the order stays that of the list for new ones."""
    staff_ids = [one.staff.pk for one in members]
    LiveCodeStaff.objects.filter(live_code=code).exclude(staff_id__in=staff_ids).delete()
    LiveCodeShift.objects.filter(live_code=code).exclude(staff_id__in=staff_ids).delete()
    there = {row.staff_id: row for row in LiveCodeStaff.objects.filter(live_code=code)}
    for one in members:
        row = there.get(one.staff.pk) or LiveCodeStaff(live_code=code, staff=one.staff)
        row.weight, row.daily_cap, row.spare = one.weight, one.daily_cap, one.spare
        row.was_active = one.staff.active
        row.save()


def put_shifts(code: LiveCode, shifts: Sequence[Shift]) -> None:
    LiveCodeShift.objects.filter(live_code=code).delete()
    LiveCodeShift.objects.bulk_create(
        LiveCodeShift(live_code=code, staff=one.staff, **_columns(one.span)) for one in shifts
    )


def put_free_hours(code: LiveCode, spans: Sequence[Span]) -> None:
    LiveCodeFreeHours.objects.filter(live_code=code).delete()
    LiveCodeFreeHours.objects.bulk_create(
        LiveCodeFreeHours(live_code=code, **_columns(span)) for span in spans
    )


def put_welcomes(code: LiveCode, variants: Sequence[Variant]) -> None:
    LiveCodeWelcome.objects.filter(live_code=code).delete()
    LiveCodeWelcome.objects.bulk_create(
        LiveCodeWelcome(
            live_code=code, text=one.text, attachments=list(one.attachments), **_columns(one.span)
        )
        for one in variants
    )


def _columns(span: Span) -> dict[str, Any]:
    return {"weekdays": sorted(set(span.weekdays)), "starts": span.starts, "ends": span.ends}


def want_media(code: LiveCode) -> None:
    """Have the files of the code's welcomes at the platform before anybody scans."""
    numbers = attachments.media_ids(code.welcome_attachments)
    for row in LiveCodeWelcome.objects.filter(live_code=code):
        numbers |= attachments.media_ids(row.attachments)
    for file in MediaFile.objects.filter(pk__in=numbers):
        media.want(file, code.account)


def used_media(file_ids: object) -> set[int]:
    """Which files the welcomes of codes that still work attach (media.used_by)."""
    retired = LiveCode.Status.RETIRED
    codes = LiveCode.objects.exclude(status=retired).exclude(welcome_attachments=[])
    rows = LiveCodeWelcome.objects.exclude(live_code__status=retired).exclude(attachments=[])
    found: set[int] = set()
    for stored in codes.values_list("welcome_attachments", flat=True):
        found |= attachments.media_ids(stored)
    for stored in rows.values_list("attachments", flat=True):
        found |= attachments.media_ids(stored)
    return found


def switch(staff: Staff, *, online: bool) -> None:
    """A member switches themselves off for all live codes, or on again."""
    if online:
        OffDuty.objects.filter(staff=staff).delete()
    else:
        OffDuty.objects.get_or_create(staff=staff)
    behind = LiveCodeStaff.objects.filter(staff=staff)
    look_again(set(behind.values_list("live_code_id", flat=True)))


def is_online(staff: Staff) -> bool:
    return not OffDuty.objects.filter(staff=staff).exists()
