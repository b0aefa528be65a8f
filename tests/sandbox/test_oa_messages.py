"""Who may be written to, when, and how often?"""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from .actors import fetch
from .oa_actors import OaScene, oa_scene
from .uploads import JPEG, MP4, PNG

HOURS_48 = 48 * 3600


def test_own_message_allows_five_in_two_days_and_the_next_begins_anew() -> None:
    with oa_scene() as s:
        openid = s.fan()
        s.sim.post("clock", advance_s=61)
        closed = s.caller.say(openid)
        s.act("text", customer=openid, text="在吗")
        codes = [s.caller.say(openid, f"第{n}条") for n in range(6)]
        s.act("text", customer=openid, text="再问")
        anew = s.caller.say(openid)
        s.sim.post("clock", advance_s=HOURS_48 - 10)
        s.caller.token = ""
        late = s.caller.say(openid)
        s.sim.post("clock", advance_s=20)
        over = s.caller.say(openid)
        phone = [message["text"] for message in s.phone(openid)]

    assert closed == 45015
    assert codes == [0] * 5 + [45047]
    assert (anew, late, over) == (0, 0, 45015)
    assert phone == [*(f"第{n}条" for n in range(5)), "您好", "您好"]


@pytest.mark.parametrize("act", ["follow", "scan", "click"])
def test_act_allows_three_in_a_minute(act: str) -> None:
    with oa_scene() as s:
        openid = s.fan()
        button = {"type": "click", "name": "签到", "key": "in"}
        s.caller.post("menu/create", button=[button])
        ticket = s.caller.code("店")["ticket"]
        s.sim.post("clock", advance_s=61)
        if act == "follow":
            s.act("unfollow", customer=openid)
            s.act("follow", customer=openid)
        elif act == "scan":
            s.act("scan", customer=openid, ticket=ticket)
        else:
            s.act("click", customer=openid, key="in")
        codes = [s.caller.say(openid) for _ in range(4)]
        s.sim.post("clock", advance_s=61)
        late = s.caller.say(openid)

    assert codes == [0, 0, 0, 45047]
    assert late == 45015


def test_minute_is_used_before_the_two_days() -> None:
    with oa_scene() as s:
        openid = s.fan()
        s.act("text", customer=openid, text="在吗")
        both = [s.caller.say(openid) for _ in range(3)]
        s.sim.post("clock", advance_s=61)
        after = [s.caller.say(openid) for _ in range(6)]

    assert both == [0, 0, 0]
    assert after == [0] * 5 + [45047]


def test_leaving_closes_everything() -> None:
    with oa_scene() as s:
        openid = s.fan()
        s.act("text", customer=openid, text="再见")
        s.act("unfollow", customer=openid)

        answer = s.caller.post(
            "message/custom/send", touser=openid, msgtype="text", text={"content": "别走"}
        )

    assert answer["errcode"] == 45015
    assert answer["errmsg"].startswith("response out of time limit or subscription is canceled rid")


def test_quota_is_never_exceeded_whatever_fans_do() -> None:
    """The messages that arrive are never more than what the acts so far allow."""
    with oa_scene() as s:
        openid, dice = s.fan(), s.sandbox.world.dice
        allowed = sent = 0
        for turn in range(60):
            roll = dice.fraction("test", turn)
            if roll < 0.15:
                s.act("text", customer=openid, text=str(turn))
                allowed = sent + 5 + 3
            elif roll < 0.25:
                s.sim.post("clock", advance_s=40)
            sent += s.caller.say(openid) == 0
            assert sent <= max(allowed, 3)
        arrived = len(s.phone(openid))

    assert arrived == sent > 10


def test_calls_at_once_do_not_get_more_than_is_open() -> None:
    with oa_scene() as s:
        openid = s.fan()
        s.caller.get("tags/get")
        with ThreadPoolExecutor(8) as pool:
            codes = list(pool.map(s.caller.say, [openid] * 24))

        assert sorted(codes) == [0] * 3 + [45047] * 21
        assert len(s.phone(openid)) == 3


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"msgtype": "text", "text": {"content": ""}}, 44004),
        ({"msgtype": "text", "text": {"content": "长" * 683}}, 45002),
        ({"msgtype": "carrier_pigeon"}, 40008),
        ({"msgtype": "image", "image": {}}, 41006),
        ({"msgtype": "image", "image": {"media_id": "nobody's"}}, 40007),
        ({"msgtype": "news", "news": {"articles": []}}, 45008),
        ({"msgtype": "miniprogrampage", "miniprogrampage": {"title": "x"}}, 40035),
        ({"touser": "o1", "msgtype": "text", "text": {"content": "x"}}, 40003),
    ],
)
def test_refused_messages_use_up_nothing(body: dict[str, Any], code: int) -> None:
    with oa_scene() as s:
        openid = s.fan()
        refused = s.caller.post("message/custom/send", **{"touser": openid, **body})
        codes = [s.caller.say(openid) for _ in range(4)]

    assert refused["errcode"] == code
    assert codes == [0, 0, 0, 45047]


def test_kinds_arrive_with_their_links() -> None:
    with oa_scene() as s:
        openid = s.fan()
        s.act("text", customer=openid, text="在吗")
        image = s.caller.upload()["media_id"]
        thumb = s.caller.upload("thumb", JPEG)["thumb_media_id"]
        article = {"title": "新品", "description": "来看", "url": "http://127.0.0.1/n"}
        page = {"title": "店", "appid": "wx1", "pagepath": "p", "thumb_media_id": thumb}
        menu = {"head_content": "满意吗", "list": [{"id": "1", "content": "满意"}]}
        bodies: list[dict[str, Any]] = [
            {"msgtype": "text", "text": {"content": '<a href="http://127.0.0.1/t">看</a>'}},
            {"msgtype": "image", "image": {"media_id": image}},
            {"msgtype": "news", "news": {"articles": [article]}},
            {"msgtype": "miniprogrampage", "miniprogrampage": page},
            {"msgtype": "msgmenu", "msgmenu": menu},
        ]
        codes = [s.caller.post("message/custom/send", touser=openid, **body) for body in bodies]
        phone = s.phone(openid)

    assert codes == [{"errcode": 0, "errmsg": "ok"}] * 5
    assert [message["links"] for message in phone[:3]] == [
        ["http://127.0.0.1/t"],
        [],
        ["http://127.0.0.1/n"],
    ]
    assert phone[4]["text"] == "满意吗\n满意"


# Files -------------------------------------------------------------------------------------------


def test_file_lasts_three_days_and_is_the_accounts_own() -> None:
    with oa_scene() as s:
        made = s.caller.upload()
        where = s.caller.target("media/get", {"media_id": made["media_id"]})
        got = fetch("GET", where)
        other = s.sim.post("oa/accounts", name="另一个")
        stranger = type(s.caller)(s.sim.url, other).get("media/get", media_id=made["media_id"])
        s.sim.post("clock", advance_s=3 * 86_400 + 1)
        s.caller.token = ""
        late = s.caller.get("media/get", media_id=made["media_id"])

    assert made.keys() == {"type", "media_id", "created_at"}
    assert isinstance(made["created_at"], int)
    assert (got.body, got.content_type) == (PNG, "image/png")
    assert stranger["errcode"] == late["errcode"] == 40007


@pytest.mark.parametrize(
    ("kind", "content", "code"),
    [
        ("video", MP4, 0),
        ("file", PNG, 40004),
        ("video", PNG, 40005),
        ("thumb", JPEG + bytes(64 * 1024), 40012),
        ("image", b"", 41005),
    ],
)
def test_uploads_keep_their_limits(kind: str, content: bytes, code: int) -> None:
    with oa_scene() as s:
        assert s.caller.upload(kind, content).get("errcode", 0) == code


# Notices from templates --------------------------------------------------------------------------


def _send(s: OaScene, openid: str, template_id: str, **more: object) -> Any:
    data = {"thing1": {"value": "订单"}, "time2": {"value": "今天"}}
    body = {"touser": openid, "template_id": template_id, "data": data, **more}
    sent = s.caller.post("message/template/send", **body)
    s.sim.flush()
    return sent


def _finished(s: OaScene) -> list[tuple[str, str]]:
    mine = [each for each in s.app.events if each["Event"] == "TEMPLATESENDJOBFINISH"]
    return [(each["MsgID"], each["Status"]) for each in mine]


def test_template_message_arrives_and_its_end_is_told() -> None:
    with oa_scene(listening=True) as s:
        openid, template = s.fan(), s.template(content="{{thing1.DATA}}于{{time2.DATA}}发货")
        sent = _send(s, openid, template, url="http://127.0.0.1/order")
        message = s.phone(openid)[-1]

    assert sent.keys() == {"errcode", "errmsg", "msgid"}
    assert (message["kind"], message["text"]) == ("template", "订单于今天发货")
    assert message["links"] == ["http://127.0.0.1/order"]
    assert _finished(s) == [(str(sent["msgid"]), "success")]


def test_template_message_that_fails() -> None:
    with oa_scene(listening=True) as s:
        openid, template = s.fan(), s.template()
        s.act("refuse_templates", customer=openid)
        blocked = _send(s, openid, template)
        s.act("refuse_templates", customer=openid, refuse=False)
        s.sim.post("settings", template_fail_share=1.0)
        failed = _send(s, openid, template)
        phone = s.phone(openid)

    assert [blocked["errcode"], failed["errcode"]] == [0, 0]
    assert [status for _, status in _finished(s)] == ["failed:user block", "failed: system failed"]
    assert phone == []


def test_each_template_message_ends_once_and_successes_are_what_arrived() -> None:
    with oa_scene(listening=True) as s:
        s.sim.post("settings", template_fail_share=0.3, template_delay_s=[0, 0.05])
        fans, template = [s.fan() for _ in range(6)], s.template()
        s.act("refuse_templates", customer=fans[0])
        sent = [_send(s, openid, template)["msgid"] for openid in fans * 4]
        ended = _finished(s)
        arrived = sum(len(s.phone(openid)) for openid in fans)

    statuses = Counter(status for _, status in ended)
    assert sorted(msgid for msgid, _ in ended) == sorted(map(str, sent))
    assert statuses["success"] == arrived
    assert statuses["failed:user block"] == 4
    assert 0 < statuses["failed: system failed"] < 20


def test_template_message_takes_its_time() -> None:
    with oa_scene(listening=True) as s:
        s.sim.post("settings", template_delay_s=[600, 600])
        openid, template = s.fan(), s.template()
        sent = s.caller.post("message/template/send", touser=openid, template_id=template, data={})
        before = s.phone(openid)
        s.sim.post("clock", advance_s=601)
        s.sim.flush()

    assert sent["errcode"] == 0
    assert before == []
    assert len(_finished(s)) == 1


def test_same_client_msg_id_is_sent_once_to_each_fan() -> None:
    with oa_scene(listening=True) as s:
        fans, template = [s.fan(), s.fan()], s.template()
        first = _send(s, fans[0], template, client_msg_id="a")
        again = _send(s, fans[0], template, client_msg_id="a")
        other = _send(s, fans[1], template, client_msg_id="a")
        s.sim.post("clock", advance_s=601)
        late = _send(s, fans[0], template, client_msg_id="a")
        phones = [len(s.phone(openid)) for openid in fans]

    assert first == again
    assert len({each["msgid"] for each in (first, other, late)}) == 3
    assert phones == [2, 1]
    assert len(_finished(s)) == 3


def test_template_refusals() -> None:
    with oa_scene() as s:
        openid, template = s.fan(), s.template()
        notice = s.template(kind="subscribe")
        s.act("unfollow", customer=openid)
        codes = [
            _send(s, "o1", template)["errcode"],
            _send(s, openid, "nobody's")["errcode"],
            _send(s, openid, notice)["errcode"],
            _send(s, openid, template)["errcode"],
        ]

    assert codes == [40003, 40037, 40037, 43004]


def test_list_of_templates() -> None:
    with oa_scene() as s:
        made = s.template(title="发货通知", content="{{thing1.DATA}}")
        s.template(kind="subscribe")
        listed = s.caller.get("template/get_all_private_template")

    assert listed == {
        "template_list": [
            {
                "template_id": made,
                "title": "发货通知",
                "primary_industry": "IT科技",
                "deputy_industry": "互联网|电子商务",
                "content": "{{thing1.DATA}}",
                "example": "",
            }
        ]
    }


def _notify(s: OaScene, openid: str, template: str, data: object = None) -> int:
    given = {"thing1": {"value": "开课"}} if data is None else data
    body = {"touser": openid, "template_id": template, "data": given}
    answer = s.caller.post("message/subscribe/bizsend", **body)
    s.sim.flush()
    return int(answer["errcode"])


def test_each_acceptance_is_good_for_one_subscription_message() -> None:
    with oa_scene(listening=True) as s:
        template = s.template(kind="subscribe", content="{{thing1.DATA}}")
        other = s.template(kind="subscribe", content="{{thing1.DATA}}")
        openid = s.fan()
        before = _notify(s, openid, template)
        answers = {template: "accept", other: "reject"}
        s.act("popup", customer=openid, answers=answers, scene=2)
        codes = [_notify(s, openid, each) for each in (other, template, template)]
        events = [each for each in s.app.events if each["Event"].startswith("subscribe_msg")]
        message = s.phone(openid)[-1]

    assert before == 43101
    assert codes == [43101, 0, 43101]
    assert events[0]["Event"] == "subscribe_msg_popup_event"
    assert events[0]["SubscribeMsgPopupEvent"]["List"] == [
        {"TemplateId": template, "SubscribeStatusString": "accept", "PopupScene": "2"},
        {"TemplateId": other, "SubscribeStatusString": "reject", "PopupScene": "2"},
    ]
    sent = events[1]["SubscribeMsgSentEvent"]["List"]
    assert (events[1]["Event"], sent["TemplateId"]) == ("subscribe_msg_sent_event", template)
    assert (sent["ErrorCode"], sent["ErrorStatus"]) == ("0", "success")
    assert (message["kind"], message["text"]) == ("subscribe", "开课")


def test_acceptance_can_be_taken_back_and_one_answer_comes_as_one_entry() -> None:
    with oa_scene(listening=True) as s:
        template = s.template(kind="subscribe", content="{{thing1.DATA}}")
        stranger = s.act("popup", customer={"name": "路人"}, answers={template: "accept"})
        popup = s.app.events[-1]
        s.act("cancel_subscription", customer=stranger["openid"], template_id=template)
        changed = s.app.events[-1]
        refused = _notify(s, stranger["openid"], template)

    row = popup["SubscribeMsgPopupEvent"]["List"]
    assert (row["SubscribeStatusString"], row["PopupScene"]) == ("accept", "1")
    assert changed["Event"] == "subscribe_msg_change_event"
    assert changed["SubscribeMsgChangeEvent"]["List"] == {
        "TemplateId": template,
        "SubscribeStatusString": "reject",
    }
    assert refused == 43101


def test_subscription_message_needs_every_value_and_a_template_of_its_kind() -> None:
    with oa_scene() as s:
        template = s.template(kind="subscribe", content="{{thing1.DATA}}")
        openid = s.fan()
        s.act("popup", customer=openid, answers={template: "accept"})

        assert _notify(s, openid, template, {"thing1": {"value": ""}}) == 47003
        assert _notify(s, openid, s.template()) == 40037
        assert _notify(s, openid, template) == 0
