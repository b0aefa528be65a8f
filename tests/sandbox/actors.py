"""A caller of the sandbox, and an app that receives its callbacks, as the product would."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import xmltodict
from wechatpy.enterprise.crypto import WeChatCrypto

from scrm.sandbox import Sandbox

QUICK = {"accept_after_s": 0, "welcome_in_flight_s": [0, 0], "callback_spacing_s": [0, 0.01]}


@dataclass
class Answer:
    status: int
    content_type: str
    body: bytes
    disposition: str = ""

    def json(self) -> Any:
        return json.loads(self.body)


def fetch(method: str, url: str, raw: bytes | None = None, **headers: str) -> Answer:
    parts = urlsplit(url)
    connection = HTTPConnection(str(parts.hostname), parts.port, timeout=10)
    try:
        connection.request(method, f"{parts.path}?{parts.query}", raw, headers)
        response = connection.getresponse()
        kind, name = (
            response.getheader(each, "") for each in ("Content-Type", "Content-disposition")
        )
        return Answer(response.status, kind, response.read(), name)
    finally:
        connection.close()


@dataclass
class Steering:
    """The control API."""

    url: str

    def get(self, path: str, /, **query: object) -> Any:
        return fetch("GET", f"{self.url}/_sim/{path}?{urlencode(query)}").json()

    def post(self, path: str, body: object = None, /, **fields: object) -> Any:
        raw = json.dumps(fields if body is None else body).encode()
        return fetch("POST", f"{self.url}/_sim/{path}", raw).json()

    def flush(self) -> None:
        assert self.post("callbacks/flush", timeout_s=20)["idle"]

    def journal(self, path: str = "") -> list[dict[str, Any]]:
        return list(self.get("journal", path=path)["entries"])


@dataclass
class Caller:
    """An app's server, which knows a corpid and a secret."""

    url: str
    corp: dict[str, Any]
    token: str = ""

    def gettoken(self, **other: str) -> Any:
        query = {"corpid": self.corp["corpid"], "corpsecret": self.corp["secret"], **other}
        return fetch("GET", f"{self.url}/cgi-bin/gettoken?{urlencode(query)}").json()

    def target(self, path: str, query: dict[str, object]) -> str:
        self.token = self.token or self.gettoken()["access_token"]
        return f"{self.url}/cgi-bin/{path}?{urlencode({'access_token': self.token, **query})}"

    def get(self, path: str, /, **query: object) -> Any:
        return fetch("GET", self.target(path, query)).json()

    def post(self, path: str, /, **body: object) -> Any:
        return fetch("POST", self.target(path, {}), json.dumps(body).encode()).json()

    def way(self, **fields: object) -> str:
        body = {"type": 1, "scene": 2, "user": ["li"], "skip_verify": False, **fields}
        return str(self.post("externalcontact/add_contact_way", **body)["config_id"])


@dataclass
class Receiver:
    """Decrypts with the product's library. `events` holds what it believed; `reply` is what it
    answers to each."""

    url: str = ""
    crypto: WeChatCrypto | None = None
    events: list[dict[str, Any]] = field(default_factory=list)
    requests: list[dict[str, Any]] = field(default_factory=list)
    refused: int = 0
    status: int = 200
    delay_s: float = 0.0
    echo: Callable[[str], str] = str
    reply: str = ""

    def take(self, query: dict[str, str], body: str) -> int:
        self.requests.append({"query": query, "body": body})
        time.sleep(self.delay_s)
        if self.status != 200:
            return self.status
        try:
            self.events.append(self.opened(query, body))
        except Exception:  # whatever the library raises, it did not believe
            self.refused += 1
            return 400
        return 200

    def opened(self, query: dict[str, str], body: str) -> dict[str, Any]:
        assert self.crypto
        plain = self.crypto.decrypt_message(
            body, query["msg_signature"], query["timestamp"], query["nonce"]
        )
        return dict(xmltodict.parse(plain)["xml"])

    def checked(self, query: dict[str, str]) -> str:
        assert self.crypto
        signed = (query["msg_signature"], query["timestamp"], query["nonce"], query["echostr"])
        plain = self.crypto.check_signature(*signed)
        return self.echo(plain.decode() if isinstance(plain, bytes) else plain)


@contextmanager
def receiver() -> Iterator[Receiver]:
    app = Receiver()
    with served(app, "wecom"):
        yield app


@contextmanager
def served(app: Receiver, path: str) -> Iterator[None]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.answer(200, app.checked(dict(parse_qsl(urlsplit(self.path).query))))

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            self.answer(app.take(dict(parse_qsl(urlsplit(self.path).query)), body), app.reply)

        def answer(self, status: int, text: str) -> None:
            body = text.encode()
            try:
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
            except ConnectionError:
                self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    app.url = f"http://127.0.0.1:{server.server_address[1]}/{path}"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@dataclass
class Scene:
    sandbox: Sandbox
    sim: Steering
    caller: Caller
    app: Receiver

    @property
    def corpid(self) -> str:
        return str(self.caller.corp["corpid"])

    def scan(self, config_id: str, **more: object) -> Any:
        scanned = self.sim.post("act/scan", config_id=config_id, **more)
        self.sim.flush()
        return scanned

    def customer(self) -> Any:
        """A customer of li, by way of a contact way."""
        return self.scan(self.caller.way())


@contextmanager
def empty(seed: int = 1) -> Iterator[Steering]:
    with Sandbox(seed=seed) as sandbox:
        yield Steering(sandbox.url)


@contextmanager
def scene(*, listening: bool = False, seed: int = 1, **corp: object) -> Iterator[Scene]:
    """One corp with the staff li and zhang; events arrive at `app` when it listens."""
    with Sandbox(seed=seed) as sandbox, receiver() as app:
        sim = Steering(sandbox.url)
        sim.post("settings", QUICK)
        founded = sim.post("corps", {"name": "示例企业", **corp})
        for userid in ("li", "zhang"):
            sim.post("staff", corpid=founded["corpid"], userid=userid, name=userid.title())
        if listening:
            listen(sim, app, founded)
        yield Scene(sandbox, sim, Caller(sandbox.url, founded), app)


def listen(sim: Steering, app: Receiver, founded: dict[str, Any]) -> Any:
    app.crypto = WeChatCrypto(founded["token"], founded["aes_key"], founded["corpid"])
    where = {"corpid": founded["corpid"], "agentid": founded["agentid"]}
    return sim.post("callback_url", callback_url=app.url, **where)
