"""A file that a business brought, and what became of its rows."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from tenants.models import User
from tenants.scope import TenantModel, current_tenant_id


def path_of_upload(instance: "Import", filename: str) -> str:
    return f"tenants/{current_tenant_id()}/imports/{instance.token}/{filename[-80:]}"


class Import(TenantModel):
    class Kind(models.TextChoices):
        CONTACTS = "contacts", _("contacts")
        ORDERS = "orders", _("orders")
        EVENTS = "events", _("events")
        COSTS = "costs", _("costs")
        PRODUCTS = "products", _("products")

    class Status(models.TextChoices):
        QUEUED = "queued", _("queued")
        RUNNING = "running", _("running")
        DONE = "done", _("done")
        FAILED = "failed", _("failed")

    token = models.UUIDField(editable=False)
    kind = models.CharField(_("kind"), max_length=8, choices=Kind.choices)
    file = models.FileField(_("file"), upload_to=path_of_upload, max_length=300)
    error_file = models.FileField(max_length=300, blank=True, editable=False)
    dry_run = models.BooleanField(_("dry run"), default=False)
    # Headers mapped by hand, header → field; the next import of the kind starts from them.
    mapping = models.JSONField(_("mapped headers"), default=dict, blank=True)
    language = models.CharField(max_length=10, blank=True, editable=False)  # of the messages
    status = models.CharField(
        _("status"), max_length=7, choices=Status.choices, default=Status.QUEUED, editable=False
    )
    error_code = models.CharField(max_length=40, blank=True, editable=False)
    error_message = models.CharField(_("problem"), max_length=500, blank=True, editable=False)
    created = models.PositiveIntegerField(_("created"), default=0, editable=False)
    updated = models.PositiveIntegerField(_("updated"), default=0, editable=False)
    unchanged = models.PositiveIntegerField(_("unchanged"), default=0, editable=False)
    rejected = models.PositiveIntegerField(_("rejected"), default=0, editable=False)
    user = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, related_name="+", editable=False, db_index=False
    )
    lease_until = models.DateTimeField(null=True, editable=False)
    created_at = models.DateTimeField(_("brought at"), auto_now_add=True)
    finished_at = models.DateTimeField(_("finished"), null=True, editable=False)

    class Meta(TenantModel.Meta):
        verbose_name = _("import")
        verbose_name_plural = _("imports")
        indexes = [
            models.Index(fields=["tenant", "-id"], name="import_newest"),
            models.Index(
                fields=["tenant", "id"],
                name="import_open",
                condition=models.Q(status__in=["queued", "running"]),
            ),
        ]

    def __str__(self) -> str:
        return str(self.file.name).rpartition("/")[2]
