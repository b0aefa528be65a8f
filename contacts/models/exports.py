"""A list that somebody takes out as a file: what was asked, how far it is, until when it lies."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from tenants.models import User
from tenants.scope import TenantModel, current_tenant_id


def path_of_export(instance: "Export", filename: str) -> str:
    return f"tenants/{current_tenant_id()}/exports/{instance.token}/{filename}"


class Export(TenantModel):
    class Format(models.TextChoices):
        CSV = "csv", "CSV"
        XLSX = "xlsx", "XLSX"

    class Status(models.TextChoices):
        QUEUED = "queued", _("queued")
        RUNNING = "running", _("running")
        DONE = "done", _("done")
        FAILED = "failed", _("failed")
        EXPIRED = "expired", _("expired")

    token = models.UUIDField(editable=False)
    kind = models.CharField(_("kind"), max_length=20)  # of contacts/exports/kinds.py
    format = models.CharField(_("format"), max_length=4, choices=Format.choices)
    # The query parameters of the list, name → values; of the API's list or of the admin's.
    query = models.JSONField(_("filters"), default=dict, blank=True)
    by_admin = models.BooleanField(default=False, editable=False)
    columns = models.JSONField(_("columns"), default=list)
    whole_phones = models.BooleanField(_("whole phone numbers"), default=False)
    reason = models.CharField(_("reason"), max_length=200, blank=True)
    language = models.CharField(max_length=10, blank=True, editable=False)
    status = models.CharField(
        _("status"), max_length=7, choices=Status.choices, default=Status.QUEUED, editable=False
    )
    error_message = models.CharField(_("problem"), max_length=500, blank=True, editable=False)
    total = models.PositiveIntegerField(_("rows"), null=True, editable=False)
    done = models.PositiveIntegerField(_("rows done"), default=0, editable=False)
    file = models.FileField(upload_to=path_of_export, max_length=300, blank=True, editable=False)
    # Null: asked for with an API key.
    user = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, related_name="+", editable=False, db_index=False
    )
    with_key = models.BooleanField(default=False, editable=False)
    lease_until = models.DateTimeField(null=True, editable=False)
    created_at = models.DateTimeField(_("asked for at"), auto_now_add=True)
    finished_at = models.DateTimeField(_("finished"), null=True, editable=False)
    expires_at = models.DateTimeField(_("until"), null=True, editable=False)

    class Meta(TenantModel.Meta):
        verbose_name = _("export")
        verbose_name_plural = _("exports")
        indexes = [
            models.Index(fields=["tenant", "-id"], name="export_newest"),
            models.Index(
                fields=["tenant", "id"],
                name="export_to_do",
                condition=models.Q(status__in=["queued", "running"]),
            ),
            models.Index(
                fields=["tenant", "expires_at"],
                name="export_lying",
                condition=models.Q(status="done"),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind}.{self.format}"

    @property
    def filename(self) -> str:
        """With the day in it: people keep several."""
        return f"{self.kind}-{self.created_at:%Y-%m-%d}.{self.format}"
