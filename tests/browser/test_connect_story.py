"""From the empty account form to the first customer, as the guide in docs/connect.md says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings
from playwright.sync_api import expect

from contacts import details, ingest
from contacts.models import Follow
from scrm.sandbox import Sandbox
from tenants.models import WeChatAccount
from tenants.wechat import probing
from tests.browser.conftest import Visit
from tests.conftest import Business, make_business
from tests.tenants.test_connect import found

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("size", ["desktop", "phone"])
@pytest.mark.parametrize("language", ["zh-CN", "en"])
def test_an_account_is_connected_by_the_guide(
    signed_in: Callable[..., Visit],
    sandbox: Sandbox,
    web_url: str,
    settings: object,
    language: str,
    size: str,
) -> None:
    settings.BASE_URL = web_url  # type: ignore[attr-defined]
    business = make_business("新客户")
    corp = found(sandbox, "corps", name="测试企业")
    found(sandbox, "staff", corpid=corp["corpid"], userid="li", name="李")
    found(sandbox, "settings", accept_after_s=0.0)
    window = signed_in("owner", business=business, language=language, size=size)

    _who_we_are(window, business, corp)
    _where_events_go(window, business, sandbox, corp)
    _what_we_may(window, business)

    ingest.work(business.pk)
    details.work(business.pk)
    with business.scope():
        assert Follow.objects.get().contact.name == "小王"
    window.open("/admin/contacts/contact/")
    expect(window.page.locator("#result_list")).to_contain_text("小王")


def _who_we_are(window: Visit, business: Business, corp: Any) -> None:
    page = window.page
    window.open("/admin/tenants/wechataccount/connect/")
    window.look("connect-1-empty", whole=True)
    page.fill("[name=name]", "Main")
    page.fill("[name=app_id]", corp["corpid"])
    page.fill("[name=agent_id]", str(corp["agentid"]))
    page.fill("[name=new_secret]", corp["secret"])
    page.click("form:has([name=app_id]) button[type=submit]")
    page.wait_for_selector("#scrm-part[hx-get]")
    probing.work(business.pk)
    page.wait_for_selector("#scrm-part .scrm-chip.success")
    window.look("connect-1-accepted", whole=True)
    page.click("#scrm-part a[href$='step=2']")


def _where_events_go(window: Visit, business: Business, sandbox: Sandbox, corp: Any) -> None:
    page = window.page
    page.click("form[action$='/keys/'] button")
    token, key = page.inner_text("#scrm-token"), page.inner_text("#scrm-aes-key")
    with business.scope():
        account = WeChatAccount.objects.get()
    door = page.inner_text(".scrm-pairs dd code >> nth=0")
    assert door == f"{settings.BASE_URL}/wechat/{account.code}"
    window.look("connect-2-keys", whole=True)
    found(
        sandbox, "callback_url", corpid=corp["corpid"], agentid=corp["agentid"],
        callback_url=door, token=token, aes_key=key,
    )  # fmt: skip
    page.wait_for_selector("#scrm-part .scrm-chip.success")
    person = found(sandbox, "customers", name="小王")["customer"]
    found(
        sandbox, "act/apply", corpid=corp["corpid"], userid="li", customer=person, accepted=True
    )  # fmt: skip
    found(sandbox, "callbacks/flush", timeout_s=30)
    page.wait_for_selector("#scrm-part:not([hx-get])")
    window.look("connect-2-arrived", whole=True)
    page.click("#scrm-part a[href$='step=3']")


def _what_we_may(window: Visit, business: Business) -> None:
    page = window.page
    page.click("form[action$='/check/'] button")
    page.wait_for_selector("#scrm-part[hx-get]")
    probing.work(business.pk)
    page.wait_for_selector("#scrm-part a[href$='step=4']")
    expect(page.locator("#scrm-part .scrm-chip.success")).to_have_count(12)
    window.look("connect-3-permissions", whole=True)
    page.click("#scrm-part a[href$='step=4']")
    window.look("connect-4-done", whole=True)
    page.click("a[href$='/health/']")
    page.wait_for_selector("#scrm-health")
    window.look("connect-5-health", whole=True)
