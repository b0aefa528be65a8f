"""Do the library's own methods for files, groups and figures work here, unchanged?"""

import io
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from wechatpy.exceptions import WeChatClientException

from .grounds import CHAT, act, customers, group, join_way
from .test_wechatpy import client
from .uploads import JPEG, PNG


def _file(name: str = "海报.png", content: bytes = PNG) -> tuple[str, io.BytesIO, str]:
    return name, io.BytesIO(content), "image/png"


def test_files() -> None:
    with client() as (_, wecom):
        made = wecom.media.upload("image", _file())
        picture = wecom.media.upload_img(_file(content=JPEG))
        attached = wecom.post(
            "media/upload_attachment",
            params={"media_type": "image", "attachment_type": 1},
            files={"media": _file()},
        )
        # The library hands an answer that is not JSON back as it came.
        got = wecom.get("media/get", params={"media_id": made["media_id"]})
        with pytest.raises(WeChatClientException) as unknown:
            wecom.get("media/get", params={"media_id": "unknown"})

    assert (made["type"], attached["type"]) == ("image", "image")
    assert picture["url"].startswith("http://127.0.0.1:")
    assert (got.content, got.headers["Content-Type"]) == (PNG, "image/png")
    assert "filename*=UTF-8''" in got.headers["Content-disposition"]
    assert unknown.value.errcode == 40007


def test_file_that_was_read_to_its_end_is_refused() -> None:
    with client() as (_, wecom):
        name, content, kind = _file()
        content.read()
        with pytest.raises(WeChatClientException) as empty:
            wecom.media.upload("image", (name, content, kind))

    assert empty.value.errcode == 44001


def test_groups() -> None:
    with client() as (s, wecom):
        api, external = wecom.external_contact_group_chat, customers(s, 1)[0]
        chat_ids = [group(s, external) for _ in range(3)]
        page = api.list(owner_userid_list=["li"], limit=2)
        everything = api.list_all(limit=2)
        chat = api.get(chat_ids[0])["group_chat"]
        way = wecom.post(
            CHAT + "get_join_way", data={"config_id": join_way(s, chat_ids[0], state="abc")}
        )
        moved = wecom.post(
            CHAT + "onjob_transfer", data={"chat_id_list": chat_ids, "new_owner": "zhang"}
        )
        with pytest.raises(WeChatClientException) as unknown:
            api.get("wr_unknown")

    assert [row["chat_id"] for row in page["group_chat_list"]] == chat_ids[:2]
    assert [row["chat_id"] for row in everything] == chat_ids
    assert [member["userid"] for member in chat["member_list"]] == ["li", external]
    assert way["join_way"]["state"] == "abc"
    assert moved["failed_chat_list"] == []
    assert unknown.value.errcode == 40050


def test_templates_and_group_sends() -> None:
    with client() as (s, wecom):
        chat_id = group(s, *customers(s, 1))
        base = "externalcontact/group_welcome_template/"
        template = wecom.post(base + "add", data={"text": {"content": "欢迎"}})
        key = {"template_id": template["template_id"]}
        shown = wecom.post(base + "get", data=key)
        wecom.post(base + "del", data=key)
        body: dict[str, Any] = {"chat_type": "group", "sender": "li", "chat_id_list": [chat_id]}
        sent = wecom.external_contact.add_msg_template({**body, "text": {"content": "上新"}})

    assert shown["text"] == {"content": "欢迎"}
    assert sent["fail_list"] == []


def test_figures() -> None:
    with client() as (s, wecom):
        chat_id = group(s, *customers(s, 1))
        act(s, "speak", chat_id, **{"from": "li", "text": "在"})
        s.sim.post("clock", advance_s=86_400)
        wecom.session.delete(wecom.access_token_key)
        now = datetime.now(UTC)
        day = int(now.timestamp())
        by_owner = wecom.external_contact_group_chat.statistic(day, owner_userid_list=["li"])
        by_day = wecom.post(CHAT + "statistic_group_by_day", data={"day_begin_time": day})
        start = int((now - timedelta(days=2)).timestamp())
        contact = wecom.external_contact.get_user_behavior_data(["li"], start, day)

    assert by_owner["items"][0]["data"] == by_day["items"][0]["data"]
    assert by_owner["items"][0]["data"]["msg_total"] == 1
    assert [row["new_contact_cnt"] for row in contact["behavior_data"]] == [0, 0, 1]
