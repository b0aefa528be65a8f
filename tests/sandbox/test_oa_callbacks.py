"""Does the account's server hear of its fans in each mode, and do its replies arrive?"""

import re

import pytest
import xmltodict
from wechatpy.replies import TextReply

from .oa_actors import OaScene, listen, oa_scene

MODES = ["plain", "aes", "compatible"]


@pytest.mark.parametrize("mode", MODES)
def test_url_check_and_first_event_in_each_mode(mode: str) -> None:
    with oa_scene(listening=True, mode=mode) as s:
        openid = s.fan()
        query, body = s.app.requests[0].values()
        event = s.app.events[0]
        sent = s.sim.get("callbacks", corpid=s.appid)["callbacks"][0]

    assert event.pop("CreateTime").isdigit()
    event.pop("Encrypt", None)
    assert event == {
        "ToUserName": s.caller.account["original_id"],
        "FromUserName": openid,
        "MsgType": "event",
        "Event": "subscribe",
    }
    assert query["openid"] == openid
    assert ("msg_signature" in query, query.get("encrypt_type")) == (
        (False, None) if mode == "plain" else (True, "aes")
    )
    outer = xmltodict.parse(body)["xml"]
    assert ("Encrypt" in outer) == (mode != "plain")
    assert ("Event" in outer) == (mode != "aes")
    assert outer["ToUserName"] == s.caller.account["original_id"]
    assert (sent["state"], len(sent["attempts"])) == ("delivered", 1)


def test_url_that_does_not_echo_exactly_is_refused_and_the_old_one_stays() -> None:
    with oa_scene(listening=True) as s:
        s.app.echo = lambda plain: f'"{plain}"'
        refused = listen(s.sim, s.app)
        mode = s.sim.post("oa/callback_url", appid=s.appid, callback_url=s.app.url, mode="secret")
        kept = s.sim.get(f"oa/accounts/{s.appid}")

    assert "not the exact echo" in refused["error"]
    assert "mode is one of" in mode["error"]
    assert (kept["callback_url"], kept["mode"]) == (s.app.url, "aes")


@pytest.mark.parametrize("url", ["http://example.com/oa", "https://127.0.0.1/", "nonsense"])
def test_urls_beyond_this_machine_are_refused(url: str) -> None:
    with oa_scene() as s:
        founded = s.sim.post("oa/accounts", callback_url=url, check=False)
        moved = s.sim.post("oa/callback_url", appid=s.appid, callback_url=url, check=False)

    assert "error" in founded
    assert "error" in moved


def test_scene_of_a_code_comes_with_the_follow_and_with_each_later_scan() -> None:
    with oa_scene(listening=True) as s:
        words, number = (
            s.caller.code("展会"),
            s.caller.post(
                "qrcode/create",
                action_name="QR_SCENE",
                expire_seconds=3600,
                action_info={"scene": {"scene_id": 123}},
            ),
        )
        followed = s.act("scan", ticket=words["ticket"])
        scanned = s.act("scan", scene="123", customer=followed["openid"])
        again = s.act("scan", key=words["url"].rpartition("/")[2], customer=followed["customer"])
        info = s.caller.get("user/info", openid=followed["openid"])

    shown = [(each["Event"], each["EventKey"], each["Ticket"]) for each in s.app.events]
    assert shown == [
        ("subscribe", "qrscene_展会", words["ticket"]),
        ("SCAN", "123", number["ticket"]),
        ("SCAN", "展会", words["ticket"]),
    ]
    assert [each["already"] for each in (followed, scanned, again)] == [False, True, True]
    scenes = (info["subscribe_scene"], info["qr_scene"], info["qr_scene_str"])
    assert scenes == ("ADD_SCENE_QR_CODE", 0, "展会")


def test_events_keep_their_mixed_case() -> None:
    with oa_scene(listening=True) as s:
        openid = s.fan()
        url = "http://127.0.0.1/shop?a=1&b=2"
        sub = [
            {"type": "view", "name": "商城", "url": url},
            {"type": "click", "name": "签到", "key": "in"},
        ]
        s.caller.post("menu/create", button=[{"name": "菜单", "sub_button": sub}])
        s.act("click", customer=openid, key="in")
        s.act("view", customer=openid, url=url)
        s.act("location", customer=openid)
        s.act("unfollow", customer=openid)
        click, view, location, left = s.app.events[1:]

    assert (click["Event"], click["EventKey"]) == ("CLICK", "in")
    assert (view["Event"], view["EventKey"]) == ("VIEW", url)
    assert view["MenuId"].isdigit()
    assert location["Event"] == "LOCATION"
    place = [location[name] for name in ("Latitude", "Longitude", "Precision")]
    assert place == ["23.137466", "113.352425", "119.385040"]
    assert left["Event"] == "unsubscribe"
    assert not any("MsgId" in event for event in s.app.events)


@pytest.mark.parametrize("text", ["a]]>b & <c>", "</xml><Event>", "你好 🎈", "\u202eabc"])
@pytest.mark.parametrize("mode", MODES)
def test_text_cannot_break_out(text: str, mode: str) -> None:
    with oa_scene(listening=True, mode=mode) as s:
        openid = s.fan()
        s.act("text", customer=openid, text=text)
        event = s.app.events[-1]

    assert (event["MsgType"], event["Content"]) == ("text", text)
    assert event["FromUserName"] == openid


@pytest.mark.parametrize(
    ("form", "digits"), [("numeric", {True}), ("string", {False}), ("mixed", {True, False})]
)
def test_message_ids_are_digits_or_not(form: str, digits: set[bool]) -> None:
    with oa_scene(listening=True) as s:
        s.sim.post("settings", message_id_form=form)
        openid = s.fan()
        told = [s.act("text", customer=openid, text=str(n))["msgid"] for n in range(12)]
        heard = {event["MsgId"] for event in s.app.events[1:]}

    assert heard == set(told)
    assert len(heard) == 12
    assert {each.isdigit() for each in heard} == digits


def test_silence_is_repeated_twice_in_new_wrapping_and_the_fan_sees_a_fault() -> None:
    with oa_scene(listening=True) as s:
        openid = s.fan()
        s.sim.post("settings", callback_timeout_s=0.2)
        s.app.delay_s = 0.5
        s.act("text", customer=openid, text="在吗")
        sent = s.sim.get("callbacks")["callbacks"][-1]
        phone = s.phone(openid)
        tries = s.app.requests[1:]

    assert (sent["state"], [each["status"] for each in sent["attempts"]]) == ("failed", [0, 0, 0])
    assert len({each["query"]["nonce"] for each in tries}) == 3
    assert len({each["body"] for each in tries}) == 3
    opened = [s.app.opened(each["query"], each["body"]) for each in tries]
    assert opened[0] == opened[1] == opened[2]
    assert [(each["kind"], "故障" in each["text"]) for each in phone] == [("fault", True)]


@pytest.mark.parametrize("kind", ["bad_signature", "other_receive_id", "dtd"])
def test_forged_copy_is_refused_and_the_true_one_taken(kind: str) -> None:
    with oa_scene(listening=True) as s:
        s.sim.post("faults", kind=kind, corpid=s.appid)
        s.fan()
        sent = s.sim.get("callbacks")["callbacks"][0]

    assert [each["kind"] for each in sent["attempts"]] == [kind, "delivery"]
    assert (s.app.refused, len(s.app.events)) == (1, 1)


def test_plain_mode_has_no_receive_id_to_forge() -> None:
    with oa_scene(listening=True, mode="plain") as s:
        for kind in ("bad_signature", "other_receive_id", "dtd"):
            s.sim.post("faults", kind=kind)
        s.fan()
        sent = s.sim.get("callbacks")["callbacks"][0]

    assert [each["kind"] for each in sent["attempts"]] == ["bad_signature", "dtd", "delivery"]
    assert (s.app.refused, len(s.app.events)) == (2, 1)


def test_duplicate_and_resent_callbacks_hold_the_same_message() -> None:
    with oa_scene(listening=True) as s:
        s.sim.post("faults", kind="duplicate", first=1)
        s.fan()
        s.sim.post("callbacks/resend", id=1)
        s.sim.flush()

    assert len(s.app.events) == 3
    assert all(event == s.app.events[0] for event in s.app.events)


def test_event_of_any_kind_can_be_injected() -> None:
    with oa_scene(listening=True) as s:
        s.sim.post(
            "oa/callbacks/send",
            appid=s.appid,
            openid="oSomebody",
            event="user_info_modified",
            fields={"OpenID": "oSomebody", "RevokeInfo": 1},
        )
        s.sim.flush()

    assert s.app.events[0]["Event"] == "user_info_modified"
    assert (s.app.events[0]["FromUserName"], s.app.events[0]["RevokeInfo"]) == ("oSomebody", "1")


def _written(s: OaScene, openid: str, text: str) -> str:
    account = s.caller.account
    return str(TextReply(source=account["original_id"], target=openid, content=text).render())


@pytest.mark.parametrize("mode", MODES)
def test_librarys_passive_reply_arrives(mode: str) -> None:
    with oa_scene(listening=True, mode=mode) as s:
        openid = s.fan()
        reply = _written(s, openid, "稍等 🎈")
        if mode != "plain":
            reply = s.app.keys.encrypt_message(reply, "nonce", "1409659589")
        s.app.reply = reply
        s.act("text", customer=openid, text="在吗")
        phone = s.phone(openid)

    assert [(each["kind"], each["text"]) for each in phone] == [("reply", "稍等 🎈")]


def test_answers_that_are_no_reply_show_a_fault() -> None:
    with oa_scene(listening=True) as s:
        openid = s.fan()
        sealed = s.app.keys.encrypt_message(_written(s, openid, "x"), "nonce", "1409659589")
        tampered = re.sub(r"<TimeStamp>\d+", "<TimeStamp>1", sealed)
        stranger = s.app.keys.encrypt_message(_written(s, "oX", "x"), "nonce", "1409659589")
        plain = _written(s, openid, "x")
        for s.app.reply in ("<html>ok</html>", "ok", tampered, stranger, plain):
            s.act("text", customer=openid, text="在吗")
        s.app.status = 500
        s.act("text", customer=openid, text="在吗")
        kinds = [each["kind"] for each in s.phone(openid)]

    assert kinds == ["fault"] * 6


def test_nobody_waits_after_leaving() -> None:
    with oa_scene(listening=True) as s:
        openid = s.fan()
        s.app.status = 500
        s.act("unfollow", customer=openid)

        assert s.phone(openid) == []


@pytest.mark.parametrize(
    ("act", "more"),
    [
        ("text", {"text": "在吗"}),
        ("click", {"key": "in"}),
        ("unfollow", {}),
        ("location", {}),
        ("refuse_templates", {}),
    ],
)
def test_who_does_not_follow_cannot_act(act: str, more: dict[str, str]) -> None:
    with oa_scene(listening=True) as s:
        customer = s.sim.post("customers")["customer"]
        refused = s.act(act, customer=customer, **more)
        fans = s.sim.get(f"oa/fans/{s.appid}")["fans"]

    assert "does not follow" in refused["error"]
    assert fans == []
    assert s.app.events == []
