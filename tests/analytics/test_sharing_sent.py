"""Scheduled reports: to each member what they may see, in their language; where it fails, why."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, time, timedelta
from email import message_from_string
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.core import mail as outbox
from django.utils import timezone

from analytics.models.sharing import (
    ReportDelivery,
    ReportRecipient,
    ReportRun,
    ReportSchedule,
    ReportView,
)
from analytics.sharing import deliveries, occurrences, slots, views
from contacts import orders
from contacts.models import Channel, Contact, Product
from contacts.validation import Item
from tenants.models import Membership, Staff, User
from tests.conftest import Business
from tests.smtp import MailServer, mail_server
from tests.wechat_fixtures import WeChat

DAY = timedelta(days=1)


def view_of(business: Business, **columns: Any) -> ReportView:
    """Yesterday's customers by channel: two of Street, 150.00, one of them refunded by half."""
    with business.scope():
        street = Channel.objects.get_or_create(name="Street")[0]
        yesterday = timezone.now().astimezone(business.tenant.tz).date() - DAY
        noon = datetime.combine(yesterday, time(12), tzinfo=business.tenant.tz)
        for n in (1, 2):
            contact = Contact.objects.create(external_id=f"buyer{n}", channel=street)
            row = orders.Row(f"o{n}", contact.pk, 10_000, noon, None, "paid")
            orders.upsert([replace(row, items=(Item("tea", 1),))])
        Product.objects.get_or_create(sku="tea", name="Tea", role="lead_in")
        made = {"name": "Sales", "page": "value", "period": "yesterday"} | columns
        return ReportView.objects.create(**made)


def schedule_of(
    business: Business, view: ReportView, *roles: str, **columns: Any
) -> ReportSchedule:
    """Every day at midnight, so that whenever this runs today's slot is due."""
    with business.scope():
        made = {"view": view, "by_app": False, "by_email": True, "attachment": "csv", "hour": 0}
        made |= columns
        schedule = ReportSchedule.objects.create(**made)
        for role in roles:
            member = Membership.objects.get(user=business.users[role])
            ReportRecipient.objects.create(schedule=schedule, member=member)
        occurrences.plan(schedule)
        last = slots.newest(schedule, timezone.now(), business.tenant.tz)
        ReportSchedule.objects.filter(pk=schedule.pk).update(next_at=last)
    return schedule


def found(business: Business) -> dict[str, tuple[str, str]]:
    """What became of each e-mail or message: role → state, why."""
    with business.scope():
        rows = ReportDelivery.objects.select_related("member").order_by("run__slot")
        return {row.member.role if row.member else "": (row.state, row.problem) for row in rows}


def mails() -> list[Any]:
    return list(getattr(outbox, "outbox", []))


def again_now(business: Business) -> None:
    """What waits for later, or is under a lease, is due."""
    past = timezone.now() - DAY / 24
    with business.scope():
        ReportDelivery.objects.update(due_at=past)
        ReportDelivery.objects.exclude(lease_until=None).update(lease_until=past)
    deliveries.work(business.pk)


# --- e-mail ---


def test_an_e_mail_says_what_its_reader_would_see(business: Business) -> None:
    with business.scope():
        User.objects.filter(pk=business.users["viewer"].pk).update(language="en")
    view = view_of(business)
    schedule_of(business, view, "owner", "viewer")

    deliveries.work(business.pk)

    by_address = {each.to[0]: each for each in mails()}
    english = by_address[business.users["viewer"].email]
    chinese = by_address[business.users["owner"].email]
    yesterday = timezone.now().astimezone(business.tenant.tz).date() - DAY
    assert english.subject == f"Sales: {yesterday} · {business.tenant.name}"
    assert chinese.subject == f"Sales：{yesterday} · {business.tenant.name}"
    assert "New customers: 2" in english.body
    assert "New customers" not in chinese.body and "新成交客户" in chinese.body
    html = str(english.alternatives[0][0])
    assert '<html lang="en">' in html and "New customers" in html
    # The link opens these days, also tomorrow; the file is that of the page.
    link = next(line for line in english.body.splitlines() if line.startswith(settings.BASE_URL))
    browser = business.browser("viewer")
    page = browser.get(link.removeprefix(settings.BASE_URL))["Location"]
    assert f"from={yesterday}&through={yesterday}" in page
    name, content, kind = english.attachments[0]
    assert (name, kind) == ("value-channel.csv", "text/csv")
    assert content == browser.get(f"{page}&export=csv").content.decode()
    assert b"Street" in content.encode()


def test_every_dashboard_can_be_sent(business: Business) -> None:
    view = view_of(business, period="last_7_days")
    schedule = schedule_of(business, view, "viewer", attachment="xlsx")
    for page in views.pages():
        with business.scope():
            ReportView.objects.filter(pk=view.pk).update(page=page)
            occurrences.send_now(schedule)
        deliveries.work(business.pk)
        assert found(business) == {"viewer": ("sent", "")}, page
    by_heading = {each.body.splitlines()[0]: each for each in mails()}
    assert len(by_heading) == len(views.pages())


def test_who_may_not_see_figures_gets_none(business: Business) -> None:
    view = view_of(business)
    schedule_of(business, view, "owner", "admin", "operator", "viewer", "sales")
    with business.scope():
        Membership.objects.filter(role="admin").update(active=False)
        Staff.objects.filter(userid="operator1").update(left_at=timezone.now())
        nowhere = f"wecom-{business.pk}@staff.invalid"
        User.objects.filter(pk=business.users["viewer"].pk).update(email=nowhere)

    deliveries.work(business.pk)

    assert found(business) == {
        "owner": ("sent", ""),
        "admin": ("skipped", "gone"),
        "operator": ("skipped", "left"),
        "viewer": ("skipped", "no_address"),
        "sales": ("skipped", "may_not"),
    }
    assert len(mails()) == 1
    page = business.browser("operator").get("/admin/analytics/reportdelivery/").content.decode()
    assert "may not see these figures" in page


def test_a_private_view_goes_to_its_owner_only(business: Business) -> None:
    view = view_of(business, shared=False, owner=business.users["operator"])
    schedule_of(business, view, "operator", "owner")

    deliveries.work(business.pk)

    assert found(business) == {"operator": ("sent", ""), "owner": ("skipped", "private")}


def test_a_filter_that_is_gone_sends_no_other_figures(business: Business) -> None:
    view = view_of(business, query={"channel": "Street"})
    schedule_of(business, view, "owner")
    with business.scope():
        Channel.objects.update(name="Road")

    deliveries.work(business.pk)

    assert found(business) == {"owner": ("failed", "filters")}
    assert not mails()


# --- a real mail server ---


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[MailServer]:
    with mail_server() as running:
        backend = "django.core.mail.backends.smtp.EmailBackend"
        for name, value in {
            "EMAIL_BACKEND": backend, "EMAIL_HOST": "127.0.0.1", "EMAIL_PORT": running.port,
        }.items():  # fmt: skip
            monkeypatch.setattr(settings, name, value)
        yield running


def test_what_a_mail_server_does(business: Business, server: MailServer) -> None:
    schedule = schedule_of(business, view_of(business), "owner", attachment="xlsx")
    server.answers = ["451 4.7.1 greylisted, try later", ""]

    deliveries.work(business.pk)
    assert found(business) == {"owner": ("waiting", "451 4.7.1 greylisted, try later")}
    deliveries.work(business.pk)
    assert server.arrived == []
    again_now(business)
    assert found(business) == {"owner": ("sent", "")}
    message = message_from_string(server.arrived[0])
    kinds = [part.get_content_type() for part in message.walk() if not part.is_multipart()]
    assert kinds == [
        "text/plain", "text/html",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ]  # fmt: skip
    assert message["Auto-Submitted"] == "auto-generated"

    for answer, became in {
        "550 5.1.1 <someone@example.com> unknown": ("failed", "550 5.1.1 unknown"),
        "drop": ("unknown", "SMTPServerDisconnected"),
    }.items():
        server.answers = [answer]
        with business.scope():
            occurrences.send_now(schedule)
        deliveries.work(business.pk)
        assert found(business) == {"owner": became}
        again_now(business)
        assert found(business) == {"owner": became}
    assert len(server.arrived) == 2


def test_without_a_mail_server_it_is_tried_for_hours(
    business: Business, server: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "EMAIL_PORT", 9)
    schedule_of(business, view_of(business), "owner")

    deliveries.work(business.pk)
    states = [found(business)["owner"]]
    for _ in range(deliveries.ATTEMPTS):
        again_now(business)
        states.append(found(business)["owner"])

    problem = "ConnectionRefusedError"
    assert states[-3:] == [("waiting", problem), ("failed", problem), ("failed", problem)]


# --- by our app ---


def test_an_app_message_has_the_figures_and_the_link(wechat: WeChat) -> None:
    business = wechat.business
    wechat.join("owner1", "Owner")
    view = view_of(business, query={"product_role": "lead_in"})
    schedule_of(business, view, "owner", by_app=True, by_email=False)
    wechat.fault("reset_after", path="message/send", first=1)

    deliveries.work(business.pk)
    assert found(business) == {"owner": ("sending", "Unknown")}
    again_now(business)

    assert found(business) == {"owner": ("sent", "")}
    sent = wechat.calls("message/send")
    assert len(sent) == 2 and len({str(each.get("body")) for each in sent}) == 1
    with business.scope():
        request = ReportDelivery.objects.get().request
    text = str(request["text"])  # type: ignore[index] # any JSON
    assert "新成交客户：2" in text and "买过引流产品" in text
    link = next(line for line in text.splitlines() if line.startswith(settings.BASE_URL))
    assert business.browser("owner").get(urlsplit(link).path).status_code == 302


def test_without_an_app_the_list_says_so(business: Business) -> None:
    schedule_of(business, view_of(business), "owner", by_app=True, by_email=False)

    deliveries.work(business.pk)

    assert found(business) == {"owner": ("failed", "no_agent")}


# --- pause, silence, pages, API ---


def test_silent_and_paused_reports_wait(business: Business) -> None:
    schedule_of(business, view_of(business), "owner", hour=8)
    api = business.api()
    [listed] = api.get("/api/v1/report-schedules").json()["results"]
    address = f"/api/v1/report-schedules/{listed['id']}"
    zone = business.tenant.tz
    until = timezone.now().astimezone(zone).date() + 3 * DAY

    assert api.post(f"{address}/snooze", {"until": "2020-01-01"}, format="json").status_code == 400
    snoozed = api.post(f"{address}/snooze", {"until": str(until)}, format="json").json()
    assert datetime.fromisoformat(snoozed["next_at"]).astimezone(zone) == datetime.combine(
        until, time(8), tzinfo=zone
    )
    deliveries.work(business.pk)
    assert not mails()
    woken = api.post(f"{address}/snooze", {"until": None}, format="json").json()
    assert woken["snoozed_until"] is None
    assert datetime.fromisoformat(woken["next_at"]) < timezone.now() + DAY
    # What was under way when it was paused does not leave; what somebody asks for does.
    with business.scope():
        ReportSchedule.objects.update(next_at=timezone.now() - DAY)
        occurrences.turn()
    assert api.patch(address, {"active": False}, format="json").status_code == 200
    deliveries.work(business.pk)
    assert found(business) == {"owner": ("skipped", "paused")}
    assert api.post(f"{address}/send", {}, format="json").status_code == 200
    deliveries.work(business.pk)
    assert found(business) == {"owner": ("sent", "")}
    told = api.get("/api/v1/report-deliveries", {"schedule": listed["id"]}).json()["results"]
    assert [row["state"] for row in told] == ["sent", "skipped"]


def test_schedules_over_http(business: Business, other_business: Business) -> None:
    api = business.api()
    view_of(business)
    [view] = api.get("/api/v1/report-views").json()["results"]
    listed = api.get("/api/v1/report-readers").json()["results"]
    readers = {row["role"]: row["id"] for row in listed}
    assert set(readers) == {"owner", "admin", "operator", "viewer"}
    body = {"view": view["id"], "every": "week", "weekday": 5, "hour": 9, "by_email": True,
            "recipients": [readers["viewer"]]}  # fmt: skip

    made = api.post("/api/v1/report-schedules", body, format="json")
    assert made.status_code == 201, made.content
    address = f"/api/v1/report-schedules/{made.json()['id']}"
    next_at = datetime.fromisoformat(made.json()["next_at"]).astimezone(business.tenant.tz)
    assert (next_at.isoweekday(), next_at.hour, next_at.minute) == (5, 9, 0)
    assert made.json()["recipients"] == [readers["viewer"]]
    stranger = other_business.api().get("/api/v1/report-readers").json()["results"][0]["id"]
    wrong: dict[str, dict[str, Any]] = {
        "hour": {"hour": 24},
        "weekday": {"weekday": 0},
        "by_app": {"by_app": False, "by_email": False},
        "recipients": {"recipients": [stranger]},
        "view": {"view": "nothing"},
    }
    for field, change in wrong.items():
        answer = api.post("/api/v1/report-schedules", body | change, format="json")
        assert answer.status_code == 400, field
        assert list(answer.json()["error"]["fields"]) == [field]
    assert business.as_role("viewer").get(address).status_code == 200
    assert business.as_role("viewer").delete(address).status_code == 403
    # A view that is sent is not deleted under it.
    assert api.delete(f"/api/v1/report-views/{view['id']}").status_code == 409
    assert api.delete(address).status_code == 204
    assert api.delete(f"/api/v1/report-views/{view['id']}").status_code == 204


def test_the_pages(business: Business) -> None:
    view = view_of(business)
    browser = business.browser("operator")
    with business.scope():
        members = {row.role: row.pk for row in Membership.objects.all()}
    page = browser.get(f"/admin/analytics/reportschedule/add/?view={view.pk}").content.decode()
    assert f'<option value="{view.pk}" selected>Sales</option>' in page
    assert "Owner · Owner" in page and "Sales · Sales" not in page
    form = {
        "view": str(view.pk), "every": "day", "weekday": "1", "day": "1", "hour": "7",
        "by_email": "on", "attachment": "none", "active": "on",
        "told-TOTAL_FORMS": "1", "told-INITIAL_FORMS": "0", "told-0-member": str(members["owner"]),
    }  # fmt: skip

    assert browser.post("/admin/analytics/reportschedule/add/", form).status_code == 302
    with business.scope():
        row = ReportSchedule.objects.get()
        assert row.next_at is not None
        assert row.next_at.astimezone(business.tenant.tz).time() == time(7)
    address = f"/admin/analytics/reportschedule/{row.pk}/send_now/"
    assert browser.post(address, {"confirmed": "on"}).status_code == 302
    deliveries.work(business.pk)
    assert [each.to for each in mails()] == [[business.users["owner"].email]]
    none = browser.post("/admin/analytics/reportschedule/add/", form | {"by_email": ""})
    assert "Choose at least one way." in none.content.decode()


def test_another_business_gets_nothing(business: Business, other_business: Business) -> None:
    schedule_of(business, view_of(business), "owner")

    deliveries.work(other_business.pk)

    assert not mails()
    with other_business.scope():
        assert not ReportRun.objects.exists()
