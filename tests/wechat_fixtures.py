"""A business with a WeCom of its own: the sandbox over HTTP, our callback door on a real port."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from threading import Thread
from typing import Any, Protocol

import pytest
import requests
from django.core.handlers.wsgi import WSGIHandler
from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler
from django.urls import reverse

from contacts import details, ingest, livecodes, timeline, welcome
from contacts.models import Channel, LiveCode, LiveCodeStaff, LiveCodeTag, Tag
from scrm.sandbox import Sandbox
from scrm.sandbox.world import World
from tenants.models import Staff, WeChatAccount
from tests.conftest import Business


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Nothing: tests read what was stored."""


@pytest.fixture(scope="session")
def web_url(database: None) -> Iterator[str]:
    """The application on a port of its own, as the web server would serve it."""
    server = ThreadedWSGIServer(("127.0.0.1", 0), _Quiet)
    server.daemon_threads = True
    server.set_app(WSGIHandler())
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


class Platform(Protocol):
    """A sandbox, in this process or in another."""

    @property
    def url(self) -> str: ...


@dataclass
class WeChat:
    """One corp in the sandbox, its account in the business, and the acts of its people."""

    sandbox: Platform
    business: Business
    account: WeChatAccount
    corpid: str
    agentid: int
    callback_url: str

    @property
    def world(self) -> World:
        """What is in the sandbox, when it runs in this process."""
        assert isinstance(self.sandbox, Sandbox)
        return self.sandbox.world

    def sim(self, path: str, method: str = "POST", /, **body: object) -> Any:
        """One call of the sandbox's control API; refusals raise."""
        url = f"{self.sandbox.url}/_sim/{path}"
        sends = {"params": body} if method == "GET" else {"json": body}
        answer = requests.request(method, url, timeout=35, **sends)  # type: ignore[arg-type]
        assert answer.status_code == 200, answer.text
        return answer.json()

    def act(self, name: str, /, **body: object) -> Any:
        return self.sim(f"act/{name}", **{"corpid": self.corpid, **body})

    def setting(self, **values: object) -> None:
        self.sim("settings", **values)

    def fault(self, kind: str, /, **rule: object) -> None:
        self.sim("faults", kind=kind, corpid=self.corpid, **rule)

    def join(self, userid: str, name: str = "") -> Staff:
        """A member at WeCom who is staff of the business."""
        self.sim("staff", corpid=self.corpid, userid=userid, name=name or userid)
        with self.business.scope():
            return Staff.objects.get_or_create(userid=userid, defaults={"name": name or userid})[0]

    def live_code(
        self,
        *staff: Staff,
        name: str = "Store door",
        channel: str = "",
        tags: tuple[str, ...] = (),
        push: bool = True,
        **fields: Any,
    ) -> LiveCode:
        """A live code, made at the platform too unless `push` is off."""
        with self.business.scope():
            if channel:
                fields["channel"] = Channel.objects.get_or_create(name=channel)[0]
            code = LiveCode.objects.create(name=name, account=self.account, **fields)
            for one in staff:
                LiveCodeStaff.objects.create(live_code=code, staff=one)
            for tag in tags:
                found = Tag.objects.get_or_create(name=tag)[0]
                LiveCodeTag.objects.create(live_code=code, tag=found)
            livecodes.changed(code)
        if push:
            livecodes.work(self.business.pk)
        made: LiveCode = self.fresh(code)
        return made

    def fresh(self, row: Any) -> Any:
        with self.business.scope():
            return type(row).objects.get(pk=row.pk)

    def scan(self, code: LiveCode, customer: object = None) -> Any:
        """Someone scans: described by a dict, known by an id, or anybody."""
        body = {"customer": customer} if customer is not None else {}
        return self.sim("act/scan", config_id=code.config_id, **body)

    def arrive(self) -> None:
        """Wait until the platform has delivered every callback."""
        assert self.sim("callbacks/flush", timeout_s=30)["idle"]

    def settle(self) -> None:
        """Callbacks arrive, and every worker does what is due."""
        self.arrive()
        ingest.work(self.business.pk)
        welcome.work(self.business.pk)
        details.work(self.business.pk)
        livecodes.work(self.business.pk)
        timeline.work(self.business.pk)

    def calls(self, path: str) -> list[Any]:
        """What was asked of one API, from the sandbox's journal."""
        read = self.sim("journal", "GET", corpid=self.corpid, path=path)
        return list(read["entries"])

    def messages(self, customer: str) -> list[str]:
        """The texts on a customer's phone."""
        return [one["text"] for one in self.sim(f"customers/{customer}", "GET")["messages"]]


@pytest.fixture
def sandbox(settings: Any) -> Iterator[Sandbox]:
    with Sandbox(seed=1) as running:
        settings.WECHAT_BASE_URL = running.url
        yield running


@pytest.fixture
def wechat(sandbox: Sandbox, business: Business, web_url: str) -> WeChat:
    """The business's WeCom: an app whose callbacks come in at our real door."""
    made = connected(sandbox, business, web_url)
    made.setting(accept_after_s=0.0, welcome_in_flight_s=[0.0, 0.0])
    return made


def connected(
    sandbox: Platform, business: Business, web_url: str, name: str = "测试企业"
) -> WeChat:
    """A new corp, and its account in the business."""
    url = f"{sandbox.url}/_sim/corps"
    corp = requests.post(url, json={"name": name}, timeout=10).json()
    with business.scope():
        account = WeChatAccount.objects.create(
            name="WeCom",
            app_id=corp["corpid"],
            agent_id=str(corp["agentid"]),
            secret=corp["secret"],
            callback_token=corp["token"],
            callback_aes_key=corp["aes_key"],
        )
    made = WeChat(
        sandbox=sandbox,
        business=business,
        account=account,
        corpid=corp["corpid"],
        agentid=int(corp["agentid"]),
        callback_url=web_url + reverse("wechat-callback", args=[account.code]),
    )
    made.sim(
        "callback_url", corpid=made.corpid, agentid=made.agentid, callback_url=made.callback_url
    )
    return made
