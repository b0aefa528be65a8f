"""Objects out of a statement of one's own, where composing it would take longer than its answer.

As `Model.objects.raw`, for a part of its price, and several tables may be read at once:
`SELECT {columns(Key, "k")}, {columns(Tenant, "t")} FROM …`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, TypeVar

from django.db import connection
from django.db.models import Model

M = TypeVar("M", bound=Model)


@cache
def names(model: type[Model]) -> tuple[str, ...]:
    return tuple(field.attname for field in model._meta.concrete_fields)


def columns(model: type[Model], alias: str) -> str:
    """All columns of the model's table, for a SELECT that calls it `alias`."""
    return ", ".join(f"{alias}.{field.column}" for field in model._meta.concrete_fields)


@cache
def _readers(model: type[Model]) -> list[tuple[int, Callable[..., Any]]]:
    """Where a value is not what Python works with (JSON): its place, and what makes it so."""
    return [
        (place, read)
        for place, field in enumerate(model._meta.concrete_fields)
        if (read := getattr(field, "from_db_value", None)) is not None
    ]


def made(model: type[M], row: Sequence[Any]) -> M:
    """The object whose `columns` the row begins with."""
    values = list(row[: len(names(model))])
    for place, read in _readers(model):
        values[place] = read(values[place], None, connection)
    return model.from_db(connection.alias, names(model), values)
