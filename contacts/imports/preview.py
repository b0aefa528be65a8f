"""What is in a file before it is imported? Its header, a few values, the fields they mean."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import BinaryIO, cast

from django.core.files.storage import default_storage

from contacts.imports import files, keeping
from contacts.imports.columns import CUSTOM, LEFT_OUT, REQUIRED, field_of, lay_out
from contacts.imports.errors import FileFault
from contacts.models import Import
from tenants import storage
from tenants.sealed_files import Scratch

_LOOKED_AT = 50
_SAMPLES = 3
LONGEST = 40


@dataclass(frozen=True)
class Column:
    title: str
    samples: list[str]
    meant: str  # a field, LEFT_OUT, CUSTOM or custom.<key>


@dataclass(frozen=True)
class Preview:
    columns: list[Column]
    missing: list[str]  # required fields that no column means
    fault: str  # why it cannot be imported so; empty when it can


@dataclass(frozen=True)
class Fault:
    """A refused row as the page shows it."""

    line: str
    column: str
    value: str
    message: str


def look(job: Import, mapping: Mapping[str, str]) -> Preview:
    """Read the head of the file; raises FileFault when it cannot be read at all."""
    with keeping.faults(), Scratch() as spool:
        table = files.open_table(storage.source(job.file), spool, only=_LOOKED_AT)
        rows = [cells for _line, cells in islice(table.walk(), _LOOKED_AT) if cells]
    columns = [
        Column(title, _samples(rows, place), _meant(job.kind, title, mapping))
        for place, title in enumerate(table.header)
    ]
    found = {column.meant for column in columns}
    missing = [field for field in REQUIRED[job.kind] if field not in found]
    try:
        lay_out(job.kind, table.header, mapping)
    except FileFault as fault:
        return Preview(columns, missing, fault.message)
    return Preview(columns, missing, "")


def _meant(kind: str, title: str, mapping: Mapping[str, str]) -> str:
    field = field_of(kind, title, mapping)
    if field is None:
        return CUSTOM if kind == "contacts" and title.strip() else LEFT_OUT
    return field


def _samples(rows: Sequence[Sequence[str]], place: int) -> list[str]:
    values = (row[place] for row in rows if place < len(row) and row[place].strip())
    return [shortened(value) for value in islice(dict.fromkeys(values), _SAMPLES)]


def shortened(value: str) -> str:
    return value if len(value) <= LONGEST else f"{value[:LONGEST]}…"


def errors_gone(job: Import) -> bool:
    """Were there refused rows in a file that is no longer kept?"""
    if not job.error_file:
        return bool(job.files_gone_at and job.rejected)
    return not default_storage.exists(str(job.error_file.name))


def first_faults(job: Import, most: int = 10) -> list[Fault]:
    """The first rows of the error file; none when it is not (or no longer) there."""
    stored = keeping.opened(job.error_file) if job.error_file else None
    if stored is None:
        return []
    with io.TextIOWrapper(cast("BinaryIO", stored.file), encoding="utf-8-sig", newline="") as file:
        rows = csv.reader(file)
        header = next(rows, [])[4:]
        return [_fault(row, header) for row in islice(rows, most)]


def _fault(row: list[str], header: list[str]) -> Fault:
    line, column, _code, message, *cells = row
    place = header.index(column) if column in header else None
    value = cells[place] if place is not None and place < len(cells) else ""
    return Fault(line, column, shortened(value), message)
