"""Which looks at figures are kept under a name, who gets them when, and what was sent?"""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from tenants.models import Membership, User
from tenants.scope import TenantForeignKey, TenantModel


class ReportView(TenantModel):
    """A dashboard as somebody looked at it. `query` holds the page's other parameters.

    Relative periods are of the day on which one looks; fixed days may be as of a moment.
    """

    class Period(models.TextChoices):
        FIXED = "fixed", _("these days")
        YESTERDAY = "yesterday", _("yesterday")
        LAST_7 = "last_7_days", _("last 7 days")
        LAST_30 = "last_30_days", _("last 30 days")
        LAST_90 = "last_90_days", _("last 90 days")
        THIS_WEEK = "this_week", _("this week")
        LAST_WEEK = "last_week", _("last week")
        THIS_MONTH = "this_month", _("this month")
        LAST_MONTH = "last_month", _("last month")
        LAST_12_MONTHS = "last_12_months", _("last 12 months")
        THIS_YEAR = "this_year", _("this year")

    name = models.CharField(pgettext_lazy("of a thing", "name"), max_length=100)
    page = models.CharField(_("dashboard"), max_length=40)
    period = models.CharField(_("period"), max_length=15, choices=Period.choices)
    start = models.DateField(_("from"), null=True, blank=True)
    through = models.DateField(_("through"), null=True, blank=True)
    as_of = models.DateTimeField(_("as of"), null=True, blank=True)
    query = models.JSONField(default=dict)
    shared = models.BooleanField(_("for everybody who may see figures"), default=True)
    owner = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, related_name="+", verbose_name=_("saved by")
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta(TenantModel.Meta):
        verbose_name = _("saved view")
        verbose_name_plural = _("saved views")
        constraints = [
            models.CheckConstraint(
                condition=Q(period="fixed", start__isnull=False, through__gte=models.F("start"))
                | (~Q(period="fixed") & Q(start=None, through=None, as_of=None)),
                name="report_view_period",
            )
        ]
        indexes = [models.Index(fields=["tenant", "name"], name="report_view_name")]

    def __str__(self) -> str:
        return self.name


class ReportSchedule(TenantModel):
    """A saved view that is sent. Hours are of the tenant's zone; `next_at` is the next slot."""

    class Every(models.TextChoices):
        DAY = "day", _("every day")
        WEEK = "week", _("every week")
        MONTH = "month", _("every month")

    class Weekday(models.IntegerChoices):
        MONDAY = 1, _("Monday")
        TUESDAY = 2, _("Tuesday")
        WEDNESDAY = 3, _("Wednesday")
        THURSDAY = 4, _("Thursday")
        FRIDAY = 5, _("Friday")
        SATURDAY = 6, _("Saturday")
        SUNDAY = 7, _("Sunday")

    class Attachment(models.TextChoices):
        NONE = "none", _("none")
        CSV = "csv", "CSV"
        XLSX = "xlsx", "XLSX"

    view = TenantForeignKey(
        ReportView, on_delete=models.PROTECT, related_name="schedules",
        verbose_name=_("saved view"),
    )  # fmt: skip
    every = models.CharField(_("how often"), max_length=5, choices=Every.choices, default=Every.DAY)
    weekday = models.PositiveSmallIntegerField(
        _("weekday"), choices=Weekday.choices, default=Weekday.MONDAY
    )
    day = models.PositiveSmallIntegerField(_("day of the month"), default=1)
    hour = models.PositiveSmallIntegerField(_("hour"), default=8)
    by_app = models.BooleanField(_("by a message of your WeCom app"), default=True)
    by_email = models.BooleanField(_("by e-mail"), default=False)
    by_webhook = models.BooleanField(
        _("by webhook"), default=False, db_default=False,
        help_text=_("Systems that are told of “report.due” get a link to the file; nobody has to "
                    "be chosen for that."),
    )  # fmt: skip
    attachment = models.CharField(
        _("file"), max_length=4, choices=Attachment.choices, default=Attachment.XLSX
    )
    active = models.BooleanField(_("active"), default=True)
    snoozed_until = models.DateField(_("silent until"), null=True, blank=True)
    next_at = models.DateTimeField(_("next"), null=True, editable=False)
    recipients = models.ManyToManyField(
        Membership, through="ReportRecipient", related_name="+", verbose_name=_("who gets it")
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta(TenantModel.Meta):
        verbose_name = _("scheduled report")
        verbose_name_plural = _("scheduled reports")
        constraints = [
            models.CheckConstraint(
                condition=Q(weekday__gte=1, weekday__lte=7, day__gte=1, day__lte=31, hour__lte=23),
                name="report_schedule_times",
            )
        ]
        indexes = [
            models.Index(fields=["tenant", "next_at"], name="report_due", condition=Q(active=True))
        ]

    def __str__(self) -> str:
        return f"{self.view} · {self.get_every_display()}"


class ReportRecipient(TenantModel):
    """A member who gets a scheduled report."""

    schedule = TenantForeignKey(ReportSchedule, on_delete=models.CASCADE, related_name="told")
    member = TenantForeignKey(
        Membership, on_delete=models.CASCADE, related_name="+", verbose_name=_("member")
    )

    class Meta(TenantModel.Meta):
        verbose_name = _("who gets it")
        verbose_name_plural = _("who gets it")
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "schedule", "member"], name="report_recipient_once"
            )
        ]

    def __str__(self) -> str:
        return str(self.member.user)


class ReportRun(TenantModel):
    """A slot of a schedule, which happens once however many workers there are."""

    schedule = TenantForeignKey(ReportSchedule, on_delete=models.CASCADE, related_name="runs")
    slot = models.DateTimeField(_("slot"))
    by_hand = models.BooleanField(default=False)

    class Meta(TenantModel.Meta):
        verbose_name = _("slot")
        verbose_name_plural = _("slots")
        constraints = [
            models.UniqueConstraint(fields=["tenant", "schedule", "slot"], name="report_run_once")
        ]

    def __str__(self) -> str:
        return f"{self.slot:%Y-%m-%d %H:%M}"


class ReportDelivery(TenantModel):
    """One report to one member by one way, once; by webhook to no member.

    `called_at`: when the provider was first asked; before it nothing can have left. `request` is
    the app message as it was frozen then. `attempts` tells a worker that lost its lease from the
    one that has it. `problem` is a code of ours (sharing/words.py) or what the provider said.
    """

    class Way(models.TextChoices):
        APP = "app", _("WeCom app")
        EMAIL = "email", pgettext_lazy("way", "e-mail")
        WEBHOOK = "webhook", _("webhook")

    class State(models.TextChoices):
        WAITING = "waiting", _("to be sent")
        SENDING = "sending", _("being sent")
        SENT = "sent", _("sent")
        SKIPPED = "skipped", _("left out")
        FAILED = "failed", _("failed")
        UNKNOWN = "unknown", _("perhaps sent")

    run = TenantForeignKey(
        ReportRun, on_delete=models.CASCADE, related_name="deliveries", verbose_name=_("slot")
    )
    member = TenantForeignKey(
        Membership, on_delete=models.CASCADE, null=True, related_name="+", verbose_name=_("member")
    )
    way = models.CharField(_("way"), max_length=7, choices=Way.choices)
    state = models.CharField(_("state"), max_length=7, choices=State.choices, default=State.WAITING)
    due_at = models.DateTimeField()
    attempts = models.PositiveSmallIntegerField(default=0)
    lease_until = models.DateTimeField(null=True)
    called_at = models.DateTimeField(null=True)
    request = models.JSONField(null=True)
    problem = models.CharField(max_length=200, blank=True)
    sent_at = models.DateTimeField(_("sent at"), null=True)

    class Meta(TenantModel.Meta):
        verbose_name = _("sent report")
        verbose_name_plural = _("sent reports")
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "run", "member", "way"], name="report_delivery_once",
                nulls_distinct=False,
            ),
            models.CheckConstraint(
                condition=Q(way="webhook", member=None) | (~Q(way="webhook") & ~Q(member=None)),
                name="report_delivery_to",
            ),
        ]  # fmt: skip
        indexes = [
            models.Index(
                fields=["tenant", "due_at"],
                name="report_delivery_due",
                condition=Q(state__in=["waiting", "sending"]),
            )
        ]

    def __str__(self) -> str:
        way = self.get_way_display()
        return f"{self.member.user} · {way}" if self.member is not None else way

    def settle(self, **columns: Any) -> None:
        """Only the worker whose attempt it is may say what became of it."""
        mine = ReportDelivery.objects.filter(
            pk=self.pk, attempts=self.attempts, state=self.State.SENDING
        )
        mine.update(**columns)
