"""Do the library's own methods work here, with nothing changed but the base URL?"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from wechatpy.enterprise import WeChatClient
from wechatpy.exceptions import WeChatClientException

from .actors import Scene, scene


class Client(WeChatClient):
    """Only where to go is ours; the library hard-codes the token's URL."""

    def fetch_access_token(self) -> Any:
        query = {"corpid": self.corp_id, "corpsecret": self.secret}
        return self._fetch_access_token(self.API_BASE_URL + "gettoken", query)


@contextmanager
def client() -> Iterator[tuple[Scene, WeChatClient]]:
    with scene(listening=True) as s:
        made = Client(s.corpid, s.caller.corp["secret"], auto_retry=False, timeout=5)
        made.API_BASE_URL = f"{s.sim.url}/cgi-bin/"
        try:
            yield s, made
        finally:
            made._http.close()


def test_staff_and_departments() -> None:
    with client() as (_, wecom):
        assert wecom.user.get("li")["name"] == "Li"
        assert [user["userid"] for user in wecom.user.list(1, simple=True)] == ["li", "zhang"]
        assert wecom.department.get()[0]["id"] == 1
        assert wecom.misc.get_wechat_ips() == ["127.0.0.1"]


def test_contact_way_to_welcome() -> None:
    with client() as (s, wecom):
        contact = wecom.external_contact
        made = contact.add_contact_way(2, 2, remark="展会", state="abc", user=["li"])
        contact.update_contact_way(made["config_id"], "展会二", user=["zhang"], state="abc")
        read = contact.get_contact_way(made["config_id"])["contact_way"]
        scanned = s.scan(made["config_id"])
        code = next(e["WelcomeCode"] for e in s.app.events if "WelcomeCode" in e)
        contact.send_welcome_msg({"welcome_code": code, "text": {"content": "您好"}})
        with pytest.raises(WeChatClientException) as twice:
            contact.send_welcome_msg({"welcome_code": code, "text": {"content": "您好"}})
        contact.del_contact_way(made["config_id"])
        external = scanned["external_userid"]

        assert (read["remark"], read["user"]) == ("展会二", ["zhang"])
        assert twice.value.errcode == 41051
        assert contact.get_follow_user_list()["follow_user"] == ["li", "zhang"]
        assert contact.list("zhang")["external_userid"] == [external]
        assert contact.get(external)["external_contact"]["external_userid"] == external


def test_tags() -> None:
    with client() as (s, wecom):
        contact, external = wecom.external_contact, s.customer()["external_userid"]
        group = contact.add_corp_tag(None, "意向", 1, [{"name": "高"}])["tag_group"]
        tag = group["tag"][0]["id"]
        contact.edit_corp_tag(tag, "很高", 2)
        contact.mark_tag("li", external, add_tag=[tag])
        follow = contact.get(external)["follow_user"][0]
        listed = contact.get_corp_tag_list()["tag_group"]
        contact.del_corp_tag(group_id=[group["group_id"]])

        assert follow["tags"][0]["tag_name"] == "很高"
        assert listed[0]["tag"][0]["name"] == "很高"
        assert contact.get_corp_tag_list()["tag_group"] == []


def test_messages_and_generic_calls() -> None:
    with client() as (s, wecom):
        external = s.customer()["external_userid"]
        body = {"external_userid": [external], "text": {"content": "新品"}}
        sent = wecom.external_contact.add_msg_template(body)
        tasks = wecom.post("externalcontact/get_groupmsg_task", data={"msgid": sent["msgid"]})
        told = wecom.message.send_text(s.caller.corp["agentid"], "li", "新线索")
        with pytest.raises(WeChatClientException) as retired:
            wecom.external_contact.get_group_msg_result(sent["msgid"])

        assert tasks["task_list"] == [{"userid": "li", "status": 0}]
        assert told["errcode"] == 0
        assert retired.value.errcode == 48005


def test_unchanged_client_recovers_from_a_voided_token() -> None:
    with client() as (s, wecom):
        wecom.auto_retry = True
        wecom.user.get("li")
        s.sim.post("tokens/revoke", corpid=s.corpid)

        assert wecom.user.get("li")["userid"] == "li"
