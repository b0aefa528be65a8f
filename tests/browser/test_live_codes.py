"""The page of a live code with shifts and figures, its poster, the switch on the desk."""

from __future__ import annotations

from collections.abc import Callable
from datetime import time, timedelta

import pytest
from django.utils import timezone

from contacts.livecodes import keeping
from contacts.livecodes.keeping import Member, Shift, Span, Variant
from contacts.models import Channel, Contact, Follow, LiveCode, LiveCodeAdd, Welcome
from tenants.models import WeChatAccount
from tests.browser.conftest import Visit
from tests.browser.test_main_pages import EVERYWHERE
from tests.conftest import Business

pytestmark = pytest.mark.browser
DAILY = (1, 2, 3, 4, 5, 6, 7)


@pytest.fixture
def code(shop: Business) -> LiveCode:
    """Two shifts over midnight, a spare, a welcome for the night; a week of additions."""
    with shop.scope():
        known = LiveCode.objects.filter(name="地铁灯箱 2 号线").first()
        if known is not None:
            return known
        amy, bob, eve = (shop.staff[role] for role in ("sales", "operator", "admin"))
        account = WeChatAccount.objects.create(name="企业微信", app_id="ww-poster", secret="s")
        code = LiveCode.objects.create(
            name="地铁灯箱 2 号线",
            account=account,
            channel=Channel.objects.order_by("id").first(),
            status=LiveCode.Status.ACTIVE,
            qr_url="https://work.weixin.qq.com/ca/cawcde0123456789",
            welcome_text="您好 %NAME%，我是 %STAFF%",
            welcome_attachments=[{"type": "link", "title": "新客礼", "url": "https://a.example/"}],
            closed_message="活动已结束，谢谢您的关注。",
            due_at=None,
        )
        day, night = Span(DAILY, time(9), time(21)), Span(DAILY, time(21), time(9))
        keeping.put_members(code, [Member(amy, 3, 50), Member(bob, 1, 50), Member(eve, spare=True)])
        keeping.put_shifts(code, [Shift(amy, day), Shift(bob, night)])
        keeping.put_free_hours(code, [night])
        keeping.put_welcomes(code, [Variant(night, "夜深了，明早 9 点回复您。")])
        people = list(Contact.objects.order_by("id")[:30])
        for n, person in enumerate(people):
            at = timezone.now() - timedelta(hours=6 * n)
            LiveCodeAdd.objects.create(
                live_code=code, staff=(amy, bob)[n % 3 == 0], contact=person, opened_at=at,
                added_at=at if n % 5 else None,
            )  # fmt: skip
        friend = Follow.objects.order_by("id").first()
        assert friend is not None
        for n, state in enumerate(("sent", "sent", "no_code", "expired")):
            Welcome.objects.create(
                follow=friend, account=account, live_code=code, code=f"c{n}", text="Hi",
                state=state, received_at=timezone.now(), expires_at=timezone.now(),
            )  # fmt: skip
        return code


@EVERYWHERE
def test_the_page_and_the_poster(
    signed_in: Callable[..., Visit], code: LiveCode, language: str, size: str
) -> None:
    window = signed_in("admin", language=language, size=size)
    window.open(f"/admin/contacts/livecode/{code.pk}/change/")
    assert window.page.locator("text=夜深了").count() >= 1
    window.look("live-code", whole=True)
    window.open(f"/admin/contacts/livecode/{code.pk}/change/poster/")
    window.page.fill("[name=title]", "扫码领新客礼")
    window.page.locator("button[value=show]").click()
    window.page.wait_for_load_state("networkidle")
    assert window.page.locator(".scrm-poster img").count() == 1
    window.look("live-code-poster", whole=True)
    with window.page.expect_download() as found:
        window.page.locator("button[value=pdf]").click()
    assert found.value.suggested_filename.endswith(".pdf")


def test_the_switch_on_the_desk(signed_in: Callable[..., Visit], code: LiveCode) -> None:
    window = signed_in("sales", size="phone")
    window.open("/desk/")
    window.page.locator("form.duty button").click()
    window.page.wait_for_load_state("networkidle")
    assert window.page.locator("form.duty button[value='1']").count() == 1
    window.look("desk-duty")
    window.page.locator("form.duty button").click()
    window.page.wait_for_load_state("networkidle")
    assert window.page.locator("form.duty button[value='0']").count() == 1
