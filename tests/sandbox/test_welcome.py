"""Is a welcome code good for one message, in its time?"""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from .actors import Scene, scene

SEND = "externalcontact/send_welcome_msg"
LINK = {"msgtype": "link", "link": {"title": "选购指南", "url": "http://127.0.0.1:9/l/abc"}}


def _code(s: Scene) -> tuple[str, str]:
    customer = s.customer()["customer"]
    return customer, s.app.events[-1]["WelcomeCode"]


def _send(s: Scene, code: str, **more: Any) -> Any:
    return s.caller.post(SEND, welcome_code=code, **{"text": {"content": "您好"}, **more})


def test_message_arrives_once() -> None:
    with scene(listening=True) as s:
        customer, code = _code(s)
        text = {"content": "您好 http://127.0.0.1:9/l/xyz。"}
        codes = [_send(s, code, text=text, attachments=[LINK])["errcode"] for _ in range(2)]
        phone = s.sim.get(f"customers/{customer}")

    assert codes == [0, 41051]
    message = phone["messages"][0]
    assert len(phone["messages"]) == 1
    assert (message["kind"], message["userid"]) == ("welcome", "li")
    assert message["links"] == ["http://127.0.0.1:9/l/xyz", "http://127.0.0.1:9/l/abc"]


def test_others_wait_while_one_sends() -> None:
    with scene(listening=True) as s:
        s.sim.post("settings", welcome_in_flight_s=[0.5, 0.5])
        customer, code = _code(s)
        with ThreadPoolExecutor(4) as pool:
            codes = sorted(
                answer["errcode"] for answer in pool.map(lambda _: _send(s, code), range(4))
            )
        phone = s.sim.get(f"customers/{customer}")

    assert codes == [0, 41096, 41096, 41096]
    assert len(phone["messages"]) == 1


def test_failed_first_send_can_be_won_by_a_retry() -> None:
    with scene(listening=True) as s:
        s.sim.post("settings", welcome_fail_share=1.0)
        customer, code = _code(s)
        codes = [_send(s, code)["errcode"] for _ in range(3)]

        assert codes == [-1, 0, 41051]
        assert len(s.sim.get(f"customers/{customer}")["messages"]) == 1


@pytest.mark.parametrize(("passed", "code"), [(19, 0), (21, 41050)])
def test_code_lives_twenty_seconds(passed: int, code: int) -> None:
    with scene(listening=True) as s:
        _, welcome = _code(s)
        s.sim.post("clock", advance_s=passed)

        assert _send(s, welcome)["errcode"] == code


def test_fast_running_clock_does_not_shorten_it() -> None:
    with scene(listening=True) as s:
        _, welcome = _code(s)
        s.sim.post("clock", scale=10_000)
        time.sleep(0.05)

        # 500 s of simulator time; the token of the first call is still alive.
        assert _send(s, welcome)["errcode"] == 0


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"welcome_code": ""}, 41049),
        ({"welcome_code": "unknown", "text": {"content": "x"}}, 41050),
        ({"text": {}}, 40063),
        ({"text": {"content": "字" * 1334}}, 45002),
        ({"attachments": [LINK] * 10}, 40058),
        ({"attachments": [{"msgtype": "link", "image": {}}]}, 40058),
        ({"attachments": [{"msgtype": "poem"}]}, 40058),
        ({"attachments": [{"msgtype": "image", "image": {"media_id": "old"}}]}, 40007),
        ({"attachments": [{"msgtype": "link", "link": {"url": "u", "title": "x" * 129}}]}, 40058),
    ],
)
def test_wrong_content_is_refused_and_keeps_the_code(body: dict[str, Any], code: int) -> None:
    with scene(listening=True) as s:
        _, welcome = _code(s)

        assert s.caller.post(SEND, **{"welcome_code": welcome, **body})["errcode"] == code
        assert _send(s, welcome)["errcode"] == 0


@pytest.mark.parametrize("by_staff", [False, True])
def test_chatting_closes_the_window(*, by_staff: bool) -> None:
    with scene(listening=True) as s:
        customer, welcome = _code(s)
        sides = ("li", customer) if by_staff else (customer, "li")
        s.sim.post(
            "act/speak", {"corpid": s.corpid, "from": sides[0], "to": sides[1], "text": "在"}
        )

        assert _send(s, welcome)["errcode"] == 41051


def test_member_with_a_welcome_of_the_admin_gives_no_code() -> None:
    with scene(listening=True) as s:
        s.sim.post("staff", corpid=s.corpid, userid="li", admin_welcome=True)
        s.customer()

    assert "WelcomeCode" not in s.app.events[0]


def test_customer_who_comes_back_is_welcomed_again() -> None:
    with scene(listening=True) as s:
        customer, first = _code(s)
        _send(s, first)
        s.sim.post("act/staff_deletes", corpid=s.corpid, userid="li", customer=customer)
        s.scan(s.caller.way(), customer=customer)
        second = next(e["WelcomeCode"] for e in s.app.events[1:] if "WelcomeCode" in e)

        assert _send(s, first)["errcode"] == 41051
        assert _send(s, second)["errcode"] == 0


def test_code_is_for_the_apps_that_heard_the_event() -> None:
    with scene(listening=True) as s:
        _, welcome = _code(s)
        s.caller.corp = {**s.caller.corp, **s.sim.post("apps", corpid=s.corpid)}
        s.caller.token = ""

        assert _send(s, welcome)["errcode"] == 41050
