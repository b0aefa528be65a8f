"""Alerts: each day once, after it is over; one message a person; silence; who has seen to it."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone

from analytics import facts
from analytics.alerts import checks, notices
from analytics.models.alerts import Alert, AlertNotice, AlertRecipient, AlertRule
from analytics.models.goals import Target
from contacts import orders
from contacts.models import Contact
from tenants.models import DueTenant, Staff
from tests.conftest import Business
from tests.wechat_fixtures import WeChat

DAY = timedelta(days=1)


def yesterday(business: Business) -> date:
    with business.scope():
        return checks.last_whole_day(timezone.now())


def sell(business: Business, day: date, *amounts: int) -> None:
    with business.scope():
        contact = Contact.objects.get_or_create(external_id="buyer")[0]
        noon = datetime.combine(day, time(12), tzinfo=business.tenant.tz)
        orders.upsert(
            [
                orders.Row(
                    order_id=f"{day}-{n}", contact_id=contact.pk, amount_fen=fen, paid_at=noon,
                    status="paid",
                )
                for n, fen in enumerate(amounts)
            ]
        )  # fmt: skip


def slump(business: Business) -> date:
    """Eight weeks of 100 a day, and yesterday nothing."""
    day = yesterday(business)
    for n in range(1, 57):
        sell(business, day - n * DAY, 10_000)
    return day


def watch(business: Business, *staff: str, **rule: Any) -> AlertRule:
    """A rule that was made the day before yesterday."""
    with business.scope():
        made = AlertRule.objects.create(**({"metric": "revenue", "kind": "off"} | rule))
        for userid in staff:
            AlertRecipient.objects.create(rule=made, staff=Staff.objects.get(userid=userid))
        checks.begin(made)
        AlertRule.objects.update(checked_through=checks.last_whole_day(timezone.now()) - DAY)
    return made


def found(business: Business) -> list[tuple[str, date, Decimal, Decimal]]:
    with business.scope():
        rows = Alert.objects.order_by("metric", "day")
        return [(row.metric, row.day, row.value, row.expected) for row in rows]


def test_an_off_day_is_found_once(business: Business) -> None:
    day = slump(business)
    watch(business)
    watch(business, metric="orders")
    watch(business, metric="deletes")

    for _ in range(2):
        notices.check_and_tell(business.pk)

    assert found(business) == [
        ("orders", day, Decimal(0), Decimal(1)),
        ("revenue", day, Decimal(0), Decimal(100)),
    ]
    with business.scope():
        assert Alert.objects.get(metric="revenue").steps == ["orders"]
        # The next day is looked at when it is over.
        due = checks.next_due()
        assert due is not None and due > timezone.now()
        assert due.astimezone(business.tenant.tz).time() == time(0, 30)
    assert DueTenant.objects.filter(tenant=business.tenant, queue=checks.QUEUE).exists()


@pytest.mark.parametrize(("direction", "number"), [("any", 1), ("low", 1), ("high", 0)])
def test_only_the_wanted_direction(business: Business, direction: str, number: int) -> None:
    slump(business)
    watch(business, direction=direction)

    notices.check_and_tell(business.pk)

    assert len(found(business)) == number


def test_a_new_rule_does_not_look_back(business: Business) -> None:
    slump(business)
    with business.scope():
        checks.begin(AlertRule.objects.create(metric="revenue", kind="off"))

    notices.check_and_tell(business.pk)

    assert found(business) == []


def test_days_without_a_worker_are_caught_up(business: Business) -> None:
    day = slump(business)
    sell(business, day - 2 * DAY, 90_000)
    watch(business)
    with business.scope():
        AlertRule.objects.update(checked_through=day - 30 * DAY)

    notices.check_and_tell(business.pk)

    assert [row[1] for row in found(business)] == [day - 2 * DAY, day]


def pace_alerts(business: Business, through: date) -> list[date]:
    """The rules held against all days up to this one, as a worker does night after night."""
    with business.scope():
        facts.catch_up()
        days = [through - n * DAY for n in range(27, -1, -1)]
        for day in days:
            rules = list(AlertRule.objects.all())
            Alert.objects.bulk_create(checks._alerts(rules, [day]), ignore_conflicts=True)
            AlertRule.objects.update(checked_through=day)
        return list(Alert.objects.order_by("day").values_list("day", flat=True))


def test_a_slow_pace_is_said_once_a_week(business: Business) -> None:
    with business.scope():
        Target.objects.create(metric="orders", month=date(2026, 2, 1), value=28)
    for day in range(1, 16):  # one a day, as aimed at, and then no more
        sell(business, date(2026, 2, day), 100)
    rule = watch(business, metric="orders", kind="pace", pace_below=90)
    with business.scope():
        AlertRule.objects.filter(pk=rule.pk).update(checked_through=date(2026, 1, 31))

    # 15 of 16 is a pace of 94 %, 15 of 17 one of 88 %
    assert pace_alerts(business, date(2026, 2, 28)) == [date(2026, 2, 17), date(2026, 2, 24)]
    assert found(business)[0][2:] == (Decimal(15), Decimal(17))


def test_one_message_a_person_however_many_alerts(wechat: WeChat) -> None:
    wechat.join("amy", "Amy")
    wechat.join("bob", "Bob")
    business = wechat.business
    day = slump(business)
    watch(business, "amy", "bob")
    watch(business, "amy", metric="orders")

    notices.check_and_tell(business.pk)
    with business.scope():
        due = AlertNotice.objects.values_list("due_at", flat=True).distinct().get()
        assert due <= timezone.now() or due.astimezone(business.tenant.tz).time() == time(8)
        AlertNotice.objects.update(due_at=timezone.now())
    for _ in range(2):
        notices.work(business.pk)
        notices.check_and_tell(business.pk)

    assert len(wechat.calls("message/send")) == 2
    with business.scope():
        assert set(AlertNotice.objects.values_list("state", flat=True)) == {"sent"}
        amy = AlertNotice.objects.filter(recipient__userid="amy").first()
        text = str(amy.request["text"])  # type: ignore[union-attr,index]
    assert text.count(day.isoformat()) == 2
    assert "¥100.00" in text


def test_a_lost_answer_is_repeated_with_the_same_bytes(wechat: WeChat) -> None:
    wechat.join("amy", "Amy")
    slump(wechat.business)
    watch(wechat.business, "amy")
    wechat.fault("reset_after", path="message/send", first=1)
    notices.check_and_tell(wechat.business.pk)
    for _ in range(2):
        with wechat.business.scope():
            AlertNotice.objects.update(due_at=timezone.now())
            AlertNotice.objects.exclude(lease_until=None).update(lease_until=timezone.now())
        notices.work(wechat.business.pk)

    assert len({str(call.get("body")) for call in wechat.calls("message/send")}) == 1
    with wechat.business.scope():
        assert AlertNotice.objects.get().state == "sent"


def test_silence_lists_and_tells_nobody(business: Business) -> None:
    slump(business)
    rule = watch(business, "sales1")
    until = timezone.now().astimezone(business.tenant.tz).date() + DAY
    api = business.api()
    with business.scope():
        listed = api.get("/api/v1/alert-rules").json()["results"]
    address = f"/api/v1/alert-rules/{listed[0]['id']}/snooze"

    assert api.post(address, {"until": "2020-01-01"}, format="json").status_code == 400
    answer = api.post(address, {"until": until.isoformat()}, format="json")
    assert answer.json()["snoozed_until"] == until.isoformat()
    notices.check_and_tell(business.pk)

    with business.scope():
        assert Alert.objects.get(rule=rule).silent
        assert not AlertNotice.objects.exists()


def test_what_was_seen_to_is_not_told(business: Business) -> None:
    slump(business)
    watch(business, "sales1")
    notices.check_and_tell(business.pk)
    api = business.api()
    with business.scope():
        AlertNotice.objects.update(state="waiting", due_at=timezone.now() - DAY, problem="")

    alert = api.get("/api/v1/alerts", {"state": "open"}).json()["results"][0]
    assert (alert["metric"], alert["value"], alert["expected"]) == (
        "revenue", "0.000000", "100.000000",
    )  # fmt: skip
    done = api.post(f"/api/v1/alerts/{alert['id']}/acknowledge", {}, format="json")
    assert done.json()["state"] == "acknowledged"
    notices.work(business.pk)

    with business.scope():
        assert AlertNotice.objects.get().state == "list"
        assert AlertNotice.objects.get().message is None


def test_rules_over_http(business: Business) -> None:
    api = business.api()
    staff = api.get("/api/v1/staff", {"userid": "sales1"}).json()["results"][0]["id"]
    body = {"metric": "revenue", "kind": "off", "recipients": [staff]}

    made = api.post("/api/v1/alert-rules", body, format="json")
    assert made.status_code == 201, made.content
    assert made.json()["recipients"] == [staff]
    assert api.post("/api/v1/alert-rules", body, format="json").status_code == 409
    wrong = api.post("/api/v1/alert-rules", {"metric": "aov", "kind": "off"}, format="json")
    assert list(wrong.json()["error"]["fields"]) == ["metric"]
    changed = api.patch(
        f"/api/v1/alert-rules/{made.json()['id']}", {"recipients": []}, format="json"
    )
    assert changed.json()["recipients"] == []
    with business.scope():
        assert AlertRule.objects.get().checked_through == checks.last_whole_day(timezone.now())


def test_the_pages(business: Business) -> None:
    slump(business)
    browser = business.browser("operator")
    form = {
        "metric": "revenue", "kind": "off", "direction": "low", "pace_below": "90", "active": "on",
        "told-TOTAL_FORMS": "1", "told-INITIAL_FORMS": "0",
        "told-0-staff": str(business.staff["sales"].pk),
    }  # fmt: skip
    assert browser.post("/admin/analytics/alertrule/add/", form).status_code == 302
    with business.scope():
        AlertRule.objects.update(checked_through=checks.last_whole_day(timezone.now()) - DAY)
    notices.check_and_tell(business.pk)

    page = browser.get("/admin/analytics/alert/").content.decode()
    assert "usual is ¥100.00" in page
    with business.scope():
        pk = Alert.objects.get().pk
    path = reverse("admin:analytics_alert_acknowledge", args=[pk])
    assert browser.post(path, {"confirmed": "on"}).status_code == 302
    with business.scope():
        row = Alert.objects.get()
        assert (row.state, row.acknowledged_by) == ("acknowledged", business.users["operator"])
