"""Does an official account get in, and stay in, as the platform lets it?"""

import re

import pytest

from .actors import Caller, fetch
from .oa_actors import OaCaller, oa_scene

RID = re.compile(r" rid: [0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{8}$")


def _code(caller: OaCaller, token: str) -> int:
    return int(OaCaller(caller.url, caller.account, token).get("tags/get").get("errcode", 0))


def test_each_token_is_new_and_the_one_before_lives_five_minutes() -> None:
    with oa_scene() as s:
        first, second = s.caller.gettoken(), s.caller.gettoken()
        s.sim.post("clock", advance_s=295)
        within = _code(s.caller, first["access_token"])
        s.sim.post("clock", advance_s=10)
        after = [_code(s.caller, token["access_token"]) for token in (first, second)]
        s.sim.post("clock", advance_s=6900)
        over = _code(s.caller, second["access_token"])

    assert set(first) == {"access_token", "expires_in"}
    assert first["expires_in"] in (7199, 7200)
    assert first["access_token"] != second["access_token"]
    assert within == 0
    assert after == [40001, 0]
    assert over == 42001


def test_two_thousand_tokens_a_day_then_none_until_midnight_in_china() -> None:
    with oa_scene() as s:
        s.sim.post("settings", rate_factor=0.001)
        codes = [s.caller.gettoken().get("errcode", 0) for _ in range(3)]
        now = s.sim.get("clock")["now"]
        s.sim.post("clock", advance_s=86_400 - (now + 8 * 3600) % 86_400 + 1)

        assert codes == [0, 0, 45009]
        assert "access_token" in s.caller.gettoken()


def test_stable_token_is_the_same_until_its_last_five_minutes() -> None:
    with oa_scene() as s:
        first, again = s.caller.stable(), s.caller.stable()
        s.caller.gettoken()
        s.sim.post("clock", advance_s=6800)
        late = s.caller.stable()
        s.sim.post("clock", advance_s=150)
        renewed = s.caller.stable()
        old = _code(s.caller, first["access_token"])

    assert first["access_token"] == again["access_token"] == late["access_token"]
    assert late["expires_in"] <= 400
    assert renewed["access_token"] != first["access_token"]
    # Until it is over the old one is honoured beside the new one.
    assert old == 0


def test_forcing_voids_at_once_but_not_twice_in_half_a_minute() -> None:
    with oa_scene() as s:
        first = s.caller.stable()["access_token"]
        at_once = s.caller.stable(force=True)["access_token"]
        s.sim.post("clock", advance_s=31)
        forced = s.caller.stable(force=True)["access_token"]
        old = _code(s.caller, first)

    assert at_once == first
    assert forced != first
    assert old == 40001


def test_twenty_forced_tokens_a_day() -> None:
    with oa_scene() as s:
        s.caller.stable()
        codes = []
        for _ in range(21):
            s.sim.post("clock", advance_s=31)
            codes.append(s.caller.stable(force=True).get("errcode", 0))

    assert codes == [0] * 20 + [45009]


@pytest.mark.parametrize(
    ("other", "code"),
    [
        ({"appid": ""}, 41002),
        ({"secret": ""}, 41004),
        ({"appid": "wxunknown"}, 40013),
        ({"secret": "wrong"}, 40125),
        ({"grant_type": "password"}, 40002),
    ],
)
def test_wrong_credentials_each_have_their_code(other: dict[str, str], code: int) -> None:
    with oa_scene() as s:
        answer = s.caller.gettoken(**other)

    assert answer["errcode"] == code
    assert RID.search(answer["errmsg"])


def test_caller_outside_the_ip_list_gets_no_token() -> None:
    with oa_scene(ip_list=["192.0.2.10"]) as s:
        answer = s.caller.gettoken()

    assert answer["errcode"] == 40164
    assert "not in whitelist" in answer["errmsg"]


def test_missing_unknown_and_revoked_tokens() -> None:
    with oa_scene() as s:
        missing = fetch("GET", f"{s.sim.url}/cgi-bin/tags/get").json()
        unknown = _code(s.caller, "nobody's")
        token = s.caller.gettoken()["access_token"]
        revoked = s.sim.post("oa/tokens/revoke", appid=s.appid)

        assert missing["errcode"] == 41001
        assert unknown == 40001
        assert revoked == {"revoked": 1}
        assert _code(s.caller, token) == 40001


def test_whose_call_it_is_the_owner_of_the_token_says() -> None:
    with oa_scene() as s:
        corp = Caller(s.sim.url, s.sim.post("corps", name="示例企业"))
        s.sim.post("staff", corpid=corp.corp["corpid"], userid="li")
        shared = corp.get("user/get", userid="li"), s.caller.get("user/get")
        ips = corp.get("getcallbackip"), s.caller.get("getcallbackip")

        assert shared[0]["userid"] == "li"
        assert shared[1] == {"total": 0, "count": 0, "next_openid": ""}
        assert ips[0] == {"errcode": 0, "errmsg": "ok", "ip_list": ["127.0.0.1"]}
        assert ips[1] == {"ip_list": ["127.0.0.1"]}
        assert corp.get("tags/get")["errcode"] == 40001
        assert s.caller.get("externalcontact/get_follow_user_list")["errcode"] == 40014


def test_call_that_is_not_simulated_is_never_a_silent_ok() -> None:
    with oa_scene() as s:
        answer = s.caller.post("message/mass/send", filter={"is_to_all": True})
        entry = s.sim.journal("message/mass/send")[0]

    assert answer["errcode"] == 48001
    assert (entry["mark"], entry["corpid"]) == ("not simulated", s.appid)


def test_request_that_is_wrong_in_itself() -> None:
    with oa_scene() as s:
        by_get = s.caller.get("tags/create")
        empty = fetch("POST", s.caller.target("tags/create", {})).json()
        broken = fetch("POST", s.caller.target("tags/create", {}), b"not json").json()
        wrong = s.caller.post("tags/create", tag="text")
        long = s.caller.post("user/info/updateremark", openid="o", remark="长" * 31)

    codes = [answer["errcode"] for answer in (by_get, empty, broken, wrong, long)]
    assert codes == [43002, 44002, 47001, 47001, 40035]
    assert all(RID.search(each["errmsg"]) for each in (by_get, empty, broken, wrong, long))


def test_daily_quota_and_ten_clearings_a_month() -> None:
    with oa_scene() as s:
        s.sim.post("settings", rate_factor=0.001)
        codes = [s.caller.get("tags/get").get("errcode", 0) for _ in range(2)]
        cleared = [s.caller.post("clear_quota", appid=s.appid)["errcode"] for _ in range(11)]
        again = s.caller.get("tags/get")
        other = s.caller.post("clear_quota", appid="wxother")["errcode"]

    assert codes == [0, 45009]
    assert cleared == [0] * 10 + [48006]
    assert "tags" in again
    assert other == 40013


def test_ticket_is_the_same_while_it_lives() -> None:
    with oa_scene() as s:
        first = s.caller.get("ticket/getticket", type="jsapi")
        again = s.caller.get("ticket/getticket", type="jsapi")
        card = s.caller.get("ticket/getticket", type="wx_card")
        s.sim.post("clock", advance_s=7201)
        s.caller.token = ""
        after = s.caller.get("ticket/getticket", type="jsapi")
        wrong = s.caller.get("ticket/getticket", type="x")

    assert (first["errcode"], first["errmsg"]) == (0, "ok")
    assert 0 < first["expires_in"] <= 7200
    assert len({each["ticket"] for each in (first, again, card, after)}) == 3
    assert wrong["errcode"] == 40097


def test_faults_strike_an_account_by_its_appid() -> None:
    with oa_scene() as s:
        s.sim.post("faults", kind="errcode", errcode=45009, corpid=s.appid, path="tags/*", first=1)
        s.sim.post("faults", kind="http_502", corpid=s.appid, path="stable_token", first=1)
        stable = f"{s.sim.url}/cgi-bin/stable_token"
        gateway = fetch("POST", stable, b'{"appid": "%s"}' % s.appid.encode())
        struck, spared = s.caller.get("tags/get"), s.caller.get("tags/get")

    assert gateway.status == 502
    assert struck["errcode"] == 45009
    assert struck["errmsg"].startswith("reach max api daily quota limit rid: ")
    assert "tags" in spared


def test_journal_holds_calls_and_no_secret() -> None:
    with oa_scene() as s:
        token = s.caller.gettoken()["access_token"]
        s.caller.get("tags/get")
        text = fetch("GET", f"{s.sim.url}/_sim/journal").body.decode()
        entry = s.sim.journal("/cgi-bin/tags/get")[0]

    for secret in (token, s.caller.token, *(s.caller.account[n] for n in ("secret", "aes_key"))):
        assert secret not in text
    assert (entry["corpid"], entry["errcode"]) == (s.appid, 0)
