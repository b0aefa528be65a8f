"""A shop with plans: how they are made, asked for, and what the shop of worked examples sold."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import pytest
from django.utils import timezone

from contacts import orders, timeline
from contacts.models import Contact, Segment, SegmentMember
from contacts.segments import keeping
from contacts.timeline import NewEvent
from tenants.models import Staff
from tests.analytics.reference_plans import DAY
from tests.conftest import Business

PLANS = "/api/v1/plans"


def made(business: Business, **fields: Any) -> dict[str, Any]:
    body = {
        "name": "Spring", "metric": "revenue", "starts_on": "2026-03-01", "ends_on": "2026-03-31",
    } | fields  # fmt: skip
    answer = business.api().post(PLANS, body, format="json")
    assert answer.status_code == 201, answer.content
    plan: dict[str, Any] = answer.json()
    return plan


def progress_of(business: Business, plan: dict[str, Any], as_of: str = "") -> dict[str, Any]:
    query = {"as_of": as_of} if as_of else {}
    answer = business.api().get(f"{PLANS}/{plan['id']}/progress", query)
    assert answer.status_code == 200, answer.content
    found: dict[str, Any] = answer.json()
    return found


def people(business: Business, *contacts: Contact) -> Segment:
    segment = keeping.save(Segment(name="People", kind=Segment.Kind.STATIC))
    for contact in contacts:
        SegmentMember.objects.create(segment=segment, contact=contact, entered_at=timezone.now())
    return segment


@pytest.fixture
def shop(business: Business) -> Business:
    """Orders of 100 a day: ten in February 2026 from the 19th on, ten in March from the 1st on; b
    buys on odd days. All are friends since January, so that there is a past."""
    zone = business.tenant.tz
    with business.scope():
        a, b = (Contact.objects.create(external_id=name) for name in "ab")
        Staff.objects.create(userid="amy", name="Amy")
        opened = datetime(2026, 1, 1, 9, tzinfo=zone)
        timeline.record(
            [
                NewEvent(who.pk, "follow.opened", opened, "test", f"f{who.pk}", {"staff": "amy"})
                for who in (a, b)
            ]
        )
        days = [date(2026, 2, 19) + DAY * n for n in range(20)]
        rows = [
            orders.Row(
                order_id=f"{day}", contact_id=(b if day.day % 2 else a).pk, amount_fen=10_000,
                paid_at=datetime(day.year, day.month, day.day, 12, tzinfo=zone), status="paid",
            )
            for day in days
        ]  # fmt: skip
        orders.upsert(rows)
    return business
