"""Do the library's own methods, and its generic calls, work for transfers, moments and links?"""

import io

import pytest
from wechatpy.exceptions import APILimitedException, WeChatClientException

from .test_wechatpy import client
from .uploads import PNG

PATH = "externalcontact/"
DAY = 86_400


def test_transfer_from_the_list_of_those_left_behind() -> None:
    with client() as (s, wecom):
        contact, external = wecom.external_contact, s.customer()["external_userid"]
        s.sim.post("settings", unassigned_delay_s=0)
        s.sim.post("act/resign", corpid=s.corpid, userid="li")
        left = contact.get_unassigned_list(0, 100)
        pair = {"handover_userid": "li", "takeover_userid": "zhang"}
        begun = wecom.post(
            PATH + "resigned/transfer_customer", data={**pair, "external_userid": [external]}
        )
        s.sim.post("act/accept_transfer", corpid=s.corpid, customer=external)
        done = wecom.post(PATH + "resigned/transfer_result", data=pair)
        with pytest.raises(WeChatClientException) as retired:
            contact.transfer(external, "li", "zhang")

    assert [row["external_userid"] for row in left["info"]] == [external]
    assert left["is_last"] is True
    assert begun["customer"] == [{"external_userid": external, "errcode": 0}]
    assert done["customer"][0]["status"] == 1
    assert retired.value.errcode == 48005


def test_transfer_on_the_job() -> None:
    with client() as (s, wecom):
        external = s.customer()["external_userid"]
        pair = {"handover_userid": "li", "takeover_userid": "zhang"}
        body = {**pair, "external_userid": [external], "transfer_success_msg": "您好"}
        wecom.post(PATH + "transfer_customer", data=body)

        rows = wecom.post(PATH + "transfer_result", data=pair)["customer"]
        assert [row["status"] for row in rows] == [2]


def test_moment_with_a_picture() -> None:
    with client() as (s, wecom):
        external = s.customer()["external_userid"]
        picture = wecom.post(
            "media/upload_attachment",
            params={"media_type": "image", "attachment_type": 1},
            files={"media": ("海报.png", io.BytesIO(PNG), "image/png")},
        )
        image = {"msgtype": "image", "image": {"media_id": picture["media_id"]}}
        body = {"text": {"content": "新品"}, "attachments": [image]}
        jobid = wecom.post(PATH + "add_moment_task", data=body)["jobid"]
        s.sim.post("clock", advance_s=4)
        job = wecom.get(PATH + "get_moment_task_result", params={"jobid": jobid})
        moment = {"moment_id": job["result"]["moment_id"]}
        s.sim.post("act/confirm_moment", corpid=s.corpid, **moment)
        of_li = {**moment, "userid": "li"}
        seen = wecom.post(PATH + "get_moment_send_result", data=of_li)
        tasks = wecom.post(PATH + "get_moment_task", data=moment)
        for _ in range(9):
            wecom.post(PATH + "add_moment_task", data=body)
        with pytest.raises(APILimitedException):
            wecom.post(PATH + "add_moment_task", data=body)

    assert seen["customer_list"] == [{"external_userid": external}]
    assert [task["publish_status"] for task in tasks["task_list"]] == [1, 1]


def test_acquisition_link() -> None:
    with client() as (s, wecom):
        path = PATH + "customer_acquisition"
        body = {"link_name": "官网", "range": {"user_list": ["li"]}}
        link = wecom.post(f"{path}/create_link", data=body)["link"]
        s.sim.post("act/open_link", url=link["url"] + "?customer_channel=abc")
        customers = wecom.post(f"{path}/customer", data={"link_id": link["link_id"]})
        quota = wecom.get(f"{path}_quota")

    assert [row["state"] for row in customers["customer_list"]] == ["abc"]
    assert (quota["total"], quota["balance"]) == (100, 99)


def test_identity_and_tickets() -> None:
    with client() as (s, wecom):
        code = s.sandbox.world.login_codes.issue(s.corpid, 0, userid="li")
        who = wecom.oauth.get_user_info(code)
        corp, agent = wecom.jsapi.get_jsapi_ticket(), wecom.jsapi.get_agent_jsapi_ticket()
        signature = wecom.jsapi.get_jsapi_signature("abc", agent, 1_700_000_000, "http://x/")
        check = s.sim.post(
            "check_signature",
            corpid=s.corpid,
            agentid=s.caller.corp["agentid"],
            noncestr="abc",
            timestamp=1_700_000_000,
            url="http://x/",
            signature=signature,
        )

    assert who["UserId"] == "li"
    assert corp != agent
    assert check == {"valid": True}


def test_template_card_by_the_generic_send() -> None:
    with client() as (s, wecom):
        card = {
            "card_type": "text_notice",
            "main_title": {"title": "日报"},
            "card_action": {"type": 1, "url": "https://example.com/"},
        }
        message = {"msgtype": "template_card", "template_card": card}
        sent = wecom.message.send(s.caller.corp["agentid"], ["li"], msg=message)
        phone = s.sim.get(f"staff/{s.corpid}/li")["messages"]

    assert sent["errcode"] == 0
    assert [each["text"] for each in phone] == ["日报"]
