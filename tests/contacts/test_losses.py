"""Losses are what the spells say, in any order of arrival; each is told to its people once."""

from __future__ import annotations

import itertools
import uuid
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from contacts import loss_notices, losses, tagging, timeline
from contacts.merging import merge, undo
from contacts.models import Channel, Contact, ContactSettings, Event, FollowLoss, LossNotice
from contacts.timeline import NewEvent
from journeys import stages
from journeys.models import Stage
from tenants.models import DueTenant, Tenant
from tests.conftest import Business
from tests.wechat_fixtures import WeChat

NOW = timezone.now().replace(microsecond=0) - timedelta(hours=30)
Happening = tuple[str, float, dict[str, object]]  # kind, days after NOW, properties


def opened(day: float, staff: str = "amy", **more: object) -> Happening:
    return ("follow.opened", day, {"staff": staff, **more})


def ended(day: float, by: str = "customer", staff: str = "amy") -> Happening:
    return ("follow.ended", day, {"staff": staff, "by": by})


def tell(contact: Contact, *happenings: Happening) -> None:
    timeline.record(
        NewEvent(contact.pk, kind, NOW + timedelta(days=day), "test", uuid.uuid4().hex, properties)
        for kind, day, properties in happenings
    )
    timeline.drain_all()


def lost(contact: Contact) -> list[tuple[str, int, str]]:
    rows = FollowLoss.objects.filter(contact=contact).order_by("ended_at")
    return [(row.staff.userid, row.days_kept, row.ended_by) for row in rows.select_related("staff")]


HISTORY = [opened(-40), ended(-10), opened(-9), ended(-5, "staff"), opened(-3)]


@pytest.mark.parametrize("order", list(itertools.permutations(range(5)))[::11])
def test_in_any_order_the_same_losses(tenant: Tenant, order: tuple[int, ...]) -> None:
    contact = Contact.objects.create(name="somebody")

    for place in order:
        tell(contact, HISTORY[place])

    assert lost(contact) == [("amy", 30, "customer"), ("amy", 4, "staff")]


def test_what_turns_out_to_be_no_end_is_taken_back(tenant: Tenant) -> None:
    contact = Contact.objects.create(name="somebody")
    tell(contact, opened(-40), ended(0.9))
    assert LossNotice.objects.filter(contact=contact).count() == 1

    tell(contact, ended(-30, "transfer"))

    assert lost(contact) == []
    assert not LossNotice.objects.filter(contact=contact).exists()


def test_a_transfer_is_no_loss(tenant: Tenant) -> None:
    contact = Contact.objects.create(name="somebody")

    tell(contact, opened(-40), ended(-10, "transfer"), opened(-10, "bob", by="transfer"))

    assert lost(contact) == []


def test_a_loss_says_who_they_were_then(tenant: Tenant) -> None:
    street = Channel.objects.create(name="Street")
    contact = Contact.objects.create(name="somebody", source="live_code", channel=street)
    tags = tagging.named(["old", "kept", "later"])
    day = timedelta(days=1)
    tagging.add([contact.pk], [tags["old"], tags["kept"]], "user:1", NOW - 20 * day)
    tagging.remove([contact.pk], [tags["old"]], "user:1", NOW - 1 * day)
    tagging.add([contact.pk], [tags["later"]], "user:1", NOW - 2 * day)
    tell(contact, opened(-40))
    stages.move_by_hand(contact, Stage.objects.get(key="profiled"), user=None, reason="")

    tell(contact, ended(-5))
    tell(contact, opened(-4), ended(1.24))

    early, late = FollowLoss.objects.filter(contact=contact).order_by("ended_at")
    assert early.tags == ["kept", "old"]
    assert late.tags == ["kept", "later"]
    assert (early.stage, early.channel, early.source) == ("prospect", street, "live_code")
    assert early.days_kept == 35


def test_history_told_at_once_knows_its_stage(tenant: Tenant) -> None:
    contact = Contact.objects.create(name="somebody")

    tell(contact, opened(-40), ended(-5))

    assert FollowLoss.objects.get(contact=contact).stage == "prospect"


def test_repeating_changes_nothing(tenant: Tenant) -> None:
    contact = Contact.objects.create(name="somebody")
    tell(contact, opened(-40), ended(1))
    before = list(FollowLoss.objects.values()), list(LossNotice.objects.values())

    losses.on_events(list(Event.objects.filter(contact=contact)))

    assert (list(FollowLoss.objects.values()), list(LossNotice.objects.values())) == before


def test_losses_go_with_the_survivor_of_a_merge_and_come_back(tenant: Tenant) -> None:
    one, other = Contact.objects.create(name="one"), Contact.objects.create(name="other")
    tell(other, opened(-40), ended(-10))

    done = merge.merge(one.pk, other.pk, by="user:1")
    assert lost(one) == [("amy", 30, "customer")]

    undo.unmerge(done, by="user:1")
    assert lost(one) == []
    assert lost(other) == [("amy", 30, "customer")]


# --- who is told ---


def settings_of(**values: Any) -> ContactSettings:
    return ContactSettings.objects.update_or_create(defaults=values)[0]


def told(contact: Contact) -> list[str]:
    rows = LossNotice.objects.filter(contact=contact).select_related("recipient")
    return sorted(row.recipient.userid for row in rows)


@pytest.mark.parametrize(
    ("rule", "by", "expected"),
    [
        ({}, "customer", ["amy"]),
        ({}, "staff", []),
        ({"remind_only_customer": False}, "staff", ["amy"]),
        ({"remind": "nobody"}, "customer", []),
        ({"remind": "owner"}, "customer", ["bob"]),
        ({"remind": "both"}, "customer", ["amy", "bob"]),
        ({"remind_from_stage": "prospect"}, "customer", ["amy"]),
        ({"remind_from_stage": "intent"}, "customer", []),
        ({"remind_from_stage": "intent", "remind_min_score": 0.0}, "customer", ["amy"]),
        ({"remind_min_score": 10.0}, "customer", []),
    ],
)
def test_the_rule_says_who_is_told(
    tenant: Tenant, rule: dict[str, Any], by: str, expected: list[str]
) -> None:
    settings_of(**rule)
    contact = Contact.objects.create(name="somebody")
    tell(contact, opened(-40, "bob"), opened(-30))

    tell(contact, ended(1, by))

    assert told(contact) == expected


def test_nobody_is_told_of_history(tenant: Tenant) -> None:
    contact = Contact.objects.create(name="somebody")

    tell(contact, opened(-40), ended(-10))

    assert told(contact) == []


@pytest.mark.parametrize(
    ("utc_hour", "local_day", "local_hour"), [(23, 2, 8), (0, 2, 8), (1, 3, 8)]
)
def test_a_digest_is_due_at_eight_of_the_tenants_clock(
    tenant: Tenant, utc_hour: int, local_day: int, local_hour: int
) -> None:
    now = datetime.fromisoformat(f"2026-03-0{1 if utc_hour == 23 else 2}T{utc_hour:02}:00:00+00:00")
    if utc_hour == 0:
        now -= timedelta(seconds=1)

    due = loss_notices.due_at(ContactSettings(), now).astimezone(tenant.tz)

    assert (due.day, due.hour, due.minute) == (local_day, local_hour, 0)


def lose(business: Business, staff: str, *names: str) -> None:
    with business.scope():
        for name in names:
            tell(Contact.objects.create(name=name), opened(-40, staff), ended(1, "customer", staff))


def states(business: Business) -> list[str]:
    with business.scope():
        return sorted(LossNotice.objects.values_list("state", flat=True))


def test_a_digest_is_one_message_and_is_sent_once(wechat: WeChat) -> None:
    wechat.join("amy", "Amy")
    with wechat.business.scope():
        settings_of(remind_when="digest")
    lose(wechat.business, "amy", "Lin", "Wu")
    loss_notices.work(wechat.business.pk)
    assert wechat.calls("message/send") == []

    with wechat.business.scope():
        LossNotice.objects.update(due_at=timezone.now())
    loss_notices.work(wechat.business.pk)
    loss_notices.work(wechat.business.pk)

    assert len(wechat.calls("message/send")) == 1
    assert states(wechat.business) == ["sent", "sent"]
    with wechat.business.scope():
        text = str(LossNotice.objects.first().request["text"])  # type: ignore[union-attr,index]
    assert "Lin" in text
    assert "Wu" in text


def test_a_lost_answer_is_repeated_with_the_same_bytes(wechat: WeChat) -> None:
    wechat.join("amy", "Amy")
    with wechat.business.scope():
        settings_of(remind_when="instant")
    lose(wechat.business, "amy", "Lin")
    wechat.fault("reset_after", path="message/send", first=1)

    loss_notices.work(wechat.business.pk)
    assert states(wechat.business) == ["sending"]
    with wechat.business.scope():
        LossNotice.objects.update(lease_until=timezone.now())
    loss_notices.work(wechat.business.pk)

    assert states(wechat.business) == ["sent"]
    assert len({str(call.get("body")) for call in wechat.calls("message/send")}) == 1


def test_without_an_app_the_desk_alone_tells(business: Business) -> None:
    with business.scope():
        settings_of(remind_when="instant")
    lose(business, "sales1", "Lin")

    loss_notices.work(business.pk)

    assert states(business) == ["desk"]
    with business.scope():
        assert loss_notices.unseen([business.staff["sales"].pk]).count() == 1
        assert loss_notices.next_due() is None
    assert not DueTenant.objects.filter(tenant=business.tenant, queue=loss_notices.QUEUE).exists()
