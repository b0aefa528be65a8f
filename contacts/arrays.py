"""How does a list reach Postgres as one parameter? As the literal of an array.

The driver would write a list as an expression of its elements, which takes it and the server's
parser longer than the work that the list is for.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from django.db.models import Lookup


def literal(
    values: Sequence[str] | Sequence[int] | Sequence[float] | Sequence[datetime],
) -> str:
    """The text to cast: `%s::text[]`, `%s::bigint[]`, `%s::float8[]`, `%s::timestamptz[]`."""
    # JSON quotes as arrays do, but for its brackets and its names for control characters.
    text = msgspec.json.encode(values).decode()
    if "\\" in text:
        text = f"[{','.join(_quoted(str(value)) for value in values)}]"
    return f"{{{text[1:-1]}}}"


class Among(Lookup):
    """`filter(Among(F("contact_id"), ids))`: as `contact_id__in`, for ids by the thousand."""

    prepare_rhs = False

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        column, parameters = self.process_lhs(compiler, connection)
        return f"{column} = ANY(%s::bigint[])", (*parameters, literal(self.rhs))


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
