"""The adapter and the sandbox over HTTP: code, scan, callback, customer, welcome, mass message."""

import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest
import requests
from django.core.wsgi import get_wsgi_application
from django.db import connections
from django.urls import path
from pytest_django import Settings

from scrm.sandbox import Sandbox
from tenants.models import Callback, Tenant, WeChatAccount
from tenants.scope import scope
from tenants.wechat import app_messages, contact_ways, customers, mass_sends
from tenants.wechat.accounts import credentials_of, wecom_client_for
from tenants.wechat.client import WeComClient
from tenants.wechat.errors import Terminal
from tenants.wechat.event_types import ContactAdded
from tenants.wechat.events import parse
from tenants.wechat.views import callback

urlpatterns = [path("door/<str:code>", callback)]

Answer = dict[str, str]


class Corp:
    """A corp in a sandbox with the member li, and this corp's account in a tenant of ours."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.url = sandbox.url
        self.act(
            "settings",
            accept_after_s=0,
            welcome_in_flight_s=[0, 0],
            callback_spacing_s=[0, 0.01],
            result_lag_s=0,
        )
        self.founded = self.act("corps", name="示例企业")
        self.act("staff", corpid=self.founded["corpid"], userid="li", name="李")
        self.account = self.adopt()

    def act(self, action: str, **fields: object) -> Answer:
        answer = requests.post(f"{self.url}/_sim/{action}", json=fields, timeout=20)
        found: Answer = answer.json()
        return found

    def adopt(self) -> WeChatAccount:
        name = f"line-{uuid.uuid4().hex[:12]}"
        with scope(Tenant.objects.create(name=name, slug=name)):
            account: WeChatAccount = WeChatAccount.objects.create(
                kind="wecom",
                name="corp",
                app_id=self.founded["corpid"],
                agent_id=str(self.founded["agentid"]),
                secret=self.founded["secret"],
                callback_token=self.founded["token"],
                callback_aes_key=self.founded["aes_key"],
            )
        return account

    def client(self) -> WeComClient:
        with scope(self.account.tenant_id):
            credentials = credentials_of(self.account)
        return wecom_client_for(credentials)

    def listen(self, door: str) -> Answer:
        return self.act(
            "callback_url",
            corpid=self.founded["corpid"],
            agentid=self.founded["agentid"],
            callback_url=f"{door}/door/{self.account.code}",
        )

    def inbox(self) -> list[bytes]:
        self.act("callbacks/flush", timeout_s=20)
        with scope(self.account.tenant_id):
            return [bytes(one.body) for one in Callback.objects.order_by("id")]


@pytest.fixture
def corp(settings: Settings) -> Iterator[Corp]:
    settings.ROOT_URLCONF = __name__
    with Sandbox(seed=3) as sandbox:
        settings.WECHAT_BASE_URL = sandbox.url
        yield Corp(sandbox)


class Silent(WSGIRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def served() -> Iterator[str]:
    """The product on a port of its own; requests arrive in another thread, as in production."""
    server = make_server("127.0.0.1", 0, get_wsgi_application(), handler_class=Silent)

    def serve() -> None:
        server.serve_forever(poll_interval=0.02)
        connections.close_all()

    thread = Thread(target=serve)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_from_code_to_welcome(corp: Corp) -> None:
    with served() as door, corp.client() as client:
        corp.listen(door)
        way = contact_ways.add_contact_way(client, users=["li"], state="lc_1", skip_verify=False)
        scanned = corp.act("act/scan", config_id=way.config_id)
        (body,) = corp.inbox()
        event = parse(body)
        assert isinstance(event, ContactAdded)
        assert (event.user_id, event.state) == ("li", "lc_1")
        assert event.welcome_code

        customer = customers.get_customer(client, event.external_user_id)
        first = customers.send_welcome(client, event.welcome_code, "您好")
        second = customers.send_welcome(client, event.welcome_code, "您好")

    assert scanned["customer"]
    assert customer.external_userid == event.external_user_id
    assert [(one.userid, one.state) for one in customer.follows] == [("li", "lc_1")]
    assert (first, second) == (customers.Welcome.SENT, customers.Welcome.ALREADY)


def test_repeated_deliveries_are_stored_once(corp: Corp) -> None:
    with served() as door, corp.client() as client:
        corp.listen(door)
        corp.act("settings", callback_duplicate_share=1.0)
        way = contact_ways.add_contact_way(client, users=["li"], state="lc_1", skip_verify=False)
        corp.act("act/scan", config_id=way.config_id)
        bodies = corp.inbox()

    assert len(bodies) == len(set(bodies)) == 1


def test_a_contact_way_lives_and_ends(corp: Corp) -> None:
    with corp.client() as client:
        made = contact_ways.add_contact_way(client, users=["li"], state="a", remark="门店")
        contact_ways.update_contact_way(client, made.config_id, users=["li"], state="b")
        read = contact_ways.get_contact_way(client, made.config_id)
        contact_ways.del_contact_way(client, made.config_id)
        with pytest.raises(Terminal):
            contact_ways.get_contact_way(client, made.config_id)

    assert read is not None
    assert (read.state, read.users, bool(made.qr_code)) == ("b", ("li",), True)


def test_a_revoked_token_is_replaced(corp: Corp) -> None:
    with corp.client() as client:
        assert customers.list_follow_users(client) == ("li",)
        corp.act("tokens/revoke", corpid=corp.founded["corpid"])
        assert customers.list_follow_users(client) == ("li",)


def test_a_mass_message_is_found_again(corp: Corp) -> None:
    with served() as door, corp.client() as client:
        corp.listen(door)
        way = contact_ways.add_contact_way(client, users=["li"], state="lc_1", skip_verify=False)
        corp.act("act/scan", config_id=way.config_id)
        event = parse(corp.inbox()[0])
        assert isinstance(event, ContactAdded)
        wanted = [event.external_user_id]
        started = int(time.time())

        task = mass_sends.create_mass_task(
            client, external_userids=wanted, sender="li", text="到店"
        )
        found = mass_sends.find_mass_task(
            client,
            since=started - 60,
            until=started + 60,
            text="到店",
            sender="li",
            external_userids=wanted,
        )
        results = mass_sends.mass_task_result(client, task.msgid, "li")

    assert [one.msgid for one in found] == [task.msgid]
    assert task.failed == ()
    assert [one.external_userid for one in results] == wanted


def test_a_repeated_app_message_arrives_once(corp: Corp) -> None:
    text = {"msgtype": "text", "text": {"content": "新线索"}}
    with corp.client() as client:
        first = app_messages.send_app_message(client, users=["li"], message=text)
        app_messages.send_app_message(client, users=["li"], message=text)

    assert first.invalid_users == ()
