"""The door: verified and stored before the 200; everything else leaves no trace."""

import logging
import time
import uuid
from urllib.parse import urlencode

import pytest
from django.test import Client
from django.urls import path
from pytest_django import Settings

from tenants.ids import new_code
from tenants.models import Callback, Tenant, WeChatAccount
from tenants.scope import scope
from tenants.wechat.callback import MAX_BODY
from tenants.wechat.views import callback

from .envelopes import AES_KEY, TOKEN, Post, seal, sign

urlpatterns = [path("door/<str:code>", callback)]

CORP = "wwcorp"
SECRET = "the-app-secret-0123456789"
EVENT = (
    b"<xml><MsgType>event</MsgType><Event>enter_agent</Event><FromUserName>mei</FromUserName></xml>"
)


@pytest.fixture
def client(settings: Settings) -> Client:
    settings.ROOT_URLCONF = __name__
    return Client(enforce_csrf_checks=True)


@pytest.fixture
def account() -> WeChatAccount:
    return make_account(make_tenant())


def make_tenant() -> Tenant:
    name = f"door-{uuid.uuid4().hex[:12]}"
    return Tenant.objects.create(name=name, slug=name)


def make_account(tenant: Tenant, **fields: object) -> WeChatAccount:
    with scope(tenant):
        values: dict[str, object] = {
            "kind": "wecom",
            "name": "corp",
            "app_id": CORP,
            "agent_id": "1000002",
            "secret": SECRET,
            "callback_token": TOKEN,
            "callback_aes_key": AES_KEY,
        }
        account: WeChatAccount = WeChatAccount.objects.create(**values | fields)
    return account


def deliver(client: Client, code: str, post: Post, **spoiled: str) -> tuple[int, bytes]:
    query = urlencode(post.query | spoiled)
    answer = client.post(f"/door/{code}?{query}", post.body, content_type="text/xml")
    return answer.status_code, answer.content


def stored(account: WeChatAccount) -> list[bytes]:
    with scope(account.tenant_id):
        return [bytes(one.body) for one in Callback.objects.filter(account=account).order_by("id")]


def test_a_delivery_is_stored_once_however_often_it_comes(
    client: Client, account: WeChatAccount
) -> None:
    for _ in range(3):
        assert deliver(client, account.code, Post(seal(EVENT, CORP))) == (200, b"success")

    assert stored(account) == [EVENT]
    with scope(account.tenant_id):
        account.refresh_from_db()
    assert account.last_callback_at is not None


def test_different_events_of_one_second_are_all_stored(
    client: Client, account: WeChatAccount
) -> None:
    bodies = [EVENT.replace(b"mei", name) for name in (b"a", b"b", b"c")]
    for body in bodies:
        deliver(client, account.code, Post(seal(body, CORP)))

    assert stored(account) == bodies


def test_the_address_check_echoes_to_the_byte(client: Client, account: WeChatAccount) -> None:
    post = Post(seal(b"6193", CORP))

    answer = client.get(f"/door/{account.code}", post.query | {"echostr": post.encrypted})

    assert (answer.status_code, answer.content) == (200, b"6193")
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    wrong = client.get(f"/door/{account.code}", post.query | {"echostr": seal(b"1", CORP)})
    assert (wrong.status_code, wrong.content) == (403, b"")


def test_refusals_store_nothing_and_look_alike(
    client: Client, account: WeChatAccount, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    good = Post(seal(EVENT, CORP))

    answers = [
        deliver(client, account.code, good, msg_signature="0" * 40),
        deliver(client, account.code, Post(good.encrypted[:-3])),
        deliver(client, account.code, Post("%%%")),
        deliver(client, account.code, Post(seal(EVENT, "wwother"))),
        deliver(client, account.code, Post(good.encrypted, stamp=str(int(time.time()) - 700))),
        deliver(client, account.code, Post(good.encrypted, token="other")),
    ]

    assert answers == [(403, b"")] * 6
    assert stored(account) == []
    for secret in (SECRET, TOKEN, AES_KEY, good.encrypted, "enter_agent"):
        assert secret not in caplog.text
    assert "bad_signature" in caplog.text
    assert account.code in caplog.text


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"<xml", 400),
        (b"", 400),
        (b"<!DOCTYPE x><xml><Encrypt>a</Encrypt></xml>", 400),
        (b"<a>" * 1000, 400),
        (b"a" * (MAX_BODY + 1), 413),
        (b"a" * (3 * 1024 * 1024), 413),
    ],
)
def test_bad_bodies(client: Client, account: WeChatAccount, body: bytes, status: int) -> None:
    answer = client.post(f"/door/{account.code}", body, content_type="text/xml")

    assert (answer.status_code, answer.content) == (status, b"")
    assert stored(account) == []


def test_doors_that_are_not_there(client: Client, account: WeChatAccount) -> None:
    inactive = make_account(Tenant.objects.get(pk=account.tenant_id), agent_id="9", active=False)

    for code in (inactive.code, new_code(account.tenant_id), new_code(2**62), "nonsense", "é"):
        assert deliver(client, code, Post(seal(EVENT, CORP))) == (404, b"")
    assert client.put(f"/door/{account.code}").status_code == 405


def test_another_tenants_delivery_does_not_open_here(
    client: Client, account: WeChatAccount
) -> None:
    other = make_account(
        make_tenant(), app_id="wwother", callback_token="other", callback_aes_key=AES_KEY
    )
    post = Post(seal(EVENT, "wwother"), token="other")

    assert deliver(client, account.code, post)[0] == 403
    assert deliver(client, other.code, post)[0] == 200
    assert (stored(account), stored(other)) == ([], [EVENT])


def test_an_official_account_in_plain_mode(client: Client) -> None:
    account = make_account(
        make_tenant(), kind="oa", app_id="wxapp", agent_id="", callback_aes_key=""
    )
    stamp = str(int(time.time()))
    query = {"timestamp": stamp, "nonce": "n", "signature": sign(TOKEN, stamp, "n")}
    address = f"/door/{account.code}?{urlencode(query)}"

    assert client.get(address + "&echostr=4711").content == b"4711"
    assert client.post(address, EVENT, content_type="text/xml").status_code == 200
    assert stored(account) == [EVENT]


def test_the_window_is_a_setting(
    client: Client, account: WeChatAccount, settings: Settings
) -> None:
    settings.WECHAT_CALLBACK_WINDOW_S = 86_400
    late = Post(seal(EVENT, CORP), stamp=str(int(time.time()) - 7200))

    assert deliver(client, account.code, late)[0] == 200
