"""Contacts that are ripe for sales, and what sales did with them."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from contacts.models import Contact
from tenants.models import Staff, User
from tenants.scope import TenantForeignKey, TenantModel


class Lead(TenantModel):
    """A contact worked in the queue. One open lead per contact."""

    class State(models.TextChoices):
        OPEN = "open", _("waiting")
        CLAIMED = "claimed", _("claimed")
        WON = "won", _("won")
        LOST = "lost", _("lost")
        INVALID = "invalid", _("invalid")

    contact = TenantForeignKey(Contact, on_delete=models.CASCADE, related_name="+")
    state = models.CharField(_("state"), max_length=7, choices=State.choices, default=State.OPEN)
    owner = TenantForeignKey(Staff, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    score_at_start = models.FloatField(_("score at the start"), default=0.0)
    reason = models.CharField(_("reason"), max_length=200, blank=True)
    created_at = models.DateTimeField(_("since"), auto_now_add=True)
    claimed_at = models.DateTimeField(_("claimed"), null=True)
    closed_at = models.DateTimeField(_("closed"), null=True)
    next_at = models.DateTimeField(_("next contact"), null=True, blank=True)

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
            models.Index(fields=["tenant", "contact", "-id"], name="lead_contact"),
        ]


class FollowUp(TenantModel):
    """What a salesperson did about a lead."""

    class Kind(models.TextChoices):
        CALL = "call", _("call")
        CHAT = "chat", _("chat")
        VISIT = "visit", _("visit")
        NOTE = "note", _("note")

    lead = TenantForeignKey(Lead, on_delete=models.CASCADE, related_name="follow_ups")
    staff = TenantForeignKey(Staff, on_delete=models.SET_NULL, null=True, related_name="+")
    user = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+", db_index=False)
    kind = models.CharField(_("kind"), max_length=5, choices=Kind.choices, default=Kind.NOTE)
    note = models.TextField(_("note"), max_length=2000)
    need_confirmed = models.BooleanField(_("need confirmed"), default=False)
    at = models.DateTimeField(_("time"))
    next_at = models.DateTimeField(_("next contact"), null=True, blank=True)

    class Meta(TenantModel.Meta):
        verbose_name = _("follow-up")
        verbose_name_plural = _("follow-ups")
        indexes = [models.Index(fields=["tenant", "lead", "-at"], name="follow_up_lead")]
