"""The calls that a broadcast takes, what members confirm of them, what became of whom."""

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from contacts.models import Contact, Group
from tenants.models import Staff
from tenants.scope import TenantForeignKey, TenantModel

from .broadcasts import Broadcast


class BroadcastBatch(TenantModel):
    """One call to the platform: one member's customers or groups; of a moment all of it.

    Asked: the call was begun and its answer is not known. `due_at` is when to call next (or the end
    of the lease of whoever calls), `poll_at` the same for reading results: two queues.
    """

    class State(models.TextChoices):
        PLANNED = "planned", _("planned")
        ASKED = "asked", _("asked")
        PREPARING = "preparing", _("being prepared by WeCom")
        WAITING = "waiting", _("waiting for staff")
        DONE = "done", _("finished")
        FAILED = "failed", _("failed")
        CANCELLED = "cancelled", _("cancelled")

    broadcast = TenantForeignKey(
        Broadcast, on_delete=models.CASCADE, related_name="+", verbose_name=_("broadcast")
    )
    staff = TenantForeignKey(
        Staff, on_delete=models.PROTECT, null=True, related_name="+", verbose_name=_("staff")
    )
    state = models.CharField(
        _("status"), max_length=9, choices=State.choices, default=State.PLANNED
    )
    size = models.PositiveIntegerField(_("recipients"), default=0)
    # What it says where that is not the text of the broadcast; frozen before the call.
    words = models.TextField(blank=True, default="", db_default="")
    provider_id = models.CharField(max_length=120, blank=True)  # msgid or moment_id
    job_id = models.CharField(max_length=120, blank=True)  # of a moment, until it has its id
    errcode = models.IntegerField(_("error code"), null=True)
    problem = models.CharField(_("problem"), max_length=300, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)  # failures in a row
    lost = models.PositiveSmallIntegerField(default=0)  # calls that turned out not to have arrived
    asked_at = models.DateTimeField(_("asked"), null=True)
    accepted_at = models.DateTimeField(_("taken by WeCom"), null=True)
    wants_reminder = models.BooleanField(default=False)
    wants_cancel = models.BooleanField(default=False)
    due_at = models.DateTimeField(null=True)
    poll_at = models.DateTimeField(null=True)
    polled_at = models.DateTimeField(_("results as of"), null=True)
    poll_attempts = models.PositiveSmallIntegerField(default=0)

    class Meta(TenantModel.Meta):
        verbose_name = _("call of a broadcast")
        verbose_name_plural = _("calls of broadcasts")
        indexes = [
            models.Index(fields=["tenant", "broadcast", "state"], name="broadcast_batch_state"),
            models.Index(
                fields=["tenant", "due_at"],
                name="broadcast_batch_due",
                condition=~models.Q(due_at=None),
            ),
            models.Index(
                fields=["tenant", "poll_at"],
                name="broadcast_batch_poll",
                condition=~models.Q(poll_at=None),
            ),
            models.Index(
                fields=["tenant", "provider_id"],
                name="broadcast_batch_provider",
                condition=~models.Q(provider_id=""),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.broadcast} · {self.staff or self.pk}"


class BroadcastShare(TenantModel):
    """What one member has to confirm of a batch. `cursor` is where reading its results goes on.

    Of a moment: how many customers see it, liked and commented on it. Of a message that was made at
    WeCom `size` is how many recipients it told of, once that was read.
    """

    class State(models.TextChoices):
        WAITING = "waiting", _("not confirmed yet")
        CONFIRMED = "confirmed", _("confirmed")
        DONE = "done", _("all results read")
        REFUSED = "refused", _("cannot send")

    batch = TenantForeignKey(BroadcastBatch, on_delete=models.CASCADE, related_name="+")
    staff = TenantForeignKey(
        Staff, on_delete=models.PROTECT, related_name="+", verbose_name=_("staff")
    )
    state = models.CharField(
        _("status"), max_length=9, choices=State.choices, default=State.WAITING
    )
    confirmed_at = models.DateTimeField(_("confirmed"), null=True)
    reading = models.BooleanField(default=False)
    cursor = models.CharField(max_length=500, blank=True)
    size = models.PositiveIntegerField(_("recipients"), null=True)
    seen_by = models.PositiveIntegerField(_("customers who see it"), default=0)
    likes = models.PositiveIntegerField(_("likes"), default=0)
    comments = models.PositiveIntegerField(_("comments"), default=0)

    class Meta(TenantModel.Meta):
        verbose_name = _("member's part of a broadcast")
        verbose_name_plural = _("members' parts of broadcasts")
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "batch", "staff"], name="broadcast_share_once"
            )
        ]

    def __str__(self) -> str:
        return str(self.staff)


class BroadcastRecipient(TenantModel):
    """One customer, or one group, of a broadcast. `target` is its id at the platform, frozen."""

    class State(models.TextChoices):
        PLANNED = "planned", _("planned")
        WAITING = "waiting", _("waiting for staff")
        DELIVERED = "delivered", _("delivered")
        NOT_A_FRIEND = "not_friend", _("no longer a friend")
        QUOTA = "quota", _("over WeCom's quota")
        NOT_SENT = "not_sent", _("not confirmed by the member")
        FAILED = "failed", _("failed")
        LEFT_OUT = "left_out", _("left out")
        CANCELLED = "cancelled", _("cancelled")

    broadcast = TenantForeignKey(
        Broadcast, on_delete=models.CASCADE, related_name="+", verbose_name=_("broadcast")
    )
    batch = TenantForeignKey(BroadcastBatch, on_delete=models.CASCADE, null=True, related_name="+")
    staff = TenantForeignKey(
        Staff, on_delete=models.PROTECT, related_name="+", verbose_name=_("staff")
    )
    contact = TenantForeignKey(
        Contact, on_delete=models.SET_NULL, null=True, related_name="+", verbose_name=_("contact")
    )
    group = TenantForeignKey(
        Group,
        on_delete=models.CASCADE,
        null=True,
        related_name="+",
        verbose_name=pgettext_lazy("of customers", "group"),
    )
    target = models.CharField(max_length=64, blank=True)
    state = models.CharField(
        _("status"), max_length=10, choices=State.choices, default=State.PLANNED
    )
    settled_at = models.DateTimeField(_("settled"), null=True)

    class Meta(TenantModel.Meta):
        verbose_name = _("recipient of a broadcast")
        verbose_name_plural = _("recipients of broadcasts")
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "broadcast", "contact"], name="broadcast_contact_once"
            ),
            models.UniqueConstraint(
                fields=["tenant", "broadcast", "group"], name="broadcast_group_once"
            ),
        ]
        indexes = [
            models.Index(fields=["tenant", "broadcast", "state", "id"], name="broadcast_to_state"),
            models.Index(fields=["tenant", "batch", "target"], name="broadcast_to_target"),
            models.Index(
                fields=["tenant", "contact"],
                name="broadcast_to_contact",
                condition=~models.Q(contact=None),
            ),
            models.Index(
                fields=["tenant", "settled_at"],
                name="broadcast_to_settled",
                condition=~models.Q(settled_at=None),
            ),
        ]

    def __str__(self) -> str:
        return str(self.contact or self.group or self.pk)


UNSETTLED = (BroadcastRecipient.State.PLANNED, BroadcastRecipient.State.WAITING)
