"""RFM segments have whom the report counts, and keep themselves right; the pages of customers."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone, translation

from analytics.models import RfmBorders
from analytics.rfm import scores
from contacts import orders, timeline
from contacts.models import Contact, Product, Segment, SegmentMember
from contacts.segments import upkeep, words
from contacts.validation import Item
from tests.analytics.reference_customers import Shop
from tests.conftest import Business

DAY = timedelta(days=1)
NOW = datetime.now(UTC).replace(microsecond=0)
SEGMENTS = "/api/v1/segments"


def buy(contact: Contact, number: str, days_ago: float, fen: int = 10_000) -> None:
    row = orders.Row(number, contact.pk, fen, NOW - days_ago * DAY, 4_000, "paid")
    orders.upsert([row])


@pytest.fixture
def shop(business: Business) -> Business:
    """Forty customers with one to six orders of the last 300 days."""
    dice = random.Random(7)
    with business.scope():
        for nr in range(40):
            contact = Contact.objects.create(external_id=f"c{nr}", name=f"Person {nr}")
            for each in range(dice.choice([1, 1, 1, 2, 3, 6])):
                fen = dice.choice([900, 9_900, 50_000, 129_900])
                buy(contact, f"{nr}-{each}", dice.randrange(1, 300), fen)
    settle(business)
    return business


def settle(business: Business) -> None:
    timeline.work(business.pk)
    upkeep.work(business.pk)


def saved(business: Business, name: str, rule: dict[str, Any]) -> None:
    made = business.api().post(SEGMENTS, {"name": name, "rule": rule}, format="json")
    assert made.status_code == 201, made.content
    settle(business)


def members(business: Business, name: str) -> set[str | None]:
    with business.scope():
        rows = SegmentMember.objects.filter(segment__name=name)
        return set(rows.values_list("contact__external_id", flat=True))


def wanted(business: Business, days: int, **ranges: tuple[int, int]) -> set[str | None]:
    """By the slow reference."""
    with business.scope():
        now = timezone.now()
        until = now.astimezone(business.tenant.tz).date() + DAY
        shop = Shop(business.tenant, now)
        start = until - timedelta(days=days)
        meant = shop.scores(start, until)
        fits = {
            pk
            for pk, found in meant.items()
            if all(low <= found[score] <= high for score, (low, high) in ranges.items())
        }
        rows = Contact.objects.filter(pk__in=fits)
        return set(rows.values_list("external_id", flat=True))


RULES: dict[str, tuple[dict[str, Any], int, dict[str, tuple[int, int]]]] = {
    "best": ({"group": "champions"}, 365, {"r": (4, 5), "f": (4, 5), "m": (4, 5)}),
    "dormant": ({"group": "dormant", "within_days": 200}, 200,
                {"r": (1, 3), "f": (1, 3), "m": (1, 3)}),
    "cell": ({"r": {"is": 5}, "f": {"at_most": 2}}, 365, {"r": (5, 5), "f": (1, 2)}),
    "rich": ({"m": {"at_least": 4, "at_most": 4}}, 365, {"m": (4, 4)}),
    "all": ({"m": {"at_least": 1}, "within_days": 90}, 90, {}),
}  # fmt: skip


def test_segments_have_whom_the_report_counts(shop: Business) -> None:
    for name, (rule, _days, _ranges) in RULES.items():
        saved(shop, name, {"rfm": rule})

    for name, (_rule, days, ranges) in RULES.items():
        assert members(shop, name) == wanted(shop, days, **ranges), name
    assert members(shop, "best")
    assert members(shop, "cell")


def test_the_segments_keep_themselves_right(shop: Business) -> None:
    for name, (rule, _days, _ranges) in RULES.items():
        saved(shop, name, {"rfm": rule})
    with shop.scope():
        for nr in range(0, 40, 3):
            contact = Contact.objects.get(external_id=f"c{nr}")
            buy(contact, f"again {nr}", 0.5, 200_000)
    settle(shop)
    # An order moves its buyer at once, the others at the next look: their scores are against it.
    with shop.scope():
        Segment.objects.update(due_at=timezone.now())
        rfm_borders_are_old()
    settle(shop)

    for name, (_rule, days, ranges) in RULES.items():
        assert members(shop, name) == wanted(shop, days, **ranges), name


def rfm_borders_are_old() -> None:
    RfmBorders.objects.update(read_at=timezone.now() - timedelta(minutes=11))


def test_a_fixed_period(shop: Business) -> None:
    today = NOW.astimezone(shop.tenant.tz).date()
    rule = {"m": {"is": 5}, "after": f"{today - 100 * DAY}", "before": f"{today - 10 * DAY}"}
    saved(shop, "autumn", {"rfm": rule})

    with shop.scope():
        of_all = Shop(shop.tenant, timezone.now()).scores(today - 100 * DAY, today - 10 * DAY)
        best = [pk for pk, found in of_all.items() if found["m"] == 5]
        names = set(Contact.objects.filter(pk__in=best).values_list("external_id", flat=True))
    assert members(shop, "autumn") == names != set()


def test_nobody_bought(business: Business) -> None:
    saved(business, "best", {"rfm": "champions"})

    assert members(business, "best") == set()


@pytest.mark.parametrize(
    ("rule", "place"),
    [
        ({}, "rfm"),
        ({"group": "kings"}, "rfm.group"),
        ({"group": "champions", "r": 5}, "rfm.group"),
        ({"r": 6}, "rfm.r"),
        ({"r": 0}, "rfm.r"),
        ({"r": {"at_least": 4, "at_most": 3}}, "rfm.r"),
        ({"x": 1}, "rfm.x"),
        ({"r": 5, "within_days": 0}, "rfm.within_days"),
        ({"r": 5, "within_days": 9, "after": "2026-01-01"}, "rfm.within_days"),
        ({"r": 5, "after": "2026-02-01", "before": "2026-01-01"}, "rfm.before"),
        ({"r": 5, "after": "2026-02-01T10:00:00+08:00"}, "rfm.after"),
    ],
)
def test_a_rule_that_is_none_says_where(business: Business, rule: Any, place: str) -> None:
    answer = business.api().post(SEGMENTS, {"name": "x", "rule": {"rfm": rule}}, format="json")

    assert answer.status_code == 400
    (said,) = answer.json()["error"]["fields"]["rule"]
    assert said.partition(":")[0] == place


def test_the_rule_in_words(business: Business) -> None:
    with translation.override("en"):
        assert words.of_rule({"rfm": "champions"}) == "RFM Champions in the last 365 days"
        rule = {"rfm": {"r": {"at_least": 4}, "f": {"is": 1}, "after": "2026-01-01"}}
        assert words.of_rule(rule) == "RFM R 4–5 F = 1 from 2026-01-01 on"


def test_the_eight_groups_are_everybody() -> None:
    every = [(r, f, m) for r in range(1, 6) for f in range(1, 6) for m in range(1, 6)]

    for one in every:
        fitting = [
            group
            for group in scores.GROUPS
            if all(
                low <= each <= high
                for each, (low, high) in zip(one, group.ranges().values(), strict=True)
            )
        ]
        assert fitting == [scores.group_of(*one)]


# --- pages ---


def test_a_tile_leads_to_its_contacts_and_these_become_a_segment(shop: Business) -> None:
    browser = shop.browser("operator")
    people = wanted(shop, 365, r=(4, 5), f=(4, 5), m=(4, 5))
    with shop.scope():
        names = set(Contact.objects.filter(external_id__in=people).values_list("name", flat=True))

    page = browser.get("/dashboards/rfm/?group=champions").content.decode()
    answer = browser.post("/dashboards/rfm/?group=champions")
    settle(shop)

    assert {name for name in (f"Person {nr}" for nr in range(40)) if f">{name}<" in page} == names
    with shop.scope():
        segment = Segment.objects.get()
    assert answer["Location"] == f"/admin/contacts/segment/{segment.pk}/change/"
    assert segment.rule == {"rfm": {"group": "champions", "within_days": 365}}
    assert members(shop, segment.name) == people
    assert browser.get(answer["Location"]).status_code == 200

    browser.post("/dashboards/rfm/?group=champions")
    browser.post("/dashboards/rfm/?r=5&f=1&from=2026-01-01&to=2026-02-01")
    with shop.scope():
        found = {each.name: each.rule for each in Segment.objects.exclude(pk=segment.pk)}
    assert found == {
        f"{segment.name} 2": segment.rule,
        "RFM R 5 · F 1 (2026-01-01 – 2026-01-31)": {
            "rfm": {"r": {"is": 5}, "f": {"is": 1}, "after": "2026-01-01", "before": "2026-02-01"}
        },
    }


@pytest.mark.parametrize(
    "query",
    ["", "?group=kings", "?group=champions&staff=operator1", "?group=champions&product_role=hit"],
)
def test_what_is_no_segment_is_not_saved(shop: Business, query: str) -> None:
    answer = shop.browser("operator").post(f"/dashboards/rfm/{query}")

    assert answer.status_code == 302
    with shop.scope():
        assert not Segment.objects.exists()


def test_who_only_looks_saves_nothing(shop: Business) -> None:
    viewer = shop.browser("viewer")

    assert "Save as segment" not in viewer.get("/dashboards/rfm/?group=champions").content.decode()
    assert viewer.post("/dashboards/rfm/?group=champions").status_code == 403
    assert shop.browser("sales").post("/dashboards/rfm/?group=champions").status_code == 403


@pytest.mark.parametrize(
    "path",
    [
        "/dashboards/rfm/?r=9&f=x&page=no",
        "/dashboards/rfm/?group=dormant&page=199",
        "/dashboards/cohorts/?value=heads",
        "/dashboards/cohorts/?from=1970-01-02&through=2100-01-01&value=margin",
        "/dashboards/concentration/?view=months&as_of=2020-01-01",
    ],
)
def test_pages_answer_whatever_is_asked(shop: Business, path: str) -> None:
    assert shop.browser("viewer").get(path).status_code == 200


def test_the_map_of_cohorts(business: Business) -> None:
    with business.scope():
        contact = Contact.objects.create(external_id="a", name="A")
        for number, day in enumerate(("2026-01-05", "2026-03-05")):
            at = datetime.fromisoformat(f"{day}T10:00:00+08:00")
            orders.upsert([orders.Row(f"{number}", contact.pk, 10_000, at, 12_500, "paid")])
    asked = "from=2026-01-01&to=2026-02-01&as_of=2026-04-01"
    browser = business.browser("viewer")

    page = browser.get(f"/dashboards/cohorts/?value=margin&{asked}").content.decode()
    file = browser.get(f"/dashboards/cohorts/?value=margin&{asked}&export=csv").content.decode()

    assert page.count(">−¥25.00<") == 2
    assert 'class="tile loss"' in page
    assert file.splitlines()[1:] == ["2026-01,1,-25.00,0.00,-25.00"]


def test_later_orders_and_up_sell(business: Business) -> None:
    with business.scope():
        contact = Contact.objects.create(external_id="a", name="A")
        Product.objects.create(sku="p", name="P", role="profit", price_fen=700)
        Product.objects.create(sku="h", name="H", role="hit", price_fen=100)
        items = (Item("p", 2, None), Item("h", 1, 100), Item("p", 1, 650))
        for number, day in enumerate(("05", "06")):
            at = datetime.fromisoformat(f"2026-01-{day}T10:00:00+08:00")
            row = orders.Row(f"{number}", contact.pk, 10_000, at, 0, "paid", None, items)
            orders.upsert([row])

    page = business.browser("viewer").get(
        "/dashboards/concentration/?view=months&from=2026-01-01&to=2026-03-01"
    )

    text = page.content.decode()
    assert "¥20.50" in text
    assert "by 1 existing customer<" in text
    assert "50.0%" in text
