"""Does the sandbox let in, and shut out, as the platform does?"""

import re

import pytest

from .actors import Caller, empty, fetch, scene

HINT = re.compile(
    r", hint: \[\d+_\d+_[0-9a-f]{32}\], from ip: 127\.0\.0\.1, "
    r"more info at https://open\.work\.weixin\.qq\.com/devtool/query\?e=(\d+)$"
)


def test_token_is_the_same_while_it_lives_and_new_afterwards() -> None:
    with scene() as s:
        first = s.caller.gettoken()
        again = s.caller.gettoken()
        s.sim.post("clock", advance_s=7100)
        late = s.caller.gettoken()
        s.sim.post("clock", advance_s=200)
        after = s.caller.gettoken()

    assert (first["errcode"], first["errmsg"]) == (0, "ok")
    assert first["expires_in"] in (7199, 7200)
    assert first["access_token"] == again["access_token"] == late["access_token"]
    assert late["expires_in"] <= 100
    assert after["access_token"] != first["access_token"]


@pytest.mark.parametrize(
    ("other", "code"),
    [
        ({"corpid": ""}, 41002),
        ({"corpsecret": ""}, 41004),
        ({"corpid": "wwunknown"}, 40013),
        ({"corpsecret": "wrong"}, 40001),
    ],
)
def test_wrong_credentials_each_have_their_code(other: dict[str, str], code: int) -> None:
    with scene() as s:
        answer = s.caller.gettoken(**other)

    assert answer["errcode"] == code
    hint = HINT.search(answer["errmsg"])
    assert hint
    assert hint[1] == str(code)


def test_secret_of_another_corp_is_told_apart() -> None:
    with scene() as s:
        other = s.sim.post("corps", name="另一家")

        assert s.caller.gettoken(corpsecret=other["secret"])["errcode"] == 40091


def test_dead_missing_and_unknown_tokens() -> None:
    with scene() as s:
        missing = fetch("GET", f"{s.sim.url}/cgi-bin/externalcontact/get_follow_user_list").json()
        unknown = Caller(s.sim.url, s.caller.corp, token="nobody's")
        alive = s.caller.get("externalcontact/get_follow_user_list")
        s.sim.post("clock", advance_s=7201)
        expired = s.caller.get("externalcontact/get_follow_user_list")

        assert missing["errcode"] == 41001
        assert unknown.get("externalcontact/get_follow_user_list")["errcode"] == 40014
        assert alive["follow_user"] == ["li", "zhang"]
        assert expired["errcode"] == 42001
        # An error still carries the endpoint's list.
        assert expired["follow_user"] == []


@pytest.mark.parametrize("code", [40014, 42001])
def test_token_can_be_voided_early(code: int) -> None:
    with scene() as s:
        s.caller.get("getcallbackip")
        revoked = s.sim.post("tokens/revoke", corpid=s.corpid, errcode=code)
        dead = s.caller.get("getcallbackip")
        s.caller.token = ""

        assert revoked == {"revoked": 1}
        assert dead["errcode"] == code
        assert s.caller.get("getcallbackip")["errcode"] == 0


def test_caller_outside_the_ip_list_is_refused() -> None:
    with scene(ip_list=["192.0.2.10"]) as s:
        answer = s.caller.get("getcallbackip")

    assert answer["errcode"] == 60020
    assert answer["ip_list"] == []
    assert answer["errmsg"].startswith("not allow to access from your ip, hint: [")


def test_app_without_customer_contact_may_see_staff_only() -> None:
    with scene(customer_contact=False) as s:
        assert s.caller.get("user/get", userid="li")["name"] == "Li"
        assert s.caller.get("externalcontact/get_follow_user_list")["errcode"] == 48002


def test_two_thousand_failures_lock_gettoken_for_an_hour() -> None:
    with scene() as s:
        tokens = s.sandbox.world.tokens
        for _ in range(2000):
            with pytest.raises(Exception, match="40001"):
                tokens.issue(s.corpid, "wrong")
        before = s.caller.gettoken(corpsecret="wrong")
        locked = s.caller.gettoken()
        s.sim.post("clock", advance_s=3601)

        assert before["errcode"] == 40001
        assert locked["errcode"] == 45009
        assert s.caller.gettoken()["errcode"] == 0


def test_endpoint_that_is_not_simulated_is_never_a_silent_ok() -> None:
    with scene() as s:
        answer = s.caller.post("kf/sync_msg")
        entry = s.sim.journal("kf/sync_msg")[0]

    assert answer["errcode"] == 48002
    assert entry["mark"] == "not simulated"


def test_other_paths_answer_html_404() -> None:
    with empty() as sim:
        answer = fetch("GET", f"{sim.url}/elsewhere")

    assert answer.status == 404
    assert answer.content_type.startswith("text/html")


@pytest.mark.parametrize("raw", [b"not json", b"[1]", b'{"type": "x"}', b'{"user": "li"}'])
def test_body_of_wrong_type_is_refused_in_the_platforms_words(raw: bytes) -> None:
    with scene() as s:
        target = s.caller.target("externalcontact/add_contact_way", {})
        answer = fetch("POST", target, raw.replace(b"}", b', "scene": 1}'))

    assert answer.status == 200
    assert answer.content_type == "application/json; charset=utf-8"
    assert answer.json()["errcode"] in (40058, 41037)


def test_not_json_says_so() -> None:
    with scene() as s:
        answer = fetch("POST", s.caller.target("externalcontact/remark", {}), b"<xml/>").json()

    assert answer["errcode"] == 40058
    assert answer["errmsg"].startswith("Warning: wrong json format.")


def test_journal_holds_calls_and_no_secret() -> None:
    with scene() as s:
        secret, token = s.caller.corp["secret"], s.caller.gettoken()["access_token"]
        s.caller.get("user/get", userid="li")
        fetch("POST", s.caller.target("user/get", {}), f"raw {secret}".encode())
        text = fetch("GET", f"{s.sim.url}/_sim/journal").body.decode()
        entries = s.sim.journal("user/get")

    assert secret not in text
    assert token not in text
    assert s.caller.corp["aes_key"] not in text
    assert entries[0]["query"] == {"access_token": "***", "userid": "li"}
    assert entries[0]["corpid"] == s.corpid
    assert entries[0]["errcode"] == 0
    assert entries[0]["answer"]["name"] == "Li"


def test_rate_limit_blocks_for_a_minute() -> None:
    with scene() as s:
        s.sim.post("settings", rate_factor=0.001)
        codes = [s.caller.get("getcallbackip")["errcode"] for _ in range(12)]
        s.sim.post("clock", advance_s=61)

        assert codes == [0] * 10 + [45009] * 2
        assert s.caller.get("user/get", userid="li")["errcode"] == 0
        assert s.caller.get("getcallbackip")["errcode"] == 0
