"""Are customers, remarks and tags shown in the platform's shapes?"""

from .actors import scene


def test_customer_is_seen_in_all_three_shapes() -> None:
    with scene() as s:
        scanned = s.scan(s.caller.way(state="abc"), customer={"name": "王芳 ]]>&", "gender": 2})
        external = scanned["external_userid"]
        listed = s.caller.get("externalcontact/list", userid="li")
        got = s.caller.get("externalcontact/get", external_userid=external)
        batch = s.caller.post("externalcontact/batch/get_by_user", userid_list=["li", "zhang"])

    assert listed["external_userid"] == [external]
    contact = got["external_contact"]
    assert (contact["name"], contact["gender"], contact["type"]) == ("王芳 ]]>&", 2, 1)
    assert contact["unionid"].startswith("o")
    follow = got["follow_user"][0]
    assert (follow["userid"], follow["state"], follow["add_way"]) == ("li", "abc", 1)
    assert follow["tags"] == []
    row = batch["external_contact_list"][0]
    assert row["external_contact"] == contact
    assert row["follow_info"]["tag_id"] == []
    assert row["follow_info"]["userid"] == "li"
    assert batch["next_cursor"] == ""


def test_same_person_has_another_id_in_another_corp_and_the_same_unionid() -> None:
    with scene() as s:
        first = s.customer()
        s.caller.corp = s.sim.post("corps", name="另一家")
        s.caller.token = ""
        s.sim.post("staff", corpid=s.corpid, userid="li")
        second = s.scan(s.caller.way(), customer=first["customer"])
        phone = s.sim.get(f"customers/{first['customer']}")

    assert second["external_userid"] != first["external_userid"]
    assert len(phone["externals"]) == 2


def test_unionid_is_absent_without_binding() -> None:
    with scene(bound=False) as s:
        external = s.customer()["external_userid"]
        got = s.caller.get("externalcontact/get", external_userid=external)

    assert "unionid" not in got["external_contact"]


def test_member_without_customers_and_customer_without_members_are_84061() -> None:
    with scene() as s:
        scanned = s.customer()
        none = s.caller.get("externalcontact/list", userid="zhang")
        pair = {"corpid": s.corpid, "userid": "li", "customer": scanned["customer"]}
        s.sim.post("act/customer_deletes", pair)
        lost = s.caller.get("externalcontact/get", external_userid=scanned["external_userid"])
        bad = s.caller.get("externalcontact/get", external_userid="wm_nobody")

    assert (none["errcode"], none["external_userid"]) == (84061, [])
    assert (lost["errcode"], lost["follow_user"]) == (84061, [])
    assert bad["errcode"] == 40096


def test_details_lag_behind_a_fresh_add() -> None:
    with scene() as s:
        s.sim.post("settings", stale_read_s=30)
        external = s.customer()["external_userid"]
        early = s.caller.get("externalcontact/get", external_userid=external)
        s.sim.post("clock", advance_s=31)
        late = s.caller.get("externalcontact/get", external_userid=external)

    assert (early["errcode"], late["errcode"]) == (84061, 0)


def test_app_sees_only_its_range() -> None:
    with scene(visible=["li"]) as s:
        external = s.customer()["external_userid"]
        wide = s.sim.post("apps", corpid=s.corpid)
        s.sim.post("clock", advance_s=1)
        follows = s.caller.get("externalcontact/get_follow_user_list")["follow_user"]
        hidden = s.caller.get("externalcontact/list", userid="zhang")
        s.caller.corp, s.caller.token = {**s.caller.corp, **wide}, ""
        s.scan(s.caller.way(user=["zhang"]), customer=external)
        both = s.caller.get("externalcontact/get", external_userid=external)["follow_user"]

    assert follows == ["li"]
    assert hidden["errcode"] == 50002
    assert [follow["userid"] for follow in both] == ["li", "zhang"]


def test_batch_walk_gives_each_row_once_while_customers_come() -> None:
    with scene() as s:
        way = s.caller.way()
        expected = [s.scan(way)["external_userid"] for _ in range(5)]
        seen, cursor = [], ""
        while True:
            answer = s.caller.post(
                "externalcontact/batch/get_by_user", userid_list=["li"], limit=2, cursor=cursor
            )
            rows = answer["external_contact_list"]
            seen += [row["external_contact"]["external_userid"] for row in rows]
            if len(expected) < 7:
                expected.append(s.scan(way)["external_userid"])
            cursor = answer["next_cursor"]
            if not cursor:
                break

    assert seen == expected


def test_remark_overwrites_and_clears() -> None:
    with scene(listening=True) as s:
        external = s.customer()["external_userid"]
        who = {"userid": "li", "external_userid": external}
        remark = "externalcontact/remark"
        s.caller.post(remark, **who, remark="老王", remark_mobiles=["13800000000", "13900000000"])
        s.caller.post(remark, **who, description="常客")
        kept = s.caller.get("externalcontact/get", external_userid=external)["follow_user"][0]
        s.caller.post(remark, **who, remark_mobiles=[""])
        cleared = s.caller.get("externalcontact/get", external_userid=external)["follow_user"][0]
        long = s.caller.post(remark, **who, remark="长" * 21)
        stranger = s.caller.post(remark, userid="zhang", external_userid=external, remark="x")
        s.sim.flush()

    assert (kept["remark"], kept["description"]) == ("老王", "常客")
    assert kept["remark_mobiles"] == ["13800000000", "13900000000"]
    assert cleared["remark_mobiles"] == []
    assert long["errcode"] == 40058
    assert stranger["errcode"] == 84061
    # What the API changes is not called back.
    assert len(s.app.events) == 1


def test_tags_are_made_worn_and_deleted() -> None:
    with scene() as s:
        external = s.customer()["external_userid"]
        add = "externalcontact/add_corp_tag"
        made = s.caller.post(add, group_name="意向", tag=[{"name": "高"}, {"name": "低"}])
        high, low = (tag["id"] for tag in made["tag_group"]["tag"])
        again = s.caller.post(add, group_name="意向", tag=[{"name": "高"}])
        mark = {"userid": "li", "external_userid": external}
        s.caller.post("externalcontact/mark_tag", **mark, add_tag=[high, low], remove_tag=[])
        s.caller.post("externalcontact/mark_tag", **mark, add_tag=[], remove_tag=[low])
        worn = s.caller.get("externalcontact/get", external_userid=external)["follow_user"][0]
        empty = s.caller.post("externalcontact/mark_tag", **mark, add_tag=[], remove_tag=[])
        unknown = s.caller.post("externalcontact/mark_tag", **mark, add_tag=["et_x"])
        s.caller.post("externalcontact/del_corp_tag", tag_id=[high, low])
        listed = s.caller.post("externalcontact/get_corp_tag_list")["tag_group"]
        by_id = s.caller.post("externalcontact/get_corp_tag_list", tag_id=[high])["tag_group"]

    assert worn["tags"] == [
        {"group_name": "意向", "tag_name": "高", "tag_id": high, "type": 1},
    ]
    assert again["errcode"] == 40071
    assert empty["errcode"] == 40063
    assert unknown["errcode"] == 40068
    assert listed == []
    assert by_id[0]["deleted"]
    assert by_id[0]["tag"][0]["deleted"]


def test_staff_and_departments() -> None:
    with scene() as s:
        corpid = s.corpid
        s.sim.post("departments", corpid=corpid, id=2, name="销售部")
        s.sim.post("staff", corpid=corpid, userid="wang", name="王磊", departments=[2])
        top = s.caller.get("user/simplelist", department_id=1)["userlist"]
        every = s.caller.get("user/simplelist", department_id=1, fetch_child=1)["userlist"]
        departments = s.caller.get("department/list")["department"]
        nobody = s.caller.get("user/get", userid="nobody")

    assert [user["userid"] for user in top] == ["li", "zhang"]
    assert every[-1] == {"userid": "wang", "name": "王磊", "department": [2]}
    assert [(each["id"], each["parentid"]) for each in departments] == [(1, 0), (2, 1)]
    assert nobody["errcode"] == 60111
