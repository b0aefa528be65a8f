"""The formula equals the reference on random worlds, and its shares add up to the change."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from analytics import formula
from analytics.formula import FACTORS, Formula
from contacts import orders
from contacts.merging.merge import merge
from tests.analytics import reference_formula as reference
from tests.analytics import seeds
from tests.analytics.test_formula import DAY, TOUCHED
from tests.analytics.test_reports import BEGIN, NOW, Maker, ask, narrowed, questions
from tests.conftest import Business


def some_formula(dice: random.Random) -> Formula:
    assets = dice.choice([1, 7, 450_000])
    reached = dice.randint(1, assets)
    orders_ = dice.randint(1, 3 * reached)
    return Formula(assets, reached, orders_, dice.choice([1, orders_, 10**12, 10**13 + 1]), 10**14)


def test_factors_multiply_to_the_revenue_and_shares_add_up_to_the_change() -> None:
    dice = random.Random(28)
    for _ in range(300):
        now, before = some_formula(dice), some_formula(dice)
        product = Fraction(1)
        for factor in now.factors.values():
            product *= factor or 0
        assert product == now.revenue
        change = formula.change(now, before)
        assert sum(fen or 0 for fen in change.shares.values()) == change.total
        exact = reference.exact_shares(vars(now), vars(before))
        for name, share in zip(FACTORS, exact, strict=True):
            assert change.shares[name] == pytest.approx(share, rel=1e-9, abs=2.5)


class Busy(Maker):
    """Also touches, scans, talks and merges."""

    def act(self) -> None:
        contact = self.dice.choice(self.contacts)
        contact.refresh_from_db()
        what = self.dice.choice([TOUCHED, TOUCHED, "livecode.scanned", "talk", "merge", "other"])
        if what == "other":
            super().act()
        elif what == "talk":
            at = self.when(contact.acquired_at)
            self.event(contact, "message.received", at)
            self.event(contact, "message.sent", at + DAY * self.dice.choice([0, 1, 7]))
        elif what == "merge":
            self.merge()
        else:
            self.event(contact, what, self.when(contact.acquired_at))

    def scan(self) -> None:
        """Somebody scans, becomes a friend, talks and buys, each at or about the last moment."""
        contact = self.dice.choice(self.contacts)
        at = min(self.when(), NOW - 60 * DAY)
        self.event(contact, "livecode.scanned", at)
        added = at + self.about(7)
        staff = self.dice.choice(self.staff).userid
        self.event(contact, "follow.opened", added, staff=staff)
        for kind in ("message.received", "message.sent"):
            self.event(contact, kind, added + self.about(7))
        row = orders.Row(f"o{len(self.orders)}", contact.pk, 9900, added + self.about(30))
        self.orders[row.order_id] = row
        orders.upsert([row])

    def about(self, days: int) -> timedelta:
        odd = timedelta(microseconds=self.dice.choice([0, 0, 1, -1]))
        return self.dice.choice([0 * DAY, DAY, days * DAY, days * DAY, days * DAY + odd])

    def merge(self) -> None:
        kept, gone = self.dice.choices(self.contacts, k=2)
        if kept.pk != gone.pk and self.dice.random() < 0.3:
            merge(kept.pk, gone.pk, by="test", reason="")
            self.contacts = [kept if each.pk == gone.pk else each for each in self.contacts]
            for name, row in self.orders.items():
                if row.contact_id == gone.pk:
                    self.orders[name] = replace(row, contact_id=kept.pk)

    def step(self) -> None:
        if self.contacts and self.dice.random() < 0.25:
            self.scan()
        else:
            super().step()


def check(business: Business, question: dict[str, str], dice: random.Random) -> None:
    first, after = (date.fromisoformat(question[name]) for name in ("from", "to"))
    other = first - timedelta(days=dice.choice([1, 31, 365])), after - timedelta(days=31)
    given = dict(question)
    if other[0] < other[1]:
        given |= {"compare_from": other[0].isoformat(), "compare_to": other[1].isoformat()}
    answer = ask(business, "formula", **given)
    rates = ask(business, "wecom-rates", **question)
    with business.scope():
        narrow = narrowed(question)
        world = reference.World(
            business.tenant, datetime.fromisoformat(answer.pop("as_of")), **narrow
        )
        now, was = world.formula(first, after), world.formula(*other) if other[0] < other[1] else {}
        world = reference.World(business.tenant, datetime.fromisoformat(rates["as_of"]), **narrow)
        heads = world.rates(first, after)
    change, compared = answer.pop("change", None), answer.pop("compared")
    assert answer == of_days(first, after) | reference.shown(now), question
    assert (change is None) == (compared is None) == (not was)
    if change is not None:
        assert compared == of_days(*other) | reference.shown(was), question
        check_change(change, now, was)
    assert (rates["scanned"], rates["added"], rates["served"], rates["monetised"]) == heads, (
        question
    )


def of_days(start: date, end: date) -> dict[str, Any]:
    return {"period_from": start.isoformat(), "period_to": end.isoformat()}


def check_change(change: dict[str, Any], now: dict[str, Any], was: dict[str, Any]) -> None:
    total = now["revenue"] - was["revenue"]
    assert Decimal(change["total"]) * 100 == total
    fen = [None if change[name] is None else Decimal(change[name]) * 100 for name in FACTORS]
    assert sum(share or 0 for share in fen) == total
    pairs = list(zip(reference.factors(now), reference.factors(was), strict=True))
    zeros = [name for name, pair in zip(FACTORS, pairs, strict=True) if not all(pair)]
    assert change["zero"] == (zeros[0] if zeros else None)
    if zeros:
        place = FACTORS.index(zeros[0])
        assert fen == [Decimal(0)] * place + [Decimal(total)] + [None] * (3 - place)
    else:
        for share, exact in zip(fen, reference.exact_shares(now, was), strict=True):
            assert share is not None
            assert abs(float(share) - exact) <= 2.5


@pytest.mark.parametrize(("seed", "zone"), seeds.in_zones(1, 2, 3))
def test_the_reports_equal_the_reference(business: Business, seed: int, zone: str) -> None:
    business.move_to(zone)
    with business.scope():
        maker = Busy(business, seed)
        for _ in range(150):
            maker.step()

    for question in questions(maker.dice, 12):
        check(business, question, maker.dice)
    everything = {"from": BEGIN.date().isoformat(), "to": (NOW + 2 * DAY).date().isoformat()}
    check(business, everything, maker.dice)
    rates = ask(business, "wecom-rates", **everything)
    assert rates["monetised"] > 0
    assert rates["served"] > rates["monetised"] or rates["added"] > rates["served"]
