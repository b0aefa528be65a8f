"""How much was asked of the platform, and what did it refuse? Counted in Redis, by API.

One pipeline a call, which is forgiven when Redis is away: a figure that is missing harms nobody.
Days are those of China, as the platform's quotas are counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from redis import Redis
from redis.exceptions import RedisError

from tenants.wechat.errors import CHINA

FINE: Final = 0
SILENCE: Final = -999_999  # nobody answered: no errcode at all

# The form of a span's name, and how long it is kept in seconds.
_SPANS: Final[Mapping[str, tuple[str, int]]] = {
    "minute": ("%Y%m%d%H%M", 180),
    "hour": ("%Y%m%d%H", 2 * 3600),
    "day": ("%Y%m%d", 2 * 86400),
}


@dataclass
class Calls:
    """Of one API. `refused` counts by errcode (SILENCE: no answer)."""

    api: str
    minute: int = 0
    hour: int = 0
    day: int = 0
    refused: Counter[int] = field(default_factory=Counter)  # of the day

    @property
    def errors(self) -> int:
        return self.refused.total()

    @property
    def error_rate(self) -> float:
        """Of the day's calls, 0.0 to 1.0."""
        return self.errors / self.day if self.day else 0.0


def count(redis: Redis, prefix: str, api: str, errcode: int, now: datetime) -> None:
    """One call that went out, with what came back."""
    with suppress(RedisError):
        pipe = redis.pipeline(transaction=False)
        for span, (_form, life) in _SPANS.items():
            key = _key(prefix, span, now)
            pipe.hincrby(key, f"{errcode}|{api}", 1)
            pipe.expire(key, life)
        pipe.execute()


def read(redis: Redis, prefix: str, now: datetime) -> list[Calls]:
    """By API, the most used first. Raises RedisError when Redis is away."""
    pipe = redis.pipeline(transaction=False)
    for span in _SPANS:
        pipe.hgetall(_key(prefix, span, now))
    found: dict[str, Calls] = {}
    for span, counts in zip(_SPANS, pipe.execute(), strict=True):
        for name, number in counts.items():
            code, _bar, api = name.decode().partition("|")
            calls = found.setdefault(api, Calls(api))
            setattr(calls, span, getattr(calls, span) + int(number))
            if span == "day" and int(code) != FINE:
                calls.refused[int(code)] += int(number)
    return sorted(found.values(), key=lambda calls: (-calls.day, calls.api))


def _key(prefix: str, span: str, now: datetime) -> str:
    return f"{prefix}:calls:{span}:{now.astimezone(CHINA).strftime(_SPANS[span][0])}"
