"""What was asked and what was answered, without anybody's secrets?"""

import json
from collections import deque
from collections.abc import Mapping
from itertools import count
from threading import Lock
from typing import cast
from urllib.parse import parse_qsl, urlsplit

from scrm.sandbox.fields import Json

KEPT = 20_000
MASK = "***"
SECRET_WORDS = ("secret", "token", "aes_key", "echostr")
LONGEST = 4000


def masked(value: object) -> object:
    if isinstance(value, Mapping):
        return {
            name: MASK if _is_secret(str(name), inner) else masked(inner)
            for name, inner in value.items()
        }
    if isinstance(value, list):
        return [masked(item) for item in value]
    return value


def _is_secret(name: str, value: object) -> bool:
    return isinstance(value, str) and any(word in name.lower() for word in SECRET_WORDS)


def masked_query(target: str) -> Json:
    return cast(Json, masked(dict(parse_qsl(urlsplit(target).query, keep_blank_values=True))))


def masked_body(raw: bytes) -> object:
    """Never the raw bytes: what is not JSON could be anything, a secret included."""
    if not raw:
        return None
    if len(raw) > LONGEST:
        return f"{len(raw)} bytes"
    try:
        return masked(json.loads(raw))
    except ValueError:
        return f"{len(raw)} bytes, not JSON"


class Journal:
    def __init__(self) -> None:
        self._entries: deque[Json] = deque(maxlen=KEPT)
        self._numbers = count(1)
        self._lock = Lock()

    def add(self, kind: str, entry: Json) -> None:
        with self._lock:
            self._entries.append({"seq": next(self._numbers), "kind": kind, **entry})

    def read(self, *, corpid: str = "", path: str = "", since: int = 0, limit: int = 0) -> Json:
        """Entries after number `since`; the last `limit` of them when it is given."""
        with self._lock:
            entries = [entry for entry in self._entries if cast(int, entry["seq"]) > since]
        entries = [
            entry
            for entry in entries
            if corpid in ("", entry.get("corpid")) and path in str(entry.get("path"))
        ]
        return {"entries": entries[-limit:] if limit else entries}
