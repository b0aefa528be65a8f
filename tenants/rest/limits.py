"""May this caller make another request now? An exact count per caller and minute, in Redis."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from functools import lru_cache
from threading import Lock
from typing import TYPE_CHECKING

from django.conf import settings
from redis import Redis, RedisError
from redis.backoff import NoBackoff
from redis.retry import Retry
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from tenants import auth

if TYPE_CHECKING:
    from rest_framework.views import APIView

log = logging.getLogger(__name__)

WINDOW = 60.0  # seconds
_PAUSE = 5.0  # seconds without asking a Redis that did not answer

# One step in Redis, so that two hundred requests at once count exactly.
_COUNT = """
local count = redis.call('INCR', KEYS[1])
local left = redis.call('PTTL', KEYS[1])
if left < 0 then
  left = tonumber(ARGV[1])
  redis.call('PEXPIRE', KEYS[1], left)
end
return {count, left}
"""


def _name(request: Request) -> str:
    """The key or member within its tenant; the address of those who are neither."""
    tenant = getattr(request, "tenant", None)
    if tenant is None or request.user is None:
        return f"0:{request.META.get('REMOTE_ADDR', '')}"
    return f"{tenant.pk}:{auth.caller(request)}"


@dataclass(frozen=True)
class Rate:
    """Where a caller stands: how many requests a window holds, how many are left, its end in s."""

    limit: int
    remaining: int
    reset: float


class PerCaller(BaseThrottle):
    """3,000 requests a minute (settings) for each key or member.

    When Redis is away reads pass, and writes are counted in this process: never without a limit.
    """

    rate: Rate | None = None

    def allow_request(self, request: Request, view: APIView) -> bool:
        limit: int = settings.API_REQUESTS_PER_MINUTE
        caller = _name(request)
        counted = _count(caller)
        if counted is None:
            if request.method in {"GET", "HEAD"}:
                return True
            counted = _fallback.count(caller)
        number, left = counted
        self.rate = Rate(limit, max(0, limit - number), left)
        setattr(request._request, "rate", self.rate)  # noqa: SLF001, B010 - views.py writes the headers
        return number <= limit

    def wait(self) -> float | None:
        return self.rate.reset if self.rate else None


@lru_cache(maxsize=4)
def _redis(url: str) -> Redis:
    # No retry: a count that arrived but was not answered must not be made twice.
    return Redis.from_url(
        url, socket_timeout=0.3, socket_connect_timeout=0.3, retry=Retry(NoBackoff(), 0)
    )


class _Pause:
    """When Redis did not answer, the next requests do not wait for it again."""

    until = 0.0


def _count(caller: str) -> tuple[int, float] | None:
    if time.monotonic() < _Pause.until:
        return None
    try:
        number, left = _redis(settings.REDIS_URL).eval(
            _COUNT, 1, f"scrm:rate:{caller}", int(WINDOW * 1000)
        )
    except RedisError as error:
        _Pause.until = time.monotonic() + _PAUSE
        log.warning("requests are not counted, Redis does not answer: %s", type(error).__name__)
        return None
    return int(number), int(left) / 1000


class _InProcess:
    """The same count in this process only."""

    def __init__(self) -> None:
        self.lock = Lock()
        self.windows: dict[str, tuple[int, float]] = {}

    def count(self, caller: str) -> tuple[int, float]:
        now = time.monotonic()
        with self.lock:
            number, end = self.windows.get(caller, (0, 0.0))
            if end <= now:
                number, end = 0, now + WINDOW
                self.windows = {k: v for k, v in self.windows.items() if v[1] > now}
            self.windows[caller] = (number + 1, end)
        return number + 1, end - now


_fallback = _InProcess()
