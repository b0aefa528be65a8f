"""Rows on their way into tables: COPY to a temporary table, then statements over the set.

COPY FROM is refused on tables with row-level security; a temporary table is the sessions's own and
goes with the transaction, so this works behind a transaction pooler too.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

import msgspec
from django.db import connection

from tenants.isolation import LOADED


def document(value: object) -> str | None:
    """A value as a jsonb column takes it."""
    return None if value is None else msgspec.json.encode(value).decode()


def stage(
    table: str, columns: dict[str, str], rows: Iterable[Sequence[str | int | date | None]]
) -> None:
    """Make the temporary table `table`: columns (name → type) and rows; and analyse it.

    None and "" are both null: that is what CSV can say.
    """
    data = io.StringIO()
    csv.writer(data, lineterminator="\n").writerows(rows)
    stage_lines(table, columns, data.getvalue())


def stage_lines(table: str, columns: dict[str, str], lines: str) -> None:
    """As `stage`, of rows that are lines of CSV already."""
    declared = ", ".join(f"{name} {kind}" for name, kind in columns.items())
    with connection.cursor() as cursor:
        # A batch tried again in the same transaction (dry runs) finds the table of the one before.
        cursor.execute(f"DROP TABLE IF EXISTS {table}")
        cursor.execute(f"CREATE TEMPORARY TABLE {table} ({declared}) ON COMMIT DROP")
        cursor.copy_expert(
            f"COPY {table} FROM STDIN (FORMAT csv)", io.StringIO(lines), size=1 << 20
        )
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
