"""What is aimed at in which days, for whom, and by which scripts and broadcasts?"""

from __future__ import annotations

from datetime import date
from typing import Any

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from analytics.models.goals import Kpi
from campaigns.models import Broadcast
from contacts.models import Segment
from journeys.models import Sop
from tenants.models import Staff
from tenants.scope import TenantForeignKey, TenantModel


def keep_while_planned(collector: Any, field: Any, sub_objs: Any, using: str) -> None:
    """`on_delete` of a segment: without it the plan would speak of everybody."""
    # Read anew, as a whole: whoever says why (says_in_use) cannot ask the database any more.
    plans = Plan.objects.filter(pk__in=[one.pk for one in sub_objs])
    if plans:
        raise models.ProtectedError("A plan uses it.", set(plans))


class Plan(TenantModel):
    """A figure of the scorecard, what it should be, and the days of the tenant's zone in which.

    `target` is in units of the currency, heads, or a share of 1, as the figure is; null: not set
    yet. Its state follows from the days; only cancelling is stored. `occasion` names the holiday
    that it was made for, such as `double_11-2026`.
    """

    class Kind(models.TextChoices):
        NEW_CUSTOMER = "new_customer", _("new-customer plan")
        NINETY_DAYS = "ninety_days", _("90-day plan")
        HOLIDAY = "holiday", _("holiday")
        OWN = "own", pgettext_lazy("of a plan", "own")

    class State(models.TextChoices):
        PLANNED = "planned", pgettext_lazy("of a plan", "planned")
        RUNNING = "running", pgettext_lazy("of a plan", "running")
        OVER = "over", pgettext_lazy("of a plan", "over")
        CANCELLED = "cancelled", pgettext_lazy("of a plan", "cancelled")

    name = models.CharField(_("name"), max_length=100)
    kind = models.CharField(_("kind"), max_length=12, choices=Kind.choices, default=Kind.OWN)
    metric = models.CharField(_("figure"), max_length=20, choices=Kpi.choices)
    target = models.DecimalField(_("goal"), max_digits=18, decimal_places=6, null=True, blank=True)
    starts_on = models.DateField(_("first day"))
    ends_on = models.DateField(_("last day"))
    segment = TenantForeignKey(
        Segment,
        on_delete=keep_while_planned,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("segment or list"),
    )
    owner = TenantForeignKey(
        Staff,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("who answers for it"),
    )
    sops = models.ManyToManyField(
        Sop, through="PlanSop", related_name="+", verbose_name=_("SOPs"), blank=True
    )
    broadcasts = models.ManyToManyField(
        Broadcast,
        through="PlanBroadcast",
        related_name="+",
        verbose_name=_("broadcasts"),
        blank=True,
    )
    occasion = models.CharField(max_length=40, blank=True, default="", editable=False)
    notes = models.TextField(_("notes"), max_length=2000, blank=True)
    cancelled_at = models.DateTimeField(_("cancelled"), null=True, editable=False)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    updated_at = models.DateTimeField(_("changed"), auto_now=True)

    class Meta(TenantModel.Meta):
        verbose_name = _("plan")
        verbose_name_plural = _("plans")
        indexes = [models.Index(fields=["tenant", "starts_on"], name="plan_starts")]
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "occasion"], condition=~Q(occasion=""), name="plan_of_occasion"
            ),
            models.CheckConstraint(
                condition=Q(ends_on__gte=F("starts_on")) & (Q(target=None) | Q(target__gte=0)),
                name="plan_sound",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def days(self) -> int:
        return (self.ends_on - self.starts_on).days + 1

    def state(self, today: date) -> Plan.State:
        if self.cancelled_at is not None:
            return self.State.CANCELLED
        if today < self.starts_on:
            return self.State.PLANNED
        return self.State.OVER if today > self.ends_on else self.State.RUNNING

    @property
    def says_in_use(self) -> str:
        """To whoever deletes what it needs (tenants/rest/errors.py)."""
        return gettext("The plan “%(name)s” uses it.") % {"name": self.name}


def in_state(state: str, today: date) -> Q:
    """Plans that have this state on that day."""
    if state == Plan.State.CANCELLED:
        return ~Q(cancelled_at=None)
    days = {
        Plan.State.PLANNED: Q(starts_on__gt=today),
        Plan.State.RUNNING: Q(starts_on__lte=today, ends_on__gte=today),
        Plan.State.OVER: Q(ends_on__lt=today),
    }
    return Q(cancelled_at=None) & days[Plan.State(state)]


class PlanPhase(TenantModel):
    """Part of a plan's days with a figure of its own; day 1 is the plan's first day."""

    plan = TenantForeignKey(Plan, on_delete=models.CASCADE, related_name="phases")
    name = models.CharField(_("name"), max_length=60)
    first_day = models.PositiveSmallIntegerField(_("from day"))
    last_day = models.PositiveSmallIntegerField(_("through day"))
    metric = models.CharField(_("figure"), max_length=20, choices=Kpi.choices)
    target = models.DecimalField(_("goal"), max_digits=18, decimal_places=6, null=True, blank=True)

    class Meta(TenantModel.Meta):
        verbose_name = _("milestone")
        verbose_name_plural = _("milestones")
        ordering = ["first_day", "last_day", "id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(first_day__gte=1)
                & Q(last_day__gte=F("first_day"))
                & (Q(target=None) | Q(target__gte=0)),
                name="plan_phase_sound",
            )
        ]

    def __str__(self) -> str:
        return self.name


class PlanSop(TenantModel):
    """The script is part of the plan."""

    plan = TenantForeignKey(Plan, on_delete=models.CASCADE, related_name="+")
    sop = TenantForeignKey(Sop, on_delete=models.CASCADE, related_name="+")

    class Meta(TenantModel.Meta):
        constraints = [models.UniqueConstraint(fields=["tenant", "plan", "sop"], name="plan_sop")]


class PlanBroadcast(TenantModel):
    """The broadcast is part of the plan."""

    plan = TenantForeignKey(Plan, on_delete=models.CASCADE, related_name="+")
    broadcast = TenantForeignKey(Broadcast, on_delete=models.CASCADE, related_name="+")

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["tenant", "plan", "broadcast"], name="plan_broadcast")
        ]
