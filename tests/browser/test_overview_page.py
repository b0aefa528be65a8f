"""The overview and what is compared, in a real browser: a phone in Chinese, a screen in English."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.browser.conftest import Visit
from tests.conftest import Business

pytestmark = pytest.mark.browser

SignIn = Callable[..., Visit]


@pytest.mark.parametrize(("language", "size"), [("zh-CN", "phone"), ("en-US", "desktop")])
def test_an_owner_looks_compares_and_sees_who(
    language: str, size: str, shop: Business, signed_in: SignIn
) -> None:
    window = signed_in("owner", language=language, size=size)
    window.open("/dashboards/overview/")
    window.look("overview", whole=True)

    window.page.select_option("select[name=compare]", "previous")
    window.page.click("form.filters button")
    window.page.wait_for_load_state("networkidle")
    assert window.page.locator(".change").count() > 8
    window.look("overview-compared", whole=True)
    for page in ("kpis", "rates", "value", "assets", "funnel", "trust", "satisfaction"):
        window.open(f"/dashboards/{page}/?compare=previous")
        assert window.page.locator(".change").count() >= 3, page
        window.look(f"{page}-compared", whole=True)

    window.page.locator("a.behind").first.click()
    window.page.wait_for_url("**/admin/contacts/contact/**")
    window.look("behind", whole=True)
