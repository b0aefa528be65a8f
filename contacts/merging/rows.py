"""How do all rows that name one contact come to name another, and how do they go back?

Generic: every TenantForeignKey to contacts, whatever the app. A row that would stand twice under a
unique constraint gives way to the other: what points to it is moved on, and it is kept whole.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from django.db import IntegrityError, connection, models, transaction
from django.db.models import Q

from contacts.merging import rules
from contacts.models import Contact, MergedRows
from tenants.isolation import composite_keys, tenant_models
from tenants.scope import TenantForeignKey, TenantModel, current_tenant_id

Row = dict[str, Any]
Step = MergedRows.Step


class Key(NamedTuple):
    """A column that names a row of the table in question."""

    model: type[TenantModel]
    field: TenantForeignKey[Any, Any]

    @property
    def column(self) -> str:
        return str(self.field.column)


class Unique(NamedTuple):
    """Of the rows with equal `others`, one may name a target."""

    others: tuple[str, ...]
    condition: Q
    nulls_equal: bool = False


class Clash(NamedTuple):
    """Two rows of which one may stay, by their primary keys."""

    absorbed: Row
    survivor: Row


def keys_to(target: type[models.Model]) -> Iterator[Key]:
    for model in tenant_models():
        for each in composite_keys(model):
            if each.remote_field.model is target:
                yield Key(model, each)


def primary_key(model: type[TenantModel]) -> list[str]:
    """Columns of the primary key, without the tenant."""
    key = model._meta.pk
    names = key.field_names if isinstance(key, models.CompositePrimaryKey) else ["id"]
    columns = [str(model._meta.get_field(name).column) for name in names]  # type: ignore[union-attr]
    return [column for column in columns if column != "tenant_id"]


def uniques(key: Key) -> Iterator[Unique]:
    """The unique constraints that the key's column is part of."""
    model = key.model
    if key.column in primary_key(model):
        yield Unique(tuple(c for c in primary_key(model) if c != key.column), Q())
    for each in model._meta.constraints:
        if not isinstance(each, models.UniqueConstraint):
            continue
        if not each.fields:
            raise NotImplementedError(f"{each.name}: constraints of expressions do not merge")
        if key.field.name in each.fields:
            others = [name for name in each.fields if name not in {"tenant", key.field.name}]
            columns = tuple(str(model._meta.get_field(name).column) for name in others)  # type: ignore[union-attr]
            yield Unique(columns, each.condition or Q(), each.nulls_distinct is False)


def clashes(key: Key, old: int, new: int) -> list[Clash]:
    """The rows of `old` that may not come to stand beside those of `new`."""
    columns = primary_key(key.model)
    found: dict[tuple[Any, ...], Clash] = {}
    for unique in uniques(key):
        theirs = {
            _values(row, unique.others): row
            for row in _named(key, new, unique, columns)
            if unique.nulls_equal or None not in _values(row, unique.others)
        }
        for mine in _named(key, old, unique, columns):
            other = theirs.get(_values(mine, unique.others))
            if other is not None:
                pair = Clash(*({c: row[c] for c in columns} for row in (mine, other)))
                found.setdefault(_values(mine, columns), pair)
    return list(found.values())


def _named(key: Key, target: int, unique: Unique, columns: Sequence[str]) -> list[Row]:
    rows = key.model.objects.filter(unique.condition, **{key.column: target})
    return list(rows.values(*dict.fromkeys([*columns, *unique.others])))


def _values(row: Row, columns: Iterable[str]) -> tuple[Any, ...]:
    return tuple(row[column] for column in columns)


@dataclass
class Merging:
    """A merge in work; whatever it does to rows is written down."""

    survivor: int
    absorbed: int
    steps: list[MergedRows] = field(default_factory=list)

    def move_all(self) -> None:
        for key in keys_to(Contact):
            if key.model in rules.derived_tables:
                _run(
                    key, "DELETE FROM {table} WHERE tenant_id = %s AND {column} = %s", self.absorbed
                )
            else:
                self._shift(key, self.absorbed, self.survivor)

    def _shift(self, key: Key, old: int, new: int) -> None:
        for clash in clashes(key, old, new):
            self._combine(key.model, clash)
        names = [each for each in primary_key(key.model) if each != key.column]
        shown = ", ".join(f"'{name}', \"{name}\"" for name in names)
        moved = _run(key, f"{_MOVE} RETURNING jsonb_build_object({shown})", old, new)
        if moved:
            self._note(key.model, Step.MOVED, [row for (row,) in moved], key.column, old, new)

    def _combine(self, model: type[TenantModel], clash: Clash) -> None:
        """One of two rows stays; what pointed to the other points to it."""
        absorbed = model.objects.filter(**clash.absorbed).first()
        survivor = model.objects.filter(**clash.survivor).first()
        if absorbed is None or survivor is None:
            return  # another constraint had settled it
        keep_absorbed = rules.choices.get(model, lambda _mine, _theirs: False)(absorbed, survivor)
        kept, lost = (absorbed, survivor) if keep_absorbed else (survivor, absorbed)
        gone = clash.survivor if keep_absorbed else clash.absorbed
        values = {
            name: getattr(lost, name)
            for name in rules.filled.get(model, ())
            if getattr(kept, name) in (None, "") and getattr(lost, name) not in (None, "")
        }
        if values:
            self.change(kept, **values)
        if "id" in gone:
            for key in keys_to(model):
                self._shift(key, lost.pk, kept.pk)
        self.drop(model, gone)

    def drop(self, model: type[TenantModel], key: Row) -> None:
        """Take a row out, to be put back when the merge is undone."""
        where = " AND ".join(f'"{column}" = %s' for column in key)
        sql = f'DELETE FROM "{model._meta.db_table}" AS x WHERE tenant_id = %s AND {where}'  # noqa: S608 - our own names
        with connection.cursor() as cursor:
            cursor.execute(f"{sql} RETURNING to_jsonb(x)", [current_tenant_id(), *key.values()])
            self._note(model, Step.DROPPED, [_read(row) for (row,) in cursor.fetchall()])

    def change(self, row: TenantModel, **values: Any) -> None:
        """Give a row other values, to be taken back when the merge is undone."""
        model = type(row)
        columns = [str(row._meta.get_field(name).column) for name in values]  # type: ignore[union-attr]
        was = _stored(model, row.pk, columns)
        for name, value in values.items():
            setattr(row, name, value)
        row.save(update_fields=list(values))
        self.changed(model, row.pk, was, _stored(model, row.pk, columns))

    def changed(self, model: type[TenantModel], pk: int, was: Row, now: Row) -> None:
        """Write down a change that was made in another way; columns as the database says them."""
        self._note(model, Step.CHANGED, [{"key": pk, "before": was, "after": now}])

    def made(self, row: TenantModel) -> None:
        """Write down a row that exists because of the merge."""
        self._note(type(row), Step.MADE, [{"id": row.pk}])

    def _note(
        self, model: type[TenantModel], step: Step, rows: list[Any], column: str = "",
        old: int | None = None, new: int | None = None,
    ) -> None:  # fmt: skip
        if rows:
            label = model._meta.label
            self.steps.append(
                MergedRows(table=label, step=step, column=column, old=old, new=new, rows=rows)
            )


_DELETE = "DELETE FROM {table} WHERE tenant_id = %s AND {column} = %s"
_MOVE = "UPDATE {table} SET {column} = %s WHERE tenant_id = %s AND {column} = %s"


def _read(value: Any) -> Any:
    return json.loads(value) if isinstance(value, str) else value


def _run(key: Key, statement: str, target: int, *first: int) -> list[tuple[Any, ...]]:
    sql = statement.format(table=f'"{key.model._meta.db_table}"', column=f'"{key.column}"')
    with connection.cursor() as cursor:
        cursor.execute(sql, [*first, current_tenant_id(), target])
        found = cursor.fetchall() if cursor.description else []
    return [(_read(row[0]),) for row in found]


def stored(model: type[models.Model], pk: int) -> Row | None:
    """A row as the database has it: what is sealed stays sealed."""
    with connection.cursor() as cursor:
        cursor.execute(
            f'SELECT to_jsonb(x) FROM "{model._meta.db_table}" x WHERE tenant_id = %s AND id = %s',  # noqa: S608 - our own names
            [current_tenant_id(), pk],
        )
        found = cursor.fetchone()
    return _read(found[0]) if found else None


def _stored(model: type[TenantModel], pk: int, columns: Iterable[str]) -> Row:
    row = stored(model, pk) or {}
    return {column: row.get(column) for column in columns}


# --- counting ahead ---


def survey(absorbed: int, survivor: int) -> tuple[dict[str, int], dict[str, int]]:
    """By label of the table: rows that would move, and rows that would stand twice."""
    moves: dict[str, int] = defaultdict(int)
    drops: dict[str, int] = defaultdict(int)
    for key in keys_to(Contact):
        if key.model in rules.derived_tables:
            continue
        count = key.model.objects.filter(**{key.column: absorbed}).count()
        twice = len(clashes(key, absorbed, survivor)) if count else 0
        if count > twice:
            moves[key.model._meta.label] += count - twice
        if twice:
            drops[key.model._meta.label] += twice
    return dict(moves), dict(drops)


# --- back again ---


def put_back(steps: Sequence[MergedRows]) -> None:
    """Undo the steps, the last first. Rows that are gone or were changed since stay as they are."""
    tables = {model._meta.label: model for model in tenant_models()}
    for step in reversed(steps):
        _BACK[Step(step.step)](tables[step.table], step)


def _move_back(model: type[TenantModel], step: MergedRows) -> None:
    target = next(f for f in composite_keys(model) if f.column == step.column)
    if stored(target.remote_field.model, step.old or 0) is None:
        return  # it could not come back: what pointed to it stays where it is
    table = model._meta.db_table
    columns = [column for column in primary_key(model) if column != step.column]
    same = " AND ".join(f'x."{column}" = r."{column}"' for column in columns) or "true"
    sql = (
        f'UPDATE "{table}" AS x SET "{step.column}" = %s'  # noqa: S608 - our own names
        f' FROM jsonb_populate_recordset(NULL::"{table}", %s::jsonb) AS r'
        f' WHERE x.tenant_id = %s AND x."{step.column}" = %s AND {same}'
    )
    with connection.cursor() as cursor:
        cursor.execute(sql, [step.old, json.dumps(step.rows), current_tenant_id(), step.new])


def insert(model: type[TenantModel], row: Mapping[str, Any]) -> bool:
    """Store a row as it was. False when another has taken its place, or what it names is gone."""
    table = model._meta.db_table
    columns = ", ".join(
        f'"{f.column}"'
        for f in model._meta.local_concrete_fields
        if not isinstance(f, models.GeneratedField | models.CompositePrimaryKey)
    )
    sql = (
        f'INSERT INTO "{table}" ({columns}) SELECT {columns}'  # noqa: S608 - our own names
        f' FROM jsonb_populate_record(NULL::"{table}", %s::jsonb) ON CONFLICT DO NOTHING'
    )
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(sql, [json.dumps(row)])
            return bool(cursor.rowcount > 0)
    except IntegrityError:
        return False


def _insert_back(model: type[TenantModel], step: MergedRows) -> None:
    for row in step.rows:
        insert(model, row)


def write(model: type[TenantModel], pk: int, values: Mapping[str, Any]) -> None:
    """Put columns of a row back as the database once had them."""
    if not values:
        return
    table = model._meta.db_table
    sets = ", ".join(f'"{column}" = r."{column}"' for column in values)
    with connection.cursor() as cursor:
        cursor.execute(
            f'UPDATE "{table}" AS x SET {sets} FROM jsonb_populate_record(NULL::"{table}",'  # noqa: S608 - our own names
            " %s::jsonb) AS r WHERE x.tenant_id = %s AND x.id = %s",
            [json.dumps(values), current_tenant_id(), pk],
        )


def _change_back(model: type[TenantModel], step: MergedRows) -> None:
    which = rules.restorable.get(model, Q)()
    for row in step.rows:
        still = model.objects.filter(which, pk=row["key"]).exists()
        if still and _stored(model, row["key"], row["after"]) == row["after"]:
            with suppress(IntegrityError), transaction.atomic():
                write(model, row["key"], row["before"])


def _unmake(model: type[TenantModel], step: MergedRows) -> None:
    model.objects.filter(pk__in=[row["id"] for row in step.rows]).delete()


_BACK = {
    Step.MOVED: _move_back,
    Step.DROPPED: _insert_back,
    Step.CHANGED: _change_back,
    Step.MADE: _unmake,
}
