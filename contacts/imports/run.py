"""How does a file that was brought in get from queued to done?

The row `Import` is the work: claimed with a lease, one at a time a tenant. Rows are written in
batches, each one transaction together with the counts so far and the place in the file, so a crash
leaves whole batches and the next attempt goes on behind them: what somebody changed meanwhile stays
changed. A dry run is the same, inside a transaction that is undone; it begins anew.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import PurePath
from typing import IO

from django.core.files import File
from django.db import DatabaseError, InterfaceError, OperationalError
from django.db.models import Q
from django.utils import timezone, translation

from contacts import timeline
from contacts.imports import places, staging, undo
from contacts.imports.attempt import Attempt, ClaimLost, Paused
from contacts.imports.columns import mappable
from contacts.imports.errors import FileFault
from contacts.models import Import
from tenants import doorbell
from tenants.models import Tenant, User
from tenants.scope import current_tenant_id, scope

log = logging.getLogger(__name__)

QUEUE = "imports"
LEASE = timedelta(minutes=10)

_ONE_AT_A_TIME = "SELECT pg_advisory_xact_lock(hashtext('imports'), %(tenant)s::int)"

# What a second attempt would meet again: the import fails and says so, it is not tried for ever.
_MISTAKES = (
    OSError, ValueError, LookupError, TypeError, AttributeError, RuntimeError, ArithmeticError,
    DatabaseError,
)  # fmt: skip

Hook = Callable[[int], object]
_hooks: list[Hook] = []


def after(hook: Hook) -> None:
    """Register, in apps.py, what brings figures up to date once files were loaded.

    `hook(tenant_id)` is called outside a scope, when the timeline has been drained.
    """
    _hooks.append(hook)


def bring(
    kind: str,
    file: IO[bytes],
    name: str,
    *,
    dry_run: bool = False,
    mapping: Mapping[str, str] | None = None,
    user: User | None = None,
    language: str = "",
    draft: bool = False,
) -> Import:
    """Inside a scope: keep the file and queue its import. `mapping` is header → field.

    A draft waits for `start`: its columns are looked at first.
    """
    job = Import(
        token=uuid.uuid4(),
        kind=kind,
        dry_run=dry_run,
        mapping=remembered_mapping(kind) | _of_kind(kind, mapping or {}),
        user=user,
        language=language or translation.get_language() or "",
        status=Import.Status.DRAFT if draft else Import.Status.QUEUED,
    )
    # Only the last part of the name, whatever the sender's system calls a path.
    job.file.save(PurePath(name.replace("\\", "/")).name or "file", File(file), save=False)
    job.save()
    if not draft:
        doorbell.ring(QUEUE)
    return job


def start(job: Import, mapping: Mapping[str, str], *, dry_run: bool) -> None:
    """Inside a scope: queue a draft, or what was only tried, with these columns."""
    job.mapping, job.dry_run, job.status = _of_kind(job.kind, mapping), dry_run, "queued"
    job.created = job.updated = job.unchanged = job.rejected = job.lines_done = 0
    places.forget(job)
    job.error_code = job.error_message = ""
    job.lease_until = job.finished_at = job.lines_total = None
    job.save()
    doorbell.ring(QUEUE)


def refuse(job: Import, fault: FileFault) -> None:
    """Inside a scope: the file cannot be read at all."""
    job.status, job.finished_at = Import.Status.FAILED, timezone.now()
    job.error_code, job.error_message = fault.code, fault.message[:500]
    job.save()


def remembered_mapping(kind: str) -> dict[str, str]:
    """The headers that were mapped by hand for the last file of this kind."""
    last = Import.objects.filter(kind=kind).exclude(mapping={}).order_by("-id").first()
    return dict(last.mapping) if last else {}


def _of_kind(kind: str, mapping: Mapping[str, str]) -> dict[str, str]:
    return {header: field for header, field in mapping.items() if mappable(kind, field)}


def claim(job_id: int | None = None) -> Import | None:
    """Inside a scope: take the oldest open import (or that one), unless another one is running."""
    staging.run(_ONE_AT_A_TIME, {"tenant": current_tenant_id()})
    now = timezone.now()
    if Import.objects.filter(_at_work(), lease_until__gt=now).exists():
        return None
    # Locked: a worker whose lease ran out may be writing its last batch.
    waiting = Import.objects.select_for_update().filter(_open())
    job = (waiting.filter(pk=job_id) if job_id else waiting).order_by("id").first()
    if job is not None and job.status == Import.Status.UNDOING:
        job.lease_until = now + LEASE
        job.save(update_fields=["lease_until"])
    elif job is not None:
        job.status = Import.Status.RUNNING
        job.lease_until = now + LEASE
        if job.dry_run:
            job.rejected = job.lines_done = 0
        job.save(update_fields=["status", "lease_until", "rejected", "lines_done"])
    return job


def _open() -> Q:
    return Q(status__in=[Import.Status.QUEUED, Import.Status.RUNNING, Import.Status.UNDOING])


def _at_work() -> Q:
    return Q(status__in=[Import.Status.RUNNING, Import.Status.UNDOING])


def next_due() -> datetime | None:
    """Inside a scope: from when there is a file to claim, or None."""
    waiting = Import.objects.filter(_open())
    leased = waiting.filter(_at_work(), lease_until__gt=timezone.now())
    running = leased.order_by("-lease_until").first()
    if running is not None:
        return running.lease_until
    return timezone.now() if waiting.exists() else None


def work(tenant_id: int) -> None:
    """Outside a scope: carry out the tenant's imports until none is left."""
    tenant = Tenant.objects.get(pk=tenant_id)
    while True:
        with scope(tenant):
            job = claim()
        if job is None:
            break
        carry_out(tenant, job)
        staging.refresh_statistics()
    with scope(tenant):
        doorbell.settle(QUEUE)


def carry_out(tenant: Tenant, job: Import) -> None:
    """Outside a scope: run a claimed import, or its undoing, to its end, whatever that is."""
    with translation.override(job.language or None):
        if job.status == Import.Status.UNDOING:
            _take_out(tenant, job)
            return
        attempt = Attempt(tenant, job, LEASE)
        try:
            attempt.run()
        except Paused:
            log.info("import %s is paused", job.pk)
        except ClaimLost:
            log.warning("import %s was taken over by another worker", job.pk)
        except FileFault as fault:
            attempt.fail(fault)
        except (OperationalError, InterfaceError):
            raise  # the database is away: the import is taken up again when its lease is over
        except _MISTAKES:
            log.exception("import %s broke off", job.pk)
            attempt.fail(FileFault("internal"))


def _take_out(tenant: Tenant, job: Import) -> None:
    try:
        undo.carry_out(tenant, job, LEASE)
    except (OperationalError, InterfaceError):
        raise
    except _MISTAKES:
        log.exception("undoing import %s broke off", job.pk)
        undo.give_up(tenant, job, FileFault("undo"))


def settle(tenant_id: int) -> None:
    """Outside a scope: hand everything recorded to the listeners, then bring figures up to date."""
    staging.refresh_statistics()
    while True:
        with scope(tenant_id):
            handled = timeline.drain()
            waiting = timeline.next_due()
        if waiting is None:
            break
        if not handled:
            time.sleep(0.2)  # a worker is draining
    for hook in _hooks:
        hook(tenant_id)
