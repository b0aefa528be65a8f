"""Predicted LTV through the front door: fits, forecasts of contacts, segments and the page."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest

from analytics import facts
from analytics.models import Forecast, PurchaseFit
from analytics.prediction import forecasts, known
from analytics.prediction.bgnbd import Purchases
from contacts import orders, timeline
from contacts.models import Channel, Contact, Order, OrderItem, Product, Segment, SegmentMember
from contacts.timeline import NewEvent
from tenants.ids import encode
from tests.analytics.reference import money
from tests.analytics.reference_prediction import Past
from tests.analytics.test_bgnbd import buy, sample_of
from tests.conftest import Business, make_business
from tests.test_cdnow import load, real_file

NOW = datetime.now(UTC).replace(microsecond=0)
DAY = timedelta(days=1)
URL = "/api/v1/reports/prediction"


@dataclass
class Shop:
    business: Business
    contacts: list[Contact]
    rows: dict[str, orders.Row]

    def sell(self, contact: Contact, at: datetime, fen: int = 10_000, **more: Any) -> str:
        row = orders.Row(f"o{len(self.rows)}", contact.pk, fen, at, fen // 4, "paid", **more)
        self.rows[row.order_id] = row
        orders.upsert([row])
        return row.order_id

    def ask(self, **query: str) -> dict[str, Any]:
        answer = self.business.api().get(URL, query)
        assert answer.status_code == 200, answer.content
        return dict(answer.json())

    def contact(self, contact: Contact) -> dict[str, Any]:
        return dict(self.business.api().get(f"/api/v1/contacts/{encode(contact.pk)}").json())

    def work(self) -> None:
        """What the background does."""
        with self.business.scope():
            timeline.drain_all()
            facts.work()
        forecasts.work(self.business.pk)


def shop(business: Business, customers: int, days: int = 400, seed: int = 1) -> Shop:
    """Customers as the model tells of them; every fifth order has a second one on its day, some
    are refunded in part or cancelled, and all have a cost.
    """
    rng = np.random.default_rng(seed)
    model = Purchases(0.9, 5.0, 0.8, 2.5)
    with business.scope():
        contacts = Contact.objects.bulk_create(
            Contact(external_id=f"c{n}", name="李") for n in range(customers)
        )
        made = Shop(business, list(contacts), {})
        for contact in contacts:
            first = NOW - DAY * float(rng.uniform(1, days))
            weeks = (NOW - first) / DAY / 7
            mean = float(rng.gamma(4, 3000))
            for at in [0.0, *buy(rng, model, weeks)]:
                moment = first + DAY * 7 * at
                for _ in range(1 if rng.random() < 0.8 else 2):
                    fen = int(rng.gamma(5, mean / 5))
                    row = orders.Row(
                        f"o{len(made.rows)}", contact.pk, fen, moment, fen // 3, "paid",
                        refunded_fen=fen // 2 if rng.random() < 0.1 else None,
                    )  # fmt: skip
                    if rng.random() < 0.03:
                        row = orders.Row(row.order_id, contact.pk, fen, moment, 0, "cancelled")
                    made.rows[row.order_id] = row
        orders.upsert(list(made.rows.values()))
    return made


@pytest.fixture(scope="module")
def grown() -> Shop:
    """Read-only for tests: 700 customers of 400 days, foretold."""
    found = shop(make_business(), 700)
    found.work()
    return found


# --- figures ---


def reference(found: Shop, answer: dict[str, Any]) -> Past:
    return Past(found.business.tenant, datetime.fromisoformat(answer["as_of"]))


def agrees(found: Shop, answer: dict[str, Any]) -> None:
    """The parameters are the top of the slow likelihood, the sums those of slow formulas."""
    with found.business.scope():
        past = reference(found, answer)
        assert (answer["model"], answer["reason"]) == ("bgnbd+gammagamma", None)
        assert answer["customers"] == len(past.customers)
        assert answer["repeaters"] == past.repeaters()
        assert answer["margin_rate"] == pytest.approx(past.margin / past.revenue)
        params = answer["params"]
        top = past.log_likelihood(params)
        for name, value in params.items():
            for factor in (0.98, 1.02):
                assert past.log_likelihood(params | {name: value * factor}) < top
        people = {contact.pk: contact for contact in found.contacts}
        total = sum(past.of(people[pk], params)[0] for pk in past.customers)
        assert float(answer["predicted_ltv"]) == pytest.approx(total, abs=0.01)


def test_the_fit_and_the_sum_follow_the_definition(grown: Shop) -> None:
    agrees(grown, grown.ask())


@pytest.mark.parametrize("back", [timedelta(seconds=1), 30 * DAY, 100 * DAY])
def test_as_of_knows_nothing_later(grown: Shop, back: timedelta) -> None:
    as_of = NOW - back
    answer = grown.ask(as_of=as_of.isoformat())
    assert datetime.fromisoformat(answer["as_of"]) == as_of
    agrees(grown, answer)


def test_the_day_of_as_of_ends_before_midnight(grown: Shop) -> None:
    """As of midnight the day before is the last one; a microsecond later the new day is."""
    day = (NOW - 50 * DAY).astimezone(grown.business.tenant.tz).date()
    at = datetime(day.year, day.month, day.day, tzinfo=grown.business.tenant.tz)
    before, after = grown.ask(as_of=day.isoformat()), grown.ask(as_of=(
        at + timedelta(microseconds=1)).isoformat())  # fmt: skip
    agrees(grown, before)
    agrees(grown, after)
    assert before["params"] != after["params"]


def test_contacts_show_their_own(grown: Shop) -> None:
    answer = grown.ask()
    with grown.business.scope():
        past = reference(grown, answer)
        stranger = Contact.objects.create(external_id="stranger", name="王")
        wanted = {c.external_id: past.of(c, answer["params"]) for c in grown.contacts[:40]}
    rows = grown.business.api().get("/api/v1/contacts?limit=200&ordering=acquired_at").json()
    shown = {row["external_id"]: row for row in rows["results"]}
    for contact in grown.contacts[:40]:
        row = shown.get(contact.external_id or "") or grown.contact(contact)
        worth, alive = wanted[contact.external_id]
        assert float(row["predicted_ltv"]) == pytest.approx(worth, abs=0.011)
        assert row["p_alive"] == (None if alive is None else pytest.approx(alive, abs=1e-9))
    mine = grown.contact(stranger)
    assert (mine["predicted_ltv"], mine["p_alive"]) == ("0.00", None)


def test_worth_of_a_set_as_of_a_moment(grown: Shop) -> None:
    some = [contact.pk for contact in grown.contacts[::7]]
    as_of = NOW - 60 * DAY
    answer = grown.ask(as_of=as_of.isoformat())
    with grown.business.scope():
        past = reference(grown, answer)
        total = sum(past.of(c, answer["params"])[0] for c in grown.contacts[::7])
        found = known.worth_of([*some, *some, 0], as_of)
        everybody = known.worth_of([c.pk for c in grown.contacts], as_of)
        now = known.worth_of([c.pk for c in grown.contacts], NOW + timedelta(hours=1))
    assert found is not None
    assert float(found) / 100 == pytest.approx(total, abs=0.001)
    assert money(everybody) == answer["predicted_ltv"]
    assert money(now) == grown.ask()["predicted_ltv"]


@pytest.mark.parametrize("back", [0, 40])
def test_user_assets_are_worth_what_their_heads_will_bring(business: Business, back: int) -> None:
    """R50: fitted as of `to`; who cannot be reached is not among the heads."""
    found = shop(business, 560, seed=6)
    heads = found.contacts[:30]
    with business.scope():
        opened = NOW - 200 * DAY
        timeline.record(
            [
                NewEvent(c.pk, "follow.opened", opened, "test", f"f{c.pk}", {"staff": "sales1"})
                for c in heads
            ]
        )
    found.work()
    to = (NOW - back * DAY).astimezone(business.tenant.tz).date()
    query = {"from": f"{to - 30 * DAY}", "to": f"{to}", "group": "ownership"}
    answer = business.api().get("/api/v1/reports/user-assets", query)
    rows = answer.json()["rows"]
    params = found.ask(as_of=to.isoformat())["params"]
    with business.scope():
        begins = datetime(to.year, to.month, to.day, tzinfo=business.tenant.tz)
        past = Past(business.tenant, begins)
        wanted = sum(past.of(c, params)[0] for c in heads)
    assert sum(row["closing"] for row in rows) == len(heads)
    assert sum(float(row["value"]) for row in rows) == pytest.approx(wanted, abs=0.02)


def test_the_hold_out_is_counted_by_weeks(grown: Shop) -> None:
    answer = grown.ask()
    told = answer["backtest"]
    with grown.business.scope():
        past = reference(grown, answer)
        weeks = len(told["weeks"])
        border = past.last_day - timedelta(weeks=weeks)
        actual = [0] * weeks
        for customer in past.customers.values():
            if min(customer.by_day) <= border:
                for day in customer.by_day:
                    if day > border:
                        actual[(day - border - DAY).days // 7] += 1
    history = max((past.last_day - min(c.by_day)).days for c in past.customers.values())
    assert weeks == min(26, history // 7 // 3)
    assert told["weeks"] == list(range(1, weeks + 1))
    assert told["actual"] == actual
    assert len(told["expected"]) == weeks
    assert sum(told["expected"]) == pytest.approx(sum(actual), rel=0.25)


def test_the_curve_is_the_mean_margin_by_age(grown: Shop) -> None:
    answer = grown.ask()
    with grown.business.scope():
        past = reference(grown, answer)
        margins: dict[int, dict[Any, int]] = {}
        for o in Order.objects.filter(paid=True):
            assert o.paid_at
            day = o.paid_at.astimezone(grown.business.tenant.tz).date()
            of_contact = margins.setdefault(o.contact_id, {})
            of_contact[day] = of_contact.get(day, 0) + o.amount_fen - o.refund_fen - o.cost_fen
    for d in (30, 60, 90, 180, 365):
        seen = [m for m in margins.values() if (past.last_day - min(m)).days >= d]
        total = sum(fen for m in seen for day, fen in m.items() if (day - min(m)).days <= d)
        wanted = money(Fraction(total, len(seen))) if seen else None
        assert answer["curve"][str(d)] == wanted


@pytest.mark.skipif(real_file() is None, reason="the package lifetimes is not installed")
def test_the_published_fit_through_the_front_door(tmp_path: Path) -> None:
    """The CDNOW sample as a tenant's files: what the papers found in its first 39 weeks."""
    master = real_file()
    assert master is not None
    cdnow_shop = Shop(load(sample_of(master), tmp_path), [], {})

    answer = cdnow_shop.ask(as_of="1997-10-01")

    assert (answer["customers"], answer["repeaters"]) == (2357, 946)
    digits = {"r": 3, "alpha": 3, "a": 3, "b": 3, "p": 2, "q": 2, "v": 2}
    found = {name: round(value, digits[name]) for name, value in answer["params"].items()}
    assert found == {
        "r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426, "p": 6.25, "q": 3.74, "v": 15.44,
    }  # fmt: skip


def test_a_fit_is_learnt_once(grown: Shop) -> None:
    as_of = (NOW - 77 * DAY).isoformat()
    first = grown.ask(as_of=as_of)
    with grown.business.scope():
        number = PurchaseFit.objects.count()
    assert grown.ask(as_of=as_of) == first
    with grown.business.scope():
        assert PurchaseFit.objects.count() == number


# --- segments ---


def members(business: Business, rule: dict[str, Any]) -> int:
    answer = business.api().post("/api/v1/segments/preview", {"rule": rule}, format="json")
    assert answer.status_code == 200, answer.content
    return int(answer.json()["count"])


def test_segments_ask_for_forecasts(grown: Shop) -> None:
    with grown.business.scope():
        rows = list(Forecast.objects.values_list("margin", "p_alive"))
        everybody = Contact.objects.count()
    business = grown.business
    rich = {"field": "predicted_ltv", "at_least": 100}
    leaving = {"field": "p_alive", "at_most": 0.5}
    assert members(business, rich) == sum(m >= 10_000 for m, _a in rows)
    assert members(business, leaving) == sum(a <= 0.5 for _m, a in rows)
    both = sum(m >= 10_000 and a <= 0.5 for m, a in rows)
    assert members(business, {"all": [rich, leaving]}) == both
    poor = {"field": "predicted_ltv", "at_most": 50}
    assert members(business, poor) == everybody - sum(m > 5000 for m, _a in rows)
    between = {"field": "predicted_ltv", "at_least": 50, "at_most": 100}
    assert members(business, between) == sum(5000 <= m <= 10_000 for m, _a in rows)
    assert members(business, {"field": "predicted_ltv", "known": True}) == everybody
    assert members(business, {"field": "p_alive", "known": True}) == len(rows)


def test_without_a_model_segments_know_nobody(business: Business) -> None:
    small = shop(business, 20)
    small.work()
    for field in ("predicted_ltv", "p_alive"):
        assert members(business, {"field": field, "at_most": 1_000_000}) == 0


# --- the page ---


@pytest.mark.parametrize("show", ["check", "customers", "leaving"])
def test_the_page_and_its_file(grown: Shop, show: str) -> None:
    browser = grown.business.browser("viewer")
    page = browser.get(f"/dashboards/prediction/?show={show}")
    file = browser.get(f"/dashboards/prediction/?show={show}&export=csv").content.decode()

    assert page.status_code == 200
    with grown.business.scope():
        best = Forecast.objects.order_by("-margin")[0]
        leaving = Forecast.objects.filter(p_alive__lte=0.5).order_by("-margin")[0]
    if show == "check":
        told = grown.ask()["backtest"]
        assert [int(line.split(",")[2]) for line in file.splitlines()[1:]] == told["actual"]
        assert "Gamma-Gamma" in page.content.decode()
    elif show == "customers":
        assert f"/contact/{best.contact_id}/change/" in page.content.decode()
        assert f"{best.p_alive:.0%}" in page.content.decode()
    else:
        html = page.content.decode()
        assert (f"/contact/{leaving.contact_id}/change/" in html) == (
            "admin/contacts/segment/add/" in html
        )
    assert grown.business.browser("sales").get("/dashboards/prediction/").status_code == 403


def test_the_list_of_those_slipping_away_is_the_segment(grown: Shop) -> None:
    html = grown.business.browser("owner").get("/dashboards/prediction/?show=leaving")
    address = re.search(r'href="(/admin/contacts/segment/add/[^"]+)"', html.content.decode())
    assert address is not None
    query = parse_qs(urlsplit(unescape(address.group(1))).query)
    rule = json.loads(query["rule"][0])
    file = grown.business.browser("owner").get("/dashboards/prediction/?show=leaving&export=csv")

    listed = len(file.content.decode().splitlines()) - 1
    assert 0 < listed == min(50, members(grown.business, rule))
    form = grown.business.browser("owner").get(unescape(address.group(1)))
    assert json.dumps(rule) in unescape(form.content.decode())


def test_the_page_narrows_lists_to_the_filters(grown: Shop) -> None:
    with grown.business.scope():
        red = Channel.objects.create(name="Red")
        mine = grown.contacts[5]
        Contact.objects.filter(pk=mine.pk).update(channel=red)
        few = Segment.objects.create(name="Few", kind=Segment.Kind.STATIC)
        SegmentMember.objects.create(segment=few, contact=mine, entered_at=NOW)
        Product.objects.create(sku="tea", name="Tea", role="profit")
        order = Order.objects.filter(contact=mine, paid=True, paid_at__lt=NOW)[0]
        OrderItem.objects.create(order=order, line=1, sku="tea", quantity=1)
    for narrow in ("channel=Red", "segment=Few", "product_role=profit"):
        url = f"/dashboards/prediction/?show=customers&{narrow}&export=csv"
        file = grown.business.browser("viewer").get(url).content.decode()
        assert len(file.splitlines()) == 2


def test_without_a_model_the_page_says_why(business: Business) -> None:
    small = shop(business, 40)
    for show in ("", "customers", "leaving"):
        page = business.browser("viewer").get(f"/dashboards/prediction/?show={show}")
        assert "The model needs 500" in page.content.decode()
    assert small.ask()["model"] == "cohort"


def test_the_contact_page_shows_the_forecast(grown: Shop) -> None:
    contact = grown.contacts[9]
    with grown.business.scope():
        alive = Forecast.objects.get(contact_id=contact.pk).p_alive
    page = grown.business.browser("owner").get(f"/admin/contacts/contact/{contact.pk}/change/")
    assert "Predicted LTV" in page.content.decode()
    assert f"{alive:.0%}" in page.content.decode()
