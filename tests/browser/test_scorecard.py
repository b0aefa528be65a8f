"""The scorecard, off days, targets and alerts; both languages, both sizes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from analytics.alerts import checks, notices
from analytics.models.alerts import Alert, AlertRecipient, AlertRule
from analytics.models.goals import Headcount, Target
from tests.browser.conftest import Visit
from tests.browser.test_main_pages import EVERYWHERE
from tests.conftest import Business

pytestmark = pytest.mark.browser


@pytest.fixture
def aiming(shop: Business) -> Business:
    """Targets of this month, a headcount, and a rule that has found something."""
    with shop.scope():
        month = timezone.now().astimezone(shop.tenant.tz).date().replace(day=1)
        for metric, value in (("revenue", "60000"), ("new_contacts", "30"), ("orders", "400"),
                              ("delete_rate", "0.05"), ("repeat_rate", "0.3")):  # fmt: skip
            Target.objects.get_or_create(
                metric=metric, month=month, defaults={"value": Decimal(value)}
            )
        Headcount.objects.get_or_create(
            month=month, defaults={"fte": Decimal("2.5"), "pay_fen": 900_000}
        )
        rule, new = AlertRule.objects.get_or_create(metric="revenue", kind="off")
        if new:
            AlertRecipient.objects.create(rule=rule, staff=shop.staff["sales"])
            day = checks.last_whole_day(timezone.now())
            Alert.objects.create(
                rule=rule, day=day, metric="revenue", kind="off", value=Decimal(120),
                expected=Decimal(2400), steps=["orders"],
            )  # fmt: skip
            AlertRule.objects.update(checked_through=day - timedelta(days=1))
    notices.check_and_tell(shop.pk)
    return shop


@EVERYWHERE
def test_scorecard_and_off_days(
    language: str, size: str, aiming: Business, signed_in: Callable[..., Visit]
) -> None:
    with aiming.scope():
        alert = Alert.objects.order_by("-day").first()
        rule = AlertRule.objects.first()
    assert alert is not None
    assert rule is not None
    window = signed_in("owner", language=language, size=size)
    pages = {
        "scorecard": "/dashboards/kpis/",
        "scorecard-warmth": "/dashboards/kpis/?purpose=warmth",
        "off-days": "/dashboards/baselines/",
        "targets": "/admin/analytics/target/",
        "target": "/admin/analytics/target/add/",
        "headcounts": "/admin/analytics/headcount/",
        "alerts": "/admin/analytics/alert/",
        "alert": f"/admin/analytics/alert/{alert.pk}/change/",
        "rule": f"/admin/analytics/alertrule/{rule.pk}/change/",
        "settings": "/admin/settings/",
    }
    for name, path in pages.items():
        window.open(path)
        window.look(f"figures-{name}", whole=True)
