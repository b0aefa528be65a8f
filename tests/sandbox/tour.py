"""Every call of the platform once, by the library's own methods, else by its generic get and post.

Nothing of the library is changed but where it goes (`test_wechatpy.py`, `test_oa_wechatpy.py`).
"""

import io
from typing import Any

import pytest
from wechatpy import WeChatClient as OaClient
from wechatpy.enterprise import WeChatClient
from wechatpy.exceptions import WeChatClientException
from wechatpy.oauth import WeChatOAuth

from .actors import Scene
from .grounds import act, group
from .oa_actors import OaScene
from .uploads import JPEG, PNG

EXT = "externalcontact/"
CHAT = EXT + "groupchat/"
ACQUISITION = EXT + "customer_acquisition"
DAY = 86_400


def pass_time(s: Scene, wecom: WeChatClient, seconds: float) -> int:
    """And forgets the tokens, which may have expired. The simulator's time afterwards."""
    now = s.sim.post("clock", advance_s=seconds)["now"]
    s.caller.token = ""
    wecom.session.delete(wecom.access_token_key)
    return int(now)


def _file(content: bytes = PNG) -> tuple[str, io.BytesIO, str]:
    return "海报.png", io.BytesIO(content), "image/png"


def _known(s: Scene) -> str:
    """The external id of a customer of li, whom no welcome was sent yet."""
    return str(s.customer()["external_userid"])


def see_everything(s: Scene, wecom: WeChatClient) -> None:
    """On stage: a corp with the staff li and zhang."""
    s.sim.post("staff", corpid=s.corpid, userid="wang", name="Wang")
    _staff(s, wecom)
    _sign_in(s, wecom)
    _contact_ways(s, wecom)
    _customers(s, wecom)
    _tags(s, wecom)
    _files(wecom)
    _mass_sends(s, wecom)
    _groups(s, wecom)
    _group_welcomes(wecom)
    _acquisition(s, wecom)
    _moments(s, wecom)
    _figures(s, wecom)
    _changing_hands(s, wecom)


def _staff(s: Scene, wecom: WeChatClient) -> None:
    wecom.user.get("li")
    wecom.user.list(1, simple=True)
    wecom.user.list(1)
    wecom.department.get()
    wecom.misc.get_wechat_ips()
    wecom.message.send_text(s.caller.corp["agentid"], "li", "新线索")


def _sign_in(s: Scene, wecom: WeChatClient) -> None:
    issue = s.sandbox.world.login_codes.issue
    wecom.oauth.get_user_info(issue(s.corpid, 0, userid="li"))
    wecom.get("auth/getuserinfo", params={"code": issue(s.corpid, 0, userid="li")})
    wecom.jsapi.get_ticket()
    wecom.jsapi.get_agent_ticket()


def _contact_ways(s: Scene, wecom: WeChatClient) -> None:
    contact = wecom.external_contact
    config_id = contact.add_contact_way(2, 2, remark="展会", state="abc", user=["li"])["config_id"]
    contact.get_contact_way(config_id)
    wecom.post(EXT + "list_contact_way", data={"limit": 10})
    contact.update_contact_way(config_id, "展会二", user=["li"], state="abc")
    s.scan(config_id)
    code = next(event["WelcomeCode"] for event in s.app.events if "WelcomeCode" in event)
    contact.send_welcome_msg({"welcome_code": code, "text": {"content": "您好"}})
    contact.del_contact_way(config_id)


def _customers(s: Scene, wecom: WeChatClient) -> None:
    contact, scanned = wecom.external_contact, s.customer()
    external = scanned["external_userid"]
    contact.get_follow_user_list()
    contact.list("li")
    contact.get(external)
    wecom.post(EXT + "batch/get_by_user", data={"userid_list": ["li"], "limit": 1})
    pair = {"userid": "li", "external_userid": external}
    wecom.post(EXT + "remark", data={**pair, "remark": "老客户"})
    unionid = s.sim.get(f"customers/{scanned['customer']}")["unionid"]
    body = {"unionid": unionid, "openid": "oXYZ", "subject_type": 0}
    wecom.post("idconvert/unionid_to_external_userid", data=body)


def _tags(s: Scene, wecom: WeChatClient) -> None:
    contact = wecom.external_contact
    made = contact.add_corp_tag(None, "意向", 1, [{"name": "高"}])["tag_group"]
    contact.edit_corp_tag(made["tag"][0]["id"], "很高", 2)
    contact.get_corp_tag_list()
    contact.mark_tag("li", _known(s), add_tag=[made["tag"][0]["id"]])
    contact.del_corp_tag(group_id=[made["group_id"]])


def _files(wecom: WeChatClient) -> None:
    media_id = wecom.media.upload("image", _file())["media_id"]
    wecom.media.upload_img(_file(JPEG))
    query = {"media_type": "image", "attachment_type": 1}
    wecom.post("media/upload_attachment", params=query, files={"media": _file()})
    wecom.get("media/get", params={"media_id": media_id})


def _mass_sends(s: Scene, wecom: WeChatClient) -> None:
    contact, body = wecom.external_contact, {"sender": "li", "text": {"content": "新品"}}
    first = {"msgid": contact.add_msg_template({**body, "external_userid": [_known(s)]})["msgid"]}
    s.sim.post("act/confirm_task", corpid=s.corpid, **first)
    now = int(s.sim.get("clock")["now"])
    span = {"chat_type": "single", "start_time": now - 60, "end_time": now + 60}
    wecom.post(EXT + "get_groupmsg_list_v2", data=span)
    wecom.post(EXT + "get_groupmsg_task", data=first)
    wecom.post(EXT + "get_groupmsg_send_result", data={**first, "userid": "li"})
    second = {"msgid": contact.add_msg_template(body)["msgid"]}
    wecom.post(EXT + "remind_groupmsg_send", data=second)
    wecom.post(EXT + "cancel_groupmsg_send", data=second)
    with pytest.raises(WeChatClientException, match="48005"):
        contact.get_group_msg_result(first["msgid"])


def _groups(s: Scene, wecom: WeChatClient) -> None:
    api, chat_id = wecom.external_contact_group_chat, group(s, _known(s))
    api.list(owner_userid_list=["li"])
    api.get(chat_id)
    way = {"scene": 2, "chat_id_list": [chat_id], "state": "abc"}
    key = {"config_id": wecom.post(CHAT + "add_join_way", data=way)["config_id"]}
    wecom.post(CHAT + "get_join_way", data=key)
    wecom.post(CHAT + "update_join_way", data={**key, **way})
    wecom.post(CHAT + "del_join_way", data=key)
    body = {"chat_id_list": [chat_id], "new_owner": "zhang"}
    wecom.post(CHAT + "onjob_transfer", data=body)
    act(s, "speak", chat_id, **{"from": "zhang", "text": "在"})


def _group_welcomes(wecom: WeChatClient) -> None:
    base, body = EXT + "group_welcome_template/", {"text": {"content": "欢迎"}}
    key = {"template_id": wecom.post(base + "add", data=body)["template_id"]}
    wecom.post(base + "edit", data={**key, **body})
    wecom.post(base + "get", data=key)
    wecom.post(base + "del", data=key)


def _acquisition(s: Scene, wecom: WeChatClient) -> None:
    made = {"link_name": "官网", "range": {"user_list": ["li"]}}
    link = wecom.post(f"{ACQUISITION}/create_link", data=made)["link"]
    key = {"link_id": link["link_id"]}
    wecom.post(f"{ACQUISITION}/list_link", data={"limit": 10})
    wecom.post(f"{ACQUISITION}/get", data=key)
    wecom.post(f"{ACQUISITION}/update_link", data={**key, **made})
    opened = s.sim.post("act/open_link", url=link["url"] + "?customer_channel=abc")
    speech = {"corpid": s.corpid, "from": opened["customer"], "to": "li", "text": "在吗"}
    for _ in range(3):
        s.sim.post("act/speak", speech)
    s.sim.post("act/speak", {**speech, "from": "li", "to": opened["customer"]})
    s.sim.flush()
    chat_key = next(event["ChatKey"] for event in s.app.events if "ChatKey" in event)
    wecom.post(f"{ACQUISITION}/get_chat_info", data={"chat_key": chat_key})
    wecom.post(f"{ACQUISITION}/customer", data=key)
    now = int(s.sim.get("clock")["now"])
    wecom.post(f"{ACQUISITION}/statistic", data={**key, "start_time": now, "end_time": now})
    wecom.get(f"{ACQUISITION}_quota")
    wecom.post(f"{ACQUISITION}/delete_link", data=key)


def _moments(s: Scene, wecom: WeChatClient) -> None:
    body = {"text": {"content": "新品"}}
    jobs = [wecom.post(EXT + "add_moment_task", data=body)["jobid"] for _ in range(2)]
    now = pass_time(s, wecom, 4)
    made = [wecom.get(EXT + "get_moment_task_result", params={"jobid": job}) for job in jobs]
    first, second = ({"moment_id": each["result"]["moment_id"]} for each in made)
    wecom.post(EXT + "cancel_moment_task", data=second)
    s.sim.post("act/confirm_moment", corpid=s.corpid, **first)
    wecom.post(EXT + "get_moment_list", data={"start_time": now - 60, "end_time": now + 60})
    wecom.post(EXT + "get_moment_task", data=first)
    for name in ("get_moment_customer_list", "get_moment_send_result", "get_moment_comments"):
        wecom.post(EXT + name, data={**first, "userid": "li"})


def _figures(s: Scene, wecom: WeChatClient) -> None:
    """Those of a day are there on the next."""
    day = pass_time(s, wecom, DAY) - DAY
    wecom.external_contact_group_chat.statistic(day, owner_userid_list=["zhang"])
    wecom.post(CHAT + "statistic_group_by_day", data={"day_begin_time": day})
    wecom.external_contact.get_user_behavior_data(["li"], day, day)


def _changing_hands(s: Scene, wecom: WeChatClient) -> None:
    pair = {"handover_userid": "li", "takeover_userid": "zhang"}
    body = {**pair, "external_userid": [_known(s)]}
    wecom.post(EXT + "transfer_customer", data=body)
    wecom.post(EXT + "transfer_result", data=pair)
    chat_id, left = group(s), _known(s)
    s.sim.post("settings", unassigned_delay_s=0)
    s.sim.post("act/resign", corpid=s.corpid, userid="li")
    wecom.external_contact.get_unassigned_list(0, 100)
    wecom.post(EXT + "resigned/transfer_customer", data={**pair, "external_userid": [left]})
    wecom.post(EXT + "resigned/transfer_result", data=pair)
    wecom.post(CHAT + "transfer", data={"chat_id_list": [chat_id], "new_owner": "wang"})
    with pytest.raises(WeChatClientException, match="48005"):
        wecom.external_contact.transfer(left, "li", "zhang")
    with pytest.raises(WeChatClientException, match="48005"):
        wecom.post(EXT + "get_transfer_result", data={**pair, "external_userid": left})


# An official account ---------------------------------------------------------------------------


def see_an_account(s: OaScene, oa: OaClient) -> None:
    openid = s.fan()
    _fans(oa, openid)
    _messages(s, oa, openid)
    _codes_and_menus(s, oa)
    _page_login(s)
    s.caller.stable()
    oa.jsapi.get_ticket()
    oa.misc.get_wechat_ips()
    oa.post("clear_quota", data={"appid": s.appid})


def _fans(oa: OaClient, openid: str) -> None:
    oa.user.get(openid)
    oa.user.get_batch([openid])
    oa.user.get_followers()
    oa.user.update_remark(openid, "常客")
    tag = oa.tag.create("会员")["id"]
    oa.tag.get()
    oa.tag.update(tag, "老会员")
    oa.tag.tag_user(tag, [openid])
    oa.tag.get_user_tag(openid)
    oa.tag.get_tag_users(tag)
    oa.tag.untag_user(tag, openid)
    oa.tag.delete(tag)


def _messages(s: OaScene, oa: OaClient, openid: str) -> None:
    template = s.template()
    notice = s.template(kind="subscribe", content="{{thing1.DATA}}")
    s.act("popup", customer=openid, answers={notice: "accept"})
    s.act("text", customer=openid, text="在吗")
    media_id = oa.media.upload("image", _file())["media_id"]
    oa.get("media/get", params={"media_id": media_id})
    oa.message.send_text(openid, "您好")
    oa.message.send_template(openid, template, {"thing1": {"value": "订单"}})
    oa.message.send_subscribe_message(openid, notice, {"thing1": {"value": "开课"}})
    oa.template.get_all_private_template()


def _codes_and_menus(s: OaScene, oa: OaClient) -> None:
    scene: dict[str, Any] = {"scene": {"scene_str": "展会"}}
    made = oa.qrcode.create({"action_name": "QR_STR_SCENE", "action_info": scene})
    # The library fetches the image from the platform itself, whatever its base is.
    oa.get(oa.qrcode.get_url(made).replace("https://mp.weixin.qq.com", s.sim.url))
    buttons = [{"type": "click", "name": "签到", "key": "in"}]
    oa.menu.create({"button": buttons})
    oa.menu.get()
    oa.menu.add_conditional({"button": buttons, "matchrule": {"tag_id": "2"}})
    oa.menu.delete()


def _page_login(s: OaScene) -> None:
    back = {"redirect_uri": "http://127.0.0.1:9/back", "scope": "snsapi_userinfo"}
    code = s.act("authorize", **back)["code"]
    login = WeChatOAuth(s.appid, s.caller.account["secret"], back["redirect_uri"])
    login.API_BASE_URL = f"{s.sim.url}/"
    token = login.fetch_access_token(code)
    login.get_user_info()
    login.refresh_access_token(token["refresh_token"])
    login._http.close()
