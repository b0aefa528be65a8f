"""Which servers run for this folder, and at which addresses?"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import psycopg2

from scrm.local import processes, roles
from scrm.local.postgres import Cluster
from scrm.local.processes import Child
from scrm.local.state import State
from scrm.local.valkey import Valkey

ADDRESSES = "servers.json"  # read by scrm/settings.py when DATABASE_URL is not set
VARIABLES = {
    "database_url": "DATABASE_URL",
    "owner_url": "DATABASE_OWNER_URL",
    "platform_url": "DATABASE_PLATFORM_URL",
    "redis_url": "REDIS_URL",
    "base_url": "SCRM_BASE_URL",
    "wechat_base_url": "WECHAT_BASE_URL",
}


@dataclass
class Servers:
    """What runs; `children` in the order of their start."""

    state: State
    addresses: dict[str, str] = field(default_factory=dict)
    children: list[Child] = field(default_factory=list)
    cluster: str = ""  # identity of the embedded cluster; empty for a server of the user's own
    database_port: int = 0  # of the embedded one

    def environment(self) -> dict[str, str]:
        own = {VARIABLES[key]: value for key, value in self.addresses.items()}
        environment = {**os.environ, **own, "SCRM_VAR": str(self.state.root)}
        # Where Python must leave no bytecode in the tree, each of our processes would compile
        # everything again, for seconds: it goes below var/ instead.
        if environment.pop("PYTHONDONTWRITEBYTECODE", None):
            environment["PYTHONPYCACHEPREFIX"] = str(self.state.root / "bytecode")
        return environment

    def announce(self, **addresses: str) -> None:
        """Tell other processes of this checkout, such as `manage.py`, where the servers are."""
        self.addresses.update(addresses)
        known = {VARIABLES[key]: key for key in VARIABLES}
        given = {key: os.environ[name] for name, key in known.items() if name in os.environ}
        self.state.write(ADDRESSES, {**given, **self.addresses})

    def record(self) -> None:
        processes.record(self.state, self.children)

    def start(self, *, durable: bool) -> None:
        wants_database = "DATABASE_URL" not in os.environ
        valkey = Valkey(self.state, durable=durable) if "REDIS_URL" not in os.environ else None
        if valkey:
            self.children.append(valkey.prepare())
            self.children[0].start()
        if wants_database:
            server, port = Cluster(self.state, durable=durable).start()
            self.children.insert(0, server)
            self.record()
            roles.provide(self.state, port)
            self.cluster = roles.identity(self.state, port)
            self.database_port = port
            self.addresses["database_url"] = roles.url(self.state, roles.APP, port)
            self.addresses["owner_url"] = roles.url(self.state, roles.OWNER, port)
            self.addresses["platform_url"] = roles.url(self.state, roles.PLATFORM, port)
        if valkey:
            self.children[-1] = valkey.wait()
            self.addresses["redis_url"] = valkey.url()
        self.record()
        self.announce()

    def answer(self) -> bool:
        """After a crash Postgres runs at once, and lets nobody in before it has recovered."""
        if not self.cluster:
            return True
        try:
            roles.connect(self.state, self.database_port).close()
        except psycopg2.OperationalError:
            return False
        return True

    def stop(self) -> None:
        for child in reversed(self.children):
            child.stop()
        self.state.remove(ADDRESSES)
        self.state.remove(processes.RECORD)


@contextmanager
def held(state: State, purpose: str) -> Iterator[None]:
    """Keep other runs out of the folder, and clear up after one that was killed."""
    with state.locked(purpose):
        state.remove(ADDRESSES)
        state.turn_logs()
        if left := processes.clear_leftovers(state):
            print(f"An earlier run was killed; ended what it left running: {', '.join(left)}.")
        yield


@contextmanager
def running(state: State, *, durable: bool = True) -> Iterator[Servers]:
    """Start in a folder that is held; stop on the way out."""
    servers = Servers(state)
    try:
        servers.start(durable=durable)
        yield servers
    finally:
        servers.stop()
