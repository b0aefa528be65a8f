"""Dispatch against the sandbox: never twice, whatever it answers; its journal is the witness."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.conf import settings
from django.utils import timezone

from contacts import messaging
from contacts.messaging import mass_tasks
from contacts.models import Contact, Event, Identity
from journeys import dispatch, enrolments, outcomes, shared_results, sops
from journeys.models import Enrolment, Link, SharedTask, Sop, SopStep, Touch
from tenants.models import WeChatAccount
from tenants.wechat import client
from tests.conftest import Business
from tests.journeys import ground
from tests.journeys.ground import Platform, happen, script, step

LATER = timedelta(minutes=2)


@pytest.fixture
def world() -> Iterator[Platform]:
    with ground.platform() as found:
        yield found


def mass(text: str = "Hello {name}", **fields: object) -> SopStep:
    return step(0, text, route="mass_task", **fields)


def enrolled(
    business: Business, world: Platform, *steps: SopStep, people: int = 1
) -> list[Contact]:
    with business.scope():
        ground.no_pace()
        ground.connect(world)
        script("Script", *steps)
        guide = world.staff("guide")
        return [world.friend(guide, f"Friend {n}", at=ground.an_hour_ago()) for n in range(people)]


def seen(business: Business) -> list[tuple[str, str]]:
    with business.scope():
        return ground.states()


def due_now(business: Business) -> None:
    """The waiting is over: what was put off is due."""
    with business.scope():
        Touch.objects.filter(state="planned").update(due_at=timezone.now())


def test_a_message_waits_for_staff_and_is_delivered_by_fact(
    business: Business, world: Platform
) -> None:
    with business.scope():
        piece = ground.article(url="https://example.com/")
    (contact,) = enrolled(business, world, mass("Hi {name}", content=piece))
    dispatch.run(business.pk)

    with business.scope():
        touch, link = Touch.objects.get(), Link.objects.get()
        text = f"Hi Friend 0\n{settings.BASE_URL}/l/{link.code}"
        external = Identity.objects.get(contact=contact).value
        assert (touch.state, touch.sent_at, touch.delivered_at) == ("awaiting_staff", None, None)
        assert touch.request is not None
        assert touch.request["text"] == text
        assert touch.provider_id.startswith("msg")
        assert ground.kinds_of(contact, "touch.") == []
    assert world.tasks() == [(external, text)]

    outcomes.follow_up(business.pk, timezone.now() + LATER)
    assert seen(business) == [("awaiting_staff", "")]

    world.steer.post("act/confirm_task", corpid=world.corpid, msgid=touch.provider_id)
    outcomes.follow_up(business.pk, timezone.now() + 2 * LATER)
    with business.scope():
        touch = Touch.objects.get()
        assert touch.state == "delivered"
        assert touch.sent_at == touch.delivered_at != None  # noqa: E711 - both, and known
        events = Event.objects.filter(kind__startswith="touch.").order_by("id")
        assert [(e.kind, e.at) for e in events] == [
            ("touch.sent", touch.sent_at),
            ("touch.delivered", touch.delivered_at),
        ]
        assert Enrolment.objects.get().state == "done"
        assert dispatch.next_due() is None


@pytest.mark.parametrize(
    ("quota", "first", "second"),
    [
        ("month_days", ("failed", "not_a_friend"), ("failed", "not_a_friend")),
        ("day1", ("delivered", ""), ("failed", "platform_quota")),
    ],
)
def test_what_did_not_arrive_is_failed(
    business: Business,
    world: Platform,
    quota: str,
    first: tuple[str, str],
    second: tuple[str, str],
) -> None:
    (contact,) = enrolled(business, world, mass("one"), mass("two"))
    world.steer.post("settings", mass_quota=quota)
    dispatch.run(business.pk)
    with business.scope():
        ids = list(Touch.objects.order_by("id").values_list("provider_id", flat=True))
    if first[0] == "failed":
        customer = contact.customer  # type: ignore[attr-defined] # set by the ground
        world.steer.post(
            "act/customer_deletes", corpid=world.corpid, userid="guide", customer=customer
        )
    for msgid in ids:
        world.steer.post("act/confirm_task", corpid=world.corpid, msgid=msgid)

    outcomes.follow_up(business.pk, timezone.now() + LATER)

    assert seen(business) == [first, second]


# --- faults before acceptance: it waits ---


def test_45009_waits_and_asks_once_for_all(business: Business, world: Platform) -> None:
    enrolled(business, world, mass(), people=3)
    world.fault("errcode", errcode=45009, errmsg="api freq out of limit")
    before = timezone.now()
    dispatch.run(business.pk)

    with business.scope():
        assert ground.states() == [("planned", "provider_busy")] * 3
        assert all(t.due_at > before + timedelta(seconds=50) for t in Touch.objects.all())
        assert all(t.sending_at is None for t in Touch.objects.all())
    assert len(world.calls()) == 1  # the breaker spares the account
    assert world.tasks() == []


def test_after_a_busy_platform_it_goes_out_once(business: Business, world: Platform) -> None:
    enrolled(business, world, mass())
    world.fault("errcode", errcode=-1, first=2)
    for _ in range(3):
        due_now(business)
        dispatch.run(business.pk)

    assert seen(business) == [("awaiting_staff", "")]
    assert len(world.calls()) == 3
    assert len(world.tasks()) == 1


def test_a_refusal_is_final(business: Business, world: Platform) -> None:
    (contact,) = enrolled(business, world, mass())
    world.fault("errcode", errcode=41048)
    dispatch.run(business.pk)

    assert seen(business) == [("failed", "refused:41048")]
    with business.scope():
        assert ground.kinds_of(contact, "touch.") == ["touch.failed"]
        assert Enrolment.objects.get().state == "done"


def test_a_wrong_secret_stops_the_account_for_a_while(business: Business, world: Platform) -> None:
    enrolled(business, world, mass(), people=3)
    with business.scope():
        account = WeChatAccount.objects.get()
        account.secret = "not the secret"
        account.save()
    dispatch.run(business.pk)

    assert seen(business) == [("planned", "account_problem")] * 3
    assert len(world.calls("gettoken")) == 2  # ours in the ground, and one of the product
    assert world.tasks() == []


def test_without_account_or_identity_it_is_skipped(business: Business, world: Platform) -> None:
    enrolled(business, world, mass(), people=2)
    with business.scope():
        Identity.objects.filter(contact=Contact.objects.earliest("id")).delete()
    dispatch.run(business.pk)

    assert sorted(seen(business)) == [("awaiting_staff", ""), ("skipped", "no_identity")]
    with business.scope():
        WeChatAccount.objects.update(active=False)
        happen(Contact.objects.latest("id"), "follow.ended", staff="guide", by="staff")
        Touch.objects.filter(state="skipped").update(state="planned")
        Enrolment.objects.update(state="running")
    dispatch.run(business.pk)
    assert ("skipped", "no_account") in seen(business)


# --- faults after acceptance: never a blind resend ---


@pytest.mark.parametrize("fault", ["reset_after", "truncated_json", "html_200"])
def test_a_lost_answer_is_looked_up_and_found(
    business: Business, world: Platform, fault: str
) -> None:
    enrolled(business, world, mass())
    world.fault(fault)
    dispatch.run(business.pk)
    assert seen(business) == [("unknown", "")]

    for minutes in range(1, 4):
        outcomes.follow_up(business.pk, timezone.now() + minutes * LATER)
        dispatch.run(business.pk)

    assert seen(business) == [("awaiting_staff", "")]
    assert len(world.tasks()) == 1


def test_a_slow_platform_is_looked_up_too(
    business: Business, world: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    defaults = client.connect.__kwdefaults__
    assert defaults is not None
    monkeypatch.setitem(defaults, "timeout", (0.3, 0.3))
    enrolled(business, world, mass())
    world.fault("delay", delay_s=1.0, first=1)
    dispatch.run(business.pk)
    assert seen(business) == [("unknown", "")]
    while not world.tasks():  # the platform takes it on after we have hung up
        time.sleep(0.05)
    world.calm()

    outcomes.follow_up(business.pk, timezone.now() + LATER)

    assert seen(business) == [("awaiting_staff", "")]
    assert len(world.tasks()) == 1


def test_what_the_look_up_does_not_find_is_sent_again(
    business: Business, world: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    enrolled(business, world, mass())
    world.fault("http_502")  # the sandbox refuses before the effect, but who can know
    dispatch.run(business.pk)
    assert seen(business) == [("unknown", "")]
    world.calm()

    outcomes.follow_up(business.pk, timezone.now() + LATER)
    assert seen(business) == [("unknown", "")]  # the list may lag: too early to tell

    monkeypatch.setattr(mass_tasks, "LIST_LAG", timedelta(0))
    outcomes.follow_up(business.pk, timezone.now() + 2 * LATER)
    assert seen(business) == [("planned", "")]
    dispatch.run(business.pk)
    assert seen(business) == [("awaiting_staff", "")]
    assert len(world.tasks()) == 1


def test_the_same_words_twice_are_two_messages(business: Business, world: Platform) -> None:
    """The look-up for the second must not take the first for it."""
    enrolled(business, world, mass("Same"), mass("Same"))
    world.fault("reset_after", every=2)
    dispatch.run(business.pk)
    assert sorted(seen(business)) == [("awaiting_staff", ""), ("unknown", "")]

    outcomes.follow_up(business.pk, timezone.now() + LATER)

    with business.scope():
        ids = set(Touch.objects.values_list("provider_id", flat=True))
    assert seen(business) == [("awaiting_staff", "")] * 2
    assert len(ids) == 2
    assert len(world.tasks()) == 2


def test_a_look_up_that_never_settles_is_a_persons(business: Business, world: Platform) -> None:
    enrolled(business, world, mass())
    world.fault("reset_after")
    dispatch.run(business.pk)
    world.fault("errcode", path="*get_groupmsg_list_v2", errcode=48002)
    with business.scope():
        SharedTask.objects.update(asked_at=timezone.now() - shared_results.HOLD_AFTER)

    outcomes.follow_up(business.pk, timezone.now() + LATER)

    with business.scope():
        touch = Touch.objects.get()
        assert (touch.state, touch.reason) == ("unknown", "unsettled")
        assert not outcomes.is_looked_up(touch)
        assert dispatch.next_due() is None


def test_killed_after_freezing_is_unknown_then_settled(
    business: Business, world: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if the process died between the commit of `sending` and the answer."""

    class Killed(BaseException):
        pass

    def die(*_: object) -> None:
        raise Killed

    enrolled(business, world, mass())
    with monkeypatch.context() as patch:
        patch.setattr(messaging, "send", die)
        with pytest.raises(Killed):
            dispatch.run(business.pk)
    assert seen(business) == [("sending", "")]
    dispatch.run(business.pk)
    assert seen(business) == [("sending", "")]  # its lease holds
    assert world.tasks() == []

    monkeypatch.setattr(mass_tasks, "LIST_LAG", timedelta(0))
    outcomes.follow_up(business.pk, timezone.now() + LATER)
    dispatch.run(business.pk)

    assert seen(business) == [("awaiting_staff", "")]
    assert len(world.tasks()) == 1


# --- stop means stop ---


@pytest.mark.parametrize("stop", ["exclude", "pause", "leave", "part"])
def test_a_stop_in_mid_batch_stops_the_rest(
    business: Business, world: Platform, monkeypatch: pytest.MonkeyPatch, stop: str
) -> None:
    people = enrolled(business, world, mass(), people=3)
    send = messaging.send

    def send_and_stop(tenant_id: int, request: messaging.Request) -> messaging.Accepted:
        with business.scope():
            if stop == "exclude":
                Contact.objects.update(excluded=True)
            elif stop == "pause":
                if Sop.objects.get().status == "active":
                    sops.pause(Sop.objects.get())
            elif stop == "leave":
                enrolments.leave(
                    dict.fromkeys(Enrolment.objects.values_list("id", flat=True), "by_hand")
                )
            else:
                for person in people:
                    happen(person, "follow.ended", staff="guide", by="customer")
        return send(tenant_id, request)

    monkeypatch.setattr(messaging, "send", send_and_stop)
    dispatch.run(business.pk)

    assert len(world.tasks()) == 1
    rest = {
        "exclude": ("skipped", "excluded"),
        "pause": ("planned", "sop_paused"),
        "leave": ("cancelled", "by_hand"),
        "part": ("cancelled", "follow_ended"),
    }
    assert sorted(seen(business)) == sorted([("awaiting_staff", ""), *[rest[stop]] * 2])
