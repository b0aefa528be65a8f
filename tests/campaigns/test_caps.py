"""One pace for all: touches count broadcasts, and broadcasts count touches."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.db import connections
from django.utils import timezone

from campaigns.models import Broadcast, BroadcastRecipient
from contacts.models import Contact, Follow
from journeys import dispatch
from journeys.models import Touch
from tests.campaigns.conftest import Shop
from tests.journeys import ground
from tests.journeys.ground import happen, script, step

pytestmark = pytest.mark.usefixtures("in_english")


def touch(shop: Shop, name: str, kind: str = "service") -> tuple[str, str]:
    """A touch of a test route for this contact; answers what became of it."""
    with shop.business.scope():
        contact = Contact.objects.get(name=name)
        rang = f"test.rang{Touch.objects.count()}"
        script(f"Script {rang}", step(0, "Hi", kind=kind), trigger=rang)
        staff = Follow.objects.filter(contact=contact, ended_at=None).earliest("id").staff
        happen(contact, rang, staff=staff.userid)
    dispatch.run(shop.business.pk)
    with shop.business.scope():
        last = Touch.objects.filter(contact=contact).latest("id")
        return last.state, last.reason


def pace(shop: Shop, **caps: int) -> None:
    with shop.business.scope():
        ground.no_pace()
        ground.set_pace(**caps)


def test_a_broadcast_counts_against_the_day_of_a_script(shop: Shop) -> None:
    pace(shop, per_contact_day=1)
    shop.start()
    shop.work()

    waiting = touch(shop, "Ding")
    shop.confirm()
    shop.poll()
    delivered = touch(shop, "Ding")

    assert waiting == delivered == ("skipped", "contact_day_cap")


def test_one_that_was_cancelled_or_did_not_arrive_does_not_count(shop: Shop) -> None:
    pace(shop, per_contact_day=1)
    shop.start()
    shop.work()
    with shop.business.scope():
        BroadcastRecipient.objects.filter(contact__name="Ding").update(state="not_friend")
        BroadcastRecipient.objects.filter(contact__name="Eve").update(state="cancelled")

    assert touch(shop, "Ding") == ("sent", "")
    assert touch(shop, "Eve") == ("sent", "")


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("promotion", ("skipped", "promotion_cap")), ("service", ("sent", ""))],
)
def test_promotions_count_by_their_kind(shop: Shop, kind: str, expected: tuple[str, str]) -> None:
    pace(shop, promotions_per_week=1)
    shop.start(kind=kind)
    shop.work()

    assert touch(shop, "Ding", "promotion") == expected


def test_last_weeks_broadcast_is_over(shop: Shop) -> None:
    pace(shop, per_contact_week=1, per_contact_day=1)
    row = shop.start()
    shop.work()
    shop.confirm()
    shop.poll()
    long_ago = timezone.now() - timedelta(days=8)
    with shop.business.scope():
        Broadcast.objects.filter(pk=row.pk).update(frozen_at=long_ago)
        BroadcastRecipient.objects.update(settled_at=long_ago)

    assert touch(shop, "Ding") == ("sent", "")


@pytest.mark.parametrize(
    ("caps", "kind", "left_out"),
    [
        ({"per_contact_day": 1}, "service", True),
        ({"per_contact_week": 1}, "service", True),
        ({"promotions_per_week": 1}, "promotion", True),
        ({"promotions_per_week": 1}, "greeting", False),
    ],
)
def test_a_broadcast_leaves_out_who_had_enough_of_scripts(
    shop: Shop, *, caps: dict[str, int], kind: str, left_out: bool
) -> None:
    pace(shop, **caps)
    assert touch(shop, "Ding", "promotion") == ("sent", "")

    row = shop.start(kind=kind)
    shop.work()

    assert ("Ding" in shop.states()) is not left_out
    assert "Eve" in shop.states()
    assert shop.fresh(row).left_out.get("pace", 0) == int(left_out)


def test_a_second_broadcast_counts_the_first(shop: Shop) -> None:
    pace(shop, promotions_per_week=1)
    shop.start()
    shop.work()
    everybody = len(shop.states())

    row = shop.start()
    shop.work()

    assert shop.fresh(row).left_out["pace"] == everybody
    assert shop.fresh(row).state == "failed"  # nobody is left


def test_a_broadcast_and_a_script_at_once_keep_the_cap(shop: Shop) -> None:
    """Both judge under one lock: whoever comes second counts the first."""
    pace(shop, per_contact_day=1)
    with shop.business.scope():
        script("Both", step(0, "Hi"), trigger="test.rang")
        for contact in Contact.objects.filter(name__in=shop.people):
            happen(contact, "test.rang", staff="amy")
    shop.start()
    gate = threading.Barrier(2)
    problems: list[BaseException] = []

    def run(work: object) -> None:
        try:
            gate.wait(timeout=10)
            work()  # type: ignore[operator] # given below
        except BaseException as error:
            problems.append(error)
        finally:
            connections.close_all()

    both = [lambda: dispatch.run(shop.business.pk), shop.work]
    threads = [threading.Thread(target=run, args=[one]) for one in both]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)

    assert problems == []
    with shop.business.scope():
        for contact in Contact.objects.filter(name__in=shop.people):
            touches = Touch.objects.filter(contact=contact, state="sent").count()
            mass = BroadcastRecipient.objects.filter(contact=contact, state="waiting").count()
            assert touches + mass <= 1, contact.name
