"""How fast is the sandbox: calls answered, callbacks delivered, seconds until it listens?

It runs as a process of its own. Four threads call it over kept connections, reads and writes as an
app mixes them; a server here takes the callbacks of a thousand tags that are made at once. Bars:
500 calls and 200 callbacks a second, a start in less than a second.

    python -m bench.sandbox [--seconds 10] [--events 2000]
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bench import quiet

CALLS_A_S, CALLBACKS_A_S, START_S = 500, 200, 1.0
STARTS = 5
CALLERS = 4
CUSTOMERS = 2000
MOST_TAGS = 1000


def ask(connection: HTTPConnection, method: str, target: str, body: Any = None) -> Any:
    raw = None if body is None else json.dumps(body).encode()
    connection.request(method, target, raw)
    return json.loads(connection.getresponse().read())


def connected(url: str) -> HTTPConnection:
    parts = urlsplit(url)
    return HTTPConnection(str(parts.hostname), parts.port, timeout=60)


@contextmanager
def running() -> Iterator[tuple[str, float]]:
    """Its address, and the seconds from the command to the first answer."""
    with tempfile.TemporaryDirectory() as folder:
        ready = Path(folder) / "ready"
        command = ("-m", "scrm.sandbox", "--port", "0", "--ready-file", str(ready))
        began = time.monotonic()
        process = subprocess.Popen([sys.executable, *command], stdout=subprocess.DEVNULL)
        try:
            while not ready.exists():
                if process.poll() is not None:
                    raise SystemExit("the sandbox did not start")
                time.sleep(0.005)
            url = ready.read_text().strip()
            ask(connected(url), "GET", "/_sim/clock")
            yield url, time.monotonic() - began
        finally:
            process.terminate()
            process.wait(30)


def starts() -> float:
    """The middle one of a few."""
    took = []
    for _ in range(STARTS):
        with running() as (_, seconds):
            took.append(seconds)
    return sorted(took)[STARTS // 2]


class Corp:
    """A corp with two members and their customers, and an app's token for it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.connection = connected(url)
        founded = self.sim("corps", name="Bench")
        self.corpid, self.agentid = founded["corpid"], founded["agentid"]
        for userid in ("amy", "bob"):
            self.sim("staff", corpid=self.corpid, userid=userid)
        self.sim("customers/many", corpid=self.corpid, userids=["amy", "bob"], count=CUSTOMERS)
        query = f"corpid={self.corpid}&corpsecret={founded['secret']}"
        answer = ask(self.connection, "GET", f"/cgi-bin/gettoken?{query}")
        self.token = answer["access_token"]
        listed = ask(self.connection, "GET", self.target("externalcontact/list", "&userid=amy"))
        self.customers = listed["external_userid"]

    def sim(self, path: str, **body: object) -> Any:
        answer = ask(self.connection, "POST", f"/_sim/{path}", body)
        if "error" in answer:
            raise SystemExit(f"sandbox: {answer['error']}")
        return answer

    def target(self, path: str, more: str = "") -> str:
        return f"/cgi-bin/{path}?access_token={self.token}{more}"

    def mix(self, number: int) -> tuple[str, str, Any]:
        """Every tenth call writes, every tenth asks for a page of a hundred."""
        customer = self.customers[number % len(self.customers)]
        if number % 10 == 0:
            body = {"userid": "amy", "external_userid": customer, "remark": f"r{number}"}
            return "POST", self.target("externalcontact/remark"), body
        if number % 10 == 5:
            body = {"userid_list": ["amy"], "limit": 100}
            return "POST", self.target("externalcontact/batch/get_by_user"), body
        if number % 2:
            return "GET", self.target("user/get", "&userid=amy"), None
        return "GET", self.target("externalcontact/get", f"&external_userid={customer}"), None


def calls(corp: Corp, seconds: float) -> float:
    """Good answers a second."""
    corp.sim("settings", rate_factor=1000.0)
    ends = time.monotonic() + seconds
    counted, refused = [0] * CALLERS, list[str]()

    def call(place: int) -> None:
        connection, number = connected(corp.url), place
        while time.monotonic() < ends:
            answer = ask(connection, *corp.mix(number))
            if answer["errcode"]:
                refused.append(answer["errmsg"])
            number += CALLERS
            counted[place] += 1
        connection.close()

    threads = [threading.Thread(target=call, args=(place,)) for place in range(CALLERS)]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if refused or 0 in counted:
        raise SystemExit(f"{len(refused)} calls were refused: {refused[:1]}")
    return sum(counted) / (time.monotonic() - began)


class Taker(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


class Inbox(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


def callbacks(corp: Corp, events: int) -> float:
    """Delivered a second, from the act that causes them to the last answer."""
    inbox = Inbox(("127.0.0.1", 0), Taker)
    threading.Thread(target=inbox.serve_forever, daemon=True).start()
    corp.sim(
        "callback_url",
        corpid=corp.corpid,
        agentid=corp.agentid,
        callback_url=f"http://127.0.0.1:{inbox.server_address[1]}/",
        check=False,
    )
    began = time.monotonic()
    for first in range(0, events, MOST_TAGS):
        names = [f"tag {number}" for number in range(first, min(first + MOST_TAGS, events))]
        corp.sim("act/create_tags", corpid=corp.corpid, group_name=f"g{first}", tags=names)
    flushed = corp.sim("callbacks/flush", timeout_s=60)
    took = time.monotonic() - began
    told = ask(corp.connection, "GET", "/_sim/callbacks")["callbacks"]
    inbox.shutdown()
    inbox.server_close()
    delivered = len([callback for callback in told if callback["state"] == "delivered"])
    if not flushed["idle"] or delivered != len(told):
        raise SystemExit(f"{delivered} of {len(told)} callbacks were delivered")
    return delivered / took


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=10.0, help="how long calls are counted")
    parser.add_argument("--events", type=int, default=2000)
    given = parser.parse_args()
    print(f"{quiet.machine()}; {quiet.wait()}")
    start = starts()
    with running() as (url, _):
        corp = Corp(url)
        called, told = calls(corp, given.seconds), callbacks(corp, given.events)
    for what, met in (
        (f"start: {start:.2f} s (bar {START_S} s)", start < START_S),
        (f"calls: {called:,.0f}/s (bar {CALLS_A_S})", called >= CALLS_A_S),
        (f"callbacks: {told:,.0f}/s (bar {CALLBACKS_A_S})", told >= CALLBACKS_A_S),
    ):
        print(what, "met" if met else "MISSED")


if __name__ == "__main__":
    main()
