"""Bring files in: `load --tenant SLUG FILE…`, as imports do, then bring figures up to date."""

from __future__ import annotations

import shutil
import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db.models import Q
from django.utils import translation

from contacts.imports import columns, files, run
from contacts.imports.errors import FileFault
from contacts.models import Import
from tenants import ids
from tenants.models import Tenant
from tenants.scope import scope
from tenants.sealed_files import Scratch

_WAIT_S = 0.5


class Command(BaseCommand):
    help = "Load contacts, orders, events, costs, products from CSV or XLSX files into a tenant."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
        parser.add_argument("--tenant", required=True, help="short name, name or id")
        parser.add_argument(
            "--kind", choices=Import.Kind.values, help="told by name or header else"
        )
        parser.add_argument("--dry-run", action="store_true", help="count and check, write nothing")
        parser.add_argument(
            "--map",
            action="append",
            default=[],
            metavar="HEADER=FIELD",
            help="e.g. 客户=external_id",
        )
        parser.add_argument("--errors", type=Path, metavar="DIR", help="write error files there")
        parser.add_argument("--language", default=settings.LANGUAGE_CODE, help="of the messages")

    def handle(self, *args: Any, **options: Any) -> None:
        tenant = _tenant(options["tenant"])
        mapping = _mapping(options["map"])
        with translation.override(options["language"]):
            jobs = [(path, self._kind(path, options["kind"], mapping)) for path in options["files"]]
            jobs.sort(key=lambda job: columns.ORDER.index(job[1]) if job[1] else -1)
            failed = 0
            for path, kind in jobs:
                done = self._load(tenant, path, kind, mapping, options) if kind else None
                failed += done is None or done.status == Import.Status.FAILED
            if not options["dry_run"]:
                run.settle(tenant.pk)
        if failed:
            raise CommandError(f"{failed} of {len(jobs)} files could not be loaded.")

    def _kind(self, path: Path, given: str | None, mapping: dict[str, str]) -> str | None:
        """None, and a sentence on the terminal, when the file cannot even be looked into."""
        try:
            kind = given or columns.kind_by_name(path.stem) or _kind_by_header(path, mapping)
            with path.open("rb"):
                return kind
        except FileFault as fault:
            self.stderr.write(f"{path}: {fault.message}")
        except OSError as error:
            self.stderr.write(f"{path}: {error.strerror}")
        return None

    def _load(
        self,
        tenant: Tenant,
        path: Path,
        kind: str,
        mapping: dict[str, str],
        options: dict[str, Any],
    ) -> Import:
        with scope(tenant), path.open("rb") as file:
            job = run.bring(
                kind,
                file,
                path.name,
                dry_run=options["dry_run"],
                mapping=mapping,
                language=options["language"],
            )
        done = _carry_out(tenant, job)
        if done.status == Import.Status.FAILED:
            self.stderr.write(f"{path} ({kind}): {done.error_message} [{done.error_code}]")
            return done
        self.stdout.write(
            f"{path} ({kind}): created {done.created}, updated {done.updated}, "
            f"unchanged {done.unchanged}, rejected {done.rejected}"
        )
        if done.rejected:
            with scope(tenant):
                self.stdout.write(f"  rejected rows: {_error_file(done, path, options['errors'])}")
        return done


def _carry_out(tenant: Tenant, job: Import) -> Import:
    """Run it here, unless a worker was quicker; other imports of the tenant come first."""
    while True:
        with scope(tenant):
            claimed = run.claim(job.pk)
        if claimed is not None:
            run.carry_out(tenant, claimed)
        with scope(tenant):
            job.refresh_from_db()
        if job.status in {Import.Status.DONE, Import.Status.FAILED}:
            return job
        time.sleep(_WAIT_S)


def _error_file(done: Import, path: Path, folder: Path | None) -> str:
    """Where they are to be read: what is kept is sealed."""
    if folder is None:
        return "on the page of the import; or load the file again with --errors DIR"
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{path.stem}.errors.csv"
    with done.error_file.open("rb") as kept, target.open("wb") as copy:
        shutil.copyfileobj(kept, copy)
    return str(target)


def _kind_by_header(path: Path, mapping: dict[str, str]) -> str:
    with Scratch() as spool:
        table = files.open_table(lambda: path.open("rb"), spool)
    kind = columns.kind_by_header(table.header, mapping)
    if kind is None:
        raise FileFault("unknown_kind")
    return kind


def _tenant(text: str) -> Tenant:
    number = int(text) if text.isdigit() else ids.decode(text)
    found = list(Tenant.objects.filter(Q(slug=text) | Q(name=text) | Q(pk=number))[:3])
    exact = [tenant for tenant in found if tenant.slug == text] or found
    if len(exact) == 1:
        return exact[0]
    raise CommandError(
        f"There is no tenant “{text}”." if not exact else f"Several tenants are called “{text}”."
    )


def _mapping(pairs: list[str]) -> dict[str, str]:
    known = {field for fields in columns.HEADERS.values() for field in fields}
    mapping: dict[str, str] = {}
    for pair in pairs:
        header, separator, field = pair.rpartition("=")
        if not separator or not header.strip() or field.strip() not in known:
            raise CommandError(
                f"--map {pair}: write HEADER=FIELD, with a field of {sorted(known)}."
            )
        mapping[header.strip()] = field.strip()
    return mapping
