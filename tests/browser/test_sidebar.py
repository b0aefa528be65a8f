"""Sign-in with WeCom and the desk beside a chat, against the sandbox, as docs/sidebar.md says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest
from django.utils import timezone
from playwright.sync_api import FilePayload, expect

from contacts.models import Contact, Event, Order
from journeys import sidebar_live
from journeys.models import Content
from tenants import ids
from tenants.models import Membership, Staff
from tests.browser.conftest import Visit
from tests.conftest import Business, make_business
from tests.journeys.test_sidebar import li, stranger
from tests.tenants.test_sign_in_wecom import IN_CLIENT
from tests.wechat_fixtures import WeChat

__all__ = ["li"]

pytestmark = pytest.mark.browser
NARROW = {"width": 320, "height": 720}
LANGUAGES = pytest.mark.parametrize("language", ["zh-CN", "en"])


@pytest.fixture
def business() -> Business:
    return make_business("花间美妆")


@pytest.fixture(autouse=True)
def address(settings: Any, web_url: str) -> None:
    settings.BASE_URL = web_url


def look(window: Visit, wechat: WeChat, name: str) -> None:
    """At 390 and at 320 pixels. What was asked of the sandbox is what this is about."""
    ours = [fault for fault in window.faults if not fault.startswith(f"asked {wechat.sandbox.url}")]
    window.faults[:] = ours
    before = window.page.viewport_size
    window.look(name, whole=True)
    window.page.set_viewport_size(NARROW)  # type: ignore[arg-type] # two numbers
    window.look(name, whole=True)
    if before:
        window.page.set_viewport_size(before)


def inside(window: Visit) -> None:
    """From now on this window is the WeCom client's."""
    devtools = window.page.context.new_cdp_session(window.page)
    devtools.send("Network.setUserAgentOverride", {"userAgent": IN_CLIENT})


def beside_chat(window: Visit, wechat: WeChat, customer: str) -> None:
    page = f"{window.url}/desk/sidebar/{wechat.account.code}/"
    query = {"corpid": wechat.corpid, "userid": "li", "customer": customer, "url": page}
    window.page.goto(f"{wechat.sandbox.url}/chat?{urlencode(query)}")


@LANGUAGES
def test_a_member_signs_in_by_scanning(
    language: str, visit: Callable[..., Visit], wechat: WeChat, li: Staff
) -> None:
    window = visit(language=language, size="phone")
    window.open("/sign-in/")
    look(window, wechat, "sign-in")
    window.page.fill("[name=business]", wechat.business.tenant.slug)
    window.page.press("[name=business]", "Enter")
    window.page.wait_for_url(f"**/sign-in/{wechat.business.tenant.slug}/")
    look(window, wechat, "sign-in-business")
    window.page.click("a.button.primary")
    window.page.click("a[href*='scanned_by=li']")
    window.page.wait_for_url(f"{window.url}/desk/")
    look(window, wechat, "sign-in-done")


@LANGUAGES
def test_whoever_has_no_access_is_told_what_to_do(
    language: str, visit: Callable[..., Visit], wechat: WeChat
) -> None:
    wechat.join("zhang", "张")
    window = visit(language=language, size="phone")
    inside(window)
    window.page.goto(f"{window.url}/wechat/{wechat.account.code}/sign-in/?next=/desk/")
    window.page.click("a[href*='sandbox_user=zhang']")
    expect(window.page.locator("[role=alert]")).to_be_visible()
    expect(window.page.locator("main")).to_contain_text("zhang")
    window.faults[:] = [fault for fault in window.faults if "403" not in fault]
    look(window, wechat, "sign-in-refused")


def furnished(wechat: WeChat, staff: Staff) -> Any:
    """A customer with an order, and three scripts; answers who scanned."""
    scanned = wechat.scan(wechat.live_code(staff), {"name": "王小明"})
    wechat.settle()
    with wechat.business.scope():
        contact = Contact.objects.get()
        Order.objects.create(
            contact=contact, order_id="1", amount_fen=19900, status="paid", paid_at=timezone.now()
        )
        for title, kind, body in (
            ("敏感肌护理步骤", "text", "{name}您好，先洁面，再用修护乳：{link}"),
            ("会员日活动说明（长标题会换行显示，而不会超出边界）", "article", "满三百减五十"),
            ("Price list", "price", "A4, two pages"),
        ):
            Content.objects.create(title=title, kind=kind, body=body, purpose="nurture")
    return scanned


@LANGUAGES
def test_a_script_is_sent_into_the_chat(
    language: str, visit: Callable[..., Visit], wechat: WeChat, li: Staff
) -> None:
    chinese, business = language == "zh-CN", wechat.business
    scanned = furnished(wechat, li)
    window = visit(language=language, size="phone")
    inside(window)
    beside_chat(window, wechat, scanned["customer"])

    page = window.page
    expect(page.locator("#person h1")).to_have_text("王小明")
    assert page.url.partition("#")[0] == f"{window.url}/desk/sidebar/{wechat.account.code}/"
    look(window, wechat, "sidebar-customer")
    page.click("#tab-send")
    expect(page.locator("#scripts li")).to_have_count(3)
    look(window, wechat, "sidebar-scripts")
    page.fill("#words", "修护")
    expect(page.locator("#scripts li")).to_have_count(1)
    page.click("#scripts button[data-content]")
    expect(page.locator("#status")).to_have_text("已发送。" if chinese else "Sent.")
    look(window, wechat, "sidebar-sent")

    (text,) = [each for each in wechat.messages(scanned["customer"]) if "王小明您好" in each]
    assert f"{window.url}/l/" in text
    page.click("#tab-person")
    told = "李在侧边栏发送了" if chinese else "李 sent"
    expect(page.locator("#person .timeline li").first).to_contain_text(told)
    with business.scope():
        assert Event.objects.filter(kind="content.sent").count() == 1
    page.click("[data-act=profile]")
    look(window, wechat, "sidebar-after")


@LANGUAGES
def test_an_unknown_customer_is_read_from_wecom(
    language: str,
    visit: Callable[..., Visit],
    wechat: WeChat,
    li: Staff,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sidebar_live, "YOUNG_S", 0)
    who = stranger(wechat, li, "小赵")
    window = visit(language=language, size="phone")
    inside(window)
    beside_chat(window, wechat, who)

    page = window.page
    unknown = "不在您的客户中" if language == "zh-CN" else "Not among your customers"
    expect(page.locator("#person h1")).to_have_text(unknown)
    look(window, wechat, "sidebar-unknown")
    page.click("#person [data-act=refresh]")
    expect(page.locator("#person h1")).to_have_text("小赵")
    look(window, wechat, "sidebar-known")


def test_a_ticket_that_ended_early_is_fetched_anew(
    visit: Callable[..., Visit], wechat: WeChat, li: Staff
) -> None:
    scanned = furnished(wechat, li)
    window = visit(language="en", size="phone")
    inside(window)
    beside_chat(window, wechat, scanned["customer"])
    expect(window.page.locator("#person h1")).to_have_text("王小明")
    wechat.sim("clock", advance_s=7300)  # ours is kept by the clock of this machine

    window.page.reload()

    expect(window.page.locator("#person h1")).to_have_text("王小明")
    assert len(wechat.calls("get_jsapi_ticket")) >= 2


def test_another_business_gets_no_sidebar(
    visit: Callable[..., Visit],
    signed_in: Callable[..., Visit],
    wechat: WeChat,
    li: Staff,
    other_business: Business,
) -> None:
    """Signed in elsewhere, and at WeCom somebody who is no member of this one."""
    scanned = wechat.scan(wechat.live_code(li), {"name": "王小明"})
    wechat.settle()
    with wechat.business.scope():
        Membership.objects.filter(staff=li).update(active=False)
    window = signed_in("sales", business=other_business, language="en", size="phone")
    inside(window)
    beside_chat(window, wechat, scanned["customer"])

    expect(window.page.locator("[role=alert]")).to_contain_text("Your access was switched off")
    assert "王小明" not in window.page.content()
    with wechat.business.scope():
        assert ids.encode(Contact.objects.get().pk) not in window.page.content()


def test_in_a_plain_browser_the_page_says_where_to_open_it(
    signed_in: Callable[..., Visit], wechat: WeChat, li: Staff
) -> None:
    window = signed_in("sales", business=wechat.business, language="en", size="phone")
    window.page.goto(f"{window.url}/desk/sidebar/{wechat.account.code}/")
    expect(window.page.locator("#status")).to_contain_text("does not let this page")
    look(window, wechat, "sidebar-outside")


@pytest.mark.parametrize("size", ["desktop", "phone"])
@LANGUAGES
def test_the_admin_shows_the_addresses_and_takes_the_domain_file(
    language: str, size: str, signed_in: Callable[..., Visit], wechat: WeChat
) -> None:
    window = signed_in("owner", business=wechat.business, language=language, size=size)
    page, account = window.page, wechat.account
    window.open(f"/admin/tenants/wechataccount/{account.pk}/change/")
    for address in (f"/desk/sidebar/{account.code}/", f"/wechat/{account.code}/sign-in/"):
        expect(page.locator(f"code:text-is('{window.url}{address}')")).to_be_visible()
    name = f"WW_verify_browser{account.pk}.txt"
    proof = FilePayload(name=name, mimeType="text/plain", buffer=b"browser")
    page.set_input_files("[name=new_domain_file]", proof)
    page.click("[name=_continue]")
    expect(page.locator("#content")).to_contain_text(name)
    window.look("sidebar-account", whole=True)
    answer = page.request.get(f"{window.url}/{name}")
    assert (answer.status, answer.text()) == (200, "browser")

    window.open("/admin/settings/")
    expect(page.locator("[name=sign_in-new_sales]")).to_be_attached()
    window.look("sidebar-settings", whole=True)
    window.open("/admin/journeys/content/add/")
    window.look("sidebar-content", whole=True)
