"""Are the platform's figures those of what people did?"""

import time
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from .actors import Caller, Scene
from .grounds import CHAT, act, advance, customers, group, groups

DAY_S = 86_400
CHINA = timezone(timedelta(hours=8))
BEHAVIOUR = "externalcontact/get_user_behavior_data"
EMPTY = {
    "new_chat_cnt": 0,
    "chat_total": 0,
    "chat_has_msg": 0,
    "new_member_cnt": 0,
    "member_total": 0,
    "member_has_msg": 0,
    "msg_total": 0,
}


def _today(s: Scene) -> int:
    local = datetime.fromtimestamp(s.sim.get("clock")["now"], UTC).astimezone(CHINA)
    return int(local.replace(hour=0, minute=0, second=0, microsecond=0).timestamp())


def _morning(s: Scene) -> int:
    """Moves on to the next day, 9:00 in China; returns its midnight."""
    now = s.sim.get("clock")["now"]
    advance(s, _today(s) + DAY_S + 9 * 3600 - now)
    return _today(s)


def _speak(s: Scene, chat_id: str, *speakers: str) -> None:
    for who in speakers:
        act(s, "speak", chat_id, **{"from": who, "text": "在"})


def _say(s: Scene, speaker: str, hearer: str) -> None:
    s.sim.post("act/speak", {"corpid": s.corpid, "from": speaker, "to": hearer, "text": "在"})


def _by_owner(s: Scene, begin: int, end: int, **more: object) -> dict[str, Any]:
    answer = s.caller.post(CHAT + "statistic", day_begin_time=begin, day_end_time=end, **more)
    assert answer["errcode"] == 0
    return {item["owner"]: item["data"] for item in answer["items"]}


def _by_day(s: Scene, begin: int, end: int, **more: object) -> dict[int, Any]:
    path = CHAT + "statistic_group_by_day"
    answer = s.caller.post(path, day_begin_time=begin, day_end_time=end, **more)
    assert answer["errcode"] == 0
    return {item["stat_time"]: item["data"] for item in answer["items"]}


def test_group_figures_are_those_of_what_happened() -> None:
    with groups() as s:
        one, two = customers(s, 2)
        first = _morning(s)
        chat_id, quiet = group(s, one), group(s, "zhang")
        _speak(s, chat_id, "li", "li", one)
        second = _morning(s)
        act(s, "invite", chat_id, by="li", who=[two, "zhang"])
        act(s, "leave", chat_id, who=one)
        _speak(s, chat_id, two)
        act(s, "dismiss", quiet)
        third = _morning(s)
        days = _by_day(s, first, second)
        whole = _by_owner(s, first, second)

    assert list(days) == [first, second]
    assert third == second + DAY_S
    assert days[first] == {
        "new_chat_cnt": 2,
        "chat_total": 2,
        "chat_has_msg": 1,
        "new_member_cnt": 4,
        "member_total": 4,
        "member_has_msg": 2,
        "msg_total": 3,
    }
    assert days[second] == {
        "new_chat_cnt": 0,
        "chat_total": 1,
        "chat_has_msg": 1,
        "new_member_cnt": 2,
        "member_total": 3,
        "member_has_msg": 3,
        "msg_total": 4,
    }
    # New ones add up over the days; totals are those of the last.
    assert whole == {"li": {**days[second], "new_chat_cnt": 2, "new_member_cnt": 6}}


def test_owners_add_up_to_the_day() -> None:
    with groups() as s:
        people = customers(s, 3)
        begin = _morning(s)
        mine, theirs = group(s, *people[:2]), group(s, people[2], owner="zhang")
        _speak(s, mine, "li")
        middle = _morning(s)
        act(s, "invite", theirs, by="zhang", who=["wang", "li"])
        act(s, "owner", theirs, owner="wang")
        _speak(s, theirs, "wang", "wang")
        _morning(s)
        owners, days = _by_owner(s, begin, middle), _by_day(s, begin, middle)

    for name in ("chat_total", "chat_has_msg", "member_total", "member_has_msg", "msg_total"):
        assert sum(row[name] for row in owners.values()) == days[middle][name]
    for name in ("new_chat_cnt", "new_member_cnt"):
        total = sum(row[name] for row in owners.values())
        assert total == sum(row[name] for row in days.values())
    assert set(owners) == {"li", "zhang", "wang"}
    assert (owners["zhang"]["new_chat_cnt"], owners["wang"]["chat_total"]) == (1, 1)


def test_mass_messages_count_as_messages_of_the_sender() -> None:
    with groups() as s:
        begin = _morning(s)
        body = {"chat_type": "group", "sender": "li", "text": {"content": "上新"}}
        chat_id = group(s, *customers(s, 1))
        made = s.caller.post("externalcontact/add_msg_template", **body, chat_id_list=[chat_id])
        s.sim.post("act/confirm_task", corpid=s.corpid, msgid=made["msgid"])
        _morning(s)
        row = _by_owner(s, begin, begin)["li"]

    assert (row["msg_total"], row["member_has_msg"], row["chat_has_msg"]) == (1, 1, 1)


def test_days_without_groups_are_zero_and_owners_without_are_absent() -> None:
    with groups() as s:
        today = _morning(s)
        before = _by_day(s, today - 2 * DAY_S, today - DAY_S)
        owners = _by_owner(s, today - DAY_S, today - DAY_S)

    assert before == {today - 2 * DAY_S: EMPTY, today - DAY_S: EMPTY}
    assert owners == {}


def test_owner_of_a_dismissed_group_is_gone_on_the_next_day() -> None:
    with groups() as s:
        first = _morning(s)
        act(s, "dismiss", group(s))
        second = _morning(s)
        _morning(s)
        last, after = _by_owner(s, first, first), _by_owner(s, second, second)

    assert last == {"li": {**EMPTY, "new_chat_cnt": 1, "new_member_cnt": 1}}
    assert after == {}


def test_owners_are_ranked_and_paged() -> None:
    with groups() as s:
        begin = _morning(s)
        for owner, many in (("li", 1), ("zhang", 3), ("wang", 2)):
            for _ in range(many):
                group(s, owner=owner)
        _morning(s)
        ask = {"day_begin_time": begin, "day_end_time": begin, "order_by": 2}
        whole = s.caller.post(CHAT + "statistic", **ask)
        rising = s.caller.post(CHAT + "statistic", **ask, order_asc=1)
        pages = [
            s.caller.post(CHAT + "statistic", **ask, offset=offset, limit=2) for offset in (0, 2)
        ]
        one = _by_owner(s, begin, begin, owner_filter={"userid_list": ["wang"]})

    def order(answer: Any) -> list[str]:
        return [item["owner"] for item in answer["items"]]

    assert list(whole) == ["errcode", "errmsg", "total", "next_offset", "items"]
    assert (whole["total"], whole["next_offset"]) == (3, 3)
    assert order(whole) == ["zhang", "wang", "li"]
    assert order(rising) == ["li", "wang", "zhang"]
    assert [(order(page), page["next_offset"]) for page in pages] == [
        (["zhang", "wang"], 2),
        (["li"], 3),
    ]
    assert list(one) == ["wang"]


def test_a_time_of_day_means_its_day_and_a_missing_end_means_one_day() -> None:
    with groups() as s:
        begin = _morning(s)
        group(s)
        _morning(s)
        path = CHAT + "statistic_group_by_day"
        answer = s.caller.post(path, day_begin_time=begin + 5 * 3600)

    assert [item["stat_time"] for item in answer["items"]] == [begin]


@pytest.mark.parametrize(
    ("begin", "end", "code"),
    [
        (1, 1, 0),
        (31, 1, 0),
        (32, 1, 40058),
        (1, 2, 40058),
        (0, 0, 40058),
        (1, 0, 40058),
        (180, 170, 0),
        (181, 170, 40058),
    ],
)
def test_days_of_groups_that_may_be_asked_for(begin: int, end: int, code: int) -> None:
    """In days before today."""
    with groups() as s:
        today = _morning(s)
        body = {"day_begin_time": today - begin * DAY_S, "day_end_time": today - end * DAY_S}
        for path in ("statistic", "statistic_group_by_day"):
            answer = s.caller.post(CHAT + path, **body)
            assert (answer["errcode"], type(answer["items"])) == (code, list)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"order_by": 5}, 40058),
        ({"limit": 1001}, 40058),
        ({"offset": -1}, 40058),
        ({"owner_filter": {"userid_list": ["nobody"]}}, 60111),
    ],
)
def test_group_statistic_refuses(change: dict[str, Any], code: int) -> None:
    with groups() as s:
        answer = s.caller.post(CHAT + "statistic", day_begin_time=_today(s) - DAY_S, **change)

        assert (answer["errcode"], answer["items"]) == (code, [])


def _behaviour(s: Scene, begin: int, end: int, *userids: str, **more: object) -> list[Any]:
    body = {"start_time": begin, "end_time": end, **more}
    answer = s.caller.post(BEHAVIOUR, **body, **({"userid": list(userids)} if userids else {}))
    assert answer["errcode"] == 0
    return list(answer["behavior_data"])


def test_contact_figures_are_those_of_what_happened() -> None:
    with groups() as s:
        day = _morning(s)
        first, second, third = (s.customer()["external_userid"] for _ in range(3))
        _say(s, first, "li")
        advance(s, 120)
        _say(s, "li", first)
        _say(s, "li", first)
        _say(s, second, "li")
        _say(s, "li", third)
        _say(s, third, "li")
        s.sim.post("act/customer_deletes", corpid=s.corpid, userid="li", customer=third)
        new = s.sim.post("customers", name="阿明")["customer"]
        s.sim.post("act/apply", corpid=s.corpid, userid="li", customer=new)
        other = s.sim.post("customers", name="阿红")["customer"]
        s.sim.post("act/apply", corpid=s.corpid, userid="li", customer=other, accepted=False)
        _morning(s)
        rows = _behaviour(s, day, day, "li")

    assert rows == [
        {
            "stat_time": day,
            "chat_cnt": 2,
            "message_cnt": 3,
            # The third customer did not write first.
            "reply_percentage": 50,
            "avg_reply_time": 2,
            "negative_feedback_cnt": 1,
            "new_apply_cnt": 2,
            "new_contact_cnt": 4,
        }
    ]


def test_application_by_a_member_is_told_as_any_other_add() -> None:
    with groups() as s:
        new = s.sim.post("customers", name="阿明")["customer"]
        pair = {"corpid": s.corpid, "userid": "li", "customer": new}
        made = s.sim.post("act/apply", {**pair, "add_way": 4})
        again = s.sim.post("act/apply", pair)
        s.sim.flush()
        read = s.caller.get("externalcontact/get", external_userid=made["external_userid"])

    assert "error" in again
    assert [e["ChangeType"] for e in s.app.events] == ["add_external_contact"]
    assert "State" not in s.app.events[0]
    assert read["follow_user"][0]["add_way"] == 4


def test_several_members_are_summed() -> None:
    with groups() as s:
        day = _morning(s)
        one = s.customer()["external_userid"]
        config = s.caller.way(user=["zhang"])
        two, three = (s.scan(config)["external_userid"] for _ in range(2))
        _say(s, one, "li")
        _say(s, "li", one)
        for who in (two, three):
            _say(s, who, "zhang")
        _say(s, "zhang", two)
        _morning(s)
        li, zhang = (_behaviour(s, day, day, who)[0] for who in ("li", "zhang"))
        both = _behaviour(s, day, day, "li", "zhang")[0]
        party = _behaviour(s, day, day, partyid=[1])[0]

    assert (li["reply_percentage"], zhang["reply_percentage"]) == (100, 50)
    assert both["reply_percentage"] == 66.67
    for name in ("chat_cnt", "message_cnt", "new_contact_cnt"):
        assert both[name] == li[name] + zhang[name]
    assert party == both


def test_day_without_chats_has_no_reply_figures() -> None:
    with groups() as s:
        day = _morning(s)
        _morning(s)

        assert _behaviour(s, day, day, "li") == [
            {
                "stat_time": day,
                "chat_cnt": 0,
                "message_cnt": 0,
                "negative_feedback_cnt": 0,
                "new_apply_cnt": 0,
                "new_contact_cnt": 0,
            }
        ]


def test_figures_of_today_come_tomorrow() -> None:
    with groups() as s:
        yesterday = _morning(s)
        today = _morning(s)
        late = [row["stat_time"] for row in _behaviour(s, yesterday, today, "li")]
        s.sim.post("settings", statistics_lag_days=0)
        prompt = [row["stat_time"] for row in _behaviour(s, yesterday + 60, today + 60, "li")]

    assert (late, prompt) == ([yesterday], [yesterday, today])


@pytest.mark.parametrize(
    ("begin", "end", "rows"),
    [(30, 0, 30), (31, 0, None), (31, 1, 31), (180, 150, 31), (181, 170, None), (1, 2, None)],
)
def test_days_of_contact_that_may_be_asked_for(begin: int, end: int, rows: int | None) -> None:
    """A closed interval, in days before today."""
    with groups() as s:
        today = _morning(s)
        answer = s.caller.post(
            BEHAVIOUR,
            userid=["li"],
            start_time=today - begin * DAY_S,
            end_time=today - end * DAY_S,
        )

    assert answer["errcode"] == (40058 if rows is None else 0)
    assert len(answer["behavior_data"]) == (rows or 0)


@pytest.mark.parametrize(
    ("who", "code"),
    [
        ({}, 40063),
        ({"userid": ["nobody"]}, 60111),
        ({"userid": ["hidden"]}, 50002),
        ({"userid": ["li"] * 101}, 40058),
        ({"userid": "li"}, 40058),
        ({"partyid": [9]}, 60123),
        ({"partyid": [1] * 101}, 40058),
    ],
)
def test_whose_contact_may_be_asked_for(who: dict[str, Any], code: int) -> None:
    with groups(visible=["li"]) as s:
        s.sim.post("staff", corpid=s.corpid, userid="hidden")
        at = int(time.time()) - DAY_S
        answer = s.caller.post(BEHAVIOUR, start_time=at, end_time=at, **who)

        assert (answer["errcode"], answer["behavior_data"]) == (code, [])


def test_figures_need_the_permission_of_customer_contact() -> None:
    with groups() as s:
        second = s.sim.post("apps", corpid=s.corpid, customer_contact=False)
        plain = Caller(s.sim.url, {**s.caller.corp, **second})

        assert plain.post(BEHAVIOUR, userid=["li"])["errcode"] == 48002
        assert plain.post(CHAT + "statistic")["errcode"] == 48002
