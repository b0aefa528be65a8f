"""Are groups handed on under the platform's rules?"""

from pathlib import Path
from typing import Any

import pytest

from scrm.sandbox import Sandbox

from .actors import QUICK, Caller, Scene, Steering
from .grounds import CHAT, act, advance, customers, group, groups, read, statuses

DAY_S = 86_400


def _resign(s: Scene, userid: str) -> None:
    s.sim.post("act/resign", corpid=s.corpid, userid=userid)


def _hand(s: Scene, *chat_ids: str, to: str = "zhang", onjob: bool = False) -> Any:
    path = CHAT + ("onjob_transfer" if onjob else "transfer")
    return s.caller.post(path, chat_id_list=list(chat_ids), new_owner=to)


def _codes(answer: Any) -> list[int]:
    assert answer["errcode"] == 0
    return [each["errcode"] for each in answer["failed_chat_list"]]


def test_group_of_a_member_who_resigned() -> None:
    with groups() as s:
        one = customers(s, 1)[0]
        chat_id, other = group(s, one), group(s, owner="zhang")
        _resign(s, "li")
        waiting = statuses(s)
        moved = _hand(s, chat_id, other, "wr_unknown")
        again = _hand(s, chat_id, to="wang")
        shown = read(s, chat_id, need_name=1)

        assert waiting == {chat_id: 1, other: 0}
        assert moved["failed_chat_list"] == [
            {"chat_id": other, "errcode": 40058, "errmsg": "invalid Request Parameter"},
            {
                "chat_id": "wr_unknown",
                "errcode": 90501,
                "errmsg": "chat is not external group chat",
            },
        ]
        assert _codes(again) == [90508]
        assert statuses(s, status_filter=3) == {chat_id: 3}
        assert (shown["owner"], {each["userid"] for each in shown["member_list"]}) == (
            "zhang",
            {"zhang", one},
        )


def test_transfer_that_takes_time() -> None:
    with groups() as s:
        chat_id = group(s)
        _resign(s, "li")
        s.sim.post("settings", group_transfer_s=3600)
        first, second = _codes(_hand(s, chat_id)), _codes(_hand(s, chat_id, to="wang"))
        during = statuses(s, status_filter=2), read(s, chat_id)["owner"]
        advance(s, 3601)

        assert (first, second) == ([], [90507])
        assert during == ({chat_id: 2}, "li")
        assert (statuses(s), read(s, chat_id)["owner"]) == ({chat_id: 3}, "zhang")


def test_heir_who_resigns_leaves_the_group_where_it_was() -> None:
    with groups() as s:
        chat_id = group(s)
        _resign(s, "li")
        s.sim.post("settings", group_transfer_s=3600)
        _hand(s, chat_id)
        _resign(s, "zhang")
        advance(s, 3601)

        assert statuses(s) == {chat_id: 1}
        assert _codes(_hand(s, chat_id, to="wang")) == []


def test_group_of_a_member_who_is_still_there() -> None:
    with groups() as s:
        chat_id = group(s)
        not_resigned = _codes(_hand(s, chat_id))
        moved = _codes(_hand(s, chat_id, onjob=True))
        shown = read(s, chat_id)
        _resign(s, "zhang")
        resigned = _codes(_hand(s, chat_id, to="wang", onjob=True))

        assert (not_resigned, moved, resigned) == ([90500], [], [90502])
        assert (shown["owner"], [each["userid"] for each in shown["member_list"]]) == (
            "zhang",
            ["li", "zhang"],
        )


def test_two_transfers_in_ninety_days() -> None:
    with groups() as s:
        chat_id = group(s)
        codes = [_codes(_hand(s, chat_id, to=to, onjob=True)) for to in ("zhang", "wang", "li")]
        advance(s, 89 * DAY_S)
        early = _codes(_hand(s, chat_id, to="li", onjob=True))
        advance(s, DAY_S)
        late = _codes(_hand(s, chat_id, to="li", onjob=True))

        assert codes == [[], [], [40128]]
        assert (early, late) == ([40128], [])


@pytest.mark.parametrize("onjob", [False, True])
def test_three_hundred_groups_a_day(*, onjob: bool) -> None:
    with groups() as s:
        chat_ids = [group(s) for _ in range(302)]
        theirs = group(s, owner="wang")
        if not onjob:
            _resign(s, "li")
            _resign(s, "wang")
        parts = [chat_ids[start : start + 100] for start in range(0, 302, 100)]
        codes = [_codes(_hand(s, *part, onjob=onjob)) for part in parts]
        other = _codes(_hand(s, theirs, onjob=onjob))
        advance(s, DAY_S)
        next_day = _codes(_hand(s, *chat_ids[300:], onjob=onjob))

        assert codes == [[], [], [], [45009, 45009]]
        assert (other, next_day) == ([], [])


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"new_owner": "nobody"}, 60111),
        ({"new_owner": ""}, 40058),
        ({"new_owner": "hidden"}, 50002),
        ({"new_owner": "asleep"}, 84083),
        ({"new_owner": "plain"}, 84074),
        ({"new_owner": "away"}, 40098),
        ({"chat_id_list": []}, 40058),
        ({"chat_id_list": ["x"] * 101}, 40058),
    ],
)
def test_what_the_platform_refuses(change: dict[str, Any], code: int) -> None:
    with groups(visible=["li", "zhang", "asleep", "plain", "away"]) as s:
        kinds: dict[str, dict[str, bool]] = {
            "hidden": {},
            "asleep": {"active": False},
            "plain": {"customer_contact": False},
            "away": {"dormant": True},
        }
        for userid, kind in kinds.items():
            s.sim.post("staff", corpid=s.corpid, userid=userid, **kind)
        chat_id = group(s)
        body = {"chat_id_list": [chat_id], "new_owner": "zhang", **change}
        for path in ("transfer", "onjob_transfer"):
            answer = s.caller.post(CHAT + path, **body)
            assert (answer["errcode"], answer["failed_chat_list"]) == (code, [])

        assert read(s, chat_id)["owner"] == "li"


@pytest.mark.parametrize("echo", [False, True])
def test_apps_hear_of_a_transfer_only_when_changes_are_echoed(*, echo: bool) -> None:
    with groups() as s:
        s.sim.post("settings", echo_api_changes=echo)
        _hand(s, group(s), onjob=True)
        s.sim.flush()
        told = {e["ChangeType"]: e.get("UpdateDetail") for e in s.app.events}

    assert told == {"create": None, **({"update": "change_owner"} if echo else {})}


def test_transfer_under_way_ends_in_the_next_run(tmp_path: Path) -> None:
    kept = tmp_path / "sandbox.json"
    with Sandbox(state_file=kept) as sandbox:
        sim = Steering(sandbox.url)
        sim.post("settings", {**QUICK, "group_transfer_s": 3600})
        corp = sim.post("corps", name="示例企业")
        for userid in ("li", "zhang"):
            sim.post("staff", corpid=corp["corpid"], userid=userid)
        chat_id = sim.post("act/group_create", corpid=corp["corpid"], owner="li")["chat_id"]
        sim.post("act/resign", corpid=corp["corpid"], userid="li")
        body = {"chat_id_list": [chat_id], "new_owner": "zhang"}
        Caller(sandbox.url, corp).post(CHAT + "transfer", **body)
    with Sandbox(state_file=kept) as sandbox:
        Steering(sandbox.url).post("clock", advance_s=3601)
        answer = Caller(sandbox.url, corp).post(CHAT + "get", chat_id=chat_id)

    assert answer["group_chat"]["owner"] == "zhang"


def test_owner_who_leaves_by_hand_over_stays_a_member() -> None:
    with groups() as s:
        chat_id = group(s, "zhang")
        act(s, "owner", chat_id, owner="zhang")
        act(s, "leave", chat_id, who="li")

        assert [each["userid"] for each in read(s, chat_id)["member_list"]] == ["zhang"]
