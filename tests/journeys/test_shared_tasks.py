"""Touches that say the same through the same member are one mass task; nobody is written twice.

The sandbox's journal is the witness of what the platform took on, and for whom.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.conf import settings
from django.db import connections
from django.utils import timezone

from contacts import messaging
from contacts.messaging import mass_tasks
from contacts.models import Contact, Identity
from journeys import dispatch, enrolments, gathering, outcomes, shared_sends
from journeys.models import Enrolment, SharedTask, SopStep, Touch
from tests.conftest import Business
from tests.journeys import ground
from tests.journeys.ground import Platform, script, step

LATER = timedelta(minutes=2)


class Killed(BaseException):
    """As if the process died here."""


@pytest.fixture
def world() -> Iterator[Platform]:
    with ground.platform() as found:
        yield found


def mass(text: str = "The same to all", **fields: object) -> SopStep:
    return step(0, text, route="mass_task", **fields)


def enrolled(
    business: Business, world: Platform, *steps: SopStep, people: int, guides: int = 1
) -> list[Contact]:
    with business.scope():
        ground.no_pace()
        ground.connect(world)
        script("Script", *(steps or (mass(),)))
        staff = [world.staff(f"guide{n}") for n in range(guides)]
        return [
            world.friend(staff[n % guides], f"Friend {n}", at=ground.an_hour_ago())
            for n in range(people)
        ]


def states(business: Business) -> Counter[tuple[str, str]]:
    with business.scope():
        return Counter(ground.states())


def taken(world: Platform) -> list[list[str]]:
    """The customers of every task that the platform took on, whatever it answered."""
    return [
        list(call["body"]["external_userid"])
        for call in world.calls()
        if call["errcode"] == 0 and call["answer"].get("msgid")
    ]


def everybody(world: Platform) -> list[str]:
    return sorted(customer for task in taken(world) for customer in task)


def customers(business: Business) -> list[str]:
    with business.scope():
        return sorted(Identity.objects.values_list("value", flat=True))


def confirm(business: Business, world: Platform) -> None:
    """The members confirm what they have on their phones."""
    with business.scope():
        waiting = SharedTask.objects.filter(state="waiting")
        for msgid in list(waiting.values_list("provider_id", flat=True)):
            world.steer.post("act/confirm_task", corpid=world.corpid, msgid=msgid)


def got(world: Platform, contact: Contact) -> list[str]:
    """What stands in the customer's chat."""
    customer = contact.customer  # type: ignore[attr-defined] # set by the ground
    person = world.steer.get(f"customers/{customer}")
    return [str(one["text"]) for one in person["messages"] if one["kind"] == "mass"]


# --- one task ---


def test_fifty_customers_of_a_guide_are_one_task_to_confirm(
    business: Business, world: Platform
) -> None:
    people = enrolled(business, world, people=50)

    dispatch.run(business.pk)

    assert states(business) == {("awaiting_staff", ""): 50}
    (task,) = taken(world)
    assert sorted(task) == customers(business)
    with business.scope():
        assert Touch.objects.values("key").distinct().count() == 50
        shared = SharedTask.objects.get()
        assert (shared.state, shared.size) == ("waiting", 50)
    confirm(business, world)
    outcomes.follow_up(business.pk, timezone.now() + LATER)
    assert states(business) == {("delivered", ""): 50}
    assert all(got(world, one) == ["The same to all"] for one in people)
    with business.scope():
        assert dispatch.next_due() is None
        assert set(Enrolment.objects.values_list("state", flat=True)) == {"done"}


def test_other_words_steps_and_members_are_other_tasks(business: Business, world: Platform) -> None:
    enrolled(business, world, mass(), mass("Hello {name}"), mass(), people=4, guides=2)

    dispatch.run(business.pk)

    # Two guides with two customers: two steps that say the same to all, one that names each.
    assert Counter(len(task) for task in taken(world)) == {2: 4, 1: 4}
    assert states(business) == {("awaiting_staff", ""): 12}


def test_a_task_waits_a_little_for_more(
    business: Business, world: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "TOUCH_GATHER_S", 60)
    enrolled(business, world, people=2)
    dispatch.run(business.pk)
    assert states(business) == {("claimed", ""): 2}
    with business.scope():
        due = SharedTask.objects.get().due_at
        assert due is not None
        assert timedelta(0) < due - timezone.now() <= timedelta(seconds=60)
        assert dispatch.next_due() == due
        world.friend(world.staff("guide0"), "Late", at=ground.an_hour_ago())
    dispatch.run(business.pk)
    assert taken(world) == []

    with business.scope():
        SharedTask.objects.update(due_at=timezone.now())
    dispatch.run(business.pk)

    assert [len(task) for task in taken(world)] == [3]
    assert states(business) == {("awaiting_staff", ""): 3}


def test_no_task_has_more_customers_than_the_platform_takes(
    business: Business, world: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gathering, "RECIPIENTS_LIMIT", 2)
    enrolled(business, world, people=5)

    dispatch.run(business.pk)

    assert sorted(len(task) for task in taken(world)) == [1, 2, 2]
    assert everybody(world) == customers(business)


@pytest.mark.parametrize("stop", ["exclude", "leave"])
def test_who_is_stopped_while_it_gathers_is_left_out(
    business: Business, world: Platform, monkeypatch: pytest.MonkeyPatch, stop: str
) -> None:
    monkeypatch.setattr(settings, "TOUCH_GATHER_S", 60)
    first, *_rest = enrolled(business, world, people=3)
    dispatch.run(business.pk)
    with business.scope():
        if stop == "exclude":
            Contact.objects.filter(pk=first.pk).update(excluded=True)
        else:
            enrolments.leave({Enrolment.objects.get(contact=first).pk: "replied"})
        SharedTask.objects.update(due_at=timezone.now())

    dispatch.run(business.pk)
    dispatch.run(business.pk)

    assert [len(task) for task in taken(world)] == [2]
    ended = ("skipped", "excluded") if stop == "exclude" else ("cancelled", "replied")
    assert states(business) == {("awaiting_staff", ""): 2, ended: 1}


# --- never twice ---


def test_two_workers_write_to_nobody_twice(
    business: Business, world: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatch, "CLAIM", 3)
    enrolled(business, world, people=24, guides=2)
    gate = threading.Barrier(2)
    problems: list[BaseException] = []

    def worker() -> None:
        try:
            gate.wait(timeout=10)
            dispatch.run(business.pk)
        except BaseException as error:
            problems.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=worker) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    dispatch.run(business.pk)

    assert problems == []
    assert everybody(world) == customers(business)
    assert states(business) == {("awaiting_staff", ""): 24}


@pytest.mark.parametrize("moment", ["gathered", "frozen", "called"])
def test_a_worker_that_is_killed_neither_loses_nor_repeats(
    business: Business, world: Platform, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    """After the claim and before its audience is settled; before the call; after the call."""
    enrolled(business, world, people=4)
    send = messaging.send

    def die(*given: object) -> None:
        if moment == "called":
            send(*given)  # type: ignore[arg-type] # as it was called
        raise Killed

    with monkeypatch.context() as patch:
        if moment == "gathered":
            patch.setattr(shared_sends, "send_due", die)
        else:
            patch.setattr(messaging, "send", die)
        with pytest.raises(Killed):
            dispatch.run(business.pk)
    left = "claimed" if moment == "gathered" else "sending"
    assert states(business) == {(left, ""): 4}
    assert len(taken(world)) == (1 if moment == "called" else 0)
    if moment != "gathered":
        dispatch.run(business.pk)
        assert states(business) == {("sending", ""): 4}  # its lease holds

    monkeypatch.setattr(mass_tasks, "LIST_LAG", timedelta(0))
    outcomes.follow_up(business.pk, timezone.now() + LATER)
    dispatch.run(business.pk)

    assert states(business) == {("awaiting_staff", ""): 4}
    (task,) = taken(world)
    assert sorted(task) == customers(business)


@pytest.mark.parametrize("fault", ["reset_after", "truncated_json", "html_200"])
def test_a_lost_answer_is_looked_up_for_all(
    business: Business, world: Platform, fault: str
) -> None:
    enrolled(business, world, people=3)
    world.fault(fault)
    dispatch.run(business.pk)
    assert states(business) == {("unknown", ""): 3}
    with business.scope():
        assert not outcomes.settle_by_hand(Touch.objects.earliest("id"), sent=False)
    world.calm()

    outcomes.follow_up(business.pk, timezone.now() + LATER)
    dispatch.run(business.pk)

    assert states(business) == {("awaiting_staff", ""): 3}
    assert len(taken(world)) == 1
    assert len(world.calls("get_groupmsg_list_v2")) == 1


def test_a_busy_platform_puts_all_off_and_they_meet_again(
    business: Business, world: Platform
) -> None:
    enrolled(business, world, people=3)
    world.fault("errcode", errcode=-1, first=1)
    dispatch.run(business.pk)
    put_off = states(business)
    world.calm()
    with business.scope():
        Touch.objects.update(due_at=timezone.now())
    dispatch.run(business.pk)

    assert put_off == {("planned", "provider_busy"): 3}
    assert [len(task) for task in taken(world)] == [3]


# --- not all of them ---


def test_one_who_cannot_be_written_to_does_not_hold_up_the_others(
    business: Business, world: Platform
) -> None:
    first, *_rest = enrolled(business, world, people=3)
    customer = first.customer  # type: ignore[attr-defined] # set by the ground
    world.steer.post(
        "act/customer_deletes", corpid=world.corpid, userid="guide0", customer=customer
    )

    dispatch.run(business.pk)

    assert states(business) == {("awaiting_staff", ""): 2, ("failed", "not_sendable"): 1}


def test_a_customer_whom_the_platform_does_not_know_fails_alone(
    business: Business, world: Platform
) -> None:
    """WeCom may refuse the whole task for one bad id: then halves are asked for."""
    enrolled(business, world, people=4)
    world.fault("errcode", errcode=40096, first=2)

    dispatch.run(business.pk)

    # All four, then the first two, are refused; these two go out one by one, the others at once.
    assert states(business) == {("awaiting_staff", ""): 4}
    assert sorted(len(task) for task in taken(world)) == [1, 1, 2]
    assert everybody(world) == customers(business)


def test_the_api_tells_how_many_share_a_task(business: Business, world: Platform) -> None:
    enrolled(business, world, people=2)
    dispatch.run(business.pk)

    found = business.api().get("/api/v1/touches").json()["results"]

    assert [touch["task_size"] for touch in found] == [2, 2]
