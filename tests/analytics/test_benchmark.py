"""Private against public channels: equal to the reference, and to the reports of their parts."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import Any

import pytest

from analytics import facts
from contacts.models import Channel, Cost
from tests.analytics.reference import Paid, World, money, paid_orders
from tests.analytics.seeds import in_zones
from tests.analytics.test_formula import Life, life
from tests.analytics.test_reports import NOW, Maker, ask, narrowed, questions
from tests.conftest import Business

__all__ = ["life"]
OF_VALUE = (
    "cost", "new_contacts", "new_customers", "cost_per_contact", "cac", "cac_cohort", "ltv",
    "ltv_cac", "ltv_cac_days", "payback_days",
)  # fmt: skip


def wanted(
    business: Business, as_of: str, start: date, end: date, **narrow: Any
) -> list[dict[str, Any]]:
    """From raw rows: the channels of a kind taken for one."""
    world = World(business.tenant, datetime.fromisoformat(as_of))
    kinds = dict(Channel.objects.values_list("pk", "kind"))
    paid = list(paid_orders(world.as_of))
    return [of_kind(world, kind, kinds, paid, start, end, **narrow) for kind in
            ("public", "private", None)]  # fmt: skip


def of_kind(
    world: World,
    kind: str | None,
    kinds: dict[int, str],
    paid: list[Paid],
    start: date,
    end: date,
    channel: int | None = None,
    owners: set[int] | None = None,
) -> dict[str, Any]:
    people = [
        p
        for p in world.people.values()
        if kinds.get(p.channel or 0) == kind
        and channel in (None, p.channel)
        and (owners is None or p.owner in owners)
    ]
    costs = [
        c
        for c in Cost.objects.all()
        if kinds.get(c.channel_id or 0) == kind
        and channel in (None, c.channel_id)
        and start <= c.date < end
        and world.midnight(c.date) < world.as_of
    ]
    row = world.row(kind, people, costs, start, end, owners)
    mine = {p.pk for p in people}
    before = [o for o in paid if o.contact in mine and o.at < world.midnight(end)]
    times: dict[int, int] = {}
    for o in before:
        times[o.contact] = times.get(o.contact, 0) + 1
    inside = [o for o in before if o.at >= world.midnight(start)]
    revenue = sum(o.revenue for o in inside)
    buyers = {o.contact for o in inside}
    new = [p for p in people if world.inside(p.reached, start, end)]
    return {
        "group": kind,
        **{name: row[name] for name in OF_VALUE},
        "conversion": len([p for p in new if p.first]) / len(new) if new else None,
        "customers": len(times),
        "repeat_rate": len([n for n in times.values() if n >= 2]) / len(times) if times else None,
        "buyers": len(buyers),
        "orders": len(inside),
        "revenue": money(revenue),
        "aov": six(Fraction(revenue, len(inside))) if inside else None,
        "revenue_per_customer": money(Fraction(revenue, len(buyers))) if buyers else None,
    }


def six(fen: Fraction) -> str:
    exact = Decimal(fen.numerator) / Decimal(fen.denominator) / 100
    return str(exact.quantize(Decimal("0.000001"), ROUND_HALF_UP))


@pytest.mark.parametrize(("seed", "zone"), in_zones(5, 6))
def test_it_equals_the_reference_and_its_parts(business: Business, seed: int, zone: str) -> None:
    business.move_to(zone)
    with business.scope():
        maker = Maker(business, seed)
        Channel.objects.filter(name__in=["Red", "Offline"]).update(kind="private")
        for _ in range(90):
            maker.step()
        facts.catch_up()
        facts.work()  # packs days, of which the next steps change some
        for _ in range(30):
            maker.step()

    for question in questions(maker.dice, 6):
        answer = ask(business, "benchmark", **question)
        days = date.fromisoformat(question["from"]), date.fromisoformat(question["to"])
        with business.scope():
            expected = wanted(business, answer["as_of"], *days, **narrowed(question))
        assert answer["rows"] == expected, question

        question["as_of"] = answer["as_of"]
        by_channel = ask(business, "value", **question)["rows"]
        for name in ("new_contacts", "new_customers"):
            assert sum(row[name] for row in answer["rows"]) == sum(row[name] for row in by_channel)
        if "staff" not in question and "team" not in question:
            costs = [sum(Decimal(row["cost"]) for row in rows) for rows in
                     (answer["rows"], by_channel)]  # fmt: skip
            assert costs[0] == costs[1]


def test_half_a_year_when_nothing_is_asked_and_a_kind_that_changes(business: Business) -> None:
    with business.scope():
        shop = Channel.objects.create(name="Shop")
    today = NOW.astimezone(business.tenant.tz).date()
    orders = [("a", 200), ("b", 170), ("c", 10)]
    api = business.api()
    for name, ago in orders:
        at = (datetime.now(UTC) - timedelta(days=ago)).isoformat()
        assert api.post("/api/v1/contacts", {"external_id": name, "channel": "Shop"},
                        format="json").status_code == 201  # fmt: skip
        body = {"items": [{"order_id": name, "contact": name, "amount": "60.00", "paid_at": at}]}
        assert api.post("/api/v1/orders/bulk", body, format="json").status_code == 207

    public, private, none = ask(business, "benchmark")["rows"]
    # The first one was before; it counts as a customer, not as revenue of the half year.
    assert (public["customers"], public["buyers"], public["revenue"]) == (3, 2, "120.00")
    assert (public["aov"], public["revenue_per_customer"]) == ("60.000000", "60.00")
    assert (private["customers"], none["customers"]) == (0, 0)
    assert (private["aov"], private["conversion"], private["cac"]) == (None, None, None)

    changed = api.patch(f"/api/v1/channels/{_id(business, shop)}", {"kind": "private"})
    assert changed.json()["kind"] == "private"
    public, private, _none = ask(business, "benchmark")["rows"]
    assert (public["orders"], private["orders"]) == (0, 2)
    page = business.browser("owner").get("/dashboards/benchmark/").content.decode()
    assert f'value="{(today + timedelta(days=1)).year}' in page or str(today.year) in page
    assert "¥120.00" in page


def _id(business: Business, channel: Channel) -> str:
    rows = business.api().get("/api/v1/channels", {"name": channel.name}).json()["results"]
    found: str = rows[0]["id"]
    return found


def test_what_was_observed_for_other_days_is_not_compared(business: Business, life: Life) -> None:
    for name, kind, came in (("Ads", "public", "2026-05-20"), ("Shop", "private", "2026-01-10")):
        channel = Channel.objects.create(name=name, kind=kind)
        life.order(life.contact(came, channel=channel), came, 30_000)
        Cost.objects.create(
            date=date.fromisoformat(came), channel=channel, kind="ad", cost_id=name,
            amount_fen=10_000,
        )  # fmt: skip
    half = "?from=2026-01-01&through=2026-06-30&as_of=2026-07-14T00:00:00Z"

    table = business.browser("owner").get(f"/dashboards/benchmark/{half}").context["table"]

    rows = {row[0]: row[1:] for row in table.rows}
    assert rows["LTV : CAC"] == [
        "3.00 (30 days, 1 customer)", "3.00 (180 days, 1 customer)", "–", "–",
    ]  # fmt: skip
    assert rows["LTV 180"] == ["–", "¥300.00 (180 days, 1 customer)", "–", "–"]
    (card,) = (card for card in table.cards if card.title == "LTV : CAC")
    assert (card.text, card.tone) == ("3.00", "")
    assert card.note == "180 days, 1 customer · public: 3.00 (30 days, 1 customer)"
