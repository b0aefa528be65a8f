"""One is called back from a task that many share, or it is reminded of: the others lose nothing."""

from __future__ import annotations

from django.utils import timezone

from journeys import dispatch, enrolments, outcomes, recalls
from journeys.models import Enrolment, Touch
from tests.conftest import Business
from tests.journeys.ground import Platform
from tests.journeys.test_shared_tasks import LATER, confirm, enrolled, got, states, taken, world

__all__ = ["world"]


def test_one_customer_is_called_back_and_the_others_get_a_new_task(
    business: Business, world: Platform
) -> None:
    first, *rest = enrolled(business, world, people=3)
    dispatch.run(business.pk)
    with business.scope():
        enrolments.leave({Enrolment.objects.get(contact=first).pk: "replied"})

    outcomes.follow_up(business.pk)
    waiting = states(business)
    dispatch.run(business.pk)
    assert len(taken(world)) == 1  # results lag: nobody is written to again before it is sure
    outcomes.follow_up(business.pk, timezone.now() + LATER)
    dispatch.run(business.pk)
    confirm(business, world)
    outcomes.follow_up(business.pk, timezone.now() + LATER)

    assert waiting == {("awaiting_staff", ""): 2, ("awaiting_staff", "replied"): 1}
    assert states(business) == {("delivered", ""): 2, ("cancelled", "replied"): 1}
    assert [len(task) for task in taken(world)] == [3, 2]
    assert got(world, first) == []
    assert all(got(world, one) == ["The same to all"] for one in rest)


def test_what_was_confirmed_before_it_was_called_back_is_not_sent_again(
    business: Business, world: Platform
) -> None:
    """The member's confirmation shows only after a while, as the platform's does."""
    people = enrolled(business, world, people=3)
    world.steer.post("settings", result_lag_s=[60, 60])
    dispatch.run(business.pk)
    confirm(business, world)
    with business.scope():
        assert recalls.call_back(Touch.objects.earliest("id"))

    outcomes.follow_up(business.pk)
    dispatch.run(business.pk)
    world.steer.post("clock", advance_s=61)
    outcomes.follow_up(business.pk, timezone.now() + LATER)
    dispatch.run(business.pk)

    assert states(business) == {("delivered", ""): 3}
    assert len(taken(world)) == 1
    assert all(len(got(world, one)) == 1 for one in people)


def test_who_is_called_back_while_it_is_parted_gets_nothing(
    business: Business, world: Platform
) -> None:
    enrolled(business, world, people=3)
    dispatch.run(business.pk)
    with business.scope():
        first, second, _third = Touch.objects.order_by("id")
        assert recalls.call_back(first)
    outcomes.follow_up(business.pk)
    with business.scope():
        assert not recalls.may_remind(second)
        assert recalls.call_back(second)

    outcomes.follow_up(business.pk, timezone.now() + LATER)
    dispatch.run(business.pk)

    assert states(business) == {("cancelled", "task_cancelled"): 2, ("awaiting_staff", ""): 1}
    assert [len(task) for task in taken(world)] == [3, 1]


def test_a_task_that_cannot_be_called_back_goes_on(business: Business, world: Platform) -> None:
    enrolled(business, world, people=2)
    dispatch.run(business.pk)
    world.fault("errcode", path="*cancel_groupmsg_send", errcode=40058)
    with business.scope():
        assert recalls.call_back(Touch.objects.earliest("id"))

    outcomes.follow_up(business.pk)
    confirm(business, world)
    outcomes.follow_up(business.pk, timezone.now() + LATER)

    assert states(business) == {("delivered", ""): 2}
    assert len(taken(world)) == 1


def test_a_reminder_is_the_tasks(business: Business, world: Platform) -> None:
    enrolled(business, world, people=2)
    dispatch.run(business.pk)

    for number in range(3):
        with business.scope():
            assert recalls.remind(Touch.objects.order_by("id")[number % 2])
        outcomes.follow_up(business.pk)

    assert len(world.calls("remind_groupmsg_send")) == 3
    with business.scope():
        assert not any(recalls.may_remind(touch) for touch in Touch.objects.all())
