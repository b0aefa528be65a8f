"""Touches and the trust mix: equal the reference on made-up worlds, and worked by hand."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from analytics import facts
from analytics.alerts import checks, notices
from analytics.models import MessageDay
from analytics.models.alerts import Alert, AlertRule
from analytics.models.goals import KpiSettings
from campaigns.models import Broadcast, BroadcastRecipient
from contacts import orders, timeline
from contacts.models import Contact, ReachSpell
from contacts.timeline import NewEvent
from journeys.models import Enrolment, SopVersion, Touch
from tenants.models import Staff, WeChatAccount
from tests.analytics import seeds
from tests.analytics.reference import DAY
from tests.analytics.reference_touches import Touched
from tests.analytics.test_reports import Maker, narrowed
from tests.conftest import Business
from tests.contacts.segments.people import members, segment
from tests.journeys.ground import article, script, step

REPORTS = "/api/v1/reports/"
NOW = datetime.now(UTC).replace(microsecond=0)
HOUR, MICRO = timedelta(hours=1), timedelta(microseconds=1)
SOON = 72 * HOUR


def asked(business: Business, path: str = "touches", **query: str) -> dict[str, Any]:
    answer = business.api().get(REPORTS + path, query)
    assert answer.status_code == 200, answer.content
    found: dict[str, Any] = answer.json()
    return found


class Ground:
    """An SOP of two steps, the second with a guide, and a broadcast."""

    def __init__(self) -> None:
        self.number = 0
        self.amy = Staff.objects.create(userid="amy", name="Amy")
        account = WeChatAccount.objects.create(name="A", kind="wecom", app_id="ww1")
        self.sop = script("Warm up", step(0), step(10, content=article("Guide")))
        self.version = SopVersion.objects.get(sop=self.sop)
        self.broadcast = Broadcast.objects.create(
            name="Launch", account=account, text="Now!", frozen_at=NOW - 12 * DAY
        )

    def touch(
        self, contact: Contact, position: int, at: datetime, state: str = "delivered", **more: Any
    ) -> None:
        enrolment, _made = Enrolment.objects.get_or_create(
            contact=contact, sop=self.sop, version=self.version, defaults={"started_at": at}
        )
        self.number += 1
        sent = {"sent_at": at} if state in {"sent", "delivered"} else {}
        known = {"delivered_at": at} if state == "delivered" else {}
        fields = {"route": "none", "kind": "service", "staff": self.amy, "due_at": at, **sent,
                  **known, **more}  # fmt: skip
        Touch.objects.create(
            key=f"test:{self.number}", contact=contact, enrolment=enrolment, state=state,
            step=self.version.steps.get(position=position), **fields,
        )  # fmt: skip

    def told(self, contact: Contact, at: datetime | None, state: str = "delivered") -> None:
        BroadcastRecipient.objects.get_or_create(
            broadcast=self.broadcast,
            contact=contact,
            defaults={"staff": self.amy, "state": state, "settled_at": at},
        )


class Spoken(Maker):
    """Sixty days of messages and what follows them, mostly at the very end of a window."""

    def __init__(self, business: Business, seed: int) -> None:
        super().__init__(business, seed)
        self.ground = Ground()
        self.moments: dict[int, list[datetime]] = {}

    def when(self, after: datetime | None = None) -> datetime:
        at = NOW - timedelta(seconds=self.dice.randrange(60 * 86_400))
        return at.replace(hour=16, minute=0, second=0) if self.dice.random() < 0.2 else at

    def soon(self, contact: Contact) -> datetime:
        """A while after something else of the contact, often to the microsecond."""
        base = self.dice.choice(self.moments.get(contact.pk) or [self.when()])
        gap = self.dice.choice([SOON, 7 * DAY, 30 * DAY, timedelta(0), HOUR, 50 * HOUR])
        at = base + gap + MICRO * self.dice.choice([0, 0, 1, -1])
        return at if at < NOW else base

    def act(self) -> None:
        contact = self.dice.choice(self.contacts)
        at = self.dice.choice([self.when, lambda: self.soon(contact)])()
        self.moments.setdefault(contact.pk, []).append(at)
        self.dice.choice([self.touched, self.touched, self.answered, self.left, self.bought])(
            contact, at
        )

    def touched(self, contact: Contact, at: datetime) -> None:
        states = ["delivered", "sent", "sent", "failed", "skipped", "cancelled", "planned"]
        state = self.dice.choice(states)
        chance = self.dice.random()
        if chance < 0.2:
            # In the broadcast once at most.
            states = ["delivered", "delivered", "not_friend", "quota", "waiting", "cancelled"]
            state = self.dice.choice(states)
            self.ground.told(contact, None if state == "waiting" else at, state)
        elif chance < 0.3:
            told: dict[str, object] = {"sop": self.dice.choice(["Warm up", "Old script"])}
            told |= {"touch_kind": "promotion", "staff": "g1", "route": "mass_task"}
            self.event(contact, "touch.delivered", at, **self.dice.choice([told, {}]))
        else:
            late = {"sent_at": at, "due_at": at - DAY} if self.dice.random() < 0.3 else {}
            self.ground.touch(
                contact, self.dice.choice([1, 2]), at, state,
                kind=self.dice.choice(["promotion", "service", "greeting"]),
                route=self.dice.choice(["none", "oa_message", "app_message", "mass_task"]),
                reason=self.dice.choice(["no_route", "refused", ""]), **late,
                staff=self.dice.choice([self.ground.amy, self.staff[1], None]),
            )  # fmt: skip

    def answered(self, contact: Contact, at: datetime) -> None:
        kinds = ["message.received", "link.clicked", "message.sent", "ad.clicked"]
        self.event(contact, self.dice.choice(kinds), at)

    def left(self, contact: Contact, at: datetime) -> None:
        ReachSpell.objects.create(
            contact=contact, staff=self.ground.amy, opened_at=at - DAY, ended_at=at,
            ended_by=self.dice.choice(["customer", "customer", "staff", "transfer"]),
        )  # fmt: skip

    def bought(self, contact: Contact, at: datetime) -> None:
        row = orders.Row(
            order_id=f"p{self.number}-{at.timestamp()}", contact_id=contact.pk, paid_at=at,
            amount_fen=self.dice.choice([0, 100, 9900]), cost_fen=333, status="paid",
            refunded_fen=self.dice.choice([None, 100]) if self.dice.random() < 0.2 else None,
        )  # fmt: skip
        if not row.refunded_fen or row.refunded_fen <= row.amount_fen:
            orders.upsert([row])

    def step(self) -> None:
        (self.act if len(self.contacts) > 8 else self.contact)()


def questions(dice: random.Random) -> list[dict[str, str]]:
    found = []
    for _ in range(9):
        start = (NOW - DAY * dice.randrange(-2, 60)).date()
        end = start + timedelta(days=dice.choice([1, 10, 30, 400]))
        question = {"from": start.isoformat(), "to": end.isoformat()}
        question["days"] = dice.choice(["7", "30", "90"])
        if dice.random() < 0.5:
            question["as_of"] = (NOW - timedelta(seconds=dice.randrange(40 * 86_400))).isoformat()
        if dice.random() < 0.3:
            question["channel"] = "Red"
        if dice.random() < 0.3:
            question["team"] = "North"
        found.append(question)
    return found


@pytest.mark.parametrize(("seed", "zone"), seeds.in_zones(2, 1))
def test_equals_the_reference(business: Business, seed: int, zone: str) -> None:
    business.move_to(zone)
    with business.scope():
        maker = Spoken(business, seed)
        for _ in range(250):
            maker.step()
        facts.catch_up()
        facts.work()  # packs days of messages
        assert MessageDay.objects.filter(messages__gt=0).exists()

    groups = ["sop", "step", "broadcast", "content", "route", "hour", "weekday"]
    for place, question in enumerate(questions(maker.dice)):
        group = groups[place % len(groups)]
        answer = asked(business, group=group, **question)
        known = {name: text for name, text in question.items() if name != "days"}
        mixed = asked(business, "trust-mix", **known)
        with business.scope():
            world = Touched(
                business.tenant, datetime.fromisoformat(answer["as_of"]), **narrowed(question)
            )
            start, end = (
                datetime.fromisoformat(question[name]).replace(tzinfo=business.tenant.tz)
                for name in ("from", "to")
            )
            wanted = world.report(start, end, group, int(question["days"]))
            trust = world.trust(min(end, world.as_of), 50)
        rows = {row.pop("group"): row for row in answer["rows"]}
        assert rows == wanted["rows"], (group, question)
        assert {k: v for k, v in answer["total"].items() if k != "group"} == wanted["total"]
        rows_of_staff = {row["group"]: row["mix"] for row in mixed["rows"]}
        assert rows_of_staff == trust.pop("rows"), question
        bins = [each["contacts"] for each in mixed["distribution"]]
        assert bins == trust.pop("distribution")
        assert mixed["mean"] == pytest.approx(trust.pop("mean"))
        assert {name: mixed[name] for name in trust} == trust, question
    card = asked(business, "kpis")
    mixed = asked(business, "trust-mix")
    assert {k["key"]: k["value"] for k in card["kpis"]}["trust_mix"] == mixed["mix"]


@pytest.fixture
def ground(business: Business) -> Ground:
    with business.scope():
        return Ground()


def a_story(ground: Ground) -> None:
    """The script wrote on day 1 and day 2, the broadcast on day 4. Ann answers on day 3, opens a
    link 72 hours after the broadcast, buys for 100 (cost 40) on day 9, and buys again a week and a
    microsecond after the broadcast. Bob was not written to, Cem deleted Amy two hours after."""
    first = NOW - 12 * DAY
    ann, bob, cem = (Contact.objects.create(name=name) for name in ("ann", "bob", "cem"))
    ground.touch(ann, 1, first)
    ground.touch(ann, 2, first + DAY, "sent")
    ground.told(ann, first + 3 * DAY)
    ground.touch(bob, 1, first, "skipped", reason="contact_day_cap")
    ground.told(bob, first + 3 * DAY, "not_friend")
    ground.touch(cem, 1, first)
    spell = {"staff": ground.amy, "opened_at": first - DAY, "ended_by": "customer"}
    ReachSpell.objects.create(contact=cem, ended_at=first + 2 * HOUR, **spell)
    after = first + 3 * DAY
    for number, (kind, at) in enumerate(
        [("message.received", first + 2 * DAY), ("link.clicked", after + SOON)]
    ):
        timeline.record([NewEvent(ann.pk, kind, at, "test", str(number), {})])
    for number, at in enumerate([first + 8 * DAY, after + 7 * DAY + MICRO]):
        orders.upsert(
            [
                orders.Row(
                    order_id=f"o{number}", contact_id=ann.pk, amount_fen=10_000, paid_at=at,
                    cost_fen=4_000, status="paid",
                )
            ]
        )  # fmt: skip


def test_worked_by_hand(business: Business, ground: Ground) -> None:
    with business.scope():
        a_story(ground)

    steps = {row["group"]: row for row in asked(business, group="step")["rows"]}

    assert set(steps) == {"Warm up v1 · 1", "Warm up v1 · 2", None}
    one = steps["Warm up v1 · 1"]
    assert (one["planned"], one["sent"], one["skipped"], one["lost"]) == (3, 2, 1, 1)
    assert one["reasons"] == {"contact_day_cap": 1}
    assert (one["responded"], one["loss_rate"]) == (0, 0.5)
    two = steps["Warm up v1 · 2"]
    assert (two["sent"], two["delivered"], two["responded"], two["clicked"]) == (1, 0, 1, 0)
    launch = {row["group"]: row for row in asked(business, group="broadcast")["rows"]}["Launch"]
    assert (launch["planned"], launch["sent"], launch["failed"]) == (2, 1, 1)
    assert launch["reasons"] == {"not_a_friend": 1}
    assert (launch["responded"], launch["clicked"], launch["orders"]) == (1, 1, 1)
    assert (launch["revenue_after"], launch["margin_after"]) == ("100.00", "60.00")
    month = asked(business, group="sop", days="30")
    assert month["total"]["revenue_after"] == "200.00"
    assert month["best"] is None  # too few

    page = business.browser("viewer").get("/dashboards/touches/?group=step")
    text = page.content.decode()
    assert "Warm up v1 · 2" in text
    assert "enough messages today" in text
    file = business.browser("viewer").get("/dashboards/touches/?group=broadcast&export=csv")
    assert "Launch" in file.content.decode()


def test_of_several_touches_the_last_one_gets_it(business: Business, ground: Ground) -> None:
    """Script and broadcast at one moment: the broadcast is later. What a touch after the period
    brings in is of no touch in it.
    """
    at, end = NOW - 12 * DAY, (NOW - 9 * DAY).date()
    later = NOW - 7 * DAY
    with business.scope():
        ann = Contact.objects.create(name="ann")
        ground.told(ann, at)
        ground.touch(ann, 1, at)
        ground.touch(ann, 2, later)
        for number, (kind, moment) in enumerate(
            [
                ("message.received", at), ("link.clicked", at), ("message.received", at + HOUR),
                ("message.received", later + HOUR),
            ]
        ):  # fmt: skip
            timeline.record([NewEvent(ann.pk, kind, moment, "test", str(number), {})])
        for number, moment in enumerate([at + DAY, at + DAY, later + MICRO]):
            orders.upsert([orders.Row(f"o{number}", ann.pk, 10_000, moment, 4_000, "paid")])

    period = {"from": (at - DAY).date().isoformat(), "to": end.isoformat()}
    found = asked(business, group="broadcast", **period)

    rows = {row["group"]: row for row in found["rows"]}
    launch, other = rows["Launch"], rows[None]
    assert (launch["responded"], launch["clicked"], launch["ordered"]) == (1, 1, 1)
    assert (launch["orders"], launch["revenue_after"]) == (2, "200.00")
    assert (other["sent"], other["contacts"], other["responded"], other["orders"]) == (1, 1, 0, 0)
    assert (found["total"]["contacts"], found["total"]["orders"]) == (1, 2)


def test_the_best_hour(business: Business, ground: Ground) -> None:
    """Thirty at ten in the morning of whom twenty answer; one in the evening, who answers too."""
    ten = (NOW - 3 * DAY).astimezone(business.tenant.tz).replace(hour=10, minute=30, second=0)
    with business.scope():
        for number in range(31):
            contact = Contact.objects.create(name=f"c{number}")
            at = ten if number else ten.replace(hour=20)
            ground.touch(contact, 1, at, "sent")
            if number <= 20:
                event = NewEvent(contact.pk, "message.received", at + HOUR, "test", f"{number}", {})
                timeline.record([event])

    answer = asked(business, group="hour")

    assert [(row["group"], row["sent"], row["responded"]) for row in answer["rows"]] == [
        ("10", 30, 20), ("20", 1, 1),
    ]  # fmt: skip
    assert answer["best"] == "10"
    page = business.browser("viewer").get("/dashboards/touches/?group=hour").content.decode()
    assert "10:00" in page


def test_trust_of_a_contact(business: Business, ground: Ground) -> None:
    """Ann got two promotions and a greeting, of which one promotion too long ago; Bob a service."""
    with business.scope():
        KpiSettings.objects.create(trust_floor=60)
        ann, bob = (Contact.objects.create(name=name) for name in ("ann", "bob"))
        ground.told(ann, NOW - 5 * DAY)  # a promotion
        ground.touch(ann, 1, NOW - 4 * DAY, kind="greeting")
        ground.touch(ann, 2, NOW - 31 * DAY, kind="promotion")
        ground.touch(ann, 2, NOW - DAY, kind="promotion", route="app_message")  # to staff
        ground.touch(bob, 1, NOW - DAY)
        assert members(segment("Pushed", {"field": "trust_mix", "at_most": 59})) == {"ann"}
        assert members(segment("Touched", {"field": "trust_mix", "known": True})) == {"ann", "bob"}

    answer = asked(business, "trust-mix")

    assert (answer["floor"], answer["contacts"], answer["below"]) == (0.6, 2, 1)
    assert (answer["mix"], answer["mean"]) == (pytest.approx(2 / 3), 0.75)
    card = business.browser("owner").get(f"/admin/contacts/contact/{ann.pk}/change/")
    assert "50.0%" in card.content.decode()
    page = business.browser("viewer").get("/dashboards/trust/").content.decode()
    assert "66.7%" in page
    assert "Amy" in page


def test_an_alert_under_the_floor(business: Business, ground: Ground) -> None:
    """One service of three: told of yesterday, and not again within a week."""
    with business.scope():
        for position, kind in ((1, "service"), (2, "promotion")):
            contact = Contact.objects.create(name=kind)
            ground.touch(contact, position, NOW - 3 * DAY, kind=kind)
        ground.told(contact, NOW - 3 * DAY)  # a promotion
        rule = AlertRule.objects.create(metric="trust_mix", kind="floor")
        checks.begin(rule)
        day = checks.last_whole_day(NOW)
        AlertRule.objects.update(checked_through=day - 2 * DAY)
        checks.check()
        (alert,) = Alert.objects.filter(rule=rule)
        assert (alert.day, alert.value, alert.expected) == (
            day - DAY, Decimal("0.333333"), Decimal("0.5"),
        )  # fmt: skip
        assert "33.3%" in notices.sentence(alert)

    refused = business.api().post(
        "/api/v1/alert-rules", {"metric": "orders", "kind": "floor"}, format="json"
    )
    assert refused.status_code == 400


def test_an_empty_business(business: Business) -> None:
    answer = asked(business, **{"from": "2016-01-01", "to": "2026-01-01"})

    assert answer["rows"] == []
    assert answer["total"]["response_rate"] is None
    assert asked(business, "trust-mix")["mix"] is None
    for page in ("touches", "trust", "step-roi"):
        assert business.browser("viewer").get(f"/dashboards/{page}/").status_code == 200
        assert business.browser("sales").get(f"/dashboards/{page}/").status_code == 403


@pytest.mark.parametrize("query", [{"group": "x"}, {"days": "8"}, {"to": "soon"}, {"colour": "x"}])
def test_unknown_wishes_are_400(business: Business, query: dict[str, str]) -> None:
    assert business.api().get(REPORTS + "touches", query).status_code == 400
