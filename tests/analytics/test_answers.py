"""What the report endpoints refuse, what they answer when there is nothing, and to whom."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from analytics import facts
from analytics.pages import files
from analytics.pages import value as pages
from analytics.value import Report, Row
from contacts import changes, orders, timeline
from contacts.models import Channel, Contact, Cost
from contacts.timeline import NewEvent
from tenants.roles import Role
from tests.conftest import Business

FUNNEL, VALUE = "/api/v1/reports/funnel", "/api/v1/reports/value"
NOW = datetime.now(UTC).replace(microsecond=0)


def customer(name: str, days_ago: int, channel: Channel | None = None) -> Contact:
    contact = Contact.objects.create(external_id=name, name="李", channel=channel)
    at = NOW - timedelta(days=days_ago)
    timeline.record([NewEvent(contact.pk, "follow.opened", at, "test", name, {"staff": "g1"})])
    return contact


def order(contact: Contact, number: str, days_ago: int, fen: int = 10_000) -> None:
    paid_at = NOW - timedelta(days=days_ago)
    orders.upsert([orders.Row(number, contact.pk, fen, paid_at, 4_000, "paid")])


@pytest.mark.parametrize(
    ("path", "given", "field"),
    [
        (FUNNEL, {"from": "2026-02-01", "to": "2026-02-01"}, "from"),
        (FUNNEL, {"from": "2026-13-01"}, "from"),
        (FUNNEL, {"to": "20260101"}, "to"),
        (VALUE, {"to": "9999-12-31"}, "to"),
        (VALUE, {"as_of": "yesterday"}, "as_of"),
        (VALUE, {"group": "week"}, "group"),
        (FUNNEL, {"mode": "all"}, "mode"),
        (FUNNEL, {"group": "month"}, "group"),
        (VALUE, {"mode": "cohort"}, "mode"),
        (VALUE, {"channel": "nowhere"}, "channel"),
        (VALUE, {"staff": "nobody"}, "staff"),
        (VALUE, {"team": "none"}, "team"),
        (VALUE, {"chanel": "x"}, "chanel"),
    ],
)
def test_what_means_nothing_is_refused_by_name(
    business: Business, path: str, given: dict[str, str], field: str
) -> None:
    response = business.api().get(path, given)

    assert response.status_code == 400
    assert list(response.json()["error"]["fields"]) == [field]


def test_another_tenants_channel_is_as_unknown(
    business: Business, other_business: Business
) -> None:
    with other_business.scope():
        Channel.objects.create(name="Theirs")

    assert business.api().get(VALUE, {"channel": "Theirs"}).status_code == 400


def test_an_empty_tenant_has_stages_and_months_but_no_figures(business: Business) -> None:
    stages = business.api().get(FUNNEL).json()["stages"]
    months = business.api().get(VALUE, {"group": "month"}).json()["rows"]

    assert [stage["key"] for stage in stages] == [
        "visitor", "prospect", "profiled", "intent", "pending", "won",
    ]  # fmt: skip
    assert {stage["reached"] for stage in stages} == {0}
    assert {stage["rate_from_previous"] for stage in stages} == {None}
    assert len(months) == 12
    assert months[0] | {"group": ""} == {
        "group": "",
        "cost": "0.00",
        "new_contacts": 0,
        "new_customers": 0,
        "cost_per_contact": None,
        "cac": None,
        "cac_cohort": None,
        "ltv": dict.fromkeys(["30", "60", "90", "180", "365"]),
        "ltv_referral": dict.fromkeys(["30", "60", "90", "180", "365"]),
        "ltv_cac": None,
        "ltv_cac_days": None,
        "payback_days": None,
    }
    assert business.api().get(VALUE).json()["rows"] == []


def test_a_worked_example(business: Business) -> None:
    with business.scope():
        channel = Channel.objects.create(name="Douyin")
        first, second = customer("a", 100, channel), customer("b", 100, channel)
        customer("c", 100, channel)
        order(first, "1", 95)
        order(first, "2", 60)
        order(second, "3", 40)
        day = (NOW - timedelta(days=99)).date()
        Cost.objects.create(date=day, channel=channel, kind="ad", amount_fen=12_001)
    start = (NOW - timedelta(days=102)).date().isoformat()

    (row,) = business.api().get(VALUE, {"from": start}).json()["rows"]

    assert row["group"] == "Douyin"
    assert (row["cost"], row["new_contacts"], row["new_customers"]) == ("120.01", 3, 2)
    assert (row["cost_per_contact"], row["cac"], row["cac_cohort"]) == ("40.00", "60.01", "60.01")
    assert row["ltv"] == {"30": "60.00", "60": "120.00", "90": "120.00", "180": None, "365": None}
    assert row["ltv_cac"] == pytest.approx(12000 / 6000.5, abs=1e-9)
    assert (row["ltv_cac_days"], row["payback_days"]) == (90, 35)


def test_a_refund_restates_the_past_and_a_cancelled_order_never_was(business: Business) -> None:
    with business.scope():
        contact = customer("a", 50)
        order(contact, "1", 40)
        order(contact, "2", 20)

    def ltv() -> Any:
        (row,) = business.api().get(VALUE).json()["rows"]
        return row["new_customers"], row["ltv"]["30"]

    assert ltv() == (1, "120.00")
    with business.scope():
        orders.upsert([orders.Row("2", contact.pk, 10_000, refunded_fen=2_500)])
    assert ltv() == (1, "95.00")
    with business.scope():
        orders.upsert([orders.Row("1", contact.pk, 10_000, status="cancelled")])
    assert ltv() == (1, None)  # first paid 20 days ago now
    with business.scope():
        orders.upsert([orders.Row("2", contact.pk, 10_000, status="refunded", refunded_fen=10_000)])
    assert ltv() == (0, None)


@pytest.mark.parametrize(("role", "status"), [(Role.VIEWER, 200), (Role.SALES, 403)])
def test_figures_need_the_ability(business: Business, role: str, status: int) -> None:
    assert business.as_role(role).get(VALUE).status_code == status
    assert business.as_role(role).get("/dashboards/value/").status_code == status
    assert business.as_role(role).get("/dashboards/funnel/").status_code == status


def test_a_deleted_channel_is_no_channel(business: Business) -> None:
    with business.scope():
        channel = Channel.objects.create(name="Short-lived")
        customer("a", 10, channel)
        customer("b", 10)
        facts.catch_up()
        channel.delete()

    (row,) = business.api().get(VALUE).json()["rows"]

    assert (row["group"], row["new_contacts"]) == (None, 2)


def test_a_deleted_contact_leaves_the_figures(business: Business) -> None:
    with business.scope():
        kept, gone = customer("a", 10), customer("b", 10)
        facts.catch_up()
        contact_id = gone.pk
        Contact.objects.filter(pk=kept.pk).update(name="张")
        changes.note([contact_id])
        facts.catch_up()
        assert facts.prove() == []


def test_the_file_cannot_run_formulas_and_losses_stay_numbers() -> None:
    row = Row(1, "=cmd()", 100, 1, 1, 1)
    row.ltv = dict.fromkeys((30, 60, 90, 180, 365))
    row.ltv[30] = row.ltv_referral[30] = -2500  # type: ignore[assignment]
    row.ltv_referral = dict(row.ltv)

    look = pages.Look("CNY", "channel", 30)
    lines = (
        files.as_csv(pages.whole_value(Report([row], row), look), "x").content.decode().splitlines()
    )

    assert lines[0].startswith("\ufeff")
    assert lines[1].startswith("'=cmd(),1.00,1,1,1.00,1.00,1.00,-25.00,")


def test_dashboards_show_the_figures_of_the_api(business: Business) -> None:
    with business.scope():
        channel = Channel.objects.create(name="<Douyin>")
        order(customer("a", 50, channel), "1", 40)
    browser = business.as_role(Role.VIEWER)
    browser.cookies["scrm_language"] = "en"

    page = browser.get("/dashboards/value/?days=30").content.decode()
    funnel = browser.get("/dashboards/funnel/").content.decode()
    file = browser.get("/dashboards/value/?export=csv")
    wrong = browser.get("/dashboards/funnel/?from=x&through=y&channel=z")

    assert "&lt;Douyin&gt;" in page and "<Douyin>" not in page
    assert "¥60.00" in page and "As of" in page and "unfold/js/chart/chart.js" in page
    assert "onclick" not in page and "<script>" not in page
    assert "Won" in funnel and "100.0%" in funnel
    assert file["Content-Type"] == "text/csv; charset=utf-8"
    assert len(file.content.decode().splitlines()) == 2
    assert wrong.status_code == 200
    assert wrong.content.decode().count("Write a date") == 2
    for path in ("/dashboards/value/", "/dashboards/funnel/?mode=snapshot"):
        assert business.as_role(Role.OWNER).get(path).status_code == 200


def test_contacts_show_life_cycle_and_ownership(business: Business) -> None:
    with business.scope():
        for name, days in (("prospect", 50), ("new", 50), ("repeat", 300), ("lapsed", 300)):
            customer(name, days)
        of = {c.external_id: c for c in Contact.objects.all()}
        order(of["new"], "1", 5)
        order(of["repeat"], "2", 40)
        order(of["repeat"], "3", 5)
        order(of["lapsed"], "4", 200)
        for name in ("new", "prospect"):
            at = NOW - timedelta(days=3)
            timeline.record([NewEvent(of[name].pk, "message.received", at, "test", f"m{name}")])
        timeline.drain_all()

    rows = business.api().get("/api/v1/contacts").json()["results"]
    shown = {r["external_id"]: (r["lifecycle"], r["ownership"], r["p_alive"]) for r in rows}

    assert shown == {
        "prospect": ("prospect", "L2", None),
        "new": ("new", "L3", None),
        "repeat": ("repeat", "L1", None),
        "lapsed": ("lapsed", "L1", None),
    }
    for field, value, wanted in (
        ("lifecycle", "prospect", {"prospect"}),
        ("lifecycle", "new", {"new"}),
        ("lifecycle", "repeat", {"repeat"}),
        ("lifecycle", "lapsed", {"lapsed"}),
        ("ownership", "L1", {"repeat", "lapsed"}),
        ("ownership", "L2", {"prospect"}),
        ("ownership", "L3", {"new"}),
    ):
        found = business.api().get("/api/v1/contacts", {field: value}).json()["results"]
        assert {row["external_id"] for row in found} == wanted, (field, value)
