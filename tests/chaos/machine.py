"""A machine of the tests' own: servers to be frozen, emptied and killed, and the product on them.

The processes are those of `make demo`, started by the same commands.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import environ
import psycopg2
import pytest
from django.conf import settings
from django.db import connections

from scrm.celery import app
from scrm.local import ports, roles, servers
from scrm.local.demo import Demo
from scrm.local.processes import Child
from scrm.local.servers import VARIABLES, Servers
from scrm.local.state import State

ROOT = Path(settings.BASE_DIR)


def until(is_so: Callable[[], bool], seconds: float, what: str = "") -> None:
    """Look again and again until it is so."""
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, f"waited {seconds} s in vain: {what or is_so}"
        time.sleep(0.2)


@dataclass
class Machine:
    """Postgres and Valkey first; web, workers and beats as the tests want them."""

    servers: Servers
    demo: Demo
    running: list[Child] = field(default_factory=list)

    @property
    def postgres(self) -> Child:
        return self.servers.children[0]

    @property
    def valkey(self) -> Child:
        return self.servers.children[1]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.demo.port}"

    def start(self, *children: Child) -> None:
        for child in children:
            child.start()
            self.running.append(child)

    def stop(self) -> None:
        """End all but the servers."""
        while self.running:
            self.running.pop().stop()

    def another_beat(self) -> Child:
        schedule = self.demo.state.root / "beat" / "another"
        arguments = ("-m", "celery", "-A", "scrm", "beat", "--loglevel", "INFO")
        own = ("--schedule", str(schedule), "--pidfile", "")
        return self.demo.python("another-beat", *arguments, *own)

    def log_of(self, child: Child) -> str:
        return child.log.read_text(errors="replace")

    def postgres_is_up(self) -> bool:
        try:
            roles.connect(self.servers.state, self._port()).close()
        except psycopg2.OperationalError:
            return False
        return True

    def _port(self) -> int:
        return int(str(self.servers.state.read("ports.json")["postgres"]))

    def crash_postgres(self) -> None:
        """No checkpoint, no goodbye: the next start has to recover."""
        self.postgres.send(signal.SIGQUIT)
        assert self.postgres.wait(10)

    def start_postgres(self) -> None:
        self.postgres.start()
        until(self.postgres_is_up, 60, "Postgres")
        connections.close_all()


@contextmanager
def borrowed() -> Iterator[Machine]:
    """A machine whose servers this very process uses too, in place of those around the tests."""
    folder = Path(tempfile.mkdtemp(prefix="scrm-chaos-", dir="/tmp"))
    folder.chmod(0o755)  # the account of the database passes through
    state = State(folder / "var").open()
    with pytest.MonkeyPatch.context() as patch:
        for name in VARIABLES.values():
            patch.delenv(name, raising=False)
        with servers.held(state, "tests"), servers.running(state) as started:
            for name in VARIABLES.values():
                if name in started.environment():
                    patch.setenv(name, started.environment()[name])
            _use(patch, started.addresses)
            migrate = [sys.executable, "manage.py", "migrate", "--verbosity", "0"]
            subprocess.run(migrate, env=started.environment(), cwd=ROOT, check=True)
            machine = Machine(started, Demo(started, ROOT, ports.choose(state, "web")))
            try:
                yield machine
            finally:
                machine.stop()
                connections.close_all()
    shutil.rmtree(folder)


def _use(patch: pytest.MonkeyPatch, addresses: dict[str, str]) -> None:
    for alias, key in (
        ("default", "database_url"), ("owner", "owner_url"), ("platform", "platform_url"),
    ):  # fmt: skip
        connections[alias].close()
        parsed = environ.Env.db_url_config(addresses[key])
        for name in ("HOST", "PORT", "NAME", "USER", "PASSWORD"):
            patch.setitem(connections[alias].settings_dict, name, parsed[name])
    patch.setattr(settings, "REDIS_URL", addresses["redis_url"])
    patch.setitem(settings.CACHES["default"], "LOCATION", addresses["redis_url"])
    app.conf.update(broker_url=addresses["redis_url"])


def children_of(pid: int) -> list[int]:
    found = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(number) for number in found.read_text().split()]


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
