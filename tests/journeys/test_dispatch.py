"""Dispatch without a provider: claim, checks, leases, staff tasks."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.conf import settings
from django.db import connections
from django.utils import timezone

from contacts.models import Consent, Contact, Event, ReachSpell
from journeys import dispatch, enrolments, ledger, outcomes, staff_tasks
from journeys.ledger import Move, State
from journeys.models import Enrolment, Link, StaffTask, Touch
from tenants.ids import encode
from tenants.models import DueTenant
from tests.conftest import Business
from tests.journeys import ground
from tests.journeys.ground import enrolled, happen, seen, step

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
