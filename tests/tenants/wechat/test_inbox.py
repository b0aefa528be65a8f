"""The way into the inbox: one message to the database, and never by what is no longer true."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from tenants import doorbell
from tenants.models import Callback, DueTenant, WeChatAccount
from tenants.wechat import inbox
from tests.conftest import Business

from .envelopes import AES_KEY, TOKEN, Post, seal

CORP = "wwinbox"


@pytest.fixture(autouse=True)
def long_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """However busy the machine."""
    monkeypatch.setattr(inbox, "REMEMBERED_S", 60.0)


@pytest.fixture
def account(business: Business) -> WeChatAccount:
    with business.scope():
        made: WeChatAccount = WeChatAccount.objects.create(
            name="corp",
            app_id=CORP,
            agent_id="1",
            secret="s",
            callback_token=TOKEN,
            callback_aes_key=AES_KEY,
        )
    return made


def event(number: int) -> bytes:
    return f"<xml><MsgType>event</MsgType><Event>e{number}</Event></xml>".encode()


def deliver(account: WeChatAccount, number: int, token: str = TOKEN) -> int:
    post = Post(seal(event(number), CORP), token=token)
    url = reverse("wechat-callback", args=[account.code])
    return (
        Client()
        .post(f"{url}?{urlencode(post.query)}", post.body, content_type="text/xml")
        .status_code
    )


def stored(business: Business) -> list[bytes]:
    with business.scope():
        return [bytes(one.body) for one in Callback.objects.order_by("id")]


def test_a_callback_of_a_burst_is_one_message_to_the_database(
    business: Business, account: WeChatAccount
) -> None:
    assert deliver(account, 0) == 200
    assert deliver(account, 1) == 200

    with CaptureQueriesContext(connection) as queries:
        assert deliver(account, 2) == 200

    assert len(queries) == 1
    assert stored(business) == [event(0), event(1), event(2)]
    with business.scope():
        row = Callback.objects.latest("id")
        assert (row.attempts, row.problem, row.handled_at) == (0, "", None)
    assert DueTenant.objects.filter(tenant=business.tenant, queue=inbox.QUEUE).exists()


def test_the_bell_rings_for_the_first_only(
    business: Business, account: WeChatAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    rung: list[int] = []
    monkeypatch.setitem(doorbell._wakers, inbox.QUEUE, rung.append)

    for number in range(3):
        deliver(account, number)

    assert rung == [business.pk]


def test_new_keys_are_good_at_once(business: Business, account: WeChatAccount) -> None:
    assert deliver(account, 0) == 200
    with business.scope():
        account.callback_token = "another-token"
        account.save()

    assert deliver(account, 1, token="another-token") == 200
    assert deliver(account, 2) == 403


def test_an_account_that_was_switched_off_is_remembered_for_a_moment(
    business: Business, account: WeChatAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert deliver(account, 0) == 200
    with business.scope():
        WeChatAccount.objects.filter(pk=account.pk).update(active=False)
    monkeypatch.setattr(inbox, "REMEMBERED_S", 0.0)

    assert deliver(account, 1) == 404
    assert inbox.remembered(account.code) is None


def test_an_account_that_is_gone_has_no_door(business: Business, account: WeChatAccount) -> None:
    assert deliver(account, 0) == 200
    assert inbox.read(account.code) is not None
    with business.scope():
        Callback.objects.all().delete()
        account.delete()

    assert deliver(account, 1) == 404


def test_a_connection_that_died_meanwhile_costs_nothing(
    business: Business, account: WeChatAccount
) -> None:
    assert deliver(account, 0) == 200
    assert deliver(account, 1) == 200
    other = connection.copy()
    try:
        with connection.cursor() as mine, other.cursor() as cursor:
            mine.execute("SELECT pg_backend_pid()")
            cursor.execute("SELECT pg_terminate_backend(%s)", mine.fetchone())
    finally:
        other.close()

    assert deliver(account, 2) == 200
    assert stored(business) == [event(0), event(1), event(2)]
