"""Live codes: who stands behind a QR at which hours, what it brings along, who came by it."""

from typing import Final

from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from tenants.models import Staff, WeChatAccount
from tenants.scope import TenantForeignKey, TenantModel

from .sources import Channel, state_of_scope
from .tags import Tag

MOST_WEIGHT = 100


class LiveCode(TenantModel):
    """One QR whose staff behind it may change; carries source, tags and the welcome message.

    The platform side (`config_id`, `qr_url`) is made and kept equal by a worker: contacts/livecodes
    """

    class Status(models.TextChoices):
        PENDING = "pending", _("being made")
        ACTIVE = "active", _("active")
        FAILED = "failed", _("failed")
        RETIRED = "retired", _("retired")

    PREFIX: Final = "lc"  # of `state`

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
    # As contacts/attachments.py stores them.
    welcome_attachments = models.JSONField(_("attachments"), default=list, blank=True)
    # Where there are free hours (LiveCodeFreeHours), this holds only within them.
    skip_verify = models.BooleanField(_("add without approval"), default=True)
    exclusive = models.BooleanField(_("same customer, same staff"), default=False)
    remark_template = models.CharField(_("remark for new friends"), max_length=100, blank=True)
    description_template = models.CharField(
        _("description for new friends"), max_length=300, blank=True
    )
    expires_at = models.DateTimeField(_("expires"), null=True, blank=True)
    # What a printed QR shows after the end; blank: the print leads straight to the platform.
    closed_message = models.CharField(_("message after the end"), max_length=500, blank=True)
    state = models.CharField(max_length=30, default=state_of_scope, editable=False)
    config_id = models.CharField(max_length=64, blank=True, editable=False)
    qr_url = models.CharField(_("QR code"), max_length=500, blank=True, editable=False)
    status = models.CharField(
        _("status"), max_length=8, choices=Status.choices, default=Status.PENDING, editable=False
    )
    problem = models.CharField(_("problem"), max_length=300, blank=True, editable=False)
    # Nobody is on duty as planned: who takes the customers instead, and why.
    warning = models.CharField(_("warning"), max_length=300, blank=True, editable=False)
    # The next moment at which the platform may have to change: now, an edge, or tonight's check.
    due_at = models.DateTimeField(null=True, auto_now_add=True, editable=False)
    attempts = models.PositiveSmallIntegerField(default=0, editable=False)
    # What the platform has, as far as we know; empty: not known.
    pushed = models.JSONField(default=dict, editable=False)
    checked_at = models.DateTimeField(null=True, editable=False)  # the last nightly comparison
    drift = models.CharField(_("repaired difference"), max_length=300, blank=True, editable=False)
    drift_at = models.DateTimeField(_("difference found"), null=True, editable=False)
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

    @property
    def public_code(self) -> str:
        """Of the page `/q/<code>`; tells the tenant."""
        return self.state.removeprefix(self.PREFIX)


class LiveCodeStaff(TenantModel):
    """One of the staff behind a code; without shifts (LiveCodeShift) at all hours."""

    live_code = TenantForeignKey(LiveCode, on_delete=models.CASCADE, related_name="+")
    staff = TenantForeignKey(
        Staff, on_delete=models.CASCADE, related_name="+", verbose_name=_("staff")
    )
    weight = models.PositiveSmallIntegerField(
        _("weight"),
        default=1,
        validators=[MinValueValidator(1), MaxValueValidator(MOST_WEIGHT)],
    )
    daily_cap = models.PositiveIntegerField(
        _("most a day"), null=True, blank=True, validators=[MinValueValidator(1)]
    )
    spare = models.BooleanField(_("spare"), default=False)
    was_active = models.BooleanField(default=True, editable=False)  # when the plan was last read

    class Meta(TenantModel.Meta):
        verbose_name = _("staff of the live code")
        verbose_name_plural = _("staff of the live code")
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "live_code", "staff"], name="live_code_staff_once"
            )
        ]

    def __str__(self) -> str:
        return str(self.staff)


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


class Hours(TenantModel):
    """Hours of some weekdays (1 Monday … 7 Sunday) in the tenant's zone.

    An end at or before the start lies on the next day: 22:00–06:00 of Monday ends on Tuesday, and
    00:00–00:00 is the whole day.
    """

    live_code = TenantForeignKey(LiveCode, on_delete=models.CASCADE, related_name="+")
    weekdays = ArrayField(models.PositiveSmallIntegerField(), verbose_name=_("weekdays"))
    starts = models.TimeField(_("from"))
    ends = models.TimeField(_("to"))

    class Meta(TenantModel.Meta):
        abstract = True

    def __str__(self) -> str:
        return f"{self.starts:%H:%M}–{self.ends:%H:%M}"


class LiveCodeShift(Hours):
    """When one of the staff behind the code takes customers."""

    staff = TenantForeignKey(
        Staff, on_delete=models.CASCADE, related_name="+", verbose_name=_("staff")
    )

    class Meta(TenantModel.Meta):
        verbose_name = _("shift")
        verbose_name_plural = _("shifts")


class LiveCodeFreeHours(Hours):
    """When customers are added without approval."""

    class Meta(TenantModel.Meta):
        verbose_name = _("hours without approval")
        verbose_name_plural = _("hours without approval")


class LiveCodeWelcome(Hours):
    """Another welcome message for these hours; of several that fit, the oldest row counts."""

    text = models.TextField(_("welcome message"), max_length=1300, blank=True)
    attachments = models.JSONField(_("attachments"), default=list, blank=True)

    class Meta(TenantModel.Meta):
        verbose_name = _("welcome at certain hours")
        verbose_name_plural = _("welcomes at certain hours")


class LiveCodeAdd(TenantModel):
    """Somebody came by a live code to a member: one row a spell of the friendship.

    Read out of `follow.opened` with the code's state. Without a contact: deleted, still counted.
    """

    live_code = TenantForeignKey(LiveCode, on_delete=models.CASCADE, related_name="+")
    staff = TenantForeignKey(Staff, on_delete=models.PROTECT, related_name="+")
    contact = TenantForeignKey(
        "contacts.Contact", on_delete=models.SET_NULL, null=True, related_name="+"
    )
    opened_at = models.DateTimeField()
    added_at = models.DateTimeField(null=True)  # null: asked, and not confirmed yet
    # They had, or had had, a member of this code before.
    returning = models.BooleanField(default=False)
    # The remark and description that the code's templates want at the platform.
    remark_due_at = models.DateTimeField(null=True)
    remark_attempts = models.PositiveSmallIntegerField(default=0)
    remark_problem = models.CharField(max_length=300, blank=True)

    class Meta(TenantModel.Meta):
        verbose_name = _("addition by a live code")
        verbose_name_plural = _("additions by live codes")
        indexes = [
            models.Index(fields=["tenant", "live_code", "opened_at"], name="live_code_add_day"),
            models.Index(
                fields=["tenant", "contact"],
                name="live_code_add_contact",
                condition=~models.Q(contact=None),
            ),
            models.Index(
                fields=["tenant", "remark_due_at"],
                name="live_code_add_remark",
                condition=~models.Q(remark_due_at=None),
            ),
        ]


class OffDuty(TenantModel):
    """This member takes no new customers by live codes until they switch themselves on again."""

    staff = TenantForeignKey(
        Staff, on_delete=models.CASCADE, related_name="+", verbose_name=_("staff")
    )
    since = models.DateTimeField(_("since"), auto_now_add=True)

    class Meta(TenantModel.Meta):
        verbose_name = _("member off duty")
        verbose_name_plural = _("members off duty")
        constraints = [models.UniqueConstraint(fields=["tenant", "staff"], name="off_duty_once")]

    def __str__(self) -> str:
        return str(self.staff)
