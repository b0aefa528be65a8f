"""A broadcast is written with a live count, started, and its page shows what became of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone

from campaigns.broadcasts import starting
from campaigns.broadcasts.audience import Audience
from campaigns.models import Broadcast, BroadcastBatch, BroadcastRecipient, BroadcastShare
from contacts.models import Contact, Follow, Identity
from tenants.models import WeChatAccount
from tests.browser.conftest import Visit
from tests.browser.test_main_pages import EVERYWHERE
from tests.conftest import Business

pytestmark = pytest.mark.browser
OUTCOMES = ("delivered", "delivered", "delivered", "not_friend", "quota", "waiting")


@pytest.fixture
def account(shop: Business) -> WeChatAccount:
    """Thirty friends of two members, with accounts at WeCom."""
    with shop.scope():
        found, made = WeChatAccount.objects.get_or_create(
            app_id="ww-broadcast", defaults={"name": "群发专用企业微信", "secret": "s"}
        )
        people = Contact.objects.filter(excluded=False).order_by("id")[:30]
        for n, person in enumerate(list(people) if made else []):
            member = shop.staff["sales" if n % 3 else "operator"]
            Follow.objects.get_or_create(
                contact=person, staff=member, defaults={"opened_at": timezone.now()}
            )
            Identity.objects.create(
                contact=person, kind="external_userid", value=f"wm-broadcast-{n}", via=found
            )
        return found


@pytest.fixture
def going(shop: Business, account: WeChatAccount) -> Broadcast:
    """Started yesterday; one of two members has confirmed."""
    with shop.scope():
        known = Broadcast.objects.filter(name="春日焕新").first()
        if known is not None:
            return known
        now = timezone.now()
        row = Broadcast.objects.create(
            name="春日焕新", account=account, everyone=True, text="春日上新，到店即享 8 折。",
            state="waiting", total=30, left_out={"excluded": 3, "consent": 2, "quota": 1},
            started_at=now - timedelta(days=1), frozen_at=now - timedelta(days=1),
            user=shop.users["operator"], reminded=[now - timedelta(hours=2)],
        )  # fmt: skip
        people = list(Contact.objects.filter(identities__via=account).order_by("id"))
        for name, confirmed in (("sales", True), ("operator", False)):
            member = shop.staff[name]
            batch = BroadcastBatch.objects.create(
                broadcast=row, staff=member, state="waiting", size=15, provider_id="m",
                accepted_at=now - timedelta(days=1), polled_at=now - timedelta(minutes=9),
                problem="" if confirmed else "请求过于频繁",
            )  # fmt: skip
            BroadcastShare.objects.create(
                batch=batch, staff=member, state="confirmed" if confirmed else "waiting",
                confirmed_at=now - timedelta(hours=20) if confirmed else None,
            )  # fmt: skip
            for n, person in enumerate(people[:15] if confirmed else people[15:]):
                state = OUTCOMES[n % len(OUTCOMES)] if confirmed else "waiting"
                BroadcastRecipient.objects.create(
                    broadcast=row, batch=batch, staff=member, contact=person, state=state,
                    target=f"wm-{n}",
                )  # fmt: skip
        return row


@EVERYWHERE
def test_a_broadcast_is_written_with_a_live_count(
    signed_in: Callable[..., Visit], account: WeChatAccount, language: str, size: str
) -> None:
    window = signed_in("operator", language=language, size=size)
    window.open("/admin/campaigns/broadcast/add/")
    window.page.wait_for_selector("#scrm-audience .scrm-quiet")
    window.page.fill("[name=name]", "会员日")
    window.page.select_option("[name=account]", label="群发专用企业微信")
    window.page.fill("[name=text]", "会员日双倍积分，仅限今天。")
    window.page.evaluate("document.querySelector('[name=everyone]').click()")
    window.page.wait_for_selector("#scrm-audience dd")
    reached = int(window.page.locator("#scrm-audience dd").first.inner_text())
    assert reached >= 20
    window.look("broadcast-new", whole=True)


@EVERYWHERE
def test_its_page_shows_what_became_of_it(
    signed_in: Callable[..., Visit], going: Broadcast, language: str, size: str
) -> None:
    window = signed_in("operator", language=language, size=size)
    window.open(f"/admin/campaigns/broadcast/{going.pk}/change/")
    assert window.page.locator("#scrm-broadcast dl dd").count() >= 4
    window.look("broadcast", whole=True)
    window.open("/admin/campaigns/broadcast/")
    window.look("broadcasts", whole=True)
    window.open(f"/admin/campaigns/broadcastrecipient/?broadcast__id__exact={going.pk}")
    window.look("broadcast-recipients", whole=True)


def test_it_is_started_by_a_button_that_asks(
    signed_in: Callable[..., Visit], shop: Business, account: WeChatAccount
) -> None:
    with shop.scope():
        row = Broadcast.objects.create(name="秋分", account=account, everyone=True, text="秋分快乐")
        starting.put_audience(row, Audience("mass_task", account.pk))
    window = signed_in("operator", language="en-US")
    window.open(f"/admin/campaigns/broadcast/{row.pk}/change/")
    window.page.locator("a[href$='/start/'], [hx-get$='/start/']").first.click()
    window.page.click("#dialog form button[type=submit]")
    window.page.wait_for_selector("#scrm-broadcast")
    assert window.page.locator("#scrm-broadcast .scrm-chip").first.inner_text() == "scheduled"
