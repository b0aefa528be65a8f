"""To whom a broadcast goes: who is left out, parts that must all hold, the quota, merged people."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from campaigns.broadcasts import audience, sending
from campaigns.broadcasts.audience import Audience
from campaigns.models import Broadcast, BroadcastRecipient
from contacts import tagging
from contacts.merging import merge
from contacts.messaging import quota
from contacts.models import Consent, Contact, Segment, Tag
from tests.campaigns.conftest import Shop
from tests.campaigns.test_broadcasts import ADD


def test_who_is_left_out_is_counted_by_reason(shop: Shop) -> None:
    with shop.business.scope():
        Contact.objects.filter(name="Ding").update(excluded=True)
        fan = Contact.objects.get(name="Fan")
        Consent.objects.create(contact=fan, purpose="marketing", granted=False, at=timezone.now())
        Contact.objects.create(name="Stranger")
    segment = shop.segment("Ding", "Eve", "Fan", "Stranger")
    wanted = Audience("mass_task", shop.wechat.account.pk, segment_id=segment.pk)

    with shop.business.scope():
        count = audience.count(wanted)
    row = shop.start(segment=segment)
    shop.work()

    told = {"excluded": 1, "consent": 1, "no_friend": 1}
    assert (count.reached, count.senders, count.left_out) == (1, 1, told)
    assert count.as_of is not None
    assert (shop.fresh(row).total, shop.fresh(row).left_out) == (1, told)
    assert shop.states() == {"Eve": "waiting"}


def test_who_objects_after_the_audience_was_settled_gets_nothing(
    shop: Shop, monkeypatch: Any
) -> None:
    row = shop.start()
    with shop.business.scope():
        sending._claim()  # the audience is settled; nobody was asked yet
        Contact.objects.filter(name="Eve").update(excluded=True)
        BroadcastRecipient.objects.filter(contact__name="Fan").update(target="")  # erased

    shop.work()

    assert shop.states() == {"Ding": "waiting", "Eve": "left_out", "Fan": "left_out"}
    assert [one["body"]["external_userid"] for one in shop.wechat.calls(ADD)] == [
        [shop.external("Ding")]
    ]
    assert shop.fresh(row).left_out == {"excluded": 2}


def test_the_parts_of_an_audience_must_all_hold(shop: Shop) -> None:
    with shop.business.scope():
        vip = Tag.objects.create(name="VIP")
        tagging.add([shop.contact("Ding").pk, shop.contact("Fan").pk], [vip.pk], "api")

    shop.start(tags=[vip], staff=[shop.bob])
    shop.work()

    assert shop.states() == {"Fan": "waiting"}


def test_the_owner_writes_if_they_are_friends(shop: Shop) -> None:
    code = shop.wechat.live_code(shop.bob, name="Second")
    shop.wechat.scan(code, shop.people["Ding"])
    shop.wechat.settle()
    with shop.business.scope():
        Contact.objects.filter(name="Ding").update(owner=shop.bob)

    shop.start()
    shop.work()

    assert shop.through() == {"Ding": "bob", "Eve": "amy", "Fan": "bob"}


def test_the_quota_that_we_know_of_leaves_out(shop: Shop, monkeypatch: Any) -> None:
    ding = shop.contact("Ding").pk
    monkeypatch.setattr(quota, "full", lambda ids, at: {ding} & set(ids))

    row = shop.start()
    shop.work()

    assert shop.states() == {"Eve": "waiting", "Fan": "waiting"}
    assert shop.fresh(row).left_out == {"quota": 1}


def test_a_delivered_broadcast_counts_against_the_quota(shop: Shop) -> None:
    shop.start()
    shop.work()
    shop.confirm()
    shop.poll()

    with shop.business.scope():
        assert quota.delivered([shop.contact("Ding").pk], timezone.now()) == {
            shop.contact("Ding").pk: 1
        }


def test_a_segment_that_is_being_counted_waits(shop: Shop) -> None:
    segment = shop.segment("Eve")
    with shop.business.scope():
        Segment.objects.filter(pk=segment.pk).update(evaluated_at=None)
        segment.refresh_from_db()

    with pytest.raises(ValidationError, match="still being counted"):
        shop.start(segment=segment)


def test_a_tag_that_goes_widens_no_audience(shop: Shop) -> None:
    with shop.business.scope():
        vip = Tag.objects.create(name="VIP")
        tagging.add([shop.contact("Ding").pk], [vip.pk], "api")
    row = shop.start(
        tags=[vip], segment=shop.segment("Ding", "Eve"), send_at=timezone.now() + timedelta(hours=1)
    )
    with shop.business.scope():
        Tag.objects.filter(pk=vip.pk).delete()
        Broadcast.objects.update(due_at=timezone.now())

    shop.work()

    assert (shop.fresh(row).state, shop.states()) == ("failed", {})
    assert "deleted before the start" in shop.fresh(row).problem


def test_of_two_records_of_one_person_the_message_that_arrived_stays(shop: Shop) -> None:
    shop.start()
    shop.work()
    amys = shop.batches()[0]
    shop.wechat.act("confirm_task", msgid=amys.provider_id)
    shop.poll()
    with shop.business.scope():
        ding, fan = (Contact.objects.get(name=name) for name in ("Ding", "Fan"))

        merge.merge(fan.pk, ding.pk, by="api")

        rows = BroadcastRecipient.objects.filter(contact=fan)
        assert list(rows.values_list("state", flat=True)) == ["delivered"]
