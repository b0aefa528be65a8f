"""What time is it inside the sandbox, and how does a test or a demo make it pass faster?"""

import threading
import time
from collections.abc import Callable


class Clock:
    """Two readings of one clock.

    `now()` is simulator time in Unix seconds: it jumps with `advance` and runs at `scale`.
    `steady()` jumps with `advance` but always runs at natural speed. Network-like delays and the
    20 s of a welcome code are measured by it: in a demo that runs a day in a minute a welcome would
    otherwise be late before its callback has left.
    """

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.scale = 1.0
        self._jumped = 0.0
        self._virtual = time.time()
        self._since = time.monotonic()

    def now(self) -> float:
        with self.changed:
            return self._virtual + (time.monotonic() - self._since) * self.scale

    def steady(self) -> float:
        with self.changed:
            return time.monotonic() + self._jumped

    def advance(self, seconds: float) -> None:
        with self.changed:
            self._virtual += seconds
            self._jumped += seconds
            self.changed.notify_all()

    def set_now(self, unix_seconds: float) -> None:
        """Carries the time of an earlier run on; never goes back."""
        with self.changed:
            self._virtual = max(self._virtual, unix_seconds)
            self.changed.notify_all()

    def set_scale(self, scale: float) -> None:
        with self.changed:
            elapsed = time.monotonic() - self._since
            self._virtual += elapsed * self.scale
            self._since += elapsed
            self.scale = scale
            self.changed.notify_all()

    def sleep(self, seconds: float, stopped: Callable[[], bool] = lambda: False) -> None:
        """Waits by the steady clock, so a jump ends the wait."""
        with self.changed:
            due = time.monotonic() + self._jumped + seconds
            while not stopped():
                left = due - time.monotonic() - self._jumped
                if left <= 0:
                    return
                self.changed.wait(left)
