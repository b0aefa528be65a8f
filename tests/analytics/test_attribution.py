"""Orders shared by their points: worked by hand, and against plain Python on made-up worlds."""

from __future__ import annotations

import random
import re
from collections import defaultdict
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from html import unescape
from itertools import pairwise
from typing import Any

import pytest

from analytics.exact import apportioned
from campaigns.models import Broadcast
from contacts.models import Cost
from tenants.ids import encode
from tests.analytics.attribution_ground import DAY, NOW, Ground, asked, ground
from tests.conftest import Business

__all__ = ["ground"]

MODELS = ("first", "last", "linear", "position")


def earned(answer: dict[str, Any], what: str = "revenue") -> dict[str | None, list[str]]:
    return {
        row["group"]: [row["models"][model][what] for model in MODELS] for row in answer["rows"]
    }


def test_worked_by_hand(business: Business, ground: Ground) -> None:
    """Came by Douyin on day 20, was added by the code of the fair on day 22 and by the poster's on
    day 24, and bought for 100 on day 26: within seven days of all three."""
    with business.scope():
        ann = ground.contact("ann", "Douyin", NOW - 20 * DAY)
        ground.added(ann, "Booth", NOW - 18 * DAY)
        ground.added(ann, "Poster", NOW - 16 * DAY)
        ground.order(ann, NOW - 14 * DAY, 10_000, 4_000)
        bob = ground.contact("bob", None, NOW - 20 * DAY)
        ground.order(bob, NOW - 14 * DAY, 700)
        Cost.objects.create(
            date=(NOW - 15 * DAY).date(), channel=ground.channels["Fair"], kind="ad",
            amount_fen=1_000,
        )  # fmt: skip

    answer = asked(business, group="channel")

    assert earned(answer) == {
        "Red": ["0.00", "100.00", "33.34", "40.00"],
        "Douyin": ["100.00", "0.00", "33.33", "40.00"],
        "Fair": ["0.00", "0.00", "33.33", "20.00"],
        None: ["7.00"] * 4,
    }
    fair = next(row for row in answer["rows"] if row["group"] == "Fair")
    assert fair["cost"] == "10.00"
    # 60.00 of margin: a fifth is 12.00; it cost 10.00.
    assert fair["models"]["position"] == {
        "orders": 0.2, "revenue": "20.00", "margin": "12.00", "roi": pytest.approx(0.2),
    }  # fmt: skip
    assert fair["models"]["first"]["roi"] == -1
    assert answer["total"]["models"]["linear"]["revenue"] == "107.00"
    assert earned(asked(business, group="channel", channel="Red")) == {}


def test_both_ends_of_the_window(business: Business, ground: Ground) -> None:
    bought = NOW - 10 * DAY
    micro = timedelta(microseconds=1)
    with business.scope():
        for name, at in (
            ("early", bought - 7 * DAY - micro),
            ("just", bought - 7 * DAY),
            ("same", bought),
            ("late", bought + micro),
        ):
            contact = ground.contact(name, None, None)
            ground.added(contact, "Plain", at)
            ground.order(contact, bought, 100)

    assert earned(asked(business, group="live_code", days="7"))["Plain"] == ["2.00"] * 4
    assert earned(asked(business, group="live_code", days="30"))["Plain"] == ["3.00"] * 4


def test_campaigns_and_contents(business: Business, ground: Ground) -> None:
    """The script's second step carries the guide, and the guide is read later; the broadcast comes
    last. Opening a link tells two events at one moment: one point."""
    with business.scope():
        ann = ground.contact("ann", None, None)
        ground.touched(ann, 1, NOW - 9 * DAY)
        ground.touched(ann, 2, NOW - 8 * DAY)
        opened = {"content": "Guide", "content_id": encode(ground.guide.pk)}
        ground.event(ann, "link.clicked", NOW - 7 * DAY, **opened)
        ground.event(ann, "content.read", NOW - 7 * DAY, **opened)
        ground.event(ann, "content.downloaded", NOW - 6 * DAY, content="Old brochure")
        ground.told(ann, NOW - 5 * DAY)
        ground.order(ann, NOW - 4 * DAY, 900)

    assert earned(asked(business, group="campaign")) == {
        "Launch": ["0.00", "9.00", "3.00", "3.60"],
        "Warm up": ["9.00", "0.00", "6.00", "5.40"],
    }
    assert earned(asked(business, group="content")) == {
        "Old brochure": ["0.00", "9.00", "3.00", "3.60"],
        "Guide": ["9.00", "0.00", "6.00", "5.40"],
    }
    page = business.browser("viewer").get("/dashboards/attribution/?group=campaign")
    assert "Warm up" in page.content.decode()


def test_a_broadcast_tells_of_the_content_that_it_leads_to(
    business: Business, ground: Ground
) -> None:
    with business.scope():
        ann = ground.contact("ann", None, None)
        ground.told(ann, NOW - 5 * DAY)
        Broadcast.objects.update(content=ground.guide)
        ground.order(ann, NOW - 4 * DAY, 900)

    assert earned(asked(business, group="content")) == {"Guide": ["9.00"] * 4}


def test_a_campaign_that_a_file_tells_of_is_a_point(business: Business, ground: Ground) -> None:
    with business.scope():
        ann = ground.contact("ann", None, None)
        ground.event(ann, "touch.delivered", NOW - 6 * DAY, sop="By hand")
        ground.event(ann, "touch.delivered", NOW - 5 * DAY, sop="Warm up")
        ground.event(ann, "touch.delivered", NOW - 5 * DAY)  # of no script
        ground.order(ann, NOW - 4 * DAY, 900)

    assert earned(asked(business, group="campaign")) == {
        "Warm up": ["0.00", "9.00", "4.50", "4.50"],
        "By hand": ["9.00", "0.00", "4.50", "4.50"],
    }


def test_orders_of_a_campaign_that_a_file_names_can_be_listed(
    business: Business, ground: Ground
) -> None:
    with business.scope():
        ann = ground.contact("ann", None, None)
        ground.event(ann, "touch.delivered", NOW - 6 * DAY, sop="By hand")
        ground.order(ann, NOW - 4 * DAY, 900)
        ground.order(ground.contact("bob", None, None), NOW - 4 * DAY, 700)
    window = business.browser("owner")

    page = window.get("/dashboards/attribution/?group=campaign").content.decode()
    (listed,) = re.findall(r'href="([^"]*named%253ABy[^"]*)"', page)
    orders_behind = window.get(unescape(listed), follow=True)

    assert orders_behind.status_code == 200
    assert [order.contact_id for order in orders_behind.context["cl"].result_list] == [ann.pk]


class Lives:
    """Many made-up lives: the points of each name by channel, and what was bought."""

    def __init__(self, ground: Ground, seed: int) -> None:
        self.ground, self.dice = ground, random.Random(seed)
        self.points: dict[str, set[tuple[datetime, str]]] = defaultdict(set)
        self.bought: list[tuple[str, datetime, int]] = []
        for number in range(25):
            self.live(f"c{number}")

    def live(self, name: str) -> None:
        began = NOW - DAY * self.dice.randrange(5, 60)
        channel = self.dice.choice([*self.ground.channels, None])
        contact = self.ground.contact(name, channel, began)
        if channel:
            self.points[name].add((began, channel))
        for at in self.later(began, 4):
            code = self.dice.choice(list(self.ground.codes))
            self.ground.added(contact, code, at)
            of_code = self.ground.codes[code].channel
            if of_code:
                self.points[name].add((at, of_code.name))
        for at in self.later(began, 3):
            self.bought.append((name, at, self.dice.choice([1, 333, 10_000])))
            self.ground.order(contact, *self.bought[-1][1:])

    def later(self, began: datetime, most: int) -> list[datetime]:
        some = (began + timedelta(hours=self.dice.randrange(900)) for _ in range(most))
        return [at for at in some if at < NOW]

    def wanted(self, model: str, first: datetime) -> dict[str | None, Fraction]:
        found: dict[str | None, Fraction] = defaultdict(Fraction)
        for name, at, fen in self.bought:
            points = sorted(p for p in self.points[name] if at - 30 * DAY <= p[0] <= at)
            for key, share in shares(model, [key for _at, key in points]):
                found[key] += share * fen if at >= first else 0
        return found


@pytest.mark.parametrize("seed", [1, 2])
def test_equals_the_reference(business: Business, ground: Ground, seed: int) -> None:
    with business.scope():
        lives = Lives(ground, seed)
    start = (NOW - 40 * DAY).date()

    answer = asked(business, group="channel", days="30", **{"from": start.isoformat()})

    first = datetime(start.year, start.month, start.day, tzinfo=business.tenant.tz)
    for model in MODELS:
        wanted = lives.wanted(model, first)
        told = {row["group"]: row["models"][model]["revenue"] for row in answer["rows"]}
        assert sum(map(Decimal, told.values())) * 100 == sum(wanted.values())
        for key, text in told.items():
            assert abs(Decimal(text) * 100 - _decimal(wanted[key])) < 1, (model, key)


def shares(model: str, keys: list[str]) -> list[tuple[str | None, Fraction]]:
    if not keys:
        return [(None, Fraction(1))]
    weights = [Fraction(0)] * len(keys)
    if model == "first":
        weights[0] = Fraction(1)
    elif model == "last":
        weights[-1] = Fraction(1)
    elif model == "linear" or len(keys) < 3:
        weights = [Fraction(1, len(keys))] * len(keys)
    else:
        middle = Fraction(20, 100) / (len(keys) - 2)
        weights = [Fraction(40, 100), *[middle] * (len(keys) - 2), Fraction(40, 100)]
    return list(zip(keys, weights, strict=True))


def _decimal(exact: Fraction) -> Decimal:
    return Decimal(exact.numerator) / Decimal(exact.denominator)


def test_nothing_is_lost_in_rounding() -> None:
    assert apportioned([Fraction(100, 3)] * 3) == [34, 33, 33]
    assert apportioned([Fraction(-1, 2), Fraction(1, 2)]) == [0, 0]
    assert apportioned([]) == []
    thirds = apportioned([Fraction(n, 7) for n in range(14)])
    assert sum(thirds) == 13
    assert all(later >= earlier for earlier, later in pairwise(thirds[7:]))


def test_an_empty_business(business: Business) -> None:
    answer = asked(business, **{"from": "2016-01-01", "to": "2026-01-01"})

    assert answer["rows"] == []
    assert answer["total"]["models"]["first"] == {
        "orders": 0, "revenue": "0.00", "margin": "0.00", "roi": None,
    }  # fmt: skip
    assert business.browser("viewer").get("/dashboards/attribution/").status_code == 200
    assert business.browser("sales").get("/dashboards/attribution/").status_code == 403


@pytest.mark.parametrize("query", [{"group": "x"}, {"days": "8"}, {"to": "soon"}, {"colour": "x"}])
def test_unknown_wishes_are_400(business: Business, query: dict[str, str]) -> None:
    assert business.api().get("/api/v1/reports/attribution", query).status_code == 400
