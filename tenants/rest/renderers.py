"""How is an answer written? As JSON, in UTF-8, without a detour through Python's encoder."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from django.utils.functional import Promise
from rest_framework.renderers import JSONRenderer


class FastJSON(JSONRenderer):
    """A bulk answer has a thousand small objects: this takes a tenth of the time."""

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        return b"" if data is None else msgspec.json.encode(data, enc_hook=_other)


def _other(value: object) -> object:
    """What msgspec does not know: texts to be translated, subclasses of dict and list."""
    if isinstance(value, Promise):
        return str(value)
    if isinstance(value, dict):
        return dict(value)
    if isinstance(value, list | tuple):
        return list(value)
    if isinstance(value, str):
        return str.__str__(value)
    raise TypeError(f"{type(value).__name__} is not for JSON")
