"""Where customers come from: public channels and their costs."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from tenants.ids import new_code
from tenants.scope import TenantForeignKey, TenantModel, current_tenant_id


class SourceKind(models.TextChoices):
    LIVE_CODE = "live_code", _("live code")
    REFERRAL = "referral", _("referral")
    IMPORT = "import", _("import")
    API = "api", "API"
    PLATFORM = "platform", _("platform")  # added on WeCom without a live code of ours
    MANUAL = "manual", _("by hand")


class Channel(TenantModel):
    """Where contacts come from: platform × placement.

    Mostly public; private is what the business owns already, and leads from there.
    """

    class Kind(models.TextChoices):
        PUBLIC = "public", _("public domain")
        PRIVATE = "private", _("private domain")

    name = models.CharField(_("name"), max_length=100)
    platform = models.CharField(_("platform"), max_length=60, blank=True)
    placement = models.CharField(_("placement"), max_length=100, blank=True)
    kind = models.CharField(
        _("kind"), max_length=7, choices=Kind.choices, default=Kind.PUBLIC, db_default=Kind.PUBLIC
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta(TenantModel.Meta):
        verbose_name = _("channel")
        verbose_name_plural = _("channels")
        constraints = [models.UniqueConstraint(fields=["tenant", "name"], name="channel_name")]

    def __str__(self) -> str:
        return self.name


class Cost(TenantModel):
    """Money spent on a channel on a day; the day is of the tenant's zone."""

    class Kind(models.TextChoices):
        AD = "ad", _("advertising")
        BAIT = "bait", _("bait")
        STAFF = "staff", _("staff")
        AGENCY = "agency", _("agency")
        COUPON = "coupon", _("coupon")
        OTHER = "other", _("other")

    cost_id = models.CharField(_("cost id"), max_length=64, null=True, blank=True)
    date = models.DateField(_("date"))
    channel = TenantForeignKey(
        Channel,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("channel"),
    )
    kind = models.CharField(_("kind"), max_length=6, choices=Kind.choices)
    amount_fen = models.BigIntegerField(_("amount (fen)"))

    class Meta(TenantModel.Meta):
        verbose_name = _("cost")
        verbose_name_plural = _("costs")
        constraints = [
            models.UniqueConstraint(fields=["tenant", "cost_id"], name="cost_id_once"),
            models.UniqueConstraint(
                fields=["tenant", "date", "channel", "kind"],
                condition=models.Q(cost_id=None),
                nulls_distinct=False,
                name="cost_of_day",
            ),
            models.CheckConstraint(condition=models.Q(amount_fen__gte=0), name="cost_not_negative"),
        ]
        indexes = [models.Index(fields=["tenant", "date"], name="cost_date")]

    def __str__(self) -> str:
        return f"{self.date} · {self.get_kind_display()}"


def state_of_scope() -> str:
    """A new value for the platform's `state` (at most 30 characters)."""
    return "lc" + new_code(current_tenant_id(), bits=40)
