"""What is usual on such a day and which day is off: worked examples, and the page of off days."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import pytest

from contacts import orders
from contacts.models import Contact
from tests.analytics.test_kpis import asked
from tests.conftest import Business

# --- by hand: Mondays, 2026-03-02 and the eight before it ---

MONDAY = date(2026, 3, 2)


def sell(business: Business, sales: dict[date, list[int]]) -> None:
    """Orders of these amounts (fen), at noon of the day in the tenant's zone."""
    with business.scope():
        contact = Contact.objects.create(external_id="buyer")
        rows = [
            orders.Row(
                order_id=f"{day}-{n}",
                contact_id=contact.pk,
                amount_fen=fen,
                paid_at=datetime(day.year, day.month, day.day, 12, tzinfo=business.tenant.tz),
                status="paid",
            )
            for day, amounts in sales.items()
            for n, fen in enumerate(amounts)
        ]
        orders.upsert(rows)


def of_monday(business: Business, metric: str = "revenue") -> dict[str, Any]:
    answer = asked(business, "baselines", **{"from": "2026-03-02", "to": "2026-03-03"})
    found = [day for day in answer["metrics"] if day["metric"] == metric]
    assert len(answer["metrics"]) == 4 and len(found) == 1
    return dict(found[0])


def mondays(*amounts: int) -> dict[date, list[int]]:
    """The Monday itself first, then week by week back."""
    return {MONDAY - timedelta(weeks=n): [fen] for n, fen in enumerate(amounts) if fen}


@pytest.mark.parametrize(
    ("amounts", "median", "mad", "off"),
    [
        # 10 … 80: median 45, MAD 20; 3 × 1.4826 × 20 = 88.956, to 133.956
        ((13395, 1000, 2000, 3000, 4000, 5000, 6000, 7000, 8000), "45.00", "20.00", False),
        ((13396, 1000, 2000, 3000, 4000, 5000, 6000, 7000, 8000), "45.00", "20.00", True),
        # No change in eight weeks: off beyond 20 %, either way
        ((1200, 1000, 1000, 1000, 1000, 1000, 1000, 1000, 1000), "10.00", "0.00", False),
        ((1201, 1000, 1000, 1000, 1000, 1000, 1000, 1000, 1000), "10.00", "0.00", True),
        ((799, 1000, 1000, 1000, 1000, 1000, 1000, 1000, 1000), "10.00", "0.00", True),
        # Five empty weeks of eight: median 0, MAD 0; anything is off
        ((1, 0, 0, 0, 0, 0, 1000, 1000, 1000), "0.00", "0.00", True),
        # Four points are enough, three are not; the week of the first fact is a point
        ((9900, 1000, 2000, 3000, 4000), "25.00", "10.00", True),
        ((9900, 1000, 2000, 3000), None, None, False),
        ((9900,), None, None, False),
    ],
)
def test_a_day_is_off(
    business: Business, amounts: tuple[int, ...], median: str, mad: str, *, off: bool
) -> None:
    sell(business, mondays(*amounts))

    day = of_monday(business)

    assert day["value"] == f"{amounts[0] / 100:.2f}"
    assert (day["median"], day["mad"], day["off"]) == (median, mad, off)


def test_an_empty_day_among_sales_is_a_point_of_zero(business: Business) -> None:
    sell(business, mondays(0, 1000, 0, 1000, 1000, 1000))

    day = of_monday(business)

    assert (day["value"], day["median"], day["mad"]) == ("0.00", "10.00", "0.00")
    assert day["off"]
    assert of_monday(business, "orders") == {
        "metric": "orders", "date": "2026-03-02", "value": 0, "median": 1, "mad": 0, "off": True,
    }  # fmt: skip


def test_without_anything_nothing_is_usual(business: Business) -> None:
    answer = asked(business, "baselines", **{"from": "2026-03-02", "to": "2026-03-04"})

    assert len(answer["metrics"]) == 8
    assert all(d["median"] is d["mad"] is None and not d["off"] for d in answer["metrics"])


def test_off_days_are_flagged_with_the_likely_step(business: Business) -> None:
    sell(business, mondays(*([9000] + [1000] * 8)))

    url = "/dashboards/baselines/?from=2026-02-20&through=2026-03-02"
    page = business.browser("viewer").get(url + "&as_of=2026-03-03")
    assert page.status_code == 200
    rows = page.context["table"].rows
    assert rows[0][0].startswith("2026-03-02")
    assert rows[0][4:] == ["▲ off: high", "none of the steps before it"]
    assert page.context["table"].chart["off"] == [False] * 10 + [True]
    # The day itself is not judged before it is over.
    during = business.browser("viewer").get(url + "&as_of=2026-03-02T23:59")
    assert during.context["table"].rows[0][4] == "not over yet"

    with business.scope():
        contact = Contact.objects.get(external_id="buyer")
        orders.upsert(
            [
                orders.Row(
                    order_id=f"more-{n}", contact_id=contact.pk, amount_fen=100, status="paid",
                    paid_at=datetime(2026, 3, 2, 13, tzinfo=business.tenant.tz),
                )
                for n in range(9)
            ]
        )  # fmt: skip
    page = business.browser("viewer").get(url + "&as_of=2026-03-03")
    assert page.context["table"].rows[0][5] == "Orders"
