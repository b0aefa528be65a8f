"""What is told, of what, to whom; and what is never told."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from analytics.alerts import notices
from analytics.models import ReportSchedule, ReportView
from analytics.sharing import deliveries as reports
from contacts import losses, people, timeline
from contacts.merging import merge
from contacts.models import Contact, ReachSpell, Segment
from contacts.privacy import erasing
from contacts.segments import membership
from journeys import leads
from journeys.models import Lead
from tenants import ids
from tenants.models import AuditEntry, Staff, StoredAnswer, WebhookDelivery, WebhookEndpoint
from tenants.webhooks import delivering, emitting, types
from tests.analytics.test_alerts import slump, watch
from tests.conftest import Business
from tests.tenants.webhooks.conftest import Ask, deliveries, webhook_now
from tests.tenants.webhooks.receiver import Receiver

Tell = Callable[..., str]
Work = Callable[[], None]


def told(business: Business, webhook: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Type and data, in the order in which it happened, once the timeline is handed on."""
    with business.scope():
        timeline.drain_all()
    bodies = [json.loads(row["body"]) for row in deliveries(business, webhook, limit="200")]
    return [(body["type"], body["data"]) for body in bodies]


def test_everything_is_told_with_ids_only(business: Business, ask: Ask, tell: Tell) -> None:
    """One life: brought, changed, tagged, ripe, sold to, refunded, merged, lost, erased."""
    webhook = ask("https://example.com/", *types.known())
    api = business.api()
    one, other = tell("c-1", name="Zhang Xinyi", phone="13912345678"), tell("c-2")
    api.patch(f"/api/v1/contacts/{one}", {"name": "Zhang Xin", "tags": ["vip"]})
    order = {"order_id": "o-1", "contact": "c-1", "amount": "100.00"}
    paid = order | {"paid_at": "2026-11-01T10:00:00+08:00"}
    for item in (paid, paid, paid | {"refunded": "20.00"}):
        api.post("/api/v1/orders/bulk", {"items": [item]})
    order_id = api.get("/api/v1/orders").json()["results"][0]["id"]
    with business.scope():
        staff = Staff.objects.get(userid="sales1")
        contact_id = Contact.objects.get(external_id="c-1").pk
        lead = Lead.objects.create(contact_id=contact_id)
        leads.claim(lead, staff)
        leads.close(lead, Lead.State.WON)
        at = datetime.now(UTC) - timedelta(days=3)
        ReachSpell.objects.create(
            contact_id=contact_id, staff=staff, opened_at=at, ended_at=at + timedelta(days=2),
            ended_by="customer",
        )  # fmt: skip
        losses.settle([contact_id])
        by_hand = Segment.objects.create(name="By hand", kind="static")
        membership.enter(by_hand, [contact_id])
        merge.merge(contact_id, Contact.objects.get(external_id="c-2").pk, by="api")
        erasing.erase(contact_id, by="api", reason="asked for it")

    found = told(business, webhook)
    mine = {"contact": one}
    assert [each for each in found if each[0] != "contact.updated"] == [
        ("contact.created", mine),
        ("contact.created", {"contact": other}),
        ("order.paid", {"order": order_id} | mine),
        ("order.refunded", {"order": order_id} | mine),
        ("lead.claimed", {"lead": ids.encode(lead.pk), "state": "claimed"} | mine),
        ("lead.closed", {"lead": ids.encode(lead.pk), "state": "won"} | mine),
        ("follow.lost", {"staff": ids.encode(staff.pk), "by": "customer"} | mine),
        ("contact.merged", {"merged": other} | mine),
        ("contact.erased", mine),
        ("segment.entered", {"segment": ids.encode(by_hand.pk)} | mine),
        ("segment.left", {"segment": ids.encode(by_hand.pk)} | mine),
    ]
    # A name and a tag: to be read once.
    assert [each for each in found if each[0] == "contact.updated"] == [("contact.updated", mine)]
    with business.scope():
        rows = json.dumps(list(WebhookDelivery.objects.values_list("body", "event_id", "problem")))
    assert not [word for word in ("Zhang", "139123", "c-1", "o-1", "vip") if word in rows]


def test_the_ripe_and_alerts_are_told(business: Business, ask: Ask) -> None:
    webhook = ask("https://example.com/", "lead.ripe", "alert.opened")
    day = slump(business)
    rule = watch(business)
    for _ in range(2):
        notices.check_and_tell(business.pk)
    with business.scope():
        lead = Lead.objects.create(contact=Contact.objects.get(external_id="buyer"))
        leads._note("lead.created", [lead])

    (_alert, about), (_ripe, of_lead) = told(business, webhook)
    assert about == {
        "alert": about["alert"],
        "rule": ids.encode(rule.pk),
        "metric": "revenue",
        "day": day.isoformat(),
    }
    assert business.api().get(f"/api/v1/alerts/{about['alert']}").json()["metric"] == "revenue"
    assert of_lead["lead"] == ids.encode(lead.pk)


def test_what_a_business_tells_itself_is_no_event_of_ours(
    business: Business, ask: Ask, tell: Tell
) -> None:
    webhook = ask("https://example.com/", "contact.erased", "contact.merged", "segment.entered")
    tell("c-1")
    for number, kind in enumerate(["contact.erased", "contact.merged", "segment.entered"]):
        event = {"event_id": f"e-{number}", "contact": "c-1", "kind": kind}
        answer = business.api().post("/api/v1/events", event | {"at": "2026-11-01T10:00:00Z"})
        assert answer.status_code == 201
    assert told(business, webhook) == []


def test_nothing_is_told_of_what_was_rolled_back(business: Business, ask: Ask, tell: Tell) -> None:
    webhook = ask("https://example.com/")
    row = people.Row(external_id="never")
    with business.scope():
        people.upsert([row], by="api")
        assert WebhookDelivery.objects.count() == 1
        transaction.set_rollback(True)
    assert told(business, webhook) == []
    tell("c-1")
    assert len(told(business, webhook)) == 1


def test_nobody_asked_means_no_statement(business: Business, ask: Ask) -> None:
    """The look at what is wanted is kept in memory; a thousand events are one statement."""
    ask("https://example.com/", "order.paid")
    with business.scope():
        emitting.wanted("order.paid")
        now = datetime.now(UTC)
        with CaptureQueriesContext(connection) as queries:
            made = (emitting.Happened(str(n), {}, now) for n in range(1000))
            emitting.emit("contact.created", made)
        assert (len(queries), len(list(made))) == (0, 1000)
        with CaptureQueriesContext(connection) as queries:
            emitting.emit("order.paid", [emitting.Happened(str(n), {}, now) for n in range(1000)])
            emitting.emit("order.paid", [emitting.Happened("1", {}, now)])
        assert len(queries) == 2
        assert WebhookDelivery.objects.count() == 1000


def test_another_business_hears_and_sees_nothing(
    business: Business, other_business: Business, receiver: Receiver, ask: Ask, tell: Tell,
    work: Work,
) -> None:  # fmt: skip
    webhook = ask(receiver.url)
    stranger = other_business.api()
    stranger.post("/api/v1/contacts", {"external_id": "theirs"})
    delivering.work(other_business.pk)
    work()
    assert receiver.messages == []

    tell("ours")
    own = deliveries(business, webhook)[0]["id"]
    for path, body in (("", None), ("/deliveries", None), ("/test", {}), ("/rotate", {}),
                       ("/replay", {"delivery": own})):  # fmt: skip
        at = f"/api/v1/webhooks/{webhook['id']}{path}"
        answer = stranger.get(at) if body is None else stranger.post(at, body)
        assert answer.status_code == 404, path
    theirs = stranger.post(
        "/api/v1/webhooks", {"url": "https://example.com/", "types": ["order.paid"]}
    ).json()
    answer = stranger.post(f"/api/v1/webhooks/{theirs['id']}/replay", {"delivery": own})
    assert answer.status_code == 400


def test_the_api_keeps_secrets_and_counts_endpoints(business: Business, ask: Ask) -> None:
    webhook = ask("https://example.com/hooks", "order.paid", description="shop")
    assert webhook["secret"].startswith("whsec_")
    assert "secret" not in webhook_now(business, webhook)
    api = business.api()
    body = {"url": "https://example.com/two", "types": ["order.paid"]}
    first = api.post("/api/v1/webhooks", body, headers={"Idempotency-Key": "k-1"}).json()
    again = api.post("/api/v1/webhooks", body, headers={"Idempotency-Key": "k-1"}).json()
    assert {**again, "secret": first["secret"]} == first
    with business.scope():
        stored = bytes(StoredAnswer.objects.get(key="k-1").body).decode()
        assert "whsec_" not in stored
        with connection.cursor() as cursor:
            cursor.execute("SELECT string_agg(w::text, '') FROM tenants_webhookendpoint w")
            assert "whsec_" not in cursor.fetchone()[0]

    refused: list[dict[str, Any]] = [
        {"types": ["nothing.known"]}, {"types": []}, {"url": "ftp://x"}, {"more": 1},
    ]  # fmt: skip
    for wrong in refused:
        assert api.post("/api/v1/webhooks", body | wrong).status_code == 400, wrong
    for _ in range(delivering.MOST - 2):
        ask("https://example.com/hooks", "order.paid")
    assert api.post("/api/v1/webhooks", body).status_code == 409
    assert api.delete(f"/api/v1/webhooks/{webhook['id']}").status_code == 204
    for role in ("operator", "viewer", "sales"):
        assert business.as_role(role).get("/api/v1/webhooks").status_code == 403


def test_an_endpoint_that_was_deleted_a_moment_ago_is_no_error(
    business: Business, ask: Ask, tell: Tell
) -> None:
    """Another process may believe for two seconds that it is still there."""
    webhook = ask("https://example.com/")
    tell("c-1")
    with business.scope():
        believed = dict(emitting._wanted)
    business.api().delete(f"/api/v1/webhooks/{webhook['id']}")
    emitting._wanted.update(believed)
    tell("c-2")
    with business.scope():
        assert not WebhookDelivery.objects.exists()


def press(business: Business, name: str, row: WebhookEndpoint | WebhookDelivery) -> str:
    at = reverse(f"admin:tenants_{row._meta.model_name}_{name}", args=[row.pk])
    answer = business.browser("owner").post(at, {"confirmed": "on"}, follow=True)
    return answer.content.decode()


def test_the_pages_make_test_renew_and_send_again(
    business: Business, receiver: Receiver, tell: Tell, work: Work
) -> None:
    browser = business.browser("owner")
    form = {"url": receiver.url, "types": ["contact.created"], "enabled": "on"}
    page = reverse("admin:tenants_webhookendpoint_add")
    refused = browser.post(page, form | {"url": "http://10.0.0.1/"})
    assert "must be a public one" in refused.content.decode()
    assert "whsec_" in browser.post(page, form | {"description": "shop"}).content.decode()
    with business.scope():
        endpoint = WebhookEndpoint.objects.get()

    press(business, "send_test", endpoint)
    work()
    assert len(receiver.messages) == 1
    assert "whsec_" in press(business, "renew_secret", endpoint)
    receiver.say(410)
    tell("c-1")
    work()
    shown = browser.get(reverse("admin:tenants_webhookendpoint_changelist")).content.decode()
    assert "it answered 410" in shown
    receiver.say(204)
    browser.post(reverse("admin:tenants_webhookendpoint_change", args=[endpoint.pk]), form)
    press(business, "send_failed_again", endpoint)
    work()
    assert receiver.ids[1] == receiver.ids[2]
    with business.scope():
        delivery = WebhookDelivery.objects.get(type="contact.created")
    press(business, "send_again", delivery)
    work()
    assert receiver.ids[3] == receiver.ids[1]
    with business.scope():
        done = AuditEntry.objects.filter(action__startswith="webhook").values_list("action")
        assert {action for (action,) in done} == {
            "webhook.created", "webhook.tested", "webhook.secret_renewed", "webhook.changed",
            "webhook.stopped_by_itself", "webhook.replayed", "webhook_delivery.replayed",
        }  # fmt: skip


def test_a_due_report_is_told_once(business: Business, ask: Ask) -> None:
    webhook = ask("https://example.com/", "report.due")
    with business.scope():
        view = ReportView.objects.create(name="Sales", page="value", period="yesterday")
        schedule = ReportSchedule.objects.create(
            view=view, next_at=datetime.now(UTC) - timedelta(days=2)
        )
    for _ in range(2):
        reports.work(business.pk)

    with business.scope():
        slot = schedule.runs.get().slot
    about = {"schedule": ids.encode(schedule.pk), "view": ids.encode(view.pk)}
    assert told(business, webhook) == [("report.due", about | {"slot": slot.isoformat()})]
