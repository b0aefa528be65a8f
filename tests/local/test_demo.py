"""Does the demo open, say what is wrong when it cannot, and stop without a trace?"""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from scrm.local import ports, preflight, processes
from scrm.local.errors import LocalError
from scrm.local.state import State
from tests.local.conftest import PROJECT

pytestmark = pytest.mark.slow

DEMO = [sys.executable, "-m", "scrm.local", "demo"]


@pytest.fixture
def port(var: Path) -> int:
    return ports.choose(State(var).open(), "web-of-test")


@pytest.fixture
def environment(environment: dict[str, str], var: Path, port: int) -> dict[str, str]:
    return {**environment, "SCRM_VAR": str(var), "PORT": str(port)}


@pytest.fixture
def demo(environment: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        DEMO,
        cwd=PROJECT,
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    yield process
    process.send_signal(signal.SIGTERM)  # nothing happens when it has ended already
    process.communicate(timeout=30)


def complain(environment: dict[str, str]) -> str:
    done = subprocess.run(
        DEMO, cwd=PROJECT, env=environment, text=True, capture_output=True, check=False, timeout=60
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    return done.stderr


def healthy(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def recorded(var: Path) -> dict[str, int]:
    entries = json.loads((var / "children.json").read_text())["children"]
    return {entry["name"]: entry["pid"] for entry in entries}


def is_anew(var: Path, started: dict[str, int]) -> bool:
    """Do all run again, the two that were killed as other processes?"""
    now = recorded(var)
    return now.keys() == started.keys() and all(
        now[name] != started[name] for name in ("web", "postgres")
    )


def test_a_busy_port_is_named_with_the_way_out(environment: dict[str, str], port: int) -> None:
    with socket.socket() as stranger:
        stranger.bind(("127.0.0.1", port))
        stranger.listen()

        said = complain(environment)

    assert said == f"Port {port} is in use; choose another: PORT={port + 1} make demo\n"


@pytest.mark.parametrize("given", ["eighty", "80", "70000"])
def test_a_port_that_is_none_is_refused(environment: dict[str, str], given: str) -> None:
    assert complain({**environment, "PORT": given}).startswith(f"PORT={given} is no port")


def test_a_second_demo_is_told_of_the_first(environment: dict[str, str], var: Path) -> None:
    with State(var).open().locked("the demo at http://127.0.0.1:8000"):
        said = complain(environment)

    assert f"in use by the demo at http://127.0.0.1:8000 (process {os.getpid()})" in said
    assert "run beside it in another folder" in said


def test_a_full_disk_is_noticed_first(monkeypatch: pytest.MonkeyPatch, var: Path) -> None:
    monkeypatch.setattr(preflight, "FREE_BYTES", 2**62)
    folder = State(var).open().root

    with pytest.raises(LocalError, match=r"MB are free on the disk of .*: free at least 1 GB"):
        preflight.check(folder, 20000)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_of_somebody_else_is_explained() -> None:
    with pytest.raises(LocalError, match="belongs to another user"):
        State(Path("/proc/1/var")).open()


@pytest.mark.chaos
def test_the_demo_opens_heals_and_stops_without_a_trace(
    demo: subprocess.Popen[str], var: Path, port: int
) -> None:
    assert demo.stdout is not None
    said = ""
    for line in demo.stdout:
        said += line
        if line.startswith("Ctrl-C stops everything"):
            break
    assert "The demo is open" in said, said
    assert healthy(port)
    started = recorded(var)
    servers = ["beat", "express", "postgres", "sandbox", "valkey", "web", "worker"]
    assert sorted(started) == servers
    assert json.loads((var / "servers.json").read_text())["base_url"] == f"http://127.0.0.1:{port}"

    os.kill(started["web"], signal.SIGKILL)
    os.kill(started["postgres"], signal.SIGKILL)
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and not (is_anew(var, started) and healthy(port)):
        time.sleep(0.2)
    assert is_anew(var, started), recorded(var)
    assert healthy(port)

    last = recorded(var)
    began = time.monotonic()
    demo.send_signal(signal.SIGTERM)
    assert demo.wait(30) == 0
    assert time.monotonic() - began < 20
    assert all(processes.birth(pid) is None for pid in {*started.values(), *last.values()})
    assert not (var / "servers.json").exists()
