"""Dispatch without a provider: claim, checks, caps, quiet hours, leases, staff tasks."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.conf import settings
from django.db import connections
from django.utils import timezone

from contacts.models import Consent, Contact, Event, ReachSpell
from journeys import dispatch, enrolments, ledger, outcomes, pace, staff_tasks
from journeys.ledger import Move, State
from journeys.models import Enrolment, Link, SopStep, StaffTask, Touch
from tenants.ids import encode
from tenants.models import DueTenant
from tests.conftest import Business
from tests.journeys import ground
from tests.journeys.ground import happen, script, step

SHANGHAI = ZoneInfo("Asia/Shanghai")


def today_at(hour: int, minute: int = 0, days: int = 0) -> datetime:
    day = timezone.now().astimezone(SHANGHAI).date() + timedelta(days=days)
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=SHANGHAI)


def enrolled(business: Business, *steps: SopStep, people: int = 1) -> list[Contact]:
    """People who entered a script of these steps an hour ago, so that its first ones are due."""
    with business.scope():
        script(f"Script {len(steps)}", *steps)
        sales = business.staff["sales"]
        return [ground.friend(sales, at=ground.an_hour_ago()) for _ in range(people)]


def seen(business: Business) -> list[tuple[str, str]]:
    with business.scope():
        return ground.states()


# --- sending ---


def test_due_touches_go_out_once_and_end_their_enrolment(business: Business) -> None:
    with business.scope():
        ground.no_pace()
    (contact,) = enrolled(business, step(0), step(5), step(600))

    assert dispatch.run(business.pk) == 2
    assert dispatch.run(business.pk) == 0

    assert seen(business) == [("sent", ""), ("sent", ""), ("planned", "")]
    with business.scope():
        assert ground.kinds_of(contact, "touch.") == ["touch.sent", "touch.sent"]
        assert Enrolment.objects.get().state == "running"
        Touch.objects.filter(state="planned").update(due_at=timezone.now())
    dispatch.run(business.pk)
    with business.scope():
        run = Enrolment.objects.get()
        assert (run.state, run.reason, run.ended_at is not None) == ("done", "", True)


def test_the_timeline_says_what_was_sent(business: Business) -> None:
    with business.scope():
        ground.no_pace()
    enrolled(business, step(0))
    dispatch.run(business.pk)

    with business.scope():
        touch = Touch.objects.get()
        event = Event.objects.get(kind="touch.sent")
        assert event.at == touch.sent_at
        assert event.properties == {
            "touch": encode(touch.pk),
            "route": "none",
            "touch_kind": "service",
            "staff": "sales1",
            "sop": "Script 1",
            "step": 1,
        }


def test_the_board_knows_the_next_due_moment(business: Business) -> None:
    with business.scope():
        ground.no_pace()
    enrolled(business, step(0), step(600))
    dispatch.run(business.pk)

    with business.scope():
        later = Touch.objects.get(state="planned").due_at
    board = DueTenant.objects.get(tenant_id=business.pk, queue="touches")
    assert board.next_due_at == later


# --- checks ---


def excluded(contact: Contact) -> None:
    Contact.objects.filter(pk=contact.pk).update(excluded=True)


def withdrew(contact: Contact) -> None:
    for days, granted in ((3, False), (2, True), (1, False)):
        at = timezone.now() - timedelta(days=days)
        Consent.objects.create(contact=contact, purpose="marketing", granted=granted, at=at)


def lost(contact: Contact) -> None:
    """The Follow ended without any event that the script could have heard."""
    contact.follows.update(ended_at=timezone.now())
    ReachSpell.objects.filter(contact=contact).update(ended_at=timezone.now())


@pytest.mark.parametrize(
    ("spoil", "reason", "run"),
    [
        (excluded, "excluded", ("done", "")),
        (withdrew, "consent_withdrawn", ("done", "")),
        (lost, "no_route", ("done", "")),
    ],
)
def test_a_skip_says_why_on_the_timeline(
    business: Business, spoil: Callable[[Contact], None], reason: str, run: tuple[str, str]
) -> None:
    with business.scope():
        ground.no_pace()
    (contact,) = enrolled(business, step(0))
    with business.scope():
        spoil(contact)

    dispatch.run(business.pk)

    with business.scope():
        assert ground.states() == [("skipped", reason)]
        event = Event.objects.get(kind="touch.skipped")
        assert (event.contact_id, event.properties["reason"]) == (contact.pk, reason)
        assert Enrolment.objects.values_list("state", "reason").get() == run
        assert Touch.objects.get().sending_at is None


def test_consent_given_again_counts(business: Business) -> None:
    with business.scope():
        ground.no_pace()
    (contact,) = enrolled(business, step(0))
    with business.scope():
        withdrew(contact)
        Consent.objects.create(
            contact=contact, purpose="marketing", granted=True, at=timezone.now()
        )
        Consent.objects.create(
            contact=contact, purpose="profiling", granted=False, at=timezone.now()
        )

    dispatch.run(business.pk)

    assert seen(business) == [("sent", "")]


def test_a_subscription_is_a_route_where_nothing_is_sent(business: Business) -> None:
    with business.scope():
        ground.no_pace()
    (contact,) = enrolled(business, step(0))
    with business.scope():
        lost(contact)
        happen(contact, "subscription.opened", account="gh_1")
        contact.follows.update(ended_at=timezone.now())

    dispatch.run(business.pk)

    assert seen(business) == [("sent", "")]


def test_excluding_ends_the_rest_of_the_script(business: Business) -> None:
    with business.scope():
        ground.no_pace()
    (contact,) = enrolled(business, step(0), step(600))
    with business.scope():
        excluded(contact)

    dispatch.run(business.pk)

    assert seen(business) == [("skipped", "excluded"), ("cancelled", "excluded")]


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


# --- claims, leases, fences ---


def test_a_dropped_claim_is_taken_again(business: Business) -> None:
    with business.scope():
        ground.no_pace()
    enrolled(business, step(0, route="mass_task"))
    with business.scope():
        ((touch_id, attempt),) = dispatch.take().outgoing
        assert Touch.objects.get().state == "claimed"
    assert dispatch.run(business.pk) == 0  # its lease holds

    outcomes.follow_up(business.pk, timezone.now() + timedelta(minutes=2))
    with business.scope():
        assert Touch.objects.get().sending_at is None  # no longer booked
        Touch.objects.update(route="none")
    dispatch.run(business.pk)

    with business.scope():
        touch = Touch.objects.get(pk=touch_id)
        assert (touch.state, attempt, touch.attempt) == ("sent", 1, 2)


def test_a_move_under_an_old_attempt_changes_nothing(business: Business) -> None:
    with business.scope():
        ground.no_pace()
    enrolled(business, step(0, route="mass_task"))
    with business.scope():
        ((touch_id, attempt),) = dispatch.take().outgoing
        late = Move(touch_id, attempt - 1, State.SENT, sent_at=timezone.now())

        assert ledger.move([late], [State.CLAIMED]) == []
        assert Touch.objects.get().state == "claimed"


def test_claimers_pass_over_what_others_hold(business: Business) -> None:
    enrolled(business, step(0), people=4)
    taken: list[list[int]] = []

    def other() -> None:
        with business.scope():
            taken.append(dispatch.claim(timezone.now(), limit=3))
        connections.close_all()

    with business.scope():
        mine = dispatch.claim(timezone.now(), limit=2)
        thread = threading.Thread(target=other)
        thread.start()
        thread.join(timeout=20)

    assert (len(mine), len(taken[0])) == (2, 2)
    assert set(mine).isdisjoint(taken[0])


def test_a_key_can_be_planned_only_once(business: Business) -> None:
    enrolled(business, step(0), step(5))
    with business.scope():
        runs = list(Enrolment.objects.select_related("sop", "follow"))
        enrolments.plan(runs)
        enrolments.plan(runs)

        assert Touch.objects.count() == 2


def test_nothing_due_is_nothing_done(business: Business) -> None:
    assert dispatch.run(business.pk) == 0


# --- staff tasks ---


def test_a_task_for_staff_with_the_contacts_own_link(business: Business) -> None:
    with business.scope():
        ground.no_pace()
        piece = ground.article(url="https://example.com/")
    (contact,) = enrolled(
        business,
        step(0, "Tell {name}: {link} – {staff}", route="staff_task", content=piece),
        step(5, "And this", route="staff_task", content=piece),
    )
    dispatch.run(business.pk)

    with business.scope():
        link = Link.objects.get()
        first, second = StaffTask.objects.order_by("id")
        url = f"{settings.BASE_URL}/l/{link.code}"
        assert (link.contact_id, link.staff_id) == (contact.pk, business.staff["sales"].pk)
        assert first.text == f"Tell {contact.name}: {url} – Sales"
        assert second.text == f"And this\n{url}"
        assert ground.states() == [("awaiting_staff", "")] * 2
        assert dispatch.next_due() is None

        staff_tasks.done(first)
        staff_tasks.cancel(second)
        assert ground.states() == [("sent", ""), ("cancelled", "task_cancelled")]
        assert ground.kinds_of(contact, "touch.") == ["touch.sent"]
        assert Enrolment.objects.get().state == "done"
        with pytest.raises(staff_tasks.Closed):
            staff_tasks.done(first)


def test_a_task_may_be_postponed(business: Business) -> None:
    with business.scope():
        ground.no_pace()
    enrolled(business, step(0, "Call", route="staff_task"))
    dispatch.run(business.pk)

    with business.scope():
        later = timezone.now() + timedelta(days=1)
        assert staff_tasks.postpone(StaffTask.objects.get(), later).due_at == later
        assert ground.states() == [("awaiting_staff", "")]
