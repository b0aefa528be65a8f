"""The scorecard: it and the baselines equal the reference on made-up worlds, worked examples."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from analytics import facts
from analytics.models.goals import Headcount, KpiSettings, Target
from contacts import orders, tagging, timeline
from contacts.models import Channel, Contact, Cost
from contacts.timeline import NewEvent
from journeys.models import Touch
from tenants.models import Staff, Team
from tests.analytics import seeds
from tests.analytics.reference import DAY
from tests.analytics.reference_kpis import Known
from tests.analytics.test_reports import Maker, narrowed
from tests.conftest import Business

REPORTS = "/api/v1/reports/"
NOW = datetime.now(UTC).replace(microsecond=0)
KINDS = ["message.received", "link.clicked", "message.sent", "ad.clicked", "reward.paid"]


class Busy(Maker):
    """A hundred days in which much happens, often at the very border of a day."""

    def when(self, after: datetime | None = None) -> datetime:
        day = (NOW - DAY * self.dice.randrange(100)).astimezone(self.business.tenant.tz).date()
        midnight = datetime(day.year, day.month, day.day, tzinfo=self.business.tenant.tz)
        at = midnight.astimezone(UTC) + timedelta(
            microseconds=self.dice.choice([0, -1, 1, self.dice.randrange(86_400_000_000)])
        )
        return at if at < NOW else NOW - DAY

    def act(self) -> None:
        contact = self.dice.choice(self.contacts)
        chance = self.dice.random()
        staff = self.dice.choice(self.staff).userid
        at = self.when()
        if chance < 0.3:
            self.event(contact, self.dice.choice(KINDS), at, amount="1")
        elif chance < 0.4:
            kind = self.dice.choice(["subscription.opened", "subscription.ended"])
            self.event(contact, kind, at, account="oa")
        elif chance < 0.5:
            tagging.add([contact.pk], tagging.named(["VIP"]).values(), "api")
        elif chance < 0.6:
            Touch.objects.create(
                key=str(self.number), contact=contact, route="task", state="sent", sent_at=at,
                due_at=at, kind=self.dice.choice(["promotion", "service", "greeting"]),
            )  # fmt: skip
            self.number += 1
        else:
            kind = self.dice.choice(["follow.opened", "follow.ended", "follow.ended"])
            by = self.dice.choice(["customer", "customer", "staff", "transfer"])
            self.event(contact, kind, at, staff=staff, by=by)


def asked(business: Business, path: str, **query: str) -> dict[str, Any]:
    response = business.api().get(REPORTS + path, query)
    assert response.status_code == 200, response.content
    answer: dict[str, Any] = response.json()
    return answer


def values(answer: dict[str, Any], name: str = "value") -> dict[str, Any]:
    return {kpi["key"]: kpi[name] for kpi in answer["kpis"]}


def questions(dice: random.Random) -> list[dict[str, str]]:
    found = []
    for _ in range(7):
        start = (NOW - DAY * dice.randrange(-3, 70)).date()
        end = start + timedelta(days=dice.choice([1, 7, 30, 400]))
        question = {"from": start.isoformat(), "to": end.isoformat()}
        if dice.random() < 0.7:
            at = NOW - DAY * dice.choice([0, 1, 20, 50]) - timedelta(seconds=dice.randrange(90_000))
            question["as_of"] = at.isoformat()
        if dice.random() < 0.3:
            question["channel"] = "Red"
        if dice.random() < 0.3:
            question[dice.choice(["staff", "team"])] = "g1"
            if "team" in question:
                question["team"] = "North"
        found.append(question)
    return found


@pytest.mark.parametrize(("seed", "zone"), seeds.in_zones(1, 2, 3))
def test_reports_equal_the_reference(business: Business, seed: int, zone: str) -> None:
    business.move_to(zone)
    with business.scope():
        maker = Busy(business, seed)
        for _ in range(200):
            maker.step()

    for question in questions(maker.dice):
        days = asked(business, "baselines", **question)
        card = asked(business, "kpis", **question)
        period = date.fromisoformat(question["from"]), date.fromisoformat(question["to"])
        with business.scope():
            known = Known(
                business.tenant, datetime.fromisoformat(days["as_of"]), **narrowed(question)
            )
            wanted = known.baselines(*period)
            figures = known.kpis(*period)
        assert days["metrics"] == wanted, question
        got = values(card)
        assert {key: got[key] for key in figures} == pytest.approx(figures), question
        if len(wanted) == 4 * 30:
            assert any(day["median"] for day in wanted)
    with business.scope():
        assert facts.prove() == []


# --- the scorecard, by hand ---


@pytest.fixture
def march(business: Business) -> Business:
    """March 2026: three friends at its start, one of them deleted; two came; one wrote."""
    zone = business.tenant.tz

    def at(month: int, day: int) -> datetime:
        return datetime(2026, month, day, 9, tzinfo=zone)

    with business.scope():
        Staff.objects.create(userid="amy", name="Amy", team=Team.objects.create(name="North"))
        facts_: list[tuple[str, str, datetime, dict[str, object]]] = [
            ("a", "follow.opened", at(2, 10), {}),
            ("b", "follow.opened", at(2, 11), {}),
            ("c", "follow.opened", at(2, 12), {}),
            ("d", "follow.opened", at(3, 5), {}),
            ("e", "follow.opened", at(3, 6), {}),
            ("a", "follow.ended", at(3, 8), {"by": "customer"}),
            ("b", "message.received", at(3, 9), {}),
            ("b", "message.received", at(3, 10), {}),
            ("d", "message.sent", at(3, 10), {}),
        ]
        people = {
            name: Contact.objects.create(external_id=name, name=name) for name in ("a", "b", "c")
        }
        people["d"] = Contact.objects.create(external_id="d", referrer=people["b"])
        people["e"] = Contact.objects.create(external_id="e", referrer=people["b"])
        timeline.record(
            [
                NewEvent(people[name].pk, kind, when, "test", str(n), {"staff": "amy", **more})
                for n, (name, kind, when, more) in enumerate(facts_)
            ]
        )
        bought = [("1", "b", at(2, 20)), ("2", "b", at(3, 20)), ("3", "c", at(3, 21))]
        orders.upsert(
            [
                orders.Row(
                    order_id=key, contact_id=people[name].pk, amount_fen=30000, paid_at=when,
                    status="paid",
                )
                for key, name, when in bought
            ]
        )  # fmt: skip
    return business


MARCH = {"from": "2026-03-01", "to": "2026-04-01"}


def test_figures_of_march(march: Business) -> None:
    answer = asked(march, "kpis", **MARCH)

    assert values(answer) == {
        "new_contacts": 2,
        "deletes": 1,
        "delete_rate": 0.2,  # of 3 at the start and 2 that came
        "interaction_rate": 0.2,
        "tag_coverage": 0,
        "new_customers": 1,
        "orders": 2,
        "revenue": "600.00",
        "aov": "300.00",
        "repeat_rate": 0.5,
        "referral_rate": 0.5,
        "revenue_per_head": None,
        "contacts_per_head": None,
        "trust_mix": None,
        "activity": 0.25,  # of b, c, d and e: b wrote
        "satisfaction": None,
    }
    assert (answer["phase"], answer["purpose"]) == ("steady", "gmv")
    assert answer["focus"][:2] == ["revenue_per_head", "contacts_per_head"]
    # February, of equal length before, begins before anything was known.
    assert values(answer, "baseline")["delete_rate"] is None


def test_what_was_usual(march: Business) -> None:
    answer = asked(march, "kpis", **{"from": "2026-03-10", "to": "2026-03-20"})

    # Of the ten days before: 5 Follows, 1 ended by the customer; b wrote.
    usual = values(answer, "baseline")
    assert (usual["delete_rate"], usual["interaction_rate"]) == (0.2, 0.2)
    assert usual["aov"] is None
    # The two Thursdays a and d came on, of four; no other weekday had two of four.
    assert usual["new_contacts"] == 0.5


@pytest.mark.parametrize(
    ("as_of", "phase"),
    [
        ("2026-02-10T09:00:00+08:00", "start"),
        ("2026-03-12T08:59:59+08:00", "start"),
        ("2026-03-12T09:00:00+08:00", "middle"),
        ("2026-05-11T08:59:59+08:00", "middle"),
        ("2026-05-11T09:00:00+08:00", "steady"),
    ],
)
def test_phase(march: Business, as_of: str, phase: str) -> None:
    assert asked(march, "kpis", as_of=as_of, **MARCH)["phase"] == phase


def test_the_setting_decides_day_zero_and_purpose(march: Business) -> None:
    with march.scope():
        KpiSettings.objects.create(day_zero=date(2026, 3, 1), purpose="warmth")

    answer = asked(march, "kpis", as_of="2026-03-30", **MARCH)
    assert (answer["phase"], answer["purpose"]) == ("start", "warmth")
    assert answer["focus"] == [
        "new_contacts", "deletes", "delete_rate", "interaction_rate", "trust_mix", "referral_rate",
        "activity", "satisfaction",
    ]  # fmt: skip
    assert asked(march, "kpis", purpose="gmv", **MARCH)["purpose"] == "gmv"


def test_revenue_per_head_counts_agencies(march: Business) -> None:
    with march.scope():
        Headcount.objects.create(month=date(2026, 2, 1), fte=Decimal("1.50"), pay_fen=800_000)
        Cost.objects.create(date=date(2026, 3, 31), kind="agency", amount_fen=400_000)
        Cost.objects.create(date=date(2026, 4, 1), kind="agency", amount_fen=400_000)
        Cost.objects.create(date=date(2026, 3, 1), kind="ad", amount_fen=400_000)

    # 1.5 people and half an agency
    got = values(asked(march, "kpis", **MARCH))
    assert (got["revenue_per_head"], got["contacts_per_head"]) == ("300.00", 1)
    # February and March: 59 days; a month has two heads, the other 1.5
    both = values(asked(march, "kpis", **{"from": "2026-02-01", "to": "2026-04-01"}))
    assert both["revenue_per_head"] == "514.29"  # 900 ÷ 1.75
    assert values(asked(march, "kpis", staff="amy", **MARCH))["revenue_per_head"] is None
    earlier = {"from": "2026-01-01", "to": "2026-04-01"}
    assert values(asked(march, "kpis", **earlier))["revenue_per_head"] is None


def test_targets_of_whole_and_partial_months(march: Business) -> None:
    with march.scope():
        amy = Staff.objects.get(userid="amy")
        for month, value in ((2, 2800), (3, 3100)):
            Target.objects.create(metric="revenue", month=date(2026, month, 1), value=value)
        Target.objects.create(metric="delete_rate", month=date(2026, 3, 1), value=Decimal("0.05"))
        Target.objects.create(metric="orders", month=date(2026, 3, 1), value=31, staff=amy)
        Target.objects.create(metric="orders", month=date(2026, 3, 1), value=62, team=amy.team)

    def aims(**query: str) -> dict[str, Any]:
        found = values(asked(march, "kpis", **query), "target")
        return {key: aim for key, aim in found.items() if aim is not None}

    assert aims(**MARCH) == {"revenue": "3100.00", "delete_rate": 0.05}
    ten_days = {"from": "2026-03-01", "to": "2026-03-11"}
    assert aims(**ten_days) == {"revenue": "1000.00", "delete_rate": 0.05}
    assert aims(**{"from": "2026-02-15", "to": "2026-03-11"}) == {"revenue": "2400.00"}
    assert aims(**{"from": "2026-03-01", "to": "2026-05-01"}) == {}
    assert aims(staff="amy", **MARCH) == {"orders": 31}
    assert aims(team="North", **MARCH) == {"orders": 62}
    with march.scope():
        Channel.objects.create(name="Red")
    assert aims(channel="Red", **MARCH) == {}


def test_an_empty_business_is_answered(business: Business) -> None:
    answer = asked(business, "kpis")

    assert answer["phase"] == "start"
    got = values(answer)
    assert {key for key, value in got.items() if value is not None} == {
        "new_contacts", "deletes", "new_customers", "orders", "revenue",
    }  # fmt: skip
    assert not any(float(value) for value in got.values() if value is not None)
    future = {"from": "2150-01-01", "to": "2150-02-01"}
    assert values(asked(business, "kpis", **future))["orders"] == 0
    assert asked(business, "baselines", **{"from": "2016-01-01", "to": "2026-01-01"})


@pytest.mark.parametrize(
    "query",
    [
        {"from": "2026-13-01"},
        {"purpose": "money"},
        {"staff": "nobody"},
        {"unknown": "1"},
        {"from": "1990-01-01", "to": "2026-01-01"},
    ],
)
def test_bad_questions(business: Business, query: dict[str, str]) -> None:
    assert business.api().get(f"{REPORTS}kpis", query).status_code == 400
    if "purpose" not in query:
        assert business.api().get(f"{REPORTS}baselines", query).status_code == 400


# --- targets ---


def test_targets_over_http(march: Business) -> None:
    api = march.api()
    body = {"metric": "delete_rate", "month": "2026-03", "value": "0.05"}

    made = api.post("/api/v1/targets", body, format="json")
    assert made.status_code == 201, made.content
    assert made.json() | body == made.json() | {"value": "0.05"}
    assert api.post("/api/v1/targets", body, format="json").status_code == 409
    changed = api.patch(f"/api/v1/targets/{made.json()['id']}", {"value": "0.1"}, format="json")
    assert changed.status_code == 200
    assert values(asked(march, "kpis", **MARCH), "target")["delete_rate"] == 0.1
    listed = api.get("/api/v1/targets", {"month": "2026-03", "metric": "delete_rate"})
    assert [row["value"] for row in listed.json()["results"]] == ["0.100000"]
    assert api.delete(f"/api/v1/targets/{made.json()['id']}").status_code == 204


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"month": "2026-13"}, "month"),
        ({"month": None}, "month"),
        ({"metric": "luck"}, "metric"),
        ({"value": "-1"}, "value"),
        ({"value": "5"}, "value"),
    ],
)
def test_targets_that_make_no_sense(business: Business, change: dict[str, Any], field: str) -> None:
    body = {"metric": "delete_rate", "month": "2026-03", "value": "0.05"} | change

    refused = business.api().post("/api/v1/targets", body, format="json")

    assert refused.status_code == 400
    assert list(refused.json()["error"]["fields"]) == [field]


def test_a_target_is_of_a_team_or_of_a_person(march: Business) -> None:
    browser = march.browser("operator")
    with march.scope():
        amy = Staff.objects.get(userid="amy")
    form = {"metric": "orders", "month": "2026-03", "value": "10", "staff": amy.pk}

    both = browser.post("/admin/analytics/target/add/", form | {"team": amy.team_id})
    assert both.status_code == 200 and "not of both" in both.content.decode()
    assert browser.post("/admin/analytics/target/add/", form).status_code == 302
    with march.scope():
        assert Target.objects.get().month == date(2026, 3, 1)


# --- pages ---


def test_the_scorecard_shows_targets_and_pace(march: Business) -> None:
    with march.scope():
        Target.objects.create(metric="orders", month=date(2026, 3, 1), value=4)
    period = "from=2026-03-01&through=2026-03-31"
    # Half of the month: 1 of 4 orders is a pace of a half, 2 of 4 of a whole one.
    early = march.browser("viewer").get(f"/dashboards/kpis/?{period}&as_of=2026-03-16T12:00")
    late = march.browser("viewer").get(f"/dashboards/kpis/?{period}&as_of=2026-04-01")

    assert early.status_code == late.status_code == 200
    tiles = {tile.title: tile for tile in [*late.context["focus"], *late.context["others"]]}
    assert (tiles["Orders"].pace, tiles["Orders"].reached) == ("50%", 50)
    assert (tiles["Delete rate"].text, tiles["Revenue"].text) == ("20.0%", "¥600.00")
    tiles = {tile.title: tile for tile in [*early.context["focus"], *early.context["others"]]}
    assert (tiles["Orders"].text, tiles["Orders"].pace) == ("0", "0%")
    file = march.browser("viewer").get(f"/dashboards/kpis/?{period}&export=csv").content.decode()
    assert "Delete rate,0.2,," in file
    assert march.browser("sales").get("/dashboards/kpis/").status_code == 403


def test_a_period_of_a_century_is_refused_kindly(business: Business) -> None:
    for name in ("kpis", "baselines"):
        page = business.browser("viewer").get(f"/dashboards/{name}/?from=1980-01-01")
        assert page.status_code == 200
        assert "7500 days" in page.content.decode()
