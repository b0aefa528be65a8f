"""What do apps see and hear of members who come, change and go?"""

from typing import Any

import pytest

from .actors import Scene, scene
from .grounds import advance

UNASSIGNED = "externalcontact/get_unassigned_list"
DAY = 86_400


def _act(s: Scene, what: str, /, **body: object) -> Any:
    answer = s.sim.post(f"act/{what}", {"corpid": s.corpid, **body})
    s.sim.flush()
    return answer


def _heard(s: Scene) -> dict[str, Any]:
    head = ("ToUserName", "FromUserName", "CreateTime", "MsgType")
    return {name: value for name, value in s.app.events[-1].items() if name not in head}


def _staff(s: Scene) -> list[str]:
    listed = s.caller.get("user/list", department_id=1, fetch_child=1)
    return [user["userid"] for user in listed["userlist"]]


def test_new_member_is_told_and_listed() -> None:
    with scene(listening=True) as s:
        _act(s, "create_user", userid="wang", name="王芳", position="顾问", mobile="13800000000")
        heard, listed = _heard(s), _staff(s)
        twice = _act(s, "create_user", userid="wang")

    assert heard == {
        "Event": "change_contact",
        "ChangeType": "create_user",
        "UserID": "wang",
        "Name": "王芳",
        "Department": "1",
        "MainDepartment": "1",
        "IsLeaderInDept": "0",
        "Position": "顾问",
        "Mobile": "13800000000",
        "Status": "1",
    }
    assert listed == ["li", "zhang", "wang"]
    assert "already" in twice["error"]


def test_change_tells_only_what_changed() -> None:
    with scene(listening=True) as s:
        _act(s, "update_user", userid="li", name="李雷")
        heard = _heard(s)

    assert heard == {
        "Event": "change_contact",
        "ChangeType": "update_user",
        "UserID": "li",
        "Name": "李雷",
    }


def test_new_userid_carries_everything_over() -> None:
    with scene(listening=True, visible=["li", "zhang"]) as s:
        way = s.caller.way()
        scanned = s.scan(way)
        sent = s.caller.post(
            "externalcontact/add_msg_template",
            external_userid=[scanned["external_userid"]],
            text={"content": "新品"},
        )
        _act(s, "update_user", userid="li", new_userid="li001")
        heard = _heard(s)
        customers = s.caller.get("externalcontact/list", userid="li001")["external_userid"]
        old = s.caller.get("user/get", userid="li")["errcode"]
        users = s.caller.post("externalcontact/get_contact_way", config_id=way)["contact_way"]
        tasks = s.caller.post("externalcontact/get_groupmsg_task", msgid=sent["msgid"])
        confirmed = s.sim.post(
            "act/confirm_task", corpid=s.corpid, msgid=sent["msgid"], userid="li001"
        )

    assert (heard["UserID"], heard["NewUserID"]) == ("li", "li001")
    assert customers == [scanned["external_userid"]]
    assert old == 60111
    assert users["user"] == ["li001"]
    assert tasks["task_list"] == [{"userid": "li001", "status": 0}]
    assert confirmed == {"confirmed": {"li001": {"1": 1}}}


def test_who_resigns_leaves_the_lists_and_the_ways() -> None:
    with scene(listening=True) as s:
        alone, shared = s.caller.way(), s.caller.way(type=2, user=["li", "zhang"])
        external = s.scan(alone)["external_userid"]
        answer = _act(s, "resign", userid="li")
        heard = _heard(s)
        listed = _staff(s)
        got = s.caller.get("externalcontact/get", external_userid=external)
        nobody = s.sim.post("act/scan", config_id=alone)
        other = s.scan(shared)

    assert answer == {"userid": "li", "customers": 1}
    assert heard == {"Event": "change_contact", "ChangeType": "delete_user", "UserID": "li"}
    assert listed == ["zhang"]
    assert got["errcode"] == 84061
    assert "nobody" in nobody["error"]
    assert other["userid"] == "zhang"


def test_mass_send_and_task_of_someone_who_resigned_stay_unsent() -> None:
    with scene() as s:
        body = {"external_userid": [s.customer()["external_userid"]], "text": {"content": "新品"}}
        msgid = s.caller.post("externalcontact/add_msg_template", **body)["msgid"]
        _act(s, "resign", userid="li")
        all_of_them = s.sim.post("act/confirm_task", corpid=s.corpid, msgid=msgid)
        alone = s.sim.post("act/confirm_task", corpid=s.corpid, msgid=msgid, userid="li")

    assert all_of_them == {"confirmed": {}}
    assert "no staff" in alone["error"]


def test_customers_left_behind_show_after_a_while() -> None:
    with scene() as s:
        external = s.customer()["external_userid"]
        left_at = int(s.sim.get("clock")["now"])
        _act(s, "resign", userid="li")
        early = s.caller.post(UNASSIGNED, page_size=10)
        advance(s, 61)
        shown = s.caller.post(UNASSIGNED, page_size=10)
        by_page = s.caller.post(UNASSIGNED, page_id=0, page_size=10)

    assert (early["info"], early["is_last"]) == ([], True)
    row = shown["info"][0]
    assert (row["handover_userid"], row["external_userid"]) == ("li", external)
    assert row["dimission_time"] == pytest.approx(left_at, abs=10)
    assert (shown["is_last"], shown["next_cursor"]) == (True, "")
    assert by_page["info"] == shown["info"]
    assert "next_cursor" not in by_page


def test_walk_over_those_left_behind_gives_each_once() -> None:
    with scene() as s:
        s.sim.post("settings", unassigned_delay_s=0)
        s.sim.post("staff", corpid=s.corpid, userid="wang")
        way = s.caller.way(user=["zhang"])
        mine = [s.customer()["external_userid"] for _ in range(7)]
        s.scan(way)
        _act(s, "resign", userid="li")
        seen, cursor, pages = [], "", 0
        while cursor or not pages:
            answer = s.caller.post(UNASSIGNED, page_size=2, cursor=cursor)
            seen += [row["external_userid"] for row in answer["info"]]
            cursor, pages = answer["next_cursor"], pages + 1
            if pages == 1:
                _act(s, "resign", userid="zhang")
            assert answer["is_last"] == (cursor == "")
        from_the_start = s.caller.post(UNASSIGNED, page_id=0, page_size=3)
        too_deep = s.caller.post(UNASSIGNED, page_id=50, page_size=1000)

    assert sorted(seen) == sorted(mine)
    assert len(seen) == len(set(seen))
    assert from_the_start["info"][0]["handover_userid"] == "zhang"
    assert from_the_start["is_last"] is False
    assert (too_deep["errcode"], too_deep["info"]) == (40058, [])


def test_customers_left_behind_are_handed_on() -> None:
    with scene(listening=True) as s:
        first, second = (s.customer()["external_userid"] for _ in range(2))
        _act(s, "resign", userid="li")
        advance(s, 61)
        pair = {"handover_userid": "li", "takeover_userid": "zhang"}
        path = "externalcontact/resigned/"
        answer = s.caller.post(path + "transfer_customer", **pair, external_userid=[first, second])
        hidden = s.caller.post(UNASSIGNED)["info"]
        s.sim.post("act/refuse_transfer", corpid=s.corpid, customer=second)
        advance(s, DAY)
        results = s.caller.post(path + "transfer_result", **pair)["customer"]
        on_the_job = s.caller.post("externalcontact/transfer_result", **pair)["customer"]
        left = [row["external_userid"] for row in s.caller.post(UNASSIGNED)["info"]]
        customers = s.caller.get("externalcontact/list", userid="zhang")["external_userid"]
        s.sim.flush()
        told = {(event["ChangeType"], event["UserID"]) for event in s.app.events[-2:]}

    assert [row["errcode"] for row in answer["customer"]] == [0, 0]
    assert hidden == []
    assert [(row["external_userid"], row["status"]) for row in results] == [(first, 1), (second, 3)]
    assert on_the_job == []
    assert left == [second]
    assert customers == [first]
    assert told == {("transfer_fail", "zhang"), ("add_external_contact", "zhang")}


def test_whoever_takes_over_loses_tags_that_are_gone() -> None:
    with scene() as s:
        external = s.customer()["external_userid"]
        group = s.caller.post(
            "externalcontact/add_corp_tag", group_name="意向", tag=[{"name": "高"}, {"name": "低"}]
        )["tag_group"]
        high, low = (tag["id"] for tag in group["tag"])
        pair = {"userid": "li", "external_userid": external}
        s.caller.post("externalcontact/mark_tag", **pair, add_tag=[high, low])
        _act(s, "resign", userid="li")
        s.caller.post("externalcontact/del_corp_tag", tag_id=[low])
        s.caller.post(
            "externalcontact/resigned/transfer_customer",
            handover_userid="li",
            takeover_userid="zhang",
            external_userid=[external],
        )
        s.sim.post("act/accept_transfer", corpid=s.corpid, customer=external)
        follow = s.caller.get("externalcontact/get", external_userid=external)["follow_user"][0]

    assert [tag["tag_name"] for tag in follow["tags"]] == ["高"]


def test_resigned_more_than_a_year_ago_or_never_known() -> None:
    with scene() as s:
        external = s.customer()["external_userid"]
        _act(s, "resign", userid="li")
        body = {"takeover_userid": "zhang", "external_userid": [external]}
        path = "externalcontact/resigned/transfer_customer"
        unknown = s.caller.post(path, handover_userid="nobody", **body)
        advance(s, 366 * DAY)
        late = s.caller.post(path, handover_userid="li", **body)

    assert (unknown["errcode"], late["errcode"]) == (60111, 40097)


def test_transfers_of_someone_who_resigns_end() -> None:
    with scene() as s:
        external = s.customer()["external_userid"]
        pair = {"handover_userid": "li", "takeover_userid": "zhang"}
        s.caller.post("externalcontact/transfer_customer", **pair, external_userid=[external])
        _act(s, "resign", userid="zhang")
        result = s.caller.post("externalcontact/transfer_result", **pair)["customer"][0]
        advance(s, DAY + 1)
        customers = s.caller.get("externalcontact/list", userid="li")["external_userid"]

    assert (result["status"], result["takeover_time"]) == (5, 0)
    assert customers == [external]


def test_departments_come_change_and_go() -> None:
    with scene(listening=True) as s:
        made = _act(s, "create_party", name="华东", id=5)
        created = _heard(s)
        _act(s, "update_party", id=5, name="华南")
        updated = _heard(s)
        listed = s.caller.get("department/list")["department"]
        under_itself = _act(s, "update_party", id=5, parentid=5)
        top = _act(s, "delete_party", id=1)
        _act(s, "delete_party", id=5)
        deleted = _heard(s)

    assert made == {"id": 5, "name": "华东", "parentid": 1}
    assert (created["ChangeType"], created["Id"], created["Name"]) == ("create_party", "5", "华东")
    assert (updated["ChangeType"], updated["Name"], updated["ParentId"]) == (
        "update_party",
        "华南",
        "1",
    )
    assert listed[-1]["name"] == "华南"
    assert "below" in under_itself["error"]
    assert "empty" in top["error"]
    assert (deleted["ChangeType"], deleted["Id"]) == ("delete_party", "5")


@pytest.mark.parametrize("what", ["update_user", "resign"])
def test_acts_on_strangers_are_refused(what: str) -> None:
    with scene() as s:
        assert "no staff" in _act(s, what, userid="nobody")["error"]


def test_app_hears_of_members_in_its_range_only() -> None:
    with scene(listening=True, visible=["li"], customer_contact=False) as s:
        _act(s, "update_user", userid="zhang", name="张三")
        _act(s, "update_user", userid="li", name="李四")

        assert [event["UserID"] for event in s.app.events] == ["li"]
