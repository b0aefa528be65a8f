"""From a callback to a contact: over HTTP, with duplicates, swaps, forgeries and dead letters."""

from __future__ import annotations

import hashlib
import random
from datetime import timedelta
from typing import Any

import pytest
import requests
from django.utils import timezone

from contacts import details, identity, ingest, reach, timeline
from contacts.models import Contact, ContactTag, Event, Follow, Identity, LiveCode, ReachSpell
from tenants.models import Callback, Staff
from tests.wechat_fixtures import WeChat


@pytest.fixture
def code(wechat: WeChat) -> LiveCode:
    """A live code of Amy with a channel, a tag and a welcome."""
    amy = wechat.join("amy", "Amy")
    return wechat.live_code(
        amy, channel="Street fair", tags=("fair",), welcome_text="Hello %NAME%, I am %STAFF%"
    )


def only(wechat: WeChat) -> Contact:
    with wechat.business.scope():
        return Contact.objects.select_related("channel", "owner", "live_code").get()


def kinds_of(wechat: WeChat) -> list[str]:
    with wechat.business.scope():
        return list(Event.objects.order_by("at", "id").values_list("kind", flat=True))


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
        shuffled = [bytes(body).replace(_external(wechat), external.encode()) for body in bodies]
        random.Random(seed).shuffle(shuffled)
        for body in shuffled:
            _store(wechat, body)
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


def _external(wechat: WeChat) -> bytes:
    corp = wechat.sandbox.world.state.corps[wechat.corpid]
    return next(iter(corp.externals)).encode()


def _store(wechat: WeChat, body: bytes) -> Callback:
    with wechat.business.scope():
        return Callback.objects.create(
            account=wechat.account, body=body, digest=hashlib.sha256(body).digest()
        )


def _event(change: str, **fields: object) -> bytes:
    inner = {
        "ToUserName": "ww",
        "FromUserName": "sys",
        "CreateTime": int(timezone.now().timestamp()),
        "MsgType": "event",
        "Event": "change_external_contact",
        "ChangeType": change,
        **fields,
    }
    children = "".join(f"<{name}>{value}</{name}>" for name, value in inner.items())
    return f"<xml>{children}</xml>".encode()


def test_several_events_of_one_second_all_count(wechat: WeChat, code: LiveCode) -> None:
    """The platform's own dedupe key, sender and second, would lose all but one."""
    now = int(timezone.now().timestamp())
    for number in range(30):
        _store(
            wechat,
            _event(
                "add_external_contact",
                CreateTime=now,
                UserID="amy",
                ExternalUserID=f"wm{number}",
                State=code.state,
            ),
        )

    ingest.work(wechat.business.pk)

    with wechat.business.scope():
        assert Contact.objects.count() == 30
        assert Follow.objects.filter(ended_at=None).count() == 30


def test_forged_callbacks_store_nothing(wechat: WeChat, code: LiveCode) -> None:
    for kind in ("bad_signature", "other_receive_id", "dtd"):
        wechat.fault(kind)

    wechat.scan(code)
    wechat.arrive()

    sent = wechat.sim("callbacks", "GET", corpid=wechat.corpid)["callbacks"]
    answers = {(one["kind"], one["status"]) for each in sent for one in each["attempts"]}
    assert ("delivery", 200) in answers
    forged = {status for kind, status in answers if kind != "delivery"}
    assert forged <= {400, 403}
    with wechat.business.scope():
        assert Callback.objects.count() == len(sent)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"<xml><Encrypt>not base64!</Encrypt></xml>", 403),
        (b"<!DOCTYPE x [<!ENTITY e 'x'>]><xml><Encrypt>&e;</Encrypt></xml>", 400),
        (b"x" * (300 * 1024), 413),
    ],
)
def test_malformed_callbacks_store_nothing(wechat: WeChat, body: bytes, status: int) -> None:
    query = {"msg_signature": "0" * 40, "timestamp": "1", "nonce": "1"}

    answer = requests.post(wechat.callback_url, params=query, data=body, timeout=10)

    assert answer.status_code == status
    with wechat.business.scope():
        assert Callback.objects.count() == 0


def test_a_poisoned_callback_is_buried_and_holds_nobody_up(wechat: WeChat, code: LiveCode) -> None:
    unreadable = _store(wechat, b"<xml><broken")
    too_long = _store(
        wechat, _event("add_external_contact", UserID="u" * 70, ExternalUserID="wm-long")
    )
    good = _store(wechat, _event("add_external_contact", UserID="amy", ExternalUserID="wm-good"))

    ingest.work(wechat.business.pk)

    buried, waiting, done = (wechat.fresh(row) for row in (unreadable, too_long, good))
    assert buried.handled_at is not None
    assert buried.problem.startswith("BadPayload")
    assert done.handled_at is not None
    assert done.problem == ""
    with wechat.business.scope():
        assert Follow.objects.get(contact__identities__value="wm-good").staff.userid == "amy"
        assert not Staff.objects.filter(userid="u" * 70).exists()
    # Nobody with that userid can be a member: the event is kept, and changes nothing.
    assert waiting.handled_at is not None


def test_a_failing_callback_is_tried_again_then_buried(
    wechat: WeChat, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = _store(wechat, _event("add_external_contact", UserID="amy", ExternalUserID="wm-bad"))
    good = _store(wechat, _event("add_external_contact", UserID="amy", ExternalUserID="wm-good"))
    whole = identity.claim

    def fails(account: Any, origin: Any) -> Any:
        if account.value == "wm-bad":
            raise RuntimeError("no luck")
        return whole(account, origin)

    monkeypatch.setattr(ingest, "claim", fails)
    tries = len(ingest.RETRIES_S) + 1
    for attempt in range(1, tries + 1):
        ingest.work(wechat.business.pk)
        row = wechat.fresh(bad)
        assert (row.attempts, row.problem) == (attempt, "RuntimeError: no luck")
        with wechat.business.scope():
            assert (row.handled_at is None) == (attempt < tries)
            assert ingest.next_due() == (row.retry_at if attempt < tries else None)
            assert row.retry_at is None or row.retry_at > row.received_at
            Callback.objects.filter(pk=bad.pk).update(retry_at=timezone.now())

    assert wechat.fresh(bad).handled_at is not None
    assert wechat.fresh(good).handled_at is not None
    ingest.work(wechat.business.pk)
    assert wechat.fresh(bad).attempts == tries


def test_what_has_no_meaning_yet_is_handled_by_doing_nothing(wechat: WeChat) -> None:
    rows = [
        _store(wechat, _event("transfer_fail", UserID="a", ExternalUserID="b", FailReason="x")),
        _store(wechat, _event("msg_audit_approved", UserID="a", ExternalUserID="b")),
        _store(wechat, _event("something_new", UserID="a")),
        _store(wechat, _event("edit_external_contact", UserID="a", ExternalUserID="unknown")),
        _store(wechat, b"<xml><MsgType>text</MsgType><Content>hi</Content></xml>"),
    ]

    ingest.work(wechat.business.pk)

    assert all(wechat.fresh(row).handled_at for row in rows)
    with wechat.business.scope():
        assert not Contact.objects.exists()
        assert not Event.objects.exists()


def test_a_code_of_nobody_is_the_platform(wechat: WeChat) -> None:
    wechat.join("amy")
    _store(
        wechat,
        _event("add_external_contact", UserID="amy", ExternalUserID="wm1", State="not-ours"),
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
    _store(
        wechat,
        _event("add_external_contact", UserID="amy", ExternalUserID="wm1", State=code.state),
    )

    ingest.work(wechat.business.pk)

    kept = only(wechat)
    assert (kept.pk, kept.source, kept.channel, kept.name) == (contact.pk, "import", None, "张女士")
    assert kept.acquired_at is not None


def test_details_lag_behind_and_are_fetched_later(wechat: WeChat, code: LiveCode) -> None:
    wechat.setting(stale_read_s=3600)
    wechat.scan(code, {"name": "张欣怡"})
    wechat.settle()
    assert only(wechat).name == ""
    with wechat.business.scope():
        identity = Identity.objects.get(kind="external_userid")
        assert identity.refresh_at is not None
        assert identity.refresh_at > timezone.now()
        Identity.objects.update(refresh_at=timezone.now())

    wechat.sim("clock", advance_s=3601)
    details.work(wechat.business.pk)

    assert only(wechat).name == "张欣怡"
    with wechat.business.scope():
        assert Identity.objects.get(kind="external_userid").refresh_at is None


def test_a_name_given_by_hand_stays_and_remarks_follow(wechat: WeChat, code: LiveCode) -> None:
    who = wechat.scan(code, {"name": "小雨"})["customer"]
    wechat.settle()
    with wechat.business.scope():
        Contact.objects.update(name="张女士")

    wechat.act("edit_remark", userid="amy", customer=who, remark="VIP 张")
    wechat.settle()

    assert only(wechat).name == "张女士"
    with wechat.business.scope():
        assert Follow.objects.get().remark == "VIP 张"
        assert Identity.objects.get(kind="external_userid").nickname == "小雨"


def test_a_customer_who_is_none_any_more_is_given_up(wechat: WeChat, code: LiveCode) -> None:
    who = wechat.scan(code)["customer"]
    wechat.act("customer_deletes", userid="amy", customer=who)

    for _ in range(details.MOST_AS_STRANGER):
        wechat.settle()
        with wechat.business.scope():
            Identity.objects.exclude(refresh_at=None).update(refresh_at=timezone.now())

    with wechat.business.scope():
        assert Identity.objects.get(kind="external_userid").refresh_at is None
    assert len(wechat.calls("externalcontact/get")) <= details.MOST_AS_STRANGER + 1


def test_a_fan_of_an_official_account(wechat: WeChat) -> None:
    with wechat.business.scope():
        wechat.account.kind = "oa"
        wechat.account.save()
    for minute, name in ((1, "subscribe"), (2, "unsubscribe")):
        moment = int((timezone.now() - timedelta(minutes=5 - minute)).timestamp())
        _store(
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
