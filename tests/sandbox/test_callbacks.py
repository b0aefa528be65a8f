"""Do callbacks go out encrypted, repeated and disordered as the platform's do?"""

import pytest

from .actors import Scene, listen, scene


def test_add_event_is_readable_by_the_library() -> None:
    with scene(listening=True) as s:
        scanned = s.scan(s.caller.way(state="abc"))
        event = s.app.events[0]
        sent = s.sim.get("callbacks", corpid=s.corpid)["callbacks"][0]

    assert event.pop("CreateTime").isdigit()
    assert len(event.pop("WelcomeCode")) > 30
    assert event == {
        "ToUserName": s.corpid,
        "FromUserName": "sys",
        "MsgType": "event",
        "Event": "change_external_contact",
        "ChangeType": "add_external_contact",
        "UserID": "li",
        "ExternalUserID": scanned["external_userid"],
        "State": "abc",
    }
    assert scanned["external_userid"].startswith("wm")
    assert len(scanned["external_userid"]) == 32
    assert (sent["state"], len(sent["attempts"])) == ("delivered", 1)
    assert "<AgentID><![CDATA[]]></AgentID>" in s.app.requests[0]["body"]


def test_adding_without_approval_tells_twice_and_one_welcome_code_wins() -> None:
    with scene(listening=True) as s:
        s.sim.post("settings", accept_after_s=-1)
        scanned = s.scan(s.caller.way(skip_verify=True))
        half = s.app.events[-1]
        code = half["WelcomeCode"]
        text = {"content": "您好"}
        sent = s.caller.post("externalcontact/send_welcome_msg", welcome_code=code, text=text)
        s.sim.post("act/accept", corpid=s.corpid, userid="li", customer=scanned["customer"])
        s.sim.flush()

    assert half["ChangeType"] == "add_half_external_contact"
    assert sent["errcode"] == 0
    assert s.app.events[-1]["ChangeType"] == "add_external_contact"
    assert "WelcomeCode" not in s.app.events[-1]


def test_request_that_waits_for_approval_shows_nothing_before() -> None:
    with scene(listening=True) as s:
        s.sim.post("settings", accept_after_s=-1)
        scanned = s.scan(s.caller.way())
        before = s.caller.get("externalcontact/get", external_userid=scanned["external_userid"])
        told_before = len(s.app.events)
        s.sim.post("act/accept", corpid=s.corpid, userid="li", customer=scanned["customer"])
        s.sim.flush()

    assert (before["errcode"], before["follow_user"]) == (84061, [])
    assert told_before == 0
    assert [event["ChangeType"] for event in s.app.events] == ["add_external_contact"]


def test_acceptance_comes_by_itself_as_time_passes() -> None:
    with scene(listening=True) as s:
        s.sim.post("settings", accept_after_s=600)
        s.sim.post("act/scan", config_id=s.caller.way())
        assert not s.sim.post("callbacks/flush", timeout_s=0.1)["idle"]
        s.sim.post("clock", advance_s=601)
        s.sim.flush()

    assert [event["ChangeType"] for event in s.app.events] == ["add_external_contact"]


@pytest.mark.parametrize(
    ("act", "change"),
    [
        ("staff_deletes", "del_external_contact"),
        ("customer_deletes", "del_follow_user"),
        ("edit_remark", "edit_external_contact"),
    ],
)
def test_acts_are_told(act: str, change: str) -> None:
    with scene(listening=True) as s:
        customer = s.customer()["customer"]
        pair = {"corpid": s.corpid, "userid": "li", "customer": customer}
        s.sim.post(f"act/{act}", {**pair, "remark": "老客户"})
        s.sim.flush()

    assert s.app.events[-1]["ChangeType"] == change


def test_phone_remark_alone_is_not_told() -> None:
    with scene(listening=True) as s:
        customer = s.customer()["customer"]
        body = {"corpid": s.corpid, "userid": "li", "customer": customer}
        s.sim.post("act/edit_remark", {**body, "remark_mobiles": ["13800000000"]})
        s.sim.flush()

    assert len(s.app.events) == 1


@pytest.mark.parametrize(
    ("setting", "tries", "state"), [("never", 1, "refused"), ("non200", 3, "failed")]
)
def test_answer_other_than_200_is_repeated_only_when_set(
    setting: str, tries: int, state: str
) -> None:
    with scene(listening=True) as s:
        s.sim.post("settings", retry_on_status=setting)
        s.app.status = 500
        s.customer()
        sent = s.sim.get("callbacks")["callbacks"][0]

    assert len(s.app.requests) == tries
    assert sent["state"] == state


def test_silence_is_repeated_with_new_wrapping_around_the_same_message() -> None:
    with scene(listening=True) as s:
        s.sim.post("settings", callback_timeout_s=0.2)
        s.app.delay_s = 0.5
        s.customer()
        sent = s.sim.get("callbacks")["callbacks"][0]

    assert sent["state"] == "failed"
    assert [attempt["status"] for attempt in sent["attempts"]] == [0, 0, 0]
    assert len({attempt["nonce"] for attempt in sent["attempts"]}) == 3
    assert len({request["body"] for request in s.app.requests}) == 3
    opened = [s.app.opened(request["query"], request["body"]) for request in s.app.requests]
    assert opened[0] == opened[1] == opened[2]


def test_url_is_checked_by_an_exact_echo() -> None:
    with scene() as s:
        s.app.echo = lambda plain: f'"{plain}"'
        refused = listen(s.sim, s.app, s.caller.corp)
        s.app.echo = str
        taken = listen(s.sim, s.app, s.caller.corp)

    assert "not the exact echo" in refused["error"]
    assert taken["callback_url"] == s.app.url


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/wecom",
        "http://192.0.2.1/",
        "http://0.0.0.0/",
        "https://127.0.0.1/",
        "http://127.0.0.1@example.com/",
        "http://127.0.0.1.example.com/",
        "ftp://localhost/",
        "nonsense",
    ],
)
def test_urls_beyond_this_machine_are_refused(url: str) -> None:
    with scene() as s:
        for path in ("callback_url", "apps"):
            answer = s.sim.post(path, corpid=s.corpid, callback_url=url, check=False)
            assert "error" in answer


def _struck(s: Scene, **rule: object) -> list[str]:
    s.sim.post("faults", rule)
    s.customer()
    return [each["kind"] for each in s.sim.get("callbacks")["callbacks"][0]["attempts"]]


@pytest.mark.parametrize("kind", ["bad_signature", "other_receive_id", "dtd"])
def test_forged_copy_is_refused_and_the_true_one_taken(kind: str) -> None:
    with scene(listening=True) as s:
        kinds = _struck(s, kind=kind, first=1)

    assert kinds == [kind, "delivery"]
    assert s.app.refused == 1
    assert len(s.app.events) == 1


def test_duplicate_has_the_same_message_in_another_wrapping() -> None:
    with scene(listening=True) as s:
        kinds = _struck(s, kind="duplicate")

    assert kinds == ["delivery", "duplicate"]
    assert s.app.events[0] == s.app.events[1]
    assert s.app.requests[0]["body"] != s.app.requests[1]["body"]


def test_old_callback_can_be_sent_again() -> None:
    with scene(listening=True) as s:
        s.customer()
        s.sim.post("callbacks/resend", id=1)
        s.sim.flush()

    assert s.app.events[0] == s.app.events[1]


def test_swapped_neighbours_arrive_in_the_other_order() -> None:
    with scene(listening=True) as s:
        s.sim.post("faults", kind="swap", first=1)
        way = s.caller.way()
        scans = [s.sim.post("act/scan", config_id=way) for _ in range(2)]
        s.sim.flush()

    arrived = [event["ExternalUserID"] for event in s.app.events]
    assert arrived == [scans[1]["external_userid"], scans[0]["external_userid"]]


def test_event_of_any_kind_can_be_injected_and_text_cannot_break_out() -> None:
    with scene(listening=True) as s:
        s.sim.post(
            "callbacks/send",
            corpid=s.corpid,
            event="change_external_tag",
            fields={"ChangeType": "update", "Id": "a]]>b & <c>", "Order": 3},
        )
        s.sim.flush()

    assert s.app.events[0]["Id"] == "a]]>b & <c>"
    assert s.app.events[0]["Order"] == "3"


def test_app_hears_only_of_members_in_its_range() -> None:
    with scene(listening=True, visible=["li"]) as s:
        s.sim.post("staff", corpid=s.corpid, userid="zhang")
        other = s.sim.post("apps", corpid=s.corpid, app_name="全员")
        s.caller.corp = {**s.caller.corp, **other}
        s.scan(s.caller.way(user=["zhang"]))
        s.customer()

    assert [event["UserID"] for event in s.app.events] == ["li"]
