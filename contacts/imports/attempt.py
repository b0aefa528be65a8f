"""One attempt to carry out an import: read, write by batches, count, hand back the refused."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from django.core.files import File
from django.db import IntegrityError, OperationalError, connection, transaction
from django.db.models import F
from django.db.models.functions import Greatest
from django.utils import timezone, translation

from contacts import custom_fields
from contacts.imports import files
from contacts.imports.columns import lay_out
from contacts.imports.contacts import Contacts
from contacts.imports.costs import Costs
from contacts.imports.errors import ErrorFile, FileFault, Rejection
from contacts.imports.events import Events
from contacts.imports.orders import Orders
from contacts.imports.products import Products
from contacts.imports.rows import Batch, FieldInvalid, Reader, Row
from contacts.imports.writing import Outcome, Setting, Writer
from contacts.models import Import, ImportedRows
from tenants import vault
from tenants.models import Tenant
from tenants.scope import scope

log = logging.getLogger(__name__)

BATCH = 20_000
_TRIES = 3

WRITERS: dict[str, type[Contacts | Costs | Events | Orders | Products]] = {
    "contacts": Contacts,
    "costs": Costs,
    "events": Events,
    "orders": Orders,
    "products": Products,
}


class Paused(RuntimeError):  # noqa: N818 - reads as what happened
    """Somebody paused the import: what is written stays, the rest waits."""


class ClaimLost(RuntimeError):  # noqa: N818 - reads as what happened
    """The lease ran out and another worker has taken the import."""


@dataclass
class Counts:
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    rejected: int = 0

    def add(self, row: Row, outcome: Outcome) -> None:
        """Of joined rows one is the outcome; later ones that changed something are updates."""
        further = len(row.parts) - 1 if row.parts else 0
        if outcome == "created":
            self.created += 1
            self.updated += row.changes
            self.unchanged += further - row.changes
        elif outcome == "updated":
            self.updated += max(1, row.changes)
            self.unchanged += further + 1 - max(1, row.changes)
        else:
            self.unchanged += further + 1


@dataclass
class Attempt:
    """Call `run` outside a scope; raises FileFault or ClaimLost."""

    tenant: Tenant
    job: Import
    lease: timedelta
    _stack: ExitStack = field(default_factory=ExitStack)
    _later: list[Row] = field(default_factory=list)
    _singly: list[Row] = field(default_factory=list)
    _rejected: list[Rejection] = field(default_factory=list)
    _read: int = 0  # rows of the file that were looked at
    _paused: bool = False

    def run(self) -> None:
        with self._stack:
            folder = Path(self._stack.enter_context(TemporaryDirectory(prefix="import-")))
            self._open(folder)
            refused = folder / "errors.csv"
            with refused.open("w", encoding="utf-8", newline="") as stream:
                self._errors = ErrorFile(stream, self._reader.table.header)
                self._totals = Counts(created=self.job.created, updated=self.job.updated)
                self._say_where(aside=False)
                if self.job.dry_run:
                    with scope(self.tenant):
                        self._write_everything()
                        transaction.set_rollback(True)
                else:
                    self._write_everything()
            self._finish(refused)

    def fail(self, fault: FileFault) -> None:
        """Outside a scope: the import is over and says why."""
        with scope(self.tenant):
            Import.objects.filter(pk=self.job.pk).update(
                status=Import.Status.FAILED,
                error_code=fault.code,
                error_message=fault.message[:500],
                lease_until=None,
                finished_at=timezone.now(),
            )

    def _open(self, folder: Path) -> None:
        """Read the file once before anything is written: what is wrong as a whole shows here."""
        kind = self.job.kind
        table = files.open_table(Path(self.job.file.path), folder / "sheet.csv")
        layout = lay_out(kind, table.header, self.job.mapping)
        with scope(self.tenant):
            custom, keys = custom_fields.named_in_files(), vault.keys()
        self._setting = setting = Setting(
            zone=self.tenant.tz,
            currency=self.tenant.currency,
            now=timezone.now(),
            origin=f"import:{self.job.pk}",
            named=lambda key: self._reader.names(key),
            keys=keys,
            custom=custom,
        )
        self._writer: Writer = WRITERS[kind](setting)
        self._reader = Reader(table, layout, self._writer.form)
        self._reader.count_keys(remember="referrer" in layout.places)
        self.job.lines_total = self._reader.total

    def _write_everything(self) -> None:
        for batch in _ahead(self._reader.batches(BATCH), self._prepare):
            self._rejected.extend(batch.rejected)
            self._read = batch.read
            if batch.rows:
                self._write(batch.rows, last=False)
            self._flush()
            self._say_where(aside=self.job.dry_run)
        if self._later:
            self._write(self._later, last=True)
        # Rows of one key that could not be written joined are tried as they came, one by one.
        for row in self._singly:
            self._write([row], last=True)
        self._flush()

    def _prepare(self, batch: Batch) -> None:
        with scope(self.tenant):
            self._writer.prepare(batch.rows)

    def _write(self, rows: Sequence[Row], *, last: bool) -> None:
        for left in reversed(range(_TRIES)):
            self._setting.fresh.clear()
            try:
                with scope(self.tenant):
                    outcomes = self._writer.write(rows, last=last)
                    counts, refused, later = self._count(rows, outcomes)
                    if not self.job.dry_run:
                        self._keep_fresh()
                        self._note(counts)
                break
            except (IntegrityError, OperationalError) as error:
                # A row came in between from elsewhere, or a deadlock: the next look knows it.
                if not left:
                    raise
                log.warning("a batch of import %s is tried again: %s", self.job.pk, error)
        self._add(counts)
        self._later = [*self._later, *later] if not last else []
        for row, problem in refused:
            self._refuse(row, problem)
        self._flush()

    def _count(
        self, rows: Sequence[Row], outcomes: Sequence[Outcome]
    ) -> tuple[Counts, list[tuple[Row, FieldInvalid]], list[Row]]:
        counts, refused, later = Counts(), [], []
        for row, outcome in zip(rows, outcomes, strict=True):
            if isinstance(outcome, FieldInvalid):
                refused.append((row, outcome))
            elif outcome == "later":
                later.append(row)
            else:
                counts.add(row, outcome)
        return counts, refused, later

    def _refuse(self, row: Row, problem: FieldInvalid) -> None:
        if row.parts:
            self._singly.extend(row.parts)
        else:
            self._rejected.append(
                self._reader.rejection(row.line, problem.name, problem.error, row.cells)
            )

    def _keep_fresh(self) -> None:
        """In the batch's transaction: which rows it created, so that they can be taken out."""
        if self._setting.fresh:
            ImportedRows.objects.create(of_id=self.job.pk, ids=list(self._setting.fresh))

    def _note(self, counts: Counts) -> None:
        """In the batch's transaction: count it, and see that the import is still ours."""
        lease = timezone.now() + self.lease
        mine = Import.objects.filter(pk=self.job.pk, lease_until=self.job.lease_until)
        noted = mine.update(
            created=F("created") + counts.created,
            updated=F("updated") + counts.updated,
            unchanged=F("unchanged") + counts.unchanged,
            rejected=self._totals.rejected + len(self._rejected),
            lines_done=Greatest("lines_done", self._read),
            lines_total=self.job.lines_total,
            lease_until=lease,
        )
        if not noted:
            raise ClaimLost
        self._next_lease = lease
        status = Import.objects.values_list("status", flat=True).get(pk=self.job.pk)
        self._paused = status == Import.Status.PAUSED

    def _say_where(self, *, aside: bool) -> None:
        """Between batches: say how far it is, and stop if somebody paused it.

        A dry run is one transaction that is undone: it says so `aside`, on a connection of its own.
        """
        if aside:
            _aside(self._note_place)
        elif not self._paused:
            self._note_place()
        self.job.lease_until = self._next_lease
        if self._paused:
            with scope(self.tenant):
                mine = Import.objects.filter(pk=self.job.pk, lease_until=self.job.lease_until)
                mine.update(lease_until=None)
            raise Paused

    def _note_place(self) -> None:
        with scope(self.tenant):
            self._note(Counts())

    def _add(self, counts: Counts) -> None:
        self.job.lease_until = self._next_lease
        self._totals.created += counts.created
        self._totals.updated += counts.updated
        self._totals.unchanged += counts.unchanged

    def _flush(self) -> None:
        self._totals.rejected += len(self._rejected)
        self._errors.add(self._rejected)
        self._rejected.clear()

    def _finish(self, refused: Path) -> None:
        totals, job = self._totals, self.job
        with scope(self.tenant):
            mine = Import.objects.filter(pk=job.pk, lease_until=job.lease_until)
            if mine.select_for_update().first() is None:
                raise ClaimLost
            if totals.rejected:
                with refused.open("rb") as stream:
                    place = f"tenants/{self.tenant.pk}/imports/{job.token}/errors.csv"
                    job.error_file.save(place, File(stream), save=False)
            # What an attempt that crashed had created or updated is found unchanged by the next.
            counted = totals.created + totals.updated + totals.rejected
            totals.unchanged = max(0, self._reader.read - counted)
            job.status = Import.Status.DONE
            job.created, job.updated = totals.created, totals.updated
            job.unchanged, job.rejected = totals.unchanged, totals.rejected
            job.lines_total = job.lines_done = self._reader.read
            job.lease_until, job.finished_at = None, timezone.now()
            job.save()


def _aside(act: Callable[[], object]) -> None:
    """On a connection of its own, outside the transaction that is open here."""

    def alone() -> None:
        try:
            act()
        finally:
            connection.close()

    with ThreadPoolExecutor(max_workers=1) as pool:
        pool.submit(alone).result()


def _ahead(walk: Iterator[Batch], prepare: Callable[[Batch], object]) -> Iterator[Batch]:
    """Read and prepare the next batch while the database writes this one."""
    language = translation.get_language()  # of the import; a thread has one of its own

    def read() -> Batch | None:
        with translation.override(language):
            batch = next(walk, None)
            if batch is not None:
                prepare(batch)
        return batch

    with ThreadPoolExecutor(max_workers=1) as pool:
        try:
            reading = pool.submit(read)
            while (batch := reading.result()) is not None:
                reading = pool.submit(read)
                yield batch
        finally:
            pool.submit(connection.close)  # the thread's own
