"""Whom did we lose, who were they at that moment, and who was told of it?"""

from django.db import models
from django.utils.translation import gettext_lazy as _

from tenants.models import Staff
from tenants.scope import TenantForeignKey, TenantModel

from .livecodes import LiveCode
from .person import Contact, Follow
from .sources import Channel, SourceKind


class FollowLoss(TenantModel):
    """A spell of a Follow that the customer or the member of staff ended, as things stood then.

    Derived from spells and events (contacts/losses.py): an end that turns out to be none goes.
    """

    contact = TenantForeignKey(
        Contact, on_delete=models.CASCADE, related_name="+", verbose_name=_("contact")
    )
    staff = TenantForeignKey(
        Staff, on_delete=models.PROTECT, related_name="+", verbose_name=_("staff")
    )
    opened_at = models.DateTimeField(_("opened"))
    ended_at = models.DateTimeField(_("ended"))
    ended_by = models.CharField(_("ended by"), max_length=10, choices=Follow.EndedBy.choices)
    days_kept = models.PositiveIntegerField(_("days kept"))
    tags = models.JSONField(_("tags"), default=list)  # names, as worn then
    stage = models.CharField(_("stage"), max_length=40, blank=True)  # its key
    score = models.FloatField(_("score"), null=True)
    source = models.CharField(_("source"), max_length=10, choices=SourceKind.choices)
    channel = TenantForeignKey(
        Channel, on_delete=models.SET_NULL, null=True, related_name="+", verbose_name=_("channel")
    )
    live_code = TenantForeignKey(
        LiveCode, on_delete=models.SET_NULL, null=True, related_name="+",
        verbose_name=_("live code"),
    )  # fmt: skip

    class Meta(TenantModel.Meta):
        verbose_name = _("lost follow")
        verbose_name_plural = _("lost follows")
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "contact", "staff", "ended_at"], name="loss_once"
            )
        ]
        indexes = [
            models.Index(fields=["tenant", "-ended_at"], name="loss_ended"),
            models.Index(fields=["tenant", "staff", "-ended_at"], name="loss_staff"),
        ]

    def __str__(self) -> str:
        return f"{self.staff} ↔ {self.contact}"


class LossNotice(TenantModel):
    """A member of staff is told of a loss, once: on the desk, and by a message of our app.

    `message` is shared by the notices that one message tells of; `request` is that message as it
    was frozen before the first call, so that a repeat sends the same bytes.
    """

    class State(models.TextChoices):
        WAITING = "waiting", _("to be sent")
        SENDING = "sending", _("being sent")
        SENT = "sent", _("sent")
        DESK = "desk", _("on the desk only")
        FAILED = "failed", _("failed")
        UNKNOWN = "unknown", _("perhaps sent")

    contact = TenantForeignKey(Contact, on_delete=models.CASCADE, related_name="+")
    staff = TenantForeignKey(Staff, on_delete=models.PROTECT, related_name="+")
    ended_at = models.DateTimeField()
    recipient = TenantForeignKey(Staff, on_delete=models.PROTECT, related_name="+")
    due_at = models.DateTimeField()
    withdrawn = models.BooleanField(default=False)
    seen_at = models.DateTimeField(null=True)
    state = models.CharField(max_length=7, choices=State.choices, default=State.WAITING)
    message = models.UUIDField(null=True)
    request = models.JSONField(null=True)
    lease_until = models.DateTimeField(null=True)
    first_tried_at = models.DateTimeField(null=True)
    problem = models.CharField(max_length=100, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta(TenantModel.Meta):
        verbose_name = _("loss notice")
        verbose_name_plural = _("loss notices")
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "contact", "staff", "ended_at", "recipient"],
                name="loss_notice_once",
            )
        ]
        indexes = [
            models.Index(
                fields=["tenant", "recipient", "-due_at"],
                name="loss_notice_unseen",
                condition=models.Q(seen_at=None, withdrawn=False),
            ),
            models.Index(
                fields=["tenant", "due_at"],
                name="loss_notice_due",
                condition=models.Q(state__in=["waiting", "sending"]),
            ),
        ]
