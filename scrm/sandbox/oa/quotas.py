"""How often may an official account call today?

Each call has a daily number, counted by the day of China; `clear_quota` sets all back, ten times a
month.
"""

from collections import defaultdict
from threading import Lock

from scrm.sandbox import days
from scrm.sandbox.clock import Clock
from scrm.sandbox.oa.errors import OaError

CLEARINGS_A_MONTH = 10
MINUTE_S = 60


class Quotas:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = Lock()
        self._calls: defaultdict[tuple[str, str, int], int] = defaultdict(int)
        self._clearings: defaultdict[tuple[str, int], int] = defaultdict(int)

    def take(self, appid: str, api: str, daily: int) -> None:
        """45009 once today's number is used up. 0 means that there is none."""
        if daily:
            self._count((appid, api, self._today()), daily, 45009)

    def take_in_minute(self, appid: str, api: str, most: int) -> None:
        minute = int(self._clock.now()) // MINUTE_S
        self._count((appid, f"{api} a minute", minute), most, 45011)

    def clear(self, appid: str) -> None:
        month = (appid, days.month_start(self._clock.now()))
        with self._lock:
            if self._clearings[month] >= CLEARINGS_A_MONTH:
                raise OaError(48006)
            self._clearings[month] += 1
            for key in [key for key in self._calls if key[0] == appid]:
                del self._calls[key]

    def _today(self) -> int:
        return days.start(self._clock.now())

    def _count(self, key: tuple[str, str, int], most: int, code: int) -> None:
        with self._lock:
            if self._calls[key] >= most:
                raise OaError(code)
            self._calls[key] += 1
