"""Many whole numbers as one value: how a day's rows are packed by SQL, and read again as bytes.

A column has one number for each row of the day, all columns in one order. A number's highest byte
comes first, and each takes as few bytes as the column's largest one needs: 2, 4 or 8, which the
length tells. Of eight the first one has the sign.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from io import BytesIO
from struct import Struct
from typing import Any, Final

from django.db import connection

Column = memoryview


def columns(names: Mapping[str, str], order: str) -> str:
    """SQL that packs each number into the column of that name, in this order."""
    return ", ".join(
        f"string_agg(substring(int8send({number}) FROM 9 - {number}_bytes), '' ORDER BY {order})"
        f" AS {name}"
        for number, name in names.items()
    )


def widths(numbers: Sequence[str]) -> str:
    """SQL of how many bytes each number takes on its day, beside the numbers."""
    return ", ".join(f"{_width(number)} AS {number}_bytes" for number in numbers)


def _width(number: str) -> str:
    least, top = (f"{of}({number}) OVER (PARTITION BY day)" for of in ("min", "max"))
    return (
        f"CASE WHEN {least} < 0 THEN 8 WHEN {top} < 65536 THEN 2 WHEN {top} < 4294967296 THEN 4"
        " ELSE 8 END"
    )


# Of a row in Postgres' binary form: how many fields; of a field: how many bytes, −1 for null.
_FIELDS, _LENGTH = Struct(">h"), Struct(">i")
_HEAD: Final = 19
_FIRST_DAY: Final = date(2000, 1, 1)


def read(sql: str, given: Mapping[str, Any]) -> Iterator[tuple[date, int | None, list[Column]]]:
    """Inside a scope: rows of a day, a number of four bytes, and more fields, all as bytes, null as
    none: as text they take twice as long.
    """
    told = BytesIO()
    with connection.cursor() as cursor:
        rows = cursor.mogrify(sql, given).decode()
        cursor.copy_expert(f"COPY ({rows}) TO STDOUT (FORMAT binary)", told)
    whole, place = told.getbuffer(), _HEAD
    while (fields := _FIELDS.unpack_from(whole, place)[0]) >= 0:
        place += _FIELDS.size
        values: list[Column] = []
        for _field in range(fields):
            length = _LENGTH.unpack_from(whole, place)[0]
            place += _LENGTH.size
            values.append(whole[place : place + max(length, 0)])
            place += max(length, 0)
        day, number, *rest = values
        yield _FIRST_DAY + timedelta(days=whole_of(day)), whole_of(number) if number else None, rest


def whole_of(field: Column) -> int:
    """An integer, or the days since 2000 of a date."""
    number: int = _LENGTH.unpack(field)[0]
    return number
