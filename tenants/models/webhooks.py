"""Whom outside does the business tell what happens, and what became of each message?"""

from urllib.parse import urlsplit

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from tenants.fields import EncryptedField
from tenants.scope import TenantForeignKey, TenantModel

from .accounts import code_of_scope


class WebhookEndpoint(TenantModel):
    """An address that wants to hear of some types of events. `code` binds its secrets.

    `failing_since` is the first failure after the last success; the endpoint gets nothing before
    `resting_until`, so that one that is down costs few calls.
    """

    class Stopped(models.TextChoices):
        """Why we switched it off ourselves."""

        GONE = "gone", _("it answered 410: nobody is there any more")
        FAILING = "failing", _("it failed for three days")

    url = models.CharField(_("address"), max_length=500)
    description = models.CharField(_("description"), max_length=200, blank=True, default="")
    types = ArrayField(
        models.CharField(max_length=40), verbose_name=pgettext_lazy("of webhooks", "events")
    )
    enabled = models.BooleanField(_("switched on"), default=True)
    code = models.CharField(max_length=64, default=code_of_scope, editable=False)
    secret = EncryptedField(_("secret"), editable=False)
    previous_secret = EncryptedField(blank=True, default="", editable=False)
    previous_until = models.DateTimeField(_("old secret signs until"), null=True, editable=False)
    stopped_because = models.CharField(
        _("stopped because"), max_length=10, choices=Stopped.choices, blank=True, default="",
        editable=False,
    )  # fmt: skip
    stopped_at = models.DateTimeField(_("stopped at"), null=True, editable=False)
    failing_since = models.DateTimeField(_("failing since"), null=True, editable=False)
    failures = models.PositiveIntegerField(default=0, editable=False)  # since then
    resting_until = models.DateTimeField(null=True, editable=False)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta(TenantModel.Meta):
        verbose_name = _("webhook")
        verbose_name_plural = _("webhooks")

    def __str__(self) -> str:
        # Not the whole address: it may be a secret, and the audit log keeps what this says.
        return self.description or urlsplit(self.url).hostname or "–"


class WebhookDelivery(TenantModel):
    """One event for one endpoint. The body is frozen and holds ids, a type and times only."""

    class State(models.TextChoices):
        WAITING = "waiting", pgettext_lazy("of a delivery", "waiting")
        SENDING = "sending", _("being sent")
        DELIVERED = "delivered", _("delivered")
        FAILED = "failed", pgettext_lazy("of a delivery", "given up")

    class Problem(models.TextChoices):
        STATUS = "status", _("the answer was no 2xx")
        REDIRECT = "redirect", _("it redirects, which is not followed")
        GONE = "gone", _("it answered 410: nobody is there any more")
        TIMEOUT = "timeout", _("no answer in time")
        CONNECTION = "connection", _("no connection")
        NAME = "name", _("the host is not known")
        TLS = "tls", _("the certificate is not trusted")
        FORBIDDEN = "forbidden", _("the address is not a public one")

    OPEN = (State.WAITING, State.SENDING)

    endpoint = TenantForeignKey(
        WebhookEndpoint, on_delete=models.CASCADE, related_name="+", verbose_name=_("webhook")
    )
    event_id = models.CharField(_("event id"), max_length=64)
    type = models.CharField(pgettext_lazy("of webhooks", "event"), max_length=40)
    body = models.TextField(_("body"))
    state = models.CharField(
        _("state"), max_length=10, choices=State.choices,
        default=State.WAITING,
    )  # fmt: skip
    attempts = models.PositiveSmallIntegerField(_("tries"), default=0)
    # The next try; of one that is being sent, the end of its lease.
    next_at = models.DateTimeField(_("next try"), null=True)
    last_at = models.DateTimeField(_("last try"), null=True)
    last_status = models.PositiveSmallIntegerField(_("HTTP status"), null=True)
    last_ms = models.PositiveIntegerField(_("took (ms)"), null=True)
    problem = models.CharField(
        _("problem"), max_length=10, choices=Problem.choices, blank=True, default=""
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta(TenantModel.Meta):
        verbose_name = _("webhook delivery")
        verbose_name_plural = _("webhook deliveries")
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "endpoint", "event_id"], name="webhook_event_once"
            )
        ]
        indexes = [
            models.Index(fields=["tenant", "endpoint", "id"], name="webhook_list"),
            models.Index(fields=["tenant", "created_at"], name="webhook_age"),
            models.Index(
                fields=["tenant", "endpoint", "next_at"],
                name="webhook_due",
                condition=Q(state__in=["waiting", "sending"]),
            ),
            models.Index(
                fields=["tenant", "endpoint", "id"],
                name="webhook_open",
                condition=Q(state__in=["waiting", "sending"]),
            ),
        ]

    def __str__(self) -> str:
        return self.type
