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
CATCH_UP_S = 20.0


@dataclass(order=True)
class Entry:
    due: float
    number: int
    work: Callable[[], None] = field(compare=False)


class Timetable:
    """`after` counts by the steady clock, `at` waits for a moment of simulator time."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._entries: list[Entry] = []
        self._dated: list[Entry] = []
        self._dated_running = 0
        self._numbers = count()
        self._stopped = False
        self._pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="sandbox-work")
        # One at a time and in order of their dates, so that one seed gives one run.
        self._dated_pool = ThreadPoolExecutor(1, thread_name_prefix="sandbox-dates")
        self._keeper = Thread(target=self._keep, name="sandbox-timetable", daemon=True)
        self._keeper.start()

    def after(self, seconds: float, work: Callable[[], None]) -> None:
        with self._clock.changed:
            self._enter(self._entries, self._clock.steady() + seconds, work)

    def at(self, moment: float, work: Callable[[], None]) -> None:
        """For what the platform does on a date: 24 h after a transfer, days before an expiry."""
        with self._clock.changed:
            self._enter(self._dated, moment, work)

    def catch_up(self) -> bool:
        """Waits until all that its date has come for is done; not while holding the world's
        lock. False when it takes longer than any test should wait."""
        with self._clock.changed:
            return self._clock.changed.wait_for(self._is_caught_up, CATCH_UP_S)

    def _is_caught_up(self) -> bool:
        behind = self._dated and self._dated[0].due <= self._clock.now()
        return self._stopped or not (behind or self._dated_running)

    def _enter(self, entries: list[Entry], due: float, work: Callable[[], None]) -> None:
        heapq.heappush(entries, Entry(due, next(self._numbers), work))
        self._clock.changed.notify_all()

    def is_stopped(self) -> bool:
        return self._stopped

    def stop(self) -> None:
        with self._clock.changed:
            self._stopped = True
            self._clock.changed.notify_all()
        self._keeper.join()
        for pool in (self._pool, self._dated_pool):
            pool.shutdown(wait=True, cancel_futures=True)

    def _keep(self) -> None:
        with self._clock.changed:
            while not self._stopped:
                self._clock.changed.wait(self._started())

    def _started(self) -> float | None:
        """Starts what is due; the natural seconds until the next is, None when nothing waits."""
        steady, now = self._clock.steady(), self._clock.now()
        while self._entries and self._entries[0].due <= steady:
            work = heapq.heappop(self._entries).work
            self._pool.submit(work).add_done_callback(_report)
        while self._dated and self._dated[0].due <= now:
            work = heapq.heappop(self._dated).work
            self._dated_running += 1
            self._dated_pool.submit(work).add_done_callback(self._dated_done)
        waits = [entry.due - steady for entry in self._entries[:1]]
        waits += [(entry.due - now) / self._clock.scale for entry in self._dated[:1]]
        return min(waits, default=None)

    def _dated_done(self, future: "Future[None]") -> None:
        _report(future)
        with self._clock.changed:
            self._dated_running -= 1
            self._clock.changed.notify_all()


def _report(future: "Future[None]") -> None:
    if not future.cancelled() and (error := future.exception()):
        sys.stderr.write("".join(traceback.format_exception(error)))
