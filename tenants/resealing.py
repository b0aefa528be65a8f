"""Where do sealed values lie, and how are they sealed with the newest version of the key?"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from django.db import connection
from psycopg2.extras import execute_values

from tenants import vault
from tenants.fields import EncryptedField
from tenants.isolation import tenant_models
from tenants.scope import TenantModel, current_tenant_id
from tenants.vault import Keys

log = logging.getLogger(__name__)

BATCH: Final = 500  # rows that traffic may wait for


@dataclass(frozen=True)
class Holder:
    """A place where sealed values lie. Both run inside a scope.

    `versions` counts its values by the version that sealed them. `reseal(after)` seals a batch of
    those with ids above `after` anew, skips what others hold, and answers where it got to, or None
    at the end.
    """

    name: str
    versions: Callable[[], Counter[int]]
    reseal: Callable[[int], int | None]


_others: list[Holder] = []


def register(holder: Holder) -> None:
    """In apps.py: a place that is no EncryptedField. Columns are found by themselves."""
    _others.append(holder)


def holders() -> list[Holder]:
    columns = (
        Holder(model._meta.db_table, partial(_versions, model), partial(_reseal, model))
        for model in tenant_models()
        if sealed_fields(model)
    )
    return [*columns, *_others]


def sealed_fields(model: type[Any]) -> list[EncryptedField]:
    return [each for each in model._meta.local_concrete_fields if isinstance(each, EncryptedField)]


def anew(keys: Keys, of: EncryptedField, value: str | None, *rows: object) -> str | None:
    """The value as the newest version seals it, bound to that of the rows which it opens in. What
    does not open stays as it is, and keeps its version from being removed.
    """
    if not value or vault.version_of(value) == keys.version:
        return value
    for row in rows:
        try:
            text = keys.unseal(value, of.bound_in(row))
        except vault.Unreadable:
            continue
        return keys.seal(text, of.bound_in(row))
    log.warning("%s of row %s does not open", of, rows[0])
    return value


# --- columns ---


def _versions(model: type[TenantModel]) -> Counter[int]:
    found: Counter[int] = Counter()
    for each in sealed_fields(model):
        column, table = each.attname, model._meta.db_table
        found += counted(
            f'SELECT split_part("{column}", \':\', 1), count(*) FROM "{table}"'  # noqa: S608 - our own names
            f" WHERE tenant_id = %s AND \"{column}\" <> '' GROUP BY 1"
        )
    return found


def counted(query: str) -> Counter[int]:
    """What a query about the tenant tells: the mark of a version, and how often it is there."""
    with connection.cursor() as cursor:
        cursor.execute(query, [current_tenant_id()])
        return Counter({vault.version_of(mark): int(number) for mark, number in cursor.fetchall()})


def _reseal(model: type[TenantModel], after: int) -> int | None:
    """Rows that somebody holds are skipped: this never waits, so nobody waits in a circle."""
    fields, keys = sealed_fields(model), vault.keys()
    found = list(_behind(model, fields, f"v{keys.version}:", after))
    changed = []
    for pk, *rest in found:
        values, rows = rest[::2], rest[1::2]
        fresh = [anew(keys, *each) for each in zip(fields, values, rows, strict=True)]
        if fresh != values:
            changed.append((pk, *fresh))
    _write(model, fields, changed)
    return int(found[-1][0]) if found else None


def _behind(
    model: type[TenantModel], fields: Sequence[EncryptedField], mark: str, after: int
) -> Iterable[tuple[Any, ...]]:
    """A batch of rows, locked: id, and of each field its value and what it is bound to."""
    old = " OR ".join(
        f'("{each.attname}" <> \'\' AND NOT starts_with("{each.attname}", %(mark)s))'
        for each in fields
    )
    shown = ", ".join(f'"{each.attname}", "{_bound(model, each)}"' for each in fields)
    with connection.cursor() as cursor:
        cursor.execute(
            f'SELECT id, {shown} FROM "{model._meta.db_table}"'  # noqa: S608 - our own names
            f" WHERE tenant_id = %(tenant)s AND id > %(after)s AND ({old})"
            " ORDER BY id LIMIT %(batch)s FOR NO KEY UPDATE SKIP LOCKED",
            {"tenant": current_tenant_id(), "after": after, "mark": mark, "batch": BATCH},
        )
        yield from cursor.fetchall()


def _bound(model: type[TenantModel], of: EncryptedField) -> str:
    return str(model._meta.get_field(of.bound_to).column)  # type: ignore[union-attr]


def _write(
    model: type[TenantModel], fields: Sequence[EncryptedField], rows: Sequence[tuple[Any, ...]]
) -> None:
    if not rows:
        return
    columns = [f'"{each.attname}"' for each in fields]
    sets = ", ".join(f"{column} = n.{column}" for column in columns)
    with connection.cursor() as cursor:
        execute_values(
            cursor,
            f'UPDATE "{model._meta.db_table}" x SET {sets}'  # noqa: S608 - our own names
            f" FROM (VALUES %s) AS n(tenant_id, id, {', '.join(columns)})"
            " WHERE x.tenant_id = n.tenant_id AND x.id = n.id",
            [(current_tenant_id(), *row) for row in rows],
            f"(%s, %s{', %s::text' * len(columns)})",
            page_size=BATCH,
        )
