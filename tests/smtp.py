"""A mail server on a port of its own, which takes what it is sent, refuses it, or hangs up."""

from __future__ import annotations

import socketserver
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Thread


@dataclass
class MailServer:
    """`answers` are given to the e-mails one after the other: "" accepts, "drop" hangs up with the
    e-mail already read, anything else is said instead of accepting it.
    """

    port: int = 0
    answers: list[str] = field(default_factory=list)
    arrived: list[str] = field(default_factory=list)


class _Talk(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        self._say("220 tests")
        while line := self.rfile.readline().decode().strip():
            command = line.upper()
            if command == "QUIT":
                return self._say("221 bye")
            if command == "DATA":
                self._say("354 go on")
                if not self._take():
                    return None
            else:
                self._say("250 ok")
        return None

    def _take(self) -> bool:
        lines = []
        while (line := self.rfile.readline()) not in {b".\r\n", b""}:
            lines.append(line.decode())
        server: MailServer = self.server.told  # type: ignore[attr-defined] # set below
        answer = server.answers.pop(0) if server.answers else ""
        if answer in {"", "drop"}:
            server.arrived.append("".join(lines))
        if answer == "drop":
            return False
        self._say(answer or "250 taken")
        return True

    def _say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())


@contextmanager
def mail_server() -> Iterator[MailServer]:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Talk) as server:
        told = MailServer(server.server_address[1])
        server.told = told  # type: ignore[attr-defined] # for _Talk
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield told
        finally:
            server.shutdown()
            thread.join()
