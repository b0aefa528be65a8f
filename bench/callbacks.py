"""How many callbacks are accepted over HTTP, against the same INSERT without HTTP?

The web server as it is shipped: two workers of four threads, access log on. Each round
sends a burst of signed and encrypted callbacks over lines that are kept open, as a proxy keeps
them, then the same bursts over a fresh line each. The floor is the product's own statement, sent by
two processes with one connection each; the same by eight is shown beside it. All durable.

    python -m scrm.local exec --var var/bench -- python -m bench.callbacks [--burst 5000]
"""

from __future__ import annotations

import argparse
import hashlib
import multiprocessing
import os
import secrets
import selectors
import socket
import statistics
import time
import uuid
from collections.abc import Sequence
from threading import Thread
from typing import Any
from urllib.parse import urlencode

import django
import psycopg2

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "scrm.settings")
django.setup()

from django.conf import settings  # noqa: E402 - needs the settings
from django.urls import reverse  # noqa: E402
from django.utils import timezone  # noqa: E402

from bench import quiet  # noqa: E402
from bench.web_server import served  # noqa: E402
from scrm.sandbox import events, wrapping  # noqa: E402
from scrm.sandbox.state import App  # noqa: E402
from tenants import setup  # noqa: E402
from tenants.models import Callback, Tenant, WeChatAccount  # noqa: E402
from tenants.scope import in_one_message, scope  # noqa: E402
from tenants.wechat import inbox  # noqa: E402

GOAL, GOAL_P99_S = 0.4, 0.2
WORKERS, THREADS = 2, 4
CORP = "wwbench0000000000"


def connected() -> WeChatAccount:
    name = f"bench-{uuid.uuid4().hex[:8]}"
    tenant = Tenant.objects.create(name=name, slug=name)
    with scope(tenant):
        setup.start()
        account: WeChatAccount = WeChatAccount.objects.create(
            name="Bench",
            app_id=CORP,
            agent_id="1000002",
            secret=secrets.token_urlsafe(30),
            callback_token=secrets.token_hex(12),
            callback_aes_key=secrets.token_hex(22)[:43],
        )
    return account


# --- what is sent -------------------------------------------------------------------------------


def bodies(count: int) -> list[str]:
    """Customers who were added, each another."""
    now = time.time()
    return [
        events.event(
            CORP,
            "change_external_contact",
            now,
            [
                ("ChangeType", "add_external_contact"),
                ("UserID", "guide1"),
                ("ExternalUserID", "wm" + secrets.token_hex(15)),
                ("State", "lc_0123456789"),
                ("WelcomeCode", secrets.token_urlsafe(32)),
            ],
        )
        for _ in range(count)
    ]


def sealed(account: WeChatAccount, xml: str, *, fresh: bool) -> bytes:
    """The bytes of one HTTP request, as the platform would send it."""
    app = App(1000002, "Bench", "", token=account.callback_token, aes_key=account.callback_aes_key)
    stamp = wrapping.Stamp(str(int(time.time())), secrets.token_hex(5), secrets.token_bytes(16))
    query, body = wrapping.wrapped(app, CORP, xml, stamp, kind="delivery")
    path = reverse("wechat-callback", args=[account.code])
    head = (
        f"POST {path}?{urlencode(query)} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        f"Content-Type: text/xml\r\nContent-Length: {len(body)}\r\n"
        f"Connection: {'close' if fresh else 'keep-alive'}\r\n\r\n"
    )
    return head.encode() + body


# --- over HTTP ----------------------------------------------------------------------------------


class Line:
    """One connection, with one request under way."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.answer, self.began = b"", 0.0

    def ask(self, request: bytes) -> None:
        self.answer, self.began = b"", time.perf_counter()
        self.socket.sendall(request)

    def hear(self) -> int:
        """The status once all of the answer is here, else 0."""
        part = self.socket.recv(65_536)
        self.answer += part
        head, _, content = self.answer.partition(b"\r\n\r\n")
        if not part or (content and head.startswith(b"HTTP/1.1 200")):
            return int(head[9:12] or b"599")
        return 0


def burst(port: int, asked: Sequence[bytes], lines: int, *, fresh: bool) -> list[float]:
    """Seconds of each answer. A fresh line counts from its first byte, not from its connect."""
    waiting, took = list(reversed(asked)), []
    with selectors.DefaultSelector() as open_:
        for _ in range(lines):
            line = Line(port)
            open_.register(line.socket, selectors.EVENT_READ, line)
            line.ask(waiting.pop())
        while open_.get_map():
            for key, _events in open_.select():
                line = key.data
                status = line.hear()
                if not status:
                    continue
                if status != 200:
                    raise SystemExit(f"a callback was answered with {status}")
                took.append(time.perf_counter() - line.began)
                if fresh or not waiting:
                    open_.unregister(line.socket)
                    line.socket.close()
                    if not waiting:
                        continue
                    line = Line(port)
                    open_.register(line.socket, selectors.EVENT_READ, line)
                line.ask(waiting.pop())
    return took


# --- without HTTP -------------------------------------------------------------------------------


def _insert(account: WeChatAccount, mine: Sequence[bytes]) -> None:
    """One connection: the product's statement for each of these."""
    given: dict[str, Any] = settings.DATABASES["default"]
    connection = psycopg2.connect(
        host=given["HOST"],
        port=given["PORT"],
        dbname=given["NAME"],
        user=given["USER"],
        password=given["PASSWORD"],
    )
    connection.autocommit = True
    statement = in_one_message(account.tenant_id, inbox.STORE)
    values: dict[str, object] = {"tenant": account.tenant_id, "account": account.pk}
    with connection.cursor() as cursor:
        for body in mine:
            digest = hashlib.sha256(body).digest()
            row = values | {"digest": digest, "body": body, "now": timezone.now()}
            cursor.execute(statement, row)
    connection.close()


def _insert_by_threads(
    account: WeChatAccount, mine: Sequence[bytes], threads: int, gate: Any
) -> None:
    shares = [mine[number::threads] for number in range(threads)]
    hands = [Thread(target=_insert, args=(account, share)) for share in shares]
    gate.wait()
    for hand in hands:
        hand.start()
    for hand in hands:
        hand.join()


def floor(account: WeChatAccount, rows: Sequence[str], threads: int) -> float:
    """Rows a second, of as many processes as the web has."""
    several = multiprocessing.get_context("fork")
    gate = several.Barrier(WORKERS + 1)
    shares = [[row.encode() for row in rows[number::WORKERS]] for number in range(WORKERS)]
    processes = [
        several.Process(target=_insert_by_threads, args=(account, share, threads, gate))
        for share in shares
    ]
    for process in processes:
        process.start()
    gate.wait()
    began = time.perf_counter()
    for process in processes:
        process.join()
    took = time.perf_counter() - began
    if any(process.exitcode for process in processes):
        raise SystemExit("the floor failed")
    return len(rows) / took


# --- together -----------------------------------------------------------------------------------


def over_http(
    account: WeChatAccount, port: int, rows: Sequence[str], lines: int, *, fresh: bool
) -> tuple[float, list[float]]:
    asked = [sealed(account, row, fresh=fresh) for row in rows]
    before = stored(account)
    began = time.perf_counter()
    took = burst(port, asked, lines, fresh=fresh)
    rate = len(rows) / (time.perf_counter() - began)
    if stored(account) - before != len(rows):
        raise SystemExit("not every accepted callback was stored")
    return rate, took


def stored(account: WeChatAccount) -> int:
    with scope(account.tenant_id):
        found: int = Callback.objects.filter(account=account).count()
    return found


def share(took: Sequence[float], part: float) -> float:
    ordered = sorted(took)
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))] * 1000


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--burst", type=int, default=5000, help="callbacks of one burst")
    parser.add_argument("--lines", type=int, default=50, help="connections of the platform")
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    account = connected()
    print(f"{quiet.machine()} · {quiet.wait()} · load {os.getloadavg()[0]:.1f}")
    floors: dict[int, list[float]] = {1: [], THREADS: []}
    rates: dict[bool, list[float]] = {False: [], True: []}
    times: dict[bool, list[float]] = {False: [], True: []}
    with served({"LOG_LEVEL": "INFO"}) as server:
        for fresh in (False, True):  # connections, caches and code are warm
            over_http(account, server.port, bodies(500), given.lines, fresh=fresh)
        for _ in range(given.rounds):
            for threads, found in floors.items():
                found.append(floor(account, bodies(given.burst), threads))
            for fresh, rated in rates.items():
                rate, took = over_http(
                    account, server.port, bodies(given.burst), given.lines, fresh=fresh
                )
                rated.append(rate)
                times[fresh] += took
    least = statistics.median(floors[1])
    for threads, found in floors.items():
        name = f"INSERT, {WORKERS * threads} connections of {WORKERS} processes"
        print(f"  {name:<44} {statistics.median(found):8,.0f} rows/s")
    met = True
    for fresh, rated in rates.items():
        rate, p99 = statistics.median(rated), share(times[fresh], 0.99)
        name = f"HTTP, {given.lines} {'fresh lines' if fresh else 'lines kept open'}"
        print(
            f"  {name:<44} {rate:8,.0f} rows/s   {rate / least:.2f} of the INSERT"
            f"   p50 {share(times[fresh], 0.5):.0f} ms, p99 {p99:.0f} ms"
        )
        met = met and (fresh or rate / least >= GOAL) and p99 < GOAL_P99_S * 1000
    print(
        f"  {'met' if met else 'MISSED'}: lines kept open ≥ {GOAL} of the INSERT by"
        f" {WORKERS} connections; p99 < {GOAL_P99_S * 1000:.0f} ms in bursts of {given.burst:,}"
    )


if __name__ == "__main__":
    main()
