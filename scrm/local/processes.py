"""Which child processes are ours, do they still run, and how do they stop?"""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from scrm.local.accounts import SELF, Account
from scrm.local.state import Json, State

RECORD = "children.json"


def birth(pid: int) -> str | None:
    """What tells a process from a later one with the same number; None when it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    # state, …, 20th after the name: start time in clock ticks since boot (proc(5))
    return None if fields[0] in "ZX" else fields[19]


class Child:
    """One child process in a session of its own, so that Ctrl-C reaches only the supervisor."""

    def __init__(
        self,
        name: str,
        command: Sequence[str | Path],
        log: Path,
        *,
        environment: Mapping[str, str] | None = None,
        folder: Path | None = None,
        account: Account = SELF,
        standard_input: bytes = b"",
        stop_signals: tuple[signal.Signals, ...] = (signal.SIGTERM,),
        stop_seconds: float = 3.0,
    ) -> None:
        self.name = name
        self.command = [str(part) for part in command]
        self.log = log
        self.environment = environment
        self.folder = folder
        self.account = account
        self.standard_input = standard_input
        self.stop_signals = stop_signals
        self.stop_seconds = stop_seconds
        self.process: subprocess.Popen[bytes] | None = None
        self.log_start = 0
        self.started_at = 0.0  # monotonic

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.log_start = log.tell()
            self.started_at = time.monotonic()
            self.process = subprocess.Popen(
                self.command,
                stdin=subprocess.PIPE if self.standard_input else subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self.environment,
                cwd=self.folder,
                start_new_session=True,
                user=self.account.uid,
                group=self.account.gid,
                extra_groups=self.account.extra_groups,
            )
        if self.process.stdin:
            with contextlib.suppress(BrokenPipeError):
                self.process.stdin.write(self.standard_input)
                self.process.stdin.close()

    @property
    def pid(self) -> int:
        assert self.process is not None, f"{self.name} was not started"  # noqa: S101
        return self.process.pid

    def exit_code(self) -> int | None:
        """None while it runs (or was never started)."""
        return self.process.poll() if self.process else None

    def runs(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def output(self) -> str:
        """What it wrote since its last start."""
        with self.log.open("rb") as log:
            log.seek(self.log_start)
            return log.read().decode(errors="replace")

    def last_lines(self, count: int = 12) -> str:
        return "\n".join(f"  | {line}" for line in self.output().splitlines()[-count:])

    def send(self, what: signal.Signals) -> None:
        if self.runs():
            self.process.send_signal(what)  # type: ignore[union-attr]

    def wait(self, seconds: float) -> bool:
        """True when it has ended in time."""
        if self.process is None:
            return True
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def stop(self) -> None:
        """Ask in the child's own way, ask harder, then end its whole group."""
        seconds = self.stop_seconds
        for what in self.stop_signals:
            self.send(what)
            if self.wait(seconds):
                break
            seconds = 1.0
        self.end_group()

    def end_group(self) -> None:
        """Its session is ours alone, so this can hit nobody else."""
        if self.process is None:
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


def stop_all(children: Iterable[Child], seconds: float) -> None:
    """Stop these at the same time; the slowest gets `seconds`."""
    listed = list(children)
    deadline = time.monotonic() + seconds
    for child in listed:
        child.send(child.stop_signals[0])
    for child in listed:
        child.wait(max(0.0, deadline - time.monotonic()))
        child.end_group()


def record(state: State, children: Iterable[Child]) -> None:
    """Write down who runs, so that the next run can clear up after a crash of this one."""
    entries: list[dict[str, str | int | None]] = [
        {"name": child.name, "pid": child.pid, "birth": birth(child.pid)}
        for child in children
        if child.runs()
    ]
    state.write(RECORD, {"children": entries})


def clear_leftovers(state: State) -> list[str]:
    """End what a killed supervisor left running; returns the names of what was found."""
    left = [entry for entry in _entries(state.read(RECORD)) if birth(entry[1]) == entry[2]]
    # SIGINT: what every one of them ends on at once; SIGTERM lets Postgres wait for its clients.
    for what, seconds in ((signal.SIGINT, 10.0), (signal.SIGKILL, 2.0)):
        for _, pid, _ in left:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(pid, what)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and any(birth(pid) == born for _, pid, born in left):
            time.sleep(0.05)
    state.remove(RECORD)
    return [name for name, _, _ in left]


def _entries(content: Json) -> list[tuple[str, int, str]]:
    listed = content.get("children")
    if not isinstance(listed, list):
        return []
    return [
        (str(entry.get("name")), pid, str(entry.get("birth")))
        for entry in listed
        if isinstance(pid := entry.get("pid"), int)
    ]
