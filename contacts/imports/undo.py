"""How is an import undone? Rows that it created go, unless something else hangs on them by now.

What each batch created stands in ImportedRows; it is worked off chunk by chunk, each a transaction,
so a crash leaves whole chunks and the next attempt goes on. What was updated stays as it is.
"""

from __future__ import annotations

import logging
from array import array
from bisect import bisect_left
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import F, Func, IntegerField, QuerySet, Sum
from django.utils import timezone

from contacts.imports import hanging, removal
from contacts.imports.errors import FileFault
from contacts.models import Import, ImportedRows
from tenants.models import Tenant
from tenants.scope import scope

log = logging.getLogger(__name__)

CHUNK = 5000
_ENDED = ("status", "undone_at", "lease_until", "error_code", "error_message")
SHOWN = 50
EXACT = 20_000  # of more rows a page does not say how many would be kept


@dataclass(frozen=True)
class Line:
    """A row that would go, in words, or why it stays."""

    text: str
    kept: str  # empty: it goes


@dataclass(frozen=True)
class Preview:
    total: int
    kept: int | None  # None: too many to look at all
    lines: list[Line]


class _Own:
    """Is this row one of the import's? The ids are read when the first question comes."""

    def __init__(self, job: Import) -> None:
        self._job = job
        self._ids: array[int] | None = None

    def __contains__(self, pk: int) -> bool:
        if self._ids is None:
            lists = _rows(self._job).values_list("ids", flat=True).iterator(chunk_size=10)
            self._ids = array("q", sorted(pk for ids in lists for pk in ids))
        place = bisect_left(self._ids, pk)
        return place < len(self._ids) and self._ids[place] == pk


def written_by(job: Import) -> datetime:
    """What came to the timeline by then is the import's own doing."""
    return job.finished_at or timezone.now()


def count(job: Import) -> int:
    """Inside a scope: how many rows the import created, as far as they are remembered."""
    length = Func(F("ids"), function="cardinality", output_field=IntegerField())
    return _rows(job).aggregate(total=Sum(length))["total"] or 0


def preview(job: Import) -> Preview:
    """Inside a scope: what undoing would do."""
    total = count(job)
    first: list[int] = []
    for ids in _rows(job).order_by("id").values_list("ids", flat=True).iterator(chunk_size=2):
        first.extend(ids)
        if len(first) >= (EXACT if total <= EXACT else SHOWN):
            break
    own = _Own(job)
    looked_at = first if total <= EXACT else first[:SHOWN]
    kept = held(job, looked_at, own)
    shown = removal.words(job.kind, looked_at[:SHOWN])
    lines = [Line(text, str(kept.get(pk, ""))) for pk, text in shown.items()]
    return Preview(total, len(kept) if total <= EXACT else None, lines)


def held(job: Import, ids: Sequence[int], own: Collection[int] | _Own) -> Mapping[int, object]:
    """Row → why it must stay, of those that something else hangs on."""
    return hanging.RULES[job.kind](ids, written_by(job), own.__contains__)


def carry_out(tenant: Tenant, job: Import, lease: timedelta) -> None:
    """Outside a scope: work the import's rows off until none is left."""
    own, more = _Own(job), True
    while more:
        until = timezone.now() + lease
        with scope(tenant):
            mine = Import.objects.filter(
                pk=job.pk, lease_until=job.lease_until, status=Import.Status.UNDOING
            )
            if not mine.update(lease_until=until):
                log.warning("undoing import %s was taken over by another worker", job.pk)
                return
            more = _chunk(job, own.__contains__)
            if not more:
                job.status, job.undone_at = Import.Status.UNDONE, timezone.now()
                job.error_code = job.error_message = ""
        job.lease_until = until
    with scope(tenant):
        job.lease_until = None
        job.save(update_fields=_ENDED)


def give_up(tenant: Tenant, job: Import, fault: FileFault) -> None:
    """Outside a scope: what is left stays, and may be tried again. Nothing else may: of a paused
    import rows are missing now.
    """
    before = Import.Status.DONE if job.finished_at else Import.Status.FAILED
    with scope(tenant):
        Import.objects.filter(pk=job.pk, lease_until=job.lease_until).update(
            status=before, lease_until=None,
            error_code=fault.code, error_message=fault.message[:500],
        )  # fmt: skip


def _chunk(job: Import, own: Callable[[int], bool]) -> bool:
    """Take out the rows that came last. Answers False when none was left."""
    batch = _rows(job).order_by("-id").first()
    if batch is None:
        return False
    ids, batch.ids = batch.ids[-CHUNK:], batch.ids[:-CHUNK]
    kept = hanging.RULES[job.kind](ids, written_by(job), own)
    gone = removal.REMOVE[job.kind]([pk for pk in ids if pk not in kept])
    if batch.ids:
        batch.save(update_fields=["ids"])
    else:
        batch.delete()
    Import.objects.filter(pk=job.pk).update(
        undone=F("undone") + gone, undo_kept=F("undo_kept") + len(kept)
    )
    return True


def _rows(job: Import) -> QuerySet[ImportedRows]:
    return ImportedRows.objects.filter(of_id=job.pk)
