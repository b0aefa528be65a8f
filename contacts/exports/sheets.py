"""How are rows written as CSV or XLSX? As a stream: memory does not grow with the rows."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import Protocol

from django.utils import timezone
from openpyxl import Workbook

from contacts.spreadsheet import neutral

_MOST_ROWS = 1_048_576  # of a sheet of Excel
_LONGEST = 32_767  # characters of its cells


class Sheet(Protocol):
    def add(self, rows: Iterable[Sequence[object]]) -> None: ...


class _Csv:
    def __init__(self, path: Path, header: Sequence[str]) -> None:
        self._file = path.open("w", encoding="utf-8", newline="")
        # Excel takes a CSV for UTF-8 only when it begins with this mark.
        self._file.write("\ufeff")
        self._writer = csv.writer(self._file)
        self._writer.writerow([neutral(title) for title in header])

    def add(self, rows: Iterable[Sequence[object]]) -> None:
        self._writer.writerows([text(cell) for cell in row] for row in rows)

    def close(self) -> None:
        self._file.close()


class _Xlsx:
    def __init__(self, path: Path, header: Sequence[str]) -> None:
        self._path, self._header = path, [neutral(title) for title in header]
        self._book = Workbook(write_only=True)
        self._begin()

    def _begin(self) -> None:
        """Another sheet: one holds a million rows."""
        self._sheet = self._book.create_sheet()
        self._sheet.append(self._header)
        self._rows = 1

    def add(self, rows: Iterable[Sequence[object]]) -> None:
        for row in rows:
            if self._rows == _MOST_ROWS:
                self._begin()
            self._sheet.append([text(cell)[:_LONGEST] for cell in row])
            self._rows += 1

    def close(self) -> None:
        self._book.save(self._path)
        self._book.close()


@contextmanager
def open_sheet(path: Path, form: str, header: Sequence[str]) -> Iterator[Sheet]:
    """A file in the making; whole when the block ends."""
    sheet = (_Xlsx if form == "xlsx" else _Csv)(path, header)
    try:
        yield sheet
    finally:
        sheet.close()


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
