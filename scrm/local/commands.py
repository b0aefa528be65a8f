"""How does one command run with the local servers around it?"""

import signal
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

from scrm.local import servers
from scrm.local.errors import LocalError
from scrm.local.state import State

ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
Handler = Callable[[int, FrameType | None], None]


def stop_now(_number: int, _frame: FrameType | None) -> None:
    """Only once: stopping takes seconds, and a second Ctrl-C would leave servers behind."""
    for number in ENDINGS:
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


@contextmanager
def signals_to(handler: Handler) -> Iterator[None]:
    """SIGTERM and a closed terminal mean the same as Ctrl-C."""
    # Under nohup the end of the terminal is to be ignored, and stays so.
    heard = [n for n in ENDINGS if n != signal.SIGHUP or signal.getsignal(n) != signal.SIG_IGN]
    before = {number: signal.signal(number, handler) for number in heard}
    try:
        yield
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier)


def run(state: State, command: Sequence[str], *, durable: bool) -> int:
    """Start the servers, run the command with their addresses, stop; returns its exit code."""
    purpose = f"`{' '.join(command)[:60]}`"
    with (
        signals_to(stop_now),
        servers.held(state, purpose),
        servers.running(state, durable=durable) as started,
    ):
        return _run_in_foreground(command, started.environment())


def _run_in_foreground(command: Sequence[str], environment: dict[str, str]) -> int:
    """The command keeps our terminal, so Ctrl-C reaches it without us; other signals we pass on."""
    try:
        process = subprocess.Popen(command, env=environment)
    except OSError as error:
        raise LocalError(f"{command[0]} cannot be run: {error.strerror}.") from error

    def pass_on(number: int, _frame: FrameType | None) -> None:
        if number != signal.SIGINT:
            process.send_signal(number)

    with signals_to(pass_on):
        code = process.wait()
    return code if code >= 0 else 128 - code
