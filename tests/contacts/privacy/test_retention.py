"""Old events go by rule, each night; money never does."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from contacts import timeline
from contacts.models import Contact, Event, Retention
from contacts.privacy import retention
from tenants.models import AuditEntry
from tests.conftest import Business


def happened(contact: Contact, kind: str, days_ago: int) -> None:
    at = timezone.now() - timedelta(days=days_ago)
    timeline.record([timeline.NewEvent(contact.pk, kind, at, "api", f"{kind}{days_ago}")])


def test_old_events_of_the_kind_go(business: Business, monkeypatch: Any) -> None:
    monkeypatch.setattr(retention, "BATCH", 2)
    with business.scope():
        one = Contact.objects.create()
        for days in (5, 40, 50, 60):
            happened(one, "message.received", days)
        happened(one, "message.sent", 50)
        happened(one, "order.paid", 500)
        happened(one, "content.read", 500)
        Retention.objects.create(kind="message.", days=30)
        Retention.objects.create(kind="content.read", days=30, active=False)
    timeline.work(business.pk)
    retention.work(business.pk)

    with business.scope():
        left = {(e.kind, (timezone.now() - e.at).days) for e in Event.objects.filter(source="api")}
        assert left == {("message.received", 5), ("order.paid", 500), ("content.read", 500)}
        rule = Retention.objects.get(kind="message.")
        assert rule.deleted == 4
        assert rule.done_at is not None
        noted = AuditEntry.objects.filter(action="event.expired")
        assert sum(each.detail["events"] for each in noted) == 4
        due = retention.next_due()
        assert due is not None
        assert due > timezone.now()


@pytest.mark.parametrize("kind", ["order.paid", "order.", "follow.opened", "stage.moved"])
def test_money_and_figures_have_no_rule(kind: str, business: Business) -> None:
    with pytest.raises(ValidationError):
        retention.check(kind)
    answer = business.api().post(
        "/api/v1/retention-rules", {"kind": kind, "days": 30}, format="json"
    )
    assert answer.status_code == 400


def test_rules_over_the_api(business: Business) -> None:
    api = business.api()
    made = api.post("/api/v1/retention-rules", {"kind": "message.", "days": 30}, format="json")
    assert made.status_code == 201, made.content
    wrong = api.post("/api/v1/retention-rules", {"kind": "no kind", "days": 0}, format="json")
    assert set(wrong.json()["error"]["fields"]) == {"kind", "days"}
    assert (
        business.as_role("operator")
        .post("/api/v1/retention-rules", {"kind": "a.b", "days": 3}, format="json")
        .status_code
        == 403
    )
