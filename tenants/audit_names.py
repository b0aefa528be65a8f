"""What are the rows called now that lines of the audit log point to?"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from django.apps import apps
from django.contrib import admin
from django.db import models
from django.utils.translation import gettext as _

from tenants.admin_base import link_to
from tenants.ids import decode
from tenants.models import AuditEntry

# By the ids of a table that are asked for: the row, or what to say instead of it.
Find = Callable[[Collection[int]], Mapping[int, "models.Model | str"]]

_finders: dict[type[models.Model], Find] = {}


def find(table: type[models.Model], how: Find) -> None:
    """Register, in apps.py: a table whose rows are to be found in another way than by id."""
    _finders[table] = how


def read(entries: Iterable[AuditEntry]) -> dict[str, str]:
    """Inside a scope: what all references of these lines are called now, linked to their pages.

    A row that is gone is called as its line says, if the business had named it.
    """
    entries = list(entries)
    wanted: dict[type[models.Model], dict[int, str]] = defaultdict(dict)
    for text in {each.target for each in entries} | set(_in_detail(entries)):
        place = _place(text)
        if place is not None:
            wanted[place[0]][place[1]] = text
    found: dict[str, str] = {}
    for table, references in wanted.items():
        rows = _finders.get(table, _by_id(table))(references)
        found |= {text: _called(rows.get(pk)) for pk, text in references.items()}
    for each in entries:
        if each.summary and found.get(each.target) == _gone():
            found[each.target] = each.summary
    return found


def _in_detail(entries: Iterable[AuditEntry]) -> Iterable[str]:
    for entry in entries:
        for value in entry.detail.values():
            values = value if isinstance(value, list) else [value]
            yield from (each for each in values if isinstance(each, str))


def _place(text: str) -> tuple[type[models.Model], int] | None:
    """The table and the id that a reference means; None for other texts."""
    label, colon, opaque = text.partition(":")
    pk = decode(opaque)
    if not colon or pk is None:
        return None
    tables = {model._meta.label_lower: model for model in apps.get_models()}
    return (tables[label], pk) if label in tables else None


def _by_id(table: type[models.Model]) -> Find:
    def rows(ids: Collection[int]) -> Mapping[int, models.Model]:
        related = [
            field.name
            for field in table._meta.local_fields
            if isinstance(field, models.ForeignKey) and field.name != "tenant"
        ]
        known: Any = table
        found: Mapping[int, models.Model] = known.objects.select_related(*related).in_bulk(
            list(ids)
        )
        return found

    return rows


def _called(row: models.Model | str | None) -> str:
    if row is None:
        return _gone()
    if isinstance(row, str):
        return row
    return link_to(row) if admin.site.is_registered(type(row)) else str(row)


def _gone() -> str:
    return _("no longer there")
