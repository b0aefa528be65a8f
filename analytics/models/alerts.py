"""Who wants to hear of which figure, and what was said? Rules, alerts, and the notes about them."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from analytics.models.goals import Kpi
from tenants.models import Staff, User
from tenants.scope import TenantForeignKey, TenantModel


class AlertRule(TenantModel):
    """Watches one figure of the whole business, day by day.

    `checked_through` is the last day that it was held against; nothing earlier is looked at.
    """

    class Kind(models.TextChoices):
        OFF = "off", _("an off day")
        PACE = "pace", _("behind the target")
        FLOOR = "floor", _("under the floor")

    class Direction(models.TextChoices):
        ANY = "any", _("high or low")
        LOW = "low", _("low only")
        HIGH = "high", _("high only")

    metric = models.CharField(_("figure"), max_length=20, choices=Kpi.choices)
    kind = models.CharField(_("what for"), max_length=5, choices=Kind.choices, default=Kind.OFF)
    direction = models.CharField(
        _("off days that are"), max_length=4, choices=Direction.choices, default=Direction.ANY
    )
    pace_below = models.PositiveSmallIntegerField(_("pace below (%)"), default=90)
    active = models.BooleanField(_("active"), default=True)
    snoozed_until = models.DateField(_("silent until"), null=True, blank=True)
    checked_through = models.DateField(null=True, editable=False)
    recipients = models.ManyToManyField(
        Staff, through="AlertRecipient", related_name="+", verbose_name=_("who is told")
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta(TenantModel.Meta):
        verbose_name = _("alert rule")
        verbose_name_plural = _("alert rules")
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "metric", "kind", "direction"], name="alert_rule_once"
            ),
            models.CheckConstraint(
                condition=Q(pace_below__gte=1) & Q(pace_below__lte=200), name="alert_pace_percent"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_metric_display()} · {self.get_kind_display()}"


class AlertRecipient(TenantModel):
    """A member of staff whom a rule tells."""

    rule = TenantForeignKey(AlertRule, on_delete=models.CASCADE, related_name="told")
    staff = TenantForeignKey(
        Staff, on_delete=models.CASCADE, related_name="+", verbose_name=_("staff")
    )

    class Meta(TenantModel.Meta):
        verbose_name = _("who is told")
        verbose_name_plural = _("who is told")
        constraints = [
            models.UniqueConstraint(fields=["tenant", "rule", "staff"], name="alert_recipient_once")
        ]

    def __str__(self) -> str:
        return str(self.staff)


class Alert(TenantModel):
    """A rule found something on a day: at most once. Amounts as targets have them, not in fen."""

    class State(models.TextChoices):
        OPEN = "open", _("open")
        ACKNOWLEDGED = "acknowledged", _("acknowledged")

    rule = TenantForeignKey(
        AlertRule, on_delete=models.CASCADE, related_name="+", verbose_name=_("alert rule")
    )
    day = models.DateField(_("date"))
    metric = models.CharField(_("figure"), max_length=20, choices=Kpi.choices)
    kind = models.CharField(_("what for"), max_length=5, choices=AlertRule.Kind.choices)
    value = models.DecimalField(_("value"), max_digits=20, decimal_places=6)
    # The median of an off day; of a pace, what was to be reached by the end of the day; a floor.
    expected = models.DecimalField(_("expected"), max_digits=20, decimal_places=6)
    steps = models.JSONField(default=list)  # likely steps: keys of figures
    silent = models.BooleanField(_("told to nobody"), default=False)  # the rule was snoozed
    state = models.CharField(_("state"), max_length=12, choices=State.choices, default=State.OPEN)
    acknowledged_at = models.DateTimeField(_("acknowledged at"), null=True)
    acknowledged_by = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, related_name="+",
        verbose_name=_("acknowledged by"),
    )  # fmt: skip
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta(TenantModel.Meta):
        verbose_name = _("alert")
        verbose_name_plural = _("alerts")
        constraints = [models.UniqueConstraint(fields=["tenant", "rule", "day"], name="alert_once")]
        indexes = [models.Index(fields=["tenant", "-day", "-id"], name="alert_latest")]

    def __str__(self) -> str:
        return f"{self.get_metric_display()} · {self.day:%Y-%m-%d}"


class AlertNotice(TenantModel):
    """A member of staff is told of an alert once. `message` is shared by the notices that one
    message tells of; `request` is that message as it was frozen before the first call.
    """

    class State(models.TextChoices):
        WAITING = "waiting", _("to be sent")
        SENDING = "sending", _("being sent")
        SENT = "sent", _("sent")
        LIST = "list", _("in the list only")
        FAILED = "failed", _("failed")
        UNKNOWN = "unknown", _("perhaps sent")

    alert = TenantForeignKey(Alert, on_delete=models.CASCADE, related_name="notices")
    recipient = TenantForeignKey(Staff, on_delete=models.CASCADE, related_name="+")
    due_at = models.DateTimeField()
    state = models.CharField(max_length=7, choices=State.choices, default=State.WAITING)
    message = models.UUIDField(null=True)
    request = models.JSONField(null=True)
    lease_until = models.DateTimeField(null=True)
    first_tried_at = models.DateTimeField(null=True)
    problem = models.CharField(max_length=100, blank=True)

    class Meta(TenantModel.Meta):
        verbose_name = _("note about an alert")
        verbose_name_plural = _("notes about alerts")
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "alert", "recipient"], name="alert_notice_once"
            )
        ]
        indexes = [
            models.Index(
                fields=["tenant", "due_at"],
                name="alert_notice_due",
                condition=Q(state__in=["waiting", "sending"]),
            )
        ]
