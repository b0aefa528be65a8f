"""A file that a business brought, and what became of its rows."""

from datetime import datetime, timedelta
from typing import Final

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from tenants.models import User
from tenants.scope import TenantForeignKey, TenantModel, current_tenant_id

UNDO_WITHIN: Final = timedelta(hours=24)


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
        DRAFT = "draft", _("columns to be checked")
        QUEUED = "queued", _("queued")
        RUNNING = "running", _("running")
        PAUSED = "paused", _("paused")
        DONE = "done", _("done")
        FAILED = "failed", _("failed")
        UNDOING = "undoing", _("being undone")
        UNDONE = "undone", _("undone")

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
    # Rows of the file; null until it was read once. `lines_done` is what an attempt has reached.
    lines_total = models.PositiveIntegerField(_("rows"), null=True, editable=False)
    lines_done = models.PositiveIntegerField(_("rows done"), default=0, editable=False)
    # Where to go on after a pause or a crash (contacts/imports/places.py): how many rows are
    # settled, and the lines of those among them that are not.
    reached = models.PositiveIntegerField(default=0, editable=False)
    later = ArrayField(models.IntegerField(), default=list, blank=True, editable=False)
    alone = ArrayField(models.IntegerField(), default=list, blank=True, editable=False)
    user = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, related_name="+", editable=False, db_index=False
    )
    lease_until = models.DateTimeField(null=True, editable=False)
    created_at = models.DateTimeField(_("brought at"), auto_now_add=True)
    finished_at = models.DateTimeField(_("finished"), null=True, editable=False)
    # What undoing took out, and what it left because something else hangs on it.
    undone = models.PositiveIntegerField(_("taken out"), default=0, editable=False)
    undo_kept = models.PositiveIntegerField(_("kept"), default=0, editable=False)
    undone_at = models.DateTimeField(_("undone at"), null=True, editable=False)
    # The uploaded file and the error file hold personal data: they go when they are not needed.
    files_gone_at = models.DateTimeField(null=True, editable=False)

    class Meta(TenantModel.Meta):
        verbose_name = _("import")
        verbose_name_plural = _("imports")
        indexes = [
            models.Index(fields=["tenant", "-id"], name="import_newest"),
            models.Index(
                fields=["tenant", "id"],
                name="import_to_do",
                condition=models.Q(status__in=["queued", "running", "undoing"]),
            ),
            models.Index(
                fields=["tenant", "created_at"],
                name="import_with_files",
                condition=models.Q(files_gone_at=None),
            ),
        ]

    def __str__(self) -> str:
        return str(self.file.name).rpartition("/")[2]

    @property
    def undo_until(self) -> datetime | None:
        """Until when it may be undone; None when nothing was written, or too early, or done so."""
        ended = {self.Status.DONE, self.Status.FAILED, self.Status.PAUSED}
        if self.dry_run or not self.created or self.status not in ended:
            return None
        return (self.finished_at or self.created_at) + UNDO_WITHIN


class ImportedRows(TenantModel):
    """The rows that one batch of an import created, so that undoing can take them out again; and
    those that it refused, until the import is done.

    Forgotten with the import's files, when it can no longer be undone.
    """

    of = TenantForeignKey(Import, on_delete=models.CASCADE, related_name="+")
    ids = ArrayField(models.BigIntegerField())
    refused = models.JSONField(default=list, blank=True)  # places.Groups: lines, no cells

    class Meta(TenantModel.Meta):
        verbose_name = _("imported rows")
        verbose_name_plural = _("imported rows")
        indexes = [models.Index(fields=["tenant", "of", "id"], name="imported_rows_of")]
