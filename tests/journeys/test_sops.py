"""Scripts: published versions stay, who enters, who leaves, what is planned and reported."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from contacts import timeline
from contacts.models import Channel, Contact, Event, Follow, Order
from contacts.timeline import NewEvent
from journeys import dispatch, sops
from journeys.models import Enrolment, Sop, SopStep, SopVersion, StaffTask, Touch
from tests.conftest import Business
from tests.journeys import ground
from tests.journeys.ground import happen, script, step

pytestmark = pytest.mark.usefixtures("in_english")


SHANGHAI = ZoneInfo("Asia/Shanghai")


def run_states() -> list[tuple[str, str]]:
    return list(Enrolment.objects.order_by("id").values_list("state", "reason"))


# --- publishing ---


def test_publishing_freezes_and_the_enrolled_keep_their_version(business: Business) -> None:
    with business.scope():
        sop = script("Start", step(10, "one"))
        first = ground.friend(business.staff["sales"])
        draft = sops.write_steps(sop, [step(20, "two"), step(30, "three")])
        between = ground.friend(business.staff["sales"])
        sops.publish(sop)
        last = ground.friend(business.staff["sales"])

        assert draft.number == 2
        assert [
            list(
                Touch.objects.filter(contact=who)
                .order_by("id")
                .values_list("step__text", flat=True)
            )
            for who in (first, between, last)
        ] == [["one"], ["one"], ["two", "three"]]
        assert list(SopVersion.objects.order_by("number").values_list("number", flat=True)) == [
            1,
            2,
        ]


def test_editing_a_draft_replaces_its_steps(business: Business) -> None:
    with business.scope():
        sop = Sop.objects.create(name="Draft")
        sops.write_steps(sop, [step(1), step(2)])
        sops.write_steps(sop, [step(3)])

        version = sops.current(sop)
        assert version is not None
        assert (version.number, [s.delay_minutes for s in version.steps.all()]) == (1, [3])


@pytest.mark.parametrize(
    ("bad", "fault"),
    [
        (step(0, "Hi {nmae}"), "“{nmae}” is no placeholder; use {link}, {name}, {staff}."),
        (step(0, "  "), "there is neither text nor content."),
        (step(0, "see {link}"), "“{link}” needs a content piece to lead to."),
        (step(0, "the CHEAPEST tea"), "“cheapest” is a sensitive word."),
        (step(None, "x"), "say either how many minutes after the start, or on which day."),
    ],
)
def test_what_cannot_be_published_says_why(business: Business, bad: SopStep, fault: str) -> None:
    with business.scope():
        ground.set_pace(sensitive_words=["cheapest"])
        bad.position = 1

        with pytest.raises(ValidationError) as error:
            sops.check([bad])

    assert error.value.message_dict == {"steps": [f"Step 1: {fault}"]}


def test_a_script_without_steps_cannot_be_published(business: Business) -> None:
    with business.scope():
        sop = Sop.objects.create(name="Empty")

        with pytest.raises(ValidationError, match="There is no step yet"):
            sops.publish(sop)
        sop.refresh_from_db()
        assert sop.status == "draft"


def test_status_changes_are_refused_out_of_order(business: Business) -> None:
    with business.scope():
        sop = Sop.objects.create(name="S")
        sops.write_steps(sop, [step()])
        refused(sop, sops.pause, sops.resume)
        sops.publish(sop)
        refused(sop, sops.publish, sops.resume)
        sops.pause(sop)
        refused(sop, sops.pause)
        sops.resume(sop)
        sop.refresh_from_db()
        assert sop.status == "active"


def refused(sop: Sop, *verbs: Callable[[Sop], object]) -> None:
    for verb in verbs:
        with pytest.raises(sops.WrongStatus):
            verb(sop)


# --- entering ---


def test_steps_are_planned_from_the_moment_of_the_event(business: Business) -> None:
    at = timezone.now() - timedelta(hours=3)
    with business.scope():
        script("Start", step(30), step(None, day=2, at_time=time(10)))
        ground.friend(business.staff["sales"], at=at)

        dues = list(Touch.objects.order_by("id").values_list("due_at", flat=True))
        day = at.astimezone(SHANGHAI).date() + timedelta(days=2)
        assert dues == [
            at + timedelta(minutes=30),
            datetime.combine(day, time(10), tzinfo=SHANGHAI),
        ]
        keys = list(Touch.objects.values_list("key", flat=True))
        assert len(set(keys)) == 2
        assert all(key.startswith("sop:") for key in keys)


def test_once_an_event_whatever_is_repeated(business: Business) -> None:
    with business.scope():
        script("Start", step())
        contact = ground.friend(business.staff["sales"])
        Event.objects.filter(contact=contact).update(handled_at=None)
        timeline.drain_all()

        assert (Enrolment.objects.count(), Touch.objects.count()) == (1, 1)
        assert ground.kinds_of(contact, "sop.") == ["sop.entered"]


def test_history_starts_nothing(business: Business) -> None:
    with business.scope():
        script("Start", step())
        ground.friend(business.staff["sales"], at=timezone.now() - timedelta(hours=25))
        ground.friend(business.staff["sales"], at=timezone.now() - timedelta(hours=23))

        assert Enrolment.objects.count() == 1


def test_drafts_and_paused_scripts_take_nobody(business: Business) -> None:
    with business.scope():
        draft = Sop.objects.create(name="Draft")
        sops.write_steps(draft, [step()])
        sops.pause(script("Paused", step()))
        ground.friend(business.staff["sales"])

        assert Enrolment.objects.count() == 0


def test_only_channel_and_only_live_code(business: Business) -> None:
    with business.scope():
        ads, fair = Channel.objects.create(name="Ads"), Channel.objects.create(name="Fair")
        script("For ads", step(), channel=ads)
        script("For all", step())
        contact = ground.friend(business.staff["sales"])
        Contact.objects.filter(pk=contact.pk).update(channel=ads)
        happen(contact, "follow.opened", staff="owner1")
        stranger = ground.friend(business.staff["sales"])
        Contact.objects.filter(pk=stranger.pk).update(channel=fair)
        happen(stranger, "follow.opened", staff="owner1")

        found = Enrolment.objects.order_by("id").values_list("contact_id", "sop__name")
        assert list(found) == [
            (contact.pk, "For all"),
            (contact.pk, "For ads"),
            (stranger.pk, "For all"),
        ]


def test_any_event_may_start_a_script(business: Business) -> None:
    with business.scope():
        script("Quiz", step(), trigger="quiz.answered")
        contact = ground.friend(business.staff["sales"])
        happen(contact, "quiz.answered")

        touch = Touch.objects.get()
        assert (touch.contact_id, touch.staff_id) == (contact.pk, business.staff["sales"].pk)


def test_the_excluded_do_not_enter(business: Business) -> None:
    with business.scope():
        script("Quiz", step(), trigger="quiz.answered")
        contact = ground.friend(business.staff["sales"])
        Contact.objects.filter(pk=contact.pk).update(excluded=True)
        happen(contact, "quiz.answered")

        assert Enrolment.objects.count() == 0


# --- leaving ---


def test_a_reply_ends_a_script_that_says_so(business: Business) -> None:
    with business.scope():
        script("Polite", step(60), leave_on_reply=True)
        script("Stubborn", step(60))
        contact = ground.friend(business.staff["sales"])
        happen(contact, "message.received")

        assert sorted(run_states()) == [("left", "replied"), ("running", "")]
        assert sorted(ground.states()) == [("cancelled", "replied"), ("planned", "")]
        left = Event.objects.get(kind="sop.left")
        assert left.properties == {"sop": "Polite", "reason": "replied", "by": "replied"}


def test_a_reply_from_before_the_start_ends_nothing(business: Business) -> None:
    with business.scope():
        script("Polite", step(60), leave_on_reply=True)
        contact = ground.friend(business.staff["sales"])
        happen(contact, "message.received", at=timezone.now() - timedelta(hours=1))

        assert run_states() == [("running", "")]


def test_an_order_ends_it_by_event_or_by_the_order_itself(business: Business) -> None:
    with business.scope():
        ground.no_pace()
        script("Sell", step(0), step(60))
        told, quiet = (ground.friend(business.staff["sales"]) for _ in range(2))
        happen(told, "order.paid")
        Order.objects.create(
            order_id="o1",
            contact=quiet,
            status="paid",
            paid_at=timezone.now(),
            amount_fen=100,
        )
    dispatch.run(business.pk)
    with business.scope():
        assert run_states() == [("left", "ordered"), ("left", "ordered")]
        assert set(ground.states()) == {("cancelled", "ordered")}


# --- when a friendship ends ---


def test_touches_move_to_another_friend_the_owner_first(business: Business) -> None:
    with business.scope():
        script("Start", step(60))
        contact = ground.friend(business.staff["sales"])
        happen(contact, "follow.opened", staff="admin1")
        happen(contact, "follow.opened", staff="owner1", at=timezone.now() - timedelta(days=2))
        Contact.objects.filter(pk=contact.pk).update(owner=business.staff["owner"])
        happen(contact, "follow.ended", staff="sales1", by="customer")

        touch, run = Touch.objects.get(), Enrolment.objects.get()
        follow = Follow.objects.get(staff=business.staff["owner"])
        assert (touch.state, touch.staff_id) == ("planned", business.staff["owner"].pk)
        assert (touch.follow_id, run.follow_id, run.state) == (follow.pk, follow.pk, "running")


def test_touches_are_cancelled_without_another_friend(business: Business) -> None:
    with business.scope():
        script("Start", step(60), step(90))
        contact = ground.friend(business.staff["sales"])
        happen(contact, "follow.ended", staff="sales1", by="staff")

        assert run_states() == [("left", "follow_ended")]
        assert ground.states() == [("cancelled", "follow_ended")] * 2


def test_an_open_task_goes_with_the_friendship(business: Business) -> None:
    with business.scope():
        ground.no_pace()
        script("Start", step(0, "Call {name}", route="staff_task"))
        contact = ground.friend(business.staff["sales"])
        happen(contact, "follow.opened", staff="admin1")
    dispatch.run(business.pk)
    with business.scope():
        happen(contact, "follow.ended", staff="sales1", by="customer")

        assert StaffTask.objects.get().staff_id == business.staff["admin"].pk
        happen(contact, "follow.ended", staff="admin1", by="customer")
        assert StaffTask.objects.get().state == "cancelled"
        assert ground.states() == [("cancelled", "follow_ended")]


def test_others_go_on_when_one_friendship_ends(business: Business) -> None:
    with business.scope():
        script("Start", step(60))
        ends, stays = (ground.friend(business.staff["sales"]) for _ in range(2))
        happen(ends, "follow.ended", staff="sales1", by="customer")

        assert Touch.objects.get(contact=stays).state == "planned"


# --- pause, preview, report ---


def test_pause_holds_and_resume_lets_go(business: Business) -> None:
    with business.scope():
        ground.no_pace()
        sop = script("Start", step(0), step(0, "two"))
        ground.friend(business.staff["sales"])
        assert sops.pause(sop) == 2
    dispatch.run(business.pk)
    with business.scope():
        assert dispatch.next_due() is None
        assert ground.states() == [("planned", "")] * 2
        assert sops.resume(sop) == 2
    dispatch.run(business.pk)
    with business.scope():
        assert ground.states() == [("sent", "")] * 2


def test_a_pause_between_claim_and_check_holds_too(business: Business) -> None:
    with business.scope():
        ground.no_pace()
        sop = script("Start", step(0))
        ground.friend(business.staff["sales"])
        Sop.objects.filter(pk=sop.pk).update(status="paused")
    dispatch.run(business.pk)
    with business.scope():
        touch = Touch.objects.get()
        assert (touch.state, touch.held, touch.reason) == ("planned", True, "sop_paused")


def test_a_preview_shows_dates_and_pace(business: Business) -> None:
    started = datetime(2026, 3, 2, 20, 0, tzinfo=SHANGHAI)
    with business.scope():
        sop = script("Start", step(0), step(120), step(None, day=1, at_time=time(9)))
        seen = sops.preview(sop, started)

    assert [(s.position, one.due_at, one.action.at, one.action.reason) for s, one in seen] == [
        (1, started, started, ""),
        (2, started + timedelta(hours=2), datetime(2026, 3, 3, 8, 30, tzinfo=SHANGHAI), ""),
        (3, *[datetime(2026, 3, 3, 9, 0, tzinfo=SHANGHAI)] * 2, ""),
    ]


def test_a_report_counts_people_and_steps(business: Business) -> None:
    with business.scope():
        ground.no_pace()
        ground.set_pace(sensitive_words=["forbidden"])
        sop = script("Start", step(0), step(0, "for {name}"), step(6000))
        ground.friend(business.staff["sales"], "Forbidden")
        ground.friend(business.staff["sales"], "Fine")
    dispatch.run(business.pk)
    with business.scope():
        gone = ground.friend(business.staff["sales"])
        happen(gone, "follow.ended", staff="sales1", by="customer")
        found = sops.report(sop)

    assert (found.entered, found.running, found.done, found.left) == (3, 2, 0, {"follow_ended": 1})
    assert [(s.position, s.states, s.reasons) for s in found.steps] == [
        (1, {"sent": 1, "skipped": 1, "cancelled": 1}, {"sensitive_word": 1, "follow_ended": 1}),
        (2, {"sent": 1, "skipped": 1, "cancelled": 1}, {"sensitive_word": 1, "follow_ended": 1}),
        (3, {"planned": 2, "cancelled": 1}, {"follow_ended": 1}),
    ]


def test_an_import_of_many_starts_nothing_and_costs_one_question(business: Business) -> None:
    with business.scope():
        script("Start", step())
        contact = ground.friend(business.staff["sales"])
        old = timezone.now() - timedelta(days=9)
        rows = [
            NewEvent(contact.pk, "follow.opened", old, "import", f"i{n}", {"staff": "sales1"})
            for n in range(50)
        ]
        timeline.record(rows)
        timeline.drain_all()

        assert Enrolment.objects.count() == 1
