"""From a callback to a contact: over HTTP, with duplicates, swaps, forgeries and dead letters."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest
from django.utils import timezone

from contacts import details, ingest, reach, timeline
from contacts.models import Contact, ContactTag, Event, Follow, Identity, LiveCode, ReachSpell
from tenants.models import Callback
from tests.contacts.seen import body_of, kinds_of, known_customer, only, store
from tests.wechat_fixtures import WeChat


def test_a_scan_becomes_a_contact_with_everything(wechat: WeChat, code: LiveCode) -> None:
    scanned = wechat.scan(code, {"name": "张欣怡", "gender": 2})

    wechat.settle()

    contact = only(wechat)
    with wechat.business.scope():
        follow = Follow.objects.select_related("staff", "live_code").get()
        assert (contact.name, contact.gender) == ("张欣怡", "female")
        assert (contact.source, contact.live_code) == ("live_code", code)
        assert contact.channel is not None
        assert contact.channel.name == "Street fair"
        assert contact.owner == follow.staff
        assert contact.acquired_at == contact.sourced_at == follow.opened_at
        assert (follow.staff.userid, follow.state, follow.live_code) == ("amy", code.state, code)
        assert (follow.ended_at, follow.add_way) == (None, 1)
        assert list(contact.tags.values_list("name", flat=True)) == ["fair"]
        assert ContactTag.objects.get().by == f"live_code:{code.pk}"
        identities = {row.kind: row.value for row in Identity.objects.all()}
        assert identities["external_userid"] == scanned["external_userid"]
        assert identities["unionid"]
        assert ReachSpell.objects.count() == 1
    assert sorted(kinds_of(wechat)) == [
        "follow.opened",
        "follow.opened",
        "livecode.scanned",
        "tag.added",
        "welcome.sent",
    ]
    assert wechat.messages(scanned["customer"]) == ["Hello 张欣怡, I am Amy"]


def test_every_callback_is_handled_and_the_board_is_empty(wechat: WeChat, code: LiveCode) -> None:
    wechat.scan(code)

    wechat.settle()

    with wechat.business.scope():
        assert not Callback.objects.filter(handled_at=None).exists()
        assert ingest.next_due() is None
        assert details.next_due() is None
        assert timeline.next_due() is None


def test_duplicates_change_nothing(wechat: WeChat, code: LiveCode) -> None:
    wechat.fault("duplicate", on="callback")
    wechat.setting(callback_spacing_s=[0, 0.1])

    wechat.scan(code)
    wechat.settle()

    with wechat.business.scope():
        assert Callback.objects.count() == 2
        assert Contact.objects.count() == 1
        assert Event.objects.filter(kind="follow.opened").count() == 2


def test_the_customer_leaves_and_comes_back(wechat: WeChat, code: LiveCode) -> None:
    who = wechat.scan(code)["customer"]
    wechat.sim("clock", advance_s=60)
    wechat.act("customer_deletes", userid="amy", customer=who)
    wechat.sim("clock", advance_s=60)
    wechat.scan(code, who)

    wechat.settle()

    with wechat.business.scope():
        first, second = ReachSpell.objects.order_by("opened_at")
        follow = Follow.objects.get()
        assert (first.ended_by, second.ended_at) == ("customer", None)
        assert follow.opened_at == second.opened_at
        assert follow.ended_at is None
        assert only(wechat).acquired_at == first.opened_at


@pytest.mark.parametrize(
    ("act", "body", "by"),
    [
        ("customer_deletes", {}, "customer"),
        ("staff_deletes", {}, "staff"),
        ("staff_deletes", {"source": "DELETE_BY_TRANSFER"}, "transfer"),
    ],
)
def test_who_ended_it_is_kept(
    wechat: WeChat, code: LiveCode, act: str, body: dict[str, str], by: str
) -> None:
    who = wechat.scan(code)["customer"]
    wechat.sim("clock", advance_s=60)
    wechat.act(act, userid="amy", customer=who, **body)

    wechat.settle()

    with wechat.business.scope():
        follow = Follow.objects.get()
        assert follow.ended_at is not None
        assert follow.ended_by == by
        assert ReachSpell.objects.get().ended_by == by


def test_any_order_ends_in_the_same_state(wechat: WeChat, code: LiveCode) -> None:
    who = wechat.scan(code)["customer"]
    for act in ("customer_deletes", "scan", "staff_deletes", "scan"):
        wechat.sim("clock", advance_s=60)
        if act == "scan":
            wechat.scan(code, who)
        else:
            wechat.act(act, userid="amy", customer=who)
    wechat.arrive()
    with wechat.business.scope():
        bodies = list(Callback.objects.order_by("id").values_list("body", flat=True))
        Callback.objects.all().delete()
    states = set()

    for seed in range(4):
        external = f"wm-order-{seed}"
        shuffled = [
            bytes(body).replace(known_customer(wechat), external.encode()) for body in bodies
        ]
        random.Random(seed).shuffle(shuffled)
        for body in shuffled:
            store(wechat, body)
            ingest.work(wechat.business.pk)
        with wechat.business.scope():
            contact = Contact.objects.get(identities__value=external)
            spells = ReachSpell.objects.filter(contact=contact).order_by("opened_at")
            states.add(
                (
                    contact.source,
                    contact.sourced_at,
                    contact.acquired_at,
                    tuple(spells.values_list("opened_at", "ended_at", "ended_by")),
                )
            )

    assert len(states) == 1
    (state,) = states
    assert [end for _, _, end in state[3]] == ["customer", "staff", ""]


def test_a_code_of_nobody_is_the_platform(wechat: WeChat) -> None:
    wechat.join("amy")
    store(
        wechat,
        body_of("add_external_contact", UserID="amy", ExternalUserID="wm1", State="not-ours"),
    )

    ingest.work(wechat.business.pk)

    contact = only(wechat)
    assert (contact.source, contact.channel, contact.live_code) == ("platform", None, None)
    with wechat.business.scope():
        assert Follow.objects.get().state == "not-ours"


def test_an_imported_contact_keeps_its_source(wechat: WeChat, code: LiveCode) -> None:
    with wechat.business.scope():
        contact = Contact.objects.create(external_id="C-1", name="张女士", source="import")
        Identity.objects.create(contact=contact, kind="external_userid", value="wm1")
    store(
        wechat,
        body_of("add_external_contact", UserID="amy", ExternalUserID="wm1", State=code.state),
    )

    ingest.work(wechat.business.pk)

    kept = only(wechat)
    assert (kept.pk, kept.source, kept.channel, kept.name) == (contact.pk, "import", None, "张女士")
    assert kept.acquired_at is not None


def test_a_fan_of_an_official_account(wechat: WeChat) -> None:
    with wechat.business.scope():
        wechat.account.kind = "oa"
        wechat.account.save()
    for minute, name in ((1, "subscribe"), (2, "unsubscribe")):
        moment = int((timezone.now() - timedelta(minutes=5 - minute)).timestamp())
        store(
            wechat,
            f"<xml><FromUserName>open1</FromUserName><CreateTime>{moment}</CreateTime>"
            f"<MsgType>event</MsgType><Event>{name}</Event></xml>".encode(),
        )

    ingest.work(wechat.business.pk)

    with wechat.business.scope():
        spell = ReachSpell.objects.get()
        identity = Identity.objects.get()
        assert (spell.account, spell.staff, spell.ended_by) == (wechat.corpid, None, "customer")
        assert (identity.kind, identity.account) == ("openid", wechat.corpid)


def test_replaying_the_timeline_changes_nothing(wechat: WeChat, code: LiveCode) -> None:
    wechat.scan(code)
    wechat.settle()
    with wechat.business.scope():
        before = list(Follow.objects.values()), list(ReachSpell.objects.values())
        reach.apply(list(Event.objects.all()))
        assert (list(Follow.objects.values()), list(ReachSpell.objects.values())) == before
