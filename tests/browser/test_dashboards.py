"""Every dashboard in a real browser, with the life of the demo: drawn, and sound at both sizes."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.urls import reverse

from analytics.pages import menu
from tests.browser.conftest import Visit
from tests.conftest import Business

pytestmark = pytest.mark.browser
# No field of its form ends where the button does.
ALONE = """button => ![...button.form.querySelectorAll("label")].some((label) =>
  Math.abs(label.getBoundingClientRect().bottom - button.getBoundingClientRect().bottom) < 2)"""


@pytest.mark.parametrize("name", [name for name, *_others in menu.dashboards()])
@pytest.mark.parametrize("size", ["desktop", "phone"])
@pytest.mark.parametrize("language", ["zh-CN", "en-US"])
def test_it_is_drawn(
    name: str, size: str, language: str, shop: Business, signed_in: Callable[..., Visit]
) -> None:
    window = signed_in("viewer", language=language, size=size)
    window.open(reverse(name))
    page = window.page

    page.wait_for_timeout(600)  # charts move into place
    here = "nav.dashboards :is(a[aria-current=page], summary):visible"
    assert page.locator(here).count() == 1
    assert page.locator("table, .chart, .empty").count() > 0, page.inner_text("main")
    if size == "desktop":
        assert not any(button.evaluate(ALONE) for button in page.locator(".beside button").all())
    drawn = "c => c.getContext('2d').getImageData(0, 0, c.width, c.height).data.some(v => v > 0)"
    for canvas in page.locator("canvas").all():
        assert canvas.evaluate(drawn)
    window.look(name, whole=True)


@pytest.mark.parametrize(("language", "size"), [("zh-CN", "phone"), ("en-US", "desktop")])
def test_the_menu_leads_by_keys_alone(
    language: str, size: str, shop: Business, signed_in: Callable[..., Visit]
) -> None:
    window = signed_in("viewer", language=language, size=size)
    window.open(reverse("dashboard-losses"))
    page = window.page

    if size == "phone":
        page.press("nav.dashboards summary", "Enter")
        assert page.locator("nav.dashboards .all a:visible").count() == len(menu.dashboards())
    window.look("menu")
    current = page.locator("nav.dashboards a[aria-current=page]:visible")
    assert current.get_attribute("href") == reverse("dashboard-losses")
    current.focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")

    page.wait_for_url(f"**{reverse('dashboard-cohorts')}")


def test_the_chart_is_a_picture_to_keep(shop: Business, signed_in: Callable[..., Visit]) -> None:
    window = signed_in("viewer", language="zh-CN", size="desktop")
    window.open(reverse("dashboard-value"))

    with window.page.expect_download() as download:
        window.page.click("[data-picture]")

    assert download.value.suggested_filename.endswith(".png")
    assert download.value.path().read_bytes().startswith(b"\x89PNG")
