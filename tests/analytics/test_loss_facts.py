"""Losses by counted cells: kept right change by change, and the same as by reading rows."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection

from analytics import facts
from analytics.losses import DAYS, GROUPS
from analytics.models import FactsState, LossCell, LossFact
from contacts import cascade, changes, handover, timeline
from contacts.merging import merge, undo
from contacts.models import (
    Channel,
    Contact,
    LiveCode,
    Merge,
    ReachSpell,
    Segment,
    SegmentMember,
    SourceKind,
)
from contacts.timeline import NewEvent
from tenants.models import Staff, WeChatAccount
from tests.analytics import seeds
from tests.conftest import Business

NOW = datetime.now(UTC)
DAY, MICRO = timedelta(days=1), timedelta(microseconds=1)
ENDS = ("customer", "staff", "unknown", "transfer")


class Town:
    """People of one business who follow, leave, come back and are handed over, in any order."""

    def __init__(self, business: Business, seed: int) -> None:
        self.business, self.dice, self.number = business, random.Random(seed), 0
        account = WeChatAccount.objects.create(name="w", app_id="ww1", secret="s")
        self.channels = [Channel.objects.create(name=name) for name in ("Fair", "Street")]
        self.codes = [
            LiveCode.objects.create(account=account, name=name, state=name, channel=channel)
            for name, channel in zip(("booth", "door"), self.channels, strict=True)
        ]
        self.everybody = Segment.objects.create(name="everybody", kind=Segment.Kind.STATIC)
        self.guides = [Staff.objects.create(userid=f"g{n}", name=f"g{n}") for n in range(3)]
        for _ in range(8):
            self.come()
        for person in Contact.objects.all():
            self.event("follow.opened", person, self.moment())
        facts.catch_up()

    def come(self) -> None:
        self.number += 1
        Contact.objects.create(
            external_id=f"p{self.number}",
            channel=self.dice.choice([None, *self.channels]),
            live_code=self.dice.choice([None, None, *self.codes]),
            source=self.dice.choice(SourceKind.values),
        )

    def moment(self) -> datetime:
        """About midnights of the zone, too."""
        at = (NOW - DAY * self.dice.randrange(1, 110)).astimezone(self.business.tenant.tz)
        if self.dice.random() < 0.3:
            at = at.replace(hour=0, minute=0, second=0, microsecond=0)
        return at.astimezone(UTC) - MICRO * self.dice.choice([0, 0, 1])

    def event(self, kind: str, person: Contact, at: datetime, **more: object) -> None:
        if at >= NOW:
            return
        self.number += 1
        said = {"staff": self.dice.choice(self.guides).userid, **more}
        timeline.record([NewEvent(person.pk, kind, at, "test", f"e{self.number}", said)])

    def person(self) -> Contact:
        return self.dice.choice(list(Contact.objects.order_by("pk")))

    def opened(self) -> None:
        person, at = self.person(), self.moment()
        by = {"by": "transfer"} if self.dice.random() < 0.2 else {}
        state = {"state": self.dice.choice(self.codes).state} if self.dice.random() < 0.5 else {}
        self.event("follow.opened", person, at, **by, **state)

    def ended(self) -> None:
        """Often on the border of N days."""
        spells = ReachSpell.objects.order_by("opened_at", "pk").select_related("staff", "contact")
        spell = self.dice.choice(list(spells))
        days = self.dice.choice([0, 0.4, *DAYS, *DAYS])
        at = spell.opened_at + days * DAY + MICRO * self.dice.choice([-1, 0, 0, 1])
        assert spell.staff is not None
        by = self.dice.choice(ENDS)
        if at >= spell.opened_at:
            self.event("follow.ended", spell.contact, at, staff=spell.staff.userid, by=by)

    def handed_over(self) -> None:
        giver, taker = self.dice.sample(self.guides, 2)
        handover.hand_over(giver, taker, limit=1)

    def merged(self) -> None:
        survivor, absorbed = self.dice.sample(list(Contact.objects.order_by("pk")), 2)
        merge.merge(survivor.pk, absorbed.pk, by="api")
        self.come()

    def parted(self) -> None:
        last = Merge.objects.filter(undone_at=None).order_by("-pk").first()
        if last is not None and undo.undoable(last):
            undo.unmerge(last, by="api")

    def deleted(self) -> None:
        person = self.person()
        if not Merge.objects.filter(undone_at=None, survivor_id=person.pk).exists():
            cascade.delete(Contact, [person.pk])
            changes.note([person.pk])
            self.come()

    def step(self) -> None:
        few = [self.handed_over, self.merged, self.parted, self.deleted]
        self.dice.choice([*[self.opened] * 6, *[self.ended] * 8, *few])()

    def as_of(self) -> datetime:
        """Mostly on the border of N days, after all that happened or before some of it."""
        if self.dice.random() < 0.2:
            return self.dice.choice([NOW + DAY, NOW - 30 * DAY])
        opened = ReachSpell.objects.values_list("opened_at", flat=True)
        latest = FactsState.objects.get().latest_at or NOW
        borders = [at + n * DAY for at in opened for n in DAYS]
        known = [at for at in borders if at > latest]
        at = self.dice.choice(borders if self.dice.random() < 0.3 else known)
        return at + MICRO * self.dice.choice([-1, 0, 1])

    def period(self) -> dict[str, str]:
        start = (NOW - DAY * self.dice.randrange(0, 110)).date()
        end = start + DAY * self.dice.choice([1, 2, 9, 40, 200])
        return {"from": f"{start}", "to": f"{end}"}


@contextmanager
def tables() -> Iterator[set[str]]:
    """Which of them an answer was read from."""
    found: set[str] = set()
    marks = {
        "cells": "FROM analytics_losscell", "facts": "FROM analytics_lossfact",
        "rows": "WITH cohort",
    }  # fmt: skip

    def look(execute: Callable[..., Any], sql: str, *rest: object) -> Any:
        found.update(name for name, mark in marks.items() if mark in sql)
        return execute(sql, *rest)

    with connection.execute_wrapper(look):
        yield found


def told(business: Business, given: dict[str, str]) -> tuple[dict[str, Any], set[str]]:
    with tables() as read:
        answer = business.api().get("/api/v1/reports/losses", given)
    assert answer.status_code == 200, answer.content
    return answer.json(), read


@pytest.mark.parametrize(("seed", "zone"), seeds.in_zones(1, 2, 3, 4))
def test_cells_are_kept_right_and_say_what_rows_say(
    business: Business, seed: int, zone: str
) -> None:
    business.move_to(zone)
    with business.scope():
        town = Town(business, seed)
        for _ in range(40):
            for _ in range(town.dice.choice([1, 1, 3])):
                town.step()
            facts.catch_up()
            assert facts.prove() == []
        SegmentMember.objects.bulk_create(
            SegmentMember(segment=town.everybody, contact=each, entered_at=NOW)
            for each in Contact.objects.all()
        )
        asked = [{**town.period(), "as_of": town.as_of().isoformat()} for _ in range(30)]
    ways = set()
    for given in asked:
        for group in GROUPS:
            narrowed = given | {"group": group} | town.dice.choice([{}, {"channel": "Fair"}])
            by_cells, read = told(business, narrowed)
            by_rows, rows = told(business, narrowed | {"segment": "everybody"})
            assert by_cells == by_rows, narrowed
            assert rows == {"rows"}
            ways.add(frozenset(read))
    assert ways == {
        frozenset(each) for each in ({"cells"}, {"cells", "facts"}, {"facts"}, {"rows"})
    }


def test_days_are_exact_where_clocks_change(business: Business) -> None:
    """N days are N × 86,400 s: of a day in spring that has 23 hours, others are over."""
    business.move_to("America/New_York")
    opened = datetime(2025, 3, 8, 12, tzinfo=UTC)  # clocks go forward on the 9th
    with business.scope():
        for n in range(2):
            person = Contact.objects.create(external_id=f"p{n}")
            at = opened + n * timedelta(minutes=30)
            for kind, moment in (("opened", at), ("ended", at + DAY + n * MICRO)):
                said: dict[str, object] = {
                    "staff": "g",
                    "by": "customer" if kind == "ended" else "",
                }
                event = NewEvent(person.pk, f"follow.{kind}", moment, "test", f"{kind}{n}", said)
                timeline.record([event])
    period, at_the_end = {"from": "2025-03-08", "to": "2025-03-09"}, (opened + DAY).isoformat()

    def after(as_of: datetime | str) -> list[tuple[int, int]]:
        text = as_of if isinstance(as_of, str) else as_of.isoformat()
        figures, read = told(business, {**period, "as_of": text})
        assert ("rows" in read) == (text == at_the_end)
        of = figures["total"]["after"]
        return [(of[n]["observed"], of[n]["lost"]) for n in ("1", "3")]

    assert after(at_the_end) == [(1, 0), (0, 0)]  # what happens at as_of is not known yet
    assert after(opened + DAY + timedelta(hours=1)) == [(2, 1), (0, 0)]
    assert after(opened + 3 * DAY - MICRO) == [(2, 1), (0, 0)]
    assert after(opened + 3 * DAY) == [(2, 1), (1, 1)]
    assert after("2025-03-11T08:00:00") == [(2, 1), (1, 1)]  # the same moment, on the clock there
    assert after(opened + 3 * DAY + timedelta(minutes=30)) == [(2, 1), (2, 2)]


def test_a_contact_that_is_deleted_leaves_no_opening(business: Business) -> None:
    with business.scope():
        for name in ("stays", "goes"):
            person = Contact.objects.create(external_id=name)
            at = NOW - 9 * DAY
            timeline.record(
                [NewEvent(person.pk, "follow.opened", at, "test", name, {"staff": "g"})]
            )
    api = business.api()
    period = {"from": f"{(NOW - 30 * DAY).date()}", "to": f"{(NOW + 2 * DAY).date()}"}
    rows = api.get("/api/v1/contacts").json()["results"]
    goes = next(row["id"] for row in rows if row["external_id"] == "goes")

    assert told(business, period)[0]["total"]["opened"] == 2
    assert api.delete(f"/api/v1/contacts/{goes}").status_code == 204
    figures, read = told(business, period)
    assert (figures["total"]["opened"], "rows" in read) == (1, False)
    assert figures["total"]["after"]["7"] == {
        "observed": 1, "lost": 0, "by_customer": 0, "share": 0,
    }  # fmt: skip


def test_before_facts_are_read_in_their_new_form_rows_answer(business: Business) -> None:
    """As after an update, until the worker has read a large tenant again."""
    with business.scope():
        town = Town(business, 7)
        for _ in range(20):
            town.step()
        facts.catch_up()
        FactsState.objects.update(latest_at=NOW - 200 * DAY)
    given = {"from": f"{(NOW - 120 * DAY).date()}", "to": f"{(NOW + DAY).date()}", "group": "staff"}
    by_cells, read = told(business, given)

    with business.scope():
        FactsState.objects.update(latest_at=None)
        for model in (LossCell, LossFact):
            model.objects.all().delete()
    by_rows, rows = told(business, given)
    assert (by_cells["rows"], read, rows) == (by_rows["rows"], {"cells", "facts"}, {"rows"})


def bring(business: Business, items: list[dict[str, str]]) -> None:
    answer = business.api().post("/api/v1/contacts/bulk", {"items": items}, format="json")
    statuses = {each["status"] for each in answer.json()["results"]}
    assert statuses <= {"created", "updated"}, answer.content


def test_an_opening_follows_the_source_of_its_contact(business: Business) -> None:
    """A file that names who referred a contact changes where it came from, and no Follow."""
    known = [
        {"external_id": name, "owner": "sales1", "acquired_at": (NOW - 9 * DAY).isoformat()}
        for name in ("one", "two")
    ]
    bring(business, known)
    asked = {"from": f"{(NOW - 30 * DAY).date()}", "group": "source"}
    before, _read = told(business, asked)
    bring(business, [{"external_id": "two", "referrer": "one"}])

    after, read = told(business, asked)
    assert [(row["group"], row["opened"]) for row in before["rows"]] == [("api", 2)]
    assert {row["group"]: row["opened"] for row in after["rows"]} == {"api": 1, "referral": 1}
    assert "rows" not in read
    with business.scope():
        assert facts.prove() == []
