"""Does a corp call too often, or too much at once?"""

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock

from scrm.sandbox.clock import Clock
from scrm.sandbox.errors import ApiError

MINUTE, HOUR = 60, 3600
PER_CORP = {MINUTE: 10_000, HOUR: 150_000}
PER_IP = {MINUTE: 20_000, HOUR: 600_000}


@dataclass
class Window:
    began: float = 0.0
    calls: int = 0
    blocked_until: float = 0.0


class Limits:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._windows: defaultdict[tuple[str, str, int], Window] = defaultdict(Window)
        self._in_flight: defaultdict[tuple[str, str], int] = defaultdict(int)
        self._lock = Lock()

    def admit(self, corpid: str, api: str, *, factor: float) -> None:
        """Counts a call, or refuses it with 45009 for as long as the window that overflowed."""
        now = self._clock.now()
        with self._lock:
            for caller, quotas in ((corpid, PER_CORP), ("127.0.0.1", PER_IP)):
                for seconds, quota in quotas.items():
                    window = self._windows[caller, api, seconds]
                    _count(window, now, seconds, max(1, int(quota * factor)))

    def allow(self, caller: str, api: str, *, most: int, seconds: int = MINUTE) -> None:
        """A narrower limit that one endpoint has of its own."""
        now = self._clock.now()
        with self._lock:
            _count(self._windows[caller, f"{api} itself", seconds], now, seconds, most)

    @contextmanager
    def at_once(self, corpid: str, api: str, most: int) -> Iterator[None]:
        key = (corpid, api)
        with self._lock:
            if self._in_flight[key] >= most:
                raise ApiError(45033)
            self._in_flight[key] += 1
        try:
            yield
        finally:
            with self._lock:
                self._in_flight[key] -= 1


def _count(window: Window, now: float, seconds: int, quota: int) -> None:
    if now < window.blocked_until:
        raise ApiError(45009)
    if now - window.began >= seconds:
        window.began, window.calls = now, 0
    window.calls += 1
    if window.calls > quota:
        window.blocked_until = now + seconds
        raise ApiError(45009)
