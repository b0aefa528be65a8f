"""Do all parts of the demo still run, and what happens to one that dies?"""

import time
from collections import defaultdict
from typing import NoReturn

from scrm.local import processes
from scrm.local.errors import LocalError
from scrm.local.processes import Child
from scrm.local.servers import Servers

PATIENCE = 6  # deaths of one child …
WINDOW = 60.0  # … within so many seconds stop everything
APPLICATION_SECONDS = 5.0
SANDBOX_SECONDS = 2.0


class Supervisor:
    """Starts application children after the servers and restarts whatever dies."""

    def __init__(self, started: Servers) -> None:
        self.servers = started
        self.application: list[Child] = []
        self.deaths: dict[str, list[float]] = defaultdict(list)
        self.servers_answer = True

    def start(self, child: Child) -> Child:
        self.application.append(child)  # first, so that an interrupt in between still stops it
        child.start()
        self._record()
        return child

    def complete(self, child: Child, seconds: float = 600.0) -> None:
        """Run a step that ends by itself; its failure ends the demo."""
        self.start(child)
        deadline = time.monotonic() + seconds
        while child.runs():
            if time.monotonic() > deadline:
                raise LocalError(
                    f"`{child.name}` did not end within {seconds:.0f} s.\n{_why(child)}"
                )
            self.look_after(but=child)
            child.wait(0.1)
        self.application.remove(child)
        if child.exit_code():
            raise LocalError(f"`{child.name}` failed.\n{_why(child)}")

    def stay(self) -> NoReturn:
        while True:
            time.sleep(0.5)
            self.look_after()

    def look_after(self, but: Child | None = None) -> None:
        """Restart the dead whose pause is over, longer each time; give up on the hopeless.

        The application waits for its servers: without them it would only die again.
        """
        self._revive_dead(self.servers.children, but)
        if not all(server.runs() for server in self.servers.children):
            self.servers_answer = False
            return
        self.servers_answer = self.servers_answer or self.servers.answer()
        if self.servers_answer:
            self._revive_dead(self.application, but)

    def _revive_dead(self, children: list[Child], but: Child | None) -> None:
        for child in children:
            if child is not but and not child.runs():
                self._revive(child)

    def _revive(self, child: Child) -> None:
        now = time.monotonic()
        deaths = [at for at in self.deaths[child.name] if now - at < WINDOW]
        self.deaths[child.name] = deaths
        if not deaths or deaths[-1] < child.started_at:
            deaths.append(now)
            child.end_group()
            print(f"{child.name} stopped (exit code {child.exit_code()}); starting it again …")
        if len(deaths) >= PATIENCE:
            raise LocalError(f"{child.name} keeps stopping, so the demo stops.\n{_why(child)}")
        if now - deaths[-1] >= 0.25 * 2 ** len(deaths):
            child.start()
            self._record()

    def _record(self) -> None:
        processes.record(self.servers.state, [*self.servers.children, *self.application])

    def stop(self) -> None:
        """The reverse of the start; the servers after it belong to `servers.running`."""
        # The sandbox came first and goes last: the worker may be in the middle of a call to it.
        processes.stop_all(reversed(self.application[1:]), APPLICATION_SECONDS)
        processes.stop_all(self.application[:1], SANDBOX_SECONDS)


def _why(child: Child) -> str:
    return f"{child.last_lines()}\nThe whole log is {child.log}."
