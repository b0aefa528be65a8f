"""Plans: progress equals the reference on made-up worlds, worked examples, the doors."""

from __future__ import annotations

from datetime import datetime, timedelta
from fractions import Fraction
from typing import Any

import pytest
from django.utils import timezone

from campaigns.models import Broadcast, BroadcastRecipient
from contacts import timeline
from contacts.models import Contact
from contacts.timeline import NewEvent
from journeys.models import Enrolment, Sop, SopVersion, Touch
from tenants import ids
from tenants.models import AuditEntry, Staff, WeChatAccount
from tests.analytics import seeds
from tests.analytics.plan_ground import PLANS, made, people, progress_of, shop
from tests.analytics.reference_plans import DAY, LESS, SUMS, Progress, number, verdict
from tests.analytics.test_kpis import NOW, Busy
from tests.conftest import Business

__all__ = ["shop"]
FIGURES = [
    "new_contacts", "deletes", "delete_rate", "interaction_rate", "new_customers", "orders",
    "revenue", "aov", "repeat_rate", "referral_rate", "trust_mix",
]  # fmt: skip


# --- against the reference ---


@pytest.mark.parametrize(("seed", "zone"), list(seeds.in_zones(11, 12)))
def test_progress_equals_the_reference(business: Business, seed: int, zone: str) -> None:
    business.move_to(zone)
    with business.scope():
        maker = Busy(business, seed)
        for _ in range(200):
            maker.step()
        segment = people(business, *maker.dice.sample(maker.contacts, len(maker.contacts) // 2))
    begun = compared = 0

    for n, metric in enumerate(FIGURES):
        start = (NOW - DAY * maker.dice.randrange(-4, 50)).date()
        to = start + DAY * maker.dice.choice([1, 9, 30])
        of_segment = bool(n % 2)
        plan = made(
            business, metric=metric, target="0.5", starts_on=f"{start}", ends_on=f"{to - DAY}",
            segment=ids.encode(segment.pk) if of_segment else None,
        )  # fmt: skip
        at = NOW - DAY * maker.dice.choice([0, 2, 12]) - timedelta(seconds=n * 5000)
        found = progress_of(business, plan, at.isoformat() if n % 3 else "")
        with business.scope():
            wanted = Progress(
                business.tenant, metric, start, to, datetime.fromisoformat(found["as_of"]),
                segment.pk if of_segment else None,
            )  # fmt: skip
            begun += wanted.begun
            compared += check(found, wanted)
    assert begun > 6
    assert compared > 6


def check(found: dict[str, Any], wanted: Progress) -> bool:
    """Was there something to compare with?"""
    before = wanted.just_before()
    check_aim(found["aim"], wanted)
    assert (found["before"] is None) == (before is None)
    if before:
        assert all(same(found["before"][key], value) for key, value in before.items())
    check_people(found, wanted)
    if wanted.metric in SUMS:
        points = wanted.points()
        assert [point["date"] for point in found["points"]] == [day for day, _value in points]
        pairs = zip(found["points"], points, strict=True)
        assert all(same(mine["value"], value) for mine, (_day, value) in pairs)
    elif (last := found["points"][-1]["value"]) is not None:
        assert same(last, wanted.value())
    return before is not None


def check_aim(aim: dict[str, Any], wanted: Progress) -> None:
    value, target = wanted.value(), Fraction(1, 2)
    assert same(aim["value"], value), (aim, value)
    assert aim["elapsed"] == pytest.approx(float(wanted.elapsed))
    assert (aim["from"], aim["to"]) == (f"{wanted.start}", f"{wanted.to}")
    assert aim["on_pace"] == verdict(wanted, value, target)
    if wanted.metric not in SUMS or value is None:
        return
    if wanted.metric not in LESS:
        pace = float(number(value) / (target * wanted.due))
        assert aim["pace"] == pytest.approx(pace)
    if wanted.elapsed * (wanted.to - wanted.start).days >= 1:
        forecast = float(number(value) / wanted.due)
        assert float(aim["forecast"]) == pytest.approx(forecast, abs=0.0051)
    else:
        assert aim["forecast"] is None


def check_people(found: dict[str, Any], wanted: Progress) -> None:
    groups = {"members": wanted.members, "others": wanted.everybody - wanted.members}
    for name, who in groups.items():
        group = wanted.people(who)
        assert (found[name] is None) == (group is None)
        if group:
            assert all(same(found[name][key], value) for key, value in group.items())


def same(mine: Any, theirs: Any) -> bool:
    if mine is None or theirs is None:
        return mine is theirs
    if isinstance(theirs, str):
        return bool(mine == theirs)
    return bool(mine == pytest.approx(theirs))


# --- by hand ---


def test_a_plan_on_its_fifth_day(shop: Business) -> None:
    plan = made(shop, target="1500", starts_on="2026-03-01", ends_on="2026-03-10")

    found = progress_of(shop, plan, "2026-03-06")

    assert found["aim"] == {
        "metric": "revenue", "from": "2026-03-01", "to": "2026-03-11", "value": "500.00",
        "target": "1500.00", "elapsed": 0.5, "expected": "750.00", "by_weekday": False,
        "pace": 2 / 3, "on_pace": False, "forecast": "1000.00",
    }  # fmt: skip
    # 19 to 28 February brought 1,000, the first five of these days 500.
    assert found["before"] == {
        "from": "2026-02-19", "to": "2026-03-01", "value": "1000.00", "so_far": "500.00",
    }  # fmt: skip
    assert (found["year_before"], found["members"], found["others"]) == (None, None, None)
    assert found["points"][4] == {
        "date": "2026-03-05", "value": "500.00", "pace": "750.00", "before": "500.00",
    }  # fmt: skip
    # On the day of as_of itself nothing has happened yet; what lies ahead has no value.
    assert [point["value"] for point in found["points"][5:]] == ["500.00", None, None, None, None]
    assert found["points"][9]["pace"] == "1500.00"


def test_a_plan_that_is_over_or_lies_ahead(shop: Business) -> None:
    plan = made(shop, target="900", starts_on="2026-03-01", ends_on="2026-03-10")

    over = progress_of(shop, plan, "2026-05-01")
    ahead = progress_of(shop, plan, "2026-02-25")

    assert (over["state"], over["aim"]["on_pace"], over["aim"]["elapsed"]) == ("over", True, 1)
    assert over["before"]["so_far"] == over["before"]["value"] == "1000.00"
    assert (ahead["state"], ahead["aim"]["value"], ahead["aim"]["on_pace"]) == (
        "planned", None, None,
    )  # fmt: skip
    # Of a plan that lies ahead: the ten days before today, of which six had an order.
    assert ahead["before"] == {
        "from": "2026-02-15", "to": "2026-02-25", "value": "600.00", "so_far": None,
    }  # fmt: skip


def test_only_the_people_of_the_segment(shop: Business) -> None:
    with shop.scope():
        segment = people(shop, Contact.objects.get(external_id="b"))
    plan = made(
        shop, target="400", starts_on="2026-03-01", ends_on="2026-03-10",
        segment=ids.encode(segment.pk),
    )  # fmt: skip

    found = progress_of(shop, plan, "2026-03-06")

    assert (found["aim"]["value"], found["aim"]["on_pace"]) == ("300.00", True)
    assert found["members"] == {"value": "300.00", "contacts": 1, "per_contact": "300.000000"}
    assert found["others"] == {"value": "200.00", "contacts": 1, "per_contact": "200.000000"}
    gone = shop.api().delete(f"/api/v1/segments/{ids.encode(segment.pk)}")
    assert gone.status_code == 409
    assert "Spring" in gone.json()["error"]["message"]


def test_milestones_have_days_and_figures_of_their_own(shop: Business) -> None:
    phases = [
        {"name": "First", "first_day": 1, "last_day": 5, "metric": "orders", "target": "4"},
        {"name": "Then", "first_day": 6, "last_day": 10, "metric": "delete_rate"},
    ]
    plan = made(shop, starts_on="2026-03-01", ends_on="2026-03-10", phases=phases)

    first, then = progress_of(shop, plan, "2026-03-06T00:00:01")["phases"]

    assert (first["name"], first["from"], first["to"]) == ("First", "2026-03-01", "2026-03-06")
    assert (first["value"], first["on_pace"], first["elapsed"]) == (5, True, 1)
    assert (then["value"], then["target"], then["on_pace"]) == (0, None, None)


def test_less_deletes_are_on_pace(shop: Business) -> None:
    zone = shop.tenant.tz
    with shop.scope():
        a = Contact.objects.get(external_id="a")
        ended = datetime(2026, 3, 2, 9, tzinfo=zone)
        timeline.record(
            [NewEvent(a.pk, "follow.ended", ended, "test", "e", {"staff": "amy", "by": "customer"})]
        )
    plan = made(shop, metric="deletes", target="4", starts_on="2026-03-01", ends_on="2026-03-04")

    assert progress_of(shop, plan, "2026-03-02")["aim"]["on_pace"] is True
    early = progress_of(shop, plan, "2026-03-02T12:00")["aim"]
    assert (early["value"], early["expected"], early["on_pace"]) == (1, 1.5, True)
    made_more = made(
        shop, metric="deletes", target="1", starts_on="2026-03-01", ends_on="2026-03-04"
    )
    assert progress_of(shop, made_more, "2026-03-02T12:00")["aim"]["on_pace"] is False


def test_what_is_attached_is_counted_in_the_days_of_the_plan(shop: Business) -> None:
    zone = shop.tenant.tz

    def at(day: int, hour: int = 9) -> datetime:
        return datetime(2026, 3, day, hour, tzinfo=zone)

    with shop.scope():
        a, b = Contact.objects.order_by("external_id")
        amy = Staff.objects.get(userid="amy")
        sop = Sop.objects.create(name="Greeting")
        version = SopVersion.objects.create(sop=sop, number=1)
        account = WeChatAccount.objects.create(name="w", app_id="ww1", secret="s")
        broadcast = Broadcast.objects.create(name="Sale", account=account, state="done")
        for n, (contact, sent_at) in enumerate(
            [(a, at(1, 0)), (a, at(2)), (b, at(3)), (b, at(28)), (a, None)]
        ):
            run = Enrolment.objects.create(
                sop=sop, version=version, contact=contact, started_at=at(1), state="done"
            )
            Touch.objects.create(
                key=f"t{n}", contact=contact, enrolment=run, route="none", kind="service",
                state="sent" if sent_at else "planned", due_at=at(1), sent_at=sent_at,
            )  # fmt: skip
        for contact in (a, b):
            BroadcastRecipient.objects.create(
                broadcast=broadcast, contact=contact, staff=amy, settled_at=at(5),
                state="delivered" if contact == a else "failed",
            )  # fmt: skip
        # b answers 72 hours to the second after the third touch; a a second too late for all.
        timeline.record(
            [
                NewEvent(b.pk, "message.received", at(6), "test", "m1", {"staff": "amy"}),
                NewEvent(a.pk, "link.clicked", at(8) + timedelta(seconds=1), "test", "m2", {}),
            ]
        )
    plan = made(
        shop, starts_on="2026-03-01", ends_on="2026-03-10", sops=[ids.encode(sop.pk)],
        broadcasts=[ids.encode(broadcast.pk)],
    )  # fmt: skip

    def attached(as_of: str) -> list[tuple[Any, ...]]:
        rows = progress_of(shop, plan, as_of)["attached"]
        return [tuple(row[k] for k in ("name", "sent", "contacts", "responded")) for row in rows]

    assert attached("2026-04-01") == [("Greeting", 3, 2, 1), ("Sale", 1, 1, 0)]
    assert attached("2026-03-03") == [("Greeting", 2, 1, 0), ("Sale", 0, 0, 0)]
    changed = shop.api().patch(f"{PLANS}/{plan['id']}", {"sops": []}, format="json").json()
    assert (changed["sops"], changed["broadcasts"]) == ([], [ids.encode(broadcast.pk)])


# --- the doors ---


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"ends_on": "2026-02-28"}, "ends_on"),
        ({"ends_on": "2028-03-31"}, "ends_on"),
        ({"starts_on": "1900-01-01"}, "starts_on"),
        ({"starts_on": "soon"}, "starts_on"),
        ({"metric": "luck"}, "metric"),
        ({"target": "-1"}, "target"),
        ({"metric": "repeat_rate", "target": "35"}, "target"),
        ({"segment": ids.encode(2**39)}, "segment"),
        ({"sops": [ids.encode(2**39)]}, "sops"),
        ({"occasion": 7, "luck": 1}, "luck"),
        ({"phases": [{"name": "x", "first_day": 3, "last_day": 2, "metric": "orders"}]}, "phases"),
        ({"phases": [{"name": "x", "first_day": 3, "last_day": 32, "metric": "orders"}]}, "phases"),
        (
            {
                "phases": [
                    {"name": "x", "first_day": 1, "last_day": 2, "metric": "delete_rate",
                     "target": "5"},
                ]
            },
            "phases",
        ),
    ],
)  # fmt: skip
def test_plans_that_make_no_sense(business: Business, change: dict[str, Any], field: str) -> None:
    body = {
        "name": "P", "metric": "revenue", "starts_on": "2026-03-01", "ends_on": "2026-03-31",
    } | change  # fmt: skip

    refused = business.api().post(PLANS, body, format="json")

    assert refused.status_code == 400, refused.content
    assert list(refused.json()["error"]["fields"]) == [field]


def test_plans_are_kept_by_state_and_everything_is_noted(business: Business) -> None:
    api = business.api()
    today = timezone.now().astimezone(business.tenant.tz).date()
    dates = {
        "over": (today - DAY * 5, today - DAY), "running": (today, today),
        "planned": (today + DAY, today + DAY),
    }  # fmt: skip
    plans = {
        state: made(business, name=state, starts_on=f"{start}", ends_on=f"{end}")
        for state, (start, end) in dates.items()
    }
    assert {name: plan["state"] for name, plan in plans.items()} == {s: s for s in dates}
    for action in ("cancel", "cancel", "resume", "resume", "cancel"):
        told = api.post(f"{PLANS}/{plans['over']['id']}/{action}").json()
        assert told["state"] == ("cancelled" if action == "cancel" else "over")

    def names(**query: str) -> list[str]:
        return [plan["name"] for plan in api.get(PLANS, query).json()["results"]]

    for state in ("running", "planned"):
        assert names(state=state) == [state]
    assert (names(state="over"), names(state="cancelled")) == ([], ["over"])
    assert api.patch(
        f"{PLANS}/{plans['running']['id']}", {"ends_on": f"{today - DAY}"}, format="json"
    ).status_code == 400  # fmt: skip
    assert api.delete(f"{PLANS}/{plans['running']['id']}").status_code == 204
    with business.scope():
        actions = AuditEntry.objects.filter(action__startswith="plan.").order_by("id")
        assert list(actions.values_list("action", flat=True)) == [
            "plan.created", "plan.created", "plan.created", "plan.cancelled", "plan.resumed",
            "plan.cancelled", "plan.deleted",
        ]  # fmt: skip


def test_an_empty_business_has_plans_that_say_nothing(business: Business) -> None:
    today = timezone.now().astimezone(business.tenant.tz).date()
    for metric in ("orders", "aov", "tag_coverage", "trust_mix", "revenue_per_head"):
        plan = made(business, metric=metric, starts_on=f"{today - DAY}", ends_on=f"{today + DAY}")
        found = progress_of(business, plan)
        assert found["aim"]["value"] in (0, "0.00", None), metric
        assert (found["before"], found["aim"]["on_pace"], found["aim"]["pace"]) == (None,) * 3
        page = business.browser("viewer").get(f"/dashboards/plans/{plan['id']}/")
        assert page.status_code == 200


def test_the_page_of_a_plan_shows_pace_and_what_was(shop: Business) -> None:
    plan = made(shop, target="1500", starts_on="2026-03-01", ends_on="2026-03-10", notes="Gifts")
    url = f"/dashboards/plans/{plan['id']}/?as_of=2026-03-06"

    page = shop.browser("viewer").get(url)

    goal = page.context["goal"]
    assert (goal["value"], goal["pace"], goal["verdict"]) == ("¥500.00", "67%", "behind")
    assert (goal["forecast"], goal["reached"]) == ("¥1,000", 33)
    card = page.context["comparisons"][0]
    assert card.text == "¥500.00"
    assert "now +0%" in card.note
    assert page.context["day"] == "day 6 of 10"
    file = shop.browser("viewer").get(url + "&export=csv").content.decode()
    assert "2026-03-05,500.00,750.00,500.00" in file
    assert shop.browser("viewer").get("/dashboards/plans/nothing/").status_code == 404
