"""Where customers come from: public channels, their costs, and live codes."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from tenants.ids import new_code
from tenants.models import Staff, WeChatAccount
from tenants.scope import TenantForeignKey, TenantModel, current_tenant_id

from .tags import Tag


class SourceKind(models.TextChoices):
    LIVE_CODE = "live_code", _("live code")
    REFERRAL = "referral", _("referral")
    IMPORT = "import", _("import")
    API = "api", "API"
    PLATFORM = "platform", _("platform")  # added on WeCom without a live code of ours
    MANUAL = "manual", _("by hand")


class Channel(TenantModel):
    """A public-domain origin: platform × placement."""

    name = models.CharField(_("name"), max_length=100)
    platform = models.CharField(_("platform"), max_length=60, blank=True)
    placement = models.CharField(_("placement"), max_length=100, blank=True)
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


class LiveCode(TenantModel):
    """One QR whose staff behind it may change; carries source, tags and the welcome message.

    The platform side (`config_id`, `qr_url`) is made by a worker: see livecodes.py.
    """

    class Status(models.TextChoices):
        PENDING = "pending", _("being made")
        ACTIVE = "active", _("active")
        FAILED = "failed", _("failed")
        RETIRED = "retired", _("retired")

    name = models.CharField(_("name"), max_length=100)
    account = TenantForeignKey(
        WeChatAccount, on_delete=models.PROTECT, related_name="+", verbose_name=_("WeChat account")
    )
    channel = TenantForeignKey(
        Channel,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("channel"),
    )
    staff = models.ManyToManyField(
        Staff, through="LiveCodeStaff", related_name="+", verbose_name=_("staff")
    )
    tags = models.ManyToManyField(
        Tag, through="LiveCodeTag", related_name="+", verbose_name=_("tags"), blank=True
    )
    welcome_text = models.TextField(_("welcome message"), max_length=1300, blank=True)
    skip_verify = models.BooleanField(_("add without approval"), default=True)
    state = models.CharField(max_length=30, default=state_of_scope, editable=False)
    config_id = models.CharField(max_length=64, blank=True, editable=False)
    qr_url = models.CharField(_("QR code"), max_length=500, blank=True, editable=False)
    status = models.CharField(
        _("status"), max_length=8, choices=Status.choices, default=Status.PENDING, editable=False
    )
    problem = models.CharField(_("problem"), max_length=300, blank=True, editable=False)
    due_at = models.DateTimeField(
        null=True, auto_now_add=True, editable=False
    )  # next push to the platform
    attempts = models.PositiveSmallIntegerField(default=0, editable=False)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta(TenantModel.Meta):
        verbose_name = _("live code")
        verbose_name_plural = _("live codes")
        constraints = [models.UniqueConstraint(fields=["tenant", "state"], name="live_code_state")]
        indexes = [
            models.Index(
                fields=["tenant", "due_at"], name="live_code_due", condition=~models.Q(due_at=None)
            )
        ]

    def __str__(self) -> str:
        return self.name


class LiveCodeStaff(TenantModel):
    live_code = TenantForeignKey(LiveCode, on_delete=models.CASCADE, related_name="+")
    staff = TenantForeignKey(
        Staff, on_delete=models.CASCADE, related_name="+", verbose_name=_("staff")
    )

    class Meta(TenantModel.Meta):
        verbose_name = _("staff of the live code")
        verbose_name_plural = _("staff of the live code")
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "live_code", "staff"], name="live_code_staff_once"
            )
        ]


class LiveCodeTag(TenantModel):
    live_code = TenantForeignKey(LiveCode, on_delete=models.CASCADE, related_name="+")
    tag = TenantForeignKey(Tag, on_delete=models.CASCADE, related_name="+", verbose_name=_("tag"))

    class Meta(TenantModel.Meta):
        verbose_name = _("tag of the live code")
        verbose_name_plural = _("tags of the live code")
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "live_code", "tag"], name="live_code_tag_once"
            )
        ]
