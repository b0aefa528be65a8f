"""Do the library's own methods for official accounts work here, with only the base URL changed?"""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from wechatpy import WeChatClient
from wechatpy.exceptions import WeChatClientException

from .oa_actors import OaScene, oa_scene
from .uploads import PNG


class Client(WeChatClient):
    """Only where to go is ours; the library hard-codes the token's URL."""

    def fetch_access_token(self) -> Any:
        query = {
            "grant_type": "client_credential",
            "appid": self.appid,
            "secret": self.secret,
        }
        return self._fetch_access_token(self.API_BASE_URL + "token", query)


@contextmanager
def client() -> Iterator[tuple[OaScene, WeChatClient]]:
    with oa_scene(listening=True) as s:
        made = Client(s.appid, s.caller.account["secret"], auto_retry=False, timeout=5)
        made.API_BASE_URL = f"{s.sim.url}/cgi-bin/"
        try:
            yield s, made
        finally:
            made._http.close()


def test_fans_and_tags() -> None:
    with client() as (s, oa):
        s.sim.post("settings", fans_a_page=2)
        fans = [s.fan() for _ in range(5)]
        made = oa.tag.create("会员")
        oa.tag.update(made["id"], "老会员")
        oa.tag.tag_user(made["id"], fans[:3])
        oa.tag.untag_user(made["id"], fans[0])
        oa.user.update_remark(fans[1], "常客")

        assert list(oa.user.iter_followers()) == fans
        assert oa.user.get(fans[1])["remark"] == "常客"
        assert [each["openid"] for each in oa.user.get_batch(fans)] == fans
        assert oa.tag.get()[1] == {"id": made["id"], "name": "老会员", "count": 2}
        assert oa.tag.get_user_tag(fans[1]) == [made["id"]]
        assert list(oa.tag.iter_tag_users(made["id"])) == fans[1:3]
        assert oa.tag.delete(made["id"])["errcode"] == 0


def test_messages() -> None:
    with client() as (s, oa):
        openid, template = s.fan(), s.template()
        notice = s.template(kind="subscribe", content="{{thing1.DATA}}")
        s.act("text", customer=openid, text="在吗")
        s.act("popup", customer=openid, answers={notice: "accept"})
        media = oa.media.upload("image", ("海报.png", io.BytesIO(PNG), "image/png"))
        oa.message.send_text(openid, "您好")
        oa.message.send_image(openid, media["media_id"])
        oa.message.send_articles(
            openid, [{"title": "新品", "description": "", "url": "u", "image": ""}]
        )
        sent = oa.message.send_template(openid, template, {"thing1": {"value": "订单"}})
        oa.message.send_subscribe_message(openid, notice, {"thing1": {"value": "开课"}})
        s.sim.flush()
        kinds = [each["kind"] for each in s.phone(openid)]
        listed = oa.template.get_all_private_template()["template_list"]
        s.act("unfollow", customer=openid)
        with pytest.raises(WeChatClientException) as closed:
            oa.message.send_text(openid, "别走")

        assert sorted(kinds) == ["custom", "custom", "custom", "subscribe", "template"]
        assert sent["msgid"] > 2**53
        assert [each["template_id"] for each in listed] == [template]
        assert closed.value.errcode == 45015


def test_codes_menus_and_tickets() -> None:
    with client() as (s, oa):
        scene = {"scene": {"scene_str": "展会"}}
        made = oa.qrcode.create({"action_name": "QR_LIMIT_STR_SCENE", "action_info": scene})
        path = oa.qrcode.get_url(made).replace("https://mp.weixin.qq.com", s.sim.url)
        before = oa.menu.get()
        oa.menu.create({"button": [{"type": "click", "name": "签到", "key": "in"}]})
        after = oa.menu.get()["menu"]["button"][0]["key"]
        oa.menu.delete()

        image = oa.get(path)
        assert image.content.startswith(b"\x89PNG")
        assert (before, after, oa.menu.get()) == (None, "in", None)
        assert oa.jsapi.get_ticket()["expires_in"] > 0
        assert oa.misc.get_wechat_ips() == ["127.0.0.1"]


def test_two_workers_void_each_others_tokens() -> None:
    """What makes the stable token worth having."""
    with client() as (s, oa):
        oa.user.get_followers()
        other = Client(s.appid, s.caller.account["secret"], auto_retry=False, timeout=5)
        other.API_BASE_URL = oa.API_BASE_URL
        other.user.get_followers()
        other._http.close()
        s.sim.post("clock", advance_s=301)
        with pytest.raises(WeChatClientException) as voided:
            oa.user.get_followers()

        assert voided.value.errcode == 40001


def test_unchanged_client_recovers_from_a_voided_token() -> None:
    with client() as (s, oa):
        oa.auto_retry = True
        oa.user.get_followers()
        s.sim.post("oa/tokens/revoke", appid=s.appid)

        assert oa.user.get_followers()["total"] == 0
