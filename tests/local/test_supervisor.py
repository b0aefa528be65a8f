"""Is a part of the demo that dies started again, and a hopeless one given up?"""

import os
import signal
import sys
import time
from pathlib import Path

import pytest

from scrm.local import ports, processes, supervisor
from scrm.local.errors import LocalError
from scrm.local.processes import Child
from scrm.local.servers import Servers
from scrm.local.state import State
from scrm.local.supervisor import Supervisor

pytestmark = pytest.mark.slow


@pytest.fixture
def watch(var: Path) -> Supervisor:
    return Supervisor(Servers(State(var).open()))


def child(watch: Supervisor, code: str, name: str = "part") -> Child:
    log = watch.servers.state.logs / f"{name}.log"
    return Child(name, [sys.executable, "-u", "-c", code], log)


def look_after_for(watch: Supervisor, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        watch.look_after()
        time.sleep(0.02)


def wait_for(watch: Supervisor, part: Child, text: str) -> None:
    deadline = time.monotonic() + 10
    while text not in part.output() and time.monotonic() < deadline:
        watch.look_after()
        time.sleep(0.02)
    assert text in part.output()


def test_a_dead_part_is_started_again(watch: Supervisor) -> None:
    part = watch.start(child(watch, "import time; print('up'); time.sleep(60)"))
    wait_for(watch, part, "up")
    first = part.pid

    os.kill(first, signal.SIGKILL)
    part.wait(5)
    wait_for(watch, part, "up")
    deadline = time.monotonic() + 10
    while part.pid == first and time.monotonic() < deadline:
        watch.look_after()
        time.sleep(0.02)

    assert part.pid != first
    watch.stop()
    assert processes.birth(part.pid) is None


def test_parts_wait_for_their_servers(watch: Supervisor) -> None:
    server = child(watch, "import time; time.sleep(60)", "server")
    server.start()
    watch.servers.children.append(server)
    part = watch.start(child(watch, "import time; print('up'); time.sleep(60)"))
    wait_for(watch, part, "up")

    for each in (server, part):
        each.send(signal.SIGKILL)
        each.wait(5)
    watch.look_after()  # notes the death of the server, which has its pause
    assert not server.runs() and not part.runs()
    assert watch.deaths["part"] == []
    look_after_for(watch, 3)

    assert server.runs() and part.runs()
    server.stop()
    watch.stop()


def test_parts_wait_until_the_database_has_recovered(watch: Supervisor) -> None:
    server = child(watch, "import time; time.sleep(60)", "server")
    server.start()
    watch.servers.children.append(server)
    part = watch.start(child(watch, "import time; print('up'); time.sleep(60)"))
    wait_for(watch, part, "up")
    watch.servers.cluster = "one of ours"
    watch.servers.database_port = ports.choose(watch.servers.state, "nobody")

    for each in (server, part):
        each.send(signal.SIGKILL)
        each.wait(5)
    look_after_for(watch, 3)
    assert server.runs() and not part.runs()
    assert watch.deaths["part"] == []
    watch.servers.cluster = ""  # there is none to wait for any more
    look_after_for(watch, 3)

    assert part.runs()
    server.stop()
    watch.stop()


def test_a_part_that_keeps_dying_stops_the_demo_with_its_last_words(
    watch: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "PATIENCE", 2)
    watch.start(child(watch, "raise SystemExit('no such table')"))

    with pytest.raises(LocalError) as raised:
        look_after_for(watch, 10)

    assert "part keeps stopping" in str(raised.value)
    assert "| no such table" in str(raised.value)
    assert "part.log" in str(raised.value)


def test_a_failed_step_ends_the_demo_with_its_last_words(watch: Supervisor) -> None:
    step = child(watch, "raise SystemExit('migration 7 failed')")

    with pytest.raises(LocalError, match="`part` failed") as raised:
        watch.complete(step)

    assert "| migration 7 failed" in str(raised.value)


def test_stopping_ends_a_deaf_part_and_its_children_in_time(watch: Supervisor) -> None:
    deaf = (
        "import signal, subprocess, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        "grandchild = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']);"
        "print('up', grandchild.pid, flush=True); time.sleep(60)"
    )
    part = watch.start(child(watch, deaf))
    wait_for(watch, part, "up")
    grandchild = int(part.output().split()[1])

    began = time.monotonic()
    watch.stop()

    assert time.monotonic() - began < 7
    assert processes.birth(part.pid) is None
    # It was sent the same signal; nobody here waits for its end.
    patience = time.monotonic() + 5
    while processes.birth(grandchild) is not None:
        assert time.monotonic() < patience, "the grandchild lives"
        time.sleep(0.05)
