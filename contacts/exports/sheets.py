"""How are rows written as CSV or XLSX? As a stream: memory does not grow with the rows."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from typing import BinaryIO, Protocol

from django.utils import timezone

from contacts.exports.workbook import Workbook
from contacts.spreadsheet import neutral
from tenants.sealed_files import Scratch


class Sheet(Protocol):
    def add(self, rows: Iterable[Sequence[object]]) -> None: ...


class _Csv:
    def __init__(self, file: BinaryIO, header: Sequence[str]) -> None:
        self._file = io.TextIOWrapper(file, encoding="utf-8", newline="")
        # Excel takes a CSV for UTF-8 only when it begins with this mark.
        self._file.write("\ufeff")
        self._writer = csv.writer(self._file)
        self._writer.writerow(header)

    def add(self, rows: Iterable[Sequence[object]]) -> None:
        self._writer.writerows([text(cell) for cell in row] for row in rows)

    def close(self) -> None:
        self._file.flush()


class _Xlsx:
    def __init__(self, file: BinaryIO, header: Sequence[str]) -> None:
        self._book = Workbook(file, header)

    def add(self, rows: Iterable[Sequence[object]]) -> None:
        for row in rows:
            self._book.add([text(cell) for cell in row])

    def close(self) -> None:
        self._book.close()


@contextmanager
def open_sheet(target: Scratch, form: str, header: Sequence[str]) -> Iterator[Sheet]:
    """A file in the making; whole when the block ends."""
    with target.writer() as file:
        made = (_Xlsx if form == "xlsx" else _Csv)(file, [neutral(title) for title in header])
        try:
            yield made
        finally:
            made.close()


def text(value: object) -> str:
    """A cell as files are brought: times in the tenant's zone, blank for nothing."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return f"{timezone.localtime(value):%Y-%m-%d %H:%M:%S}"
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, int | float):
        return str(value)  # a number is no formula, whatever its sign
    return neutral(str(value))
