"""Heads by the days of deeds: kept right change by change, and the same as by counting rows."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import pytest
from rest_framework.test import APIClient

from analytics import facts, formula, kpis, rates
from analytics.assets import statement
from analytics.deeds import cells
from analytics.models import AssetBalance, DayCell, DeedCell, FactsState, Kpi
from analytics.periods import Question, Span
from contacts import orders, tagging, timeline
from contacts.models import Contact, Tag
from contacts.timeline import NewEvent
from tests.analytics import seeds
from tests.conftest import Business

NOW = datetime.now(UTC).replace(microsecond=0)
DAY = timedelta(days=1)


class Town:
    """People of one business to whom things happen, one at a time, early or late."""

    def __init__(self, business: Business, seed: int) -> None:
        self.business, self.dice, self.number = business, random.Random(seed), 0
        self.tags = list(tagging.named(["gold", "new"]).values())
        self.people: list[Contact] = []
        for n in range(7):
            referrer = self.people[n % 3] if n > 3 else None
            self.people.append(Contact.objects.create(external_id=f"p{n}", referrer=referrer))
        for person in self.people[:6]:  # the last one is never reachable
            self.event("follow.opened", person, NOW - self.dice.choice([50, 60]) * DAY, staff="g1")

    def moment(self) -> datetime:
        """About midnights of the zone, too, and at one of few moments, so that some coincide."""
        day = (NOW - DAY * self.dice.randrange(1, 70)).astimezone(self.business.tenant.tz)
        if self.dice.random() < 0.4:
            day = day.replace(hour=0, minute=0, second=0)
        return day - timedelta(microseconds=self.dice.choice([0, 0, 1]))

    def event(
        self, kind: str, person: Contact | None = None, at: datetime | None = None, **more: object
    ) -> None:
        self.number += 1
        one = person or self.dice.choice(self.people)
        timeline.record(
            [NewEvent(one.pk, kind, at or self.moment(), "test", f"e{self.number}", more)]
        )

    def follow(self) -> None:
        kind = self.dice.choice(["follow.opened", "follow.ended"])
        self.event(kind, staff=self.dice.choice(["g1", "g2"]), by="customer")

    def order(self) -> None:
        self.number += 1
        row = orders.Row(
            f"o{self.number % 25}", self.dice.choice(self.people).pk, 990, self.moment(), 100,
            self.dice.choice(["paid", "paid", "refunded"]),
        )  # fmt: skip
        orders.upsert([row])

    def scan(self) -> None:
        person, at = self.dice.choice(self.people), self.moment()
        self.event("livecode.scanned", person, at)
        self.event("follow.opened", person, at, staff="g2")
        for days in (0, 7):
            self.event("message.sent", person, at + days * DAY)
            self.event("message.received", person, at + days * DAY)
        self.number += 1
        orders.upsert([orders.Row(f"s{self.number}", person.pk, 50, at + 3 * DAY, 1, "paid")])

    def label(self) -> None:
        worn = self.dice.sample(self.people, 2)
        change = self.dice.choice([tagging.add, tagging.remove])
        change([one.pk for one in worn], [self.dice.choice(self.tags)], "api")

    def step(self) -> None:
        act: Callable[[], None] = self.dice.choice(
            [self.follow, self.order, self.scan, self.label, self.act, self.act, self.act]
        )
        act()

    def act(self) -> None:
        self.event(self.dice.choice(["touch.delivered", "message.received", "message.sent"]))

    def question(self) -> Question:
        start = (NOW - DAY * self.dice.randrange(0, 75)).date()
        end = start + DAY * self.dice.choice([1, 2, 9, 30, 400])
        as_of = self.dice.choice([NOW + DAY, NOW + DAY, NOW - 20 * DAY])
        return Question(Span(start, end, self.business.tenant.tz), as_of)


def told(question: Question) -> object:
    metrics = (Kpi.INTERACTION_RATE, Kpi.TAG_COVERAGE, Kpi.REFERRAL_RATE)
    return (
        formula.report(question),
        rates.report(question),
        {key: heads for key, heads in rates.by_channel(question).items() if heads.scanned},
        [kpis.one(metric, question) for metric in metrics],
    )


@pytest.mark.parametrize(("seed", "zone"), seeds.in_zones(1, 2, 3, 4))
def test_cells_are_kept_right_and_say_what_rows_say(
    business: Business, monkeypatch: pytest.MonkeyPatch, seed: int, zone: str
) -> None:
    business.move_to(zone)
    with business.scope():
        town = Town(business, seed)
        for _ in range(40):
            for _ in range(town.dice.choice([1, 1, 3])):
                town.step()
            facts.catch_up()
            assert facts.prove() == []
        tagging.delete(Tag.objects.get(pk=town.tags[0]))
        assert facts.prove() == []

        asked = [town.question() for _ in range(25)]
        by_cells = [told(question) for question in asked]
        known = [cells.know(question) for question in asked]
        monkeypatch.setattr(cells, "know", lambda question: False)
        monkeypatch.setattr(cells, "know_scans", lambda question: False)
        assert by_cells == [told(question) for question in asked]
        assert any(known)
        assert not all(known)


def public_id(api: APIClient, path: str, name: str) -> str:
    rows = api.get(f"/api/v1/{path}").json()["results"]
    found: str = next(row["id"] for row in rows if name in (row["name"], row.get("external_id")))
    return found


def test_a_contact_that_is_deleted_leaves_the_figures(business: Business) -> None:
    with business.scope():
        stays, goes = (Contact.objects.create(external_id=name) for name in ("stays", "goes"))
        for contact in (stays, goes):
            opened = NOW - 9 * DAY
            for kind in ("follow.opened", "touch.delivered", "message.received"):
                key = f"{kind} {contact.pk}"
                event = NewEvent(contact.pk, kind, opened, "test", key, {"staff": "g"})
                timeline.record([event])
    api = business.api()
    period = {"from": f"{(NOW - 30 * DAY).date()}", "to": f"{(NOW + DAY).date()}"}
    before = api.get("/api/v1/reports/formula", period).json()

    assert api.delete(f"/api/v1/contacts/{public_id(api, 'contacts', 'goes')}").status_code == 204
    after = api.get("/api/v1/reports/formula", period).json()
    assert (before["assets"], before["reached"]) == (2, 2)
    assert (after["assets"], after["reached"]) == (1, 1)
    with business.scope():
        assert facts.prove() == []


def test_deleting_a_tag_takes_it_from_the_tag_coverage(business: Business) -> None:
    with business.scope():
        contact = Contact.objects.create(external_id="one")
        opened = NewEvent(contact.pk, "follow.opened", NOW - 9 * DAY, "test", "f", {"staff": "g"})
        timeline.record([opened])
        tagging.add([contact.pk], tagging.named(["gold"]).values(), "api")
    api = business.api()
    period = {"from": f"{(NOW - 30 * DAY).date()}", "to": f"{(NOW + DAY).date()}"}

    def coverage() -> float | None:
        card = api.get("/api/v1/reports/kpis", period).json()
        found: float | None = next(k["value"] for k in card["kpis"] if k["key"] == "tag_coverage")
        return found

    assert coverage() == 1
    assert api.delete(f"/api/v1/tags/{public_id(api, 'tags', 'gold')}").status_code == 204
    assert coverage() == 0


def test_many_deeds_of_a_day_are_one(business: Business) -> None:
    """Cells grow with days and the days before, not with what happens on them."""
    with business.scope():
        contact = Contact.objects.create(external_id="one")
        noon = datetime.combine(date(2026, 3, 2), datetime.min.time(), UTC) + 4 * timedelta(hours=1)
        events = [NewEvent(contact.pk, "follow.opened", noon - DAY, "test", "f", {"staff": "g"})]
        events += [
            NewEvent(
                contact.pk, "message.received", noon + timedelta(minutes=n), "test", f"{n}", {}
            )
            for n in range(30)
        ]
        timeline.record(events)
        facts.catch_up()

        assert [(c.day, c.times) for c in DeedCell.objects.all()] == [(date(2026, 3, 2), 1)]


def test_before_facts_are_read_in_their_new_form_rows_answer(business: Business) -> None:
    """As after an update, until the worker has read a large tenant again."""
    with business.scope():
        town = Town(business, 7)
        for _ in range(30):
            town.step()
        facts.catch_up()
        asked = [town.question() for _ in range(10)]
        told_by_facts = [(told(each), statement.report(each, "staff")) for each in asked]

        FactsState.objects.update(latest_at=None)
        for model in (DeedCell, DayCell, AssetBalance):
            model.objects.all().delete()
        assert [(told(each), statement.report(each, "staff")) for each in asked] == told_by_facts
