"""What do we know of a person? Everything, as they may ask for it: every table, nothing masked."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from datetime import date, datetime, time
from typing import Any

from django.db import models
from django.utils import timezone

from contacts import spreadsheet
from contacts.models import Contact
from contacts.privacy import holdings
from tenants.ids import encode

Table = list[dict[str, Any]]


def everything(contact: Contact) -> dict[str, Any]:
    """Inside a scope: all rows of the contact, by table; what is sealed is opened."""
    tables: dict[str, Table] = {}
    for model in sorted(holdings.tables(), key=lambda each: each._meta.label_lower):
        rows = holdings.rows(model, contact.pk).order_by("pk")
        found = [_row(row) for row in rows.iterator(chunk_size=2000)]
        if found:
            tables[model._meta.label_lower] = found
    return {
        "contact": encode(contact.pk),
        "made_at": timezone.localtime().isoformat(),
        "tables": tables,
    }


def zipped(document: dict[str, Any]) -> bytes:
    """The same as a file: all as JSON, and each table as CSV for people with a spreadsheet."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("person.json", json.dumps(document, ensure_ascii=False, indent=1))
        for name, rows in document["tables"].items():
            archive.writestr(f"{name}.csv", "\ufeff" + _csv(rows))
    return packed.getvalue()


def _csv(rows: Table) -> str:
    text = io.StringIO()
    columns = list(rows[0])
    writer = csv.writer(text)
    writer.writerow(columns)
    for row in rows:
        writer.writerow([_cell(row[column]) for column in columns])
    return text.getvalue()


def _cell(value: Any) -> str:
    if isinstance(value, dict | list):
        value = json.dumps(value, ensure_ascii=False)
    return spreadsheet.neutral("" if value is None else str(value))


def _row(row: models.Model) -> dict[str, Any]:
    return {
        field.name: _value(field, getattr(row, field.attname))
        for field in row._meta.local_concrete_fields
        if field.name != "tenant"
        and not isinstance(field, models.BinaryField | models.CompositePrimaryKey)
    }


def _value(field: models.Field[Any, Any], value: Any) -> Any:
    if isinstance(field, models.ForeignKey | models.AutoField) and isinstance(value, int):
        return encode(value)
    if isinstance(value, datetime):
        return timezone.localtime(value).isoformat()
    if isinstance(value, date | time):
        return value.isoformat()
    if value is None or isinstance(value, bool | int | float | dict | list):
        return value
    return str(value)
