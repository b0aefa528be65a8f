"""Contacts that are ripe for sales, and what sales did with them."""

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from contacts.models import Contact, Order
from tenants.models import Staff, User
from tenants.scope import TenantForeignKey, TenantManager, TenantModel, TenantQuerySet


class LeadQuerySet(TenantQuerySet["Lead"]):
    def active(self) -> "LeadQuerySet":
        return self.filter(state__in=[Lead.State.OPEN, Lead.State.CLAIMED])

    def visible_to(self, staff_id: int | None) -> "LeadQuerySet":
        """A salesperson sees the leads that wait and their own."""
        return self.filter(models.Q(state=Lead.State.OPEN) | models.Q(owner_id=staff_id))

    def open_queue(self) -> "LeadQuerySet":
        """Those that wait, the highest score first: the order of the index `lead_queue`."""
        return self.filter(state=Lead.State.OPEN).order_by("-key", "id")

    def queue(self, staff: Staff | None = None) -> "LeadQuerySet":
        """What a page shows: those that wait; for a staff member, those they work on as well."""
        if staff is None:
            return self.open_queue().select_related("contact")
        mine = models.Q(state=Lead.State.CLAIMED, owner=staff)
        rows = self.active().filter(models.Q(state=Lead.State.OPEN) | mine)
        return rows.select_related("contact", "owner").order_by("-key", "id")

    def worked_by(self, staff: Staff) -> "LeadQuerySet":
        """The claimed leads of a staff member: the next contact first, then the highest score."""
        rows = self.filter(state=Lead.State.CLAIMED, owner=staff).select_related("contact", "owner")
        return rows.order_by(models.F("next_at").asc(nulls_last=True), "-key", "id")

    def bought_since(self) -> "LeadQuerySet":
        """Those whose contact has paid since the lead began."""
        paid = Order.objects.filter(
            contact_id=models.OuterRef("contact_id"),
            paid=True,
            paid_at__gte=models.OuterRef("created_at"),
        )
        return self.filter(models.Exists(paid))


LeadManager = TenantManager.from_queryset(LeadQuerySet)


class Lead(TenantModel):
    """A contact worked in the queue. One open lead per contact."""

    class State(models.TextChoices):
        OPEN = "open", _("waiting")
        CLAIMED = "claimed", _("claimed")
        WON = "won", _("won")
        LOST = "lost", _("lost")
        INVALID = "invalid", _("invalid")

    contact = TenantForeignKey(
        Contact, on_delete=models.CASCADE, related_name="+", verbose_name=_("contact")
    )
    state = models.CharField(_("state"), max_length=7, choices=State.choices, default=State.OPEN)
    owner = TenantForeignKey(
        Staff,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("owner"),
    )
    key = models.FloatField(
        default=0.0, editable=False
    )  # of Score, kept in step while the lead is active
    score_at_start = models.FloatField(_("score at the start"), default=0.0)
    reason = models.CharField(_("reason"), max_length=200, blank=True)
    created_at = models.DateTimeField(_("since"), auto_now_add=True)
    claimed_at = models.DateTimeField(_("claimed"), null=True)
    closed_at = models.DateTimeField(_("closed"), null=True)
    next_at = models.DateTimeField(_("next contact"), null=True, blank=True)

    objects: ClassVar[LeadManager] = LeadManager()

    class Meta(TenantModel.Meta):
        verbose_name = _("lead")
        verbose_name_plural = _("leads")
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "contact"],
                condition=models.Q(state__in=["open", "claimed"]),
                name="one_open_lead",
            )
        ]
        indexes = [
            models.Index(fields=["tenant", "state", "owner"], name="lead_state"),
            models.Index(
                "tenant",
                models.F("key").desc(),
                "id",
                name="lead_queue",
                condition=models.Q(state="open"),
            ),
            models.Index(
                "tenant",
                models.F("key").desc(),
                "id",
                name="lead_active",
                condition=models.Q(state__in=["open", "claimed"]),
            ),
            models.Index(fields=["tenant", "contact", "-id"], name="lead_contact"),
        ]

    def __str__(self) -> str:
        return str(self.contact)


class FollowUp(TenantModel):
    """What a salesperson did about a lead."""

    class Kind(models.TextChoices):
        CALL = "call", _("call")
        CHAT = "chat", _("chat")
        VISIT = "visit", _("visit")
        NOTE = "note", _("note")

    lead = TenantForeignKey(Lead, on_delete=models.CASCADE, related_name="follow_ups")
    staff = TenantForeignKey(Staff, on_delete=models.SET_NULL, null=True, related_name="+")
    user = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, related_name="+", db_index=False
    )
    kind = models.CharField(_("kind"), max_length=5, choices=Kind.choices, default=Kind.NOTE)
    note = models.TextField(_("note"), max_length=2000)
    need_confirmed = models.BooleanField(_("need confirmed"), default=False)
    at = models.DateTimeField(_("time"))
    next_at = models.DateTimeField(_("next contact"), null=True, blank=True)

    class Meta(TenantModel.Meta):
        verbose_name = _("follow-up")
        verbose_name_plural = _("follow-ups")
        indexes = [models.Index(fields=["tenant", "lead", "-at"], name="follow_up_lead")]
