"""Are contact ways as strict as the platform's?"""

from typing import Any

import pytest

from .actors import scene

ADD = "externalcontact/add_contact_way"


def test_way_is_made_read_changed_and_deleted() -> None:
    with scene() as s:
        made = s.caller.post(ADD, type=2, scene=2, user=["li"], state="abc", remark="展会")
        config_id = made["config_id"]
        read = s.caller.post("externalcontact/get_contact_way", config_id=config_id)["contact_way"]
        s.caller.post(
            "externalcontact/update_contact_way", config_id=config_id, user=["zhang"], state="x"
        )
        changed = s.caller.post("externalcontact/get_contact_way", config_id=config_id)
        s.caller.post("externalcontact/del_contact_way", config_id=config_id)
        gone = s.caller.post("externalcontact/get_contact_way", config_id=config_id)

    assert made["qr_code"] == f"{s.sim.url}/qr/{config_id}"
    assert read == {
        "config_id": config_id,
        "type": 2,
        "scene": 2,
        "remark": "展会",
        "skip_verify": True,
        "state": "abc",
        "user": ["li"],
        "party": [],
        "qr_code": made["qr_code"],
    }
    assert changed["contact_way"]["user"] == ["zhang"]
    assert changed["contact_way"]["state"] == "x"
    assert changed["contact_way"]["remark"] == "展会"
    assert gone["errcode"] == 41056


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"scene": 2, "user": ["li"]}, 41037),
        ({"type": 3, "scene": 2, "user": ["li"]}, 40058),
        ({"type": 1, "scene": 2, "user": ["li", "zhang"]}, 40058),
        ({"type": 2, "scene": 2}, 40058),
        ({"type": 1, "scene": 2, "user": ["nobody"]}, 60111),
        ({"type": 1, "scene": 2, "user": ["hidden"]}, 50002),
        ({"type": 1, "scene": 2, "user": ["asleep"]}, 84083),
        ({"type": 1, "scene": 2, "user": ["plain"]}, 84074),
        ({"type": 2, "scene": 2, "party": [9]}, 60123),
        ({"type": 1, "scene": 2, "user": ["li"], "state": "x" * 31}, 40058),
        ({"type": 1, "scene": 2, "user": ["li"], "remark": "展" * 31}, 40058),
        ({"type": 2, "scene": 2, "party": [2]}, 40058),
    ],
)
def test_what_the_platform_refuses(body: dict[str, Any], code: int) -> None:
    with scene(visible=["li", "zhang", "asleep", "plain"]) as s:
        corpid = s.corpid
        s.sim.post("staff", corpid=corpid, userid="hidden")
        s.sim.post("staff", corpid=corpid, userid="asleep", active=False)
        s.sim.post("staff", corpid=corpid, userid="plain", customer_contact=False)
        s.sim.post("departments", corpid=corpid, id=2, name="销售部")
        for number in range(101):
            s.sim.post("staff", corpid=corpid, userid=f"s{number}", departments=[2])

        assert s.caller.post(ADD, **body)["errcode"] == code


def test_limits_hold_at_their_edge() -> None:
    with scene() as s:
        s.sim.post("settings", contact_way_limit=2)
        edge = {"type": 1, "scene": 2, "user": ["li"], "state": "展" * 30, "remark": "码" * 30}
        codes = [s.caller.post(ADD, **edge)["errcode"] for _ in range(3)]

    assert codes == [0, 0, 41044]


@pytest.mark.parametrize("short", [False, True])
def test_list_gives_each_way_once_while_new_ones_come(*, short: bool) -> None:
    with scene() as s:
        s.sim.post("settings", short_pages=short)
        made = [s.caller.way() for _ in range(7)]
        seen, cursor = [], ""
        while True:
            answer = s.caller.post("externalcontact/list_contact_way", limit=3, cursor=cursor)
            seen += [way["config_id"] for way in answer["contact_way"]]
            made.append(s.caller.way()) if len(made) < 9 else None
            cursor = answer["next_cursor"]
            if not cursor:
                break

    assert seen == made


def test_cursor_of_another_walk_is_refused() -> None:
    with scene() as s:
        for _ in range(3):
            s.caller.way()
        cursor = s.caller.post("externalcontact/list_contact_way", limit=1)["next_cursor"]
        s.caller.corp = s.sim.post("corps", name="另一家")
        s.caller.token = ""
        answer = s.caller.post("externalcontact/list_contact_way", limit=1, cursor=cursor)

    assert answer["errcode"] == 40058
    assert answer["contact_way"] == []


def test_way_of_another_corp_is_unknown() -> None:
    with scene() as s:
        config_id = s.caller.way()
        s.caller.corp = s.sim.post("corps", name="另一家")
        s.caller.token = ""

        answer = s.caller.post("externalcontact/get_contact_way", config_id=config_id)
        assert answer["errcode"] == 41056


def test_scans_are_shared_out_to_the_least_loaded() -> None:
    with scene() as s:
        way = s.caller.way(type=2, user=["li", "zhang"])
        userids = [s.scan(way)["userid"] for _ in range(4)]

    assert userids == ["li", "zhang", "li", "zhang"]


def test_second_scan_by_the_same_person_changes_nothing() -> None:
    with scene(listening=True) as s:
        way = s.caller.way(type=2, user=["li", "zhang"])
        first = s.scan(way, customer={"name": "王芳"})
        again = s.scan(way, customer=first["customer"])

    assert again["already"]
    assert (again["userid"], again["external_userid"]) == ("li", first["external_userid"])
    assert len(s.app.events) == 1
