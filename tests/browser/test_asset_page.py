"""The statement of user assets in both languages and sizes: a table, and lists on a phone."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.browser.conftest import Visit
from tests.browser.test_main_pages import EVERYWHERE
from tests.conftest import Business

pytestmark = pytest.mark.browser


@EVERYWHERE
def test_user_assets(
    language: str, size: str, shop: Business, signed_in: Callable[..., Visit]
) -> None:
    window = signed_in("owner", language=language, size=size)
    for group in ("ownership", "staff", "team", "channel"):
        window.open(f"/dashboards/assets/?group={group}")
        window.look(f"assets-{group}", whole=True)

        lines = window.page.locator("tr.balance" if group == "ownership" else "td.balance")
        assert lines.count() >= 2
        assert lines.first.is_visible()
