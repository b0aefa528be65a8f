"""The description of the API as it is served: made once by each process, for each language."""

from __future__ import annotations

from typing import Any

from django.utils.translation import get_language
from drf_spectacular.generators import SchemaGenerator

_made: dict[str | None, Any] = {}


class Contract(SchemaGenerator):
    """The same for all who ask; with hundreds of operations, making it takes seconds."""

    def get_schema(self, *args: Any, **named: Any) -> Any:
        language = get_language()
        if language not in _made:
            made = super().get_schema(*args, **named)  # type: ignore[no-untyped-call] # theirs
            _made[language] = made
        return _made[language]
