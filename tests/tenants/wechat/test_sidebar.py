"""Tickets are few and shared; a signature is what the client computes."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from redis import Redis

from tenants.wechat import sidebar
from tenants.wechat.accounts import credentials_of, wecom_client_for
from tenants.wechat.client import WeComClient, connect
from tenants.wechat.credentials import Credentials
from tenants.wechat.errors import Terminal
from tests.wechat_fixtures import WeChat

from .conftest import Answer, Provider

CORP, APP = "get_jsapi_ticket", "ticket/get"


def ticket(value: str, life: int = 7200) -> dict[str, object]:
    return {"errcode": 0, "ticket": value, "expires_in": life}


def wecom(credentials: Credentials, redis: Redis, url: str) -> WeComClient:
    made = connect(credentials, redis, base_url=url)
    assert isinstance(made, WeComClient)
    return made


def test_the_platforms_own_example() -> None:
    found = sidebar.sign(
        "sM4AOVdWfPE4DxkXGEs8VMCPGGVi4C3VM0P37wVUCFvkVAy_90u5h9nbSlYy3-Sl-HhTdfl2fzFy1AOcHKP7qg",
        "http://mp.weixin.qq.com?params=value#top",
        "Wm3WZYTPz0wzccnW",
        1414587457,
    )

    assert found.signature == "0f9de62fce790f9a083d5c99e95740ceb90c27ed"


def test_eight_workers_fetch_one_ticket_and_keep_it_until_shortly_before_its_end(
    credentials: Credentials, redis: Redis, provider: Provider
) -> None:
    provider.says(CORP, Answer(ticket("one"), pause_s=0.2))
    gate = threading.Barrier(8)

    def once() -> str:
        with wecom(credentials, redis, provider.url) as client:
            gate.wait()
            return sidebar.corp_ticket(client)

    with ThreadPoolExecutor(8) as pool:
        found = [done.result() for done in [pool.submit(once) for _ in range(8)]]

    assert found == ["one"] * 8
    assert len(provider.calls(CORP)) == 1
    key = f"{credentials.redis_prefix}:ticket"
    assert 0 < redis.ttl(key) <= 7200 - 300
    assert b"one" not in (redis.get(key) or b"")


def test_two_apps_of_one_corporation_have_tickets_of_their_own(
    credentials: Credentials, redis: Redis, provider: Provider
) -> None:
    provider.says(APP, ticket("of the first"), ticket("of the second"))
    other = replace(credentials, agent_id="1000003")

    found = []
    for who in (credentials, other, credentials, other):
        with wecom(who, redis, provider.url) as client:
            found.append(sidebar.app_ticket(client))

    assert found == ["of the first", "of the second"] * 2
    assert [one.query["type"] for one in provider.calls(APP)] == ["agent_config"] * 2


def test_a_refused_ticket_is_fetched_anew_once_in_five_minutes(
    credentials: Credentials, redis: Redis, provider: Provider
) -> None:
    provider.says(CORP, ticket("one"), ticket("two"), ticket("three"))
    with wecom(credentials, redis, provider.url) as client:
        found = [sidebar.corp_ticket(client, anew=anew) for anew in (False, True, True, False)]

    assert found == ["one", "two", "two", "two"]


def test_an_account_without_an_app_has_no_ticket_of_one(
    credentials: Credentials, redis: Redis, provider: Provider
) -> None:
    with wecom(replace(credentials, agent_id=None), redis, provider.url) as client:
        with pytest.raises(Terminal):
            sidebar.app_ticket(client)
    assert provider.calls(APP) == []


@pytest.mark.parametrize("of_app", [False, True])
def test_the_sandbox_finds_the_signature_right(wechat: WeChat, *, of_app: bool) -> None:
    url = "http://127.0.0.1:8000/desk/sidebar/abc/?x=1"
    with wechat.business.scope():
        who = credentials_of(wechat.account)
    with wecom_client_for(who) as client:
        verb = sidebar.app_ticket if of_app else sidebar.corp_ticket
        found = sidebar.sign_now(verb(client), f"{url}#part")

    given = {
        "corpid": wechat.corpid, "url": url, "noncestr": found.nonce,
        "timestamp": found.timestamp, "signature": found.signature,
    }  # fmt: skip
    agent = {"agentid": wechat.agentid}
    assert wechat.sim("check_signature", **given, **(agent if of_app else {}))["valid"] is True
    assert wechat.sim("check_signature", **given, **({} if of_app else agent))["valid"] is False
