"""ROI by step: equals plain Python on made-up worlds, sums to the value report, worked by hand."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from analytics import facts
from contacts import orders, timeline
from contacts.models import Channel, Contact, Cost
from contacts.timeline import NewEvent
from journeys import stages
from journeys.models import Stage
from tests.analytics.reference import DAY, Person, World, money, ratio
from tests.analytics.test_reports import Maker, narrowed
from tests.conftest import Business

REPORTS = "/api/v1/reports/"
NOW = datetime.now(UTC).replace(microsecond=0)
# The six stages that a tenant begins with.
PAID_WITH = {
    "visitor": ["ad"], "prospect": ["bait"], "profiled": ["agency"], "intent": [],
    "pending": ["staff"], "won": ["coupon"], None: ["other"],
}  # fmt: skip


def asked(business: Business, path: str = "step-roi", **query: str) -> dict[str, Any]:
    answer = business.api().get(REPORTS + path, query)
    assert answer.status_code == 200, answer.content
    found: dict[str, Any] = answer.json()
    return found


def wanted(
    world: World,
    start: date,
    end: date,
    channel: int | None = None,
    owners: set[int] | None = None,
) -> Iterator[dict[str, Any]]:
    people = [
        p for p in world.people.values()
        if channel in (None, p.channel) and (owners is None or p.owner in owners)
    ]  # fmt: skip
    costs = [
        c for c in Cost.objects.all()
        if start <= c.date < end and world.midnight(c.date) < world.as_of
        and channel in (None, c.channel_id)
    ]  # fmt: skip
    place = {stage.pk: number for number, stage in enumerate(world.stages)}
    for number, stage in enumerate([*world.stages, None]):
        kinds = PAID_WITH[stage.key if stage else None]
        cost = sum(c.amount_fen for c in costs if c.kind in kinds)
        row: dict[str, Any] = {
            "key": stage.key if stage else None,
            "name": str(stage) if stage else None,
            "kinds": kinds,
            "cost": money(None if owners is not None else cost),
        }
        if stage is None:
            names = ["passed", "cost_per_passed", "buyers", "margin", "roi"]
            yield row | dict.fromkeys(names)
            continue
        passed = [p for p in people if world.inside(reach(p, place, number), start, end)]
        margins = [[m for at, m in p.orders if world.inside(at, start, end)] for p in passed]
        margin = sum(map(sum, margins))
        known = owners is None and cost
        row |= {
            "passed": len(passed),
            "cost_per_passed": money(ratio(None if owners is not None else cost, len(passed))),
            "buyers": sum(1 for mine in margins if mine),
            "margin": money(margin),
            "roi": (margin - cost) / cost if known else None,
        }
        yield row


def reach(p: Person, place: dict[int, int], number: int) -> datetime | None:
    return min((m.at for m in p.moves if place[m.to_stage_id] >= number), default=None)


def questions(dice: random.Random) -> Iterator[dict[str, str]]:
    for days in (1, 40, 400, 3650):
        start = (NOW - DAY * dice.randrange(500)).date()
        end = start + timedelta(days=days)
        question = {"from": start.isoformat(), "to": end.isoformat()}
        yield question
        at = NOW - DAY * dice.randrange(300) - timedelta(seconds=dice.randrange(90_000))
        yield question | {"as_of": at.isoformat()}
        yield question | {"channel": "Red"}
        yield question | {"team": "North"}


@pytest.mark.parametrize(
    ("seed", "steps"), [(5, 120), pytest.param(6, 300, marks=pytest.mark.slow)]
)
def test_equals_the_reference(business: Business, seed: int, steps: int) -> None:
    with business.scope():
        maker = Maker(business, seed)
        for _ in range(steps):
            maker.step()
        kinds = Cost.Kind.values
        for cost in Cost.objects.all():
            cost.kind = maker.dice.choice(kinds)
            cost.save(update_fields=["kind"])
        timeline.drain_all()
        facts.catch_up()
        facts.work()  # packs days of orders

    for question in questions(maker.dice):
        answer = asked(business, **question)
        start, end = (date.fromisoformat(question[name]) for name in ("from", "to"))
        with business.scope():
            world = World(business.tenant, datetime.fromisoformat(answer["as_of"]))
            rows = list(wanted(world, start, end, **narrowed(question)))
        assert answer["steps"] == [
            row | {"roi": row["roi"] and pytest.approx(row["roi"])} for row in rows
        ], question
        of_value = [row["cost"] for row in asked(business, "value", **question)["rows"]]
        if "team" not in question:
            assert Decimal(answer["cost"]) == sum(map(Decimal, of_value)), question


def test_worked_by_hand(business: Business) -> None:
    """100 of ads and 30 of bait: two were seen, one of them became a friend and bought for 90 with
    a margin of 60. The rent of 7 is for no one step."""
    with business.scope():
        for kind, fen in (("ad", 10_000), ("bait", 3_000), ("other", 700)):
            Cost.objects.create(date=NOW.date() - DAY, kind=kind, amount_fen=fen)
        Cost.objects.create(date=NOW.date() - 200 * DAY, kind="bait", amount_fen=99)
        ann, bob = (Contact.objects.create(name=name) for name in ("ann", "bob"))
        timeline.record(
            [
                NewEvent(ann.pk, "follow.opened", NOW - DAY, "test", "1", {"staff": "amy"}),
                NewEvent(bob.pk, "page.viewed", NOW - DAY, "test", "2", {}),
            ]
        )
        timeline.drain_all()
        stages.move_by_hand(bob, Stage.objects.get(key="visitor"), user=None)
        orders.upsert(
            [
                orders.Row(
                    order_id="1", contact_id=ann.pk, amount_fen=9_000, cost_fen=3_000,
                    paid_at=NOW - timedelta(hours=1), status="paid",
                )
            ]
        )  # fmt: skip
        timeline.drain_all()

    answer = asked(business, **{"from": (NOW - 30 * DAY).date().isoformat()})

    steps = {step["key"]: step for step in answer["steps"]}
    visitor, prospect = steps["visitor"], steps["prospect"]
    assert (visitor["cost"], visitor["passed"], visitor["buyers"]) == ("100.00", 2, 1)
    assert (visitor["cost_per_passed"], visitor["roi"]) == ("50.00", pytest.approx(-0.4))
    assert (prospect["passed"], prospect["margin"], prospect["roi"]) == (1, "60.00", 1)
    assert (steps["won"]["cost"], steps["won"]["roi"]) == ("0.00", None)
    assert (steps[None]["cost"], answer["cost"]) == ("7.00", "137.00")
    page = business.browser("viewer").get("/dashboards/step-roi/").content.decode()
    assert "100.0%" in page
    assert "−40.0%" in page or "-40.0%" in page


def test_a_journey_of_ones_own(business: Business) -> None:
    """Without a stage of nurture nothing is nurtured: agencies are for no one step."""
    with business.scope():
        Stage.objects.filter(purpose="nurture").update(purpose="choice")
        Channel.objects.create(name="Red")
        Cost.objects.create(date=NOW.date() - DAY, kind="agency", amount_fen=500)

    answer = asked(business)

    assert answer["steps"][-1]["kinds"] == ["agency", "other"]
    assert answer["steps"][-1]["cost"] == answer["cost"] == "5.00"
