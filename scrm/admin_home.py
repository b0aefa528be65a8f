"""What needs an operator's eye today? A few figures, each one range of an index."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from contacts import loss_notices
from contacts.models import Contact, Drift, Event, FollowLoss, Import, LiveCode
from journeys import risk
from journeys.models import Lead, StaffTask, Touch
from tenants.models import User, WebhookEndpoint, WeChatAccount
from tenants.roles import Can

_TOLD = {"touch.sent", "touch.delivered", "touch.skipped", "touch.failed"}


@dataclass(frozen=True)
class Card:
    """One figure. `tone` is good, warn, bad or plain; `parts` say more in small."""

    title: str
    value: int
    link: str
    icon: str
    tone: str = "plain"
    parts: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True)
class Group:
    title: str
    cards: list[Card]


def groups(user: User) -> list[Group]:
    """The cards that this member may see."""
    if not user.can(Can.READ):
        return []
    midnight = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
    return [
        Group(_("Customers"), _customers(midnight)),
        Group(_("Messages today"), _touches(midnight)),
        Group(_("To look after"), list(_troubles(user))),
    ]


def _customers(midnight: datetime) -> list[Card]:
    contacts = reverse("admin:contacts_contact_changelist")
    week = midnight - timedelta(days=6)
    acquired = Contact.objects.filter(acquired_at__gte=week).aggregate(
        week=Count("id"), today=Count("id", filter=Q(acquired_at__gte=midnight))
    )
    leads = dict(
        Lead.objects.filter(state__in=[Lead.State.OPEN, Lead.State.CLAIMED])
        .values_list("state")
        .annotate(Count("id"))
    )
    return [
        Card(_("New contacts today"), acquired["today"], contacts, "person_add"),
        Card(_("New contacts, 7 days"), acquired["week"], contacts, "group_add"),
        Card(
            _("Open leads"),
            leads.get(Lead.State.OPEN, 0),
            reverse("admin:journeys_lead_changelist") + "?state__exact=open",
            "local_fire_department",
            parts=((_("claimed"), leads.get(Lead.State.CLAIMED, 0)),),
        ),
        Card(
            _("Customers lost, 7 days"),
            FollowLoss.objects.filter(ended_at__gte=week).count(),
            reverse("admin:contacts_followloss_changelist"),
            "person_remove",
            parts=((_("not ticked off"), loss_notices.unseen().count()),),
        ),
    ]


def _touches(midnight: datetime) -> list[Card]:
    """What went out is read from the timeline's index, what is to come from that of due touches."""
    told = dict(
        Event.objects.filter(kind__in=_TOLD, at__gte=midnight)
        .values_list("kind")
        .annotate(Count("id"))
    )
    planned = Touch.objects.filter(
        state=Touch.State.PLANNED, held=False, due_at__lt=midnight + timedelta(days=1)
    ).count()
    open_ = dict(
        Touch.objects.filter(
            state__in=["claimed", "sending", "awaiting_staff", "unknown"], lease_until__isnull=False
        )
        .values_list("state")
        .annotate(Count("id"))
    )
    touches = reverse("admin:journeys_touch_changelist")
    failed = told.get("touch.failed", 0)
    return [
        Card(_("Planned for today"), planned, f"{touches}?state__exact=planned", "schedule"),
        Card(
            _("Awaiting staff"),
            open_.get("awaiting_staff", 0),
            f"{touches}?state__exact=awaiting_staff",
            "hourglass_top",
        ),
        Card(
            _("Sent"),
            told.get("touch.sent", 0),
            f"{touches}?state__exact=sent",
            "send",
            parts=((_("delivered"), told.get("touch.delivered", 0)),),
        ),
        Card(
            _("Skipped"),
            told.get("touch.skipped", 0),
            f"{touches}?state__exact=skipped",
            "block",
        ),
        Card(
            _("Failed"),
            failed,
            f"{touches}?state__exact=failed",
            "sms_failed",
            "bad" if failed else "plain",
            ((_("not known"), open_.get("unknown", 0)),),
        ),
    ]


def _troubles_at_wechat() -> Iterable[Card]:
    live = LiveCode.objects.exclude(status=LiveCode.Status.RETIRED)
    codes = live.exclude(problem="", warning="").count()
    yield Card(
        _("Live codes with a problem"),
        codes,
        reverse("admin:contacts_livecode_changelist"),
        "qr_code_2",
        "bad" if codes else "good",
    )
    accounts = WeChatAccount.objects.filter(active=True).exclude(problem="").count()
    yield Card(
        _("WeChat accounts with a problem"),
        accounts,
        reverse("admin:tenants_wechataccount_changelist"),
        "forum",
        "bad" if accounts else "good",
    )
    drifts = Drift.objects.filter(state=Drift.State.OPEN).count()
    yield Card(
        _("Differences from WeCom"),
        drifts,
        reverse("admin:contacts_drift_changelist") + "?state__exact=open",
        "difference",
        "warn" if drifts else "good",
    )
    risks = [each.tone for each in risk.of_staff()]
    at_limit, near = risks.count("bad"), risks.count("warn")
    yield Card(
        _("Members at risk of a restriction"),
        at_limit + near,
        reverse("admin:risk"),
        "shield",
        "bad" if at_limit else "warn" if near else "good",
    )


def _troubles(user: User) -> Iterable[Card]:
    yield from _troubles_at_wechat()
    now = timezone.now()
    # The index of open touches begins with this column.
    unknown = Touch.objects.filter(state=Touch.State.UNKNOWN, lease_until=None).count()
    yield Card(
        _("Messages with unknown outcome"),
        unknown,
        reverse("admin:journeys_touch_changelist") + "?state__exact=unknown",
        "help",
        "bad" if unknown else "good",
    )
    late = StaffTask.objects.filter(state=StaffTask.State.OPEN, due_at__lt=now).count()
    yield Card(
        _("Staff tasks overdue"),
        late,
        reverse("admin:journeys_stafftask_changelist") + "?state__exact=open",
        "task_alt",
        "warn" if late else "good",
    )
    if user.can(Can.MANAGE):
        yield from _webhooks()
    if user.can(Can.IMPORT):
        running = Import.objects.filter(
            status__in=[Import.Status.QUEUED, Import.Status.RUNNING]
        ).count()
        yield Card(
            _("Imports running"),
            running,
            reverse("admin:contacts_import_changelist"),
            "upload_file",
            "warn" if running else "plain",
        )


def _webhooks() -> Iterable[Card]:
    """Said only where there are any."""
    rows = list(WebhookEndpoint.objects.values_list("stopped_because", "failing_since"))
    stopped = sum(1 for because, _since in rows if because)
    failing = sum(1 for because, since in rows if since and not because)
    if rows:
        yield Card(
            _("Webhooks stopped or failing"),
            stopped + failing,
            reverse("admin:tenants_webhookendpoint_changelist"),
            "webhook",
            "bad" if stopped else "warn" if failing else "good",
        )
