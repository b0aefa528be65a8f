"""How does an export get from asked for to a file that can be fetched?

The row `Export` is the work: claimed with a lease, one at a time a tenant. Which rows are meant is
asked once, as ids; their cells are read in batches. Whoever dies in between begins anew.
"""

from __future__ import annotations

import logging
import uuid
from array import array
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.files import File
from django.db import DatabaseError, InterfaceError, OperationalError
from django.db.models import Q, QuerySet
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from contacts.exports import kinds, sheets
from contacts.imports import staging
from contacts.models import Export
from tenants import doorbell
from tenants.models import Tenant, User
from tenants.roles import Can, Role
from tenants.scope import current_tenant_id, scope
from tenants.sealed_files import Scratch

log = logging.getLogger(__name__)

QUEUE = "exports"
LEASE = timedelta(minutes=5)
BATCH = 1000

S = Export.Status

_ONE_AT_A_TIME = "SELECT pg_advisory_xact_lock(hashtext('exports'), %(tenant)s::int)"
_MISTAKES = (
    OSError, ValueError, LookupError, TypeError, AttributeError, RuntimeError, DatabaseError,
)  # fmt: skip


class _ClaimLost(RuntimeError):  # noqa: N818 - reads as what happened
    """Another worker has taken the export."""


class Refused(Exception):  # noqa: N818 - reads as what happened
    """The export cannot be made; the text says why."""


def ask(
    kind: str,
    form: str,
    *,
    columns: Sequence[str],
    query: Mapping[str, Sequence[str]],
    by_admin: bool = False,
    whole_phones: bool = False,
    reason: str = "",
    user: User | None = None,
) -> Export:
    """Inside a scope: queue an export. Whoever calls has checked what is asked, and notes it."""
    job = Export.objects.create(
        token=uuid.uuid4(),
        kind=kind,
        format=form,
        columns=list(columns),
        query={name: list(values) for name, values in query.items()},
        by_admin=by_admin,
        whole_phones=whole_phones,
        reason=reason,
        user=user,
        with_key=user is None,
        language=translation.get_language() or "",
    )
    doorbell.ring(QUEUE)
    return job


def claim() -> Export | None:
    """Inside a scope: take the oldest export that waits, unless another one is being made."""
    staging.run(_ONE_AT_A_TIME, {"tenant": current_tenant_id()})
    now = timezone.now()
    if Export.objects.filter(status=S.RUNNING, lease_until__gt=now).exists():
        return None
    job = Export.objects.filter(_open()).order_by("id").first()
    if job is not None:
        job.status, job.lease_until, job.done = S.RUNNING, now + LEASE, 0
        job.save(update_fields=["status", "lease_until", "done"])
    return job


def _open() -> Q:
    return Q(status__in=[S.QUEUED, S.RUNNING])


def next_due() -> datetime | None:
    """Inside a scope: from when there is an export to make, or None."""
    waiting = Export.objects.filter(_open())
    running = waiting.filter(status=S.RUNNING, lease_until__gt=timezone.now()).first()
    if running is not None:
        return running.lease_until
    return timezone.now() if waiting.exists() else None


def work(tenant_id: int) -> None:
    """Outside a scope: make the tenant's exports until none is left."""
    tenant = Tenant.objects.get(pk=tenant_id)
    doorbell.work_off(QUEUE, tenant_id, claim, lambda _tenant_id, job: carry_out(tenant, job))


def carry_out(tenant: Tenant, job: Export) -> None:
    """Outside a scope: make a claimed export, or say why it cannot be made."""
    with translation.override(job.language or None), timezone.override(tenant.tz):
        try:
            with Scratch() as scratch:
                _make(tenant, job, scratch)
        except _ClaimLost:
            log.warning("export %s was taken over by another worker", job.pk)
        except Refused as refusal:
            _fail(tenant, job, str(refusal))
        except (OperationalError, InterfaceError):
            raise  # the database is away: it is taken up again when the lease is over
        except _MISTAKES:
            log.exception("export %s broke off", job.pk)
            _fail(tenant, job, _("The export broke off. Ask for it again."))


def _make(tenant: Tenant, job: Export, scratch: Scratch) -> None:
    kind = kinds.named(job.kind)
    if kind is None:
        raise Refused(_("There is no such list."))
    with scope(tenant):
        ids = array("q", _allowed(kind, job).order_by("id").values_list("id", flat=True).iterator())
        _note(job, total=len(ids), done=0)
    whole = job.whole_phones
    header = [kind.title(name, in_words=job.by_admin) for name in job.columns]
    with sheets.open_sheet(scratch, job.format, header) as sheet:
        for batch in _batches(ids):
            with scope(tenant):
                sheet.add(kind.cells(batch, job.columns, whole))
                _note(job, done=job.done + len(batch))
    with scope(tenant), scratch.open() as file:
        _note(job)
        job.file.save(f"{job.kind}.{job.format}", File(file), save=False)
        job.status, job.finished_at, job.lease_until = S.DONE, timezone.now(), None
        job.expires_at = job.finished_at + timedelta(hours=settings.EXPORT_LINK_HOURS)
        job.save()


def _allowed(kind: kinds.Kind, job: Export) -> QuerySet[Any]:
    """The rows that are meant, as far as the asker may see them now."""
    user = job.user
    if user is None and not job.with_key:
        raise Refused(_("The member who asked for it is gone."))
    if user is not None and not user.can(Can.EXPORT):
        raise Refused(_("Your role may not take lists out."))
    if user is not None and job.whole_phones and not user.can(Can.REVEAL):
        raise Refused(_("Your role may not see whole phone numbers."))
    if job.by_admin and user is not None:
        rows = kinds.admin_lists[job.kind](user, job.query)
    else:
        rows = kind.rows(job.query)
    membership = user.membership if user is not None else None
    if membership is not None and membership.role == Role.SALES:
        rows = kind.limited(rows, membership.staff_id)
    return rows


def _batches(ids: Sequence[int]) -> Iterator[list[int]]:
    for start in range(0, len(ids), BATCH):
        yield list(ids[start : start + BATCH])


def _note(job: Export, **columns: int) -> None:
    """How far it is; and whether it is still ours."""
    lease = timezone.now() + LEASE
    mine = Export.objects.filter(pk=job.pk, lease_until=job.lease_until, status=S.RUNNING)
    if not mine.update(lease_until=lease, **columns):
        raise _ClaimLost
    job.lease_until = lease
    for name, value in columns.items():
        setattr(job, name, value)


def _fail(tenant: Tenant, job: Export, message: str) -> None:
    with scope(tenant):
        Export.objects.filter(pk=job.pk).update(
            status=S.FAILED, error_message=message[:500], lease_until=None,
            finished_at=timezone.now(),
        )  # fmt: skip
