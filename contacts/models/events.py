"""What happened to contacts: append-only, and its own outbox."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from tenants.scope import TenantForeignKey, TenantModel

from .person import Contact


class Event(TenantModel):
    """Something that happened, at a time, to a contact. (source, key) makes it unique."""

    contact = TenantForeignKey(
        Contact, on_delete=models.CASCADE, related_name="+", verbose_name=_("contact")
    )
    kind = models.CharField(_("kind"), max_length=64)
    at = models.DateTimeField(_("time"))
    source = models.CharField(_("source"), max_length=20)  # api, import, wecom, link, journeys …
    key = models.CharField(max_length=120)
    properties = models.JSONField(_("properties"), default=dict)
    received_at = models.DateTimeField(_("received"), auto_now_add=True)
    handled_at = models.DateTimeField(null=True)
    # Why no listener could take it.
    problem = models.CharField(_("problem"), max_length=300, blank=True)

    class Meta(TenantModel.Meta):
        verbose_name = _("event")
        verbose_name_plural = _("events")
        constraints = [
            models.UniqueConstraint(fields=["tenant", "source", "key"], name="event_once")
        ]
        indexes = [
            models.Index(fields=["tenant", "contact", "-at", "-id"], name="event_timeline"),
            models.Index(fields=["tenant", "kind", "at", "contact"], name="event_kind"),
            models.Index(
                fields=["tenant", "id"], name="event_open", condition=models.Q(handled_at=None)
            ),
            # What files told of messages: few beside our own.
            models.Index(
                fields=["tenant", "at"],
                name="event_told",
                condition=models.Q(kind="touch.delivered")
                & ~models.Q(source__in=["touch", "broadcast"]),
            ),
            # Few, and asked for of each customer whose worth changes.
            models.Index(
                fields=["tenant", "contact"],
                name="event_reward",
                condition=models.Q(kind="reward.paid"),
            ),
        ]

    def __str__(self) -> str:
        return self.kind


class Welcome(TenantModel):
    """A welcome message owed to a new friend: its code lives 20 s and works once."""

    class State(models.TextChoices):
        DUE = "due", _("due")
        SENDING = "sending", _("sending")
        SENT = "sent", _("sent")
        SPOKEN = "spoken", _("conversation had begun")  # 41051
        EXPIRED = "expired", _("too late")
        FAILED = "failed", _("failed")
        UNKNOWN = "unknown", _("not known")
        NO_CODE = "no_code", _("the platform gave no code")

    follow = TenantForeignKey("contacts.Follow", on_delete=models.CASCADE, related_name="+")
    account = TenantForeignKey("tenants.WeChatAccount", on_delete=models.CASCADE, related_name="+")
    code = models.CharField(max_length=200)
    text = models.TextField()
    attachments = models.JSONField(default=list, blank=True)
    live_code = TenantForeignKey(
        "contacts.LiveCode", on_delete=models.SET_NULL, null=True, related_name="+"
    )
    received_at = models.DateTimeField(null=True)  # the callback with the code
    expires_at = models.DateTimeField()
    state = models.CharField(_("state"), max_length=8, choices=State.choices, default=State.DUE)
    lease_until = models.DateTimeField(null=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    errcode = models.IntegerField(null=True)
    problem = models.CharField(_("problem"), max_length=300, blank=True)
    sent_at = models.DateTimeField(_("sent"), null=True)

    class Meta(TenantModel.Meta):
        verbose_name = _("welcome message")
        verbose_name_plural = _("welcome messages")
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "account", "code"],
                condition=~models.Q(code=""),
                name="welcome_code_once",
            )
        ]
        indexes = [
            models.Index(
                fields=["tenant", "expires_at"],
                name="welcome_open",
                condition=models.Q(state__in=["due", "sending"]),
            ),
            models.Index(fields=["tenant", "follow"], name="welcome_follow"),
            models.Index(
                fields=["tenant", "live_code", "state"],
                name="welcome_live_code",
                condition=~models.Q(live_code=None),
            ),
        ]
