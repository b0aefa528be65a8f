"""Days of messages as columns: packed by the worker, unpacked by what is told later."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from analytics import facts
from analytics.models import DirtyContact, MessageDay
from campaigns.broadcasts import delivered
from campaigns.models import BroadcastBatch, BroadcastRecipient, BroadcastShare
from contacts import cascade, changes, tagging
from contacts.merging import merge, undo
from contacts.models import Contact, Merge, Tag
from journeys import ledger
from journeys.ledger import Move
from journeys.models import Touch
from tenants.models import Staff
from tenants.wechat.mass_sends import MassResult, MassStatus
from tests.analytics.test_touches import Ground, asked
from tests.conftest import Business

NOW = datetime.now(UTC).replace(microsecond=0)
DAY = timedelta(days=1)


@pytest.fixture
def ground(business: Business) -> Ground:
    """Ann and Bob got a service message each three days ago, Ann a promotion the day after it."""
    with business.scope():
        ground = Ground()
        ann, bob = (Contact.objects.create(external_id=name) for name in ("ann", "bob"))
        for contact in (ann, bob):
            ground.touch(contact, 1, NOW - 3 * DAY, "sent")
        ground.touch(ann, 2, NOW - 2 * DAY, "sent", kind="promotion")
        settle()
    return ground


def settle() -> None:
    facts.catch_up()
    facts.work()


def packed(business: Business) -> Sequence[date]:
    """The days with messages that are packed."""
    with business.scope():
        days = MessageDay.objects.filter(messages__gt=0).order_by("day")
        return list(days.values_list("day", flat=True))


def day(business: Business, ago: int) -> date:
    return (NOW - ago * DAY).astimezone(business.tenant.tz).date()


def mixed(business: Business) -> dict[str, Any]:
    answer = asked(business, "trust-mix")
    return {name: answer[name] for name in ("gentle", "touches", "contacts", "mean")}


def test_days_that_are_over_are_packed(business: Business, ground: Ground) -> None:
    assert packed(business) == [day(business, 3), day(business, 2)]
    assert mixed(business) == {"gentle": 2, "touches": 3, "contacts": 2, "mean": 0.75}
    with business.scope():
        assert facts.prove() == []


def test_today_and_what_is_not_packed_yet_are_read_from_rows(
    business: Business, ground: Ground
) -> None:
    with business.scope():
        ground.touch(Contact.objects.get(external_id="bob"), 2, NOW, "sent", kind="greeting")
        MessageDay.objects.filter(day=day(business, 2)).delete()

    assert mixed(business) == {"gentle": 3, "touches": 4, "contacts": 2, "mean": 0.75}


def test_a_message_that_failed_after_it_was_sent_unpacks_its_day(
    business: Business, ground: Ground
) -> None:
    with business.scope():
        touch = Touch.objects.get(kind="promotion")
        ledger.move([Move(touch.pk, touch.attempt, "failed", "undelivered")], ["sent"])

    assert mixed(business) == {"gentle": 2, "touches": 2, "contacts": 2, "mean": 1.0}
    assert packed(business) == [day(business, 3)]
    with business.scope():
        settle()
        assert facts.prove() == []


def test_a_message_that_arrived_unpacks_nothing(business: Business, ground: Ground) -> None:
    with business.scope():
        ground.touch(Contact.objects.get(external_id="bob"), 2, NOW - 2 * DAY, "sending")
        touch = Touch.objects.get(state="sending")
        ledger.move([Move(touch.pk, 0, "sent", sent_at=NOW - 2 * DAY)], ["sending"])
        settle()
        move = Move(touch.pk, 0, "delivered", delivered_at=NOW - DAY)
        ledger.move([move], ["sent"])
        facts.catch_up()

    assert packed(business) == [day(business, 3), day(business, 2)]
    assert mixed(business) == {"gentle": 3, "touches": 4, "contacts": 2, "mean": 0.75}


def test_a_result_of_an_earlier_day_unpacks_that_day(business: Business, ground: Ground) -> None:
    with business.scope():
        bob = Contact.objects.get(external_id="bob")
        batch = BroadcastBatch.objects.create(broadcast=ground.broadcast)
        share = BroadcastShare.objects.create(batch=batch, staff=ground.amy)
        ground.told(bob, None, "waiting")
        BroadcastRecipient.objects.update(batch=batch, target="wm-bob")
        at = int((NOW - 2 * DAY).timestamp())
        told = MassResult("wm-bob", "amy", MassStatus.SENT, at)
        delivered.write(batch, share, [told], NOW)

    assert mixed(business) == {"gentle": 2, "touches": 4, "contacts": 2, "mean": 0.5}
    assert packed(business) == [day(business, 3)]
    with business.scope():
        settle()
        assert facts.prove() == []
    assert packed(business) == [day(business, 3), day(business, 2)]


def test_of_merged_contacts_messages_are_one_persons(business: Business, ground: Ground) -> None:
    with business.scope():
        ann, bob = (Contact.objects.get(external_id=name) for name in ("ann", "bob"))
        merge.merge(ann.pk, bob.pk, by="api")

    one = {"gentle": 2, "touches": 3, "contacts": 1, "mean": pytest.approx(2 / 3)}
    assert mixed(business) == one
    with business.scope():
        settle()
        assert facts.prove() == []
    assert mixed(business) == one

    with business.scope():
        undo.unmerge(Merge.objects.get(), by="api")
    two = {"gentle": 2, "touches": 3, "contacts": 2, "mean": 0.75}
    assert mixed(business) == two
    with business.scope():
        settle()
        assert facts.prove() == []
    assert mixed(business) == two


def test_of_a_deleted_contact_no_message_is_left(business: Business, ground: Ground) -> None:
    with business.scope():
        bob = Contact.objects.get(external_id="bob")
        cascade.delete(Contact, [bob.pk])
        changes.note([bob.pk])

    assert mixed(business) == {"gentle": 1, "touches": 2, "contacts": 1, "mean": 0.5}
    with business.scope():
        assert facts.prove() == []


def test_of_many_deleted_contacts_all_days_are_read_again(
    business: Business, ground: Ground
) -> None:
    with business.scope():
        crowd = [Contact.objects.create(external_id=f"c{n}") for n in range(120)]
        for contact in crowd[:3]:
            ground.touch(contact, 1, NOW - 4 * DAY, "sent")
        MessageDay.objects.all().delete()
        settle()
        assert MessageDay.objects.get(day=day(business, 4)).messages == 3
        cascade.delete(Contact, [contact.pk for contact in crowd])
        changes.note([contact.pk for contact in crowd])

    assert mixed(business) == {"gentle": 2, "touches": 3, "contacts": 2, "mean": 0.75}


def test_in_another_time_zone_days_are_other_days(business: Business, ground: Ground) -> None:
    before = mixed(business)
    business.move_to("America/New_York")

    assert mixed(business) == before
    with business.scope():
        settle()
        assert facts.prove() == []
    assert packed(business) == [day(business, 3), day(business, 2)]
    assert mixed(business) == before


def test_ids_beyond_four_bytes_are_found_again(business: Business, ground: Ground) -> None:
    with business.scope():
        far = Contact.objects.create(pk=2**40 + 7, external_id="far")
        ground.touch(far, 1, NOW - 3 * DAY, "sent", kind="greeting")
        MessageDay.objects.all().delete()
        settle()
    assert mixed(business) == {
        "gentle": 3,
        "touches": 4,
        "contacts": 3,
        "mean": pytest.approx(2.5 / 3),
    }

    with business.scope():
        cascade.delete(Contact, [far.pk])
        changes.note([far.pk])
    assert mixed(business) == {"gentle": 2, "touches": 3, "contacts": 2, "mean": 0.75}


def test_messages_of_members_are_theirs_from_packed_days_and_from_rows(
    business: Business, ground: Ground
) -> None:
    with business.scope():
        ben = Staff.objects.create(userid="ben", name="Ben")
        bob = Contact.objects.get(external_id="bob")
        ground.touch(bob, 2, NOW, "sent", staff=ben, kind="promotion")
        ground.touch(bob, 2, NOW, "sent", staff=None)

    rows = {
        row["group"]: (row["gentle"], row["touches"])
        for row in asked(business, "trust-mix")["rows"]
    }
    assert rows == {"Amy": (2, 3), "Ben": (0, 1), None: (1, 1)}


def test_what_changes_no_message_leaves_no_mark(business: Business, ground: Ground) -> None:
    with business.scope():
        ann = Contact.objects.get(external_id="ann")
        tagging.add([ann.pk], [Tag.objects.create(name="VIP").pk], by="api")
        facts.catch_up()
        assert not DirtyContact.objects.exists()
    assert packed(business) == [day(business, 3), day(business, 2)]
