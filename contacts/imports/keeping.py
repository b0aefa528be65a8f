"""How long do uploaded files, error files and finished exports lie? They hold personal data.

Uploads and error files go some days after the import ended (or after they were brought, when nobody
went on with them), and with them what undoing would need; exports when their link expires.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from django.conf import settings
from django.core.files import File
from django.core.files.storage import default_storage
from django.db.models import QuerySet
from django.db.models.fields.files import FieldFile
from django.db.models.functions import Coalesce
from django.db.models.lookups import LessThanOrEqual
from django.utils import timezone

from contacts.imports.errors import FileFault
from contacts.models import Export, Import, ImportedRows
from tenants import doorbell, vault

log = logging.getLogger(__name__)

QUEUE = "files"
_AT_ONCE = 100
_BUSY = (Import.Status.QUEUED, Import.Status.RUNNING, Import.Status.UNDOING)


@contextmanager
def faults() -> Iterator[None]:
    """Around the reading of a stored file: what is amiss with it, as a FileFault."""
    try:
        yield
    except FileNotFoundError:
        raise FileFault("gone") from None
    except vault.Unreadable as error:
        log.error("a stored file does not open: %s", error)
        raise FileFault("unreadable") from error


def opened(file: FieldFile) -> File | None:
    """Inside a scope: a stored file, to be handed out; None when it is gone or does not open."""
    try:
        with faults():
            found = default_storage.open(str(file.name))
            found.read(1)
    except FileFault:
        return None
    found.seek(0)
    return found


def kept_for() -> timedelta:
    return timedelta(days=settings.IMPORT_FILES_DAYS)


def next_due() -> datetime | None:
    """Inside a scope: when the next file is to go, or None."""
    first = _with_files().first()
    ended = (first.finished_at or first.created_at) if first else None
    lying = _lying().values_list("expires_at", flat=True).first()
    due = [moment for moment in (ended and ended + kept_for(), lying) if moment]
    return min(due, default=None)


def work(tenant_id: int) -> None:
    """Outside a scope: remove what is due, some at a time."""
    doorbell.work_off(QUEUE, tenant_id, remove)


def remove() -> int:
    """Inside a scope: remove the files that are due. Answers how many imports and exports."""
    now = timezone.now()
    jobs = list(_with_files(now - kept_for())[:_AT_ONCE])
    for job in jobs:
        _forget(job, now)
    exports = list(_lying().filter(expires_at__lte=now)[:_AT_ONCE])
    for export in exports:
        default_storage.delete(str(export.file.name))
        export.status, export.file = Export.Status.EXPIRED, ""
        export.save(update_fields=["status", "file"])
    return len(jobs) + len(exports)


def _forget(job: Import, now: datetime) -> None:
    for file in (job.file, job.error_file):
        if file:
            default_storage.delete(str(file.name))
    ImportedRows.objects.filter(of_id=job.pk).delete()
    job.error_file, job.files_gone_at = "", now  # the name of the upload stays, as a name
    if job.status in (Import.Status.DRAFT, Import.Status.PAUSED):
        job.status, job.error_code = Import.Status.FAILED, "abandoned"
        job.error_message, job.finished_at = FileFault("abandoned").message, now
    job.save()


def _with_files(before: datetime | None = None) -> QuerySet[Import]:
    """Those that ended, or were given up, before that moment; the oldest first."""
    ended = Coalesce("finished_at", "created_at")
    rows = Import.objects.filter(files_gone_at=None).exclude(status__in=_BUSY)
    rows = rows.order_by(ended, "id")
    return rows if before is None else rows.filter(LessThanOrEqual(ended, before))


def _lying() -> QuerySet[Export]:
    return Export.objects.filter(status=Export.Status.DONE).order_by("expires_at")
