"""Callbacks that are forged, malformed, poisoned or without meaning: what the inbox does."""

from __future__ import annotations

from typing import Any

import pytest
import requests
from django.utils import timezone

from contacts import identity, ingest
from contacts.models import Contact, Event, Follow, LiveCode
from tenants.models import Callback, Staff
from tests.contacts.seen import body_of, store
from tests.wechat_fixtures import WeChat


def test_several_events_of_one_second_all_count(wechat: WeChat, code: LiveCode) -> None:
    """The platform's own dedupe key, sender and second, would lose all but one."""
    now = int(timezone.now().timestamp())
    for number in range(30):
        store(
            wechat,
            body_of(
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
    unreadable = store(wechat, b"<xml><broken")
    too_long = store(
        wechat, body_of("add_external_contact", UserID="u" * 70, ExternalUserID="wm-long")
    )
    good = store(wechat, body_of("add_external_contact", UserID="amy", ExternalUserID="wm-good"))

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
    bad = store(wechat, body_of("add_external_contact", UserID="amy", ExternalUserID="wm-bad"))
    good = store(wechat, body_of("add_external_contact", UserID="amy", ExternalUserID="wm-good"))
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
        store(wechat, body_of("transfer_fail", UserID="a", ExternalUserID="b", FailReason="x")),
        store(wechat, body_of("msg_audit_approved", UserID="a", ExternalUserID="b")),
        store(wechat, body_of("something_new", UserID="a")),
        store(wechat, body_of("edit_external_contact", UserID="a", ExternalUserID="unknown")),
        store(wechat, b"<xml><MsgType>text</MsgType><Content>hi</Content></xml>"),
    ]

    ingest.work(wechat.business.pk)

    assert all(wechat.fresh(row).handled_at for row in rows)
    with wechat.business.scope():
        assert not Contact.objects.exists()
        assert not Event.objects.exists()
