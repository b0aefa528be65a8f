"""How does a person look at a list, and what are they changing on many of its rows at once?"""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from tenants.models import User
from tenants.scope import TenantForeignKey, TenantModel


class SavedView(TenantModel):
    """Filters and columns of a list under a name, for one person. `page` is a model's label."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+", db_index=False)
    page = models.CharField(max_length=64)
    name = models.CharField(_("name"), max_length=60)
    query = models.CharField(max_length=2000, blank=True)
    columns = models.JSONField(_("columns"), default=list, blank=True)
    default = models.BooleanField(_("shown first"), default=False)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta(TenantModel.Meta):
        verbose_name = _("saved view")
        verbose_name_plural = _("saved views")
        constraints = [
            models.UniqueConstraint(fields=["tenant", "user", "page", "name"], name="view_name"),
            models.UniqueConstraint(
                fields=["tenant", "user", "page"],
                condition=models.Q(default=True),
                name="one_default_view",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class BulkAction(TenantModel):
    """One change on many contacts, carried out chunk by chunk. `done` of `total` are behind it.

    Whom it concerns was settled when it was asked for: `BulkRows` that are left are still to do.
    """

    class Status(models.TextChoices):
        QUEUED = "queued", _("queued")
        RUNNING = "running", _("running")
        DONE = "done", _("done")
        STOPPED = "stopped", _("stopped")
        FAILED = "failed", _("failed")

    kind = models.CharField(_("kind"), max_length=20)
    settings = models.JSONField(default=dict, blank=True)
    summary = models.CharField(_("change"), max_length=200, blank=True)
    status = models.CharField(
        _("status"), max_length=7, choices=Status.choices, default=Status.QUEUED
    )
    total = models.PositiveIntegerField(_("contacts"), default=0)
    done = models.PositiveIntegerField(_("looked at"), default=0)
    changed = models.PositiveIntegerField(_("changed"), default=0)
    problem = models.CharField(_("problem"), max_length=300, blank=True)
    user = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, related_name="+", db_index=False
    )
    lease_until = models.DateTimeField(null=True)
    created_at = models.DateTimeField(_("asked for"), auto_now_add=True)
    finished_at = models.DateTimeField(_("finished"), null=True)

    class Meta(TenantModel.Meta):
        verbose_name = _("bulk change")
        verbose_name_plural = _("bulk changes")
        indexes = [
            models.Index(
                fields=["tenant", "id"],
                name="bulk_to_do",
                condition=models.Q(status__in=["queued", "running"]),
            )
        ]

    def __str__(self) -> str:
        return self.summary or self.kind


class BulkRows(TenantModel):
    """A chunk of the contacts that a bulk action has still to change."""

    of = TenantForeignKey(BulkAction, on_delete=models.CASCADE, related_name="+")
    ids = ArrayField(models.BigIntegerField())

    class Meta(TenantModel.Meta):
        verbose_name = _("rows of a bulk change")
        verbose_name_plural = _("rows of a bulk change")
        indexes = [models.Index(fields=["tenant", "of", "id"], name="bulk_rows_of")]
