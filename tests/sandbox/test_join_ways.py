"""Do ways into groups keep the platform's rules, and lead where there is room?"""

from typing import Any

import pytest

from .actors import Caller, Scene
from .grounds import CHAT, act, group, groups, join_way, read


def _scan(s: Scene, config_id: str, **more: object) -> Any:
    return s.sim.post("act/group_join", config_id=config_id, **more)


def test_way_is_made_read_changed_and_deleted() -> None:
    with groups() as s:
        chat_id, other = group(s), group(s)
        body = {"scene": 2, "chat_id_list": [chat_id], "state": "abc", "remark": "展" * 31}
        more = {"room_base_name": "销售客服群", "room_base_id": 10, "mark_source": False}
        made = s.caller.post(CHAT + "add_join_way", **body, **more)
        config_id = made["config_id"]
        first = s.caller.post(CHAT + "get_join_way", config_id=config_id)["join_way"]
        change = {"config_id": config_id, "scene": 1, "chat_id_list": [other]}
        updated = s.caller.post(CHAT + "update_join_way", **change, auto_create_room=0)
        second = s.caller.post(CHAT + "get_join_way", config_id=config_id)["join_way"]
        deleted = s.caller.post(CHAT + "del_join_way", config_id=config_id)
        gone = [
            s.caller.post(CHAT + f"{verb}_join_way", **change)["errcode"]
            for verb in ("get", "update", "del")
        ]

    assert made.keys() == {"errcode", "errmsg", "config_id"}
    assert first == {
        "config_id": config_id,
        "scene": 2,
        "remark": "展" * 30,
        "auto_create_room": 1,
        "room_base_name": "销售客服群",
        "room_base_id": 10,
        "chat_id_list": [chat_id],
        "state": "abc",
        "mark_source": False,
        "qr_code": f"{s.sim.url}/join/{config_id}",
    }
    # What an update leaves out goes back to its default.
    assert second == {
        "config_id": config_id,
        "scene": 1,
        "remark": "",
        "auto_create_room": 0,
        "room_base_name": "",
        "room_base_id": 0,
        "chat_id_list": [other],
        "state": "",
        "mark_source": True,
    }
    assert (updated["errcode"], deleted["errcode"]) == (0, 0)
    assert gone == [41056, 41056, 41056]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"scene": 3}, 40058),
        ({"scene": None}, 40058),
        ({"chat_id_list": []}, 40058),
        ({"chat_id_list": ["wr_unknown"]}, 40050),
        ({"chat_id_list": ["x"] * 6}, 40058),
        ({"chat_id_list": "x"}, 40058),
        ({"state": "x" * 31}, 40058),
        ({"room_base_name": "x" * 41}, 40058),
        ({"auto_create_room": 2}, 40058),
    ],
)
def test_what_the_platform_refuses(change: dict[str, Any], code: int) -> None:
    with groups() as s:
        body = {"scene": 2, "chat_id_list": [group(s)], **change}

        assert s.caller.post(CHAT + "add_join_way", **body)["errcode"] == code
        assert s.sim.get("state")["corps"][0]["join_ways"] == []


def test_ways_of_both_kinds_share_one_limit() -> None:
    with groups() as s:
        chat_id = group(s)
        s.sim.post("settings", contact_way_limit=2)
        s.caller.way()
        join_way(s, chat_id)
        third = s.caller.post(CHAT + "add_join_way", scene=2, chat_id_list=[chat_id])
        fourth = s.caller.post("externalcontact/add_contact_way", type=1, scene=2, user=["li"])

    assert (third["errcode"], fourth["errcode"]) == (41044, 41044)


def test_way_belongs_to_its_corp() -> None:
    with groups() as s:
        config_id = join_way(s, group(s))
        other = Caller(s.sim.url, s.sim.post("corps", name="另一家"))

        assert other.post(CHAT + "get_join_way", config_id=config_id)["errcode"] == 41056


def test_who_scans_is_in_the_group_with_the_state_of_the_way() -> None:
    with groups() as s:
        chat_id = group(s)
        config_id = join_way(s, chat_id, state="abc")
        first = _scan(s, config_id, customer={"name": "阿明"})
        again = _scan(s, config_id, customer=first["customer"])
        by_state = s.sim.post("act/group_join", corpid=s.corpid, state="abc")
        members = read(s, chat_id, need_name=1)["member_list"]

    assert (first["chat_id"], first["already"], again["already"]) == (chat_id, False, True)
    assert by_state["chat_id"] == chat_id
    joined = members[1]
    assert (joined["userid"], joined["name"]) == (first["external_userid"], "阿明")
    assert (joined["join_scene"], joined["state"], "invitor" in joined) == (3, "abc", False)
    assert len(members) == 3


def test_full_groups_lead_to_the_next_and_then_to_new_ones() -> None:
    with groups() as s:
        first, second = group(s), group(s, owner="zhang")
        config_id = join_way(
            s, first, second, auto_create_room=1, room_base_name="福利群", room_base_id=10
        )
        s.sim.post("settings", join_way_group_size=2)
        into = [_scan(s, config_id)["chat_id"] for _ in range(4)]
        names = [read(s, chat_id)["name"] for chat_id in into]
        owners = [read(s, chat_id)["owner"] for chat_id in into]
        s.sim.flush()
        created = [e["ChatId"] for e in s.app.events if e["ChangeType"] == "create"]
        shown = s.caller.post(CHAT + "get_join_way", config_id=config_id)["join_way"]

    assert into[:2] == [first, second]
    assert names == ["", "", "福利群10", "福利群11"]
    assert owners == ["li", "zhang", "zhang", "zhang"]
    assert set(into) == set(created)
    assert shown["chat_id_list"] == [first, second]


def test_changed_way_leads_on_into_the_rooms_it_made() -> None:
    with groups() as s:
        chat_id = group(s)
        config_id = join_way(s, chat_id, room_base_name="福利群", room_base_id=1)
        s.sim.post("settings", join_way_group_size=2)
        made = [_scan(s, config_id)["chat_id"] for _ in range(2)][1]
        change = {"config_id": config_id, "scene": 2, "chat_id_list": [chat_id]}
        more = {"room_base_name": "福利群", "room_base_id": 1}
        s.caller.post(CHAT + "update_join_way", **change, **more)
        s.sim.post("settings", join_way_group_size=3)
        act(s, "dismiss", chat_id)
        into = _scan(s, config_id)["chat_id"]
        s.sim.post("settings", join_way_group_size=2)
        name = read(s, _scan(s, config_id)["chat_id"])["name"]

    assert (into, name) == (made, "福利群2")


def test_without_new_rooms_a_full_way_takes_nobody() -> None:
    with groups() as s:
        chat_id = group(s)
        config_id = join_way(s, chat_id, auto_create_room=0)
        s.sim.post("settings", join_way_group_size=2)
        inside = _scan(s, config_id)
        refused = _scan(s, config_id)
        again = _scan(s, config_id, customer=inside["customer"])
        act(s, "dismiss", chat_id)
        dismissed = _scan(s, config_id, customer=inside["customer"])
        unknown = _scan(s, "unknown")

    assert [sorted(each) for each in (refused, dismissed, unknown)] == [["error"]] * 3
    assert again["already"] is True
