"""One attempt to carry out an import: read, write by batches, count, hand back the refused."""

from __future__ import annotations

import io
import logging
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from django.core.files import File
from django.db import IntegrityError, OperationalError, connection, transaction
from django.db.models import F
from django.db.models.functions import Greatest
from django.utils import timezone, translation

from contacts import custom_fields
from contacts.imports import files, keeping, places
from contacts.imports.columns import lay_out
from contacts.imports.contacts import Contacts
from contacts.imports.costs import Costs
from contacts.imports.errors import ErrorFile, FileFault, Rejection
from contacts.imports.events import Events
from contacts.imports.orders import Orders
from contacts.imports.products import Products
from contacts.imports.rows import Batch, FieldInvalid, Place, Reader, Row
from contacts.imports.writing import Outcome, Setting, Writer
from contacts.models import Import, ImportedRows
from contacts.upserts import in_rounds
from tenants import storage, vault
from tenants.models import Tenant
from tenants.scope import scope
from tenants.sealed_files import Scratch

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
    """Of rows of the file."""

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

    def take(self, more: Counts) -> None:
        self.created += more.created
        self.updated += more.updated
        self.unchanged += more.unchanged
        self.rejected += more.rejected


@dataclass
class Step:
    """What became of a batch: nothing of it stands before its transaction does."""

    counts: Counts
    rejected: list[Rejection] = field(default_factory=list)  # by the writer
    later: list[Row] = field(default_factory=list)  # wait for what the file names further down
    alone: list[Row] = field(default_factory=list)  # could not be written joined


@dataclass
class Attempt:
    """Call `run` outside a scope; raises FileFault, Paused or ClaimLost."""

    tenant: Tenant
    job: Import
    lease: timedelta
    _stack: ExitStack = field(default_factory=ExitStack)
    _later: list[Row] = field(default_factory=list)
    _alone: list[Row] = field(default_factory=list)
    _paused: bool = False

    def run(self) -> None:
        with self._stack:
            spool = self._stack.enter_context(Scratch())
            refused = self._stack.enter_context(Scratch())
            place = self._open(spool)
            with io.TextIOWrapper(refused.writer(), encoding="utf-8", newline="") as stream:
                self._errors = ErrorFile(stream, self._reader.table.header)
                self._say_where(0, aside=False)
                if self.job.dry_run:
                    with scope(self.tenant):
                        self._write_everything(place)
                        transaction.set_rollback(True)
                else:
                    self._write_everything(place)
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

    def _open(self, spool: Scratch) -> Place:
        """Read the file once before anything is written: what is wrong as a whole shows here.

        Answers where an earlier attempt had come to.
        """
        kind, job = self.job.kind, self.job
        with keeping.faults():
            with scope(self.tenant):
                source = storage.source(job.file)
                custom, keys = custom_fields.named_in_files(), vault.keys()
                required = [of for of in custom_fields.defined() if of.required]
                place = places.of(job)
            table = files.open_table(source, spool)
            layout = lay_out(kind, table.header, job.mapping)
            self._setting = setting = Setting(
                zone=self.tenant.tz,
                currency=self.tenant.currency,
                now=timezone.now(),
                origin=f"import:{job.pk}",
                named=lambda key: self._reader.names(key),
                keys=keys,
                custom=custom,
                required=required,
            )
            self._writer: Writer = WRITERS[kind](setting)
            self._reader = Reader(table, layout, self._writer.form)
            self._reader.count_keys(remember="referrer" in layout.places)
        job.lines_total = self._reader.total
        self._totals = Counts(job.created, job.updated, job.unchanged, job.rejected)
        return place

    def _write_everything(self, place: Place) -> None:
        for bad in self._reader.replay(place):
            self._errors.add([bad])
        self._later, self._alone = self._reader.later, self._reader.alone
        for batch in _ahead(self._reader.batches(BATCH), self._prepare):
            self._write(batch)
            self._say_where(batch.read, aside=self.job.dry_run)
        end = Batch([], [], self._reader.read, self._reader.read + self._reader.behind)
        if self._later:
            later, self._later = self._later, []
            self._write(replace(end, rows=later), last=True)
            self._say_where(end.read, aside=self.job.dry_run)
        # Rows of one key that could not be written joined are tried as they came.
        rounds = list(_one_a_key(self._alone))
        for number, rows in enumerate(rounds, start=1):
            self._alone = [row for others in rounds[number:] for row in others]
            self._write(replace(end, rows=rows), last=True)
            self._say_where(end.read, aside=self.job.dry_run)

    def _prepare(self, batch: Batch) -> None:
        with scope(self.tenant):
            self._writer.prepare(batch.rows)

    def _write(self, batch: Batch, *, last: bool = False) -> None:
        for left in reversed(range(_TRIES)):
            self._setting.fresh.clear()
            try:
                with scope(self.tenant):
                    outcomes = self._writer.write(batch.rows, last=last) if batch.rows else []
                    step = self._step(batch, outcomes)
                    if not self.job.dry_run:
                        self._keep(batch, step)
                break
            except (IntegrityError, OperationalError) as error:
                # A row came in between from elsewhere, or a deadlock: the next look knows it.
                if not left:
                    raise
                log.warning("a batch of import %s is tried again: %s", self.job.pk, error)
        if not self.job.dry_run:
            self.job.lease_until = self._next_lease
        self._totals.take(step.counts)
        self._later, self._alone = step.later, step.alone
        self._errors.add([*batch.rejected, *step.rejected])

    def _step(self, batch: Batch, outcomes: Sequence[Outcome]) -> Step:
        step = Step(Counts(), later=[*self._later], alone=[*self._alone])
        for row, outcome in zip(batch.rows, outcomes, strict=True):
            if outcome == "later":
                step.later.append(row)
            elif not isinstance(outcome, FieldInvalid):
                step.counts.add(row, outcome)
            elif row.parts:
                step.alone.extend(row.parts)
            else:
                step.rejected.append(
                    self._reader.rejection(row.line, outcome.name, outcome.error, row.cells)
                )
        step.counts.rejected = len(batch.rejected) + len(step.rejected)
        return step

    def _keep(self, batch: Batch, step: Step) -> None:
        """In the batch's transaction: its counts, how far it came, what it created and refused."""
        counts = step.counts
        if self._setting.fresh or counts.rejected:
            ImportedRows.objects.create(
                of_id=self.job.pk,
                ids=list(self._setting.fresh),
                refused=places.grouped(batch.rejected, step.rejected),
            )
        self._hold(
            created=F("created") + counts.created,
            updated=F("updated") + counts.updated,
            unchanged=F("unchanged") + counts.unchanged,
            rejected=F("rejected") + counts.rejected,
            lines_done=batch.read,
            reached=batch.reached,
            later=[part.line for row in step.later for part in row.parts or (row,)],
            alone=[row.line for row in step.alone],
        )

    def _hold(self, **columns: Any) -> None:
        """Inside a scope: see that the import is still ours, and whether somebody paused it."""
        lease = timezone.now() + self.lease
        mine = Import.objects.filter(pk=self.job.pk, lease_until=self.job.lease_until)
        if not mine.update(lease_until=lease, lines_total=self.job.lines_total, **columns):
            raise ClaimLost
        self._next_lease = lease
        status = Import.objects.values_list("status", flat=True).get(pk=self.job.pk)
        self._paused = status == Import.Status.PAUSED

    def _say_where(self, read: int, *, aside: bool) -> None:
        """Between batches: say how far it is, and stop if somebody paused it.

        A dry run is one transaction that is undone: it says so `aside`, on a connection of its own.
        """

        def say() -> None:
            with scope(self.tenant):
                done = {"rejected": self._totals.rejected} if self.job.dry_run else {}
                self._hold(lines_done=Greatest("lines_done", read), **done)

        if aside:
            _aside(say)
        elif not self._paused:
            say()
        self.job.lease_until = self._next_lease
        if self._paused:
            with scope(self.tenant):
                mine = Import.objects.filter(pk=self.job.pk, lease_until=self.job.lease_until)
                mine.update(lease_until=None)
            raise Paused

    def _finish(self, refused: Scratch) -> None:
        totals, job = self._totals, self.job
        with scope(self.tenant):
            mine = Import.objects.filter(pk=job.pk, lease_until=job.lease_until)
            if mine.select_for_update().first() is None:
                raise ClaimLost
            name = f"tenants/{self.tenant.pk}/imports/{job.token}/errors.csv"
            job.error_file.storage.delete(name)  # of a trial, or of an attempt that died here
            job.error_file = ""
            if totals.rejected:
                with refused.open() as stream:
                    job.error_file.save(name, File(stream), save=False)
            places.forget(job)
            job.status = Import.Status.DONE
            job.created, job.updated = totals.created, totals.updated
            job.unchanged, job.rejected = totals.unchanged, totals.rejected
            job.lines_total = job.lines_done = self._reader.read
            job.lease_until, job.finished_at = None, timezone.now()
            job.save()


def _one_a_key(rows: Sequence[Row]) -> Iterator[list[Row]]:
    """In the order they came, so that the later row of a key wins."""
    for numbered in in_rounds(rows, key=lambda row: row.key):
        each = [row for _place, row in numbered]
        for start in range(0, len(each), BATCH):
            yield each[start : start + BATCH]


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
