"""orders, products, costs: upserted, exact in money, told on the timeline."""

from __future__ import annotations

from typing import Any

import pytest

from contacts.models import Channel, Cost, Event, Order, Product
from tests.conftest import Business

URL = "/api/v1/orders"


@pytest.fixture
def api(business: Business) -> Any:
    client = business.api()
    for name in ("c-1", "c-2"):
        client.post("/api/v1/contacts", {"external_id": name}, format="json")
    return client


def order(number: int = 1, **values: Any) -> dict[str, Any]:
    found = {
        "order_id": f"o-{number}",
        "contact": "c-1",
        "paid_at": "2025-03-01T10:00:00+08:00",
        "amount": "100.00",
        **values,
    }
    return {name: value for name, value in found.items() if value is not ...}


def bring(api: Any, *items: object) -> list[dict[str, Any]]:
    answer = api.post(f"{URL}/bulk", {"items": list(items)}, format="json")
    assert answer.status_code == 207, answer.json()
    results: list[dict[str, Any]] = answer.json()["results"]
    return results


def told(business: Business) -> list[str]:
    with business.scope():
        return list(
            Event.objects.filter(source="orders").order_by("id").values_list("kind", flat=True)
        )


def test_an_order_is_shown_as_it_came(api: Any, business: Business) -> None:
    lines = [{"sku": "A", "quantity": 2, "price": "40"}, {"sku": "B", "quantity": 1}]
    result = bring(api, order(cost="30.5", refunded="10", items=lines))[0]

    shown = api.get(f"{URL}/{result['id']}").json()
    contact = api.get("/api/v1/contacts?external_id=c-1").json()["results"][0]["id"]
    assert result["status"] == "created"
    assert {name: shown[name] for name in ("order_id", "contact", "paid_at", "amount", "cost")} == {
        "order_id": "o-1",
        "contact": contact,
        "paid_at": "2025-03-01T10:00:00+08:00",
        "amount": "100.00",
        "cost": "30.50",
    }
    assert (shown["status"], shown["refunded"], shown["paid"]) == ("paid", "10.00", True)
    assert shown["items"] == [
        {"sku": "A", "quantity": 2, "price": "40.00"},
        {"sku": "B", "quantity": 1, "price": None},
    ]
    assert api.get(f"{URL}?contact=c-1&paid=true").json()["results"] == [shown]
    assert told(business) == ["order.paid", "order.refunded"]


def test_the_same_again_changes_nothing(api: Any, business: Business) -> None:
    item = order(items=[{"sku": "A", "quantity": 1}])
    bring(api, item)
    before = told(business)

    assert [each["status"] for each in bring(api, item, order())] == ["unchanged", "unchanged"]
    assert told(business) == before


def test_what_is_left_out_keeps_what_is_stored(api: Any) -> None:
    lines = [{"sku": "A", "quantity": 1, "price": None}]
    first = bring(api, order(cost="20", refunded="5", items=lines))[0]
    second = bring(api, order(amount="120", paid_at=...))[0]

    shown = api.get(f"{URL}/{first['id']}").json()
    assert second == {**first, "status": "updated"}
    assert (shown["amount"], shown["cost"], shown["refunded"]) == ("120.00", "20.00", "5.00")
    assert shown["paid_at"] == "2025-03-01T10:00:00+08:00"
    assert shown["items"] == lines


def test_a_full_refund_is_no_paid_order(api: Any, business: Business) -> None:
    bring(api, order(1), order(2), order(3, amount="0"), order(4, status="cancelled", paid_at=None))
    bring(api, order(1, status="refunded"), order(2, status="cancelled"))

    shown = {each["order_id"]: each for each in api.get(URL).json()["results"]}
    assert {name: each["paid"] for name, each in shown.items()} == {
        "o-1": False, "o-2": False, "o-3": True, "o-4": False,
    }  # fmt: skip
    assert shown["o-1"]["refunded"] == "100.00"
    assert told(business) == [
        "order.paid", "order.paid", "order.paid", "order.refunded", "order.cancelled",
    ]  # fmt: skip


def test_the_later_of_two_rows_wins(api: Any) -> None:
    results = bring(api, order(amount="1"), order(amount="2"), order(amount="2"))

    assert [each["status"] for each in results] == ["created", "updated", "unchanged"]
    assert api.get(URL).json()["results"][0]["amount"] == "2.00"


def test_a_blank_cost_is_that_of_the_products(api: Any, business: Business) -> None:
    for sku, cost in (("A", "10.00"), ("B", "2.50"), ("C", None)):
        product = {"sku": sku, "name": sku, "cost": cost}
        assert api.post("/api/v1/products", product, format="json").status_code == 201
    known = [{"sku": "A", "quantity": 2}, {"sku": "B", "quantity": 1}]
    bring(api, order(1, items=known), order(2, items=[*known, {"sku": "C", "quantity": 1}]))

    api.post(
        "/api/v1/products/bulk", {"items": [{"sku": "A", "name": "A", "cost": "99"}]}, format="json"
    )
    bring(api, order(1, amount="101"))

    shown = {each["order_id"]: each["cost"] for each in api.get(URL).json()["results"]}
    assert shown == {"o-1": "22.50", "o-2": "0.00"}  # stored, and nothing when one is unknown
    with business.scope():
        assert Product.objects.get(sku="A").cost_fen == 9900


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("order_id", "", "blank"),
        ("order_id", "x" * 65, "too_long"),
        ("contact", "nobody", "unknown_contact"),
        ("amount", None, "blank"),
        ("amount", "-1", "amount"),
        ("amount", "1.234", "amount"),
        ("amount", "1,000", "amount"),
        ("amount", "¥5", "amount"),
        ("amount", "NaN", "amount"),
        ("amount", "12345678901", "amount"),
        ("amount", 5, "invalid"),
        ("refunded", "100.01", "refund"),
        ("currency", "USD", "currency"),
        ("status", "shipped", "status"),
        ("paid_at", None, "paid_at"),
        ("paid_at", "2024/1/5", "time"),
        ("items", "A×1", "items"),
        ("items", [{"sku": "A"}], "quantity"),
        ("items", [{"sku": "A", "quantity": 0}], "quantity"),
        ("items", [{"sku": "A", "quantity": True}], "quantity"),
        ("items", [{"quantity": 1}], "invalid"),
        ("paid", True, "unknown_field"),
    ],
)
def test_a_bad_order_is_rejected_and_named(api: Any, field: str, value: object, code: str) -> None:
    bad, good = bring(api, order(1, **{field: value}), order(2))

    assert (bad["status"], good["status"]) == ("rejected", "created")
    assert bad["error"]["code"] == code
    assert list(bad["error"]["fields"]) == [field]


def test_the_tenants_own_currency_may_be_written(api: Any) -> None:
    assert bring(api, order(currency="cny"))[0]["status"] == "created"


def test_moving_an_order_tells_both_contacts(api: Any, business: Business) -> None:
    bring(api, order())
    bring(api, order(contact="c-2"))

    with business.scope():
        changed = Event.objects.filter(kind="order.changed")
        assert set(changed.values_list("contact__external_id", flat=True)) == {"c-1", "c-2"}


def test_bulk_takes_a_fixed_number_of_statements(
    api: Any, django_assert_max_num_queries: Any, business: Business
) -> None:
    with django_assert_max_num_queries(30):
        many = bring(api, *(order(n, items=[{"sku": "A", "quantity": n + 1}]) for n in range(300)))

    assert {each["status"] for each in many} == {"created"}
    with business.scope():
        assert Order.objects.count() == 300


def test_costs_are_keyed_by_id_or_by_day(api: Any, business: Business) -> None:
    cost = {"date": "2025-03-01", "channel": "抖音", "kind": "ad", "amount": "100"}
    items: list[object] = [
        cost,
        cost,
        {**cost, "amount": "120"},
        {**cost, "channel": ""},
        {**cost, "cost_id": "k1"},
        {**cost, "cost_id": "k1", "kind": "bait"},
        {**cost, "kind": "fun"},
        {**cost, "amount": 5},
        {**cost, "date": "2025-3-1"},
    ]

    answer = api.post("/api/v1/costs/bulk", {"items": items}, format="json")

    assert answer.status_code == 207
    assert [each["status"] for each in answer.json()["results"]] == [
        "created", "unchanged", "updated", "created", "created", "updated", "rejected", "rejected",
        "rejected",
    ]  # fmt: skip
    with business.scope():
        assert Channel.objects.filter(name="抖音").count() == 1
        assert sorted(Cost.objects.values_list("amount_fen", flat=True)) == [10000, 10000, 12000]
    listed = api.get("/api/v1/costs?channel=抖音&from=2025-03-01&to=2025-03-02").json()["results"]
    assert {(each["kind"], each["amount"]) for each in listed} == {
        ("ad", "120.00"),
        ("bait", "100.00"),
    }
    none = api.get("/api/v1/costs?channel=").json()["results"]
    assert [each["channel"] for each in none] == [None]


def test_a_cost_is_edited_by_itself(api: Any) -> None:
    made = api.post(
        "/api/v1/costs",
        {"date": "2025-03-01", "channel": None, "kind": "staff", "amount": "8000.00"},
        format="json",
    )
    assert made.status_code == 201, made.json()
    url = f"/api/v1/costs/{made.json()['id']}"

    changed = api.patch(url, {"amount": "8100", "channel": "小红书"}, format="json")
    assert changed.status_code == 200, changed.json()
    assert (changed.json()["amount"], changed.json()["channel"]) == ("8100.00", "小红书")
    assert api.patch(url, {"amount": "-1"}, format="json").status_code == 400
    assert api.delete(url).status_code == 204
    assert api.get(url).status_code == 404
