"""Sign-in with WeCom: through the sandbox's pages and back; who is let in, and who is told what."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
import requests
from django.db import connections
from django.test import Client

from tenants import ids, sign_in_wecom
from tenants.models import (
    AuditEntry,
    Membership,
    SignInSettings,
    Staff,
    Tenant,
    User,
    WeChatAccount,
)
from tenants.wechat.accounts import shared_redis
from tests.conftest import PASSWORD, Business
from tests.wechat_fixtures import WeChat

IN_CLIENT = "Mozilla/5.0 (Linux; Android 14) wxwork/4.1.30 MicroMessenger/7.0.1"


def browser(*, inside: bool = False) -> Client:
    agent = {"User-Agent": IN_CLIENT} if inside else {}
    headers = {"Accept-Language": "en", **agent}
    return Client(headers=headers, SERVER_NAME="127.0.0.1")


def go_out(client: Client, account: WeChatAccount, **query: str) -> str:
    answer = client.get(f"/wechat/{account.code}/sign-in/", query)
    assert answer.status_code == 302, answer.content.decode()
    return str(answer["Location"])


def prove(address: str, userid: str) -> str:
    """At the platform's page this member's phone is chosen; answers where it leads."""
    silent = "/connect/oauth2/authorize" in address
    choice = {"sandbox_user" if silent else "scanned_by": userid}
    plain = address.partition("#")[0]
    answer = requests.get(f"{plain}&{urlencode(choice)}", allow_redirects=False, timeout=10)
    assert answer.status_code == 302, answer.text
    return answer.headers["Location"]


def sign_in(wechat: WeChat, userid: str, *, inside: bool = True, **query: str) -> Any:
    """Answers the client, and what it is answered in the end."""
    client = browser(inside=inside)
    back = prove(go_out(client, wechat.account, **query), userid)
    return client, client.get(back)


@pytest.fixture
def li(wechat: WeChat) -> Staff:
    """On the list of staff, and no member yet."""
    return wechat.join("li", "李")


def member(business: Business, staff: Staff, role: str = "sales") -> Membership:
    with business.scope():
        user = User.objects.create_user(f"{staff.userid}-{business.pk}@example.com", PASSWORD)
        return Membership.objects.create(user=user, role=role, staff=staff)


@pytest.mark.parametrize("inside", [True, False])
def test_a_member_comes_in_silently_or_by_scan(wechat: WeChat, li: Staff, *, inside: bool) -> None:
    place = member(wechat.business, li)

    client, answer = sign_in(wechat, "li", inside=inside, next="/desk/tasks/")

    assert (answer.status_code, answer["Location"]) == (302, "/desk/tasks/")
    assert client.session["tenant"] == wechat.business.pk
    assert int(client.session["_auth_user_id"]) == place.user_id
    assert client.get("/desk/").status_code == 200
    with wechat.business.scope():
        entry = AuditEntry.objects.get(action="member.signed_in")
        assert entry.user_id == place.user_id
        assert entry.detail["through"].startswith("tenants.wechataccount:")


def test_the_platform_is_asked_for_the_right_app(wechat: WeChat, li: Staff) -> None:
    silent = urlsplit(go_out(browser(inside=True), wechat.account))
    scan = urlsplit(go_out(browser(), wechat.account))

    assert (silent.path, silent.fragment) == ("/connect/oauth2/authorize", "wechat_redirect")
    assert scan.path == "/wwlogin/sso/login"
    for parts in (silent, scan):
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        assert query["appid"] == wechat.corpid
        assert query["agentid"] == str(wechat.agentid)
        assert query["redirect_uri"] == f"http://127.0.0.1/wechat/{wechat.account.code}/back/"


def test_at_the_real_platform(wechat: WeChat, settings: Any) -> None:
    settings.WECHAT_PAGES_BASE_URL = "platform"
    silent = go_out(browser(inside=True), wechat.account)
    scan = go_out(browser(), wechat.account)
    assert silent.startswith("https://open.weixin.qq.com/connect/oauth2/authorize?appid=")
    assert scan.startswith("https://login.work.weixin.qq.com/wwlogin/sso/login?login_type=CorpApp&")


def test_a_corporation_lets_nobody_into_other_businesses(
    wechat: WeChat, li: Staff, other_business: Business
) -> None:
    """Its administrators decide whom it vouches for."""
    place = member(wechat.business, li)
    with other_business.scope():
        Membership.objects.create(user=place.user, role="admin")
    client, _answer = sign_in(wechat, "li")
    there = {"place": ids.encode(other_business.pk)}

    assert other_business.tenant.name not in client.get("/places/").content.decode()
    client.post("/places/", there)
    assert client.session["tenant"] == wechat.business.pk

    client.post("/sign-in/", {"username": place.user.email, "password": PASSWORD})
    client.post("/places/", there)
    assert client.session["tenant"] == other_business.pk


def test_the_session_begins_anew(wechat: WeChat, li: Staff) -> None:
    member(wechat.business, li)
    client = browser(inside=True)
    back = prove(go_out(client, wechat.account), "li")
    before = client.cookies["scrm_session"].value
    client.get(back)
    assert client.cookies["scrm_session"].value != before


def test_a_way_back_is_good_once_and_in_its_own_session(wechat: WeChat, li: Staff) -> None:
    member(wechat.business, li)
    client, stranger = browser(inside=True), browser(inside=True)
    back = prove(go_out(client, wechat.account), "li")

    lured = stranger.get(back)
    assert lured.status_code == 400 and "was not begun in this window" in lured.content.decode()
    assert "_auth_user_id" not in stranger.session
    assert client.get(back).status_code == 302
    assert client.get(back).status_code == 400
    assert wechat.calls("getuserinfo")[0]["errcode"] == 0
    assert len(wechat.calls("getuserinfo")) == 1


def test_a_way_back_that_is_too_late_or_of_another_account(
    wechat: WeChat, li: Staff, monkeypatch: pytest.MonkeyPatch
) -> None:
    member(wechat.business, li)
    with wechat.business.scope():
        other = WeChatAccount.objects.create(
            name="Two", app_id="wwother", agent_id="1000009", secret="x"
        )
    client = browser(inside=True)
    back = prove(go_out(client, wechat.account), "li")
    wrong = back.replace(wechat.account.code, other.code)
    assert client.get(wrong).status_code == 400

    back = prove(go_out(client, wechat.account), "li")
    monkeypatch.setattr(sign_in_wecom, "LIFE_S", -1)
    assert client.get(back).status_code == 400


@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example/", "javascript:x"])
def test_only_pages_of_ours_are_next(wechat: WeChat, li: Staff, target: str) -> None:
    member(wechat.business, li)
    _client, answer = sign_in(wechat, "li", next=target)
    assert answer["Location"] == "/"


def test_a_scan_that_is_cancelled(wechat: WeChat, li: Staff) -> None:
    client = browser()
    state = parse_qs(urlsplit(go_out(client, wechat.account, next="/desk/")).query)["state"][0]
    answer = client.get(f"/wechat/{wechat.account.code}/back/", {"state": state})
    page = answer.content.decode()
    assert answer.status_code == 400 and "was cancelled" in page
    assert f"/wechat/{wechat.account.code}/sign-in/?next=/desk/" in page


def told(wechat: WeChat, userid: str, status: int = 403) -> str:
    client, answer = sign_in(wechat, userid)
    assert answer.status_code == status
    assert "_auth_user_id" not in client.session
    return str(answer.content.decode())


def test_each_who_is_not_let_in_is_told_what_to_do(wechat: WeChat, li: Staff) -> None:
    wechat.sim("staff", corpid=wechat.corpid, userid="new", name="New")
    customer = wechat.sim("customers", name="小王")["customer"]
    business = wechat.business

    assert "not on the list of staff here yet" in told(wechat, "new")
    assert "no member of this corporation" in told(wechat, f"person:{customer}")
    page = told(wechat, "li")
    assert "nobody has given you access" in page and "you are called li" in page
    first = member(business, li, "owner")
    assert "Owners sign in with e-mail and password" in told(wechat, "li")
    with business.scope():
        Membership.objects.filter(pk=first.pk).update(role="sales")
        twin = Membership.objects.create(
            user=User.objects.create_user(f"twin-{business.pk}@example.com", PASSWORD), staff=li
        )
    assert "Two members are linked with you" in told(wechat, "li")
    with business.scope():
        Membership.objects.filter(pk__in=[first.pk, twin.pk]).update(active=False)
    assert "Your access was switched off" in told(wechat, "li")
    with business.scope():
        Staff.objects.filter(pk=li.pk).update(active=False)
    assert "You are switched off on the list of staff" in told(wechat, "li")
    with business.scope():
        SignInSettings.objects.create(wecom=False)
    assert "does not use sign-in with WeCom" in told(wechat, "li")
    with business.scope():
        lines = AuditEntry.objects.filter(action="account.sign_in_refused").order_by("id")
        assert [line.detail["why"] for line in lines] == [
            "unknown", "no_member", "owner", "several", "member_off", "inactive", "switched_off",
        ]  # fmt: skip


def test_staff_become_sales_only_where_the_business_wants_it(wechat: WeChat, li: Staff) -> None:
    with wechat.business.scope():
        SignInSettings.objects.create(new_sales=True)

    for _time in range(2):
        client, answer = sign_in(wechat, "li", next="/desk/")
        assert answer["Location"] == "/desk/"
        assert client.get("/desk/").status_code == 200
    with wechat.business.scope():
        place = Membership.objects.select_related("user").get(staff=li)
        assert (place.role, place.user.name) == ("sales", "李")
        assert place.user.email.endswith("@staff.invalid")
        assert not place.user.has_usable_password()
        assert AuditEntry.objects.filter(action="member.created").count() == 1


def test_two_first_sign_ins_at_once_make_one_member(wechat: WeChat, li: Staff) -> None:
    with wechat.business.scope():
        SignInSettings.objects.create(new_sales=True)
    begun = []
    for _phone in range(4):
        client = browser(inside=True)
        begun.append((client, prove(go_out(client, wechat.account), "li")))

    def finish(one: tuple[Client, str]) -> int:
        try:
            return int(one[0].get(one[1]).status_code)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(finish, begun)) == [302] * 4
    with wechat.business.scope():
        assert Membership.objects.filter(staff=li).count() == 1


def test_the_same_userid_of_another_corporation_is_somebody_else(wechat: WeChat, li: Staff) -> None:
    member(wechat.business, li)
    with wechat.business.scope():
        other = WeChatAccount.objects.create(name="Two", app_id="wwother", secret="x")
    # Nobody knows whose this userid is, with two corporations.
    assert "not on the list of staff" in told(wechat, "li")
    with wechat.business.scope():
        Staff.objects.filter(pk=li.pk).update(account=other)
    assert "not on the list of staff" in told(wechat, "li")
    with wechat.business.scope():
        Staff.objects.filter(pk=li.pk).update(account=wechat.account)
    assert sign_in(wechat, "li")[1].status_code == 302


def test_a_code_is_for_one_business_only(
    wechat: WeChat, li: Staff, other_business: Business
) -> None:
    """The same corporation name, the same userid: another business gets nothing of it."""
    with other_business.scope():
        stranger = Staff.objects.create(userid="li")
    member(other_business, stranger)
    client, answer = sign_in(wechat, "li")
    assert answer.status_code == 403
    assert "tenant" not in client.session


def test_whoever_is_signed_in_elsewhere_changes_over(
    wechat: WeChat, li: Staff, other_business: Business
) -> None:
    place = member(wechat.business, li)
    client = browser(inside=True)
    client.force_login(other_business.users["operator"])
    session = client.session
    session["tenant"] = other_business.pk
    session.save()

    client.get(prove(go_out(client, wechat.account), "li"))

    assert client.session["tenant"] == wechat.business.pk
    assert int(client.session["_auth_user_id"]) == place.user_id


def test_trouble_of_the_platform_is_told(wechat: WeChat, li: Staff) -> None:
    wechat.fault("errcode", path="auth/getuserinfo", errcode=-1)
    assert "does not answer at the moment" in told(wechat, "li", 503)
    requests.delete(f"{wechat.sandbox.url}/_sim/faults", timeout=10)
    wechat.fault("errcode", path="auth/getuserinfo", errcode=40029)
    assert "was used or is too old" in told(wechat, "li", 503)


def test_where_only_the_older_name_is_known(wechat: WeChat, li: Staff) -> None:
    member(wechat.business, li)
    wechat.fault("errcode", path="auth/getuserinfo", errcode=48002)
    assert sign_in(wechat, "li")[1].status_code == 302
    assert len(wechat.calls("user/getuserinfo")) == 1


@pytest.mark.parametrize("change", [{"active": False}, {"kind": "oa"}])
def test_closed_doors_are_not_found(wechat: WeChat, change: dict[str, Any]) -> None:
    with wechat.business.scope():
        WeChatAccount.objects.filter(pk=wechat.account.pk).update(**change)
    for part in ("sign-in", "back"):
        assert browser().get(f"/wechat/{wechat.account.code}/{part}/").status_code == 404
    assert browser().get("/wechat/nonsense/sign-in/").status_code == 404


def test_an_account_without_an_agent_id_says_so(wechat: WeChat) -> None:
    with wechat.business.scope():
        WeChatAccount.objects.filter(pk=wechat.account.pk).update(agent_id="")
    answer = browser().get(f"/wechat/{wechat.account.code}/sign-in/")
    assert answer.status_code == 409 and "has no agent id" in answer.content.decode()


def test_the_sign_in_page_of_a_business_offers_its_ways(wechat: WeChat) -> None:
    slug, door = wechat.business.tenant.slug, f"/wechat/{wechat.account.code}/sign-in/"
    page = browser().get(f"/sign-in/{slug}/?next=/desk/").content.decode()
    assert f'href="{door}?next=/desk/"' in page and "Sign in with WeCom" in page
    asked = browser().get("/sign-in/", {"business": slug.upper()})
    assert (asked.status_code, asked["Location"]) == (302, f"/sign-in/{slug}/")

    with wechat.business.scope():
        second = WeChatAccount.objects.create(
            name="Second <corp>", app_id="wwtwo", agent_id="1000002", secret="x"
        )
    both = browser().get(f"/sign-in/{slug}/").content.decode()
    assert door in both and f"/wechat/{second.code}/sign-in/" in both
    assert "Sign in with WeCom · Second &lt;corp&gt;" in both

    none = "There is no sign-in with WeCom under this short name."
    assert none in browser().get("/sign-in/no-such-business/").content.decode()
    with wechat.business.scope():
        SignInSettings.objects.create(wecom=False)
    assert none in browser().get(f"/sign-in/{slug}/").content.decode()
    Tenant.objects.filter(pk=wechat.business.pk).update(active=False)
    assert none in browser().get(f"/sign-in/{slug}/").content.decode()


def test_the_setting_is_made_in_the_admin(business: Business) -> None:
    owner = business.browser("owner")
    page = owner.get("/admin/settings/").content.decode()
    assert 'name="sign_in-new_sales"' in page
    owner.post("/admin/settings/", {"sign_in-sent": "on", "sign_in-new_sales": "on"})
    with business.scope():
        stored = SignInSettings.of_tenant()
        assert (stored.wecom, stored.new_sales) == (False, True)
        line = AuditEntry.objects.get(action="sign_in_settings.changed")
        assert sorted(line.detail["fields"]) == ["new_sales", "wecom"]


def test_signatures_are_for_members_and_pages_of_ours(
    wechat: WeChat, other_business: Business
) -> None:
    address = f"/wechat/{wechat.account.code}/signatures/"
    query = {"url": "http://testserver/desk/sidebar/x/"}
    sales = wechat.business.browser("sales")

    given = sales.get(address, query).json()
    assert (given["corpid"], given["agentid"]) == (wechat.corpid, str(wechat.agentid))
    assert set(given["config"]) == set(given["agent_config"]) == {"timestamp", "nonce", "signature"}
    assert sales.get(address, query).status_code == 200
    assert len(wechat.calls("get_jsapi_ticket")) == len(wechat.calls("ticket/get")) == 1
    assert sales.get(address, {"url": "https://evil.example/"}).status_code == 400
    assert wechat.business.browser("viewer").get(address, query).status_code == 403
    assert other_business.browser("sales").get(address, query).status_code == 401
    assert Client().get(address, query).status_code == 401
    assert sales.post(address, query).status_code == 405


def test_signatures_refused_by_the_platform_are_told_in_words(wechat: WeChat) -> None:
    shared_redis().delete(f"scrm:t{wechat.business.pk}:wechat:{wechat.account.pk}:ticket")
    wechat.fault("errcode", path="get_jsapi_ticket", errcode=48002)
    answer = wechat.business.browser("sales").get(
        f"/wechat/{wechat.account.code}/signatures/", {"url": "http://testserver/"}
    )
    assert answer.status_code == 503
    assert "WeCom refused" in answer.json()["error"]
