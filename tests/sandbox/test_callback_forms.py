"""Do callbacks come in the suite form where an app asks for it, and does the archive knock?"""

from itertools import pairwise
from typing import Any

from wechatpy.enterprise.crypto import WeChatCrypto

from .actors import Scene, scene
from .grounds import advance


def _suite(s: Scene, **more: str) -> Any:
    """The app of the scene becomes one of a suite."""
    corp = s.caller.corp
    receive_id = more.get("receive_id", "ww_suite")
    s.app.crypto = WeChatCrypto(corp["token"], corp["aes_key"], receive_id)
    body = {"corpid": s.corpid, "callback_url": s.app.url, "suite_id": "ww_suite", **more}
    return s.sim.post("callback_url", body)


def test_suite_form_has_another_head_and_receive_id() -> None:
    with scene() as s:
        checked = _suite(s)
        scanned = s.scan(s.caller.way(state="abc"))
        event = s.app.events[0]

    assert checked["callback_url"] == s.app.url
    assert event.pop("TimeStamp").isdigit()
    assert len(event.pop("WelcomeCode")) > 30
    assert event == {
        "SuiteId": "ww_suite",
        "AuthCorpId": s.corpid,
        "InfoType": "change_external_contact",
        "ChangeType": "add_external_contact",
        "UserID": "li",
        "ExternalUserID": scanned["external_userid"],
        "State": "abc",
    }
    assert "<ToUserName><![CDATA[ww_suite]]></ToUserName>" in s.app.requests[0]["body"]


def test_receive_id_can_be_the_corps() -> None:
    with scene() as s:
        corpid = s.corpid
        checked = _suite(s, receive_id=corpid)
        s.customer()

    assert checked["callback_url"] == s.app.url
    assert s.app.events[0]["AuthCorpId"] == corpid


def test_one_corp_may_have_apps_of_both_forms() -> None:
    with scene(listening=True) as s:
        _suite(s)
        own = s.sim.post("apps", corpid=s.corpid, app_name="自建", callback_url="", check=False)
        url = {"callback_url": s.app.url, "check": False}
        s.sim.post("callback_url", corpid=s.corpid, agentid=own["agentid"], **url)
        s.customer()
        told = s.sim.get("callbacks")["callbacks"]

    assert ["<InfoType>" in each["xml"] for each in told] == [True, False]


def test_refused_change_of_form_leaves_the_app_as_it_was() -> None:
    with scene(listening=True) as s:
        s.app.echo = lambda plain: plain + "\n"
        refused = _suite(s)
        s.app.echo = str
        s.app.crypto = WeChatCrypto(s.caller.corp["token"], s.caller.corp["aes_key"], s.corpid)
        s.customer()

    assert "error" in refused
    assert s.app.events[0]["ToUserName"] == s.corpid


def test_archive_is_silent_when_it_is_off() -> None:
    with scene(listening=True) as s:
        customer = s.customer()["customer"]
        s.sim.post("act/speak", {"corpid": s.corpid, "from": customer, "to": "li", "text": "在吗"})
        s.sim.flush()

    assert [event["Event"] for event in s.app.events] == ["change_external_contact"]


def test_archive_knocks_once_in_fifteen_seconds() -> None:
    with scene(listening=True) as s:
        s.sim.post("settings", archive=True)
        customer = s.customer()["customer"]
        words = {"corpid": s.corpid, "from": customer, "to": "li", "text": "在吗"}
        counts = []
        for seconds in (0, 16, 16):
            advance(s, seconds)
            for _ in range(3):
                s.sim.post("act/speak", words)
            s.sim.flush()
            counts.append(sum(1 for each in s.app.events if each["Event"] == "msgaudit_notify"))
        advance(s, 60)
        s.sim.flush()
        notices = [each for each in s.app.events if each["Event"] == "msgaudit_notify"]

    assert counts == [1, 2, 3]
    assert len(notices) == 4
    assert notices[0]["AgentID"] == "2000004"
    assert "ChangeType" not in notices[0]
    times = [int(each["CreateTime"]) for each in notices]
    assert all(later - earlier >= 14 for earlier, later in pairwise(times))


def test_agreement_to_the_archive_is_told() -> None:
    with scene(listening=True) as s:
        customer = s.customer()["customer"]
        s.sim.post("act/agree_archive", corpid=s.corpid, userid="li", customer=customer)
        s.sim.flush()

    assert s.app.events[-1]["ChangeType"] == "msg_audit_approved"
    assert s.app.events[-1]["UserID"] == "li"
