"""Dispatch keeps quiet hours and the caps of contacts and staff."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import connections
from django.utils import timezone

from contacts.models import Contact, Event
from journeys import dispatch, pace
from journeys.models import Touch
from tests.conftest import Business
from tests.journeys import ground
from tests.journeys.ground import enrolled, seen, step

SHANGHAI = ZoneInfo("Asia/Shanghai")


def today_at(hour: int, minute: int = 0, days: int = 0) -> datetime:
    day = timezone.now().astimezone(SHANGHAI).date() + timedelta(days=days)
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=SHANGHAI)


# --- quiet hours ---


@pytest.mark.parametrize(
    ("now", "opens"),
    [
        (today_at(21, 30), today_at(8, 30, days=1)),
        (today_at(0, 0), today_at(8, 30)),
        (today_at(8, 29), today_at(8, 30)),
    ],
)
def test_quiet_hours_defer_over_midnight(
    business: Business, now: datetime, opens: datetime
) -> None:
    enrolled(business, step(0))
    with business.scope():
        Touch.objects.update(due_at=now - timedelta(minutes=1))

    dispatch.run(business.pk, now)

    with business.scope():
        touch = Touch.objects.get()
        assert (touch.state, touch.reason, touch.due_at) == ("planned", "quiet_hours", opens)
        assert dispatch.next_due() == opens
        assert not Event.objects.filter(kind__startswith="touch.").exists()
    dispatch.run(business.pk, opens - timedelta(seconds=1))
    assert seen(business) == [("planned", "quiet_hours")]
    dispatch.run(business.pk, opens)
    assert seen(business) == [("sent", "")]


# --- caps ---


def test_caps_a_day_a_week_and_of_promotions(business: Business) -> None:
    noon = today_at(12)
    with business.scope():
        ground.set_pace(per_contact_day=2, per_contact_week=3, promotions_per_week=1)
    steps = [step(n, f"{n}", kind="promotion" if n < 2 else "service") for n in range(4)]
    enrolled(business, *steps, step(60 * 24 * 90))
    with business.scope():
        Touch.objects.exclude(step__position=5).update(due_at=noon)

    dispatch.run(business.pk, noon)
    with business.scope():
        Touch.objects.filter(state="skipped").update(state="planned", reason="")
    dispatch.run(business.pk, noon + timedelta(days=1))
    dispatch.run(business.pk, noon + timedelta(days=7))

    with business.scope():
        by_step = Touch.objects.order_by("step__position").values_list("state", "reason")
        assert list(by_step) == [
            ("sent", ""),
            ("skipped", "promotion_cap"),  # and again the next day
            ("sent", ""),
            ("sent", ""),  # on the next day: two were enough for the first
            ("planned", ""),
        ]
        skipped = Event.objects.filter(kind="touch.skipped").order_by("id")
        assert [e.properties["reason"] for e in skipped] == ["promotion_cap", "contact_day_cap"]


def test_the_week_is_seven_calendar_days(business: Business) -> None:
    noon = today_at(12)
    with business.scope():
        ground.set_pace(per_contact_week=1)
    enrolled(business, step(0), step(1), step(2))
    for number, now in enumerate([noon, today_at(9, days=6), today_at(9, days=7)]):
        with business.scope():
            touch = Touch.objects.get(step__position=number + 1)
            Touch.objects.filter(pk=touch.pk).update(due_at=now)
        with business.scope():
            dispatch.take(now, limit=1)

    assert sorted(seen(business)) == [
        ("sent", ""),
        ("sent", ""),
        ("skipped", "contact_week_cap"),
    ]


def test_staff_are_capped_across_their_contacts(business: Business) -> None:
    noon = today_at(12)
    with business.scope():
        ground.set_pace(per_staff_day=3)
    enrolled(business, step(0), people=5)
    with business.scope():
        Touch.objects.update(due_at=noon)

    dispatch.run(business.pk, noon)

    assert sorted(seen(business)) == [("sent", "")] * 3 + [("skipped", "staff_day_cap")] * 2


def test_what_counts_is_when_it_reached_the_contact(business: Business) -> None:
    """Booked yesterday but confirmed today is today's; what failed is nobody's."""
    noon = today_at(12)
    with business.scope():
        ground.set_pace(per_contact_day=1)
    enrolled(business, step(0), step(1))
    with business.scope():
        first = Touch.objects.earliest("id")
        Touch.objects.filter(pk=first.pk).update(
            state="delivered", sending_at=noon - timedelta(days=1), sent_at=today_at(9)
        )
        rules = pace.of_tenant()
        contact_id = first.contact_id
        assert pace.tallies([contact_id], rules, noon)[contact_id].day == 1
        assert pace.tallies([contact_id], rules, noon + timedelta(days=1))[contact_id].day == 0
        Touch.objects.filter(pk=first.pk).update(state="failed")
        assert pace.tallies([contact_id], rules, noon)[contact_id].day == 0


@pytest.mark.parametrize("cap", [1, 7])
def test_caps_hold_with_two_claimers(business: Business, cap: int) -> None:
    """Two threads with connections of their own take the same contacts' touches, one by one."""
    noon = today_at(12)
    with business.scope():
        ground.set_pace(per_contact_day=cap, per_contact_week=99, per_staff_day=21)
    enrolled(business, *[step(n) for n in range(10)], people=4)
    with business.scope():
        Touch.objects.update(due_at=noon)
    gate = threading.Barrier(2)
    problems: list[BaseException] = []

    def claimer() -> None:
        try:
            gate.wait(timeout=10)
            while True:
                with business.scope():
                    if not dispatch.take(noon, limit=3).claimed:
                        break
        except BaseException as error:
            problems.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=claimer) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)

    assert problems == []
    with business.scope():
        sent = Touch.objects.filter(state="sent")
        assert sent.count() == min(4 * cap, 21)
        for contact in Contact.objects.all():
            assert sent.filter(contact=contact).count() <= cap
        assert Touch.objects.filter(state="planned").count() == 0
