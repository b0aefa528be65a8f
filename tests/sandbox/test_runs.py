"""Is one seed one run, does a run end cleanly, and does its state come back?"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from scrm.sandbox import Sandbox

from .actors import QUICK, Caller, Steering, empty, fetch, scene

VARYING = {"at", "latency_ms"}


def _story() -> tuple[list[Any], list[Any]]:
    with scene(seed=5, listening=True) as s:
        way = s.caller.way(type=2, user=["li", "zhang"], state="abc")
        s.sim.post("faults", kind="duplicate", probability=0.5)
        s.sim.post("faults", kind="errcode", path="externalcontact/list", probability=0.5)
        for _ in range(5):
            s.scan(way)
            s.caller.get("externalcontact/list", userid="li")
        entries = s.sim.journal()
        sent = s.sim.get("callbacks")["callbacks"]
    calls = [{name: entry[name] for name in entry.keys() - VARYING} for entry in entries]
    for call in calls:
        # The ports differ, and with them the address of the QR page; expires_in is a time.
        for name in ("qr_code", "expires_in"):
            call.get("answer", {}).pop(name, None)
    kinds = [(each["event"], [a["kind"] for a in each["attempts"]]) for each in sent]
    return calls, kinds


def test_same_seed_and_script_give_the_same_journal() -> None:
    assert _story() == _story()


def test_other_seed_gives_other_ids() -> None:
    corpids = []
    for seed in (1, 2):
        with scene(seed=seed) as s:
            corpids.append(s.corpid)

    assert corpids[0] != corpids[1]


def test_reset_empties_the_world() -> None:
    with scene() as s:
        first = s.corpid
        s.caller.way()
        s.sim.post("reset", seed=1)
        state = s.sim.get("state")

        assert state["corps"] == []
        assert state["customers"] == []
        assert s.sim.journal() == []
        assert s.sim.post("corps", name="x")["corpid"] == first


def test_pages_are_served_and_name_no_other_host() -> None:
    with empty() as sim:
        for path in ("/", "/qr/abc"):
            page = fetch("GET", sim.url + path)

            assert page.status == 200
            assert page.content_type.startswith("text/html")
            assert b"http://" not in page.body
            assert b"https://" not in page.body


def test_it_listens_on_loopback_only() -> None:
    with Sandbox() as sandbox:
        assert sandbox.url.startswith("http://127.0.0.1:")
        with socket.socket() as other:
            # Another address of the loopback net: a server bound to all would answer.
            assert other.connect_ex(("127.0.0.2", sandbox.port)) != 0


def test_state_comes_back_in_the_next_run(tmp_path: Path) -> None:
    kept = tmp_path / "sandbox.json"
    with Sandbox(state_file=kept) as sandbox:
        sim = Steering(sandbox.url)
        sim.post("settings", QUICK)
        corp = sim.post("corps", name="示例企业", visible=["li"])
        sim.post("staff", corpid=corp["corpid"], userid="li")
        way = Caller(sandbox.url, corp).way(state="abc")
        scanned = sim.post("act/scan", config_id=way)
        sim.post("clock", advance_s=86_400)
    with Sandbox(state_file=kept) as sandbox:
        sim, caller = Steering(sandbox.url), Caller(sandbox.url, corp)
        sim.post("settings", QUICK)
        listed = caller.get("externalcontact/list", userid="li")
        read = caller.post("externalcontact/get_contact_way", config_id=way)["contact_way"]
        again = sim.post("act/scan", config_id=way)
        now = sim.get("clock")["now"]

    assert listed["external_userid"] == [scanned["external_userid"]]
    assert read["qr_code"] == f"{sandbox.url}/qr/{way}"
    assert again["customer"] != scanned["customer"]
    assert now >= time.time() + 86_000
    assert kept.stat().st_mode & 0o777 == 0o600


ALONE = ["-m", "scrm.sandbox"]


def _command(*more: str, start: list[str] = ALONE) -> "subprocess.Popen[str]":
    """As an integrator starts it: the environment names neither servers nor settings of ours."""
    return subprocess.Popen(
        [sys.executable, *start, *more],
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={"PATH": os.environ["PATH"]},
    )


@pytest.mark.parametrize("start", [ALONE, ["manage.py", "sandbox"]])
def test_command_says_when_it_is_ready_and_ends_on_sigterm(
    tmp_path: Path, start: list[str]
) -> None:
    ready = tmp_path / "ready"
    process = _command(
        *("--port", "0", "--profile", "realistic", "--ready-file", str(ready)), start=start
    )
    deadline = time.monotonic() + 30
    while not ready.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    url = ready.read_text().strip()
    rules = json.loads(fetch("GET", f"{url}/_sim/faults").body)["rules"]
    process.send_signal(signal.SIGTERM)
    _, complaints = process.communicate(timeout=30)

    assert [rule["kind"] for rule in rules] == ["errcode", "http_502", "duplicate"]
    assert (process.returncode, complaints) == (0, "")
    assert not ready.exists()


def test_busy_port_gets_one_clear_sentence() -> None:
    with Sandbox() as sandbox:
        process = _command("--port", str(sandbox.port))
        _, complaints = process.communicate(timeout=10)

    assert process.returncode == 1
    assert complaints == (
        f"Port {sandbox.port} is in use: stop what listens there or choose another --port.\n"
    )
