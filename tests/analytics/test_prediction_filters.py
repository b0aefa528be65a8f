"""A prediction of some customers: the fit stays that of all, what it says is of those chosen."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from fractions import Fraction

import pytest

from analytics.models import Forecast
from contacts.models import Channel, Contact, Order, OrderItem, Product, Segment, SegmentMember
from tenants.models import Staff, Team
from tests.analytics.reference import money, paid_orders
from tests.analytics.reference_prediction import Past
from tests.analytics.test_prediction import DAY, NOW, URL, Shop, shop
from tests.conftest import Business, make_business

OF_ALL = (
    "model",
    "reason",
    "params",
    "margin_rate",
    "fitted_customers",
    "horizon_days",
    "backtest",
)
PAGE = "/dashboards/prediction/"
FILTERED_BY = {"channel", "team", "staff", "segment", "product_role"}
FILTERS = [
    {"channel": "Red"}, {"staff": "g1"}, {"team": "North"}, {"segment": "Few"},
    {"product_role": "profit"}, {"channel": "Red", "team": "North"},
    {"segment": "Few", "product_role": "profit", "staff": "g1"}, {"segment": "Nobody"},
]  # fmt: skip


@dataclass
class Sorted:
    """A shop whose customers can be told apart, as the filters do, by numbers."""

    shop: Shop

    def of(self, given: dict[str, str]) -> list[Contact]:
        """By their places, not by what the database says."""
        tests: dict[tuple[str, str], Callable[[int], bool]] = {
            ("channel", "Red"): lambda n: n % 3 == 0,
            ("staff", "g1"): lambda n: n % 4 == 1,
            ("staff", "g2"): lambda n: n % 4 == 2,
            ("team", "North"): lambda n: n % 4 in {1, 2},
            ("segment", "Few"): lambda n: n % 20 == 5,
            ("segment", "Nobody"): lambda n: False,
            ("product_role", "profit"): lambda n: n % 5 == 0,
        }
        return [
            contact
            for n, contact in enumerate(self.shop.contacts)
            if all(tests[part](n) for part in given.items())
        ]


@pytest.fixture(scope="module")
def told_apart() -> Sorted:
    """Read-only for tests. Who bought for profit did so with their first order."""
    found = shop(make_business(), 700, seed=8)
    with found.business.scope():
        Contact.objects.create(external_id="never", name="王")
        red = Channel.objects.create(name="Red")
        north = Team.objects.create(name="North")
        guides = [Staff.objects.create(userid=f"g{n}", team=north if n else None) for n in range(3)]
        few = Segment.objects.create(name="Few", kind=Segment.Kind.STATIC)
        Segment.objects.create(name="Nobody", kind=Segment.Kind.STATIC)
        Product.objects.create(sku="tea", name="Tea", role="profit")
        for n, contact in enumerate(found.contacts):
            contact.channel = red if n % 3 == 0 else None
            contact.owner = {1: guides[1], 2: guides[2], 3: guides[0]}.get(n % 4)
            contact.save(update_fields=["channel", "owner"])
            if n % 20 == 5:
                SegmentMember.objects.create(segment=few, contact=contact, entered_at=NOW)
            first = Order.objects.filter(contact=contact, paid=True).order_by("paid_at").first()
            if n % 5 == 0 and first is not None:
                OrderItem.objects.create(order=first, line=1, sku="tea", quantity=1)
    found.work()
    return Sorted(found)


def curve_of(past: Past, contacts: Sequence[Contact], as_of: datetime) -> dict[str, str | None]:
    """Mean margin within d days of the first purchase of those observed so long."""
    zone = as_of.tzinfo
    margins: dict[int, dict[date, int]] = {contact.pk: {} for contact in contacts}
    for order in paid_orders(as_of):
        if order.contact in margins:
            of_day, day = margins[order.contact], order.at.astimezone(zone).date()
            of_day[day] = of_day.get(day, 0) + order.margin
    found = {}
    for d in (30, 60, 90, 180, 365):
        seen = [m for m in margins.values() if m and (past.last_day - min(m)).days >= d]
        total = sum(fen for m in seen for day, fen in m.items() if (day - min(m)).days <= d)
        found[str(d)] = money(Fraction(total, len(seen))) if seen else None
    return found


@pytest.mark.parametrize("given", FILTERS)
@pytest.mark.parametrize("back", [0, 90])
def test_the_sums_are_of_those_chosen_by_the_fit_of_all(
    told_apart: Sorted, given: dict[str, str], back: int
) -> None:
    found, moment = told_apart.shop, {"as_of": (NOW - back * DAY).isoformat()} if back else {}
    everybody = found.ask(**moment)
    answer = found.ask(**given, **moment)

    assert {name: answer[name] for name in OF_ALL} == {name: everybody[name] for name in OF_ALL}
    zone = found.business.tenant.tz
    as_of = datetime.fromisoformat(answer["as_of"]).astimezone(zone)
    with found.business.scope():
        past = Past(found.business.tenant, as_of)
        chosen = [contact for contact in told_apart.of(given) if contact.pk in past.customers]
        curve = curve_of(past, chosen, as_of)
    days = [len(past.customers[contact.pk].by_day) for contact in chosen]
    assert (answer["customers"], answer["repeaters"]) == (len(days), sum(n > 1 for n in days))
    assert answer["fitted_customers"] == everybody["customers"] == len(past.customers)
    total = sum(past.of(contact, answer["params"])[0] for contact in chosen)
    assert float(answer["predicted_ltv"]) == pytest.approx(total, abs=0.01)
    assert answer["curve"] == curve
    assert (answer["predicted_orders"] > 0) == (len(chosen) > 0) == (given != {"segment": "Nobody"})
    assert answer["predicted_orders"] < everybody["predicted_orders"]


@pytest.mark.parametrize("given", FILTERS)
def test_the_sums_are_those_of_the_people_listed(told_apart: Sorted, given: dict[str, str]) -> None:
    found = told_apart.shop
    answer = found.ask(**given)
    with found.business.scope():
        people = Forecast.objects.filter(contact_id__in=[c.pk for c in told_apart.of(given)])
        rows = list(people.values_list("orders", "margin"))
    assert answer["customers"] == len(rows)
    assert answer["predicted_orders"] == pytest.approx(sum(orders for orders, _margin in rows))
    assert answer["predicted_ltv"] == money(Fraction(sum(margin for _orders, margin in rows)))

    browser = found.business.browser("viewer")
    seen = [browser.get(PAGE, given | {"show": show}) for show in ("check", "customers")]
    check, people_of = [
        {card.title: card.text for card in page.context["table"].all_cards} for page in seen
    ]
    for title in ("Predicted LTV", "Expected orders", "Paying customers"):
        assert check[title] == people_of[title], title
    file = browser.get(PAGE, given | {"show": "customers", "export": "csv"})
    listed = list(csv.reader(io.StringIO(file.content.decode("utf-8-sig"))))[1:]
    assert len(listed) == min(50, len(rows))
    if len(rows) <= 50:
        total = sum(float(row[1]) for row in listed)
        assert total == pytest.approx(float(answer["predicted_ltv"]), abs=0.26)


def test_the_page_says_whose_the_model_is(told_apart: Sorted) -> None:
    browser = told_apart.shop.business.browser("viewer")
    customers = told_apart.shop.ask()["customers"]
    said = f"The model is fitted to all {customers} customers"

    of_all, of_some = (browser.get(PAGE, given) for given in ({}, {"channel": "Red"}))

    assert said not in of_all.content.decode()
    assert said in of_some.content.decode()
    for page in (of_all, of_some):
        assert {each["name"] for each in page.context["filters"]} == FILTERED_BY
    tables = [page.context["table"] for page in (of_all, of_some)]
    assert tables[0].rows == tables[1].rows  # the weeks held out are of all
    assert tables[0].cards[0].text != tables[1].cards[0].text


def test_parts_add_up(told_apart: Sorted) -> None:
    team, one, other = (
        told_apart.shop.ask(**given)
        for given in ({"team": "North"}, {"staff": "g1"}, {"staff": "g2"})
    )
    for name in ("customers", "repeaters", "predicted_orders"):
        assert one[name] + other[name] == pytest.approx(team[name]), name


def test_with_too_few_to_learn_from_the_curve_is_of_those_chosen(business: Business) -> None:
    small = shop(business, 60, seed=9)
    with business.scope():
        red = Channel.objects.create(name="Red")
        Channel.objects.create(name="Empty")
        chosen = small.contacts[::2]
        Contact.objects.filter(pk__in=[c.pk for c in chosen]).update(channel=red)

    answer, nobody = small.ask(channel="Red"), small.ask(channel="Empty")

    as_of = datetime.fromisoformat(answer["as_of"]).astimezone(business.tenant.tz)
    with business.scope():
        past = Past(business.tenant, as_of)
        curve = curve_of(past, chosen, as_of)
    assert answer["curve"] == curve != small.ask()["curve"]
    assert (answer["model"], answer["reason"]) == ("cohort", "few_customers")
    assert answer["customers"] == sum(c.pk in past.customers for c in chosen)
    assert answer["fitted_customers"] == len(past.customers)
    assert answer["predicted_ltv"] is answer["predicted_orders"] is None
    assert (nobody["customers"], set(nobody["curve"].values())) == (0, {None})
    page = business.browser("viewer").get(PAGE, {"channel": "Red"})
    paying = {card.title: card.text for card in page.context["table"].cards}["Paying customers"]
    assert paying == str(answer["customers"])
    empty = business.browser("viewer").get(PAGE, {"channel": "Empty"})
    assert "Nothing to predict from yet" in empty.content.decode()


@pytest.mark.parametrize("name", sorted(FILTERED_BY))
def test_filters_that_mean_nobody_known_are_400(business: Business, name: str) -> None:
    answer = business.api().get(URL, {name: "no such"})
    assert answer.status_code == 400
    assert list(answer.json()["error"]["fields"]) == [name]
