"""The figures of a dashboard as a file for a spreadsheet."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping
from typing import Final

from django.http import HttpResponse
from openpyxl import Workbook

from analytics.pages.tables import Table
from contacts.spreadsheet import neutral

_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def as_csv(table: Table, name: str) -> HttpResponse:
    """With a byte order mark, as spreadsheets want it."""
    response = _download(name, "csv", "text/csv; charset=utf-8")
    response.write("\ufeff")
    csv.writer(response).writerows(_rows(table))
    return response


def as_xlsx(table: Table, name: str) -> HttpResponse:
    book = Workbook(write_only=True)
    sheet = book.create_sheet(name[:31])
    for row in _rows(table):
        sheet.append(row)
    response = _download(name, "xlsx", _XLSX)
    book.save(response)
    return response


def _rows(table: Table) -> list[list[object]]:
    """Text cannot become a formula (FIGURES R45)."""
    rows: list[list[object]] = [[column.title for column in table.columns], *table.raw]
    return [[neutral(cell) if isinstance(cell, str) else cell for cell in row] for row in rows]


def _download(name: str, form: str, content_type: str) -> HttpResponse:
    response = HttpResponse(content_type=content_type)
    response["Content-Disposition"] = f'attachment; filename="{name}.{form}"'
    return response


FORMS: Final[Mapping[str, Callable[[Table, str], HttpResponse]]] = {
    "csv": as_csv,
    "xlsx": as_xlsx,
}
