"""The page of predictions with a model behind it, and the segment that one click makes of it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from contacts.models import Segment
from tests.analytics.test_prediction import Shop, shop
from tests.browser.conftest import Visit
from tests.browser.test_main_pages import EVERYWHERE
from tests.conftest import make_business

pytestmark = pytest.mark.browser


@pytest.fixture(scope="session")
def foretold(database: None) -> Shop:
    found = shop(make_business("花间美妆"), 600, seed=12)
    found.work()
    return found


@EVERYWHERE
def test_predictions(
    language: str, size: str, foretold: Shop, signed_in: Callable[..., Visit]
) -> None:
    window = signed_in("owner", business=foretold.business, language=language, size=size)
    for show in ("check", "customers", "leaving"):
        window.open(f"/dashboards/prediction/?show={show}")
        assert window.page.locator("table.data tbody tr").count() > 3
        window.page.wait_for_timeout(500)  # until the chart stands
        window.look(f"prediction-{show}", whole=True)


def test_one_click_makes_the_segment(foretold: Shop, signed_in: Callable[..., Visit]) -> None:
    window = signed_in("owner", business=foretold.business, language="en")
    window.open("/dashboards/prediction/?show=leaving")
    listed = window.page.locator("table.data tbody tr").count()
    window.page.click("a[href*='segment/add']")
    window.page.wait_for_load_state("networkidle")
    window.look("prediction-segment")
    window.page.click("[name=_save]")
    window.page.wait_for_load_state("networkidle")
    with foretold.business.scope():
        made = Segment.objects.get()
        assert made.rule["all"][0] == {"field": "p_alive", "at_most": 0.5}
    assert listed > 0
