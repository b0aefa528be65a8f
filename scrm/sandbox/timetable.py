"""What is due, and when? One thread keeps the times, a few others do the work."""

import heapq
import sys
import traceback
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import count
from threading import Thread

from scrm.sandbox.clock import Clock

WORKERS = 16


@dataclass(order=True)
class Entry:
    due: float
    number: int
    work: Callable[[], None] = field(compare=False)


class Timetable:
    """Due times are of the steady clock."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._entries: list[Entry] = []
        self._numbers = count()
        self._stopped = False
        self._pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="sandbox-work")
        self._keeper = Thread(target=self._keep, name="sandbox-timetable", daemon=True)
        self._keeper.start()

    def after(self, seconds: float, work: Callable[[], None]) -> None:
        with self._clock.changed:
            due = self._clock.steady() + seconds
            heapq.heappush(self._entries, Entry(due, next(self._numbers), work))
            self._clock.changed.notify_all()

    def is_stopped(self) -> bool:
        return self._stopped

    def stop(self) -> None:
        with self._clock.changed:
            self._stopped = True
            self._clock.changed.notify_all()
        self._keeper.join()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _keep(self) -> None:
        with self._clock.changed:
            while not self._stopped:
                now = self._clock.steady()
                while self._entries and self._entries[0].due <= now:
                    work = heapq.heappop(self._entries).work
                    self._pool.submit(work).add_done_callback(_report)
                self._clock.changed.wait(self._entries[0].due - now if self._entries else None)


def _report(future: "Future[None]") -> None:
    if not future.cancelled() and (error := future.exception()):
        sys.stderr.write("".join(traceback.format_exception(error)))
