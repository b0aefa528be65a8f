"""How much of a goal is due by now? Weekdays count as they usually do."""

from __future__ import annotations

from datetime import date, datetime, time
from typing import Any

import pytest

from analytics.models.goals import Target
from contacts import orders
from contacts.models import Contact
from tests.analytics.plan_ground import made, progress_of
from tests.analytics.reference_plans import DAY
from tests.conftest import Business

WEEK = {"starts_on": "2026-03-02", "ends_on": "2026-03-08", "metric": "orders", "target": "90"}


def sell(business: Business, weeks: int, by_weekday: list[int], until: date) -> None:
    """So many orders on each weekday of the weeks before a Monday; in one of them none at all."""
    with business.scope():
        contact = Contact.objects.create(external_id="regular")
        moments = [
            datetime.combine(until - DAY * n, time(12), tzinfo=business.tenant.tz)
            for n in range(1, 7 * weeks + 1)
            if n > 7
            for _order in range(by_weekday[(until - DAY * n).weekday()])
        ]
        orders.upsert(
            [
                orders.Row(f"o{n}", contact.pk, 10_000, paid_at, None, "paid")
                for n, paid_at in enumerate(moments)
            ]
        )


def test_weekdays_count_as_they_usually_do(business: Business) -> None:
    monday = date(2026, 3, 2)
    sell(business, 9, [1, 1, 1, 1, 1, 2, 2], monday)
    plan = made(business, **WEEK)

    def aim(as_of: str) -> dict[str, Any]:
        return dict(progress_of(business, plan, as_of)["aim"])

    # Five of nine parts before the weekend, six at noon of Saturday.
    assert (aim("2026-03-07")["expected"], aim("2026-03-07T12:00")["expected"]) == (50, 60)
    assert (aim("2026-03-09")["expected"], aim("2026-03-02")["expected"]) == (90, None)
    assert aim("2026-03-07")["by_weekday"] is True
    points = progress_of(business, plan, "2026-03-07")["points"]
    assert [point["pace"] for point in points] == [10, 20, 30, 40, 50, 70, 90]
    # Ten times as much on one Friday is not usual, and what comes later is not known before.
    with business.scope():
        contact = Contact.objects.get()
        noon = datetime(2026, 2, 6, 12, tzinfo=business.tenant.tz)
        rows = [orders.Row(f"x{n}", contact.pk, 100, noon, None, "paid") for n in range(10)]
        late = orders.Row("late", contact.pk, 100, noon + 30 * DAY, None, "paid")
        orders.upsert([*rows, late])
    found = aim("2026-03-07")
    assert (found["expected"], found["value"], found["forecast"]) == (50, 0, 0)
    found = aim("2026-03-08T18:00")
    assert (found["expected"], found["value"]) == (85, 1)
    assert found["forecast"] == pytest.approx(90 / 85)
    # Targets by month are due the same way: 11 of March's 40 parts are over.
    with business.scope():
        Target.objects.create(metric="orders", month=date(2026, 3, 1), value=40)
    page = business.browser("viewer").get(
        "/dashboards/kpis/?from=2026-03-01&through=2026-03-31&as_of=2026-03-09"
    )
    tiles = {tile.title: tile.pace for tile in [*page.context["focus"], *page.context["others"]]}
    assert tiles["Orders"] == "9%"


@pytest.mark.parametrize(
    ("weeks", "by_weekday", "days", "shaped"),
    [
        (3, [1, 1, 1, 1, 1, 2, 2], {}, False),
        (4, [1, 1, 1, 1, 1, 2, 2], {}, True),
        (9, [1, 1, 1, 1, 0, 0, 0], {}, False),
        (9, [1, 1, 1, 1, 2, 0, 0], {}, True),
        (9, [1, 1, 1, 1, 2, 0, 0], {"starts_on": "2026-03-07"}, False),
        (9, [1, 1, 1, 1, 2, 0, 0], {"metric": "delete_rate", "target": "0.1"}, False),
    ],
)
def test_without_a_usual_week_all_days_count_the_same(
    business: Business, weeks: int, by_weekday: list[int], days: dict[str, str], *, shaped: bool
) -> None:
    sell(business, weeks, by_weekday, date(2026, 3, 2))

    aim = progress_of(business, made(business, **WEEK | days), "2026-03-08")["aim"]

    assert aim["by_weekday"] is shaped
    if not shaped and aim["metric"] == "orders":
        assert aim["expected"] == pytest.approx(90 * aim["elapsed"])
