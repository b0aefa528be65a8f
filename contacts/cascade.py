"""Delete rows by the thousand with all that hangs on them, as `on_delete` says.

Django's own way fetches what hangs on rows and deletes a hundred at a time, and of tables that
refer to each other in an order that only keys checked at the end allow; ours are checked at once.
This is a statement a table, whatever the number, and what hangs on rows always goes before them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final, cast

from django.db import connection, models

from contacts import arrays
from tenants.scope import TenantModel, current_tenant_id

_Follow = Callable[[type[TenantModel], str, list[int]], None]


def delete(model: type[TenantModel], ids: Sequence[int]) -> int:
    """Inside a scope. Answers how many rows went; raises ProtectedError as Django does."""
    return _delete(model, "id", list(ids))


def _delete(model: type[TenantModel], column: str, ids: list[int]) -> int:
    hanging = list(_hanging(model))
    if hanging and column != "id":
        column, ids = "id", _ids(model, column, ids)
    if not ids:
        return 0
    for other, key, follow in hanging:
        follow(other, key, ids)
    return _run(f'DELETE FROM "{model._meta.db_table}" WHERE {_MEANT.format(column)}', ids)  # noqa: S608 - names of ours


def _forget(model: type[TenantModel], column: str, ids: list[int]) -> None:
    _run(
        f'UPDATE "{model._meta.db_table}" SET "{column}" = NULL WHERE {_MEANT.format(column)}',  # noqa: S608 - names of ours
        ids,
    )


def _drop(model: type[TenantModel], column: str, ids: list[int]) -> None:
    _delete(model, column, ids)


def _refuse(model: type[TenantModel], column: str, ids: list[int]) -> None:
    if _ids(model, column, ids):
        raise models.ProtectedError("Some rows are still in use.", set())


_ON_DELETE: Final[dict[object, _Follow]] = {
    models.CASCADE: _drop,
    models.SET_NULL: _forget,
    models.PROTECT: _refuse,
}
_MEANT: Final = 'tenant_id = %(tenant)s AND "{}" = ANY(%(ids)s::bigint[])'


def _hanging(model: type[TenantModel]) -> Iterator[tuple[type[TenantModel], str, _Follow]]:
    """Keys to this model: table, column, what becomes of its rows."""
    for relation in model._meta.get_fields(include_hidden=True):
        if isinstance(relation, models.ManyToOneRel):
            other = cast("type[TenantModel]", relation.related_model)
            yield other, relation.field.column, _ON_DELETE[relation.on_delete]


def _ids(model: type[TenantModel], column: str, ids: list[int]) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(
            f'SELECT id FROM "{model._meta.db_table}" WHERE {_MEANT.format(column)}',  # noqa: S608 - names of ours
            {"tenant": current_tenant_id(), "ids": arrays.literal(ids)},
        )
        return [pk for (pk,) in cursor.fetchall()]


def _run(statement: str, ids: list[int]) -> int:
    with connection.cursor() as cursor:
        cursor.execute(statement, {"tenant": current_tenant_id(), "ids": arrays.literal(ids)})
        return int(cursor.rowcount)
