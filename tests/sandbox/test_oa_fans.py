"""Are fans, their pages and their tags as the platform gives them?"""

from collections.abc import Iterator

import pytest

from .actors import Caller
from .oa_actors import OaScene, oa_scene


def test_follower_and_one_who_left() -> None:
    with oa_scene() as s:
        openid = s.fan(how="ADD_SCENE_PROFILE_CARD")
        person = s.sim.get(f"customers/{openid}")
        known = s.caller.get("user/info", openid=openid)
        s.act("unfollow", customer=openid)
        left = s.caller.get("user/info", openid=openid)

    assert known.pop("subscribe_time") > 1_600_000_000
    assert known == {
        "subscribe": 1,
        "openid": openid,
        "language": "zh_CN",
        "unionid": person["unionid"],
        "remark": "",
        "groupid": 0,
        "tagid_list": [],
        "subscribe_scene": "ADD_SCENE_PROFILE_CARD",
        "qr_scene": 0,
        "qr_scene_str": "",
    }
    assert left == {"subscribe": 0, "openid": openid, "unionid": person["unionid"]}
    assert (openid[0], len(openid)) == ("o", 28)


def test_unionid_is_the_same_for_corp_and_account_when_bound() -> None:
    with oa_scene() as s:
        corp = s.sim.post("corps", name="示例企业")
        s.sim.post("settings", accept_after_s=0)
        s.sim.post("staff", corpid=corp["corpid"], userid="li")
        wecom = Caller(s.sim.url, corp)
        scanned = s.sim.post("act/scan", config_id=wecom.way())
        openid = s.fan(customer=scanned["customer"])
        external = wecom.get("externalcontact/get", external_userid=scanned["external_userid"])[
            "external_contact"
        ]
        loose = s.sim.post("oa/accounts", name="未绑定", bound=False)
        other = s.sim.post("act/oa_follow", appid=loose["appid"], customer=scanned["customer"])
        s.caller.account, s.caller.token = loose, ""
        unbound = s.caller.get("user/info", openid=other["openid"])

    assert other["openid"] != openid
    assert s.sandbox.world.person(openid).unionid == external["unionid"]
    assert "unionid" not in unbound


def test_batch_of_a_hundred_at_most() -> None:
    with oa_scene() as s:
        fans = [s.fan(), s.fan()]
        s.act("unfollow", customer=fans[1])
        rows = s.caller.post(
            "user/info/batchget", user_list=[{"openid": each, "lang": "zh_CN"} for each in fans]
        )["user_info_list"]
        many = s.caller.post("user/info/batchget", user_list=[{"openid": fans[0]}] * 101)
        none = s.caller.post("user/info/batchget", user_list=[])
        unknown = s.caller.post("user/info/batchget", user_list=[{"openid": "o1"}])

    assert [(row["openid"], row["subscribe"]) for row in rows] == [(fans[0], 1), (fans[1], 0)]
    assert [each["errcode"] for each in (many, none, unknown)] == [40032, 40032, 40003]


def test_remark() -> None:
    with oa_scene() as s:
        openid = s.fan()
        done = s.caller.post("user/info/updateremark", openid=openid, remark="老粉丝")
        shown = s.caller.get("user/info", openid=openid)["remark"]
        unknown = s.caller.post("user/info/updateremark", openid="o1", remark="x")

    assert done == {"errcode": 0, "errmsg": "ok"}
    assert shown == "老粉丝"
    assert unknown["errcode"] == 40003


def _pages(s: OaScene, path: str, **query: object) -> Iterator[list[str]]:
    """As the library walks: the last page with fans names a next one, which is empty."""
    following = ""
    while True:
        call = s.caller.get if path == "user/get" else s.caller.post
        page = call(path, next_openid=following, **query)
        if "data" not in page:
            assert (page["count"], page["next_openid"]) == (0, "")
            return
        assert page["count"] == len(page["data"]["openid"])
        yield page["data"]["openid"]
        following = page["next_openid"]


def test_walk_gives_each_follower_once_while_others_come_and_go() -> None:
    with oa_scene() as s:
        s.sim.post("settings", fans_a_page=3)
        there = [s.fan() for _ in range(12)]
        staying, walked = set(there), list[str]()
        for number, openids in enumerate(_pages(s, "user/get")):
            walked += openids
            if number < 4:
                # One comes, the last of this page goes, and one who went comes back.
                s.fan()
                s.act("unfollow", customer=openids[-1])
                staying.discard(openids[-1])
                s.act("follow", customer=there[2])

    assert len(walked) == len(set(walked))
    assert staying <= set(walked)
    assert len(staying) == 8


def test_page_after_one_who_left_goes_on_behind_the_old_place() -> None:
    with oa_scene() as s:
        s.sim.post("settings", fans_a_page=3)
        fans = [s.fan() for _ in range(5)]
        page = s.caller.get("user/get")
        s.act("unfollow", customer=fans[2])
        rest = s.caller.get("user/get", next_openid=page["next_openid"])

    assert (page["total"], page["count"], page["next_openid"]) == (5, 3, fans[2])
    assert (rest["total"], rest["data"]["openid"]) == (4, fans[3:])


def test_ten_thousand_a_page() -> None:
    with oa_scene() as s:
        made = s.sim.post("oa/fans", appid=s.appid, count=10_001)["fans"]
        first = s.caller.get("user/get")
        second = s.caller.get("user/get", next_openid=first["next_openid"])
        unknown = s.caller.get("user/get", next_openid="o1")

    assert (first["total"], first["count"], second["count"]) == (10_001, 10_000, 1)
    everybody = first["data"]["openid"] + second["data"]["openid"]
    assert everybody == [fan["openid"] for fan in made]
    assert unknown["errcode"] == 40003


def _tag(s: OaScene, name: str) -> int:
    return int(s.caller.post("tags/create", tag={"name": name})["tag"]["id"])


def test_tag_from_creation_to_deletion() -> None:
    with oa_scene() as s:
        made = s.caller.post("tags/create", tag={"name": "广东"})
        number, fans = made["tag"]["id"], [s.fan(), s.fan()]
        put = s.caller.post("tags/members/batchtagging", tagid=number, openid_list=fans)
        listed = s.caller.get("tags/get")
        worn = s.caller.post("tags/getidlist", openid=fans[0])
        info = s.caller.get("user/info", openid=fans[0])
        wearers = s.caller.post("user/tag/get", tagid=number)
        s.caller.post("tags/members/batchuntagging", tagid=number, openid_list=fans[:1])
        s.caller.post("tags/update", tag={"id": number, "name": "广西"})
        renamed = s.caller.get("tags/get")["tags"][1]
        deleted = s.caller.post("tags/delete", tag={"id": number})
        after = s.caller.post("tags/getidlist", openid=fans[1])

    assert made == {"tag": {"id": number, "name": "广东"}}
    assert number >= 100
    assert put == deleted == {"errcode": 0, "errmsg": "ok"}
    starred = {"id": 2, "name": "星标组", "count": 0}
    assert listed == {"tags": [starred, {"id": number, "name": "广东", "count": 2}]}
    assert worn == {"tagid_list": [number]}
    assert (info["tagid_list"], info["groupid"]) == ([number], number)
    assert wearers == {"count": 2, "data": {"openid": fans}, "next_openid": fans[1]}
    assert renamed == {"id": number, "name": "广西", "count": 1}
    assert after == {"tagid_list": []}


def test_tagged_fans_come_in_pages() -> None:
    with oa_scene() as s:
        s.sim.post("settings", fans_a_page=2)
        number, fans = _tag(s, "a"), [s.fan() for _ in range(5)]
        s.caller.post("tags/members/batchtagging", tagid=number, openid_list=fans)
        s.act("unfollow", customer=fans[1])
        walked = [each for page in _pages(s, "user/tag/get", tagid=number) for each in page]
        bare = s.caller.post("user/tag/get", tagid=_tag(s, "b"))

    assert walked == [fans[0], *fans[2:]]
    assert bare == {"count": 0, "next_openid": ""}


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        ("tags/create", {"tag": {"name": "长" * 31}}, 45158),
        ("tags/create", {"tag": {"name": "有"}}, 45157),
        ("tags/create", {"tag": {"name": ""}}, 45157),
        ("tags/update", {"tag": {"id": 2, "name": "x"}}, 45058),
        ("tags/update", {"tag": {"id": 999, "name": "x"}}, 45159),
        ("tags/delete", {"tag": {"id": 0}}, 45058),
        ("tags/delete", {"tag": {"id": 999}}, 45159),
        ("tags/getidlist", {"openid": "o1"}, 40003),
        ("user/tag/get", {"tagid": 999}, 45159),
        ("tags/members/batchtagging", {"tagid": 999, "openid_list": ["o1"]}, 45159),
        ("tags/members/batchtagging", {"tagid": 100, "openid_list": ["o1"]}, 40003),
        ("tags/members/batchtagging", {"tagid": 100, "openid_list": []}, 40032),
        ("tags/members/batchtagging", {"tagid": 100, "openid_list": ["o1"] * 51}, 40032),
    ],
)
def test_tag_refusals(path: str, body: dict[str, object], code: int) -> None:
    with oa_scene() as s:
        assert _tag(s, "有") == 100
        assert s.caller.post(path, **body)["errcode"] == code


def test_a_hundred_tags_and_twenty_a_fan() -> None:
    with oa_scene() as s:
        numbers = [_tag(s, f"标签{n}") for n in range(100)]
        over = s.caller.post("tags/create", tag={"name": "多"})
        openid, other = s.fan(), s.fan()
        codes = [
            s.caller.post("tags/members/batchtagging", tagid=number, openid_list=[openid])
            for number in numbers[:20]
        ]
        pair = {"tagid": numbers[20], "openid_list": [other, openid]}
        refused = s.caller.post("tags/members/batchtagging", **pair)
        again = {"tagid": numbers[0], "openid_list": [openid]}
        repeated = s.caller.post("tags/members/batchtagging", **again)
        spared = s.caller.post("tags/getidlist", openid=other)

    assert over["errcode"] == 45056
    assert [each["errcode"] for each in codes] == [0] * 20
    assert refused["errcode"] == 45059
    assert repeated["errcode"] == 0
    # All of a call or nothing.
    assert spared == {"tagid_list": []}


def test_openid_of_another_account() -> None:
    with oa_scene() as s:
        other = s.sim.post("oa/accounts", name="另一个")
        openid = s.sim.post("act/oa_follow", appid=other["appid"])["openid"]
        body = {"tagid": _tag(s, "a"), "openid_list": [openid]}

        assert s.caller.post("tags/members/batchtagging", **body)["errcode"] == 49003
        assert s.caller.get("user/info", openid=openid)["errcode"] == 40003
