"""How does this business want its customers' records shown and watched? One row a tenant."""

from datetime import timedelta

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from tenants.models import Staff
from tenants.scope import TenantModel

_A_WHILE = [MinValueValidator(1), MaxValueValidator(3650)]


class ContactSettings(TenantModel):
    """A tenant without a row has the defaults."""

    class SalesSee(models.TextChoices):
        OWN = "own", _("their own customers")
        TEAM = "team", _("their team's customers")

    class Remind(models.TextChoices):
        NOBODY = "nobody", _("nobody")
        STAFF = "staff", _("the member of staff who lost them")
        OWNER = "owner", _("the customer's owner")
        BOTH = "both", _("both")

    class When(models.TextChoices):
        INSTANT = "instant", _("at once")
        DIGEST = "digest", _("in one message at 08:00")

    sales_see = models.CharField(
        _("sales see"), max_length=4, choices=SalesSee.choices, default=SalesSee.OWN
    )
    remind = models.CharField(
        _("whom to tell of a lost customer"), max_length=6, choices=Remind.choices,
        default=Remind.STAFF,
    )  # fmt: skip
    remind_when = models.CharField(
        _("when to tell"), max_length=7, choices=When.choices, default=When.DIGEST
    )
    remind_only_customer = models.BooleanField(_("only if the customer ended it"), default=True)
    # Key of the stage from which on a loss is worth telling; empty: any.
    remind_from_stage = models.CharField(
        _("only from this stage on"), max_length=40, blank=True, default=""
    )
    remind_min_score = models.FloatField(_("or with a score of at least"), null=True, blank=True)
    # Who owns the traffic (ownership levels L2 and L3): how far back words and orders count.
    interacting_days = models.PositiveSmallIntegerField(
        _("days that a sign of life counts"), default=30, db_default=30, validators=_A_WHILE
    )
    owned_days = models.PositiveSmallIntegerField(
        _("days that an order counts"), default=365, db_default=365, validators=_A_WHILE
    )

    class Meta(TenantModel.Meta):
        verbose_name = _("settings of customers")
        verbose_name_plural = _("settings of customers")
        constraints = [models.UniqueConstraint(fields=["tenant"], name="one_contact_settings")]

    @classmethod
    def of_tenant(cls) -> "ContactSettings":
        """Inside a scope: the stored settings, or the defaults."""
        return cls.objects.first() or cls()

    @property
    def interacting(self) -> timedelta:
        return timedelta(days=self.interacting_days)

    @property
    def owned(self) -> timedelta:
        return timedelta(days=self.owned_days)


def staff_seen_by(staff_id: int) -> list[int]:
    """Whose customers a salesperson sees: their own, or all of their team if the tenant says so."""
    if ContactSettings.of_tenant().sales_see != ContactSettings.SalesSee.TEAM:
        return [staff_id]
    team = Staff.objects.filter(pk=staff_id).exclude(team=None).values("team_id")
    return sorted({staff_id, *Staff.objects.filter(team_id__in=team).values_list("id", flat=True)})
