"""Do mass sends to groups wait for the owner, and reach everybody in them?"""

import time
from typing import Any

import pytest

from .actors import Scene
from .grounds import act, customers, group, groups

BASE = "externalcontact/"


def _add(s: Scene, *chat_ids: str, **more: Any) -> Any:
    body: dict[str, Any] = {"chat_type": "group", "sender": "li", "text": {"content": "上新"}}
    if chat_ids:
        body["chat_id_list"] = list(chat_ids)
    return s.caller.post(BASE + "add_msg_template", **{**body, **more})


def _confirm(s: Scene, msgid: str, **more: object) -> Any:
    return s.sim.post("act/confirm_task", corpid=s.corpid, msgid=msgid, **more)


def _results(s: Scene, msgid: str) -> list[dict[str, Any]]:
    answer = s.caller.post(BASE + "get_groupmsg_send_result", msgid=msgid, userid="li")
    assert answer["errcode"] == 0
    return list(answer["send_list"])


def _tasks(s: Scene, msgid: str) -> list[dict[str, Any]]:
    return list(s.caller.post(BASE + "get_groupmsg_task", msgid=msgid)["task_list"])


def test_message_lands_on_the_phones_of_all_members() -> None:
    with groups() as s:
        scanned = s.customer()
        chat_id = group(s, "zhang", scanned["external_userid"])
        made = _add(s, chat_id)
        before = (_tasks(s, made["msgid"]), _results(s, made["msgid"]))
        told = _confirm(s, made["msgid"])
        tasks, results = _tasks(s, made["msgid"]), _results(s, made["msgid"])
        phone = s.sim.get(f"customers/{scanned['customer']}")["messages"]
        colleague = s.sim.get(f"staff/{s.corpid}/zhang")["messages"]
        sender = s.sim.get(f"staff/{s.corpid}/li")["messages"]

    assert (made["errcode"], made["fail_list"]) == (0, [])
    # Of groups only those that it was sent to are listed.
    assert before == ([{"userid": "li", "status": 0}], [])
    assert told == {"confirmed": {"li": {"1": 1}}}
    assert (tasks[0]["status"], set(results[0])) == (
        2,
        {"chat_id", "userid", "status", "send_time"},
    )
    assert (results[0]["chat_id"], results[0]["status"]) == (chat_id, 1)
    for messages in (phone, colleague):
        assert [(m["kind"], m["chat_id"], m["userid"], m["text"]) for m in messages] == [
            ("group_mass", chat_id, "li", "上新")
        ]
    assert sender == []


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"sender": ""}, 40058),
        ({"sender": "nobody"}, 60111),
        ({"chat_id_list": ["wr"] * 2001}, 40058),
        ({"chat_id_list": ["wr_unknown"]}, 40050),
        ({"sender": "wang"}, 40050),
        ({"sender": "wang", "chat_id_list": []}, 41048),
        ({"text": {}}, 40063),
        ({"chat_type": "crowd"}, 40058),
    ],
)
def test_what_the_platform_refuses(change: dict[str, Any], code: int) -> None:
    with groups() as s:
        answer = _add(s, group(s), **change)

        assert answer["errcode"] == code
        assert type(answer["fail_list"]) is list


def test_groups_that_cannot_be_reached_are_named() -> None:
    with groups() as s:
        mine, theirs, gone = group(s), group(s, owner="zhang"), group(s)
        act(s, "dismiss", gone)
        made = _add(s, mine, theirs, gone, "wr_unknown", mine)
        _confirm(s, made["msgid"])

        assert (made["errcode"], made["fail_list"]) == (0, [theirs, gone, "wr_unknown"])
        assert [row["chat_id"] for row in _results(s, made["msgid"])] == [mine]


def test_without_a_list_the_owner_picks_groups() -> None:
    with groups() as s:
        first, second = group(s), group(s)
        fixed, free = _add(s, first, second)["msgid"], _add(s)["msgid"]
        refused = _confirm(s, fixed, only=[first])
        told = _confirm(s, free, only=[second])

        assert "pick" in refused["error"]
        assert told == {"confirmed": {"li": {"0": 1, "1": 1}}}
        assert [row["chat_id"] for row in _results(s, free)] == [second]


def test_quota_counts_groups_apart_from_customers() -> None:
    with groups() as s:
        s.sim.post("settings", mass_quota="day1")
        one = customers(s, 1)[0]
        chat_id, other = group(s, one), group(s)
        single = {"chat_type": "single", "external_userid": [one], "text": {"content": "私信"}}
        first, second = _add(s, chat_id)["msgid"], _add(s, chat_id, other)["msgid"]
        direct = s.caller.post(BASE + "add_msg_template", **single)["msgid"]
        tallies = [_confirm(s, msgid)["confirmed"]["li"] for msgid in (first, second, direct)]

        assert tallies == [{"1": 1}, {"3": 1, "1": 1}, {"1": 1}]
        assert [row["chat_id"] for row in _results(s, second)] == [other]


def test_group_that_went_to_another_owner_is_not_sent_to() -> None:
    with groups() as s:
        chat_id = group(s, "zhang")
        msgid = _add(s, chat_id)["msgid"]
        act(s, "owner", chat_id, owner="zhang")

        assert _confirm(s, msgid) == {"confirmed": {"li": {"2": 1}}}
        assert _results(s, msgid) == []


def test_list_keeps_the_two_kinds_apart() -> None:
    with groups() as s:
        one = customers(s, 1)[0]
        _add(s, group(s))
        s.caller.post(BASE + "add_msg_template", external_userid=[one], text={"content": "私信"})
        now = int(time.time())
        found = {
            kind: s.caller.post(
                BASE + "get_groupmsg_list_v2",
                chat_type=kind,
                start_time=now - 60,
                end_time=now + 60,
            )["group_msg_list"]
            for kind in ("single", "group")
        }

    assert [each["text"]["content"] for each in found["group"]] == ["上新"]
    assert [each["text"]["content"] for each in found["single"]] == ["私信"]


def test_statuses_add_up_to_the_groups_addressed() -> None:
    with groups() as s:
        s.sim.post("settings", mass_quota="day1")
        chat_ids = [group(s, "zhang") for _ in range(6)]
        _confirm(s, _add(s, *chat_ids[:2])["msgid"])
        msgid = _add(s, *chat_ids)["msgid"]
        act(s, "owner", chat_ids[5], owner="zhang")
        tally = _confirm(s, msgid)["confirmed"]["li"]

        assert tally == {"3": 2, "1": 3, "2": 1}
        assert len(_results(s, msgid)) == 3


def test_cancelled_send_reaches_no_group() -> None:
    with groups() as s:
        msgid = _add(s, group(s))["msgid"]
        s.caller.post(BASE + "cancel_groupmsg_send", msgid=msgid)

        assert _confirm(s, msgid) == {"error": "this mass send was cancelled"}
