"""The formula and the three rates in a real browser: sliders by keyboard, charts, both sizes."""

from __future__ import annotations

import datetime
from collections.abc import Callable

import pytest

from contacts import timeline
from contacts.models import Event
from contacts.timeline import NewEvent
from tests.browser.conftest import Visit
from tests.conftest import Business

pytestmark = pytest.mark.browser

EVERYWHERE = pytest.mark.parametrize(
    ("language", "size"),
    [("zh-CN", "desktop"), ("zh-CN", "phone"), ("en-US", "desktop"), ("en-US", "phone")],
)
TOUCHED = (datetime.timedelta(days=25), datetime.timedelta(days=45))
DRAWN = "c => c.getContext('2d').getImageData(0, 0, c.width, c.height).data.some(v => v > 0)"


@pytest.fixture
def touched(shop: Business) -> Business:
    """Most contacts scanned, two in three talked and were touched."""
    with shop.scope():
        opened = Event.objects.filter(kind="follow.opened").order_by("id")
        now = datetime.datetime.now(datetime.UTC)
        facts = []
        for nr, (contact, at) in enumerate(opened.values_list("contact_id", "at")):
            facts.append(NewEvent(contact, "livecode.scanned", at, "shots", f"s{nr}", {}))
            if nr % 3 == 0:
                continue
            then = [("message.received", at), ("message.sent", at)]
            then += [("touch.delivered", now - d) for d in TOUCHED[: 1 + nr % 2]]
            facts += [
                NewEvent(contact, *what, "shots", f"{nr}-{n}", {}) for n, what in enumerate(then)
            ]
        timeline.record(facts)
    timeline.work(shop.pk)
    return shop


@EVERYWHERE
def test_sliders_say_what_revenue_would_be(
    language: str, size: str, touched: Business, signed_in: Callable[..., Visit]
) -> None:
    window = signed_in("viewer", language=language, size=size)
    window.open("/dashboards/formula/")
    page = window.page
    page.wait_for_timeout(800)  # the chart moves into place
    assert page.eval_on_selector("canvas", DRAWN)
    revenue = page.inner_text(".node.root .figure")
    assert page.inner_text("[data-revenue]") == revenue

    page.focus("[data-factor=aov]")
    for _ in range(10):
        page.keyboard.press("ArrowRight")

    assert "(+10.0%)" in page.inner_text("[data-difference]")
    amount = float(revenue.replace("¥", "").replace(",", ""))
    told = float(page.inner_text("[data-revenue]").replace("¥", "").replace(",", ""))
    assert told == pytest.approx(amount * 1.1, abs=0.01)
    window.look("formula", whole=True)
    page.click("[data-reset]")
    assert page.inner_text("[data-revenue]") == revenue


@EVERYWHERE
def test_the_rates_stand_beside_what_is_usual(
    language: str, size: str, touched: Business, signed_in: Callable[..., Visit]
) -> None:
    window = signed_in("viewer", language=language, size=size)
    window.open("/dashboards/rates/")
    window.page.wait_for_timeout(800)
    assert window.page.eval_on_selector("canvas", DRAWN)
    assert len(window.page.query_selector_all(".gauge .mark")) == 3
    window.look("rates", whole=True)
