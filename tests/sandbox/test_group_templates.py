"""Are welcomes for groups kept, limited and said to those who join?"""

from typing import Any

import pytest

from .actors import Caller, Scene, fetch
from .grounds import act, group, groups, join_way
from .uploads import MP4, PNG, upload

BASE = "externalcontact/group_welcome_template/"
LINK = {"title": "指南", "url": "http://127.0.0.1:9/x", "desc": "", "picurl": ""}


def _add(s: Scene, **content: object) -> Any:
    return s.caller.post(BASE + "add", **content)


def test_template_is_made_read_changed_and_deleted() -> None:
    with groups() as s:
        made = _add(s, text={"content": "欢迎 %NICKNAME%"}, link=LINK, notify=0)
        key = {"template_id": made["template_id"]}
        first = s.caller.post(BASE + "get", **key)
        changed = s.caller.post(BASE + "edit", **key, text={"content": "你好"})
        second = s.caller.post(BASE + "get", **key)
        deleted = s.caller.post(BASE + "del", **key)
        gone = s.caller.post(BASE + "get", **key)

    ok = {"errcode": 0, "errmsg": "ok"}
    assert made.keys() == {*ok, "template_id"}
    assert first == {**ok, "text": {"content": "欢迎 %NICKNAME%"}, "link": LINK}
    assert second == {**ok, "text": {"content": "你好"}}
    assert (changed["errcode"], deleted["errcode"], gone["errcode"]) == (0, 0, 40058)


def test_image_reads_back_as_an_address() -> None:
    with groups() as s:
        image = {"media_id": upload(s.caller)["media_id"]}
        made = _add(s, image=image, link=LINK)
        shown = s.caller.post(BASE + "get", template_id=made["template_id"])
        picture = fetch("GET", shown["image"]["pic_url"])

    # Only one of them goes with the text, the image before the link.
    assert shown.keys() == {"errcode", "errmsg", "image"}
    assert shown["image"].keys() == {"pic_url"}
    assert picture.body == PNG


def test_the_library_holds_a_hundred() -> None:
    with groups() as s:
        codes = [_add(s, text={"content": str(i)})["errcode"] for i in range(101)]
        other = Caller(s.sim.url, s.sim.post("corps", name="另一家"))
        elsewhere = other.post(BASE + "add", text={"content": "x"})["errcode"]

    assert codes == [0] * 100 + [41055]
    assert elsewhere == 0


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, 40063),
        ({"text": {"content": ""}}, 40063),
        ({"text": {"content": "字" * 1001}}, 45002),
        ({"image": {"media_id": "unknown"}}, 40007),
        ({"file": {"media_id": "unknown"}}, 40007),
        ({"miniprogram": {"title": "x", "appid": "wx1", "pic_media_id": "unknown"}}, 40007),
        ({"link": {"title": "x"}}, 40058),
        ({"text": "x"}, 40058),
    ],
)
def test_what_the_platform_refuses(body: dict[str, Any], code: int) -> None:
    with groups() as s:
        assert _add(s, **body)["errcode"] == code


def test_another_app_may_read_but_not_change_it() -> None:
    with groups() as s:
        key = {"template_id": _add(s, text={"content": "x"})["template_id"]}
        second = s.sim.post("apps", corpid=s.corpid)
        other = Caller(s.sim.url, {**s.caller.corp, **second})

        assert other.post(BASE + "get", **key)["errcode"] == 0
        assert other.post(BASE + "edit", **key, text={"content": "y"})["errcode"] == 301002
        assert other.post(BASE + "del", **key)["errcode"] == 301002


def test_those_who_join_later_are_welcomed_by_name() -> None:
    with groups() as s:
        early = s.customer()
        chat_id = group(s, early["external_userid"])
        video = {"media_id": upload(s.caller, "video", MP4)["media_id"]}
        made = _add(s, text={"content": "%NICKNAME%，欢迎"}, video=video)
        unknown = act(s, "template", chat_id, template_id="unknown")
        act(s, "template", chat_id, template_id=made["template_id"])
        way = join_way(s, chat_id)
        late = s.sim.post("act/group_join", config_id=way, customer={"name": "阿明"})
        act(s, "template", chat_id, template_id="")
        last = s.sim.post("act/group_join", config_id=way)
        messages = [
            s.sim.get(f"customers/{each['customer']}")["messages"] for each in (early, late, last)
        ]

    assert "error" in unknown
    assert [len(each) for each in messages] == [0, 1, 0]
    welcome = messages[1][0]
    assert (welcome["kind"], welcome["userid"], welcome["chat_id"]) == (
        "group_welcome",
        "li",
        chat_id,
    )
    assert welcome["text"] == "阿明，欢迎"
    assert welcome["attachments"] == [{"msgtype": "video", "video": video}]
