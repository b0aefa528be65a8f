"""How long does the runner wait for a server that says it is busy starting?"""

import time
from pathlib import Path

import psycopg2
import pytest
import redis

from scrm.local import postgres, roles, valkey
from scrm.local.errors import LocalError
from scrm.local.postgres import Cluster
from scrm.local.processes import Child
from scrm.local.state import State
from scrm.local.valkey import Valkey

pytestmark = pytest.mark.slow

STARTING = "connection failed: FATAL:  the database system is starting up"


class Door:
    """Answers with this refusal for a while, then lets everybody in."""

    def __init__(self, refusal: Exception, seconds: float) -> None:
        self.refusal, self.opens = refusal, time.monotonic() + seconds

    def connect(self, *_: object) -> "Door":
        if time.monotonic() < self.opens:
            raise self.refusal
        return self

    def ping(self) -> bool:
        return self.connect() is self

    def close(self) -> None:
        pass


def server(state: State) -> Child:
    return Child("postgres", ["sleep", "60"], state.logs / "postgres.log")


def test_a_long_recovery_is_waited_for_and_explained(
    var: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(postgres, "START_SECONDS", 0.5)
    monkeypatch.setattr(postgres, "WORTH_A_WORD", 0.3)
    monkeypatch.setattr(roles, "connect", Door(psycopg2.OperationalError(STARTING), 2.0).connect)
    state = State(var).open()
    child = server(state)

    Cluster(state, durable=False)._start_patiently(child, 1)

    assert child.runs()
    assert capsys.readouterr().out == (
        "Postgres recovers what a crash left behind; waiting until it is ready …\n"
    )
    child.stop()


def test_a_server_that_says_nothing_is_given_up(var: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "START_SECONDS", 0.5)
    refused = psycopg2.OperationalError("connection failed: Connection refused")
    monkeypatch.setattr(roles, "connect", Door(refused, 60.0).connect)
    state = State(var).open()
    child = server(state)

    with pytest.raises(LocalError, match="Postgres did not start"):
        Cluster(state, durable=False)._start_patiently(child, 1)

    child.stop()


def test_a_long_file_of_valkey_is_waited_for_and_explained(
    var: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(valkey, "START_SECONDS", 0.5)
    monkeypatch.setattr(valkey, "WORTH_A_WORD", 0.3)
    door = Door(redis.BusyLoadingError("the dataset is loaded into memory"), 2.0)
    monkeypatch.setattr(redis.Redis, "from_url", lambda *_args, **_options: door)
    state = State(var).open()
    child = server(state)
    child.start()

    Valkey(state, durable=False)._wait_once(child)

    assert capsys.readouterr().out == "Valkey reads a long file; waiting until it is ready …\n"
    child.stop()
