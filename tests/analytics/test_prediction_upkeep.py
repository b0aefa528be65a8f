"""What a prediction needs to begin with, and what keeps it right when customers buy or merge."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from analytics import facts
from analytics.models import Forecast, ForecastState, PurchaseFit, StaleForecast
from analytics.prediction import forecasts, known
from contacts import orders, timeline
from contacts.merging import merge
from contacts.models import Contact
from tests.analytics.reference_prediction import Past
from tests.analytics.test_prediction import DAY, NOW, URL, Shop, agrees, shop
from tests.conftest import Business

# --- too little to learn from ---


def test_an_empty_tenant(business: Business) -> None:
    answer = Shop(business, [], {}).ask()
    assert (answer["model"], answer["reason"]) == (None, "no_customers")
    assert answer["params"] is answer["backtest"] is answer["predicted_ltv"] is None
    with business.scope():
        assert known.worth_of([1, 2], NOW) is None


def test_few_customers_have_the_curve_and_nothing_of_their_own(business: Business) -> None:
    small = shop(business, 60)
    small.work()
    answer = small.ask()
    assert (answer["model"], answer["reason"]) == ("cohort", "few_customers")
    assert "60" in answer["reason_text"] or str(answer["customers"]) in answer["reason_text"]
    assert answer["curve"]["30"] is not None
    assert answer["predicted_ltv"] is None
    mine = small.contact(small.contacts[0])
    assert (mine["predicted_ltv"], mine["p_alive"]) == (None, None)


@pytest.mark.parametrize(
    ("number", "wanted"),
    [(1, "short_history"), (2, "none_often"), (3, "few_repeaters"), (4, "no_revenue")],
)
def test_what_is_missing_is_said(business: Business, number: int, wanted: str) -> None:
    days = 170 if number == 1 else 300
    with business.scope():
        contacts = Contact.objects.bulk_create(
            Contact(external_id=f"c{n}", name="李") for n in range(520)
        )
        rows = []
        for n, contact in enumerate(contacts):
            often = {1: 3, 2: 2, 3: 3 if n < 50 else 1, 4: 3}[number]
            for k in range(often):
                at = NOW - DAY * days + DAY * k * 7
                fen = 0 if number == 4 else 5000
                rows.append(orders.Row(f"{n}-{k}", contact.pk, fen, at, 0, "paid"))
        orders.upsert(rows)
    answer = Shop(business, [], {}).ask()
    assert answer["reason"] == wanted
    assert answer["reason_text"]
    assert answer["model"] == "cohort"


@pytest.mark.parametrize("query", [{"channel": "Red"}, {"as_of": "soon"}, {"colour": "red"}])
def test_unknown_wishes_are_400(business: Business, query: dict[str, str]) -> None:
    assert business.api().get(URL, query).status_code == 400


@pytest.mark.parametrize("as_of", ["1990-01-01", "2199-01-01"])
def test_any_moment_has_an_answer(business: Business, as_of: str) -> None:
    small = shop(business, 5)
    assert small.ask(as_of=as_of)["model"] is None or as_of == "2199-01-01"


# --- what keeps it right ---


def test_who_buys_again_is_foretold_anew(business: Business) -> None:
    found = shop(business, 650, seed=3)
    found.work()
    calm, other = found.contacts[:2]
    before = found.contact(calm)
    with business.scope():
        found.sell(calm, NOW - timedelta(hours=1), 99_900)
        first = ForecastState.objects.get().as_of
    assert first is not None
    found.work()

    with business.scope():
        past = Past(business.tenant, datetime.now(UTC))
        # By the model that there is: one customer is no reason to learn anew.
        assert ForecastState.objects.get().as_of == first
        assert not StaleForecast.objects.exists()
        current = PurchaseFit.objects.get(as_of=first).told
        params = current["purchases"] | current["spending"]
        past.revenue, past.margin = current["revenue"], current["margin"]
        worth, alive = past.of(calm, params)
    mine = found.contact(calm)
    assert mine != before
    assert float(mine["predicted_ltv"]) == pytest.approx(worth, abs=0.011)
    assert mine["p_alive"] == pytest.approx(alive)
    agrees(found, found.ask())  # of a small tenant the report learns at once

    with business.scope():
        merge.merge(calm.pk, other.pk, by="user:1")
    found.work()
    with business.scope():
        kept = set(Forecast.objects.values_list("contact_id", flat=True))
        assert len({calm.pk, other.pk} & kept) == 1


def test_who_has_no_paid_order_left_is_worth_nothing(business: Business) -> None:
    found = shop(business, 650, seed=4)
    with business.scope():
        mine = Contact.objects.create(external_id="mine", name="王")
        number = found.sell(mine, NOW - 3 * DAY)
    found.work()
    assert float(found.contact(mine)["predicted_ltv"]) > 0

    with business.scope():
        row = found.rows[number]
        orders.upsert([orders.Row(number, mine.pk, row.amount_fen, row.paid_at, 0, "cancelled")])
    found.work()

    shown = found.contact(mine)
    assert (shown["predicted_ltv"], shown["p_alive"]) == ("0.00", None)


def test_many_new_orders_are_a_reason_to_learn_anew(business: Business) -> None:
    found = shop(business, 600, seed=5)
    found.work()
    with business.scope():
        first = ForecastState.objects.get()
        for contact in found.contacts[:60]:
            found.sell(contact, NOW - timedelta(hours=2))
        timeline.drain_all()
        facts.work()
        due = forecasts.next_due()
        assert due is not None
        assert first.as_of is not None
        ForecastState.objects.update(as_of=first.as_of - 2 * DAY, took=0)
    forecasts.work(business.pk)
    with business.scope():
        last = ForecastState.objects.get()
        assert last.as_of is not None
        assert last.as_of > first.as_of
        assert last.changed == 0
        assert not StaleForecast.objects.exists()
