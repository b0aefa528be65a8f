"""The formula: worked examples, changes to the fen, and random worlds against the reference."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from analytics import formula
from analytics.formula import FACTORS, Formula
from analytics.periods import Span
from contacts import orders, timeline
from contacts.merging.merge import merge
from contacts.models import Contact
from contacts.timeline import NewEvent
from tenants.models import Staff
from tests.analytics import reference_formula as reference
from tests.analytics import seeds
from tests.analytics.test_reports import BEGIN, NOW, Maker, ask, narrowed, questions
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


def some_formula(dice: random.Random) -> Formula:
    assets = dice.choice([1, 7, 450_000])
    reached = dice.randint(1, assets)
    orders_ = dice.randint(1, 3 * reached)
    return Formula(assets, reached, orders_, dice.choice([1, orders_, 10**12, 10**13 + 1]), 10**14)


def test_factors_multiply_to_the_revenue_and_shares_add_up_to_the_change() -> None:
    dice = random.Random(28)
    for _ in range(300):
        now, before = some_formula(dice), some_formula(dice)
        product = Fraction(1)
        for factor in now.factors.values():
            product *= factor or 0
        assert product == now.revenue
        change = formula.change(now, before)
        assert sum(fen or 0 for fen in change.shares.values()) == change.total
        exact = reference.exact_shares(vars(now), vars(before))
        for name, share in zip(FACTORS, exact, strict=True):
            assert change.shares[name] == pytest.approx(share, rel=1e-9, abs=2.5)


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


class Busy(Maker):
    """Also touches, scans, talks and merges."""

    def act(self) -> None:
        contact = self.dice.choice(self.contacts)
        contact.refresh_from_db()
        what = self.dice.choice([TOUCHED, TOUCHED, "livecode.scanned", "talk", "merge", "other"])
        if what == "other":
            super().act()
        elif what == "talk":
            at = self.when(contact.acquired_at)
            self.event(contact, "message.received", at)
            self.event(contact, "message.sent", at + DAY * self.dice.choice([0, 1, 7]))
        elif what == "merge":
            self.merge()
        else:
            self.event(contact, what, self.when(contact.acquired_at))

    def scan(self) -> None:
        """Somebody scans, becomes a friend, talks and buys, each at or about the last moment."""
        contact = self.dice.choice(self.contacts)
        at = min(self.when(), NOW - 60 * DAY)
        self.event(contact, "livecode.scanned", at)
        added = at + self.about(7)
        staff = self.dice.choice(self.staff).userid
        self.event(contact, "follow.opened", added, staff=staff)
        for kind in ("message.received", "message.sent"):
            self.event(contact, kind, added + self.about(7))
        row = orders.Row(f"o{len(self.orders)}", contact.pk, 9900, added + self.about(30))
        self.orders[row.order_id] = row
        orders.upsert([row])

    def about(self, days: int) -> timedelta:
        odd = timedelta(microseconds=self.dice.choice([0, 0, 1, -1]))
        return self.dice.choice([0 * DAY, DAY, days * DAY, days * DAY, days * DAY + odd])

    def merge(self) -> None:
        kept, gone = self.dice.choices(self.contacts, k=2)
        if kept.pk != gone.pk and self.dice.random() < 0.3:
            merge(kept.pk, gone.pk, by="test", reason="")
            self.contacts = [kept if each.pk == gone.pk else each for each in self.contacts]
            for name, row in self.orders.items():
                if row.contact_id == gone.pk:
                    self.orders[name] = replace(row, contact_id=kept.pk)

    def step(self) -> None:
        if self.contacts and self.dice.random() < 0.25:
            self.scan()
        else:
            super().step()


def check(business: Business, question: dict[str, str], dice: random.Random) -> None:
    first, after = (date.fromisoformat(question[name]) for name in ("from", "to"))
    other = first - timedelta(days=dice.choice([1, 31, 365])), after - timedelta(days=31)
    given = dict(question)
    if other[0] < other[1]:
        given |= {"compare_from": other[0].isoformat(), "compare_to": other[1].isoformat()}
    answer = ask(business, "formula", **given)
    rates = ask(business, "wecom-rates", **question)
    with business.scope():
        narrow = narrowed(question)
        world = reference.World(
            business.tenant, datetime.fromisoformat(answer.pop("as_of")), **narrow
        )
        now, was = world.formula(first, after), world.formula(*other) if other[0] < other[1] else {}
        world = reference.World(business.tenant, datetime.fromisoformat(rates["as_of"]), **narrow)
        heads = world.rates(first, after)
    change = answer.pop("change", None)
    assert answer == reference.shown(now), question
    if change is not None:
        check_change(change, now, was)
    assert (rates["scanned"], rates["added"], rates["served"], rates["monetised"]) == heads, (
        question
    )


def check_change(change: dict[str, Any], now: dict[str, Any], was: dict[str, Any]) -> None:
    total = now["revenue"] - was["revenue"]
    assert Decimal(change["total"]) * 100 == total
    fen = [None if change[name] is None else Decimal(change[name]) * 100 for name in FACTORS]
    assert sum(share or 0 for share in fen) == total
    pairs = list(zip(reference.factors(now), reference.factors(was), strict=True))
    zeros = [name for name, pair in zip(FACTORS, pairs, strict=True) if not all(pair)]
    assert change["zero"] == (zeros[0] if zeros else None)
    if zeros:
        place = FACTORS.index(zeros[0])
        assert fen == [Decimal(0)] * place + [Decimal(total)] + [None] * (3 - place)
    else:
        for share, exact in zip(fen, reference.exact_shares(now, was), strict=True):
            assert share is not None
            assert abs(float(share) - exact) <= 2.5


@pytest.mark.parametrize(("seed", "zone"), seeds.in_zones(1, 2, 3))
def test_the_reports_equal_the_reference(business: Business, seed: int, zone: str) -> None:
    business.move_to(zone)
    with business.scope():
        maker = Busy(business, seed)
        for _ in range(150):
            maker.step()

    for question in questions(maker.dice, 12):
        check(business, question, maker.dice)
    everything = {"from": BEGIN.date().isoformat(), "to": (NOW + 2 * DAY).date().isoformat()}
    check(business, everything, maker.dice)
    rates = ask(business, "wecom-rates", **everything)
    assert rates["monetised"] > 0
    assert rates["served"] > rates["monetised"] or rates["added"] > rates["served"]


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
