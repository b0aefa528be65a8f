"""The statement of user assets: it balances, follows on, and equals the reference everywhere."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from analytics import facts
from contacts import orders, timeline
from contacts.models import Channel, Contact, ContactSettings
from contacts.timeline import NewEvent
from tenants.models import Staff, Team
from tests.analytics import seeds
from tests.analytics.reference import DAY
from tests.analytics.reference_assets import LINES, Assets
from tests.analytics.test_reports import NOW, Maker, narrowed, questions
from tests.conftest import Business

URL = "/api/v1/reports/user-assets"
GROUPS = ("ownership", "staff", "channel", "team")
ZERO = dict.fromkeys(LINES, 0)
SECOND = timedelta(seconds=1)


def asked(business: Business, **query: str) -> dict[str | None, Any]:
    answer = business.api().get(URL, query)
    assert answer.status_code == 200, answer.content
    return {row["group"]: row for row in answer.json()["rows"]}


def row(**figures: int) -> dict[str, int]:
    return ZERO | figures


def figures(found: dict[str | None, Any]) -> dict[str | None, dict[str, int]]:
    return {name: {line: each[line] for line in LINES} for name, each in found.items()}


class Life:
    """What happens to one contact, on days of March 2026 in Shanghai (0: the first, midnight)."""

    number = 0
    zero = datetime(2026, 2, 28, 16, tzinfo=UTC)

    def __init__(self, name: str, **fields: Any) -> None:
        self.contact = Contact.objects.create(external_id=name, name=name, **fields)

    def does(self, day: float, kind: str, **properties: object) -> Life:
        Life.number += 1
        at = self.zero + day * DAY
        key = str(Life.number)
        timeline.record([NewEvent(self.contact.pk, kind, at, "test", key, properties)])
        return self

    def opens(self, day: float, staff: str, by: str = "") -> Life:
        return self.does(day, "follow.opened", staff=staff, **({"by": by} if by else {}))

    def ends(self, day: float, staff: str, by: str = "customer") -> Life:
        return self.does(day, "follow.ended", staff=staff, by=by)

    def buys(self, day: float) -> Life:
        Life.number += 1
        paid_at = self.zero + day * DAY
        orders.upsert(
            [orders.Row(f"o{Life.number}", self.contact.pk, 100, paid_at, 0, status="paid")]
        )
        return self


MARCH = {"from": "2026-03-01", "to": "2026-04-01"}


def test_a_month_by_levels(business: Business) -> None:
    with business.scope():
        Life("stays").opens(-40, "amy")
        Life("wakes").opens(-40, "amy").does(20, "message.received")
        Life("buys").opens(-40, "amy").does(-5, "price.asked").does(30, "link.clicked").buys(2)
        Life("sleeps").opens(-90, "amy").does(-29.9, "message.received")
        Life("comes").opens(3, "amy")
        Life("comes and goes").opens(4, "amy").does(5, "form.answered").ends(6, "amy")
        Life("is dropped").opens(-9, "amy").ends(7, "amy", "staff")
        Life("comes back").opens(-80, "amy").ends(-60, "amy").opens(9, "amy")
        Life("before").opens(-80, "amy").ends(-60, "amy")
        Life("after").opens(31, "amy")
        Life("never")

    rows = figures(asked(business, **MARCH))

    assert rows == {
        "L1": row(opening=3, acquired=2, returned=1, lost_by_staff=1, moved_in=1, moved_out=2,
                  closing=4),
        "L2": row(opening=2, lost_by_customer=1, moved_in=2, moved_out=2, closing=1),
        "L3": row(moved_in=1, closing=1),
    }  # fmt: skip
    assert all(each["value"] is None for each in asked(business, **MARCH).values())


def test_the_moment_itself_is_not_looked_at(business: Business) -> None:
    """Level at t: [t−30 d, t); opening and closing are just before the borders."""
    with business.scope():
        Life("at 0").opens(-60, "amy").does(0, "message.received")
        Life("at −30").opens(-60, "amy").does(-30, "message.received")
        Life("before −30").opens(-60, "amy").does(-30 - 1 / 86_400, "message.received")
        Life("opens at 0").opens(0, "amy")
        Life("ends at 0").opens(-60, "amy").ends(0, "amy")
        Life("opens at the end").opens(31, "amy")
        Life("ends at the end").opens(-60, "amy").ends(31, "amy")

    rows = figures(asked(business, **MARCH))

    assert rows["L1"] == row(opening=4, acquired=1, lost_by_customer=1, moved_in=1, closing=5)
    assert rows["L2"] == row(opening=1, moved_out=1)


def test_routes_that_touch_are_one_and_the_customer_wins_a_second(business: Business) -> None:
    half = 0.5 / 86_400
    with business.scope():
        Life("handed over").opens(-9, "amy").ends(5, "amy", "transfer").opens(5, "bob", "transfer")
        Life("with a gap").opens(-9, "amy").ends(5, "amy", "transfer").opens(
            5 + half, "bob", "transfer"
        )
        Life("fan").opens(-9, "amy").does(1, "subscription.opened", account="wx1").ends(2, "amy")
        Life("left all").opens(-9, "amy").opens(-9, "bob").ends(5, "amy").ends(
            5 + half, "bob", "staff"
        )
        Life("left one, dropped").opens(-9, "amy").opens(-9, "bob").ends(5, "amy").ends(
            5 + 2 * half, "bob", "staff"
        )

    levels = figures(asked(business, **MARCH))
    guides = figures(asked(business, **MARCH, group="staff"))

    assert levels["L1"] == row(
        opening=5, returned=1, lost_by_customer=1, lost_by_staff=2, closing=3
    )
    assert guides == {
        "amy": row(opening=5, lost_by_customer=3, moved_out=2),
        "bob": row(opening=2, lost_by_staff=2, moved_in=2, closing=2),
    }


def test_by_channel_and_team(business: Business) -> None:
    with business.scope():
        red = Channel.objects.create(name="Red")
        Staff.objects.create(userid="amy", team=Team.objects.create(name="North"))
        Life("a", channel=red).opens(1, "amy").does(2, "message.received")
        Life("b").opens(1, "bob")
        Life("c").opens(1, "bob").ends(2, "bob").opens(3, "bob").opens(3, "amy")

    assert figures(asked(business, **MARCH, group="channel")) == {
        "Red": row(acquired=1, closing=1),
        None: row(acquired=2, returned=1, lost_by_customer=1, closing=2),
    }
    assert figures(asked(business, **MARCH, group="team")) == {
        "North": row(acquired=2, closing=2),
        None: row(acquired=2, returned=1, lost_by_customer=1, closing=2),
    }


def test_the_business_says_how_long_words_and_orders_count(business: Business) -> None:
    with business.scope():
        Life("spoke").opens(-60, "amy").does(10, "message.received").buys(10)
    assert asked(business, **MARCH)["L3"]["closing"] == 1

    page = business.browser("owner")
    sent = {"ownership-interacting_days": "30", "ownership-owned_days": "20"}
    assert page.post("/admin/settings/", sent).status_code == 302
    assert asked(business, **MARCH)["L2"]["closing"] == 1

    assert (
        page.post("/admin/settings/", sent | {"ownership-interacting_days": "0"}).status_code == 200
    )
    with business.scope():
        ContactSettings.objects.update(interacting_days=20)
    assert asked(business, **MARCH)["L1"]["closing"] == 1


class AssetMaker(Maker):
    """Contacts come, speak, buy, are handed over and go, often at the same moment."""

    def act(self) -> None:
        contact = self.dice.choice(self.contacts)
        moments = self.moments.setdefault(contact.pk, [])
        base = self.dice.choice(moments) if moments and self.dice.random() < 0.6 else None
        at = self.when(base or contact.acquired_at)
        if base is not None and self.dice.random() < 0.3:
            at = base + self.dice.choice([timedelta(0), SECOND / 2, SECOND, -SECOND / 2])
        moments.append(at)
        staff = self.dice.choice(self.staff).userid
        kind = self.dice.choice(
            ["follow.opened", "follow.ended", "follow.ended", "message.received", "price.asked",
             "message.sent", "subscription.opened", "subscription.ended", "hand over"]
        )  # fmt: skip
        if kind == "hand over":
            other = self.dice.choice(self.staff).userid
            self.event(contact, "follow.ended", at, staff=staff, by="transfer")
            self.event(contact, "follow.opened", at, staff=other, by="transfer")
        elif kind.startswith("subscription"):
            self.event(contact, kind, at, account="wx1")
        else:
            by = self.dice.choice(["customer", "staff", "transfer"])
            self.event(contact, kind, at, staff=staff, by="" if kind == "follow.opened" else by)

    def step(self) -> None:
        makers = [self.contact, self.order, self.correct, *[self.act] * 6]
        (self.dice.choice(makers) if len(self.contacts) > 2 else self.contact)()
        if self.dice.random() < 0.05:
            facts.catch_up()

    @property
    def moments(self) -> dict[int, list[datetime]]:
        found: dict[int, list[datetime]] = self.__dict__.setdefault("_moments", {})
        return found


def world(business: Business, seed: int, zone: str, steps: int = 160) -> AssetMaker:
    business.move_to(zone)
    maker = AssetMaker(business, seed)
    for _ in range(steps):
        maker.step()
    return maker


@pytest.mark.parametrize(("seed", "zone"), seeds.in_zones(1, 2, 3, 4))
def test_the_statement_equals_the_reference(business: Business, seed: int, zone: str) -> None:
    with business.scope():
        maker = world(business, seed, zone)

    for question in questions(maker.dice, 6):
        check(business, question)
    with business.scope():
        assert facts.prove() == []
        for _ in range(60):
            maker.step()
    for question in questions(maker.dice, 4):
        check(business, question)
    with business.scope():
        assert facts.prove() == []


def check(business: Business, question: dict[str, str]) -> None:
    for group in GROUPS:
        answer = business.api().get(URL, question | {"group": group}).json()
        found = {each["group"]: each for each in answer["rows"]}
        with business.scope():
            assets = Assets(business.tenant, datetime.fromisoformat(answer["as_of"]))
            days = date.fromisoformat(question["from"]), date.fromisoformat(question["to"])
            wanted = assets.statement(*days, group, **narrowed(question))
        assert figures(found) == wanted, (group, question)
        assert len(found) == len(answer["rows"])


@pytest.mark.parametrize("seed", seeds.several(11, 12, 13))
def test_it_balances_and_follows_on(business: Business, seed: int) -> None:
    """Over random splits of a span: what one period closes with, the next one opens with."""
    with business.scope():
        maker = world(business, seed, "Asia/Shanghai")
    dice = maker.dice
    days = sorted({(NOW - DAY * dice.randrange(-3, 520)).date() for _ in range(6)})
    as_of = {} if seed % 2 else {"as_of": (NOW - 100 * DAY).isoformat()}

    for group in GROUPS:
        before: dict[str | None, int] | None = None
        for start, end in pairwise(days):
            span = {"from": start.isoformat(), "to": end.isoformat()} | as_of
            rows = figures(asked(business, group=group, **span))
            for each in rows.values():
                assert each["closing"] == (
                    each["opening"] + each["acquired"] + each["returned"] + each["moved_in"]
                    - each["lost_by_customer"] - each["lost_by_staff"] - each["moved_out"]
                )  # fmt: skip
            if before is not None:
                opening = {name: each["opening"] for name, each in rows.items()}
                assert {n: k for n, k in opening.items() if k} == before
            before = {name: each["closing"] for name, each in rows.items() if each["closing"]}
            if group == "channel":
                moves = [each["moved_in"] + each["moved_out"] for each in rows.values()]
                assert not any(moves)


def test_acquired_are_the_new_contacts(business: Business) -> None:
    with business.scope():
        world(business, 21, "Asia/Shanghai")
    span = {"from": (NOW - 300 * DAY).date().isoformat(), "to": NOW.date().isoformat()}

    rows = asked(business, **span)
    value = business.api().get("/api/v1/reports/value", span).json()["rows"]

    new = sum(each["new_contacts"] for each in value)
    assert sum(each["acquired"] for each in rows.values()) == new > 0


@pytest.mark.parametrize(
    "span",
    [
        {},
        {"from": "1980-01-01", "to": "1980-01-02"},
        {"from": "2090-01-01", "to": "2100-01-01"},
        {"from": "2016-01-01", "to": "2026-01-01", "as_of": "2015-01-01"},
    ],
)
def test_an_empty_business_has_an_empty_statement(business: Business, span: dict[str, str]) -> None:
    rows = asked(business, **span)

    assert figures(rows) == {"L1": ZERO, "L2": ZERO, "L3": ZERO}
    for group in GROUPS[1:]:
        assert asked(business, group=group, **span) == {}


@pytest.mark.parametrize(
    "query",
    [{"group": "colour"}, {"from": "yesterday"}, {"colour": "red"}, {"staff": "nobody"},
     {"from": "2026-02-01", "to": "2026-01-01"}],
)  # fmt: skip
def test_unknown_wishes_are_400(business: Business, query: dict[str, str]) -> None:
    assert business.api().get(URL, query).status_code == 400


def test_the_page_its_file_and_who_they_are(business: Business) -> None:
    today = datetime.now(business.tenant.tz).date()
    with business.scope():
        red = Channel.objects.create(name="Red")
        for number, spoke in enumerate((True, True, False)):
            contact = Contact.objects.create(name=f"Person {number}", channel=red)
            days = [(20, "follow.opened")] + ([(5, "message.received")] if spoke else [])
            for ago, kind in days:
                told = NewEvent(
                    contact.pk, kind, NOW - ago * DAY, "test", f"{number}{kind}", {"staff": "amy"}
                )
                timeline.record([told])
        timeline.drain_all()
        amy = Staff.objects.get(userid="amy")
        Contact.objects.create(name="Stranger", channel=red)
    browser = business.browser("viewer")

    page = browser.get("/dashboards/assets/").content.decode()
    guides = browser.get("/dashboards/assets/?group=staff").content.decode()
    channels = browser.get("/dashboards/assets/?group=channel").content.decode()
    past = browser.get(f"/dashboards/assets/?through={today - DAY}").content.decode()
    file = browser.get("/dashboards/assets/?export=csv").content.decode()

    assert "+3" in page and "Lost: by staff" in page
    assert "ownership=L2" in page and "ownership=L2" not in past
    assert file.splitlines()[2].split(",")[:3] == ["L2 interacting", "0", "0"]
    assert f"staff__id__exact={amy.pk}&amp;state=active" in guides
    people = browser.get("/admin/contacts/contact/?ownership=L2").content.decode()
    assert "Person 1" in people and "Person 2" not in people
    known = f"channel__id__exact={red.pk}&ownership=any"
    assert known.replace("&", "&amp;") in channels
    people = browser.get(f"/admin/contacts/contact/?{known}").content.decode()
    assert "Person 2" in people and "Stranger" not in people
    assert (
        "amy"
        in browser.get(
            f"/admin/contacts/follow/?staff__id__exact={amy.pk}&state=active"
        ).content.decode()
    )
    assert business.browser("sales").get("/dashboards/assets/").status_code == 403
    nobody = browser.get("/dashboards/assets/?from=1980-01-01&through=1980-01-02")
    assert "Nobody could be reached" in nobody.content.decode()
