"""A scheduled report by webhook: a real receiver is told, and fetches the file with its key."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.utils import timezone

from analytics.models.sharing import ReportDelivery, ReportSchedule, ReportView
from analytics.sharing import deliveries, occurrences, views
from contacts import orders
from contacts.models import Channel, Contact
from tenants import ids
from tenants.auth import make_key
from tenants.models import AuditEntry, WebhookEndpoint
from tenants.webhooks import delivering, emitting
from tests.analytics.test_sharing_sent import schedule_of, view_of
from tests.conftest import Business
from tests.tenants.webhooks.receiver import Receiver

DELIVERIES = "/api/v1/report-deliveries"
ONLY = {"by_app": False, "by_email": False, "by_webhook": True}


@pytest.fixture(autouse=True)
def _nobody_asked_yet() -> None:
    emitting._wanted.clear()


@pytest.fixture
def receiver(business: Business) -> Iterator[Receiver]:
    """A system that is told of reports."""
    server = Receiver()
    listen(business, server.url)
    yield server
    server.close()


def listen(business: Business, url: str) -> str:
    body = {"url": url, "types": ["report.due"]}
    answer = business.api().post("/api/v1/webhooks", body)
    assert answer.status_code == 201, answer.content
    return str(answer.json()["id"])


def due(business: Business, view: ReportView | None = None, **columns: Any) -> ReportSchedule:
    return schedule_of(business, view or view_of(business), **ONLY | columns)


def work(business: Business) -> None:
    deliveries.work(business.pk)
    delivering.work(business.pk)


def told(receiver: Receiver) -> list[dict[str, Any]]:
    return [json.loads(message.body)["data"] for message in receiver.messages]


def listed(business: Business) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = business.api().get(DELIVERIES).json()["results"]
    return found


def key(business: Business, *scopes: str) -> str:
    with business.scope():
        return make_key("reports", scopes)[1]


def fetch(business: Business, url: str, role: str | None = None, **headers: str) -> Any:
    assert url.startswith(settings.BASE_URL)
    api = business.as_role(role) if role else business.api(key(business, "report"))
    return api.get(urlsplit(url).path, headers=headers)


def on_the_page(business: Business, schedule: ReportSchedule) -> bytes:
    """The file that a member gets from the page of the same day."""
    browser = business.browser("viewer", "zh-hans")
    with business.scope():
        slot = schedule.runs.get().slot.astimezone(business.tenant.tz)
    shared = f"/dashboards/shared/{ids.encode(schedule.view_id)}/?on={slot:%Y-%m-%d}"
    file: bytes = browser.get(f"{browser.get(shared)['Location']}&export=csv").content
    return file


def test_a_system_is_told_and_fetches_the_file_with_its_key(
    business: Business, receiver: Receiver
) -> None:
    schedule = due(business)

    work(business)
    work(business)

    (about,) = told(receiver)
    (row,) = listed(business)
    assert about == {
        "schedule": ids.encode(schedule.pk),
        "view": ids.encode(schedule.view_id),
        "slot": about["slot"],
        "delivery": row["id"],
        "file": f"{settings.BASE_URL}{DELIVERIES}/{row['id']}/file",
    }
    assert (row["way"], row["state"], row["member"]) == ("webhook", "sent", None)
    file = fetch(business, about["file"], accept="text/csv")
    assert (file.status_code, file["Content-Type"]) == (200, "text/csv; charset=utf-8")
    assert file.content == on_the_page(business, schedule)
    assert "Street" in file.content.decode()
    with business.scope():
        entry = AuditEntry.objects.get(action="report_delivery.downloaded")
        assert entry.api_key is not None


def test_what_happens_later_changes_no_file(business: Business, receiver: Receiver) -> None:
    due(business, view_of(business, period="last_7_days"))
    work(business)
    (about,) = told(receiver)
    first = fetch(business, about["file"]).content
    with business.scope():
        late = Contact.objects.create(external_id="late", channel=Channel.objects.get())
        orders.upsert([orders.Row("late", late.pk, 5_000, timezone.now(), None, "paid")])
    assert fetch(business, about["file"]).content == first


def test_who_may_fetch_it(business: Business, other_business: Business, receiver: Receiver) -> None:
    due(business, attachment="xlsx")
    work(business)
    (about,) = told(receiver)

    spreadsheet = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    sheet = fetch(business, about["file"], "viewer", accept=spreadsheet)
    assert sheet.status_code == 200 and sheet.content[:2] == b"PK"
    assert fetch(business, about["file"], "sales").status_code == 403
    assert business.api(key(business, "read")).get(urlsplit(about["file"]).path).status_code == 403
    assert fetch(other_business, about["file"]).status_code == 404


def test_every_dashboard_can_be_fetched(business: Business, receiver: Receiver) -> None:
    view = view_of(business, period="last_7_days")
    schedule = due(business, view)
    for page in views.pages():
        with business.scope():
            ReportView.objects.filter(pk=view.pk).update(page=page)
            occurrences.send_now(schedule)
        work(business)
        answer = fetch(business, told(receiver)[-1]["file"])
        assert (answer.status_code, len(answer.content) > 10) == (200, True), page
    assert len({each["file"] for each in told(receiver)}) == len(views.pages()) + 1


def test_nobody_listens_any_more(business: Business, receiver: Receiver) -> None:
    due(business)
    with business.scope():
        WebhookEndpoint.objects.update(enabled=False)
        emitting.forget()

    work(business)
    (row,) = listed(business)
    assert (row["state"], "report.due" in row["problem"]) == ("failed", True)
    again = f"{DELIVERIES}/{row['id']}/again"
    refused = business.api().post(again)
    assert (refused.status_code, "report.due" in refused.content.decode()) == (409, True)

    with business.scope():
        WebhookEndpoint.objects.update(enabled=True)
        emitting.forget()
    assert business.api().post(again).json()["state"] == "sent"
    work(business)
    (about,) = told(receiver)
    assert about["delivery"] == row["id"]
    assert fetch(business, about["file"]).status_code == 200
    assert business.api().post(again).status_code == 409


def test_a_report_that_cannot_be_made_says_why(business: Business, receiver: Receiver) -> None:
    due(business, view_of(business, query={"channel": "Street"}))
    work(business)
    (about,) = told(receiver)
    with business.scope():
        Channel.objects.update(name="Road")
    gone = fetch(business, about["file"])
    assert (gone.status_code, gone.json()["error"]["code"]) == (409, "conflict")
    with business.scope():
        ReportView.objects.update(shared=False)
    assert fetch(business, about["file"]).status_code == 404


def test_a_view_that_became_private_is_told_of_no_more(
    business: Business, receiver: Receiver
) -> None:
    due(business)
    with business.scope():
        ReportView.objects.update(shared=False)
    work(business)
    assert [set(each) for each in told(receiver)] == [{"schedule", "view", "slot"}]
    with business.scope():
        row = ReportDelivery.objects.get()
        assert (row.state, row.problem) == ("failed", "private")


def test_both_ways_at_once(business: Business, receiver: Receiver) -> None:
    schedule_of(business, view_of(business), "owner", by_webhook=True)
    work(business)
    assert sorted((row["way"], row["state"]) for row in listed(business)) == [
        ("email", "sent"), ("webhook", "sent"),
    ]  # fmt: skip
    mail = next(row for row in listed(business) if row["way"] == "email")
    assert business.api().get(f"{DELIVERIES}/{mail['id']}/file").status_code == 404


def test_what_the_api_refuses(business: Business) -> None:
    api, view = business.api(), view_of(business)
    body = {"view": ids.encode(view.pk), "every": "day", **ONLY}

    def refused(**more: object) -> set[str]:
        answer = api.post("/api/v1/report-schedules", body | more)
        assert answer.status_code == 400, answer.content
        return set(answer.json()["error"]["fields"])

    assert refused() == {"by_webhook"}
    assert refused(by_webhook=False) == {"by_app"}
    endpoint = listen(business, "https://example.com/")
    assert refused(attachment="none") == {"attachment"}
    made = api.post("/api/v1/report-schedules", body)
    assert (made.status_code, made.json()["by_webhook"], made.json()["recipients"]) == (
        201, True, [],
    )  # fmt: skip
    api.patch(f"/api/v1/webhooks/{endpoint}", {"enabled": False})
    path = f"/api/v1/report-schedules/{made.json()['id']}"
    assert api.patch(path, {"hour": 9}).status_code == 400
    assert api.patch(path, {"active": False}).status_code == 200
    assert api.patch(path, {"active": True}).status_code == 400


def test_on_the_page(business: Business, receiver: Receiver) -> None:
    browser, view = business.browser("operator"), view_of(business)
    with business.scope():
        mine = ReportView.objects.create(
            name="Mine", page="value", period="yesterday", shared=False,
            owner=business.users["operator"],
        )  # fmt: skip
    given = {
        "view": view.pk, "every": "day", "weekday": 1, "day": 1, "hour": 8, "by_webhook": "on",
        "attachment": "csv", "active": "on", "told-TOTAL_FORMS": 0, "told-INITIAL_FORMS": 0,
    }  # fmt: skip
    add = "/admin/analytics/reportschedule/add/"
    private = browser.post(add, given | {"view": mine.pk}).content.decode()
    assert "No API key opens a view that is only for its owner" in private
    assert browser.post(add, given).status_code == 302
    with business.scope():
        schedule = ReportSchedule.objects.get()
    now = f"/admin/analytics/reportschedule/{schedule.pk}/send_now/"
    assert browser.post(now, {"confirmed": "on"}).status_code == 302
    work(business)
    assert len(told(receiver)) == 1
    page = browser.get("/admin/analytics/reportdelivery/").content.decode()
    assert "webhook" in page.lower()
    assert "webhooks" in browser.get("/admin/analytics/reportschedule/").content.decode()
