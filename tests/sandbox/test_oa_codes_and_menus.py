"""Are QR codes real images with the platform's limits, and menus what fans can press?"""

import struct
from typing import Any

import pytest
import segno

from .actors import fetch
from .oa_actors import OaScene, oa_scene

LINK = {"type": "view", "name": "商城", "url": "http://127.0.0.1/shop"}
KEY = {"type": "click", "name": "签到", "key": "in"}


def _create(s: OaScene, action: str, scene: object, **more: object) -> Any:
    return s.caller.post("qrcode/create", action_name=action, action_info={"scene": scene}, **more)


def test_lasting_and_passing_codes() -> None:
    with oa_scene() as s:
        lasting = _create(s, "QR_LIMIT_SCENE", {"scene_id": 100_000})
        passing = _create(s, "QR_STR_SCENE", {"scene_str": "店" * 64}, expire_seconds=2_592_000)
        short = _create(s, "QR_SCENE", {"scene_id": 2**32 - 1})

    assert lasting.keys() == {"ticket", "url"}
    assert passing.keys() == {"ticket", "url", "expire_seconds"}
    assert (passing["expire_seconds"], short["expire_seconds"]) == (2_592_000, 60)
    assert lasting["ticket"].startswith("gQ")
    assert len({each["url"] for each in (lasting, passing, short)}) == 3


@pytest.mark.parametrize(
    ("action", "scene", "more", "code"),
    [
        ("QR_CARD", {"scene_id": 1}, {}, 40052),
        ("QR_SCENE", {"scene_id": 0}, {}, 40053),
        ("QR_SCENE", {"scene_id": 2**32}, {}, 40053),
        ("QR_SCENE", {"scene_str": "a"}, {}, 40053),
        ("QR_LIMIT_SCENE", {"scene_id": 100_001}, {}, 40053),
        ("QR_STR_SCENE", {"scene_str": ""}, {}, 40053),
        ("QR_STR_SCENE", {"scene_str": "a" * 65}, {}, 40053),
        ("QR_STR_SCENE", {"scene_str": 5}, {}, 40053),
        ("QR_STR_SCENE", {"scene_str": "a"}, {"expire_seconds": 2_592_001}, 40035),
        ("QR_STR_SCENE", {"scene_str": "a"}, {"expire_seconds": 0}, 40035),
    ],
)
def test_refused_codes(action: str, scene: object, more: dict[str, object], code: int) -> None:
    with oa_scene() as s:
        assert _create(s, action, scene, **more)["errcode"] == code


def test_image_is_the_address_drawn() -> None:
    with oa_scene() as s:
        made = s.caller.code("展会")
        image = s.caller.image(made["ticket"])
        unknown = s.caller.image("gQnobody")

    size = segno.make_qr(made["url"]).symbol_size(scale=10)
    assert (image.status, image.content_type) == (200, "image/png")
    assert image.body.startswith(b"\x89PNG\r\n\x1a\n")
    assert struct.unpack(">II", image.body[16:24]) == size
    assert size[0] >= 330
    assert (unknown.status, unknown.content_type.split(";")[0]) == (404, "text/html")


def test_passing_code_ends() -> None:
    with oa_scene() as s:
        made = s.caller.code("展会", "QR_STR_SCENE", expire_seconds=100)
        s.sim.post("clock", advance_s=99)
        before = s.caller.image(made["ticket"]).status
        s.sim.post("clock", advance_s=2)
        refused = s.act("scan", ticket=made["ticket"])

        assert (before, s.caller.image(made["ticket"]).status) == (200, 404)
        assert "expired" in refused["error"]
        assert "no QR code" in s.act("scan", scene="展会")["error"]


def test_lasting_codes_are_limited_and_the_same_scene_is_the_same_code() -> None:
    with oa_scene() as s:
        s.sim.post("settings", qr_code_limit=2)
        made = [s.caller.code(scene) for scene in ("一", "二", "二", "三")]
        passing = s.caller.code("四", "QR_STR_SCENE")

    assert made[1] == made[2]
    assert made[3]["errcode"] == 45029
    assert "ticket" in passing


# Menus -------------------------------------------------------------------------------------------


def test_menu_from_creation_to_deletion() -> None:
    with oa_scene() as s:
        none = s.caller.get("menu/get")
        top = {"name": "菜单", "sub_button": [LINK, KEY]}
        made = s.caller.post("menu/create", button=[top, KEY])
        read = s.caller.get("menu/get")
        gone = s.caller.get("menu/delete")
        after = s.caller.get("menu/get")

    leaf: dict[str, list[object]] = {"sub_button": []}
    assert none["errcode"] == after["errcode"] == 46003
    assert made == gone == {"errcode": 0, "errmsg": "ok"}
    below = {"name": "菜单", "sub_button": [{**LINK, **leaf}, {**KEY, **leaf}]}
    assert read == {"menu": {"button": [below, {**KEY, **leaf}]}}


@pytest.mark.parametrize(
    ("buttons", "code"),
    [
        ([], 40016),
        ([KEY] * 4, 40016),
        ([{"name": "菜单", "sub_button": [KEY] * 6}], 40023),
        ([{**KEY, "type": "dance"}], 40017),
        ([{**KEY, "name": "签" * 6}], 40018),
        ([{**KEY, "key": "k" * 129}], 40019),
        ([{**KEY, "key": ""}], 40019),
        ([{**LINK, "url": "u" * 1025}], 40020),
        ([{"name": "菜单", "sub_button": [{**LINK, "url": ""}]}], 40027),
        ([{"name": "菜单", "sub_button": [{**KEY, "name": ""}]}], 40025),
    ],
)
def test_refused_menus(buttons: list[object], code: int) -> None:
    with oa_scene() as s:
        assert s.caller.post("menu/create", button=buttons)["errcode"] == code
        assert s.caller.get("menu/get")["errcode"] == 46003


def test_menu_for_some_is_pressed_by_them_alone() -> None:
    with oa_scene(listening=True) as s:
        early = s.caller.post("menu/addconditional", button=[KEY], matchrule={"tag_id": "100"})
        s.caller.post("menu/create", button=[LINK])
        loose = s.caller.post("menu/addconditional", button=[KEY], matchrule={})
        number = s.caller.post("tags/create", tag={"name": "会员"})["tag"]["id"]
        made = s.caller.post("menu/addconditional", button=[KEY], matchrule={"tag_id": number})
        member, other = s.fan(), s.fan()
        s.caller.post("tags/members/batchtagging", tagid=number, openid_list=[member])
        pressed = s.act("click", customer=member, key="in")
        refused = s.act("click", customer=other, key="in")
        read = s.caller.get("menu/get")

    assert (early["errcode"], loose["errcode"]) == (65303, 65304)
    assert made["menuid"].isdigit()
    assert "error" not in pressed
    assert "has no click button" in refused["error"]
    assert [event["Event"] for event in s.app.events].count("CLICK") == 1
    assert read["conditionalmenu"][0]["matchrule"] == {"tag_id": number}
    assert str(read["conditionalmenu"][0]["menuid"]) == made["menuid"]


def test_pages_are_served_and_name_no_other_host() -> None:
    with oa_scene() as s:
        for path in ("/q/abc", "/connect/oauth2/authorize"):
            page = fetch("GET", s.sim.url + path)

            assert (page.status, page.content_type) == (200, "text/html; charset=utf-8")
            assert b"http://" not in page.body
            assert b"https://" not in page.body
