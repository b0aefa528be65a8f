"""Money and counts stay as they were when a person is erased: every report, before and after."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.urls import URLPattern, URLResolver, get_resolver

from analytics import facts
from contacts import reach, timeline
from contacts.models import (
    Channel,
    Contact,
    Follow,
    FollowLoss,
    Group,
    LiveCode,
    Order,
    Segment,
    SegmentDay,
    SegmentMember,
    Welcome,
)
from contacts.segments import upkeep
from tenants.ids import encode
from tenants.models import WeChatAccount
from tests.conftest import Business

API = "/api/v1"
YEAR = "from=2026-01-01&to=2027-01-01"
ASKED = {
    "reports/overview": ["compare=year", "channel=Douyin", "as_of=2026-05-01"],
    "reports/funnel": ["mode=cohort", "mode=snapshot", "mode=cohort&channel=Douyin",
                       "mode=cohort&staff=sales1", "mode=cohort&as_of=2026-05-01"],
    "reports/value": ["group=channel", "group=month", "group=channel&staff=sales1",
                      "group=month&as_of=2026-06-15"],
    "reports/attribution": ["group=channel", "group=live_code", "group=campaign", "group=content"],
    "reports/losses": ["group=channel", "group=staff", "group=live_code", "group=source",
                       "group=staff&as_of=2026-04-01", "group=channel&staff=sales1"],
    "reports/user-assets": ["group=ownership", "group=staff", "group=channel", "group=team",
                            "group=ownership&as_of=2026-04-01", "group=channel&staff=sales1"],
    "reports/formula": ["compare_from=2026-01-01&compare_to=2026-03-01", "channel=Douyin",
                        "staff=sales1", "as_of=2026-02-01"],
    "reports/wecom-rates": ["channel=Douyin", "staff=sales1", "as_of=2026-02-01"],
    "reports/cohorts": ["value=retention", "value=revenue&channel=Douyin",
                        "value=margin&as_of=2026-06-15"],
    "reports/concentration": ["", "staff=sales1", "as_of=2026-05-01"],
    "reports/kpis": ["purpose=gmv", "as_of=2026-05-01", "staff=sales1"],
    "reports/baselines": ["channel=Douyin", "as_of=2026-05-01"],
    "reports/rfm": ["", "channel=Douyin", "as_of=2026-05-01"],
    "reports/benchmark": ["", "staff=sales1", "as_of=2026-05-01"],
    "reports/satisfaction": ["", "staff=sales1"],
    "reports/prediction": ["as_of=2026-06-15", "as_of=2026-06-15&staff=sales1"],
    "reports/touches": ["group=sop", "group=step", "group=broadcast", "group=content",
                        "group=route", "group=hour", "days=90", "as_of=2026-01-12"],
    "reports/trust-mix": ["as_of=2026-01-13", "channel=Douyin&as_of=2026-01-13"],
    "reports/step-roi": ["", "channel=Douyin", "staff=sales1", "as_of=2026-05-01"],
}  # fmt: skip
HALF = "from=2026-01-01&to=2026-07-01"


def addresses(patterns: Any, prefix: str = "") -> Iterator[str]:
    for entry in patterns:
        path = prefix + str(entry.pattern).replace("^", "").partition("/?")[0].rstrip("$")
        if isinstance(entry, URLResolver):
            yield from addresses(entry.url_patterns, path)
        elif isinstance(entry, URLPattern):
            yield path


KNOWN = frozenset(addresses(get_resolver().url_patterns))
# Saved views are no figures.
PAGES = sorted(
    f"/{path}"
    for path in KNOWN
    if path.startswith("dashboards/") and "/views/" not in path and "view_id" not in path
)


def test_every_report_is_compared() -> None:
    reports = {path.partition("v1/")[2] for path in KNOWN if path.startswith("api/v1/reports/")}
    assert {path for path in reports if "format" not in path} == set(ASKED)


@pytest.fixture
def world(business: Business) -> Business:
    """Six people of two channels; c1 has something of everything, and brought c2."""
    with business.scope():
        account = WeChatAccount.objects.create(name="w", app_id="ww1", secret="s")
        channel = Channel.objects.create(name="Douyin")
        LiveCode.objects.create(account=account, name="Booth", state="booth", channel=channel)
    _people(business)
    _what_they_did(business)
    timeline.work(business.pk)
    _welcomes(business, account)
    _segments_and_a_plan(business)
    settle(business)
    return business


def bring(business: Business, path: str, items: list[Any]) -> None:
    answer = business.api().post(f"{API}/{path}", {"items": items}, format="json")
    assert {each["status"] for each in answer.json()["results"]} <= {"created", "updated"}


def _people(business: Business) -> None:
    bring(business, "contacts/bulk", [
        {"external_id": f"c{nr}", "name": f"Person {nr}", "phone": f"1380013800{nr}",
         "email": f"p{nr}@example.com", "channel": "Douyin" if nr % 2 else "Fair",
         "acquired_at": f"2026-0{nr}-15T00:00:00Z", "tags": ["VIP"], "gender": "female",
         "owner": "sales1" if nr < 4 else "admin1"}
        for nr in range(1, 7)
    ])  # fmt: skip
    brought = {"referrer": contact_id(business, "c1")}
    path = f"{API}/contacts/{contact_id(business, 'c2')}"
    assert business.api().patch(path, brought, format="json").status_code == 200
    group = business.api().post(
        f"{API}/groups", {"name": "Mothers", "chat_id": "g1"}, format="json"
    ).json()  # fmt: skip
    bring(business, f"groups/{group['id']}/members/bulk", [
        {"contact": f"c{nr}", "joined_at": f"2026-02-0{nr}T04:00:00Z", "join_way": "qr",
         **({"left_at": "2026-02-08T04:00:00Z", "quit_way": "left"} if nr < 3 else {})}
        for nr in range(1, 5)
    ])  # fmt: skip


def _what_they_did(business: Business) -> None:
    bring(business, "orders/bulk", [
        {"order_id": f"o{nr}{more}", "contact": f"c{nr}", "amount": f"{100 * nr}.50",
         "paid_at": f"2026-0{nr + more}-02T03:00:00Z", "cost": "40.00", "status": "paid",
         "refunded": "10.00" if more else "0.00",
         "items": [{"sku": "S1", "quantity": 2, "price": "50.00"}]}
        for nr in (1, 2, 3) for more in (0, 1, 2)
    ])  # fmt: skip
    bring(business, "costs/bulk", [
        {"cost_id": "k1", "date": "2026-01-05", "channel": "Douyin", "kind": "ad",
         "amount": "90.00"}
    ])  # fmt: skip
    bring(business, "events/bulk", [
        {"event_id": f"e{nr}{kind}", "contact": f"c{nr}", "kind": kind, "at": at,
         "properties": properties}
        for nr in (1, 2, 4)
        for kind, at, properties in (
            ("follow.opened", "2026-01-10T00:00:00Z", {"staff": "sales1", "state": "booth"}),
            ("message.received", "2026-01-11T00:00:00Z", {"staff": "sales1", "text": "Hi"}),
            ("livecode.scanned", "2026-01-09T23:00:00Z", {"live_code": "Booth"}),
            ("message.sent", "2026-01-11T01:00:00Z", {"staff": "sales1", "text": "Hello"}),
            ("touch.delivered", "2026-01-11T02:00:00Z", {"touch_kind": "service"}),
            ("form.answered", "2026-01-12T00:00:00Z", {"answer": "much"}),
            ("price.asked", "2026-01-13T00:00:00Z", {}),
            ("reward.paid", "2026-02-01T00:00:00Z", {"amount": "5.00"}),
            ("follow.ended", f"2026-0{nr + 1}-20T00:00:00Z",
             {"staff": "sales1", "by": "customer" if nr < 4 else "staff"}),
        )
    ])  # fmt: skip


def _welcomes(business: Business, account: WeChatAccount) -> None:
    with business.scope():
        code = LiveCode.objects.get()
        for follow in Follow.objects.filter(live_code=code):
            Welcome.objects.create(
                follow=follow, account=account, live_code=code, code=f"w{follow.pk}",
                text=f"Hello {follow.contact.name}", state="sent", received_at=follow.opened_at,
                expires_at=follow.opened_at,
            )  # fmt: skip
        assert Welcome.objects.count() == 3


def _segments_and_a_plan(business: Business) -> None:
    api = business.api()
    for name, rule in RULES.items():
        made = api.post(f"{API}/segments", {"name": name, "rule": rule}, format="json")
        assert made.status_code == 201, made.content
    half = {"starts_on": "2026-01-01", "ends_on": "2026-06-30"}
    plan = {"name": "Half a year", "metric": "revenue", "target": "900", **half}
    assert api.post(f"{API}/plans", plan, format="json").status_code == 201
    made = api.post(f"{API}/segments", {"name": "by hand", "kind": "static"}, format="json").json()
    bring(business, f"segments/{made['id']}/members", ["c1", "c2"])


# Money, openings and moves are found as before; who they are is not.
RULES = {
    "bought": {"order": {"count": 1}},
    "spent": {"order": {"sum": {"at_least": 300}}},
    "channel": {"field": "channel", "in": ["Douyin"]},
    "tagged": {"tag": "VIP"},
    "reached": {"field": "phone", "known": True},
    "women": {"field": "gender", "in": ["female"]},
}
FORGOTTEN = {"tagged", "reached", "women"}


def contact_id(business: Business, name: str) -> str:
    with business.scope():
        return encode(Contact.objects.get(external_id=name).pk)


def settle(business: Business) -> None:
    timeline.work(business.pk)
    upkeep.work(business.pk)
    with business.scope():
        facts.catch_up()


def read(business: Business) -> dict[str, object]:
    """Every report and its page, groups by day, and what money sums up to."""
    api, browser = business.api(), business.browser("owner")
    found: dict[str, object] = {}
    for path, questions in ASKED.items():
        for question in questions:
            answer = api.get(f"{API}/{path}?{YEAR}&{question}")
            assert answer.status_code == 200, (path, question, answer.content)
            figures = {k: v for k, v in answer.json().items() if k != "as_of"}
            if path == "reports/kpis":  # who is erased wears no tag any more
                figures["kpis"] = [k for k in figures["kpis"] if k["key"] != "tag_coverage"]
            found[f"{path}?{question}"] = figures
    plan = api.get(f"{API}/plans").json()["results"][0]["id"]
    for page in PAGES:
        address = page.replace("<str:plan_id>", plan)
        file = browser.get(f"{address}?{YEAR}&export=csv")
        assert file.status_code == 200
        lines = file.content.decode().splitlines()
        found[page] = [line for line in lines if not line.startswith("Tag coverage")]
    with business.scope():
        groups = {encode(group.pk): group for group in Group.objects.all()}
    for name, group in groups.items():
        days = api.get(f"{API}/groups/{name}/days?from=2026-02-01&to=2026-03-01").json()
        assert sum(row["joined"] for row in days["rows"]) == 4
        found[f"days of {group}"] = days
        found[f"group {group}"] = api.get(f"{API}/groups/{name}").json()
        found["lost to groups"] = len(api.get(f"{API}/groups/lost").json()["results"])
    with business.scope():
        (code,) = LiveCode.objects.all()
    statistics = api.get(f"{API}/live-codes/{encode(code.pk)}/statistics?{HALF}")
    assert statistics.status_code == 200, statistics.content
    found["live code"] = statistics.json()
    with business.scope():
        found["losses"] = list(
            FollowLoss.objects.order_by("id").values_list(
                "staff", "ended_at", "ended_by", "days_kept", "stage", "channel", "live_code"
            )
        )
        found["orders"] = list(
            Order.objects.order_by("id").values_list("order_id", "amount_fen", "refunded_fen")
        )
    return found


def sizes(business: Business) -> dict[str, int | None]:
    with business.scope():
        return dict(Segment.objects.values_list("name", "size"))


def test_no_figure_changes_nor_does_one_that_is_counted_anew(world: Business) -> None:
    before, counted = read(world), sizes(world)
    assert all(counted.values()), counted
    of_codes = before["reports/losses?group=live_code"]
    assert '"Booth"' in json.dumps(of_codes)
    assert '"sent": 3' in json.dumps(before["live code"])
    path = f"{API}/contacts/{contact_id(world, 'c1')}/erase"

    answer = world.api().post(path, {"reason": "asked by letter"}, format="json")

    assert answer.status_code == 200, answer.content
    settle(world)
    after = read(world)
    assert {name: after[name] for name in before if after[name] != before[name]} == {}
    assert sizes(world) == {
        name: size - (name in FORGOTTEN | {"by hand"})
        for name, size in counted.items()
        if size is not None
    }
    with world.scope():
        assert facts.prove() == []
        mine = SegmentMember.objects.filter(contact__external_id=None)
        names = set(mine.values_list("segment__name", flat=True))
        assert names == set(RULES) - FORGOTTEN - {"spent"}
        days = SegmentDay.objects.values_list("segment__name", "entered", "left")
        assert set(days) == {*((name, 0, 1) for name in FORGOTTEN), ("by hand", 2, 1)}
        reach.rebuild([Contact.objects.get(external_id=None).pk])
        facts.rebuild()

    anew = read(world)
    assert {name: anew[name] for name in before if anew[name] != before[name]} == {}
