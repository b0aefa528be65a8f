"""Somebody's server that is told by webhook: it notes what comes, and answers as it is told to."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any


@dataclass(frozen=True)
class Message:
    headers: dict[str, str]
    body: bytes
    at: float

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]


@dataclass
class Answer:
    status: int = 204
    headers: dict[str, str] = field(default_factory=dict)
    after: float = 0.0


class Receiver:
    """`answers` are given one after the other, the last for ever; or a function gives each."""

    def __init__(self, *answers: Answer | int, context: ssl.SSLContext | None = None) -> None:
        self.say(*answers or (204,))
        self.messages: list[Message] = []
        self._lock = Lock()
        self.act: Callable[[], object] | None = None  # while the caller waits
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign] # who hangs up
        if context is not None:
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._scheme = "https" if context else "http"
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    def say(self, *answers: Answer | int) -> None:
        self._answers = [a if isinstance(a, Answer) else Answer(a) for a in answers]

    @property
    def url(self) -> str:
        return f"{self._scheme}://127.0.0.1:{self._server.server_address[1]}/hooks?from=scrm"

    @property
    def ids(self) -> list[str]:
        return [message.id for message in self.messages]

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _next(self, message: Message) -> Answer:
        with self._lock:
            self.messages.append(message)
            return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                answer = receiver._next(Message(headers, body, time.monotonic()))
                if receiver.act is not None:
                    receiver.act()
                time.sleep(answer.after)
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                """Nothing: tests read what was noted."""

        return Handler
