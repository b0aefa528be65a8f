"""The web server as the product starts it, over the bench's database."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests

from scrm.local import web


@dataclass(frozen=True)
class WebServer:
    port: int
    pid: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def served(environment: Mapping[str, str]) -> Iterator[WebServer]:
    """Once it answers; what it says is shown only when it does not."""
    port = free_port()
    with tempfile.TemporaryDirectory() as folder, (Path(folder) / "log").open("w") as log:
        server = subprocess.Popen(
            [sys.executable, *web.command(port)],
            env={**os.environ, "SCRM_BASE_URL": f"http://127.0.0.1:{port}", **environment},
            stdout=log,
            stderr=log,
        )
        try:
            found = WebServer(port, server.pid)
            deadline = time.monotonic() + 60
            while not answers(found.url):
                if time.monotonic() > deadline:
                    raise SystemExit((Path(folder) / "log").read_text())
                time.sleep(0.1)
            yield found
        finally:
            server.terminate()
            server.wait(30)


def answers(url: str) -> bool:
    try:
        return requests.get(f"{url}/healthz", timeout=2).ok
    except requests.RequestException:
        return False
