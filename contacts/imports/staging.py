"""Rows on their way into tables: COPY to a temporary table, then statements over the set.

COPY FROM is refused on tables with row-level security; a temporary table is the sessions's own and
goes with the transaction, so this works behind a transaction pooler too.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from typing import Any

from django.db import connection

from tenants.isolation import LOADED

Encoder = Callable[[object], str]
NULL = r"\N"


def text(value: object) -> str:
    """Text for COPY."""
    if value is None:
        return NULL
    found = str(value)
    if "\\" in found:
        found = found.replace("\\", "\\\\")
    if found.isprintable():
        return found
    return found.replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")


def plain(value: object) -> str:
    """Numbers, truth values: nothing to escape."""
    return NULL if value is None else str(value)


def moment(value: object) -> str:
    return value.isoformat() if isinstance(value, date) else NULL


def document(value: object) -> str:
    """JSON."""
    return NULL if value is None else text(json.dumps(value, ensure_ascii=False))


def numbers(value: object) -> str:
    """An array of whole numbers."""
    return f"{{{','.join(map(str, value))}}}" if isinstance(value, Iterable) else NULL


# Column types of staging tables and how their values are written.
_ENCODERS: dict[str, Encoder] = {
    "text": text,
    "int": plain,
    "bigint": plain,
    "boolean": plain,
    "timestamptz": moment,
    "date": moment,
    "jsonb": document,
    "bigint[]": numbers,
}


def stage(table: str, columns: dict[str, str], rows: Iterable[Sequence[object]]) -> None:
    """Make the temporary table `table`: columns (name → type) and rows; and analyse it."""
    encoders = [_ENCODERS[kind] for kind in columns.values()]
    lines = (
        "\t".join([encode(value) for encode, value in zip(encoders, row, strict=True)]) + "\n"
        for row in rows
    )
    stage_lines(table, columns, lines)


def stage_lines(table: str, columns: dict[str, str], lines: Iterable[str]) -> None:
    """The same with rows as COPY reads them: tabs between values, a line end behind."""
    declared = ", ".join(f"{name} {kind}" for name, kind in columns.items())
    with connection.cursor() as cursor:
        # A batch tried again in the same transaction (dry runs) finds the table of the one before.
        cursor.execute(f"DROP TABLE IF EXISTS {table}")
        cursor.execute(f"CREATE TEMPORARY TABLE {table} ({declared}) ON COMMIT DROP")
        cursor.copy_expert(f"COPY {table} FROM STDIN", io.StringIO("".join(lines)), size=1 << 20)
        # The planner only has to know how many rows there are.
        cursor.execute(f"ANALYZE {table} ({next(iter(columns))})")


def run(sql: str, parameters: Mapping[str, Any]) -> int:
    """Execute a statement; answers how many rows it wrote."""
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return int(cursor.rowcount)


def rows_of(sql: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return list(cursor.fetchall())


def column_of(sql: str, parameters: Mapping[str, Any]) -> list[int]:
    """The first column, numbers, of what a query answers."""
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return [int(row[0]) for row in cursor.fetchall()]


def refresh_statistics() -> None:
    """After a load: tell the planner the new sizes, so that the next questions are quick."""
    with connection.cursor() as cursor:
        cursor.execute(f"ANALYZE {', '.join(LOADED)}")
