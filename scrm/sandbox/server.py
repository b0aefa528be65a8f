"""How does a request on 127.0.0.1 reach the platform, the control API or a page?"""

import json
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, cast
from urllib.parse import parse_qsl, urlsplit

from scrm.sandbox import (
    api,
    client_scripts,
    control,
    group_transfers,
    handing_over,
    links,
    media,
    signing_in,
    storage,
    transport,
    way_codes,
)
from scrm.sandbox.errors import BadFieldError, RefusedError
from scrm.sandbox.exchange import HTML_TYPE, Reply, Request
from scrm.sandbox.fields import Json, integer
from scrm.sandbox.world import World

if TYPE_CHECKING:
    from types import TracebackType

HOST = "127.0.0.1"
LARGEST_BODY = 32 * 1024 * 1024
PAGES = Path(__file__).parent / "pages"
ASSETS = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8"}
NOT_FOUND = b"<html><head><title>404 Not Found</title></head><body>404 Not Found</body></html>"
PAGE_OF = (
    ("/qr/", "qr.html"),
    ("/join/", "qr.html"),
    ("/ca/", "qr.html"),
    ("/q/", "person.html"),
    ("/connect/oauth2/authorize", "person.html"),
)
IDLE_S = 120
SAVED_EVERY_S = 5.0


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    sandbox: "Sandbox"


class Sandbox:
    """`with Sandbox(seed=1) as sandbox: sandbox.url`, or start() and stop()."""

    def __init__(self, *, seed: int = 1, port: int = 0, state_file: Path | None = None) -> None:
        self._state_file = state_file
        state = storage.load(state_file)
        self._server = Server((HOST, port), Handler)
        self._server.sandbox = self
        self.port = int(self._server.server_address[1])
        self.url = f"http://{HOST}:{self.port}"
        self.world = World(seed=seed, base_url=self.url, state=state)
        if state_file:
            storage.carry_time_on(self.world, state_file)
            for resume in (handing_over.resume, links.resume, group_transfers.resume):
                resume(self.world)
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})

    def start(self) -> "Sandbox":
        self._thread.start()
        if self._state_file:
            self._save_from_time_to_time(self.world)
        return self

    def stop(self) -> None:
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()
        self.world.stop()
        if self._state_file:
            storage.save(self.world, self._state_file)

    def reset(self, seed: int) -> None:
        before, self.world = self.world, World(seed=seed, base_url=self.url)
        before.stop()
        if self._state_file:
            self._save_from_time_to_time(self.world)

    def _save_from_time_to_time(self, world: World) -> None:
        if world is self.world and self._state_file and not world.timetable.is_stopped():
            storage.save(world, self._state_file)
            world.timetable.after(SAVED_EVERY_S, lambda: self._save_from_time_to_time(world))

    def __enter__(self) -> "Sandbox":
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: "TracebackType | None",
    ) -> None:
        self.stop()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "sandbox"
    sys_version = ""
    timeout = IDLE_S
    wbufsize = 65_536
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        self._route()

    def do_POST(self) -> None:
        self._route()

    def do_DELETE(self) -> None:
        self._route()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: the journal has it all, without the secrets that a URL carries."""

    def _route(self) -> None:
        raw = self._body()
        if raw is None:
            return
        parts = urlsplit(self.path)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        if parts.path.startswith(("/cgi-bin/", "/sns/")):
            kind = self.headers.get("Content-Type", "")
            request = Request(self.command, self.path, parts.path, query, raw, kind)
            self._reply(api.respond(self._sandbox.world, request))
        elif parts.path.startswith("/_sim/"):
            self._reply(self._controlled(parts.path.removeprefix("/_sim/"), query, raw))
        else:
            cookies = self.headers.get("Cookie", "")
            world, path = self._sandbox.world, parts.path
            signed = signing_in.respond(world, path, query, cookies)
            signed = signed or client_scripts.respond(world, path, query, cookies)
            self._reply(signed or _page(world, self.command, path))

    @property
    def _sandbox(self) -> Sandbox:
        return cast(Server, self.server).sandbox

    def _body(self) -> bytes | None:
        length = self.headers.get("Content-Length", "0")
        if not length.isdigit() or int(length) > LARGEST_BODY:
            self.close_connection = True
            self._reply(Reply(b"<html><body>413</body></html>", 413, HTML_TYPE))
            return None
        return self.rfile.read(int(length))

    def _controlled(self, path: str, query: dict[str, str], raw: bytes) -> Reply:
        try:
            self._refuse_other_sites()
            answer = self._steered(path, query, raw)
        except BadFieldError as bad:
            answer, status = {"error": str(bad)}, 400
        except RefusedError as refused:
            answer, status = {"error": str(refused)}, refused.status
        else:
            status = 200
        return Reply(json.dumps(answer, ensure_ascii=False).encode(), status)

    def _steered(self, path: str, query: dict[str, str], raw: bytes) -> Json:
        try:
            body: object = json.loads(raw) if raw else dict(query)
        except ValueError as error:
            raise BadFieldError("the body is not JSON") from error
        if not isinstance(body, dict):
            raise BadFieldError("the body is not an object")
        if (self.command, path) == ("POST", "reset"):
            self._sandbox.reset(integer(body, "seed", 1))
            return {"ok": True}
        return control.answer(self._sandbox.world, self.command, path, cast(Json, body))

    def _refuse_other_sites(self) -> None:
        """A page from elsewhere, open in the same browser, must not steer the sandbox."""
        origin = self.headers.get("Origin")
        if origin and not transport.is_loopback(urlsplit(origin).hostname or ""):
            raise RefusedError("pages of other sites may not steer the sandbox", 403)

    def _reply(self, reply: Reply) -> None:
        if reply.reset:
            self.close_connection = True
            # Both file objects hold the socket open; the reset comes with the last of them.
            self.rfile.close()
            transport.reset(self.connection)
            return
        self.send_response(reply.status)
        self.send_header("Content-Type", reply.content_type)
        self.send_header("Content-Length", str(len(reply.body)))
        if reply.disposition:
            self.send_header("Content-disposition", reply.disposition)
        if reply.location:
            self.send_header("Location", reply.location)
        for cookie in reply.cookie.splitlines():
            self.send_header("Set-Cookie", cookie)
        self.end_headers()
        if reply.slow_s:
            self.wfile.write(reply.body[:1])
            self.wfile.flush()
            time.sleep(reply.slow_s)
            reply.body = reply.body[1:]
        self.wfile.write(reply.body)
        self.wfile.flush()

    def handle(self) -> None:
        try:
            super().handle()
        except (ConnectionError, TimeoutError):
            # The client went away, or a fault dropped the connection on purpose.
            self.close_connection = True

    def finish(self) -> None:
        try:
            super().finish()
        except OSError:
            self.close_connection = True


def _page(world: World, method: str, path: str) -> Reply:
    if path.startswith("/wwpic/"):
        name = path.removeprefix("/wwpic/")
        picture = way_codes.picture(world, name) or media.picture(world, name)
        if picture:
            return Reply(picture.content, 200, picture.content_type)
    name = next((page for start, page in PAGE_OF if path.startswith(start)), "")
    name = "index.html" if path == "/" else name
    kind = HTML_TYPE if name else ""
    if path.startswith("/pages/"):
        name = Path(path).name
        kind = ASSETS.get(Path(name).suffix, "")
    if method != "GET" or not kind or not (PAGES / name).is_file():
        return Reply(NOT_FOUND, 404, HTML_TYPE)
    return Reply((PAGES / name).read_bytes(), 200, kind)
