"""Sharing a dashboard, in a real browser: a small form, a link, and the same page again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.browser.conftest import Visit

pytestmark = pytest.mark.browser


@pytest.mark.parametrize(("language", "size"), [("en", "desktop"), ("zh-CN", "phone")])
def test_a_view_is_saved_and_opened(
    signed_in: Callable[..., Visit], language: str, size: str
) -> None:
    how: dict[str, Any] = {"language": language, "size": size}
    window = signed_in("operator", **how)
    window.open("/dashboards/value/?group=month")
    page = window.page

    page.click(".share summary")
    assert page.locator(".share [name=period]").input_value() == "last_12_months"
    window.look("share")
    page.fill(".share [name=name]", f"Months {size}")
    page.click(".share button.primary")
    page.wait_for_url("**/dashboards/views/?new=*")
    window.look("saved-views", whole=True)
    page.click(f".saved a:has-text('Months {size}')")
    page.wait_for_url("**/dashboards/value/?*")

    assert "group=month" in page.url and "from=" in page.url
    window.open("/admin/analytics/reportschedule/add/")
    window.look("report-schedule", whole=True)
    window.open("/admin/analytics/reportschedule/")
    window.open("/admin/analytics/reportdelivery/")
    window.is_sound()
