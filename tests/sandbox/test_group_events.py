"""Do apps hear of groups in the platform's words, in each form that has been seen?"""

from typing import Any

import pytest

from .actors import Caller, Scene, listen, receiver, scene
from .grounds import CHAT, act, customers, group, groups, join_way, read

HEAD = ["ToUserName", "FromUserName", "CreateTime", "MsgType", "Event", "ChatId", "ChangeType"]


def _heard(s: Scene) -> list[dict[str, Any]]:
    s.sim.flush()
    events = [e for e in s.app.events if e["Event"] == "change_external_chat"]
    # Deliveries overtake each other; their numbers say in which order they were sent.
    order = [call["xml"] for call in s.sim.get("callbacks")["callbacks"]]
    return sorted(events, key=lambda e: _place(order, e))


def _place(order: list[str], event: dict[str, Any]) -> int:
    marks = [event.get(name) or "" for name in ("ChatId", "UpdateDetail", "CurMemVer")]
    kind = f"<ChangeType><![CDATA[{event['ChangeType']}]]>"
    return next(i for i, xml in enumerate(order) if kind in xml and all(m in xml for m in marks))


def test_life_of_a_group() -> None:
    with groups() as s:
        one, two = customers(s, 2)
        chat_id = group(s, "zhang", one)
        act(s, "invite", chat_id, by="li", who=[two, "wang"])
        act(s, "leave", chat_id, who=one)
        act(s, "remove", chat_id, who=[two])
        act(s, "rename", chat_id, name="新名")
        act(s, "notice", chat_id, notice="新公告")
        act(s, "owner", chat_id, owner="zhang")
        act(s, "dismiss", chat_id)
        events = _heard(s)

    assert [list(e) for e in events[:2]] == [
        HEAD,
        [
            *HEAD,
            "UpdateDetail",
            "JoinScene",
            "QuitScene",
            "MemChangeCnt",
            "MemChangeList",
            "LastMemVer",
            "CurMemVer",
        ],
    ]
    assert {e["ChatId"] for e in events} == {chat_id}
    assert [(e["ChangeType"], e.get("UpdateDetail")) for e in events] == [
        ("create", None),
        ("update", "add_member"),
        ("update", "del_member"),
        ("update", "del_member"),
        ("update", "change_name"),
        ("update", "change_notice"),
        ("update", "change_owner"),
        ("dismiss", None),
    ]
    added, left, removed = events[1:4]
    assert (added["JoinScene"], added["MemChangeCnt"]) == ("1", "2")
    assert added["MemChangeList"] == {"Item": [two, "wang"]}
    assert (left["QuitScene"], left["MemChangeList"]) == ("1", {"Item": one})
    assert (removed["QuitScene"], removed["MemChangeList"]) == ("2", {"Item": two})


def test_versions_are_a_chain_that_ends_in_what_is_read() -> None:
    with groups() as s:
        people = customers(s, 3)
        chat_id = group(s)
        first = read(s, chat_id)["member_version"]
        for who in people:
            act(s, "invite", chat_id, by="li", who=[who])
        act(s, "rename", chat_id, name="新名")
        act(s, "leave", chat_id, who=people[0])
        versions = [
            (e["LastMemVer"], e["CurMemVer"]) for e in _heard(s) if e.get("MemChangeCnt") == "1"
        ]
        last = read(s, chat_id)["member_version"]

    assert len(versions) == 4
    assert [before for before, _ in versions] == [first, *(after for _, after in versions[:-1])]
    assert versions[-1][1] == last
    assert len({first, *(after for _, after in versions)}) == 5


@pytest.mark.parametrize("form", ["items", "comma", "absent"])
def test_forms_of_the_member_list(form: str) -> None:
    with groups() as s:
        s.sim.post("settings", mem_change_list=form)
        ids = customers(s, 2)
        act(s, "invite", group(s), by="li", who=ids)
        event = _heard(s)[-1]

    wanted = {"items": {"Item": ids}, "comma": ",".join(ids), "absent": None}
    assert event.get("MemChangeList") == wanted[form]
    assert (event["MemChangeCnt"], "CurMemVer" in event) == ("2", True)


def test_scan_of_a_join_way_is_told_with_its_scene() -> None:
    with groups() as s:
        way = join_way(s, group(s), state="abc")
        joined = s.sim.post("act/group_join", config_id=way)
        event = _heard(s)[-1]

    assert (event["UpdateDetail"], event["JoinScene"]) == ("add_member", "3")
    assert event["MemChangeList"] == {"Item": joined["external_userid"]}


def test_only_apps_that_see_the_owner_hear_of_a_group() -> None:
    with scene(listening=True, visible=["li"]) as s, receiver() as other:
        second = s.sim.post("apps", corpid=s.corpid, visible=["zhang"])
        listen(s.sim, other, {**second, "corpid": s.corpid})
        hidden = Caller(s.sim.url, {**s.caller.corp, **second})
        chat_id = group(s, "zhang")
        unread = hidden.post(CHAT + "get", chat_id=chat_id)["errcode"]
        group(s, owner="zhang")
        act(s, "owner", chat_id, owner="zhang")
        s.sim.flush()
        mine = sorted(e["ChangeType"] for e in s.app.events)
        theirs = sorted(e["ChangeType"] for e in other.events)
        read_now = hidden.post(CHAT + "get", chat_id=chat_id)["errcode"]

    assert (unread, read_now) == (50002, 0)
    assert mine == ["create", "update"]
    assert theirs == ["create", "update"]


def test_hostile_names_do_not_break_the_event() -> None:
    with groups() as s:
        name = "]]>&<x>群🎉"
        chat_id = group(s, name=name)

        assert read(s, chat_id)["name"] == name
        assert [e["ChatId"] for e in _heard(s)] == [chat_id]


def test_same_seed_and_script_give_the_same_events() -> None:
    def story() -> list[str]:
        with groups(seed=3) as s:
            chat_id = group(s, *customers(s, 2))
            way = join_way(s, chat_id)
            s.sim.post("act/group_join", config_id=way)
            s.sim.flush()
            return [call["event"] for call in s.sim.get("callbacks")["callbacks"]] + [
                chat_id,
                way,
                read(s, chat_id)["member_version"],
            ]

    assert story() == story()
