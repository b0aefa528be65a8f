"""Which reports are due? A slot becomes a run with a delivery for each member and way, once.

Where no worker was there for a while only the newest slot is sent. What was paused or silenced has
no slots meanwhile.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta

from django.core.exceptions import ValidationError
from django.db.models import Min
from django.utils import timezone
from django.utils.translation import gettext as _

from analytics.models.sharing import (
    ReportDelivery,
    ReportRecipient,
    ReportRun,
    ReportSchedule,
    ReportView,
)
from analytics.periods import midnight
from analytics.sharing import mail, slots, telling
from tenants import doorbell
from tenants.models import Tenant

QUEUE = "reports"
Way = ReportDelivery.Way


def next_due() -> datetime | None:
    """Inside a scope."""
    active = ReportSchedule.objects.filter(active=True)
    due: datetime | None = active.aggregate(due=Min("next_at"))["due"]
    return due


def turn() -> None:
    """Inside a scope, by any number of workers: what is due by now becomes deliveries."""
    now = timezone.now()
    due = ReportSchedule.objects.filter(active=True, next_at__lte=now)
    for schedule in due.select_for_update(skip_locked=True).order_by("id"):
        slot = slots.newest(schedule, now, Tenant.current().tz)
        # Earlier than foreseen: the business moved to another time zone, and it is not time yet.
        if schedule.next_at is not None and slot >= schedule.next_at:
            _run(schedule, slot)
        plan(schedule)


def _run(schedule: ReportSchedule, slot: datetime, *, by_hand: bool = False) -> None:
    run, is_new = ReportRun.objects.get_or_create(
        schedule=schedule, slot=slot, defaults={"by_hand": by_hand}
    )
    if not is_new:
        return
    telling.tell(run)
    wanted = {Way.APP: schedule.by_app, Way.EMAIL: schedule.by_email}
    members = ReportRecipient.objects.filter(schedule=schedule).values_list("member_id", flat=True)
    ReportDelivery.objects.bulk_create(
        [
            ReportDelivery(run=run, member_id=member_id, way=way, due_at=timezone.now())
            for member_id in members
            for way in (way for way, is_wanted in wanted.items() if is_wanted)
        ]
    )


def plan(schedule: ReportSchedule) -> None:
    """When it is due next: after it was made or changed, and after each slot."""
    zone = Tenant.current().tz
    after = timezone.now()
    if schedule.snoozed_until is not None:
        # A slot at midnight of the first day that is not silent is one of that day.
        quiet = midnight(schedule.snoozed_until, zone) - timedelta(microseconds=1)
        after = max(after, quiet)
    schedule.next_at = slots.following(schedule, after, zone)
    ReportSchedule.objects.filter(pk=schedule.pk).update(next_at=schedule.next_at)
    doorbell.ring(QUEUE, schedule.next_at)


# --- what people do ---


def refuse(given: Mapping[str, object]) -> dict[str, str]:
    """What makes no sense in a schedule: field → why. Given are all its columns."""
    wrong = {}
    if not any(given.get(name) for name in ("by_app", "by_email", "by_webhook")):
        wrong["by_app"] = _("Choose at least one way.")
    if given.get("by_email") and not mail.is_set_up():
        wrong["by_email"] = _("This server sends no e-mail: see docs/operations.md.")
    if given.get("by_webhook") and given.get("active", True):  # switching it off needs nobody
        wrong |= _refuse_webhook(given)
    for name, (low, high) in {"weekday": (1, 7), "day": (1, 31), "hour": (0, 23)}.items():
        value = given.get(name, low)
        if not isinstance(value, int) or not low <= value <= high:
            wrong[name] = _("From %(low)s to %(high)s.") % {"low": low, "high": high}
    return wrong


def _refuse_webhook(given: Mapping[str, object]) -> dict[str, str]:
    view, problem = given.get("view"), telling.nobody_listens()
    if problem:
        return {"by_webhook": problem}
    if isinstance(view, ReportView) and not view.shared:
        return {"by_webhook": _("No API key opens a view that is only for its owner: share it.")}
    if given.get("attachment") == ReportSchedule.Attachment.NONE:
        return {"attachment": _("A webhook leads to a file: choose CSV or XLSX.")}
    return {}


def send_now(schedule: ReportSchedule) -> None:
    """Once more, at this moment, to all; also while it is paused or silent."""
    _run(schedule, timezone.now(), by_hand=True)
    doorbell.ring(QUEUE)


def send_again(delivery: ReportDelivery) -> None:
    """A person decides about what failed, or perhaps left. Raises ValidationError."""
    if delivery.way == Way.WEBHOOK:
        telling.again(delivery)
        return
    again = [ReportDelivery.State.FAILED, ReportDelivery.State.UNKNOWN]
    changed = ReportDelivery.objects.filter(pk=delivery.pk, state__in=again).update(
        state=ReportDelivery.State.WAITING, due_at=timezone.now(), lease_until=None,
        called_at=None, request=None, problem="",
    )  # fmt: skip
    if not changed:
        raise ValidationError(_("This is not possible now."))
    doorbell.ring(QUEUE)


def snooze(schedule: ReportSchedule, until: date | None) -> None:
    """Nothing is sent before `until`; None: from now on again. Raises ValidationError."""
    today = timezone.now().astimezone(Tenant.current().tz).date()
    if until is not None and not today < until <= today + timedelta(days=366):
        raise ValidationError({"until": _("Choose a day after today, within a year.")})
    schedule.snoozed_until = until
    ReportSchedule.objects.filter(pk=schedule.pk).update(snoozed_until=until)
    plan(schedule)
