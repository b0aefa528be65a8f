"""When a report is due, and that it is sent once: slots, many workers, workers that die."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import connections
from django.utils import timezone

from analytics.models.sharing import (
    ReportDelivery,
    ReportRun,
    ReportSchedule,
)
from analytics.sharing import deliveries, occurrences, slots
from tenants.models import DueTenant
from tests.analytics.test_sharing_sent import DAY, again_now, found, mails, schedule_of, view_of
from tests.conftest import Business

NEW_YORK = ZoneInfo("America/New_York")


# --- slots ---


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=NEW_YORK).astimezone(UTC)


@pytest.mark.parametrize(
    ("rule", "moment", "newest", "following"),
    [
        ({}, "2026-03-11T08:00", "2026-03-11T08:00", "2026-03-12T08:00"),
        ({}, "2026-03-11T07:59:59", "2026-03-10T08:00", "2026-03-11T08:00"),
        ({"hour": 0}, "2026-03-11T00:00", "2026-03-11T00:00", "2026-03-12T00:00"),
        # The clock goes from 2:00 to 3:00 on the 8th, and back from 2:00 to 1:00 on 1 November.
        ({"hour": 2}, "2026-03-08T12:00", "2026-03-08T03:00", "2026-03-09T02:00"),
        ({"hour": 1}, "2026-11-01T12:00", "2026-11-01T01:00", "2026-11-02T01:00"),
        ({"every": "week", "weekday": 1}, "2026-03-11T08:00", "2026-03-09T08:00",
         "2026-03-16T08:00"),
        ({"every": "week", "weekday": 7}, "2026-03-15T08:00", "2026-03-15T08:00",
         "2026-03-22T08:00"),
        ({"every": "month", "day": 31}, "2026-03-01T00:00", "2026-02-28T08:00",
         "2026-03-31T08:00"),
        ({"every": "month", "day": 31}, "2026-12-31T09:00", "2026-12-31T08:00",
         "2027-01-31T08:00"),
    ],
)  # fmt: skip
def test_slots_are_local_days_and_hours(
    rule: dict[str, Any], moment: str, newest: str, following: str
) -> None:
    schedule = ReportSchedule(**rule)

    assert slots.newest(schedule, at(moment), NEW_YORK) == at(newest)
    assert slots.following(schedule, at(moment), NEW_YORK) == at(following)


def test_an_hour_that_comes_twice_is_one_slot() -> None:
    schedule, zone = ReportSchedule(hour=1), NEW_YORK
    moment, seen = datetime(2026, 10, 31, tzinfo=UTC), []
    for _ in range(4):
        moment = slots.following(schedule, moment, zone)
        seen.append(moment.astimezone(zone).date().day)
    assert seen == [31, 1, 2, 3]


# --- once ---


def test_a_late_worker_sends_the_newest_slot_only(business: Business) -> None:
    schedule = schedule_of(business, view_of(business), "owner")
    with business.scope():
        ReportSchedule.objects.update(next_at=timezone.now() - 40 * DAY)

    for _ in range(2):
        deliveries.work(business.pk)

    with business.scope():
        slot = ReportRun.objects.get().slot
        assert slot == slots.newest(schedule, timezone.now(), business.tenant.tz)
        schedule.refresh_from_db()
        assert schedule.next_at == slots.following(schedule, timezone.now(), business.tenant.tz)
        assert deliveries.next_due() == schedule.next_at
    assert len(mails()) == 1
    due = DueTenant.objects.get(tenant=business.tenant, queue=occurrences.QUEUE)
    assert due.next_due_at == schedule.next_at


def test_many_workers_send_each_report_once(business: Business) -> None:
    schedule_of(business, view_of(business), "owner", "admin", "operator", "viewer")

    def work(_number: int) -> None:
        try:
            deliveries.work(business.pk)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as workers:
        list(workers.map(work, range(4)))

    addresses = [each.to[0] for each in mails()]
    assert sorted(addresses) == sorted(
        business.users[role].email for role in ("owner", "admin", "operator", "viewer")
    )


def test_a_worker_that_died_while_making_is_followed_by_another(business: Business) -> None:
    schedule_of(business, view_of(business), "owner")
    with business.scope():
        occurrences.turn()
        assert deliveries._claim() is not None  # and then it dies

    deliveries.work(business.pk)
    assert not mails()
    again_now(business)

    assert len(mails()) == 1
    assert found(business) == {"owner": ("sent", "")}


def test_an_e_mail_that_perhaps_left_is_left_to_people(business: Business) -> None:
    schedule_of(business, view_of(business), "owner")
    with business.scope():
        occurrences.turn()
        job = deliveries._claim()
        assert job is not None
        assert deliveries._make(job) is not None  # dies while it calls

    again_now(business)
    assert found(business) == {"owner": ("unknown", "Unknown")}
    assert not mails()

    # The worker was only slow, and comes too late to say anything.
    with business.scope():
        job.settle(state="sent")
        pk = ReportDelivery.objects.get().pk
    assert found(business) == {"owner": ("unknown", "Unknown")}
    address = f"/admin/analytics/reportdelivery/{pk}/send_again/"
    assert business.browser("operator").post(address, {"confirmed": "on"}).status_code == 302
    deliveries.work(business.pk)
    assert found(business) == {"owner": ("sent", "")}
    assert len(mails()) == 1
