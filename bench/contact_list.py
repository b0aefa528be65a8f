"""How fast are pages and searches of the contact list with a million contacts, through the API?

The contacts come by a file, as a business would bring them; the time and the memory of that are
told too. Every request is authenticated and runs under row-level security; pages and searches run
in turn with page 1, so that a drift of the machine's speed meets both.

    python -m scrm.local exec --var var/bench -- python -m bench.contact_list [--rows 1000000]
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "scrm.settings")
django.setup()

from django.core.management import call_command  # noqa: E402 - needs the settings
from django.db import connection, connections  # noqa: E402
from django.test import Client  # noqa: E402

from bench import quiet  # noqa: E402
from bench.import_contacts import load, write_file  # noqa: E402
from contacts.models import Contact  # noqa: E402
from tenants import auth, setup  # noqa: E402
from tenants.models import Tenant  # noqa: E402
from tenants.roles import Can  # noqa: E402
from tenants.scope import scope  # noqa: E402

LIST = "/api/v1/contacts"
ROUNDS = 60
PAGES = (
    ("filtered by channel", {"channel": "渠道3"}),
    ("filtered by tag", {"tag": "标签5"}),
    ("filtered by owner", {"owner": "guide7"}),
    ("filtered by channel and tag", {"channel": "渠道3", "tag": "标签5"}),
    ("the oldest first", {"ordering": "acquired_at"}),
    ("by creation", {"ordering": "-created_at"}),
    ("by score", {"ordering": "-score"}),
)
SEARCHES = (
    ("two characters of a name", "欣怡"),
    ("a whole name", "王欣怡"),
    ("pinyin", "wangxinyi"),
    ("initials", "wxy"),
    ("the last four digits of a phone", "4321"),
    ("an external id", "C0012345"),
    ("nobody's name", "司马缸"),
)


class Api:
    def __init__(self, key: str) -> None:
        self.client = Client(headers={"authorization": f"Bearer {key}", "host": "localhost"})

    def get(self, **given: str) -> dict[str, object]:
        response = self.client.get(LIST, given)
        assert response.status_code == 200, response.content
        found: dict[str, object] = response.json()
        return found

    def timed(self, given: dict[str, str]) -> float:
        """Milliseconds until the answer is there; not of reading it."""
        began = time.perf_counter()
        response = self.client.get(LIST, given)
        took = (time.perf_counter() - began) * 1000
        assert response.status_code == 200, response.content
        return took

    def statements(self, given: dict[str, str]) -> int:
        """How many the request sends to Postgres, BEGIN and COMMIT aside."""
        sent = []

        def count(execute: Any, sql: str, *rest: Any) -> Any:
            sent.append(sql)
            return execute(sql, *rest)

        with connection.execute_wrapper(count):
            self.get(**given)
        return len(sent)


def deep(api: Api, rows: int) -> dict[str, str]:
    """The page behind so many contacts, by its cursor."""
    cursor = api.get(limit="500")["next"]
    for _ in range(rows // 500 - 1):
        cursor = api.get(limit="500", cursor=str(cursor))["next"]
    return {"cursor": str(cursor), "limit": "50"}


def against_page_one(api: Api, title: str, given: dict[str, str], bar: float) -> None:
    pairs = [(api.timed(given), api.timed({"limit": "50"})) for _ in range(ROUNDS)][5:]
    mine = sorted(pair[0] for pair in pairs)
    ratio = statistics.median(mine) / statistics.median(pair[1] for pair in pairs)
    p95 = mine[int(len(mine) * 0.95)]
    print(
        f"  {title:34} p50 {statistics.median(mine):7.1f} ms  p95 {p95:7.1f} ms"
        f"  × page 1: {ratio:5.2f} (bar {bar})"
    )


def fill(rows: int) -> Tenant:
    tenant = Tenant.objects.create(name="Bench", slug=f"bench-list-{os.getpid()}")
    with scope(tenant):
        setup.start()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "contacts.csv"
        write_file(path, rows)
        took, counts = load(tenant, path)
    assert counts == (rows, 0, 0, 0), counts
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"import of {rows:,} contacts: {took.clock:.0f} s, peak memory {peak:.0f} MB (bar 500)")
    with connections["owner"].cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    return tenant


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--reuse", action="store_true", help="the contacts of the last run")
    asked = parser.parse_args()
    rows: int = asked.rows
    call_command("migrate", verbosity=0)
    print(f"{quiet.machine()}; {quiet.wait()}")
    tenant = Tenant.objects.latest("pk") if asked.reuse else fill(rows)
    with scope(tenant):
        _key, key = auth.make_key("bench", [Can.READ])
        assert Contact.objects.count() == rows
    api = Api(key)
    first = sorted(api.timed({"limit": "50"}) for _ in range(ROUNDS))
    print(
        f"  {'page 1 of 50':34} p50 {statistics.median(first):7.1f} ms"
        f"  p95 {first[int(ROUNDS * 0.95)]:7.1f} ms (bar 15)"
        f"  statements {api.statements({'limit': '50'})}"
    )
    behind = min(100_000, rows // 2)
    against_page_one(api, f"the page behind {behind:,}", deep(api, behind), 1.5)
    for title, filters in PAGES:
        against_page_one(api, title, {"limit": "50", **filters}, 1.5)
    for title, text in SEARCHES:
        against_page_one(api, f"search: {title}", {"limit": "50", "q": text}, 5)


if __name__ == "__main__":
    main()
