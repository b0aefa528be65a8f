"""What was done: the audit log, its reasons, and answers kept for repeated requests."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from tenants.scope import TenantForeignKey, TenantModel

from .people import ApiKey, User


class AuditEntry(TenantModel):
    """Who did what to what, when. Insert-only: the application's role may not change it.

    So it names no person: `target`, and what `detail` points to, are references that are given a
    name when the line is read (audit_names.py). `summary` is the name of a thing of the business.
    """

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
    target = models.CharField(_("target"), max_length=120, blank=True)  # table:opaque id
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

    @property
    def reason(self) -> str:
        """What the person who did it wrote, if it was not forgotten."""
        return " ".join(note.words for note in self.notes.all())


class AuditNote(TenantModel):
    """The reason that somebody wrote for an act. Apart from the line, which stays for ever: free
    words may name a person who asks to be forgotten, and then they go.
    """

    entry = TenantForeignKey(AuditEntry, on_delete=models.CASCADE, related_name="notes")
    words = models.CharField(_("reason"), max_length=300)

    class Meta(TenantModel.Meta):
        constraints = [models.UniqueConstraint(fields=["tenant", "entry"], name="audit_note_once")]


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
