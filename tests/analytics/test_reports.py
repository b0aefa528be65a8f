"""Reports equal the reference on made-up worlds, whatever came late, twice or was taken back."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from analytics import facts
from contacts import orders, timeline
from contacts.models import Channel, Contact, Cost
from contacts.timeline import NewEvent
from journeys import stages
from journeys.models import Stage
from tenants.models import Staff, Team
from tests.analytics import seeds
from tests.analytics.reference import DAY, World
from tests.conftest import Business

REPORTS = "/api/v1/reports/"
NOW = datetime.now(UTC).replace(microsecond=0)
BEGIN = NOW - timedelta(days=500)


class Maker:
    """Adds people, facts and corrections in random order."""

    def __init__(self, business: Business, seed: int) -> None:
        self.dice = random.Random(seed)
        self.business = business
        self.channels = [Channel.objects.create(name=name) for name in ("Douyin", "Red", "Offline")]
        team = Team.objects.create(name="North")
        self.staff = [
            Staff.objects.create(userid=f"g{n}", team=team if n else None) for n in range(3)
        ]
        self.contacts: list[Contact] = []
        self.orders: dict[str, orders.Row] = {}
        self.number = 0

    def when(self, after: datetime | None = None) -> datetime:
        """Mostly whole days after something: the borders are where figures go wrong."""
        base = after or BEGIN
        if after and self.dice.random() < 0.5:
            at = base + DAY * self.dice.choice([0, 1, 29, 30, 31, 60, 90, 180, 365])
            at += timedelta(microseconds=self.dice.choice([0, 0, -1, 1]))
        else:
            at = base + timedelta(seconds=self.dice.randrange(int((NOW - BEGIN).total_seconds())))
        return at if at < NOW + timedelta(hours=20) else base

    def contact(self) -> None:
        referrer = (
            self.dice.choice(self.contacts) if self.contacts and self.dice.random() < 0.4 else None
        )
        contact = Contact.objects.create(
            external_id=f"c{len(self.contacts)}",
            name="王",
            phone="+8613800138000",
            channel=self.dice.choice([*self.channels, None]),
            owner=self.dice.choice([*self.staff, None]),
            referrer=referrer,
        )
        self.contacts.append(contact)
        if self.dice.random() < 0.9:
            self.event(
                contact, "follow.opened", self.when(), staff=self.dice.choice(self.staff).userid
            )

    def event(self, contact: Contact, kind: str, at: datetime, **properties: object) -> None:
        self.number += 1
        timeline.record([NewEvent(contact.pk, kind, at, "test", str(self.number), properties)])

    def order(self) -> None:
        contact = self.dice.choice(self.contacts)
        mine = [
            row.paid_at
            for row in self.orders.values()
            if row.contact_id == contact.pk and row.paid_at
        ]
        row = orders.Row(
            order_id=f"o{len(self.orders)}",
            contact_id=contact.pk,
            amount_fen=self.dice.choice([0, 1, 9900, 129900]),
            paid_at=self.when(self.dice.choice(mine) if mine else contact.acquired_at),
            cost_fen=self.dice.choice([0, 4000, 33333]),
            status="paid",
        )
        self.orders[row.order_id] = row
        orders.upsert([row])

    def correct(self) -> None:
        if not self.orders:
            return
        old = self.dice.choice(list(self.orders.values()))
        change: dict[str, Any] = self.dice.choice(
            [
                {"refunded_fen": old.amount_fen // 2},
                {"status": "refunded"},
                {"status": "cancelled"},
                {"paid_at": self.when()},
                {"cost_fen": 777},
                {"contact_id": self.dice.choice(self.contacts).pk},
            ]
        )
        fields = {name: getattr(old, name) for name in old.__slots__} | change
        self.orders[old.order_id] = row = orders.Row(**fields)
        orders.upsert([row])

    def act(self) -> None:
        contact = self.dice.choice(self.contacts)
        kind = self.dice.choice(
            ["follow.opened", "follow.ended", "form.answered", "price.asked", "reward.paid", "hand"]
        )
        at = self.when(contact.acquired_at)
        if kind == "reward.paid":
            self.event(contact, kind, at, amount=self.dice.choice(["12.50", "3", 7]))
        elif kind == "hand":
            stage = self.dice.choice(list(Stage.objects.all()))
            stages.move_by_hand(contact, stage, user=None)
        else:
            staff = self.dice.choice(self.staff).userid
            self.event(contact, kind, at, staff=staff, by="customer")

    def cost(self) -> None:
        day = (BEGIN + DAY * self.dice.randrange(500)).date()
        Cost.objects.create(
            cost_id=f"k{self.dice.random()}",
            date=day,
            channel=self.dice.choice([*self.channels, None]),
            kind="ad",
            amount_fen=self.dice.choice([0, 9999, 100000]),
        )

    def step(self) -> None:
        makers = [self.contact, self.order, self.order, self.act, self.correct, self.cost]
        (self.dice.choice(makers) if self.contacts else self.contact)()
        if self.dice.random() < 0.1:
            facts.catch_up()


def questions(dice: random.Random, number: int) -> list[dict[str, str]]:
    asked = []
    for _ in range(number):
        start = (BEGIN + DAY * dice.randrange(-10, 480)).date()
        end = start + timedelta(days=dice.choice([1, 5, 40, 92, 366, 600]))
        if dice.random() < 0.4:
            start, end = start.replace(day=1), end.replace(day=1)
            end = end if end > start else start + timedelta(days=31)
        question = {"from": start.isoformat(), "to": end.isoformat()}
        if dice.random() < 0.6:
            at = (
                NOW
                - DAY * dice.choice([0, 0, 1, 30, 200])
                - timedelta(seconds=dice.randrange(90_000))
            )
            question["as_of"] = at.isoformat()
        if dice.random() < 0.3:
            question["channel"] = "Red"
        if dice.random() < 0.15:
            question["staff"] = "g1"
        elif dice.random() < 0.15:
            question["team"] = "North"
        asked.append(question)
    return asked


def narrowed(question: dict[str, str]) -> dict[str, Any]:
    narrow: dict[str, Any] = {}
    if "channel" in question:
        narrow["channel"] = Channel.objects.get(name=question["channel"]).pk
    if "staff" in question:
        narrow["owners"] = {Staff.objects.get(userid=question["staff"]).pk}
    if "team" in question:
        narrow["owners"] = set(
            Staff.objects.filter(team__name="North").values_list("pk", flat=True)
        )
    return narrow


def ask(business: Business, path: str, **question: str) -> dict[str, Any]:
    response = business.api().get(REPORTS + path, question)
    assert response.status_code == 200, response.content
    answer: dict[str, Any] = response.json()
    return answer


def check(business: Business, question: dict[str, str]) -> None:
    for mode in ("channel", "month"):
        answer = ask(business, "value", group=mode, **question)
        with business.scope():
            world = World(business.tenant, datetime.fromisoformat(answer["as_of"]))
            days = date.fromisoformat(question["from"]), date.fromisoformat(question["to"])
            wanted = world.value(*days, mode, **narrowed(question))
        assert answer["rows"] == wanted, (mode, question)
    answer = ask(business, "funnel", **question)
    with business.scope():
        world = World(business.tenant, datetime.fromisoformat(answer["as_of"]))
        assert answer["stages"] == world.cohort(*days, **narrowed(question)), question
    snapshot = ask(business, "funnel", mode="snapshot", **question)
    with business.scope():
        world = World(business.tenant, datetime.fromisoformat(snapshot["as_of"]))
        counted = {stage["key"]: stage["contacts"] for stage in snapshot["stages"]}
        assert counted == world.snapshot(**narrowed(question)), question


@pytest.mark.parametrize(("seed", "zone"), seeds.in_zones(1, 2, 3, 4))
def test_reports_equal_the_reference(business: Business, seed: int, zone: str) -> None:
    business.move_to(zone)
    with business.scope():
        maker = Maker(business, seed)
        for _ in range(120):
            maker.step()

    for question in questions(maker.dice, 7):
        check(business, question)

    with business.scope():
        for _ in range(60):
            maker.step()
    for question in questions(maker.dice, 3):
        check(business, question)
    with business.scope():
        assert facts.prove() == []
