"""Files of orders, events, costs and products (FIGURES R3–R7, R37–R43)."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from contacts.models import Channel, Contact, Cost, Event, Follow, Order, OrderItem, Product
from tenants.models import Staff
from tests.conftest import Business
from tests.contacts.imports.conftest import Load, counts, reasons

ORDERS = "order_id,contact,paid_at,amount,cost,currency,status,refunded,items\n"
EVENTS = "event_id,contact,kind,at,properties\n"


@pytest.fixture(autouse=True)
def known(load: Load) -> None:
    load("contacts", "external_id\nA\nB\n")
    load(
        "products",
        "SKU,名称,角色,售价,成本\nP1,引流装,引流,10,3.5\nP2,利润装,profit,50,20\nP3,无成本,,,\n",
    )


def order(business: Business, order_id: str) -> Order:
    with business.scope():
        return Order.objects.get(order_id=order_id)


def test_an_order_and_the_same_again(business: Business, load: Load) -> None:
    text = ORDERS + "O1,A,2024-03-01 10:00,100.5,,CNY,,,P1×2;P2x1\n"

    assert counts(load("orders", text)) == (1, 0, 0, 0)
    found = order(business, "O1")
    assert (found.amount_fen, found.cost_fen, found.status, found.paid) == (
        10050,
        2700,
        "paid",
        True,
    )
    assert found.paid_at == datetime(2024, 3, 1, 2, tzinfo=UTC)
    with business.scope():
        items = OrderItem.objects.order_by("line").values_list("sku", "quantity")
        assert list(items) == [("P1", 2), ("P2", 1)]
    assert counts(load("orders", text)) == (0, 0, 1, 0)


@pytest.mark.parametrize(
    ("items", "cost"), [("P1×2", 700), ("P1×2;P3×1", 0), ("P1×2;P9×1", 0), ("", 0)]
)
def test_blank_cost_is_that_of_the_products(
    business: Business, load: Load, items: str, cost: int
) -> None:
    load("orders", ORDERS + f"O1,A,2024-03-01,100,,,,,{items}\n")
    assert order(business, "O1").cost_fen == cost

    load("products", "sku,name,cost\nP1,引流装,9\nP3,x,1\n")
    assert counts(load("orders", ORDERS + f"O1,A,2024-03-01,100,,,,,{items}\n")) == (0, 0, 1, 0)
    assert order(business, "O1").cost_fen == cost


def test_blank_cells_of_an_order_keep_what_is_stored(business: Business, load: Load) -> None:
    load("orders", ORDERS + "O1,A,2024-03-01,100,30,,,,P1×2\n")

    assert counts(load("orders", ORDERS + "O1,,,,,,refunded,,\n")) == (0, 1, 0, 0)

    found = order(business, "O1")
    assert (found.amount_fen, found.cost_fen, found.refund_fen, found.paid) == (
        10000,
        3000,
        10000,
        False,
    )
    with business.scope():
        assert OrderItem.objects.count() == 1


def test_the_later_row_of_an_order_wins(business: Business, load: Load) -> None:
    text = ORDERS + "O1,A,2024-03-01,100,,,,,\nO1,A,,,,,cancelled,,\nO1,B,2024-03-02,90,,,,,\n"

    assert counts(load("orders", text)) == (1, 2, 0, 0)
    assert counts(load("orders", text)) == (0, 0, 3, 0)
    found = order(business, "O1")
    assert (found.status, found.amount_fen) == ("cancelled", 9000)


@pytest.mark.parametrize(
    ("row", "column", "code"),
    [
        ("O1,Z,2024-03-01,5,,,,,", "contact", "unknown_contact"),
        ("O1,,2024-03-01,5,,,,,", "contact", "blank"),
        ("O1,A,2024-03-01,,,,,,", "amount", "blank"),
        (",A,2024-03-01,5,,,,,", "order_id", "blank"),
        ("O1,A,,5,,,,,", "paid_at", "paid_at"),
        ("O1,A,,5,,,refunded,,", "paid_at", "paid_at"),
        ("O1,A,2024-03-01,-5,,,,,", "amount", "amount"),
        ("O1,A,2024-03-01,5.001,,,,,", "amount", "amount"),
        ('O1,A,2024-03-01,"1,000",,,,,', "amount", "amount"),
        ("O1,A,2024-03-01,¥5,,,,,", "amount", "amount"),
        ("O1,A,2024-03-01,NaN,,,,,", "amount", "amount"),
        ("O1,A,2024-03-01,12345678901,,,,,", "amount", "amount"),
        ("O1,A,2024-03-01,5,,USD,,,", "currency", "currency"),
        ("O1,A,2024-03-01,5,,,shipped,,", "status", "status"),
        ("O1,A,2024-03-01,5,,,refunded,6,", "refunded", "refund"),
        ("O1,A,2024-03-01,5,,,,,P1", "items", "items"),
        ("O1,A,2024-03-01,5,,,,,P1×0", "items", "quantity"),
        ("O1,A,2024-03-01,5,,,,,P1×1.5", "items", "items"),
        ("O1,A,2024/3/1,5,,,,,", "paid_at", "time"),
        ("O1,A,2999-03-01,5,,,,,", "paid_at", "future"),
        ("x" * 65 + ",A,2024-03-01,5,,,,,", "order_id", "too_long"),
    ],
)
def test_bad_orders(load: Load, row: str, column: str, code: str) -> None:
    job = load("orders", f"{ORDERS}{row}\nO2,A,2024-03-01,0,7,,,,\n")

    assert counts(job) == (1, 0, 0, 1)
    assert reasons(job) == [(2, column, code)]


def test_a_cancelled_order_needs_no_payment(business: Business, load: Load) -> None:
    assert counts(load("orders", ORDERS + "O1,A,,5,,,已取消,,\n")) == (1, 0, 0, 0)
    assert order(business, "O1").paid is False


def test_events_are_append_only(business: Business, load: Load) -> None:
    text = (
        EVENTS
        + 'E1,A,price.asked,2024-03-01 08:00:00,"{""价格"": [1.5, null]}"\n'
        + "E2,A,x.done,2024-03-01T00:00:00Z,\n"
    )

    assert counts(load("events", text)) == (2, 0, 0, 0)
    assert counts(load("events", text)) == (0, 0, 2, 0)
    with business.scope():
        one, two = Event.objects.filter(source="given").order_by("key")
        assert (one.kind, one.at, one.properties) == (
            "price.asked", datetime(2024, 3, 1, tzinfo=UTC), {"价格": [1.5, None]},
        )  # fmt: skip
        assert two.properties == {}

    job = load("events", EVENTS + "E2,A,x.done,2024-03-02,\nE2,B,x.done,2024-03-01T00:00:00Z,\n")
    assert counts(job) == (0, 0, 0, 2)
    assert reasons(job) == [(2, "event_id", "conflict"), (3, "event_id", "conflict")]


def test_the_same_event_twice_in_a_file(load: Load) -> None:
    row = "E1,A,x.done,2024-03-01,\n"

    job = load("events", EVENTS + row + row + "E1,A,y.done,2024-03-01,\n")

    assert counts(job) == (1, 0, 1, 1)


def test_follows_by_file(business: Business, load: Load) -> None:
    text = EVENTS + (
        'E1,A,follow.opened,2024-03-01,"{""staff"": ""new""}"\n'
        'E2,A,follow.ended,2024-04-01,"{""staff"": ""new"", ""by"": ""customer""}"\n'
        'E3,B,subscription.opened,2024-02-01,"{""account"": ""gh_1""}"\n'
    )

    assert counts(load("events", text)) == (3, 0, 0, 0)

    with business.scope():
        follow = Follow.objects.get()
        assert (follow.ended_at, follow.ended_by) == (
            datetime(2024, 3, 31, 16, tzinfo=UTC),
            "customer",
        )
        assert Staff.objects.filter(userid="new").exists()
        acquired = Contact.objects.order_by("external_id").values_list("acquired_at", flat=True)
        assert [at.isoformat() for at in acquired if at] == [
            "2024-02-29T16:00:00+00:00", "2024-01-31T16:00:00+00:00",
        ]  # fmt: skip


@pytest.mark.parametrize(
    ("row", "column", "code"),
    [
        ("E1,Z,x.done,2024-03-01,", "contact", "unknown_contact"),
        ("E1,A,,2024-03-01,", "kind", "blank"),
        ("E1,A,x.done,,", "at", "blank"),
        ("E1,A,x.done,2024-03-01,[1]", "properties", "properties"),
        ("E1,A,x.done,2024-03-01,{", "properties", "properties"),
        ('E1,A,x.done,2024-03-01,"{""a"": NaN}"', "properties", "properties"),
        ('E1,A,x.done,2024-03-01,"{""a"": ""\\u0000""}"', "properties", "properties"),
        ('E1,A,x.done,2024-03-01,"{""a"": ""\\ud800""}"', "properties", "properties"),
        ("E1,A,x.done,2024-03-01," + "[" * 100_000, "properties", "properties"),
        ('E1,A,x.done,2024-03-01,"{""a"": 1' + "0" * 5000 + '}"', "properties", "properties"),
        ("E1,A,follow.opened,2024-03-01,", "properties", "staff"),
        ('E1,A,follow.ended,2024-03-01,"{""staff"": ""x""}"', "properties", "by"),
        ('E1,A,follow.ended,2024-03-01,"{""staff"": ""x"", ""by"": ""god""}"', "properties", "by"),
        ("E1,A,subscription.opened,2024-03-01,", "properties", "account"),
        ("E1,A,reward.paid,2024-03-01,", "properties", "amount"),
        ("x" * 65 + ",A,x.done,2024-03-01,", "event_id", "too_long"),
        ("E1,A," + "x" * 65 + ",2024-03-01,", "kind", "too_long"),
    ],
)
def test_bad_events(load: Load, row: str, column: str, code: str) -> None:
    job = load("events", f"{EVENTS}{row}\nE9,A,x.done,2024-03-01,\n")

    assert counts(job) == (1, 0, 0, 1)
    assert reasons(job) == [(2, column, code)]


def test_costs_by_day_channel_and_kind(business: Business, load: Load) -> None:
    text = (
        "日期,渠道,类型,金额\n"
        "2024-01-01,抖音,广告,1000\n2024-01-01,,ad,10\n2024-01-02, 抖音 ,other,5\n"
    )

    assert counts(load("costs", text)) == (3, 0, 0, 0)
    assert counts(load("costs", text)) == (0, 0, 3, 0)
    changed = load(
        "costs", "date,channel,kind,amount\n2024-01-01,抖音,ad,1200\n2024-01-01,抖音,ad,1300\n"
    )
    assert counts(changed) == (0, 1, 1, 0) or counts(changed) == (0, 2, 0, 0)
    with business.scope():
        costs = Cost.objects.order_by("id").values_list("channel__name", "kind", "amount_fen")
        assert list(costs) == [("抖音", "ad", 130000), (None, "ad", 1000), ("抖音", "other", 500)]
        assert Channel.objects.count() == 1


def test_costs_by_id(business: Business, load: Load) -> None:
    head = "date,channel,kind,amount,cost_id\n"
    load(
        "costs",
        head + "2024-01-01,抖音,ad,10,K1\n2024-01-01,抖音,ad,20,K2\n2024-01-01,抖音,ad,30,\n",
    )

    job = load("costs", head + ",,,15,K1\n2024-01-03,,,,K2\n,,,5,K9\n2024-01-01,抖音,,5,\n")

    assert counts(job) == (0, 2, 0, 2)
    assert reasons(job) == [(4, "date", "blank"), (5, "kind", "blank")]
    with business.scope():
        found = Cost.objects.order_by("id").values_list("date", "channel__name", "amount_fen")
        assert [(str(day), channel, fen) for day, channel, fen in found] == [
            ("2024-01-01", "抖音", 1500), ("2024-01-03", "抖音", 2000),
            ("2024-01-01", "抖音", 3000),
        ]  # fmt: skip


@pytest.mark.parametrize(
    ("row", "column", "code"),
    [
        ("2024/1/1,x,ad,5", "date", "date"),
        ("2024-02-30,x,ad,5", "date", "date"),
        ("2024-01-01,x,rent,5", "kind", "kind"),
        ("2024-01-01,x,ad,-5", "amount", "amount"),
        (",x,ad,5", "date", "blank"),
        ("2024-01-01," + "x" * 101 + ",ad,5", "channel", "too_long"),
    ],
)
def test_bad_costs(load: Load, row: str, column: str, code: str) -> None:
    job = load("costs", f"date,channel,kind,amount\n{row}\n2024-01-01,x,agency,5\n")

    assert counts(job) == (1, 0, 0, 1)
    assert reasons(job) == [(2, column, code)]


def test_products(business: Business, load: Load) -> None:
    text = "sku,name,role,price,cost\nP1,引流装二,,11,\nP4,新,爆款,,\nP5,x,lead-in,,\n"

    assert counts(load("products", text)) == (2, 1, 0, 0)
    assert counts(load("products", text)) == (0, 0, 3, 0)
    with business.scope():
        one = Product.objects.get(sku="P1")
        assert (one.name, one.role, one.price_fen, one.cost_fen) == (
            "引流装二",
            "lead_in",
            1100,
            350,
        )
        assert Product.objects.get(sku="P4").role == "hit"

    job = load("products", "sku,name,role\nP1,,\nP9,,\nP8,x,star\n")
    assert counts(job) == (0, 0, 1, 2)
    assert reasons(job) == [(3, "name", "blank"), (4, "role", "role")]
