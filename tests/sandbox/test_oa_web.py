"""Does a page inside WeChat learn who opened it, and no more than the person allowed?"""

from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from wechatpy.exceptions import WeChatOAuthException
from wechatpy.oauth import WeChatOAuth

from .actors import fetch
from .oa_actors import OaScene, oa_scene

BACK = "http://127.0.0.1:9/back?from=menu"


def _login(s: OaScene, scope: str = "snsapi_base", **more: object) -> Any:
    asked = {"redirect_uri": BACK, "response_type": "code", "scope": scope, "state": "a&b"}
    return s.act("authorize", **{**asked, **more})


def _page_token(s: OaScene, code: str, /, **other: str) -> Any:
    account = s.caller.account
    query = {
        "appid": account["appid"],
        "secret": account["secret"],
        "code": code,
        "grant_type": "authorization_code",
        **other,
    }
    return fetch("GET", f"{s.sim.url}/sns/oauth2/access_token?{urlencode(query)}").json()


def test_library_walks_from_the_page_to_the_person() -> None:
    with oa_scene() as s:
        account = s.caller.account
        oauth = WeChatOAuth(account["appid"], account["secret"], BACK, "snsapi_userinfo", "s")
        oauth.API_BASE_URL = f"{s.sim.url}/"
        oauth.OAUTH_BASE_URL = f"{s.sim.url}/connect/"
        page = fetch("GET", oauth.authorize_url.split("#")[0])
        given = {
            name: each[0] for name, each in parse_qs(urlsplit(oauth.authorize_url).query).items()
        }
        person = s.sim.post("customers", name="小明", gender=1)
        sent = s.sim.post("act/oa_authorize", {**given, "customer": person["customer"]})
        code = parse_qs(urlsplit(sent["location"]).query)["code"][0]
        token = oauth.fetch_access_token(code)
        known = oauth.get_user_info()
        renewed = oauth.refresh_access_token(token["refresh_token"])
        with pytest.raises(WeChatOAuthException) as twice:
            oauth.fetch_access_token(code)
        oauth._http.close()

    assert page.status == 200
    assert token.keys() == {
        "access_token",
        "expires_in",
        "refresh_token",
        "openid",
        "scope",
        "unionid",
    }
    assert (known["nickname"], known["sex"], known["openid"]) == ("小明", 1, token["openid"])
    assert known["unionid"] == token["unionid"] == person["unionid"]
    assert known["privilege"] == []
    assert renewed["access_token"] != token["access_token"]
    assert renewed["refresh_token"] == token["refresh_token"]
    assert twice.value.errcode == 40163


def test_base_scope_tells_the_openid_alone_and_needs_no_following() -> None:
    with oa_scene() as s:
        sent = _login(s)
        back = urlsplit(sent["location"])
        token = _page_token(s, sent["code"])
        query = {"access_token": token["access_token"], "openid": token["openid"]}
        refused = fetch("GET", f"{s.sim.url}/sns/userinfo?{urlencode(query)}").json()
        info = s.caller.get("user/info", openid=token["openid"])
        followers = s.caller.get("user/get")

    assert parse_qs(back.query) == {"from": ["menu"], "code": [sent["code"]], "state": ["a&b"]}
    assert (back.netloc, back.path) == ("127.0.0.1:9", "/back")
    assert "unionid" not in token
    assert refused["errcode"] == 48001
    assert info["subscribe"] == 0
    assert followers["total"] == 0


def test_same_person_has_the_same_openid_on_pages_and_as_a_fan() -> None:
    with oa_scene() as s:
        openid = s.fan()

        assert _page_token(s, _login(s, customer=openid)["code"])["openid"] == openid


@pytest.mark.parametrize(
    ("other", "code"),
    [
        ({"appid": "wxother"}, 40013),
        ({"secret": "wrong"}, 40125),
        ({"code": ""}, 41008),
        ({"code": "nobody's"}, 40029),
        ({"grant_type": "x"}, 40002),
    ],
)
def test_refused_codes(other: dict[str, str], code: int) -> None:
    with oa_scene() as s:
        given = _login(s)["code"]
        refused = _page_token(s, given, **other)

        assert refused["errcode"] == code
        # A refusal does not use the code up.
        assert "openid" in _page_token(s, given)


def test_code_lasts_five_minutes_and_the_page_token_two_hours() -> None:
    with oa_scene() as s:
        late = _login(s)["code"]
        s.sim.post("clock", advance_s=301)
        expired = _page_token(s, late)
        token = _page_token(s, _login(s, "snsapi_userinfo")["code"])
        s.sim.post("clock", advance_s=7201)
        query = {"access_token": token["access_token"], "openid": token["openid"]}
        over = fetch("GET", f"{s.sim.url}/sns/userinfo?{urlencode(query)}").json()

    assert expired["errcode"] == 42003
    assert over["errcode"] == 42001


@pytest.mark.parametrize(
    "wrong",
    [
        {"redirect_uri": "http://example.com/back"},
        {"redirect_uri": "javascript:alert(1)"},
        {"redirect_uri": ""},
        {"scope": "snsapi_everything"},
        {"response_type": "token"},
    ],
)
def test_nobody_is_sent_elsewhere(wrong: dict[str, str]) -> None:
    with oa_scene() as s:
        assert "error" in _login(s, **wrong)


def test_call_of_pages_that_is_not_simulated() -> None:
    with oa_scene() as s:
        answer = fetch("GET", f"{s.sim.url}/sns/auth?access_token=a&openid=o").json()

    assert answer["errcode"] == 48001
