"""Days of orders as columns: packed by the worker, emptied by a changed order, always right."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, date, datetime, timedelta

import pytest

from analytics import concentration, facts, order_days
from analytics.models import CustomerFact, FactsState, OrderDay
from analytics.periods import Question, Span
from analytics.rfm import scores
from contacts import orders
from contacts.merging import merge
from contacts.models import Channel, Contact
from tests.analytics import seeds
from tests.analytics.reference_customers import Shop
from tests.analytics.test_customers import check
from tests.analytics.test_reports import NOW, Maker, ask, questions
from tests.conftest import Business

YEAR = {"from": "2026-01-01", "to": "2027-01-01"}
DAY = timedelta(days=1)


def packed(business: Business) -> list[date]:
    with business.scope():
        return list(
            OrderDay.objects.exclude(buyers=None).order_by("day").values_list("day", flat=True)
        )


def settle() -> None:
    """What came is counted, by the worker too."""
    facts.catch_up()
    facts.work()


def buy(order_id: str, contact: Contact, at: str, fen: int = 100, status: str = "paid") -> None:
    when = datetime.fromisoformat(at)
    orders.upsert([orders.Row(order_id, contact.pk, fen, when, 0, status=status)])


@pytest.mark.parametrize(("seed", "zone"), seeds.in_zones(71, 72, 73))
def test_reports_of_packed_days_equal_the_reference(
    business: Business, seed: int, zone: str
) -> None:
    business.move_to(zone)
    with business.scope():
        maker = Maker(business, seed)
        for _ in range(120):
            maker.step()
        settle()
    assert packed(business)
    for question in questions(maker.dice, 4):
        check(business, question)

    with business.scope():
        for _ in range(30):
            maker.step()
        merge.merge(maker.contacts[0].pk, maker.contacts[1].pk, by="api")
    for question in questions(maker.dice, 4):  # some days are empty again
        check(business, question)
    with business.scope():
        settle()
        check_months(business)
        assert facts.prove() == []
    for question in questions(maker.dice, 3):
        check(business, question)


def check_months(business: Business) -> None:
    zone = business.tenant.tz
    today = NOW.astimezone(zone).date()
    question = Question(Span(today - 400 * DAY, today + DAY, zone), NOW + timedelta(seconds=1))
    shop = Shop(business.tenant, question.as_of)
    wanted: dict[date, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    for buyer in shop.buyers:
        for order in buyer.orders:
            if not shop.inside(order.at, question.span.start, question.span.end):
                continue
            month = wanted[order.at.astimezone(zone).date().replace(day=1)]
            later = order is not buyer.first
            month[later] += order.revenue
            month[2 + later] += 1
    told = concentration.by_month(question)

    assert {m.month: [m.new, m.repeat, m.new_orders, m.repeat_orders] for m in told} == {
        m.month: wanted[m.month] for m in told
    }
    assert wanted.keys() <= {m.month for m in told}


@pytest.fixture
def two(business: Business) -> Business:
    """Asia/Shanghai. Both buy on January 5th, Ben later on that day; Anna in March again."""
    with business.scope():
        anna, ben = (Contact.objects.create(external_id=name) for name in ("anna", "ben"))
        buy("1", anna, "2026-01-05T10:00+08:00")
        buy("2", ben, "2026-01-05T12:00+08:00", 300)
        buy("3", anna, "2026-03-05T00:00+08:00")
        settle()
    return business


def test_days_that_are_over_are_packed_and_an_order_empties_its_day(two: Business) -> None:
    assert packed(two) == [date(2026, 1, 5), date(2026, 3, 5)]

    with two.scope():
        buy("3", Contact.objects.get(external_id="anna"), "2026-03-05T00:00+08:00", 700)
        facts.catch_up()
    assert packed(two) == [date(2026, 1, 5)]
    assert ask(two, "concentration", **YEAR)["top"]["1"] == pytest.approx(800 / 1100)

    with two.scope():
        settle()
    assert packed(two) == [date(2026, 1, 5), date(2026, 3, 5)]
    assert ask(two, "concentration", **YEAR)["top"]["1"] == pytest.approx(800 / 1100)


def test_an_order_that_moved_to_another_day_leaves_none_behind(two: Business) -> None:
    with two.scope():
        buy("3", Contact.objects.get(external_id="anna"), "2026-02-01T00:00+08:00")
        settle()

    assert packed(two) == [date(2026, 1, 5), date(2026, 2, 1)]


def test_a_cancelled_order_leaves_its_day(two: Business) -> None:
    with two.scope():
        buy(
            "3",
            Contact.objects.get(external_id="anna"),
            "2026-03-05T00:00+08:00",
            status="cancelled",
        )
        settle()

    assert packed(two) == [date(2026, 1, 5)]
    assert [cell["contacts"] for cell in ask(two, "rfm", **YEAR)["cells"]] == [1, 1]


def test_a_buyer_who_moves_to_another_channel_is_counted_there(two: Business) -> None:
    with two.scope():
        Channel.objects.create(name="Members", kind="private")
    before = ask(two, "benchmark", **YEAR)["rows"]
    (anna,) = two.api().get("/api/v1/contacts", {"external_id": "anna"}).json()["results"]
    moved = two.api().patch(f"/api/v1/contacts/{anna['id']}", {"channel": "Members"}, format="json")
    after = ask(two, "benchmark", **YEAR)["rows"]
    emptied = packed(two)
    with two.scope():
        settle()

    assert moved.status_code == 200
    assert [row["buyers"] for row in before] == [0, 0, 2]
    assert [row["buyers"] for row in after] == [0, 1, 1]
    assert emptied == []
    assert packed(two) == [date(2026, 1, 5), date(2026, 3, 5)]
    assert ask(two, "benchmark", **YEAR)["rows"] == after


def test_who_bought_last_on_one_day_is_told_to_the_microsecond(two: Business) -> None:
    january = {"from": "2026-01-01", "to": "2026-02-01"}
    before = ask(two, "rfm", **january)["cells"]
    with two.scope():
        buy("1", Contact.objects.get(external_id="anna"), "2026-01-05T12:00:00.000001+08:00")
        settle()
    after = ask(two, "rfm", **january)["cells"]

    assert [(cell["r"], cell["m"]) for cell in before] == [(1, 1), (3, 3)]
    assert [(cell["r"], cell["m"]) for cell in after] == [(1, 3), (3, 1)]


def test_of_a_packed_day_only_what_as_of_knows_counts(two: Business) -> None:
    asked = {"from": "2026-01-05", "to": "2026-01-06", "as_of": "2026-01-05T11:00:00+08:00"}
    (cell,) = ask(two, "rfm", **asked)["cells"]

    assert (cell["contacts"], cell["revenue"]) == (1, "1.00")
    assert ask(two, "concentration", **asked)["existing_share"] == 0


def test_until_facts_are_read_in_the_present_form_orders_answer(two: Business) -> None:
    wanted = {path: ask(two, path, **YEAR) for path in ("rfm", "concentration")}
    with two.scope():  # as an upgrade finds them
        OrderDay.objects.all().delete()
        CustomerFact.objects.update(first_revenue=0, day_lasts=[])
        FactsState.objects.update(latest_at=None)

    for path, answer in wanted.items():
        told = ask(two, path, **YEAR)
        assert told | {"as_of": None} == answer | {"as_of": None}
    with two.scope():
        facts.rebuild()
    for path, answer in wanted.items():
        assert ask(two, path, **YEAR) | {"as_of": None} == answer | {"as_of": None}
    assert packed(two) == [date(2026, 1, 5), date(2026, 3, 5)]


def test_a_day_of_many_numbers_comes_back_as_it_was(business: Business) -> None:
    at = datetime(2026, 5, 1, 3, tzinfo=UTC)
    with business.scope():
        people = [Contact.objects.create(external_id=f"p{n}") for n in range(300)]
        orders.upsert(
            [orders.Row(f"o{n}", c.pk, n, at, 0, status="paid") for n, c in enumerate(people)]
        )
        settle()
        question = Question(Span(date(2026, 5, 1), date(2026, 5, 2), business.tenant.tz), NOW)
        (day,) = order_days.read(question, ["revenues"])

    contacts, revenues = map(bytes, day.columns)
    assert day.buyers == 300
    assert numbers(contacts, 300) == [c.pk for c in people]
    assert (len(revenues), numbers(revenues, 300)) == (600, list(range(300)))


def test_a_day_with_one_high_number_has_room_for_it(business: Business) -> None:
    at = datetime(2026, 5, 1, 3, tzinfo=UTC)
    fen = [70_000, 3, 900_000_000_000]
    with business.scope():
        people = [Contact.objects.create(external_id=f"p{n}") for n in range(3)]
        for number, (contact, each) in enumerate(zip(people, fen, strict=True)):
            day = at + number * DAY
            orders.upsert([orders.Row(f"o{number}", contact.pk, each, day, 0, status="paid")])
        settle()
        question = Question(Span(date(2026, 5, 1), date(2026, 5, 9), business.tenant.tz), NOW)
        days = order_days.read(question, ["revenues"])

    assert [len(day.columns[1]) for day in days] == [4, 2, 8]
    found = ask(business, "concentration", **{"from": "2026-05-01", "to": "2026-05-09"})
    assert found["top"]["1"] == pytest.approx(900_000_000_000 / sum(fen))
    cells = ask(business, "rfm", **{"from": "2026-05-01", "to": "2026-05-09"})["cells"]
    assert [cell["revenue"] for cell in cells] == ["700.00", "0.03", "9000000000.00"]


def test_orders_before_1970_come_before_others(business: Business) -> None:
    with business.scope():
        old, older, new = (Contact.objects.create(external_id=f"p{n}") for n in range(3))
        buy("1", old, "1969-12-31T23:59:59+08:00", 2)
        buy("2", older, "1969-12-31T23:59:58+08:00", 1)
        buy("3", new, "1970-01-05T00:00:00+08:00", 3)
        settle()
        question = Question(Span(date(1969, 1, 1), date(1971, 1, 1), business.tenant.tz), NOW)
        cells = scores.report(question)

    assert [(cell.r, cell.m, cell.contacts) for cell in cells] == [(1, 1, 1), (2, 2, 1), (4, 4, 1)]


def numbers(column: bytes, buyers: int) -> list[int]:
    size = len(column) // buyers
    return [int.from_bytes(column[n : n + size]) for n in range(0, len(column), size)]
