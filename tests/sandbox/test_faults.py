"""Do things go wrong where, and as often as, they are told to?"""

import json
import time
from typing import Any

import pytest

from .actors import Scene, fetch, scene

ADD = "externalcontact/add_contact_way"


def _ways(s: Scene) -> int:
    return len(s.sim.get("state")["corps"][0]["contact_ways"])


def _raw(s: Scene) -> Any:
    body = json.dumps({"type": 1, "scene": 2, "user": ["li"]}).encode()
    return fetch("POST", s.caller.target(ADD, {}), body)


def test_first_n_every_n_and_window() -> None:
    with scene() as s:
        s.sim.post("faults", kind="errcode", errcode=45033, path="user/get", first=2)
        s.sim.post("faults", kind="errcode", errcode=-1, path="department/*", every=3)
        s.sim.post("faults", kind="errcode", path="getcallbackip", after_s=100, for_s=50)
        users = [s.caller.get("user/get", userid="li")["errcode"] for _ in range(3)]
        departments = [s.caller.get("department/list")["errcode"] for _ in range(6)]
        windows = []
        for _ in range(3):
            windows.append(s.caller.get("getcallbackip")["errcode"])
            s.sim.post("clock", advance_s=101)

    assert users == [45033, 45033, 0]
    assert departments == [0, 0, -1, 0, 0, -1]
    assert windows == [0, -1, 0]


def test_rule_of_one_corp_leaves_others_alone() -> None:
    with scene() as s:
        s.sim.post("faults", kind="errcode", corpid="wwother")

        assert s.caller.get("getcallbackip")["errcode"] == 0


def test_probability_is_about_right_and_the_same_for_the_same_seed() -> None:
    runs = []
    for _ in range(2):
        with scene(seed=7) as s:
            s.sim.post("faults", kind="errcode", path="getcallbackip", probability=0.3)
            runs.append([s.caller.get("getcallbackip")["errcode"] for _ in range(100)])

    assert runs[0] == runs[1]
    assert 15 <= runs[0].count(-1) <= 45


@pytest.mark.parametrize(
    ("kind", "status", "made"),
    [("http_502", 502, 0), ("truncated_json", 200, 1), ("html_200", 200, 1)],
)
def test_answers_that_are_not_json(kind: str, status: int, made: int) -> None:
    with scene() as s:
        s.sim.post("faults", kind=kind, path=ADD)
        answer = _raw(s)

        assert answer.status == status
        with pytest.raises(ValueError, match=r"line 1|Unterminated|Expecting"):
            answer.json()
        assert _ways(s) == made


@pytest.mark.parametrize(("kind", "made"), [("reset_before", 0), ("reset_after", 1)])
def test_connection_resets_before_or_after_the_effect(kind: str, made: int) -> None:
    with scene() as s:
        s.sim.post("faults", kind=kind, path=ADD, first=1)
        with pytest.raises(ConnectionError):
            _raw(s)

        assert _ways(s) == made
        assert _raw(s).json()["errcode"] == 0


@pytest.mark.parametrize("kind", ["delay", "slow_body"])
def test_slow_answers_are_whole(kind: str) -> None:
    with scene() as s:
        s.sim.post("faults", on="api", kind=kind, delay_s=0.3)
        began = time.monotonic()
        answer = s.caller.gettoken()

    assert time.monotonic() - began >= 0.3
    assert answer["errcode"] == 0


def test_contact_way_may_come_as_a_list() -> None:
    with scene() as s:
        config_id = s.caller.way()
        s.sim.post("settings", contact_way_shape="list")
        answer = s.caller.post("externalcontact/get_contact_way", config_id=config_id)

    assert answer["contact_way"][0]["config_id"] == config_id


@pytest.mark.parametrize("name", ["calm", "realistic", "hostile"])
def test_profiles_can_be_chosen(name: str) -> None:
    with scene() as s:
        chosen = s.sim.post("profile", name=name)
        s.sim.post("profile", name="calm")

        assert "error" not in chosen
        assert s.sim.get("faults") == {"rules": []}


def test_everything_hostile_still_delivers_each_event_at_least_once() -> None:
    with scene(listening=True) as s:
        way = s.caller.way()
        s.sim.post("profile", name="hostile")
        s.sim.post("settings", accept_after_s=0, callback_spacing_s=[0, 0.01])
        scans = [s.sim.post("act/scan", config_id=way) for _ in range(30)]
        s.sim.flush()

    told = [event["ExternalUserID"] for event in s.app.events]
    assert set(told) == {scan["external_userid"] for scan in scans}
    assert len(told) > len(scans)
    assert s.app.refused > 0


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("faults", {"kind": "earthquake"}),
        ("faults", {"kind": "dtd", "on": "api"}),
        ("settings", {"unknown": 1}),
        ("settings", {"retry_on_status": "sometimes"}),
        ("settings", {"latency_s": [2, 1]}),
        ("settings", {"short_pages": 1}),
        ("profile", {"name": "kind"}),
        ("clock", {"advance_s": -1}),
        ("clock", {"scale": 0}),
        ("act/scan", {"config_id": "unknown"}),
        ("act/dance", {}),
        ("corps", {"aes_key": "short"}),
        ("staff", {"corpid": "unknown"}),
        ("callback_url", {"corpid": "unknown"}),
    ],
)
def test_control_refuses_with_a_sentence(path: str, body: dict[str, Any]) -> None:
    with scene() as s:
        answer = fetch("POST", f"{s.sim.url}/_sim/{path}", json.dumps(body).encode())

    assert answer.status in (400, 404)
    assert len(answer.json()["error"]) > 10


def test_pages_of_other_sites_cannot_steer() -> None:
    with scene() as s:
        answer = fetch("POST", f"{s.sim.url}/_sim/reset", b"{}", Origin="http://example.com")

        assert answer.status == 403
        assert s.sim.get("state")["corps"]
