"""Customers and groups on their way from one member of staff to others, through the platform."""

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from tenants.models import Staff, User, WeChatAccount
from tenants.scope import TenantForeignKey, TenantModel

from .groups import Group
from .person import Contact


class TransferBatch(TenantModel):
    """What one wish hands over: from one giver to one or more takers."""

    class Kind(models.TextChoices):
        ON_JOB = "on_job", _("from a member who stays")
        RESIGNED = "resigned", _("from a member who resigned")

    account = TenantForeignKey(
        WeChatAccount, on_delete=models.PROTECT, related_name="+", verbose_name=_("WeChat account")
    )
    giver = TenantForeignKey(
        Staff,
        on_delete=models.PROTECT,
        related_name="+",
        verbose_name=pgettext_lazy("of a transfer", "from"),
    )
    kind = models.CharField(_("kind"), max_length=8, choices=Kind.choices)
    message = models.CharField(_("message to the customers"), max_length=200, blank=True)
    # The rows are the queue: when to look next, and until when somebody is at it.
    due_at = models.DateTimeField(null=True)
    leased_until = models.DateTimeField(null=True)
    poll_at = models.DateTimeField(null=True)
    attempts = models.PositiveSmallIntegerField(default=0)  # failures in a row
    problem = models.CharField(_("problem"), max_length=300, blank=True)
    user = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, related_name="+", db_index=False
    )
    created_at = models.DateTimeField(_("asked for"), auto_now_add=True)
    finished_at = models.DateTimeField(_("finished"), null=True)

    class Meta(TenantModel.Meta):
        verbose_name = _("transfer")
        verbose_name_plural = _("transfers")
        indexes = [
            models.Index(
                fields=["tenant", "due_at"],
                name="transfer_due",
                condition=models.Q(finished_at=None),
            )
        ]

    def __str__(self) -> str:
        return f"{self.giver} · {self.get_kind_display()}"


class TransferItem(TenantModel):
    """One customer, or one group, of a transfer. `target` is its id at the platform, frozen.

    Asked: the call was begun and its answer is not known; waiting: the platform took it.
    """

    class State(models.TextChoices):
        PLANNED = "planned", _("planned")
        ASKED = "asked", _("asked")
        WAITING = "waiting", _("waiting for the customer, 24 hours")
        DONE = "done", _("handed over")
        REFUSED = "refused", _("refused by the customer")
        FULL = "full", _("the new member can take nobody more")
        TOO_OFTEN = "too_often", _("handed over too often")
        FAILED = "failed", _("failed")
        CANCELLED = "cancelled", _("cancelled")

    batch = TenantForeignKey(
        TransferBatch, on_delete=models.CASCADE, related_name="+", verbose_name=_("transfer")
    )
    contact = TenantForeignKey(
        Contact,
        on_delete=models.SET_NULL,
        null=True,
        related_name="+",
        verbose_name=_("contact"),
    )
    group = TenantForeignKey(
        Group,
        on_delete=models.CASCADE,
        null=True,
        related_name="+",
        verbose_name=pgettext_lazy("of customers", "group"),
    )
    taker = TenantForeignKey(
        Staff,
        on_delete=models.PROTECT,
        related_name="+",
        verbose_name=pgettext_lazy("of a transfer", "to"),
    )
    target = models.CharField(max_length=64, blank=True)
    state = models.CharField(
        _("status"), max_length=9, choices=State.choices, default=State.PLANNED
    )
    errcode = models.IntegerField(_("error code"), null=True)
    problem = models.CharField(_("problem"), max_length=300, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)  # calls whose answer was lost
    asked_at = models.DateTimeField(_("asked"), null=True)
    takes_effect_at = models.DateTimeField(_("takes effect"), null=True)
    settled_at = models.DateTimeField(_("settled"), null=True)

    class Meta(TenantModel.Meta):
        verbose_name = _("handed-over customer or group")
        verbose_name_plural = _("handed-over customers and groups")
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "batch", "contact"], name="transfer_contact_once"
            ),
            models.UniqueConstraint(
                fields=["tenant", "batch", "group"], name="transfer_group_once"
            ),
        ]
        indexes = [
            models.Index(fields=["tenant", "batch", "state", "id"], name="transfer_item_state"),
            models.Index(
                fields=["tenant", "contact"],
                name="transfer_item_contact",
                condition=~models.Q(contact=None),
            ),
        ]

    def __str__(self) -> str:
        return str(self.contact or self.group or self.pk)


UNSETTLED = (TransferItem.State.PLANNED, TransferItem.State.ASKED, TransferItem.State.WAITING)
