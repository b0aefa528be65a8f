"""Who is near what the platform restricts: deletes after sends, bursts of additions, full days."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from contacts.models import Contact, Follow, FollowLoss, ReachSpell, SourceKind
from journeys import risk
from journeys.models import Touch, TouchRules
from tenants.models import Staff
from tests.conftest import Business


def sent(staff: Staff, number: int, deleted_after: timedelta | None) -> None:
    now = timezone.now() - timedelta(hours=30)
    contact = Contact.objects.create(name=f"c{number}")
    Touch.objects.create(
        key=f"k{number}", contact=contact, staff=staff, route="mass_task", kind="service",
        state="sent", due_at=now, sending_at=now, sent_at=now,
    )  # fmt: skip
    if deleted_after is not None:
        FollowLoss.objects.create(
            contact=contact, staff=staff, opened_at=now - timedelta(days=9),
            ended_at=now + deleted_after, ended_by=Follow.EndedBy.CUSTOMER, days_kept=9,
            source=SourceKind.values[0],
        )  # fmt: skip


def test_deletes_within_a_day_of_a_send_are_counted_and_warned(business: Business) -> None:
    with business.scope():
        li = Staff.objects.create(userid="li", name="Li")
        for number in range(24):
            late = timedelta(hours=25) if number == 0 else None
            sent(li, number, timedelta(hours=2) if number in (1, 2) else late)

        (found,) = [one for one in risk.of_staff() if one.staff == li]
        assert (found.sends, found.deleted) == (24, 2)
        assert (found.tones["deleted"], found.tone) == ("bad", "bad")
        assert found.blocked is None

    home = business.browser("owner").get("/admin/").content.decode()
    assert "Members at risk of a restriction" in home
    page = business.browser("viewer").get("/admin/risk/").content.decode()
    assert '<span class="scrm-chip danger">2</span>' in page
    assert business.browser("sales").get("/admin/risk/").status_code == 302


def test_bursts_and_full_days_are_warned_before_the_limit(
    business: Business, settings: object
) -> None:
    settings.RISK_ADDS_AN_HOUR = 5  # type: ignore[attr-defined]
    hour = timezone.now().replace(minute=0, second=0, microsecond=0) - timedelta(hours=48)
    with business.scope():
        TouchRules.objects.update(per_staff_day=10)
        li = Staff.objects.create(userid="li", name="Li")
        for number in range(4):
            contact = Contact.objects.create(name=f"n{number}")
            at = hour + timedelta(minutes=number)
            ReachSpell.objects.create(contact=contact, staff=li, opened_at=at)

        (found,) = [one for one in risk.of_staff() if one.staff == li]
        assert (found.adds_an_hour, found.adds_today, found.sends_today) == (4, 0, 0)
        assert found.tones["adds_an_hour"] == "warn"
        assert found.limits.sends_a_day == 10
