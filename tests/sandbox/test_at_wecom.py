"""What people send at WeCom itself: is it listed with who made it, and does it wait or not?"""

import time
from typing import Any

from .actors import Scene, scene
from .grounds import group, groups

EXT = "externalcontact/"
NARROWED: dict[str, dict[str, Any]] = {
    "all": {},
    "corp": {"filter_type": 0},
    "personal": {"filter_type": 1},
    "zhang": {"creator": "zhang"},
}


def _listed(s: Scene, path: str = "get_groupmsg_list_v2", **more: Any) -> list[dict[str, Any]]:
    now = int(time.time())
    span = {"start_time": now - 60, "end_time": now + 60}
    answer = s.caller.post(EXT + path, **({"chat_type": "single"} | span | more))
    assert answer["errcode"] == 0, answer
    return list(answer.get("group_msg_list") or answer.get("moment_list") or [])


def _of_corp(s: Scene, name: str, **body: Any) -> Any:
    answer = s.sim.post(f"act/{name}", corpid=s.corpid, **body)
    assert "error" not in answer, answer
    return answer


def _statuses(s: Scene, msgid: str, userid: str) -> list[int]:
    rows = s.caller.post(EXT + "get_groupmsg_send_result", msgid=msgid, userid=userid)
    return [row["status"] for row in rows["send_list"]]


def test_a_members_own_message_goes_out_at_once() -> None:
    with scene() as s:
        scanned = s.customer()
        made = _of_corp(s, "own_mass_send", userid="li", text="新茶")
        (row,) = _listed(s)
        tasks = s.caller.post(EXT + "get_groupmsg_task", msgid=made["msgid"])["task_list"]
        statuses = _statuses(s, made["msgid"], "li")
        phone = s.sim.get(f"customers/{scanned['customer']}")["messages"]

    assert made["sent"] == {"1": 1}
    assert set(row) == {
        "msgid", "creator", "create_time", "create_type", "text", "attachments",
    }  # fmt: skip
    assert (row["msgid"], row["creator"], row["create_type"]) == (made["msgid"], "li", 1)
    assert [(task["userid"], task["status"]) for task in tasks] == [("li", 2)]
    assert (statuses, [(one["kind"], one["text"]) for one in phone]) == ([1], [("mass", "新茶")])


def test_the_business_waits_for_its_members() -> None:
    with scene() as s:
        scanned = s.customer()
        made = _of_corp(s, "console_mass_send", userid="zhang", text="放假")
        (row,) = _listed(s)
        before = _statuses(s, made["msgid"], "li")
        confirmed = _of_corp(s, "confirm_task", msgid=made["msgid"])
        after = _statuses(s, made["msgid"], "li")
        phone = s.sim.get(f"customers/{scanned['customer']}")["messages"]

    assert (row["creator"], row["create_type"]) == ("zhang", 0)
    assert (before, after, confirmed) == ([0], [1], {"confirmed": {"li": {"1": 1}}})
    assert [one["text"] for one in phone] == ["放假"]


def test_lists_are_narrowed_by_creator_and_kind() -> None:
    with scene() as s:
        external = s.customer()["external_userid"]
        own = _of_corp(s, "own_mass_send", userid="li", text="一")["msgid"]
        console = _of_corp(s, "console_mass_send", userid="zhang", text="二")["msgid"]
        body = {"external_userid": [external], "text": {"content": "三"}}
        api = s.caller.post(EXT + "add_msg_template", **body)["msgid"]
        found = {
            name: [row["msgid"] for row in _listed(s, **narrowed)]
            for name, narrowed in NARROWED.items()
        }
        creators = [row.get("creator") for row in _listed(s)]
        wrong = s.caller.post(
            EXT + "get_groupmsg_list_v2", chat_type="single", start_time=1, end_time=2,
            filter_type=3,
        )  # fmt: skip

    assert found == {
        "all": [own, console, api], "corp": [console, api], "personal": [own], "zhang": [console],
    }  # fmt: skip
    assert creators == ["li", "zhang", None]  # what an app made has no creator
    assert wrong["errcode"] == 40058


def test_own_messages_count_for_the_quota() -> None:
    with scene() as s:
        s.sim.post("settings", mass_quota="day1")
        s.customer()
        sent = [
            _of_corp(s, "own_mass_send", userid="li", text="一")["sent"] for _ in range(2)
        ]  # fmt: skip

    assert sent == [{"1": 1}, {"3": 1}]


def test_messages_to_the_groups_of_owners() -> None:
    with groups() as s:
        scanned = s.customer()
        chat_id = group(s, "zhang", scanned["external_userid"])
        made = _of_corp(s, "console_mass_send", userid="zhang", text="周五", chat_type="group")
        _of_corp(s, "confirm_task", msgid=made["msgid"])
        (row,) = _listed(s, chat_type="group")
        sent = s.caller.post(
            EXT + "get_groupmsg_send_result", msgid=made["msgid"], userid="li"
        )["send_list"]  # fmt: skip

    assert row["msgid"] == made["msgid"]
    assert [(one["chat_id"], one["status"]) for one in sent] == [(chat_id, 1)]


def test_a_moment_of_the_business_has_no_creator() -> None:
    with scene() as s:
        s.customer()
        made = _of_corp(s, "console_moment", text="开业", staff=["li"])
        (row,) = _listed(s, "get_moment_list")
        before = s.caller.post(EXT + "get_moment_task", moment_id=made["moment_id"])["task_list"]
        _of_corp(s, "confirm_moment", moment_id=made["moment_id"])
        after = s.caller.post(EXT + "get_moment_task", moment_id=made["moment_id"])["task_list"]

    assert (row["moment_id"], row.get("creator"), row["create_type"]) == (
        made["moment_id"],
        None,
        0,
    )
    assert [one["publish_status"] for one in (*before, *after)] == [0, 1]


def test_nobody_to_send_to_is_refused() -> None:
    with scene() as s:
        refused = s.sim.post("act/own_mass_send", corpid=s.corpid, userid="li", text="一")

    assert "nobody" in refused["error"]
