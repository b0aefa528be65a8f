"""Which port does a local server listen on, this time and next time?"""

import random
import socket

from scrm.local.errors import LocalError
from scrm.local.state import State

# Linux hands out client ports from 32768 up: a server's port there may be gone at its next start.
FIRST, LAST = 20000, 32767


def is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def choose(state: State, name: str, prefer: int | None = None) -> int:
    """The port of last time if nobody took it, else the preferred one, else any free one."""
    known = state.read("ports.json")
    candidates = [known.get(name), prefer, *random.sample(range(FIRST, LAST), 200)]
    taken = {port for other, port in known.items() if other != name}
    for port in candidates:
        if isinstance(port, int) and port not in taken and is_free(port):
            if known.get(name) != port:
                state.write("ports.json", {**known, name: port})
            return port
    raise LocalError(f"No free port was found for {name} between {FIRST} and {LAST}.")


def forget(state: State, name: str) -> None:
    known = state.read("ports.json")
    known.pop(name, None)
    state.write("ports.json", known)
