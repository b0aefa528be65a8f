"""One token for all workers, refreshed once, and never readable in Redis."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from redis import Redis

from tenants.wechat.client import OfficialAccountClient, WeComClient, connect
from tenants.wechat.credentials import Credentials
from tenants.wechat.errors import (
    Unauthorised,
)

from .conftest import SECRET, Answer, Provider, bad

SEND = "externalcontact/add_msg_template"


READ = "externalcontact/get"


def test_eight_threads_fetch_one_token(
    credentials: Credentials, redis: Redis, provider: Provider
) -> None:
    provider.says(
        "gettoken", Answer({"errcode": 0, "access_token": "one", "expires_in": 7200}, pause_s=0.2)
    )
    gate = threading.Barrier(8)

    def call_once() -> None:
        with connect(credentials, redis, base_url=provider.url) as client:
            gate.wait()
            client.call("get", READ, repeatable=True)

    with ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(call_once) for _ in range(8)]:
            done.result()

    assert len(provider.calls("gettoken")) == 1
    assert [one.query["access_token"] for one in provider.calls(READ)] == ["one"] * 8


def test_eight_threads_with_a_dead_token_refresh_once(
    credentials: Credentials, redis: Redis, provider: Provider
) -> None:
    with connect(credentials, redis, base_url=provider.url) as client:
        assert client.access_token == "token-1"
    everyone = threading.Barrier(8, timeout=5)
    provider.says(READ, *[Answer(bad(42001), together=everyone)] * 8, {"errcode": 0})

    def call_once() -> None:
        with connect(credentials, redis, base_url=provider.url) as client:
            client.call("get", READ, repeatable=True)

    with ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(call_once) for _ in range(8)]:
            done.result()

    assert len(provider.calls("gettoken")) == 2
    asked = [one.query["access_token"] for one in provider.calls(READ)]
    assert asked == ["token-1"] * 8 + ["token-2"] * 8


@pytest.mark.parametrize("errcode", [40001, 40014, 41001, 42001])
def test_endless_token_errors_end_after_one_refresh(
    client: WeComClient, provider: Provider, errcode: int
) -> None:
    assert client.access_token == "token-1"
    provider.says(SEND, bad(errcode))

    with pytest.raises(Unauthorised) as caught:
        client.call("post", SEND, data={"a": 1}, repeatable=False)

    assert caught.value.errcode == errcode
    assert [one.query["access_token"] for one in provider.calls(SEND)] == ["token-1", "token-2"]
    assert len(provider.calls("gettoken")) == 2


def test_an_expired_token_is_replaced_once_and_the_bytes_stay_the_same(
    client: WeComClient, provider: Provider
) -> None:
    provider.says(SEND, bad(42001), {"errcode": 0, "msgid": "m"})

    answer = client.call("post", SEND, data={"text": "你好", "n": 1}, repeatable=False)

    first, second = provider.calls(SEND)
    assert answer["msgid"] == "m"
    assert first.body == second.body == '{"text": "你好", "n": 1}'.encode()


@pytest.mark.parametrize("errcode", [40001, 40013, 40091])
def test_wrong_credentials_are_asked_once_and_remembered(
    client: WeComClient, provider: Provider, errcode: int
) -> None:
    provider.says("gettoken", bad(errcode))

    for _ in range(3):
        with pytest.raises(Unauthorised) as caught:
            client.call("get", READ, repeatable=True)
        assert caught.value.errcode == errcode

    assert len(provider.calls("gettoken")) == 1
    assert provider.calls(READ) == []


def test_a_corrected_secret_works_at_once(
    client: WeComClient, credentials: Credentials, redis: Redis, provider: Provider
) -> None:
    provider.says("gettoken", bad(40001), {"errcode": 0, "access_token": "t", "expires_in": 7200})
    with pytest.raises(Unauthorised):
        client.call("get", READ, repeatable=True)

    corrected = replace(credentials, secret="another")
    with connect(corrected, redis, base_url=provider.url) as fixed:
        fixed.call("get", READ, repeatable=True)

    assert len(provider.calls(READ)) == 1


def test_redis_holds_neither_secret_nor_readable_token(
    client: WeComClient, credentials: Credentials, redis: Redis
) -> None:
    token = client.access_token

    keys = list(redis.scan_iter(f"{credentials.redis_prefix}:*"))
    dump = "".join(f"{key!r} {redis.get(key)!r}" for key in keys if redis.type(key) == b"string")
    assert redis.ttl(f"{credentials.redis_prefix}:token") <= 7200 - 300
    assert SECRET not in dump
    assert SECRET[:10] not in dump
    assert token not in dump


def test_an_official_account_uses_the_stable_token(
    credentials: Credentials, redis: Redis, provider: Provider
) -> None:
    provider.says(
        "stable_token",
        {"access_token": "same", "expires_in": 7200},
        {"access_token": "same", "expires_in": 7200},
        {"access_token": "forced", "expires_in": 7200},
    )
    provider.says("user/info", bad(40001), {"subscribe": 1})
    account = replace(credentials, kind="oa", app_id="wxapp")

    with connect(account, redis, base_url=provider.url) as client:
        assert isinstance(client, OfficialAccountClient)
        client.call("get", "user/info", repeatable=True)

    assert [one.json["force_refresh"] for one in provider.calls("stable_token")] == [
        False,
        False,
        True,
    ]
    assert [one.query["access_token"] for one in provider.calls("user/info")] == ["same", "forced"]


def test_an_official_account_forces_a_token_rarely(
    credentials: Credentials, redis: Redis, provider: Provider
) -> None:
    provider.says("stable_token", {"access_token": "same", "expires_in": 7200})
    provider.says("user/info", bad(40001))

    account = replace(credentials, kind="oa")
    # Past the breaker, which would let the first call out only.
    with connect(account, redis, base_url=provider.url, always=True) as client:
        for _ in range(3):
            with pytest.raises(Unauthorised):
                client.call("get", "user/info", repeatable=True)

    forced = [one.json["force_refresh"] for one in provider.calls("stable_token")]
    assert forced.count(True) == 1
    assert len(provider.calls("user/info")) == 6
