"""The isolation boundary itself, and the board that says which tenant has work due."""

from __future__ import annotations

import zoneinfo
from functools import cached_property

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _

from tenants.scope import TenantModel, current_tenant_id


def check_zone(name: str) -> None:
    if name not in zoneinfo.available_timezones():
        raise ValidationError(
            _("“%(zone)s” is no time zone; write e.g. Asia/Shanghai."), params={"zone": name}
        )


class Tenant(models.Model):
    """One business. Global: the only thing known before a scope opens."""

    name = models.CharField(_("name"), max_length=100)
    slug = models.SlugField(_("short name"), max_length=60, unique=True)
    zone = models.CharField(
        _("time zone"), max_length=64, default="Asia/Shanghai", validators=[check_zone]
    )
    currency = models.CharField(_("currency"), max_length=3, default="CNY")
    active = models.BooleanField(_("active"), default=True)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        verbose_name = _("tenant")
        verbose_name_plural = _("tenants")

    def __str__(self) -> str:
        return self.name

    @classmethod
    def current(cls) -> Tenant:
        """That of the open scope."""
        return cls.objects.get(pk=current_tenant_id())

    @cached_property
    def tz(self) -> zoneinfo.ZoneInfo:
        return zoneinfo.ZoneInfo(self.zone)


class TenantKey(TenantModel):
    """A version of the tenant's data key, wrapped by the master key (vault.py).

    The newest seals; the others are there as long as something needs them (key_rotation.py).
    """

    version = models.PositiveIntegerField(default=1, db_default=1)
    wrapped = models.BinaryField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["tenant", "version"], name="key_version_once")
        ]


class DueTenant(models.Model):
    """The doorbell board: which queue of a tenant has work from when. Global; ids and times."""

    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+", db_index=False)
    queue = models.CharField(max_length=20)
    next_due_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tenant", "queue"], name="one_bell_per_queue")
        ]
        indexes = [models.Index(fields=["next_due_at"], name="due_tenant_next")]
