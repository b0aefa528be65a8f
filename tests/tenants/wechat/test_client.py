"""One retry, no secret in any text, and honest outcomes of lost calls."""

import io
import logging
import socket
import threading
import time
import traceback

import pytest
from redis import Redis

from tenants.wechat.client import Pace, WeComClient, connect
from tenants.wechat.credentials import BaseUrls, Credentials
from tenants.wechat.errors import (
    Forbidden,
    NotACustomer,
    RateLimited,
    Retryable,
    Terminal,
    Unauthorised,
    Unknown,
    WeChatError,
)

from .conftest import SECRET, Answer, Provider, bad

SEND = "externalcontact/add_msg_template"


READ = "externalcontact/get"


@pytest.mark.parametrize(
    "lost",
    [
        Answer({"errcode": 0}, pause_s=1.5),
        Answer(drop=True),
        Answer(raw=b"<html>bad gateway</html>", status=502),
        Answer(raw=b"<html>fine</html>"),
        Answer(raw=b'{"errcode": 0, "msgid"'),
        Answer(raw=b"[1, 2]"),
        Answer({"errcode": "what"}),
    ],
    ids=["slow", "reset", "502", "html", "truncated", "list", "errcode"],
)
def test_a_lost_answer_is_unknown_unless_the_call_may_be_repeated(
    client: WeComClient, provider: Provider, lost: Answer
) -> None:
    provider.says(SEND, lost)

    with pytest.raises(Unknown):
        client.call("post", SEND, data={"a": 1}, repeatable=False)
    with pytest.raises(Retryable):
        client.call("post", SEND, data={"a": 1}, repeatable=True)

    assert len(provider.calls(SEND)) == 2


def test_a_refused_connection_is_certainly_not_accepted(
    credentials: Credentials, redis: Redis, provider: Provider
) -> None:
    with connect(credentials, redis, base_url=provider.url) as client:
        assert client.access_token
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        dead = f"http://127.0.0.1:{closed.getsockname()[1]}"

        with connect(credentials, redis, base_url=dead) as client, pytest.raises(Retryable):
            client.call("post", SEND, data={}, repeatable=False)


def test_a_drip_of_bytes_ends_at_the_deadline(
    client: WeComClient, credentials: Credentials, redis: Redis
) -> None:
    assert client.access_token
    with socket.create_server(("127.0.0.1", 0)) as server:

        def drip() -> None:
            line, _ = server.accept()
            with line:
                line.recv(65536)
                line.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
                for _ in range(40):
                    try:
                        line.sendall(b" ")
                    except OSError:
                        return
                    time.sleep(0.1)

        thread = threading.Thread(target=drip)
        thread.start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        started = time.monotonic()
        with (
            connect(credentials, redis, base_url=url, timeout=(0.5, 0.5)) as slow,
            pytest.raises(Unknown),
        ):
            slow.call("post", SEND, data={}, repeatable=False)
        assert time.monotonic() - started < 2
        thread.join()


@pytest.mark.parametrize(
    ("errcode", "kind"),
    [
        (-1, Retryable),
        (45009, RateLimited),
        (45033, RateLimited),
        (60020, Unauthorised),
        (48002, Forbidden),
        (301002, Forbidden),
        (84061, NotACustomer),
        (40096, Terminal),
        (99999, Terminal),
    ],
)
def test_codes_have_their_classes(
    client: WeComClient, provider: Provider, errcode: int, kind: type[WeChatError]
) -> None:
    provider.says(SEND, bad(errcode))

    with pytest.raises(kind) as caught:
        client.call("post", SEND, data={}, repeatable=False)

    assert caught.value.errcode == errcode
    assert len(provider.calls(SEND)) == 1


@pytest.mark.parametrize("status", [301, 404, 418])
def test_other_http_states_are_terminal(
    client: WeComClient, provider: Provider, status: int
) -> None:
    provider.says(SEND, Answer(raw=b"<html>", status=status))

    with pytest.raises(Terminal):
        client.call("post", SEND, data={}, repeatable=False)


def test_a_file_is_uploaded_whole_again(client: WeComClient, provider: Provider) -> None:
    provider.says("media/upload", bad(42001), {"errcode": 0, "media_id": "m"})
    picture = io.BytesIO(b"skipped" + b"PICTURE-BYTES")
    picture.seek(7)

    client.call(
        "post",
        "media/upload",
        params={"type": "image"},
        files={"media": ("图.png", picture, "image/png")},
        repeatable=True,
    )

    bodies = [one.body for one in provider.calls("media/upload")]
    assert [body.count(b"PICTURE-BYTES") for body in bodies] == [1, 1]
    assert b"skipped" not in bodies[1]


def test_wechatpys_own_methods_go_through_the_same_door(
    client: WeComClient, provider: Provider
) -> None:
    provider.says("user/get", bad(40014), {"errcode": 0, "userid": "mei", "name": "梅"})

    assert client.user.get("mei")["name"] == "梅"
    assert [one.query["access_token"] for one in provider.calls("user/get")] == [
        "token-1",
        "token-2",
    ]


def everything(error: BaseException) -> str:
    """All that a log, a tracker or a debug page could print of it."""
    text = "".join(traceback.format_exception(error)) + repr(error)
    seen: BaseException | None = error.__context__
    while seen is not None:
        text += repr(seen)
        seen = seen.__context__
    return text


@pytest.mark.parametrize(
    "trouble",
    [
        Answer(pause_s=1.5),
        Answer(drop=True),
        Answer(raw=b"x", status=500),
        Answer(bad(40096, f"bad {SECRET}, hint: [1_2_3], from ip: 192.0.2.10, more info at x")),
    ],
    ids=["slow", "reset", "500", "errmsg"],
)
def test_no_text_of_an_error_holds_a_secret(
    client: WeComClient, provider: Provider, caplog: pytest.LogCaptureFixture, trouble: Answer
) -> None:
    caplog.set_level(logging.DEBUG)
    provider.says(SEND, trouble)
    provider.says("gettoken", Answer({"access_token": "token-abcdef", "expires_in": 7200}))

    with pytest.raises(WeChatError) as caught:
        client.call("post", SEND, data={}, repeatable=False)

    printed = everything(caught.value) + caplog.text + repr(client.credentials) + repr(client)
    assert SECRET not in printed
    assert "token-abcdef" not in printed
    assert "192.0.2.10" not in printed


def test_a_failing_token_request_tells_nothing(
    client: WeComClient, provider: Provider, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    provider.says("gettoken", Answer(drop=True))

    with pytest.raises(Retryable) as caught:
        client.call("post", SEND, data={}, repeatable=False)

    assert SECRET not in everything(caught.value) + caplog.text
    assert provider.calls(SEND) == []


def test_redis_down_means_not_sent(credentials: Credentials, provider: Provider) -> None:
    with (
        Redis.from_url("unix:///nowhere/socket") as nothing,
        connect(credentials, nothing, base_url=provider.url) as client,
        pytest.raises(Retryable),
    ):
        client.call("post", SEND, data={}, repeatable=False)

    assert provider.seen == []


def test_a_frequency_answer_blocks_that_api_alone(client: WeComClient, provider: Provider) -> None:
    provider.says(SEND, bad(45009, "api freq out of limit"))

    with pytest.raises(RateLimited) as first:
        client.call("post", SEND, data={}, repeatable=False)
    with pytest.raises(RateLimited) as second:
        client.call("post", SEND, data={}, repeatable=False)
    client.call("get", READ, repeatable=True)

    assert (first.value.scope, first.value.retry_after) == ("minute", 60.0)
    assert second.value.scope == "pace"
    assert 55 < second.value.retry_after <= 60
    assert len(provider.calls(SEND)) == 1


def test_a_daily_quota_blocks_until_midnight(client: WeComClient, provider: Provider) -> None:
    provider.says(SEND, bad(45009, "reach max api daily quota limit rid: 1-2-3"))

    with pytest.raises(RateLimited) as caught:
        client.call("post", SEND, data={}, repeatable=False)

    assert caught.value.scope == "day"
    assert 0 < caught.value.retry_after <= 86400
    assert "rid" not in str(caught.value)


def test_our_own_pace_holds_before_the_network(
    credentials: Credentials, redis: Redis, provider: Provider
) -> None:
    pace = Pace(per_minute=1, burst=2)
    with connect(credentials, redis, base_url=provider.url, pace=pace) as client:
        for _ in range(2):
            client.call("get", READ, repeatable=True)
        with pytest.raises(RateLimited) as caught:
            client.call("get", READ, repeatable=True)

    assert 50 < caught.value.retry_after <= 60
    assert len(provider.calls(READ)) == 2


def test_the_hosts_of_wechat_are_mapped_and_no_other_is_called() -> None:
    real, mapped = BaseUrls.of(), BaseUrls.of("http://127.0.0.1:8801/")
    address = "https://mp.weixin.qq.com/cgi-bin/showqrcode?ticket=a"

    assert real.locate(address) == address
    assert mapped.locate(address) == "http://127.0.0.1:8801/cgi-bin/showqrcode?ticket=a"
    with pytest.raises(ValueError, match="not a WeChat host"):
        real.locate("https://weixin.qq.com.example.org/cgi-bin/get")


def test_proxies_of_the_environment_are_ignored_when_mapped(
    client: WeComClient, credentials: Credentials, redis: Redis
) -> None:
    with connect(credentials, redis) as real:
        assert real._http.trust_env is True
    assert client._http.trust_env is False
