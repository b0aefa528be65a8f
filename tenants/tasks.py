"""Tasks know their tenant, or are the platform's. Tasks carry ids only and may be repeated."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

from celery import Task, shared_task
from django.db import InterfaceError, OperationalError, connection
from django.utils import timezone

from tenants import doorbell
from tenants.models import StoredAnswer, Tenant
from tenants.scope import scope
from tenants.webhooks import delivering, keeping
from tenants.wechat import probing

log = logging.getLogger(__name__)


class PatientTask(Task):
    """While the database is away a task ends with one line: its work waits there, and is found."""

    abstract = True

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return self.open(*args, **kwargs)
        except (OperationalError, InterfaceError) as error:
            if connection.is_usable():
                raise
            log.warning("%s: the database does not answer: %s", self.name, type(error).__name__)

    def open(self, *args: Any, **kwargs: Any) -> Any:
        return super().__call__(*args, **kwargs)


class TenantTask(PatientTask):
    """A task of one tenant: its first argument is `tenant_id`, its body runs in that scope.

    With `steps = True` the body opens its scopes itself, because it calls a provider between them.
    """

    abstract = True
    steps = False

    def open(self, *args: Any, **kwargs: Any) -> Any:
        tenant_id = kwargs["tenant_id"] if "tenant_id" in kwargs else args[0]
        if self.steps:
            return super().open(*args, **kwargs)
        with scope(int(tenant_id)):
            return super().open(*args, **kwargs)


class PlatformTask(PatientTask):
    """A task across tenants: ids and times only; a scope for each tenant it looks into."""

    abstract = True


@shared_task(base=PlatformTask)
def wake() -> None:
    """Each second: ring for the tenants whose work is due."""
    for tenant_id, queue in doorbell.take_due():
        if queue in doorbell.queues():
            doorbell.wake(tenant_id, queue)


@shared_task(base=PlatformTask)
def sweep() -> None:
    """Each minute: look at every tenant, so that a lost hint is never a lost touch."""
    for tenant_id in Tenant.objects.filter(active=True).values_list("id", flat=True).iterator():
        with scope(tenant_id):
            for queue in doorbell.queues():
                doorbell.look(queue)


@shared_task(base=PlatformTask)
def tidy() -> None:
    """Each hour: forget stored answers after 72 h, and deliveries of webhooks after 30 days."""
    old = timezone.now() - timedelta(hours=72)
    for tenant_id in Tenant.objects.values_list("id", flat=True).iterator():
        with scope(tenant_id):
            StoredAnswer.objects.filter(created_at__lt=old).delete()
            keeping.forget_old()


@shared_task(base=TenantTask, steps=True)
def probes(tenant_id: int) -> None:
    probing.work(tenant_id)


@shared_task(base=TenantTask, steps=True)
def webhooks(tenant_id: int) -> None:
    delivering.work(tenant_id)
