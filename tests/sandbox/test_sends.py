"""Do mass sends wait for a person, and do app messages arrive once?"""

import time
from typing import Any

import pytest

from .actors import Scene, scene

ADD = "externalcontact/add_msg_template"


def _add(s: Scene, *external: str, **more: Any) -> Any:
    body = {"chat_type": "single", "external_userid": list(external), "text": {"content": "新品"}}
    return s.caller.post(ADD, **{**body, **more})


def _status(s: Scene, msgid: str) -> tuple[int, list[int]]:
    task = s.caller.post("externalcontact/get_groupmsg_task", msgid=msgid)["task_list"][0]
    answer = s.caller.post(
        "externalcontact/get_groupmsg_send_result", msgid=msgid, userid=task["userid"]
    )
    return task["status"], [row["status"] for row in answer["send_list"]]


def test_nothing_arrives_before_the_member_confirms() -> None:
    with scene() as s:
        scanned = s.customer()
        msgid = _add(s, scanned["external_userid"], sender="li")["msgid"]
        before = _status(s, msgid)
        waiting = s.sim.get(f"staff/{s.corpid}/li")["tasks"]
        confirmed = s.sim.post("act/confirm_task", corpid=s.corpid, msgid=msgid, userid="li")
        after = _status(s, msgid)
        messages = s.sim.get(f"customers/{scanned['customer']}")["messages"]

    assert before == (0, [0])
    assert waiting[0]["msgid"] == msgid
    assert confirmed == {"confirmed": {"li": {"1": 1}}}
    assert after == (2, [1])
    assert [(message["kind"], message["text"]) for message in messages] == [("mass", "新品")]


def test_list_finds_what_a_lost_answer_hid() -> None:
    with scene() as s:
        external = s.customer()["external_userid"]
        s.sim.post("faults", kind="reset_after", path=ADD, first=1)
        with pytest.raises(ConnectionError):
            _add(s, external)
        now = int(time.time())
        listed = s.caller.post(
            "externalcontact/get_groupmsg_list_v2",
            chat_type="single",
            start_time=now - 60,
            end_time=now + 60,
        )["group_msg_list"]

    assert [each["text"]["content"] for each in listed] == ["新品"]


def test_customers_who_cannot_be_sent_to_are_named() -> None:
    with scene() as s:
        external = s.customer()["external_userid"]
        mixed = _add(s, external, "wm_unknown")
        none = _add(s, "wm_unknown")
        not_hers = _add(s, external, sender="zhang")

    assert (mixed["errcode"], mixed["fail_list"]) == (0, ["wm_unknown"])
    assert (none["errcode"], none["fail_list"]) == (40096, ["wm_unknown"])
    assert not_hers["errcode"] == 40096


def test_quota_and_lost_friends_show_when_confirmed() -> None:
    with scene() as s:
        s.sim.post("settings", mass_quota="day1")
        first, second = s.customer(), s.customer()
        both = (first["external_userid"], second["external_userid"])
        msgids = [_add(s, *both)["msgid"], _add(s, *both)["msgid"]]
        s.sim.post("act/confirm_task", corpid=s.corpid, msgid=msgids[0])
        pair = {"corpid": s.corpid, "userid": "li", "customer": first["customer"]}
        s.sim.post("act/staff_deletes", pair)
        s.sim.post("act/confirm_task", corpid=s.corpid, msgid=msgids[1])

        assert _status(s, msgids[0]) == (2, [1, 1])
        assert _status(s, msgids[1]) == (2, [2, 3])


def test_result_shows_after_its_lag() -> None:
    with scene() as s:
        s.sim.post("settings", result_lag_s=[60, 60])
        msgid = _add(s, s.customer()["external_userid"])["msgid"]
        s.sim.post("act/confirm_task", corpid=s.corpid, msgid=msgid)
        early = _status(s, msgid)
        s.sim.post("clock", advance_s=61)

        assert (early, _status(s, msgid)) == ((0, [0]), (2, [1]))


def test_members_can_confirm_by_themselves() -> None:
    with scene() as s:
        s.sim.post("settings", confirm_after_s=30)
        msgid = _add(s, s.customer()["external_userid"])["msgid"]
        s.sim.post("clock", advance_s=31)
        deadline = time.monotonic() + 5
        while _status(s, msgid)[0] == 0 and time.monotonic() < deadline:
            time.sleep(0.01)

        assert _status(s, msgid) == (2, [1])


def test_cancelled_send_cannot_be_confirmed() -> None:
    with scene() as s:
        msgid = _add(s, s.customer()["external_userid"])["msgid"]
        s.caller.post("externalcontact/cancel_groupmsg_send", msgid=msgid)

        answer = s.sim.post("act/confirm_task", corpid=s.corpid, msgid=msgid)
        assert answer == {"error": "this mass send was cancelled"}


def test_member_picks_customers_only_where_allowed() -> None:
    with scene() as s:
        external = [s.customer()["external_userid"] for _ in range(2)]
        fixed = _add(s, *external)["msgid"]
        free = _add(s, *external, allow_select=True)["msgid"]
        picked = {"corpid": s.corpid, "only": external[:1]}
        refused = s.sim.post("act/confirm_task", {**picked, "msgid": fixed})
        s.sim.post("act/confirm_task", {**picked, "msgid": free})

        assert "pick" in refused["error"]
        assert _status(s, free) == (2, [1, 0])


def test_app_message_told_twice_arrives_once() -> None:
    with scene() as s:
        body = {
            "touser": "li|nobody",
            "msgtype": "text",
            "agentid": s.caller.corp["agentid"],
            "text": {"content": "新线索"},
            "enable_duplicate_check": 1,
            "duplicate_check_interval": 600,
        }
        answers = [s.caller.post("message/send", **body) for _ in range(2)]
        s.sim.post("clock", advance_s=601)
        s.caller.post("message/send", **body)
        messages = s.sim.get(f"staff/{s.corpid}/li")["messages"]

    assert answers[0]["invaliduser"] == "nobody"
    assert answers[0]["msgid"] == answers[1]["msgid"]
    assert [message["text"] for message in messages] == ["新线索", "新线索"]


@pytest.mark.parametrize(
    ("change", "code"),
    [({"agentid": 5}, 40056), ({"touser": "nobody"}, 81013), ({"msgtype": "poem"}, 40058)],
)
def test_wrong_app_messages(change: dict[str, Any], code: int) -> None:
    with scene() as s:
        body = {
            "touser": "li",
            "msgtype": "text",
            "agentid": s.caller.corp["agentid"],
            "text": {"content": "x"},
        }
        assert s.caller.post("message/send", **{**body, **change})["errcode"] == code
