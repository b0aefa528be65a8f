"""Which lists can be taken out, which columns do they have, and whose rows are they?

Contacts, orders and events are declared by contacts.api, which knows their lists' filters; upper
apps add theirs in apps.py. The admin adds how its own filtered lists are read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from django.utils.functional import Promise
from django.utils.translation import get_language

from contacts.imports.columns import HEADERS
from tenants.models import User

Query = Mapping[str, Sequence[str]]
Cells = Iterable[Sequence[object]]


@dataclass(frozen=True)
class Kind:
    """A list. `columns` answers name → label, and may grow while apps start."""

    name: str
    label: str | Promise
    columns: Callable[[], Mapping[str, str | Promise]]
    # The rows that the filters of the API's list leave; raises ValidationError for unknown ones.
    rows: Callable[[Query], QuerySet[Any]]
    # Of these, what a salesperson may see.
    limited: Callable[[QuerySet[Any], int | None], QuerySet[Any]]
    # (ids, columns, whole phone numbers?) → the cells of those that are still there, in order.
    cells: Callable[[Sequence[int], Sequence[str], bool], Cells]
    # Columns that are not declared one by one: `custom.` allows any custom field.
    prefixes: tuple[str, ...] = ()

    def has(self, column: str) -> bool:
        return column in self.columns() or any(
            column.startswith(prefix) and len(column) > len(prefix) for prefix in self.prefixes
        )

    def title(self, column: str, *, in_words: bool) -> str:
        """The header of a column: as files are brought, so that an export can come back.

        In the reader's language if `in_words`; else by its name, for programs.
        """
        for prefix in self.prefixes:
            if column.startswith(prefix):
                return column.removeprefix(prefix)
        if not in_words or not (get_language() or "").startswith("zh"):
            return column
        written = HEADERS.get(self.name, {}).get(column, ())
        return written[0] if written else str(self.columns().get(column, column))


_kinds: dict[str, Kind] = {}
# kind → the rows of the admin's list: those ticked (ids), or those of its address (address).
admin_lists: dict[str, Callable[[User, Query], QuerySet[Any]]] = {}


def declare(kind: Kind) -> None:
    _kinds[kind.name] = kind


def known() -> list[Kind]:
    return list(_kinds.values())


def named(name: str) -> Kind | None:
    return _kinds.get(name)
