"""What does the business aim at, and who works for it? What people set; facts are in models.py."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from tenants.models import Staff, Team
from tenants.scope import TenantForeignKey, TenantModel


class Kpi(models.TextChoices):
    """Every figure of the scorecard; the values are the keys of `reports/kpis`."""

    NEW_CONTACTS = "new_contacts", _("New contacts")
    DELETES = "deletes", _("Deletes")
    DELETE_RATE = "delete_rate", _("Delete rate")
    INTERACTION_RATE = "interaction_rate", _("Interaction rate")
    TAG_COVERAGE = "tag_coverage", _("Tag coverage")
    NEW_CUSTOMERS = "new_customers", _("New customers")
    ORDERS = "orders", _("Orders")
    REVENUE = "revenue", _("Revenue")
    AOV = "aov", _("Average order value")
    REPEAT_RATE = "repeat_rate", _("Repeat rate")
    REFERRAL_RATE = "referral_rate", _("Referral rate")
    REVENUE_PER_HEAD = "revenue_per_head", _("Revenue per head")
    CONTACTS_PER_HEAD = "contacts_per_head", _("New contacts per head")
    TRUST_MIX = "trust_mix", _("Trust mix")
    ACTIVITY = "activity", _("Activity")
    SATISFACTION = "satisfaction", _("Satisfaction")


class Purpose(models.TextChoices):
    GMV = "gmv", _("Sales (GMV)")
    WARMTH = "warmth", _("Warmth")


class KpiSettings(TenantModel):
    """A tenant without a row has the defaults."""

    purpose = models.CharField(
        _("purpose"), max_length=6, choices=Purpose.choices, default=Purpose.GMV
    )
    day_zero = models.DateField(_("first day of work"), null=True, blank=True)
    trust_floor = models.PositiveSmallIntegerField(_("least trust mix (%)"), default=50)

    class Meta(TenantModel.Meta):
        verbose_name = _("settings of the scorecard")
        verbose_name_plural = _("settings of the scorecard")
        constraints = [
            models.UniqueConstraint(fields=["tenant"], name="one_kpi_settings"),
            models.CheckConstraint(condition=Q(trust_floor__lte=100), name="trust_floor_percent"),
        ]

    @classmethod
    def of_tenant(cls) -> "KpiSettings":
        """Inside a scope: the stored settings, or the defaults."""
        return cls.objects.first() or cls()


class Headcount(TenantModel):
    """Who works for the tenant from a month on, until the next row: FIGURES R36."""

    month = models.DateField(_("from the month"))  # its first day
    fte = models.DecimalField(_("staff in full-time equivalents"), max_digits=8, decimal_places=2)
    pay_fen = models.BigIntegerField(_("average pay a month (fen)"), null=True, blank=True)

    class Meta(TenantModel.Meta):
        verbose_name = _("headcount")
        verbose_name_plural = _("headcounts")
        constraints = [
            models.UniqueConstraint(fields=["tenant", "month"], name="headcount_of_month"),
            models.CheckConstraint(
                condition=Q(fte__gte=0) & (Q(pay_fen=None) | Q(pay_fen__gt=0)),
                name="headcount_sizes",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.month:%Y-%m}"


class Target(TenantModel):
    """What a figure should be in a month: of the tenant, or of one team, or of one person.

    `value` is in units of the currency, heads, or a share of 1, as the figure is.
    """

    metric = models.CharField(_("figure"), max_length=20, choices=Kpi.choices)
    month = models.DateField(_("month"))  # its first day
    team = TenantForeignKey(
        Team, on_delete=models.CASCADE, null=True, blank=True, related_name="+",
        verbose_name=_("team"),
    )  # fmt: skip
    staff = TenantForeignKey(
        Staff, on_delete=models.CASCADE, null=True, blank=True, related_name="+",
        verbose_name=_("staff"),
    )  # fmt: skip
    value = models.DecimalField(_("aim"), max_digits=18, decimal_places=6)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    updated_at = models.DateTimeField(_("updated"), auto_now=True)

    class Meta(TenantModel.Meta):
        verbose_name = pgettext_lazy("of a figure", "target")
        verbose_name_plural = _("targets")
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "month", "metric", "team", "staff"],
                nulls_distinct=False,
                name="target_once",
            ),
            models.CheckConstraint(
                condition=Q(value__gte=0) & (Q(team=None) | Q(staff=None)), name="target_sound"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_metric_display()} · {self.month:%Y-%m}"
