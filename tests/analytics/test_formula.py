"""The formula: worked examples, changes to the fen, and its page."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from analytics import formula
from analytics.formula import Formula
from analytics.periods import Span
from contacts import orders, timeline
from contacts.models import Contact
from contacts.timeline import NewEvent
from tenants.models import Staff
from tests.analytics.test_reports import ask
from tests.conftest import Business

DAY = timedelta(seconds=86_400)
MAY = {"from": "2026-05-01", "to": "2026-06-01"}
TOUCHED = "touch.delivered"


def moment(text: str) -> datetime:
    """In Shanghai, the zone of the business."""
    return datetime.fromisoformat(f"{text}{'' if 'T' in text else 'T00:00'}+08:00")


class Life:
    """What happens to contacts, each fact in a line."""

    def __init__(self) -> None:
        self.number = 0
        Staff.objects.create(userid="amy")

    def contact(self, opened: str | None = "2026-04-01", **fields: Any) -> Contact:
        contact = Contact.objects.create(name="王", **fields)
        if opened:
            self.event(contact, "follow.opened", opened, staff="amy")
        return contact

    def event(self, contact: Contact, kind: str, at: str, **properties: object) -> None:
        self.number += 1
        key = str(self.number)
        timeline.record([NewEvent(contact.pk, kind, moment(at), "test", key, properties)])

    def order(self, contact: Contact, at: str, fen: int, refunded: int | None = None) -> None:
        self.number += 1
        orders.upsert(
            [
                orders.Row(
                    order_id=f"o{self.number}",
                    contact_id=contact.pk,
                    amount_fen=fen,
                    paid_at=moment(at),
                    status="paid",
                    refunded_fen=refunded,
                )
            ]
        )


@pytest.fixture
def life(business: Business) -> Iterator[Life]:
    with business.scope():
        yield Life()


def test_the_worked_example(business: Business, life: Life) -> None:
    """Ten assets, six reached, nine orders by them of 200 each: 10 × 0.6 × 1.5 × 200 = 1800."""
    people = [life.contact() for _ in range(10)]
    for person in people[:6]:
        life.event(person, TOUCHED, "2026-05-03T10:00")
    for nr in range(9):
        life.order(people[nr % 3], f"2026-05-1{nr}", 20_000)
    life.order(people[7], "2026-05-09", 5_000)  # not reached
    life.order(people[0], "2026-05-01", 700)  # before the first touch

    answer = ask(business, "formula", **MAY)

    assert answer.pop("as_of")
    assert answer == {
        "period_from": "2026-05-01",
        "period_to": "2026-06-01",
        "compared": None,
        "assets": 10,
        "reached": 6,
        "orders": 9,
        "revenue": "1800.00",
        "reach": 0.6,
        "conversion": 1.5,
        "aov": "200.000000",
        "unreached_revenue": "57.00",
    }


def test_borders_of_the_period_and_of_the_first_touch(business: Business, life: Life) -> None:
    at_start = life.contact("2026-04-01")
    life.event(at_start, "follow.ended", "2026-05-01", staff="amy", by="customer")  # not in May
    just_in = life.contact("2026-04-01")
    life.event(just_in, "follow.ended", "2026-05-01T00:00:00.000001", staff="amy", by="customer")
    life.contact("2026-06-01")  # June
    last = life.contact("2026-05-31T23:59:59.999999")
    life.event(just_in, TOUCHED, "2026-05-01")
    life.event(last, TOUCHED, "2026-05-20T12:00")  # before they were friends: still in May
    life.event(at_start, TOUCHED, "2026-05-02")  # no asset
    life.order(last, "2026-05-20T12:00", 1)  # at the very moment
    life.order(last, "2026-05-20T11:59:59.999999", 10)
    life.order(last, "2026-05-31T23:59:59.999999", 100)
    life.order(last, "2026-06-01", 1_000)
    life.order(at_start, "2026-05-03", 10_000)
    life.order(last, "2026-05-21", 100_000, refunded=100_000)
    life.order(last, "2026-05-21", 200_000, refunded=50_001)

    answer = ask(business, "formula", **MAY)

    assert (answer["assets"], answer["reached"], answer["orders"]) == (2, 2, 3)
    assert answer["revenue"] == "1501.00"
    assert answer["unreached_revenue"] == "100.10"
    assert answer["aov"] == "500.333333"


def test_of_facts_from_as_of_on_nothing_is_known(business: Business, life: Life) -> None:
    one, two = life.contact("2026-05-02"), life.contact("2026-05-10")
    life.event(one, "follow.ended", "2026-05-12", staff="amy", by="customer")
    life.event(one, TOUCHED, "2026-05-09T23:59")
    life.event(two, TOUCHED, "2026-05-11")
    life.order(one, "2026-05-09T23:59:30", 100)
    life.order(one, "2026-05-10", 100)

    known = ask(business, "formula", as_of="2026-05-10", **MAY)
    ahead = ask(
        business, "formula", as_of="2026-05-11", **{"from": "2026-06-01", "to": "2026-07-01"}
    )

    assert (known["assets"], known["reached"], known["orders"]) == (1, 1, 1)
    assert (ahead["assets"], ahead["reached"], ahead["reach"]) == (2, 0, 0)
    assert (ahead["conversion"], ahead["aov"], ahead["revenue"]) == (None, None, "0.00")


def test_an_empty_business_has_nothing_to_divide_by(business: Business) -> None:
    answer = ask(
        business, "formula", compare_from="2016-05-01", compare_to="2026-05-01", **MAY
    )  # fmt: skip

    assert (answer["assets"], answer["revenue"], answer["unreached_revenue"]) == (0, "0.00", "0.00")
    assert [answer[name] for name in ("reach", "conversion", "aov")] == [None] * 3
    assert answer["change"] == {
        "assets": "0.00", "reach": None, "conversion": None, "aov": None, "total": "0.00",
        "zero": "assets",
    }  # fmt: skip


def test_a_change_is_shared_out_to_the_fen(business: Business, life: Life) -> None:
    """April: 2 × 1 × 1 × 50; May: 4 × 1 × 1 × 100. Both doubled, so each explains a half."""
    people = [life.contact("2026-04-01"), life.contact("2026-04-01")]
    for person in people:
        life.event(person, TOUCHED, "2026-04-02")
        life.order(person, "2026-04-03", 5_000)
    people += [life.contact("2026-05-01"), life.contact("2026-05-01")]
    for person in people:
        life.event(person, TOUCHED, "2026-05-02")
        life.order(person, "2026-05-03", 10_000)

    change = ask(business, "formula", compare_from="2026-04-01", compare_to="2026-05-01", **MAY)

    assert change["change"] == {
        "assets": "150.00", "reach": "0.00", "conversion": "0.00", "aov": "150.00",
        "total": "300.00", "zero": None,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("now", "before", "shares", "zero"),
    [
        # Nobody reached before: what came is all by reach; of what follows nothing can be said.
        (Formula(10, 5, 5, 500, 0), Formula(10, 0, 0, 0, 0), [0, 500, None, None], "reach"),
        (Formula(0, 0, 0, 0, 0), Formula(10, 5, 5, 500, 0), [-500, None, None, None], "assets"),
        (Formula(9, 5, 0, 0, 0), Formula(10, 5, 5, 500, 0), [0, 0, -500, None], "conversion"),
        (Formula(9, 5, 3, 0, 0), Formula(10, 5, 5, 500, 0), [0, 0, 0, -500], "aov"),
        (Formula(9, 5, 0, 0, 0), Formula(10, 0, 0, 0, 0), [0, 0, None, None], "reach"),
        # Two halves of three fen: both are rounded up, and the rest is taken from the first.
        (Formula(2, 2, 2, 4, 0), Formula(1, 1, 1, 1, 0), [1, 0, 0, 2], None),
        # The same revenue from other factors: L is the revenue itself.
        (Formula(20, 5, 5, 500, 0), Formula(10, 5, 5, 500, 0), [347, -347, 0, 0], None),
    ],
)
def test_zero_factors_and_halves(
    now: Formula, before: Formula, shares: list[int | None], zero: str | None
) -> None:
    change = formula.change(now, before)

    assert list(change.shares.values()) == shares
    assert (change.zero, change.total) == (zero, now.revenue - before.revenue)


@pytest.mark.parametrize(
    "query",
    [
        {"compare_from": "2026-04-01"},
        {"compare_to": "2026-04-01"},
        {"compare_from": "2026-05-01", "compare_to": "2026-05-01"},
        {"compare_from": "May", "compare_to": "2026-05-01"},
        {"compare_from": "2026-04-31", "compare_to": "2026-05-01"},
        {"from": "2026-05-01", "to": "2026-04-01"},
        {"as_of": "soon"},
        {"channel": "none such"},
        {"staff": "nobody"},
        {"group": "channel"},
    ],
)
def test_unknown_wishes_are_400(business: Business, query: dict[str, str]) -> None:
    answer = business.api().get("/api/v1/reports/formula", query)

    assert answer.status_code == 400
    assert answer.json()["error"]["fields"]


def text_of(business: Business, address: str) -> str:
    answer = business.browser("viewer").get(address)
    assert answer.status_code == 200
    return answer.content.decode()


def test_the_page_tells_why(business: Business, life: Life) -> None:
    person = life.contact()
    life.event(person, TOUCHED, "2026-05-03")
    life.order(person, "2026-05-04", 30_000)
    life.order(person, "2025-05-04", 10_000)  # nobody was reached then
    life.event(person, TOUCHED, "2026-04-03")
    life.order(person, "2026-04-04", 20_000)
    may = "/dashboards/formula/?from=2026-05-01&through=2026-05-31"

    page = text_of(business, may)
    assert "compared with 2026-04-01 to 2026-04-30" in page
    assert "Revenue rose by ¥100.00, from ¥200.00 to ¥300.00." in page
    assert "Average order value added ¥100.00." in page
    assert "Conversion changed nothing." in page

    page = text_of(business, f"{may}&as_of=2026-05-09T10:00")  # of its nine days
    assert "compared with 2026-04-22 to 2026-04-30" in page

    page = text_of(business, f"{may}&compare=year")
    assert "compared with 2025-05-01 to 2025-05-31" in page
    assert "Assets: zero in the period compared with" in page

    file = text_of(business, f"{may}&export=csv")
    assert "Average order value,300.00,200.00,0.5,100.00" in file
    assert business.browser("sales").get(may).status_code == 403


def test_the_page_of_an_empty_business_says_so(business: Business) -> None:
    assert "Nobody to reach and no revenue" in text_of(business, "/dashboards/formula/")
    assert "Nobody scanned" in text_of(business, "/dashboards/rates/")


@pytest.mark.parametrize(
    ("span", "before", "a_year_before"),
    [
        (("2026-05-01", "2026-06-01"), ("2026-04-01", "2026-05-01"), ("2025-05-01", "2025-06-01")),
        (("2026-01-01", "2026-04-01"), ("2025-10-01", "2026-01-01"), ("2025-01-01", "2025-04-01")),
        (("2026-05-02", "2026-05-12"), ("2026-04-22", "2026-05-02"), ("2025-05-02", "2025-05-12")),
        (("2028-02-29", "2028-03-01"), ("2028-02-28", "2028-02-29"), ("2027-02-28", "2027-03-01")),
        (("2028-02-28", "2028-02-29"), ("2028-02-27", "2028-02-28"), ("2027-02-28", "2027-03-01")),
    ],
)
def test_what_a_period_is_compared_with(
    span: tuple[str, str], before: tuple[str, str], a_year_before: tuple[str, str]
) -> None:
    start, end = map(date.fromisoformat, span)
    period = Span(start, end, ZoneInfo("Asia/Shanghai"))

    for other, wanted in ((period.before(), before), (period.a_year_before(), a_year_before)):
        assert (other.start.isoformat(), other.end.isoformat()) == wanted
