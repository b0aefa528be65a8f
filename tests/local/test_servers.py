"""Do the embedded servers start, stop, survive crashes, and leave each other alone?"""

import json
import os
import pwd
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from scrm.local import ports, processes
from scrm.local.accounts import Account
from scrm.local.state import State
from tests.local.conftest import PROJECT, Begin, Run

pytestmark = pytest.mark.slow

_QUERY = """
import os, psycopg2
connection = psycopg2.connect(os.environ["DATABASE_OWNER_URL"])
connection.autocommit = True
cursor = connection.cursor()
def query(text):
    cursor.execute(text)
    return cursor.fetchall() if cursor.description else []
"""
KEEP = "query('CREATE TABLE kept AS SELECT 42 AS answer');"
SHOW = "print(query('TABLE kept'))"
WAIT = "print('up'); import time; time.sleep(60)"


def ask(code: str) -> str:
    """Code of a command that talks to the database as its owner."""
    return _QUERY + code


def recorded(var: Path) -> dict[str, int]:
    entries = json.loads((var / "children.json").read_text())["children"]
    return {entry["name"]: entry["pid"] for entry in entries}


def gone(pid: int, seconds: float = 10) -> bool:
    deadline = time.monotonic() + seconds
    while processes.birth(pid) is not None and time.monotonic() < deadline:
        time.sleep(0.05)
    return processes.birth(pid) is None


def wait_up(process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    lines = iter(process.stdout.readline, "")
    assert any(line == "up\n" for line in lines)


def test_the_command_finds_roles_database_and_queue(run: Run, var: Path) -> None:
    done = run(
        ask("""
import json, redis
print(json.dumps({
    "roles": query("SELECT rolname, rolsuper, rolbypassrls, rolcreatedb FROM pg_roles"
                   " WHERE rolname LIKE 'scrm%' ORDER BY 1"),
    "owner": query("SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = 'scrm'"),
    "trigrams": [
        *query("CREATE EXTENSION pg_trgm"),
        *query("SELECT cardinality(show_trgm('张三丰'))"),
    ],
    "policy": redis.Redis.from_url(os.environ["REDIS_URL"]).config_get("maxmemory-policy"),
    "addresses": sorted(json.load(open(os.environ["SCRM_VAR"] + "/servers.json"))),
}))
raise SystemExit(7)
""")
    )

    assert done.returncode == 7, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == {
        "roles": [
            ["scrm_app", False, False, False],
            ["scrm_owner", False, False, True],
            ["scrm_platform", False, True, False],
        ],
        "owner": [["scrm_owner"]],
        "trigrams": [[4]],
        "policy": {"maxmemory-policy": "noeviction"},
        "addresses": ["database_url", "owner_url", "platform_url", "redis_url"],
    }
    assert not (var / "servers.json").exists()
    assert stat.S_IMODE((var / "secrets.json").stat().st_mode) == 0o600


def test_data_and_ports_stay_for_the_next_run(run: Run, var: Path) -> None:
    run(ask(KEEP))
    before = State(var).read("ports.json")

    done = run(ask(SHOW))

    assert done.stdout == "[(42,)]\n"
    assert State(var).read("ports.json") == before


def test_a_second_run_in_the_same_folder_is_told_what_to_do(begin: Begin, run: Run) -> None:
    first = begin(WAIT)
    wait_up(first)

    second = run("print('never')")

    assert second.returncode == 1
    assert second.stdout == ""
    assert f"(process {first.pid})" in second.stderr
    assert "Stop that one first" in second.stderr
    assert "Traceback" not in second.stderr


def test_two_folders_run_side_by_side(begin: Begin, run: Run, var: Path) -> None:
    wait_up(begin(WAIT))

    second = run("print('fine')", var.parent / "other")

    assert second.stdout == "fine\n"


def test_sigterm_stops_the_command_and_the_servers(begin: Begin, var: Path) -> None:
    process = begin(WAIT)
    wait_up(process)
    pids = recorded(var)

    process.send_signal(signal.SIGTERM)

    assert process.wait(15) == 128 + signal.SIGTERM
    assert sorted(pids) == ["postgres", "valkey"]
    assert all(gone(pid, 0) for pid in pids.values())
    assert not (var / "servers.json").exists()


def test_a_killed_run_is_cleared_up_by_the_next(begin: Begin, run: Run, var: Path) -> None:
    run(ask(KEEP))
    killed = begin(WAIT)
    wait_up(killed)
    left = recorded(var)
    killed.kill()
    killed.wait()
    assert processes.birth(left["postgres"])

    done = run(ask(SHOW))

    assert done.stdout.splitlines()[-1] == "[(42,)]"
    assert "An earlier run was killed" in done.stdout
    assert all(gone(pid, 0) for pid in left.values())


def test_rows_survive_a_killed_database_server(begin: Begin, run: Run, var: Path) -> None:
    process = begin(ask(KEEP + WAIT))
    wait_up(process)

    os.kill(recorded(var)["postgres"], signal.SIGKILL)
    process.kill()
    process.wait()
    done = run(ask(SHOW))

    assert done.stdout.splitlines()[-1] == "[(42,)]", done.stderr


def test_a_lock_file_naming_a_stranger_is_dropped(run: Run, var: Path) -> None:
    run("")
    data = var / "postgres" / "data"
    owner = data.stat()
    # The same user as the database's: only such a process makes Postgres refuse.
    same_user = owner.st_uid if os.geteuid() == 0 else None
    with subprocess.Popen(["/bin/sleep", "60"], cwd="/", user=same_user) as stranger:
        (data / "postmaster.pid").write_text(f"{stranger.pid}\n{data}\n0\n20001\n")
        os.chown(data / "postmaster.pid", owner.st_uid, owner.st_gid)

        done = run("print('fine')")

        assert done.stdout == "fine\n", done.stderr
        assert stranger.poll() is None
        stranger.kill()


def test_a_port_taken_meanwhile_is_replaced(run: Run, var: Path) -> None:
    run("")
    before = State(var).read("ports.json")
    with socket.socket() as stranger:
        stranger.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        stranger.bind(("127.0.0.1", before["postgres"]))
        stranger.listen()

        done = run("print('fine')")

    after = State(var).read("ports.json")
    assert done.stdout == "fine\n", done.stderr
    assert after["postgres"] != before["postgres"]
    assert after["valkey"] == before["valkey"]


def test_ports_are_outside_the_range_of_clients(var: Path) -> None:
    chosen = ports.choose(State(var).open(), "anything")

    assert chosen < 32768
    assert ports.choose(State(var), "other", prefer=chosen) != chosen


def test_servers_of_ones_own_are_used_and_nothing_is_started(run: Run, var: Path) -> None:
    own = {"DATABASE_URL": "postgres://a:b@127.0.0.1:1/c", "REDIS_URL": "redis://127.0.0.1:1/0"}

    done = run("import os; print(os.environ['DATABASE_URL'], os.environ['REDIS_URL'])", **own)

    assert done.stdout == " ".join(own.values()) + "\n"
    assert not (var / "postgres").exists()
    assert not (var / "valkey").exists()


def test_a_lost_password_file_is_explained(run: Run, var: Path) -> None:
    run("")
    (var / "secrets.json").unlink()

    done = run("")

    assert done.returncode == 1
    assert "secrets.json do not fit the database" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_unknown_command_is_a_sentence(var: Path, environment: dict[str, str]) -> None:
    command = [sys.executable, "-m", "scrm.local", "exec", "--fast", "--var", str(var)]
    done = subprocess.run(
        [*command, "--", "no-such-command"],
        env=environment,
        cwd=PROJECT,
        text=True,
        capture_output=True,
        check=False,
    )

    assert done.returncode == 1
    assert done.stderr == "no-such-command cannot be run: No such file or directory.\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs the database as somebody else")
def test_a_closed_folder_sends_the_data_elsewhere(run: Run, var: Path) -> None:
    closed = var.parent / "closed"
    closed.mkdir(mode=0o700)

    first = run(ask(KEEP), closed / "var")
    second = run(ask(SHOW), closed / "var")

    place = Path(str(State(closed / "var").read("place.json")["postgres"]))
    try:
        assert "is closed to the account that runs Postgres" in first.stdout, first.stderr
        assert second.stdout == "[(42,)]\n"
        assert stat.S_IMODE(closed.stat().st_mode) == 0o700
        assert stat.S_IMODE(place.stat().st_mode) == 0o700
    finally:
        shutil.rmtree(place)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_everything_works_for_a_normal_user(var: Path, environment: dict[str, str]) -> None:
    user = pwd.getpwnam("nobody")
    python = _python_for(Account(user.pw_uid, user.pw_gid))
    os.chown(var.parent, user.pw_uid, user.pw_gid)
    packages = os.pathsep.join(
        [str(PROJECT), *[path for path in sys.path if "site-packages" in path]]
    )
    command = [str(python), "-B", "-m", "scrm.local", "exec", "--fast", "--var", str(var), "--"]

    done = subprocess.run(
        [*command, str(python), "-c", ask("print(query('SELECT 42'), os.geteuid())")],
        env={**environment, "PYTHONPATH": packages, "HOME": "/"},
        cwd="/",
        user=user.pw_uid,
        group=user.pw_gid,
        extra_groups=[],
        text=True,
        capture_output=True,
        check=False,
    )

    assert done.stdout == f"[(42,)] {user.pw_uid}\n", done.stderr
    assert (var / "postgres" / "data").stat().st_uid == user.pw_uid


def _python_for(account: Account) -> Path:
    """Ours, unless it lies in a closed home; then the system's, if it is of the same version."""
    for python in (Path(sys.executable), Path("/usr/bin/python3")):
        version = f"Python {'.'.join(map(str, sys.version_info[:3]))}\n"
        if account.can_execute(python) and account.run([python, "-V"]).stdout == version:
            return python
    pytest.skip("no Python of this version here can be run by another user")
