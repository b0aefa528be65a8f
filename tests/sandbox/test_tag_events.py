"""What is told when the admin works on tags, and what when an app does?"""

from typing import Any

from .actors import Scene, scene


def _act(s: Scene, what: str, **body: object) -> Any:
    answer = s.sim.post(f"act/{what}", {"corpid": s.corpid, **body})
    s.sim.flush()
    return answer


def _heard(s: Scene) -> list[tuple[str, str | None, str]]:
    """In the order of their making; on the way they may overtake each other."""
    told = s.sim.get("callbacks")["callbacks"]
    by_id = {_key(each["xml"]): each["id"] for each in told}
    events = [event for event in s.app.events if event["Event"] == "change_external_tag"]
    shown = [(event["ChangeType"], event.get("TagType"), event["Id"]) for event in events]
    return sorted(shown, key=lambda row: by_id[row[0], row[2] or ""])


def _key(xml: str) -> tuple[str, str]:
    parts = [
        xml.partition(f"<{name}><![CDATA[")[2].partition("]]>")[0] for name in ("ChangeType", "Id")
    ]
    return parts[0], parts[1]


def _add(s: Scene, *names: str) -> Any:
    tags = [{"name": name} for name in names]
    return s.caller.post("externalcontact/add_corp_tag", group_name="意向", tag=tags)["tag_group"]


def test_new_group_and_its_tags_are_told_in_one_second() -> None:
    with scene(listening=True) as s:
        made = _act(s, "create_tags", group_name="意向", tags=["高", "中", "低"])
        heard = _heard(s)
        seconds = {event["CreateTime"] for event in s.app.events}
        more = _act(s, "create_tags", group_id=made["group_id"], tags=["未知"])
        listed = s.caller.post("externalcontact/get_corp_tag_list")["tag_group"]
        late = _heard(s)

    ids = list(made["tags"].values())
    assert heard == [
        ("create", "tag_group", made["group_id"]),
        *(("create", "tag", each) for each in ids),
    ]
    assert len(seconds) == 1
    assert late[4:] == [("create", "tag", more["tags"]["未知"])]
    assert [tag["name"] for tag in listed[0]["tag"]] == ["高", "中", "低", "未知"]


def test_changes_and_the_end_of_a_group_are_told_once() -> None:
    with scene(listening=True) as s:
        made = _act(s, "create_tags", group_name="意向", tags=["高", "低"])
        high, low = made["tags"].values()
        _act(s, "edit_tag", id=high, name="很高")
        _act(s, "edit_tag", id=made["group_id"], name="意愿")
        _act(s, "delete_tags", tag_id=[low])
        _act(s, "delete_tags", group_id=[made["group_id"]])
        heard = _heard(s)[3:]
        listed = s.caller.post("externalcontact/get_corp_tag_list")["tag_group"]

    assert heard == [
        ("update", "tag", high),
        ("update", "tag_group", made["group_id"]),
        ("delete", "tag", low),
        ("delete", "tag_group", made["group_id"]),
    ]
    assert listed == []


def test_last_tag_takes_its_group_along() -> None:
    with scene(listening=True) as s:
        made = _act(s, "create_tags", group_name="意向", tags=["高"])
        tag = made["tags"]["高"]
        told = _act(s, "delete_tags", tag_id=[tag])

        assert told == {"told": 2}
        assert _heard(s)[2:] == [("delete", "tag", tag), ("delete", "tag_group", made["group_id"])]


def test_new_order_is_told_once_and_read_back() -> None:
    with scene(listening=True) as s:
        made = _act(s, "create_tags", group_name="意向", tags=["高", "中", "低"])
        _act(s, "shuffle_tags", group_id=made["group_id"])
        heard = _heard(s)[4:]
        tags = s.caller.post("externalcontact/get_corp_tag_list")["tag_group"][0]["tag"]

    assert heard == [("shuffle", None, made["group_id"])]
    assert sorted(tag["order"] for tag in tags) == [1, 2, 3]


def test_acts_on_unknown_tags_are_refused() -> None:
    with scene() as s:
        for what, body in (
            ("edit_tag", {"id": "et_none", "name": "x"}),
            ("delete_tags", {"tag_id": ["et_none"]}),
            ("delete_tags", {}),
            ("create_tags", {"group_name": "x", "tags": []}),
            ("shuffle_tags", {"group_id": "et_none"}),
        ):
            assert "error" in _act(s, what, **body)


def test_app_changes_its_own_tags_only() -> None:
    with scene() as s:
        mine = _add(s, "高")["tag"][0]["id"]
        admins = _act(s, "create_tags", group_name="门店", tags=["上海"])["tags"]["上海"]
        codes = [
            s.caller.post("externalcontact/edit_corp_tag", id=tag, name="新")["errcode"]
            for tag in (mine, admins)
        ]
        deleted = s.caller.post("externalcontact/del_corp_tag", tag_id=[mine, admins])
        listed = s.caller.post("externalcontact/get_corp_tag_list")["tag_group"]

    assert codes == [0, 301002]
    assert deleted["errcode"] == 301002
    assert len(listed) == 2


def test_api_is_silent_unless_it_shall_echo() -> None:
    with scene(listening=True) as s:
        external = s.customer()["external_userid"]
        pair = {"userid": "li", "external_userid": external}
        counts = []
        for echo in (False, True):
            s.sim.post("settings", echo_api_changes=echo)
            group = _add(s, "高", f"低{echo}")
            tag = group["tag"][0]["id"]
            s.caller.post("externalcontact/edit_corp_tag", id=tag, name=f"新{echo}")
            s.caller.post("externalcontact/mark_tag", **pair, add_tag=[tag])
            s.caller.post("externalcontact/mark_tag", **pair, add_tag=[tag])
            s.caller.post("externalcontact/remark", **pair, remark="老客户")
            s.caller.post("externalcontact/remark", **pair, remark_mobiles=["13800000000"])
            s.sim.flush()
            counts.append(len(s.app.events) - 1)
        kinds = sorted(event["ChangeType"] for event in s.app.events[1:])

    assert counts[0] == 0
    assert kinds == [
        "create",
        "create",
        "edit_external_contact",
        "edit_external_contact",
        "update",
    ]
