"""Plans: the list with its line of time and holidays, one plan, its form; both languages, sizes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from analytics.models.plans import Plan, PlanPhase
from analytics.plans import making
from journeys.models import Sop
from tenants.ids import encode
from tests.browser.conftest import Visit
from tests.browser.test_main_pages import EVERYWHERE
from tests.conftest import Business

pytestmark = pytest.mark.browser


@pytest.fixture
def planning(shop: Business) -> Business:
    """A plan that runs with milestones and a script, one that lies ahead, one without a goal."""
    with shop.scope():
        today = timezone.now().astimezone(shop.tenant.tz).date()
        for name, first, days, metric, target in (
            ("双 11 预热", -20, 41, "revenue", "90000"), ("Friends", -9, 30, "delete_rate", "0.02"),
            ("Next", 20, 30, "new_customers", None),
        ):  # fmt: skip
            plan, new = Plan.objects.get_or_create(
                name=name, metric=metric,
                defaults={
                    "target": target and Decimal(target),
                    "starts_on": today + timedelta(days=first),
                    "ends_on": today + timedelta(days=first + days - 1),
                },
            )  # fmt: skip
            if new and metric == "revenue":
                making.attach(plan, Sop.objects.all())
                for n, figure in enumerate(("new_contacts", "orders", "repeat_rate")):
                    PlanPhase.objects.create(
                        plan=plan, name=f"{n + 1}", first_day=1 + 10 * n, last_day=10 + 10 * n,
                        metric=figure, target=Decimal("0.5"),
                    )  # fmt: skip
    return shop


@EVERYWHERE
def test_plans(
    language: str, size: str, planning: Business, signed_in: Callable[..., Visit]
) -> None:
    with planning.scope():
        plan, rate = Plan.objects.get(metric="revenue"), Plan.objects.get(metric="delete_rate")
    window = signed_in("owner", language=language, size=size)
    pages = {
        "list": "/dashboards/plans/",
        "one": f"/dashboards/plans/{encode(plan.pk)}/",
        "rate": f"/dashboards/plans/{encode(rate.pk)}/",
        "form": f"/admin/analytics/plan/{plan.pk}/change/",
    }
    for name, path in pages.items():
        window.open(path)
        window.look(f"plans-{name}", whole=True)
