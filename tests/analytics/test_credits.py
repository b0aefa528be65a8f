"""Attribution by counted cells: kept right change by change, the same as rows and plain Python."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

import pytest
from django.db import connection
from django.urls import reverse

from analytics import attribution, facts
from analytics.attribution import MODELS, WINDOWS, Group, Model
from analytics.models import CreditCell, FactsState
from analytics.periods import Question, Span, midnight
from contacts import changes, orders, timeline
from contacts.merging import merge, undo
from contacts.models import (
    Channel,
    Contact,
    LiveCode,
    LiveCodeAdd,
    Merge,
    Order,
    Segment,
    SegmentMember,
)
from contacts.timeline import NewEvent
from tenants.ids import encode
from tenants.models import WeChatAccount
from tests.analytics import seeds
from tests.analytics.test_attribution import shares
from tests.conftest import Business

NOW = datetime.now(UTC)
DAY, MICRO = timedelta(days=1), timedelta(microseconds=1)
GROUPS: tuple[Group, ...] = ("channel", "live_code")
Revenue = Mapping[Model, Mapping[str | None, Fraction]]


class Town:
    """People of one business who come by codes, come again and buy, in any order."""

    def __init__(self, business: Business, seed: int) -> None:
        self.business, self.dice, self.number = business, random.Random(seed), 0
        account = WeChatAccount.objects.create(name="w", app_id="ww1", secret="s", kind="wecom")
        self.channels = [Channel.objects.create(name=name) for name in ("Fair", "Street", "Net")]
        self.codes = [
            LiveCode.objects.create(account=account, name=name, state=f"lc{name}", channel=channel)
            for name, channel in zip(
                ("booth", "door", "desk", "plain"), [*self.channels, None], strict=True
            )
        ]
        self.everybody = Segment.objects.create(name="everybody", kind=Segment.Kind.STATIC)
        for _ in range(6):
            self.come()

    def come(self) -> None:
        self.number += 1
        person = Contact.objects.create(
            external_id=f"p{self.number}", channel=self.dice.choice([None, *self.channels])
        )
        self.followed(person, self.moment(), {})
        for _ in range(3):
            self.pay(person, self.border() or self.moment())

    def moment(self) -> datetime:
        """About midnights of the zone, too; often the same one."""
        at = (NOW - DAY * self.dice.randrange(1, 130)).astimezone(self.business.tenant.tz)
        if self.dice.random() < 0.6:
            at = at.replace(hour=0, minute=0, second=0, microsecond=0)
        return at.astimezone(UTC) - MICRO * self.dice.choice([0, 0, 1])

    def border(self) -> datetime | None:
        """A window after one of the points."""
        reached = Contact.objects.values_list("acquired_at", flat=True)
        added = LiveCodeAdd.objects.values_list("opened_at", flat=True)
        points = sorted(at for at in (*reached, *added) if at)
        if not points:
            return None
        days = self.dice.choice([0, *WINDOWS])
        return self.dice.choice(points) + days * DAY + self.dice.choice([-1, 0, 0, 1]) * MICRO

    def person(self) -> Contact:
        return self.dice.choice(list(Contact.objects.order_by("pk")))

    def followed(self, person: Contact, at: datetime, said: dict[str, object]) -> None:
        self.number += 1
        told = {"staff": f"g{self.dice.randrange(3)}", **said}
        timeline.record([NewEvent(person.pk, "follow.opened", at, "test", f"e{self.number}", told)])

    def left(self, person: Contact, at: datetime) -> None:
        self.number += 1
        told: dict[str, object] = {"staff": f"g{self.dice.randrange(3)}", "by": "customer"}
        timeline.record([NewEvent(person.pk, "follow.ended", at, "test", f"e{self.number}", told)])

    def pay(self, person: Contact, at: datetime) -> None:
        if at >= NOW:
            return
        self.number += 1
        fen = self.dice.choice([1, 333, 10_000])
        orders.upsert([orders.Row(f"o{self.number}", person.pk, fen, at, fen // 3, "paid")])

    def added(self) -> None:
        """By a code; often at the moment of another point, or of an order."""
        person, at = self.person(), self.moment()
        paid = Order.objects.filter(contact=person).order_by("pk")
        known = [person.acquired_at, *paid.values_list("paid_at", flat=True)]
        if self.dice.random() < 0.5:
            at = self.dice.choice([each for each in known if each] or [at])
        if self.dice.random() < 0.5:
            self.left(person, at - timedelta(hours=1))
        self.followed(person, at, {"state": self.dice.choice(self.codes).state})

    def bought(self) -> None:
        """Several at once, and again at the same moment."""
        person, at = self.person(), self.border() or self.moment()
        for _ in range(self.dice.choice([1, 1, 2])):
            self.pay(person, at)
        if self.dice.random() < 0.3:
            self.pay(person, at + timedelta(hours=self.dice.randrange(1, 20)))

    def corrected(self) -> None:
        order = self.dice.choice(list(Order.objects.order_by("pk")))
        at = order.paid_at or self.moment()
        row = orders.Row(
            order.order_id, self.dice.choice([order.contact_id, self.person().pk]),
            self.dice.choice([order.amount_fen, 5_000]),
            min(NOW - MICRO, self.dice.choice([at, at + DAY, self.border() or at])),
            status=self.dice.choice(["paid", "paid", "cancelled", "refunded"]),
        )  # fmt: skip
        orders.upsert([row])

    def moved(self) -> None:
        """Of another channel, or first met at another moment."""
        person = self.person()
        person.channel = self.dice.choice([None, *self.channels])
        person.acquired_at = self.dice.choice([None, person.acquired_at, self.moment()])
        person.save(update_fields=["channel", "acquired_at"])
        changes.note([person.pk])

    def merged(self) -> None:
        survivor, absorbed = self.dice.sample(list(Contact.objects.order_by("pk")), 2)
        merge.merge(survivor.pk, absorbed.pk, by="api")
        self.come()

    def parted(self) -> None:
        last = Merge.objects.filter(undone_at=None).order_by("-pk").first()
        if last is not None and undo.undoable(last):
            undo.unmerge(last, by="api")

    def step(self) -> None:
        few = [self.corrected, self.corrected, self.moved, self.merged, self.parted]
        self.dice.choice([*[self.added] * 4, *[self.bought] * 4, *few])()

    def rechannel(self) -> None:
        """Over the API, as people do it."""
        with self.business.scope():
            code = self.dice.choice(self.codes)
            channel = self.dice.choice([None, *self.channels])
        answer = self.business.api().patch(
            f"/api/v1/live-codes/{encode(code.pk)}",
            {"channel": channel.name if channel else None}, format="json",
        )  # fmt: skip
        assert answer.status_code == 200, answer.content

    def question(self) -> Question:
        """Up to now, or as known some time in the period."""
        zone = self.business.tenant.tz
        start = (NOW - DAY * self.dice.randrange(0, 130)).astimezone(zone).date()
        span = Span(start, start + DAY * self.dice.choice([1, 2, 9, 40, 200]), zone)
        paid = list(Order.objects.exclude(paid_at=None).values_list("paid_at", flat=True))
        known = sorted(at for at in paid if at)[-9:]
        as_of = self.dice.choice([NOW + DAY, NOW + DAY, *known])
        return Question(span, as_of + self.dice.choice([0, 1]) * MICRO)


def points_of(group: str) -> dict[int, set[tuple[datetime, str]]]:
    """When each contact was met, and at what."""
    found: dict[int, set[tuple[datetime, str]]] = defaultdict(set)
    if group == "channel":
        for person in Contact.objects.exclude(acquired_at=None).exclude(channel=None):
            assert person.acquired_at
            found[person.pk].add((person.acquired_at, str(person.channel_id)))
    for add in LiveCodeAdd.objects.exclude(contact=None).select_related("live_code"):
        key = add.live_code.channel_id if group == "channel" else add.live_code_id
        if key is not None and add.contact_id:
            found[add.contact_id].add((add.opened_at, str(key)))
    return found


def wanted(question: Question, group: str, days: int) -> Revenue:
    """Worked out point by point."""
    span, points = question.span, points_of(group)
    start, end = midnight(span.start, span.zone), midnight(span.end, span.zone)
    bought = Order.objects.filter(paid=True, paid_at__gte=start, paid_at__lt=question.as_of)
    found: dict[Model, dict[str | None, Fraction]] = {m: defaultdict(Fraction) for m in MODELS}
    for order in bought.filter(paid_at__lt=end):
        at = order.paid_at
        assert at
        met = sorted(p for p in points[order.contact_id] if at - days * DAY <= p[0] <= at)
        for model in MODELS:
            for place, share in shares(model, [key for _at, key in met]):
                found[model][place] += share * (order.amount_fen - order.refund_fen)
    return {m: {key: fen for key, fen in found[m].items() if fen} for m in MODELS}


@contextmanager
def tables() -> Iterator[set[str]]:
    """Which of them an answer was read from."""
    found: set[str] = set()
    marks = {"cells": "FROM analytics_creditcell", "rows": "WITH bought AS NOT MATERIALIZED"}

    def look(execute: Callable[..., Any], sql: str, *rest: object) -> Any:
        found.update(name for name, mark in marks.items() if mark in sql)
        return execute(sql, *rest)

    with connection.execute_wrapper(look):
        yield found


def told(question: Question, group: Group, days: int) -> tuple[Revenue, list[Any], set[str]]:
    """The revenue that is not 0; all credits; and what was read."""
    with tables() as read:
        rows = attribution.report(question, group, days)
    revenue: Revenue = {
        m: {row.key: row.credits[m].revenue for row in rows if row.credits[m].revenue}
        for m in MODELS
    }
    return revenue, sorted((row.key or "", repr(row.credits)) for row in rows), read


@pytest.mark.parametrize(("seed", "zone"), seeds.in_zones(1, 2, 3, 4))
def test_cells_are_kept_right_and_say_what_rows_say(
    business: Business, seed: int, zone: str
) -> None:
    business.move_to(zone)
    with business.scope():
        town = Town(business, seed)
        facts.catch_up()
    for _ in range(35):
        if town.dice.random() < 0.15:
            town.rechannel()
        with business.scope():
            for _ in range(town.dice.choice([1, 1, 3])):
                town.step()
            facts.catch_up()
            assert facts.prove() == []
    ways = set()
    with business.scope():
        SegmentMember.objects.bulk_create(
            SegmentMember(segment=town.everybody, contact=each, entered_at=NOW)
            for each in Contact.objects.all()
        )
        for _ in range(25):
            question = town.question()
            for group in GROUPS:
                days = town.dice.choice(WINDOWS)
                revenue, by_cells, read = told(question, group, days)
                by_person = replace(question, segment_id=town.everybody.pk)
                _same, by_rows, rows = told(by_person, group, days)
                reference = wanted(question, group, days)
                assert revenue == reference, (question, group, days)
                assert by_cells == by_rows, (question, group, days)
                assert rows <= {"rows"}  # none, before the period begins
                ways.add(frozenset(read))
    assert ways == {frozenset({"cells"}), frozenset({"cells", "rows"})}


def earned(business: Business, **query: str) -> tuple[dict[str | None, str], set[str]]:
    """Revenue by the last point, over the API."""
    period = {"from": f"{(NOW - 120 * DAY).date()}", "to": f"{(NOW + 2 * DAY).date()}"}
    with tables() as read:
        answer = business.api().get("/api/v1/reports/attribution", {**period, **query})
    assert answer.status_code == 200, answer.content
    return {r["group"]: r["models"]["last"]["revenue"] for r in answer.json()["rows"]}, read


def come_by(business: Business, *ats: datetime) -> LiveCode:
    """So many contacts came by one code, and bought for a yuan at the same moment, yesterday."""
    with business.scope():
        account = WeChatAccount.objects.create(name="w", app_id="ww1", secret="s", kind="wecom")
        fair = Channel.objects.create(name="Fair")
        Channel.objects.create(name="Street")
        code = LiveCode.objects.create(account=account, name="booth", state="lcb", channel=fair)
        for n, at in enumerate(ats):
            person = Contact.objects.create(external_id=f"p{n}")
            said: dict[str, object] = {"staff": "g", "state": "lcb"}
            timeline.record([NewEvent(person.pk, "follow.opened", at, "test", f"e{n}", said)])
            orders.upsert([orders.Row(f"o{n}", person.pk, 100, NOW - DAY, 0, "paid")])
        return code


@pytest.mark.parametrize("group", GROUPS)
def test_both_ends_of_each_window(business: Business, group: str) -> None:
    bought = NOW - DAY
    ats = [bought - days * DAY + n * MICRO for days in (0, *WINDOWS) for n in (-1, 0, 1)]
    come_by(business, *ats)
    name = {"channel": "Fair", "live_code": "booth"}[group]

    for days, met in ((7, 4), (30, 7), (90, 10)):
        revenue, read = earned(business, group=group, days=f"{days}")
        assert revenue == {name: f"{met}.00", None: f"{len(ats) - met}.00"}
        assert read == {"cells"}


def test_an_order_that_moves_within_its_day_may_leave_the_window(business: Business) -> None:
    noon = (NOW - 2 * DAY).astimezone(business.tenant.tz).replace(hour=12)
    come_by(business, noon - 7 * DAY)
    with business.scope():
        person = Contact.objects.get()
        for name, at in (("in time", noon), ("late", noon + timedelta(hours=3))):
            orders.upsert([orders.Row(name, person.pk, 100, at, 0, "paid")])
    assert earned(business, days="7")[0] == {"Fair": "1.00", None: "2.00"}

    with business.scope():
        orders.upsert([orders.Row("in time", person.pk, 100, noon + MICRO, 0, "paid")])
    assert earned(business, days="7") == ({None: "3.00"}, {"cells"})
    with business.scope():
        assert facts.prove() == []


@pytest.mark.parametrize("way", ["api", "page"])
def test_a_live_code_of_another_channel_takes_its_additions_along(
    business: Business, way: str
) -> None:
    code = come_by(business, NOW - 3 * DAY, NOW - 2 * DAY)
    assert earned(business, group="channel", days="7") == ({"Fair": "2.00"}, {"cells"})

    with business.scope():
        street = Channel.objects.get(name="Street")
    if way == "api":
        url = f"/api/v1/live-codes/{encode(code.pk)}"
        given = {"channel": "Street"}
        assert business.api().patch(url, given, format="json").status_code == 200
    else:
        url = reverse("admin:contacts_livecode_change", args=[code.pk])
        typed = {
            "name": "booth", "channel": street.pk, "livecodestaff-TOTAL_FORMS": "1",
            "livecodestaff-INITIAL_FORMS": "0", "livecodestaff-0-weight": "1",
            "livecodestaff-0-staff": business.staff["sales"].pk,
        }  # fmt: skip
        for other in ("livecodeshift", "livecodefreehours", "livecodewelcome"):
            typed |= {f"{other}-TOTAL_FORMS": "0", f"{other}-INITIAL_FORMS": "0"}
        assert business.browser("operator").post(url, typed).status_code == 302

    assert earned(business, group="channel", days="7") == ({"Street": "2.00"}, {"cells"})
    with business.scope():
        assert facts.prove() == []


def test_before_facts_are_read_in_their_new_form_rows_answer(business: Business) -> None:
    """As after an update, until the worker has read a large tenant again."""
    come_by(business, NOW - 3 * DAY, NOW - 50 * DAY)
    by_cells, read = earned(business, group="channel", days="30")

    with business.scope():
        FactsState.objects.update(latest_at=None)
        CreditCell.objects.all().delete()
    by_rows, rows = earned(business, group="channel", days="30")
    assert (by_cells, read) == ({"Fair": "1.00", None: "1.00"}, {"cells"})
    assert by_rows == by_cells
    assert "rows" in rows
