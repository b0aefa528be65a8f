"""What was done: the audit log, and answers kept for repeated requests."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from tenants.scope import TenantForeignKey, TenantModel

from .people import ApiKey, User


class AuditEntry(TenantModel):
    """Who did what to what, when. Insert-only: the application's role may not change it."""

    at = models.DateTimeField(_("time"), auto_now_add=True)
    user = models.ForeignKey(
        User,
        on_delete=models.SET_NULL,
        null=True,
        related_name="+",
        db_index=False,
        verbose_name=_("user"),
    )
    api_key = TenantForeignKey(
        ApiKey, on_delete=models.SET_NULL, null=True, related_name="+", verbose_name=_("API key")
    )
    action = models.CharField(_("action"), max_length=60)  # noun.verb-in-the-past: contact.revealed
    target = models.CharField(_("target"), max_length=120, blank=True)  # table:id
    summary = models.CharField(_("summary"), max_length=300, blank=True)
    detail = models.JSONField(default=dict)
    ip = models.GenericIPAddressField(_("IP address"), null=True)

    class Meta(TenantModel.Meta):
        verbose_name = _("audit entry")
        verbose_name_plural = _("audit log")
        indexes = [
            models.Index(fields=["tenant", "-at", "-id"], name="audit_time"),
            models.Index(fields=["tenant", "target", "-at"], name="audit_target"),
        ]

    def __str__(self) -> str:
        return self.summary or self.action


class StoredAnswer(TenantModel):
    """The answer to a request with an Idempotency-Key, kept 72 h (API.md)."""

    caller = models.CharField(max_length=40)  # key:<id> or user:<id>
    key = models.CharField(max_length=200)
    fingerprint = models.BinaryField()  # SHA-256 of method, path and body
    status = models.PositiveSmallIntegerField(null=True)  # null while the request runs
    body = models.BinaryField(default=b"")
    content_type = models.CharField(max_length=100, default="application/json")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["tenant", "caller", "key"], name="answer_once")
        ]
        indexes = [models.Index(fields=["tenant", "created_at"], name="answer_age")]
