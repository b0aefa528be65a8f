"""A provider on loopback that says what a test tells it to, and a real Redis."""

import itertools
import json
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

import pytest
from django.conf import settings
from redis import Redis

from tenants.wechat.client import WeComClient, connect
from tenants.wechat.credentials import Credentials

SECRET = "s3cret-of-the-app-0123456789abcdefghijklmno"

_accounts = itertools.count(int(time.time()) * 1000)


@dataclass
class Seen:
    method: str
    path: str
    query: dict[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, object]:
        found: dict[str, object] = json.loads(self.body)
        return found


@dataclass
class Answer:
    """`pause_s` and everyone `together` before it; `drop` cuts the line; `raw` is sent as it is."""

    content: object = None
    status: int = 200
    raw: bytes | None = None
    pause_s: float = 0.0
    together: threading.Barrier | None = None
    drop: bool = False

    def payload(self) -> bytes:
        return json.dumps(self.content).encode() if self.raw is None else self.raw


@dataclass
class Provider:
    url: str = ""
    seen: list[Seen] = field(default_factory=list)
    script: dict[str, deque[Answer]] = field(default_factory=dict)
    always: dict[str, Answer] = field(default_factory=dict)
    tokens: Callable[[], str] = lambda: "tok"

    def says(self, path: str, *answers: object) -> None:
        """These answers in turn; the last one for ever."""
        made = [one if isinstance(one, Answer) else Answer(one) for one in answers]
        self.script[path] = deque(made[:-1])
        self.always[path] = made[-1]

    def answer(self, path: str) -> Answer:
        waiting = self.script.get(path)
        if waiting:
            return waiting.popleft()
        if path in self.always:
            return self.always[path]
        if path in {"gettoken", "stable_token"}:
            return Answer({"errcode": 0, "access_token": self.tokens(), "expires_in": 7200})
        return Answer({"errcode": 0, "errmsg": "ok"})

    def calls(self, path: str) -> list[Seen]:
        return [one for one in self.seen if one.path == path]


def _handler(provider: Provider) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            parts = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            path = parts.path.removeprefix("/cgi-bin/")
            provider.seen.append(Seen(self.command, path, dict(parse_qsl(parts.query)), body))
            answer = provider.answer(path)
            if answer.together:
                answer.together.wait()
            time.sleep(answer.pause_s)
            if answer.drop:
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            content = answer.payload()
            self.send_response(answer.status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = _serve  # noqa: N815 - names of the standard library

        def log_message(self, *_: object) -> None:
            pass

    return Handler


@pytest.fixture
def provider() -> Iterator[Provider]:
    numbers = itertools.count(1)
    made = Provider(tokens=lambda: f"token-{next(numbers)}")
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(made))
    server.daemon_threads = True
    made.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield made
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def redis() -> Iterator[Redis]:
    with Redis.from_url(settings.REDIS_URL) as client:
        yield client


@pytest.fixture
def credentials() -> Credentials:
    return Credentials(
        "wecom", "wwcorp", SECRET, "1000002", tenant_id=7, account_id=next(_accounts)
    )


@pytest.fixture
def client(credentials: Credentials, redis: Redis, provider: Provider) -> Iterator[WeComClient]:
    made = connect(credentials, redis, base_url=provider.url, timeout=(1.0, 1.0))
    assert isinstance(made, WeComClient)
    with made:
        yield made


def bad(errcode: int, errmsg: str = "no") -> dict[str, object]:
    return {"errcode": errcode, "errmsg": errmsg}
