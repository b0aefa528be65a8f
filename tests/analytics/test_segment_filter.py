"""A report of a segment is that of its members: against the same people, found by channel; one of
a product role is that of the segment of those who bought it.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from analytics import facts
from contacts import orders
from contacts.merging.merge import merge
from contacts.models import Contact, Order, OrderItem, Product, Segment, SegmentMember
from contacts.validation import Item
from tests.analytics.test_reports import NOW, Maker, ask
from tests.conftest import Business, make_business

# Costs are of a channel, and of no segment; the best and worst channel is judged by them.
OF_COSTS = {
    "cost", "cost_per_contact", "cac", "cac_cohort", "ltv_cac", "ltv_cac_days", "payback_days",
    "cost_per_passed", "roi", "best", "worst", "worst_channel", "best_channel",
}  # fmt: skip
REPORTS = [
    ("funnel", {"mode": "cohort"}), ("funnel", {"mode": "snapshot"}), ("value", {"group": "month"}),
    ("wecom-rates", {}), ("formula", {}), ("user-assets", {"group": "ownership"}),
    ("user-assets", {"group": "staff"}), ("cohorts", {"value": "retention"}),
    ("cohorts", {"value": "margin"}), ("concentration", {}), ("rfm", {}), ("baselines", {}),
    ("kpis", {"purpose": "warmth"}), ("kpis", {"purpose": "gmv"}), ("losses", {}),
    ("attribution", {"group": "content"}), ("touches", {"group": "route"}), ("trust-mix", {}),
    ("step-roi", {}), ("satisfaction", {}), ("overview", {}), ("benchmark", {}),
]  # fmt: skip


MOMENTS = {"now": NOW, "then": NOW - timedelta(days=90)}


class Seller(Maker):
    """Sells things that have a role, that have none, and that nobody told us of."""

    def order(self) -> None:
        super().order()
        row = list(self.orders.values())[-1]
        bought = self.dice.sample(["bait", "hit", "hit2", "plain", "gone"], self.dice.randrange(3))
        orders.upsert([replace(row, items=tuple(Item(sku, 1, None) for sku in bought))])


def buyers(role: str, before: datetime) -> set[int]:
    """From raw rows: FIGURES R3, R49."""
    skus = {product.sku for product in Product.objects.all() if product.role == role}
    sold = {item.order_id for item in OrderItem.objects.all() if item.sku in skus}
    return {
        order.contact_id
        for order in Order.objects.filter(pk__in=sold)
        if order.status != "cancelled" and order.paid_at and order.paid_at < before
        if not 0 < (order.refund_fen or 0) >= order.amount_fen
    }


@pytest.fixture(scope="module")
def shop(database: None) -> Business:
    """Read-only for tests: those of one channel are a segment, and those who bought a hit."""
    business = make_business("Segmented")
    with business.scope():
        roles = {"bait": "lead_in", "hit": "hit", "hit2": "hit", "plain": ""}
        Product.objects.bulk_create(Product(sku=s, name=s, role=role) for s, role in roles.items())
        maker = Seller(business, 7)
        for _ in range(160):
            maker.step()
        merge(maker.contacts[0].pk, maker.contacts[1].pk, by="api")
        groups = {name: buyers("hit", moment) for name, moment in MOMENTS.items()}
        assert len(groups["now"]) > len(groups["then"]) > 5
        of_channel = Contact.objects.filter(channel__name="Douyin").values_list("pk", flat=True)
        for name, members in {**groups, "Some": of_channel, "Nobody": ()}.items():
            segment = Segment.objects.create(name=name, kind=Segment.Kind.STATIC)
            SegmentMember.objects.bulk_create(
                SegmentMember(segment=segment, contact_id=pk, entered_at=NOW) for pk in members
            )
        facts.catch_up()
    return business


def without_costs(answer: Any) -> Any:
    if isinstance(answer, dict):
        return {
            name: without_costs(value)
            for name, value in answer.items()
            if name not in OF_COSTS | {"as_of", "since", "until"}
        }
    return [without_costs(one) for one in answer] if isinstance(answer, list) else answer


@pytest.mark.parametrize(("path", "given"), REPORTS)
def test_it_is_that_of_its_members(shop: Business, path: str, given: dict[str, str]) -> None:
    days = {"from": (NOW.date() - timedelta(days=400)).isoformat()}
    for moment in ({}, {"as_of": (NOW - timedelta(days=90)).isoformat()}):
        of_channel = ask(shop, path, channel="Douyin", **given, **days, **moment)
        of_segment = ask(shop, path, segment="Some", **given, **days, **moment)

        assert without_costs(of_segment) == without_costs(of_channel)


@pytest.mark.parametrize(("path", "given"), REPORTS)
def test_that_of_a_role_is_of_its_buyers(shop: Business, path: str, given: dict[str, str]) -> None:
    asked = {"from": (NOW.date() - timedelta(days=400)).isoformat(), **given}
    asked["as_of"] = MOMENTS["then"].isoformat()

    of_role = ask(shop, path, product_role="hit", **asked)

    assert of_role == ask(shop, path, segment="then", **asked)
    assert of_role.get("cost") is None


def test_the_example_of_the_docs(business: Business) -> None:
    with business.scope():
        for role in ("lead_in", "profit"):
            Product.objects.create(sku=role, name=role, role=role)
        li, wang = (Contact.objects.create(external_id=name) for name in ("li", "wang"))
        for who, sku, fen in ((li, "lead_in", 990), (li, "profit", 30_000), (wang, "lead_in", 990)):
            paid_at = NOW - timedelta(days=30)
            row = orders.Row(f"{who.pk}{sku}", who.pk, fen, paid_at, None, "paid")
            orders.upsert([replace(row, items=(Item(sku, 1, None),))])

    revenue = {
        role: ask(business, "overview", product_role=role)["revenue"]
        for role in ("", "lead_in", "profit", "hit")
    }
    assert revenue == {"": "319.80", "lead_in": "319.80", "profit": "309.90", "hit": "0.00"}
    page = business.browser("viewer").get("/dashboards/concentration/?product_role=profit")
    assert '<option value="profit" selected>Profit</option>' in page.content.decode()


def test_nobody_is_nothing(shop: Business) -> None:
    for nobody in ({"segment": "Nobody"}, {"product_role": "profit"}):
        found = ask(shop, "formula", **nobody)

        assert (found["assets"], found["orders"], found["revenue"]) == (0, 0, "0.00")
    assert ask(shop, "value", segment="Some", group="month")["rows"][-1]["cost"] is None


@pytest.mark.parametrize("name", ["segment", "product_role"])
def test_one_that_is_none_is_refused(shop: Business, name: str) -> None:
    answer = shop.api().get(f"/api/v1/reports/funnel?{name}=None+such")

    assert answer.status_code == 400
    assert name in answer.json()["error"]["fields"]
    page = shop.browser("viewer").get(f"/dashboards/funnel/?{name}=None+such")
    assert "There is no such" in page.content.decode()
