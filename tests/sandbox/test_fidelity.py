"""Is every call there, and does each answer with the fields that the platform documents?

The names and fields are written out here from the platform's documents, not read from the sandbox.
A `?` marks what only some answers have. Answers are the journal's, of one tour by the library.
"""

import socket
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import pytest

from scrm.sandbox.api import ENDPOINTS
from scrm.sandbox.oa.open_calls import OPEN_CALLS
from scrm.sandbox.oa.router import ENDPOINTS as OA_ENDPOINTS

from . import test_oa_wechatpy, test_wechatpy, tour

OK = "errcode errmsg"
FILE = "file bytes"  # so the journal puts it; the answer itself is no JSON
EXT, CHAT = "externalcontact/", "externalcontact/groupchat/"
LINKS = "externalcontact/customer_acquisition"
RETIRED = (EXT + "get_group_msg_result", EXT + "transfer", EXT + "get_transfer_result")

WECOM = {
    "gettoken": f"{OK} access_token expires_in",
    "getcallbackip": f"{OK} ip_list",
    "user/get": f"{OK} userid name department? position? mobile? gender? email? avatar? status?"
    " main_department? is_leader_in_dept? order? alias? telephone? thumb_avatar? qr_code?"
    " external_position? address? open_userid? direct_leader? biz_mail? extattr?"
    " enable? hide_mobile? isleader?",
    "user/simplelist": f"{OK} userlist",
    "user/list": f"{OK} userlist",
    "department/list": f"{OK} department",
    "user/getuserinfo": f"{OK} UserId DeviceId user_ticket?",
    "auth/getuserinfo": f"{OK} userid user_ticket?",
    "get_jsapi_ticket": f"{OK} ticket expires_in",
    "ticket/get": f"{OK} ticket expires_in",
    "message/send": f"{OK} invaliduser? invalidparty? invalidtag? unlicenseduser? msgid"
    " response_code?",
    "media/upload": f"{OK} type media_id created_at",
    "media/upload_attachment": f"{OK} type media_id created_at",
    "media/uploadimg": f"{OK} url",
    "media/get": FILE,
    "idconvert/unionid_to_external_userid": f"{OK} external_userid",
    EXT + "get_follow_user_list": f"{OK} follow_user",
    EXT + "list": f"{OK} external_userid",
    EXT + "get": f"{OK} external_contact follow_user next_cursor?",
    EXT + "batch/get_by_user": f"{OK} external_contact_list next_cursor fail_info?",
    EXT + "remark": OK,
    EXT + "add_contact_way": f"{OK} config_id qr_code?",
    EXT + "get_contact_way": f"{OK} contact_way",
    EXT + "list_contact_way": f"{OK} contact_way next_cursor",
    EXT + "update_contact_way": OK,
    EXT + "del_contact_way": OK,
    EXT + "send_welcome_msg": OK,
    EXT + "add_msg_template": f"{OK} fail_list msgid",
    EXT + "get_groupmsg_list_v2": f"{OK} group_msg_list next_cursor",
    EXT + "get_groupmsg_task": f"{OK} task_list next_cursor",
    EXT + "get_groupmsg_send_result": f"{OK} send_list next_cursor",
    EXT + "remind_groupmsg_send": OK,
    EXT + "cancel_groupmsg_send": OK,
    EXT + "get_corp_tag_list": f"{OK} tag_group",
    EXT + "add_corp_tag": f"{OK} tag_group",
    EXT + "edit_corp_tag": OK,
    EXT + "del_corp_tag": OK,
    EXT + "mark_tag": OK,
    CHAT + "list": f"{OK} group_chat_list next_cursor",
    CHAT + "get": f"{OK} group_chat",
    CHAT + "statistic": f"{OK} total next_offset items",
    CHAT + "statistic_group_by_day": f"{OK} items",
    CHAT + "add_join_way": f"{OK} config_id",
    CHAT + "get_join_way": f"{OK} join_way",
    CHAT + "update_join_way": OK,
    CHAT + "del_join_way": OK,
    CHAT + "transfer": f"{OK} failed_chat_list",
    CHAT + "onjob_transfer": f"{OK} failed_chat_list",
    EXT + "group_welcome_template/add": f"{OK} template_id",
    EXT + "group_welcome_template/edit": OK,
    EXT + "group_welcome_template/get": f"{OK} text? image? link? miniprogram? file? video?",
    EXT + "group_welcome_template/del": OK,
    EXT + "transfer_customer": f"{OK} customer",
    EXT + "transfer_result": f"{OK} customer next_cursor",
    EXT + "resigned/transfer_customer": f"{OK} customer",
    EXT + "resigned/transfer_result": f"{OK} customer next_cursor",
    EXT + "get_unassigned_list": f"{OK} info is_last next_cursor?",
    EXT + "add_moment_task": f"{OK} jobid",
    EXT + "get_moment_task_result": f"{OK} status type result",
    EXT + "cancel_moment_task": OK,
    EXT + "get_moment_list": f"{OK} next_cursor moment_list",
    EXT + "get_moment_task": f"{OK} next_cursor task_list",
    EXT + "get_moment_customer_list": f"{OK} next_cursor customer_list",
    EXT + "get_moment_send_result": f"{OK} next_cursor customer_list",
    EXT + "get_moment_comments": f"{OK} comment_list like_list",
    EXT + "get_user_behavior_data": f"{OK} behavior_data",
    f"{LINKS}/list_link": f"{OK} link_id_list next_cursor",
    f"{LINKS}/get": f"{OK} link range priority_option?",
    f"{LINKS}/create_link": f"{OK} link",
    f"{LINKS}/update_link": OK,
    f"{LINKS}/delete_link": OK,
    f"{LINKS}/customer": f"{OK} customer_list next_cursor",
    f"{LINKS}/statistic": f"{OK} click_link_customer_cnt new_customer_cnt",
    f"{LINKS}/get_chat_info": f"{OK} userid external_userid chat_info",
    f"{LINKS}_quota": f"{OK} total balance quota_list",
}
ACCOUNT = {
    "token": "access_token expires_in",
    "stable_token": "access_token expires_in",
    "user/info": "subscribe openid nickname? sex? language? city? province? country? headimgurl?"
    " subscribe_time unionid? remark groupid tagid_list subscribe_scene qr_scene qr_scene_str",
    "user/info/batchget": "user_info_list",
    "user/get": "total count data? next_openid",
    "user/info/updateremark": OK,
    "tags/create": "tag",
    "tags/get": "tags",
    "tags/update": OK,
    "tags/delete": OK,
    "tags/members/batchtagging": OK,
    "tags/members/batchuntagging": OK,
    "tags/getidlist": "tagid_list",
    "user/tag/get": "count data? next_openid?",
    "qrcode/create": "ticket expire_seconds? url",
    "message/custom/send": OK,
    "message/template/send": f"{OK} msgid",
    "message/subscribe/bizsend": OK,
    "template/get_all_private_template": "template_list",
    "menu/create": OK,
    "menu/get": "menu conditionalmenu?",
    "menu/delete": OK,
    "menu/addconditional": "menuid",
    "media/upload": "type media_id created_at",
    "media/get": FILE,
    "ticket/getticket": f"{OK} ticket expires_in",
    "getcallbackip": "ip_list",
    "clear_quota": OK,
}
PERSON = "openid nickname sex province city country headimgurl privilege unionid?"
PAGES = {
    "sns/oauth2/access_token": "access_token expires_in refresh_token openid scope"
    " is_snapshotuser? unionid?",
    "sns/oauth2/refresh_token": "access_token expires_in refresh_token openid scope",
    "sns/userinfo": PERSON,
}
Answers = dict[str, list[dict[str, Any]]]


def _answers(journal: list[dict[str, Any]]) -> Answers:
    """Of each path all that were given."""
    given = defaultdict(list)
    for entry in journal:
        if entry["kind"] == "api":
            given[entry["path"].removeprefix("/cgi-bin/").removeprefix("/")].append(entry["answer"])
    return given


@pytest.fixture(scope="module")
def wecom() -> Answers:
    with test_wechatpy.client() as (s, client):
        tour.see_everything(s, client)
        return _answers(s.sim.journal())


@pytest.fixture(scope="module")
def account() -> Answers:
    with test_oa_wechatpy.client() as (s, client):
        tour.see_an_account(s, client)
        return _answers(s.sim.journal())


def test_no_call_is_missing_here_and_none_is_beyond_the_list() -> None:
    assert {*WECOM, *RETIRED} == {*ENDPOINTS, "gettoken"}
    assert ACCOUNT.keys() | PAGES.keys() == OA_ENDPOINTS.keys() | OPEN_CALLS.keys()


def _as_documented(given: Answers, path: str, fields: str) -> None:
    must = {name for name in fields.split() if not name.endswith("?")}
    may = {name.rstrip("?") for name in fields.split()}
    good = [answer for answer in given[path] if answer.get("errcode", 0) == 0]

    assert good
    assert given[path] == good
    for answer in good:
        assert must <= answer.keys() <= may


@pytest.mark.parametrize("path", WECOM)
def test_wecom_answers_as_documented(wecom: Answers, path: str) -> None:
    _as_documented(wecom, path, WECOM[path])


@pytest.mark.parametrize("path", RETIRED)
def test_retired_calls_say_so(wecom: Answers, path: str) -> None:
    assert [answer["errcode"] for answer in wecom[path]] == [48005]


@pytest.mark.parametrize("path", [*ACCOUNT, *PAGES])
def test_account_answers_as_documented(account: Answers, path: str) -> None:
    _as_documented(account, path, {**ACCOUNT, **PAGES}[path])


def test_rows_have_the_documented_fields(wecom: Answers) -> None:
    """Where a program reads on inside an answer."""

    def first(path: str, *names: str) -> Any:
        found: Any = wecom[EXT + path][0]
        for name in names:
            found = found[name]
        return found[0] if isinstance(found, list) else found

    expected: list[tuple[Any, str]] = [
        (first("get", "external_contact"), "external_userid name type avatar gender unionid"),
        (
            first("get", "follow_user"),
            "userid remark description createtime tags remark_corp_name remark_mobiles add_way"
            " oper_userid",
        ),
        (first("batch/get_by_user", "external_contact_list"), "external_contact follow_info"),
        (first("add_corp_tag", "tag_group", "tag"), "id name create_time order"),
        (first("get_groupmsg_task", "task_list"), "userid status send_time"),
        (
            first("get_groupmsg_send_result", "send_list"),
            "external_userid userid status send_time",
        ),
        (first("groupchat/list", "group_chat_list"), "chat_id status"),
        (
            first("groupchat/get", "group_chat"),
            "chat_id name owner create_time notice member_list admin_list member_version",
        ),
        (first("transfer_customer", "customer"), "external_userid errcode"),
        (first("transfer_result", "customer"), "external_userid status takeover_time"),
        (
            first("get_unassigned_list", "info"),
            "handover_userid external_userid dimission_time",
        ),
        (first("get_moment_task", "task_list"), "userid publish_status"),
        (
            first("customer_acquisition/customer", "customer_list"),
            "external_userid userid chat_status state",
        ),
        (
            first("get_user_behavior_data", "behavior_data"),
            "stat_time chat_cnt message_cnt reply_percentage avg_reply_time"
            " negative_feedback_cnt new_apply_cnt new_contact_cnt",
        ),
    ]

    assert [sorted(row) for row, _ in expected] == [sorted(each.split()) for _, each in expected]


@pytest.mark.parametrize("walk", [tour.see_everything, tour.see_an_account])
def test_nothing_leaves_the_machine(
    monkeypatch: pytest.MonkeyPatch, walk: Callable[..., None]
) -> None:
    """Neither the sandbox, which delivers callbacks on the way, nor who calls it."""
    reached, connect = set(), socket.socket.connect

    def noted(self: socket.socket, address: Any) -> Any:
        reached.add(address[0])
        return connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", noted)
    module = test_wechatpy if walk is tour.see_everything else test_oa_wechatpy
    with module.client() as (s, client):
        walk(s, client)
        s.sim.flush()
        told = s.sim.get("callbacks")["callbacks"]

    assert len(told) > 3
    assert reached == {"127.0.0.1"}
