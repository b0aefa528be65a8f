"""Plans by one click: holidays, templates, their pages and the form of the admin."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

from django.utils import timezone

from analytics.models.plans import Plan
from analytics.plans import holidays
from contacts import orders
from contacts.models import Contact
from journeys.models import Sop
from tenants import ids
from tenants.models import AuditEntry
from tests.analytics.plan_ground import PLANS, progress_of, shop
from tests.analytics.reference_plans import DAY
from tests.conftest import Business

__all__ = ["shop"]


# --- holidays ---


def test_days_of_the_moon_and_of_the_sun() -> None:
    """From the calendar tables of the Hong Kong Observatory."""
    days = {
        2024: ["2024-02-10", "2024-04-04", "2024-06-10", "2024-08-10", "2024-09-17"],
        2025: ["2025-01-29", "2025-04-04", "2025-05-31", "2025-08-29", "2025-10-06"],
        2026: ["2026-02-17", "2026-04-05", "2026-06-19", "2026-08-19", "2026-09-25"],
        2027: ["2027-02-06", "2027-04-05", "2027-06-09", "2027-08-08", "2027-09-15"],
    }
    names = ("spring_festival", "qingming", "dragon_boat", "qixi", "mid_autumn")
    for year, wanted in days.items():
        found = [holidays.named(f"{name}-{year}") for name in names]
        assert [f"{each.day}" for each in found if each] == wanted


def test_a_year_of_holidays_has_each_once() -> None:
    for today in (date(2026, 1, 1), date(2026, 6, 18), date(2026, 11, 23), date(2028, 2, 29)):
        coming = holidays.coming(today)
        missing = {each.key for each in holidays.HOLIDAYS} - {each.holiday.key for each in coming}
        assert missing <= {"spring_festival", "dragon_boat", "qixi", "mid_autumn"}  # 355 days
        assert len({each.key for each in coming}) == len(coming)
        assert coming[0].day >= today
        assert [each.day for each in coming] == sorted(each.day for each in coming)
    assert holidays.named("double_11-2026") == holidays.coming(date(2026, 11, 11))[0]
    assert [holidays.named(key) for key in ("", "luck-2026", "618", "618-99999", "618-²")] == (
        [None] * 5
    )


def test_a_holiday_is_compared_with_that_of_the_year_before(shop: Business) -> None:
    with shop.scope():
        contact = Contact.objects.get(external_id="a")
        paid = datetime(2025, 1, 29, 8, tzinfo=shop.tenant.tz)  # Spring Festival 2025
        row = orders.Row(
            order_id="old", contact_id=contact.pk, amount_fen=70_000, paid_at=paid, status="paid"
        )
        early = orders.Row(
            order_id="older", contact_id=contact.pk, amount_fen=1, status="paid",
            paid_at=datetime(2024, 12, 1, tzinfo=UTC),
        )  # fmt: skip
        orders.upsert([row, early])
        plan = Plan.objects.create(
            name="Spring Festival", kind="holiday", metric="revenue", target=Decimal(1),
            starts_on=date(2026, 2, 17), ends_on=date(2026, 2, 18),
            occasion="spring_festival-2026",
        )  # fmt: skip

    found = progress_of(shop, {"id": ids.encode(plan.pk)}, "2026-03-01")

    assert found["year_before"] == {
        "from": "2025-01-29", "to": "2025-01-31", "value": "700.00", "so_far": "700.00",
    }  # fmt: skip


# --- by one click ---


def test_plans_from_templates(shop: Business) -> None:
    api = shop.api()
    body = {"kind": "ninety_days", "starts_on": f"{timezone.localdate()}"}

    ninety = api.post(f"{PLANS}/from-template", body, format="json")
    assert ninety.status_code == 201, ninety.content
    plan = ninety.json()
    assert (plan["kind"], plan["metric"], plan["state"]) == ("ninety_days", "revenue", "running")
    days = date.fromisoformat(plan["ends_on"]) - date.fromisoformat(plan["starts_on"])
    assert days.days == 89
    assert [phase["metric"] for phase in plan["phases"] if phase["last_day"] == 30] == [
        "new_contacts", "delete_rate", "interaction_rate",
    ]  # fmt: skip
    with shop.scope():
        Sop.objects.create(name="Hello", status="active")
        Sop.objects.create(name="Draft")
    new = api.post(f"{PLANS}/from-template", {"kind": "new_customer"}, format="json").json()
    with shop.scope():
        assert new["sops"] == [ids.encode(Sop.objects.get(name="Hello").pk)]
    assert progress_of(shop, new)["aim"]["metric"] == "new_customers"


def test_goals_of_a_click_are_a_tenth_better_than_what_was(business: Business) -> None:
    today = timezone.now().astimezone(business.tenant.tz).date()
    with business.scope():
        a, b = (Contact.objects.create(external_id=name) for name in "ab")
        noon = {
            n: datetime(*(today - DAY * n).timetuple()[:3], 12, tzinfo=business.tenant.tz)
            for n in (20, 100)
        }
        rows = [
            orders.Row(
                order_id=f"{n}", contact_id=who.pk, amount_fen=100_001, paid_at=noon[n],
                status="paid",
            )
            for who, n in ((a, 100), (b, 20))
        ]  # fmt: skip
        orders.upsert(rows)

    new = business.api().post(f"{PLANS}/from-template", {"kind": "new_customer"}, format="json")
    ninety = business.api().post(f"{PLANS}/from-template", {"kind": "ninety_days"}, format="json")

    assert new.json()["target"] == "2.000000"  # one new customer in thirty days, 1.1 upwards
    assert ninety.json()["target"] == "1101.000000"  # 1,000.01 × 1.1 upwards
    phases = {(p["first_day"], p["metric"]): p["target"] for p in ninety.json()["phases"]}
    assert phases[31, "revenue"] == "1101.000000"
    assert phases[61, "repeat_rate"] is None  # nobody bought twice: nothing to better
    assert phases[1, "new_contacts"] is None


def test_a_holiday_is_planned_once(business: Business) -> None:
    api = business.api()
    coming = api.get(f"{PLANS}/holidays").json()["holidays"]
    assert len(coming) in {13, 14, 15}
    assert all(each["plan"] is None for each in coming)
    first = coming[0]
    body = {"kind": "holiday", "occasion": first["occasion"]}

    plan = api.post(f"{PLANS}/from-template", body, format="json").json()
    again = api.post(f"{PLANS}/from-template", body, format="json")

    assert (plan["starts_on"], plan["ends_on"]) == (first["starts_on"], first["ends_on"])
    assert plan["target"] is None
    assert again.status_code == 409
    assert api.get(f"{PLANS}/holidays").json()["holidays"][0]["plan"] == plan["id"]
    for wrong in (
        {"kind": "holiday"}, {"kind": "holiday", "occasion": "luck-2026"}, {"kind": "own"},
        {"kind": "ninety_days", "occasion": first["occasion"]},
        {"kind": "holiday", "occasion": first["occasion"], "starts_on": "2026-01-01"},
        {"kind": "ninety_days", "starts_on": "1900-01-01"},
    ):  # fmt: skip
        refused = api.post(f"{PLANS}/from-template", wrong, format="json")
        assert refused.status_code == 400, wrong


# --- pages ---


def test_the_page_of_plans_makes_them_by_one_click(business: Business) -> None:
    operator, viewer = business.browser("operator"), business.browser("viewer")
    assert operator.post("/dashboards/plans/", {"kind": "ninety_days"}).status_code == 302
    occasion = holidays.coming(timezone.now().astimezone(business.tenant.tz).date())[0]
    answer = operator.post("/dashboards/plans/", {"kind": "holiday", "occasion": occasion.key})
    page = operator.get(answer["Location"])
    assert page.context["heading"] == occasion.title
    operator.post("/dashboards/plans/", {"kind": "all_holidays"})

    listed = viewer.get("/dashboards/plans/")
    assert all(each["url"] for each in listed.context["calendar"])
    assert len(listed.context["line"]["rows"]) == len(listed.context["calendar"]) + 1
    assert "New-customer plan" not in listed.content.decode()
    assert viewer.post("/dashboards/plans/", {"kind": "ninety_days"}).status_code == 403
    assert business.browser("sales").get("/dashboards/plans/").status_code == 403
    operator.post("/dashboards/plans/", {"kind": "luck"})
    with business.scope():
        assert Plan.objects.count() == len(listed.context["calendar"]) + 1
        assert AuditEntry.objects.filter(action="plan.created").count() == Plan.objects.count()


def test_the_form_of_the_admin_keeps_a_plan(shop: Business) -> None:
    browser = shop.browser("operator")
    with shop.scope():
        sop = Sop.objects.create(name="Greeting")
    form = {
        "name": "Mine", "kind": "own", "metric": "orders", "target": "12",
        "starts_on": "2026-03-01", "ends_on": "2026-03-10", "with_sops": [sop.pk],
        "phases-TOTAL_FORMS": "1", "phases-INITIAL_FORMS": "0", "phases-0-name": "Half",
        "phases-0-first_day": "1", "phases-0-last_day": "11", "phases-0-metric": "orders",
        "phases-0-target": "6",
    }  # fmt: skip

    refused = browser.post("/admin/analytics/plan/add/", form)
    assert refused.status_code == 200
    assert "on day 10" in refused.content.decode()
    saved = browser.post("/admin/analytics/plan/add/", form | {"phases-0-last_day": "5"})
    assert saved.status_code == 302
    with shop.scope():
        plan = Plan.objects.get()
        assert (list(plan.sops.all()), plan.phases.get().last_day) == ([sop], 5)
    cancel = f"/admin/analytics/plan/{plan.pk}/cancel/"
    assert browser.post(cancel, {"confirmed": "on"}).status_code == 302
    with shop.scope():
        assert Plan.objects.get().cancelled_at is not None
