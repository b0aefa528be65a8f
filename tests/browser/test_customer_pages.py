"""Cohorts, concentration and RFM in a real browser; both languages, both sizes."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from contacts.models import Segment
from tests.browser.conftest import Visit
from tests.conftest import Business

pytestmark = pytest.mark.browser

EVERYWHERE = pytest.mark.parametrize(
    ("language", "size"),
    [("zh-CN", "desktop"), ("zh-CN", "phone"), ("en-US", "desktop"), ("en-US", "phone")],
)
SignIn = Callable[..., Visit]
DRAWN = "c => c.getContext('2d').getImageData(0, 0, c.width, c.height).data.some(v => v > 0)"


@EVERYWHERE
def test_cohorts_scroll_under_their_names(
    language: str, size: str, shop: Business, signed_in: SignIn
) -> None:
    window = signed_in("viewer", language=language, size=size)
    for value in ("retention", "revenue", "margin"):
        window.open(f"/dashboards/cohorts/?value={value}")
        assert window.page.locator("td.tile").count() > 4
        window.look(f"cohorts-{value}", whole=True)

    region = window.page.locator(".table-wrap")
    name = window.page.locator("tbody th").first
    before = name.bounding_box()
    region.evaluate("e => { e.scrollLeft = 80 }")
    after = name.bounding_box()
    assert before is not None
    assert after is not None
    assert before["x"] == after["x"]


@EVERYWHERE
def test_concentration_draws_both_views(
    language: str, size: str, shop: Business, signed_in: SignIn
) -> None:
    window = signed_in("viewer", language=language, size=size)
    for view in ("customers", "months"):
        window.open(f"/dashboards/concentration/?view={view}")
        window.page.wait_for_timeout(800)
        assert window.page.eval_on_selector("canvas", DRAWN)
        window.look(f"concentration-{view}", whole=True)


@EVERYWHERE
def test_a_tile_of_the_map_becomes_a_segment(
    language: str, size: str, shop: Business, signed_in: SignIn
) -> None:
    window = signed_in("operator", language=language, size=size)
    window.open("/dashboards/rfm/")
    window.look("rfm", whole=True)

    window.page.locator(".rfm-map a").first.click()
    window.page.wait_for_load_state("networkidle")
    window.look("rfm-people", whole=True)
    window.page.click("#people form button")
    window.page.wait_for_url("**/admin/contacts/segment/**")

    with shop.scope():
        segment = Segment.objects.latest("pk")
    assert segment.rule["rfm"]["within_days"] == 365
    window.look("rfm-segment", whole=True)
