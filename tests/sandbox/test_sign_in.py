"""Do members and customers sign in as through the real pages, and do tickets sign scripts?"""

import hashlib
import re
from dataclasses import dataclass
from html import unescape
from http.client import HTTPConnection
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from .actors import Scene, scene
from .grounds import advance

BACK = "http://127.0.0.1:9/back?next=%2Fhome"
AUTHORIZE = "/connect/oauth2/authorize"
LOGIN = "/wwlogin/sso/login"


@dataclass
class Page:
    status: int
    location: str
    cookie: str
    body: str

    @property
    def query(self) -> dict[str, list[str]]:
        return parse_qs(urlsplit(self.location).query)

    @property
    def code(self) -> str:
        return self.query["code"][0]

    @property
    def links(self) -> list[str]:
        return [unescape(found) for found in re.findall(r'href="(/[^"]*)"', self.body)]


def _open(s: Scene, target: str, cookie: str = "") -> Page:
    connection = HTTPConnection(str(urlsplit(s.sim.url).hostname), urlsplit(s.sim.url).port)
    try:
        connection.request("GET", target, headers={"Cookie": cookie} if cookie else {})
        answer = connection.getresponse()
        body = answer.read().decode()
        return Page(
            answer.status,
            answer.getheader("Location", ""),
            answer.getheader("Set-Cookie", "").partition(";")[0],
            body,
        )
    finally:
        connection.close()


def _silent(s: Scene, cookie: str = "", **more: str) -> Page:
    query = {
        "appid": s.corpid,
        "redirect_uri": BACK,
        "response_type": "code",
        "scope": "snsapi_base",
        "state": "xyz",
    }
    return _open(s, f"{AUTHORIZE}?{urlencode({**query, **more})}", cookie)


def _login(s: Scene, path: str = LOGIN, **more: str) -> Page:
    query = {
        "login_type": "CorpApp",
        "appid": s.corpid,
        "agentid": str(s.caller.corp["agentid"]),
        "redirect_uri": BACK,
        "state": "xyz",
    }
    return _open(s, f"{path}?{urlencode({**query, **more})}")


def test_phone_is_chosen_once_and_then_silent() -> None:
    with scene() as s:
        asked = _silent(s)
        chosen = _open(s, next(link for link in asked.links if "sandbox_user=li" in link))
        silent = _silent(s, chosen.cookie)
        first = s.caller.get("auth/getuserinfo", code=chosen.code)
        second = s.caller.get("user/getuserinfo", code=silent.code)

    assert (asked.status, asked.location) == (200, "")
    assert (chosen.status, silent.status) == (302, 302)
    assert silent.location.startswith("http://127.0.0.1:9/back?next=%2Fhome&code=")
    assert silent.query["state"] == ["xyz"]
    assert first == {"errcode": 0, "errmsg": "ok", "userid": "li"}
    assert second == {"errcode": 0, "errmsg": "ok", "UserId": "li", "DeviceId": ""}


def test_customer_is_known_by_openid_and_external_userid() -> None:
    with scene() as s:
        scanned = s.customer()
        stranger = s.sim.post("customers", name="路人")["customer"]
        pages = [
            _silent(s, sandbox_user=f"person:{who}")
            for who in (scanned["customer"], scanned["customer"], stranger)
        ]
        known = s.caller.get("auth/getuserinfo", code=pages[0].code)
        old = s.caller.get("user/getuserinfo", code=pages[1].code)
        unknown = s.caller.get("auth/getuserinfo", code=pages[2].code)

    assert known["external_userid"] == scanned["external_userid"]
    assert old["OpenId"] == known["openid"]
    assert known["openid"] != unknown["openid"]
    assert unknown.keys() == {"errcode", "errmsg", "openid"}


def test_code_is_good_once_for_five_minutes_for_its_corp() -> None:
    with scene() as s:
        used = _silent(s, sandbox_user="li").code
        late = _silent(s, sandbox_user="li").code
        abroad = _silent(s, sandbox_user="li").code
        once = s.caller.get("auth/getuserinfo", code=used)["errcode"]
        twice = s.caller.get("auth/getuserinfo", code=used)
        advance(s, 301)
        expired = s.caller.get("auth/getuserinfo", code=late)["errcode"]
        unknown = s.caller.get("auth/getuserinfo", code="nonsense")["errcode"]
        s.caller.corp = s.sim.post("corps", name="另一家")
        s.caller.token = ""
        other = s.caller.get("auth/getuserinfo", code=abroad)["errcode"]

    assert once == 0
    assert (twice["errcode"], twice["errmsg"].startswith("invalid code")) == (40029, True)
    assert (expired, unknown, other) == (40029, 40029, 40029)


@pytest.mark.parametrize("path", [LOGIN, "/wwopen/sso/qrConnect"])
def test_scan_signs_the_chosen_member_in(path: str) -> None:
    with scene() as s:
        page = _login(s, path)
        scanned = _open(s, next(link for link in page.links if "scanned_by=zhang" in link))
        info = s.caller.get("auth/getuserinfo", code=scanned.code)
        again = _login(s, path)

    assert page.status == 200
    assert (scanned.status, scanned.query["state"]) == (302, ["xyz"])
    assert info["userid"] == "zhang"
    # Nothing is remembered: each sign-in is a scan of its own.
    assert again.status == 200


def test_cancelled_scan_goes_back_without_a_code() -> None:
    with scene() as s:
        page = _login(s)
        back = unescape(re.findall(r'href="(http[^"]*)"', page.body)[0])

    assert parse_qs(urlsplit(back).query) == {"next": ["/home"], "state": ["xyz"]}


def test_code_of_one_app_is_no_good_to_another() -> None:
    with scene() as s:
        code = _login(s, scanned_by="li").code
        s.caller.corp = s.sim.post("apps", corpid=s.corpid, app_name="另一个")
        s.caller.token = ""

        assert s.caller.get("auth/getuserinfo", code=code)["errcode"] == 50001


def test_members_out_of_range_or_inactive_cannot_scan() -> None:
    with scene(visible=["li", "asleep"]) as s:
        s.sim.post("staff", corpid=s.corpid, userid="asleep", active=False)
        pages = [_login(s, scanned_by=userid) for userid in ("zhang", "asleep")]

    assert [(page.status, page.location) for page in pages] == [(200, ""), (200, "")]
    assert all("No permission" in page.body for page in pages)


@pytest.mark.parametrize(
    "change",
    [
        {"redirect_uri": "http://example.com/"},
        {"redirect_uri": "javascript:alert(1)"},
        {"response_type": "token"},
        {"scope": "everything"},
        {"agentid": "9"},
        {"agentid": "x"},
    ],
)
def test_bad_requests_get_a_page_and_no_code(change: dict[str, str]) -> None:
    with scene() as s:
        page = _silent(s, sandbox_user="li", **change)

    assert (page.status, page.location) == (400, "")


def test_names_are_shown_as_text() -> None:
    with scene() as s:
        s.sim.post("staff", corpid=s.corpid, userid="x", name="<script>alert(1)</script>")
        page = _silent(s)

    assert "<script>" not in page.body
    assert "&lt;script&gt;" in page.body


def test_unionid_leads_to_the_customer_or_to_a_pending_id() -> None:
    with scene() as s:
        scanned = s.customer()
        unionid = s.sim.get(f"customers/{scanned['customer']}")["unionid"]
        path = "idconvert/unionid_to_external_userid"
        known = s.caller.post(path, unionid=unionid, openid="oXYZ", subject_type=0)
        unknown = [s.caller.post(path, unionid="o_nobody", openid="oXYZ") for _ in range(2)]
        missing = s.caller.post(path, unionid=unionid)

    assert known == {"errcode": 0, "errmsg": "ok", "external_userid": scanned["external_userid"]}
    assert unknown[0].keys() == {"errcode", "errmsg", "pending_id"}
    assert unknown[0] == unknown[1]
    assert missing["errcode"] == 40058


def test_unionid_is_no_good_without_binding() -> None:
    with scene(bound=False) as s:
        answer = s.caller.post("idconvert/unionid_to_external_userid", unionid="o", openid="o")

    assert answer["errcode"] == 48002


def _signed(ticket: str, url: str) -> dict[str, Any]:
    text = f"jsapi_ticket={ticket}&noncestr=abc&timestamp=1700000000&url={url}"
    signature = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
    return {"noncestr": "abc", "timestamp": 1_700_000_000, "url": url, "signature": signature}


def test_tickets_live_two_hours_and_sign_pages() -> None:
    with scene() as s:
        corp = s.caller.get("get_jsapi_ticket")
        again = s.caller.get("get_jsapi_ticket")
        agent = s.caller.get("ticket/get", type="agent_config")
        of_app = {"corpid": s.corpid, "agentid": s.caller.corp["agentid"]}
        url = "http://127.0.0.1:8000/sidebar?a=1"
        checks = [
            s.sim.post("check_signature", {"corpid": s.corpid, **_signed(corp["ticket"], url)}),
            s.sim.post("check_signature", {**of_app, **_signed(agent["ticket"], url)}),
            s.sim.post("check_signature", {**of_app, **_signed(corp["ticket"], url)}),
        ]
        advance(s, 7201)
        expired = s.sim.post("check_signature", {**of_app, **_signed(agent["ticket"], url)})
        renewed = s.caller.get("get_jsapi_ticket")

    assert corp["ticket"] == again["ticket"] != agent["ticket"]
    assert 0 < again["expires_in"] <= 7200
    assert [check["valid"] for check in checks] == [True, True, False]
    assert expired == {"valid": False}
    assert renewed["ticket"] != corp["ticket"]


def test_tickets_have_their_own_limits() -> None:
    with scene() as s:
        codes = [s.caller.get("get_jsapi_ticket")["errcode"] for _ in range(101)]
        wrong = s.caller.get("ticket/get", type="wx_card")["errcode"]
        advance(s, 3601)
        later = s.caller.get("get_jsapi_ticket")["errcode"]

    assert codes == [0] * 100 + [45009]
    assert (wrong, later) == (40058, 0)
