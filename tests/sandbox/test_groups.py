"""Do reads of groups have the platform's shapes, and hold what people did?"""

from pathlib import Path
from typing import Any

import pytest

from scrm.sandbox import Sandbox

from .actors import QUICK, Caller, Steering, fetch
from .grounds import CHAT, act, advance, customers, group, groups, join_way, read, statuses


def test_group_has_the_documented_fields() -> None:
    with groups() as s:
        one, two = customers(s, 2)
        chat_id = group(s, "zhang", one, name="销售客服群", notice="文明沟通")
        act(s, "invite", chat_id, by=one, who=[two], scene=2)
        act(s, "admins", chat_id, admins=["zhang"])
        act(s, "nickname", chat_id, who=one, nickname="小王")
        shown = read(s, chat_id, need_name=1)
        unnamed = read(s, chat_id)["member_list"]
        people = {each["externals"][s.corpid]: each for each in s.sim.get("customers")["customers"]}

    assert chat_id.startswith("wr")
    assert list(shown) == [
        "chat_id",
        "name",
        "owner",
        "create_time",
        "notice",
        "member_list",
        "admin_list",
        "member_version",
    ]
    assert (shown["name"], shown["owner"], shown["notice"]) == ("销售客服群", "li", "文明沟通")
    assert shown["admin_list"] == [{"userid": "zhang"}]
    li, zhang, first, second = shown["member_list"]
    assert (li["userid"], li["type"], li["name"]) == ("li", 1, "Li")
    assert zhang["invitor"] == {"userid": "li"}
    assert (first["userid"], first["type"], first["join_scene"]) == (one, 2, 1)
    assert (first["group_nickname"], first["name"]) == ("小王", people[one]["name"])
    # A customer invited the second: the platform names only inviters of the corp.
    assert (second["join_scene"], "invitor" in second) == (2, False)
    assert first["unionid"].startswith("o")
    assert not any("name" in each or "unionid" in each for each in unnamed[:2])


def test_unionid_needs_a_bound_corp() -> None:
    with groups(bound=False) as s:
        members = read(s, group(s, *customers(s, 1)))["member_list"]

        assert "unionid" not in members[1]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, 40058),
        ({"limit": 0}, 40058),
        ({"limit": 1001}, 40058),
        ({"limit": 10, "status_filter": 4}, 40058),
        ({"limit": 10, "owner_filter": {"userid_list": ["nobody"]}}, 60111),
        ({"limit": 10, "owner_filter": {"userid_list": ["li"] * 101}}, 40058),
        ({"limit": 10, "cursor": "bad"}, 40058),
    ],
)
def test_list_refuses(body: dict[str, Any], code: int) -> None:
    with groups() as s:
        answer = s.caller.post(CHAT + "list", **body)

        assert (answer["errcode"], answer["group_chat_list"]) == (code, [])


def test_list_filters_by_owner_and_visible_range() -> None:
    with groups(visible=["li", "zhang"]) as s:
        mine, theirs = group(s), group(s, owner="zhang")
        hidden = group(s, owner="wang")

        assert statuses(s) == {mine: 0, theirs: 0}
        assert statuses(s, owner_filter={"userid_list": ["zhang"]}) == {theirs: 0}
        assert read(s, hidden) == 50002
        assert read(s, "wr_unknown") == 40050


def test_many_members_need_an_owner_filter() -> None:
    with groups() as s:
        mine = group(s)
        s.sim.post("settings", unfiltered_members=2)

        assert s.caller.post(CHAT + "list", limit=10)["errcode"] == 81017
        assert statuses(s, owner_filter={"userid_list": ["li"]}) == {mine: 0}


@pytest.mark.parametrize("short", [False, True])
def test_page_walk_gives_each_group_once_while_others_come_in(*, short: bool) -> None:
    with groups() as s:
        s.sim.post("settings", short_pages=short)
        before = [group(s) for _ in range(7)]
        seen: list[str] = []
        cursor, pages = "", 0
        while pages == 0 or cursor:
            answer = s.caller.post(CHAT + "list", limit=3, cursor=cursor)
            seen += [row["chat_id"] for row in answer["group_chat_list"]]
            cursor, pages = answer["next_cursor"], pages + 1
            if pages < 3:
                before.append(group(s))

    assert seen == before


def test_what_people_cannot_do() -> None:
    with groups() as s:
        one, two = customers(s, 2)
        chat_id = group(s, "zhang", one)
        s.sim.post("settings", group_size=4)
        corp = {"corpid": s.corpid}
        errors = [
            s.sim.post("act/group_create", {**corp, "owner": "nobody"}),
            s.sim.post("act/group_create", {**corp, "owner": "li", "members": ["nobody"]}),
            act(s, "invite", chat_id, by="wang", who=[two]),
            act(s, "invite", chat_id, by="li", who=[one]),
            act(s, "invite", chat_id, by="li", who=[two], scene=3),
            act(s, "invite", chat_id, by="li", who=[two, "wang"]),
            act(s, "leave", chat_id, who="li"),
            act(s, "leave", chat_id, who="wang"),
            act(s, "remove", chat_id, who=["li"]),
            act(s, "remove", chat_id, who=[]),
            act(s, "owner", chat_id, owner=one),
            act(s, "owner", chat_id, owner="wang"),
            act(s, "owner", chat_id, owner="li"),
            act(s, "admins", chat_id, admins=["wang"]),
            act(s, "speak", chat_id, **{"from": "wang", "text": "在"}),
            act(s, "rename", "wr_unknown", name="x"),
        ]
        after = [each["userid"] for each in read(s, chat_id)["member_list"]]
        act(s, "dismiss", chat_id)
        gone = act(s, "rename", chat_id, name="x")

        assert all("error" in each for each in [*errors, gone])
        assert after == ["li", "zhang", one]
        assert read(s, chat_id) == 49008
        assert statuses(s) == {}


def test_what_is_said_reaches_all_the_others() -> None:
    with groups() as s:
        scanned = s.customer()
        chat_id = group(s, "zhang", scanned["external_userid"])
        act(s, "speak", chat_id, **{"from": "li", "text": "大家好"})
        act(s, "speak", chat_id, **{"from": scanned["customer"], "text": "你好"})
        phones = [s.sim.get(f"staff/{s.corpid}/{who}")["messages"] for who in ("li", "zhang")]
        phone = s.sim.get(f"customers/{scanned['customer']}")["messages"]

    assert [[each["text"] for each in messages] for messages in phones] == [
        ["你好"],
        ["大家好", "你好"],
    ]
    assert [(m["kind"], m["chat_id"], m["userid"], m["text"]) for m in phone] == [
        ("group", chat_id, "li", "大家好")
    ]
    assert phones[0][0]["external_userid"] == scanned["external_userid"]


def test_reads_lag_behind_events_for_a_while() -> None:
    with groups() as s:
        one, two = customers(s, 2)
        s.sim.post("settings", stale_read_s=30)
        chat_id = group(s, one)
        unknown_yet = read(s, chat_id)
        advance(s, 31)
        first = read(s, chat_id)
        act(s, "invite", chat_id, by="li", who=[two])
        stale = read(s, chat_id)
        s.sim.flush()
        heard = next(e for e in s.app.events if e.get("UpdateDetail") == "add_member")
        advance(s, 31)
        fresh = read(s, chat_id)

    assert unknown_yet == 84061
    assert stale == first
    assert (heard["LastMemVer"], heard["CurMemVer"]) == (
        first["member_version"],
        fresh["member_version"],
    )
    assert len(fresh["member_list"]) == 3


def test_group_is_shown_on_the_page() -> None:
    with groups() as s:
        one = customers(s, 1)[0]
        chat_id = group(s, one, name="老客户群")
        way = join_way(s, chat_id, state="abc")
        corp = s.sim.get("state")["corps"][0]
        shown = s.sim.get(f"groups/{s.corpid}/{chat_id}")
        page = fetch("GET", corp["join_ways"][0]["qr_code"])
        unknown = s.sim.get(f"groups/{s.corpid}/unknown")

    assert corp["groups"] == [
        {
            "corpid": s.corpid,
            "chat_id": chat_id,
            "name": "老客户群",
            "owner": "li",
            "members": 2,
            "status": 0,
            "dismissed": False,
        }
    ]
    assert (corp["join_ways"][0]["config_id"], page.status) == (way, 200)
    assert [each["id"] for each in shown["member_list"]] == ["li", one]
    assert [each["kind"] for each in shown["log"]] == ["owner", "join", "join"]
    assert "error" in unknown


def test_member_with_another_userid_stays_in_the_groups() -> None:
    with groups() as s:
        one = customers(s, 1)[0]
        chat_id = group(s, "zhang", one)
        act(s, "admins", chat_id, admins=["zhang"])
        s.sim.post("act/update_user", corpid=s.corpid, userid="li", new_userid="li2")
        s.sim.post("act/update_user", corpid=s.corpid, userid="zhang", new_userid="zhang2")
        shown = read(s, chat_id)

    assert (shown["owner"], shown["admin_list"]) == ("li2", [{"userid": "zhang2"}])
    assert [each["userid"] for each in shown["member_list"]] == ["li2", "zhang2", one]
    assert shown["member_list"][1]["invitor"] == {"userid": "li2"}


def test_groups_come_back_in_the_next_run(tmp_path: Path) -> None:
    kept = tmp_path / "sandbox.json"
    with Sandbox(state_file=kept) as sandbox:
        sim = Steering(sandbox.url)
        sim.post("settings", QUICK)
        corp = sim.post("corps", name="示例企业")
        sim.post("staff", corpid=corp["corpid"], userid="li")
        made = sim.post("act/group_create", corpid=corp["corpid"], owner="li", name="群")
        caller = Caller(sandbox.url, corp)
        body = {"scene": 2, "chat_id_list": [made["chat_id"]], "state": "abc"}
        way = caller.post(CHAT + "add_join_way", **body)["config_id"]
        sim.post("act/group_join", config_id=way)
        before = caller.post(CHAT + "get", chat_id=made["chat_id"], need_name=1)
    with Sandbox(state_file=kept) as sandbox:
        sim, caller = Steering(sandbox.url), Caller(sandbox.url, corp)
        after = caller.post(CHAT + "get", chat_id=made["chat_id"], need_name=1)
        joined = sim.post("act/group_join", config_id=way)

    assert after == before
    assert joined["chat_id"] == made["chat_id"]
