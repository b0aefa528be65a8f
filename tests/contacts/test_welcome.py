"""The welcome message: once, within 20 seconds, whatever the platform answers."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from contacts import ingest, welcome, welcome_debts
from contacts.models import Event, Follow, LiveCode, Welcome
from tenants.models import DueTenant
from tenants.wechat import customers
from tenants.wechat.client import WeComClient
from tests.wechat_fixtures import WeChat

SEND = "externalcontact/send_welcome_msg"


@pytest.fixture
def code(wechat: WeChat) -> LiveCode:
    return wechat.live_code(wechat.join("amy"), welcome_text="Hello")


def greet(wechat: WeChat, code: LiveCode, **customer: object) -> str:
    """Someone scans and the callbacks are read; nothing is sent yet."""
    who = wechat.scan(code, customer or None)["customer"]
    wechat.arrive()
    ingest.work(wechat.business.pk)
    return str(who)


def state_of(wechat: WeChat) -> Welcome:
    with wechat.business.scope():
        return Welcome.objects.get()


def told(wechat: WeChat) -> list[tuple[str, dict[str, Any]]]:
    with wechat.business.scope():
        rows = Event.objects.filter(kind__startswith="welcome.")
        return list(rows.values_list("kind", "properties"))


def send_again(wechat: WeChat) -> None:
    """The next attempt, as if its time had come."""
    with wechat.business.scope():
        Welcome.objects.exclude(lease_until=None).update(lease_until=timezone.now())
    welcome.work(wechat.business.pk)


def test_within_twenty_seconds_of_the_scan(wechat: WeChat, code: LiveCode) -> None:
    wechat.setting(accept_after_s=0.2, welcome_in_flight_s=[0.2, 0.8])
    began = time.monotonic()

    who = greet(wechat, code)
    welcome.work(wechat.business.pk)

    assert time.monotonic() - began < 20
    assert wechat.messages(who) == ["Hello"]
    assert (state_of(wechat).state, state_of(wechat).attempts) == ("sent", 1)
    assert told(wechat) == [("welcome.sent", {"staff": "amy"})]
    with wechat.business.scope():
        assert welcome.next_due() is None


def test_request_and_acceptance_greet_once(wechat: WeChat, code: LiveCode) -> None:
    who = greet(wechat, code)  # both callbacks carry a code of their own

    welcome.work(wechat.business.pk)

    assert wechat.messages(who) == ["Hello"]
    with wechat.business.scope():
        assert Welcome.objects.count() == 1


def test_a_second_code_is_used_when_the_first_greeting_failed(
    wechat: WeChat, code: LiveCode
) -> None:
    wechat.setting(accept_after_s=-1)
    who = greet(wechat, code)
    with wechat.business.scope():
        Welcome.objects.update(state=Welcome.State.FAILED)

    wechat.act("accept", userid="amy", customer=who)
    wechat.settle()

    assert wechat.messages(who) == ["Hello"]


def test_a_live_code_without_text_owes_nothing(wechat: WeChat) -> None:
    silent = wechat.live_code(wechat.join("amy"), welcome_text=" ")

    greet(wechat, silent)

    with wechat.business.scope():
        assert not Welcome.objects.exists()


def test_a_conversation_that_had_begun_is_no_failure(wechat: WeChat, code: LiveCode) -> None:
    who = greet(wechat, code)
    wechat.act("speak", **{"from": who, "to": "amy"})

    welcome.work(wechat.business.pk)

    assert state_of(wechat).state == "spoken"
    ((kind, properties),) = told(wechat)
    assert (kind, properties["reason"]) == ("welcome.skipped", "spoken")
    assert wechat.messages(who) == []


@pytest.mark.parametrize("errcode", [41096, -1, 45033])
def test_a_busy_platform_is_asked_again_in_time(
    wechat: WeChat, code: LiveCode, errcode: int
) -> None:
    who = greet(wechat, code)
    wechat.fault("errcode", path=SEND, errcode=errcode, first=1)

    welcome.work(wechat.business.pk)
    row = state_of(wechat)
    assert (row.state, row.errcode) == ("due", errcode)
    assert row.lease_until is not None
    assert row.lease_until < row.expires_at
    send_again(wechat)

    assert state_of(wechat).state == "sent"
    assert wechat.messages(who) == ["Hello"]


@pytest.mark.parametrize("fault", ["reset_after", "truncated_json", "html_200", "http_502"])
def test_a_lost_answer_never_greets_twice(wechat: WeChat, code: LiveCode, fault: str) -> None:
    who = greet(wechat, code)
    wechat.fault(fault, path=SEND, first=1)

    welcome.work(wechat.business.pk)
    assert state_of(wechat).state == "due"
    send_again(wechat)

    assert state_of(wechat).state == "sent"
    assert wechat.messages(who) == ["Hello"]
    assert [kind for kind, _ in told(wechat)] == ["welcome.sent"]


def test_a_worker_that_died_leaves_it_to_the_next(wechat: WeChat, code: LiveCode) -> None:
    who = greet(wechat, code)
    with wechat.business.scope():
        first = welcome._claim()
    assert first is not None
    welcome.work(wechat.business.pk)
    assert wechat.messages(who) == []  # leased

    send_again(wechat)

    assert wechat.messages(who) == ["Hello"]
    welcome._settle(wechat.business.pk, first, Welcome.State.FAILED)  # the dead one wakes up
    assert state_of(wechat).state == "sent"
    assert len(told(wechat)) == 1


def test_a_limit_that_was_hit_is_tried_again_while_the_code_lives(
    wechat: WeChat, code: LiveCode
) -> None:
    """Twice at once means the hour for other calls; a welcome would be worth nothing by then."""
    who = greet(wechat, code)
    wechat.fault("errcode", path=SEND, errcode=45009, first=2)

    for _ in range(2):
        send_again(wechat)
        time.sleep(2.1)
    send_again(wechat)

    assert state_of(wechat).state == "sent"
    assert len(wechat.messages(who)) == 1


@pytest.mark.parametrize("errcode", [40014, 42001])
def test_a_fresh_token_that_is_refused_rests_the_account_for_a_moment(
    wechat: WeChat, code: LiveCode, errcode: int
) -> None:
    """The call and its one repetition are refused; the pause is over while the code lives."""
    who = greet(wechat, code)
    wechat.fault("errcode", path=SEND, errcode=errcode, first=2)

    for _ in range(2):
        send_again(wechat)
        assert state_of(wechat).state == "due"
    time.sleep(2.1)
    send_again(wechat)

    assert state_of(wechat).state == "sent"
    assert wechat.messages(who) == ["Hello"]
    assert [kind for kind, _ in told(wechat)] == ["welcome.sent"]


def test_a_lost_answer_and_then_a_refused_account_is_not_known(
    wechat: WeChat, code: LiveCode
) -> None:
    who = greet(wechat, code)
    wechat.fault("reset_after", path=SEND, first=1)
    welcome.work(wechat.business.pk)
    wechat.fault("errcode", path=SEND, errcode=40001)

    send_again(wechat)

    assert state_of(wechat).state == "unknown"
    assert wechat.messages(who) == ["Hello"]


def test_too_late_is_said_and_not_sent(wechat: WeChat, code: LiveCode) -> None:
    who = greet(wechat, code)
    with wechat.business.scope():
        Welcome.objects.update(expires_at=timezone.now() - timedelta(seconds=1))

    welcome.work(wechat.business.pk)

    assert state_of(wechat).state == "expired"
    assert told(wechat)[0][1]["reason"] == "expired"
    assert wechat.messages(who) == []
    assert wechat.calls(SEND) == []


def test_the_platform_says_too_late(wechat: WeChat, code: LiveCode) -> None:
    greet(wechat, code)
    wechat.sim("clock", advance_s=30)

    welcome.work(wechat.business.pk)

    assert state_of(wechat).state == "expired"


def test_a_try_without_an_end_is_not_known(wechat: WeChat, code: LiveCode) -> None:
    greet(wechat, code)
    wechat.fault("http_502", path=SEND)
    welcome.work(wechat.business.pk)
    late = timezone.now() - timedelta(seconds=1)
    with wechat.business.scope():
        Welcome.objects.update(expires_at=late, lease_until=late)

    welcome.work(wechat.business.pk)

    assert state_of(wechat).state == "unknown"
    assert told(wechat)[0][0] == "welcome.failed"


def test_many_workers_greet_each_once(wechat: WeChat, code: LiveCode) -> None:
    people = [greet(wechat, code) for _ in range(6)]

    def work(_: int) -> None:
        try:
            welcome.work(wechat.business.pk)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))

    assert [wechat.messages(who) for who in people] == [["Hello"]] * 6
    assert len(wechat.calls(SEND)) == 6


def test_nothing_is_owed_to_who_left(wechat: WeChat, code: LiveCode) -> None:
    who = wechat.scan(code)["customer"]
    wechat.sim("clock", advance_s=5)
    wechat.act("customer_deletes", userid="amy", customer=who)

    wechat.settle()

    with wechat.business.scope():
        assert Follow.objects.get().ended_by == "customer"
        assert not Welcome.objects.exists()


def test_who_comes_without_a_code_has_that_as_the_result(wechat: WeChat, code: LiveCode) -> None:
    wechat.sim("staff", corpid=wechat.corpid, userid="amy", admin_welcome=True)
    greet(wechat, code)
    welcome.work(wechat.business.pk)

    assert state_of(wechat).state == "no_code"
    assert wechat.calls(SEND) == []


def test_nobody_waits_for_another_ones_call(wechat: WeChat, code: LiveCode) -> None:
    wechat.setting(welcome_in_flight_s=[0.6, 0.6])
    people = [greet(wechat, code) for _ in range(5)]

    began = time.monotonic()
    welcome.work(wechat.business.pk)

    assert time.monotonic() - began < 2.4
    assert [wechat.messages(who) for who in people] == [["Hello"]] * 5


def test_what_is_tried_again_in_a_moment_is_on_the_board(wechat: WeChat, code: LiveCode) -> None:
    greet(wechat, code)
    wechat.fault("errcode", path=SEND, errcode=41096, first=1)

    welcome.work(wechat.business.pk)

    with wechat.business.scope():
        due = welcome.next_due()
    board = DueTenant.objects.get(tenant=wechat.business.tenant, queue=welcome_debts.QUEUE)
    assert due is not None
    assert board.next_due_at == due <= timezone.now() + timedelta(seconds=2)


def test_a_call_that_breaks_keeps_nobody_waiting(
    wechat: WeChat, code: LiveCode, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = [greet(wechat, code), greet(wechat, code)]
    calls: list[str] = []

    def breaks_once(client: WeComClient, welcome_code: str, *content: Any) -> customers.Welcome:
        calls.append(welcome_code)
        if len(calls) == 1:
            raise ZeroDivisionError
        return send_welcome(client, welcome_code, *content)

    send_welcome = customers.send_welcome
    monkeypatch.setattr(customers, "send_welcome", breaks_once)
    welcome.work(wechat.business.pk)
    assert sorted(len(wechat.messages(who)) for who in people) == [0, 1]

    send_again(wechat)
    assert [wechat.messages(who) for who in people] == [["Hello"]] * 2
