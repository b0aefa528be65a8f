"""How fast are reports of a large tenant, against DuckDB over the same raw rows, same answer?

Also: what upkeep costs for 1,000 new orders, against their INSERT; how long a rebuild takes.

    python -m scrm.local exec --var var/bench -- python -m bench.reports [--contacts 1000000]
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "scrm.settings")
django.setup()

from django.core.management import call_command  # noqa: E402 - needs the settings
from django.db import connection  # noqa: E402
from django.test import Client  # noqa: E402

from analytics import facts, heard  # noqa: E402
from bench import big_business, quiet  # noqa: E402
from bench.reports_by_duckdb import Asking  # noqa: E402
from contacts.models import Contact, Order  # noqa: E402
from tenants import auth  # noqa: E402
from tenants.models import Membership, Tenant  # noqa: E402
from tenants.roles import Can  # noqa: E402
from tenants.scope import scope  # noqa: E402

_NEW_ORDERS = """
INSERT INTO contacts_order (tenant_id, order_id, contact_id, paid_at, amount_fen, cost_fen, status,
  created_at, updated_at)
SELECT %s, %s || row_number() OVER (), id, now() - random() * interval '1 day', 9900, 4000, 'paid',
  now(), now() FROM unnest(%s::bigint[]) AS c(id) RETURNING contact_id
"""


def timed(run: Callable[[], object], times: int) -> tuple[float, float]:
    """Median and 95th percentile, in milliseconds; the first run warms up."""
    run()
    took = []
    for _ in range(times):
        began = time.perf_counter()
        run()
        took.append((time.perf_counter() - began) * 1000)
    return statistics.median(took), sorted(took)[min(len(took) - 1, int(len(took) * 0.95))]


class Bench:
    def __init__(self, contacts: int, times: int, *, reuse: bool) -> None:
        self.times = times
        began = time.perf_counter()
        slug = "bench-" if reuse else big_business.create(contacts).slug
        self.tenant = Tenant.objects.filter(slug__startswith=slug).latest("pk")
        with scope(self.tenant):
            _key, api_key = auth.make_key("bench", list(Can))
            sizes = f"{Contact.objects.count():,} contacts, {Order.objects.count():,} orders"
        print(f"{sizes}; generated in {time.perf_counter() - began:.0f} s")
        if not reuse:
            self.rebuild()
        big_business.vacuum()
        self.there = big_business.to_duckdb(self.tenant.pk)
        self.asking = Asking(self.tenant, self.there)
        self.api = Client(headers={"authorization": f"Bearer {api_key}", "host": "localhost"})
        self.browser = Client(headers={"host": "localhost"})
        with scope(self.tenant):
            user = Membership.objects.select_related("user").get().user
        self.browser.force_login(user)
        session = self.browser.session
        session["tenant"] = self.tenant.pk
        session.save()

    def rebuild(self) -> None:
        began = time.perf_counter()
        with scope(self.tenant):
            facts.rebuild()
        print(f"rebuild of all facts: {time.perf_counter() - began:.1f} s")

    def run(self) -> None:
        now = datetime.now(UTC).replace(microsecond=0)
        today = now.astimezone(self.tenant.tz).date()
        year = (today.replace(day=1) - timedelta(days=330)).replace(day=1)
        ever = today - timedelta(days=1100)
        tomorrow = today + timedelta(days=1)
        channel = next(iter(self.asking.channels))
        quarter = today - timedelta(days=89)
        print(f"{quiet.machine()}; {now:%Y-%m-%d}; {self.times} runs each; {quiet.wait()}")
        for name, start in (("90 days", quarter), ("12 months", year), ("all time", ever)):
            for of in (None, channel):
                text = f"{name}{', one channel' if of else ''}"
                self.compare(f"funnel, {text}", "funnel", start, tomorrow, now, of, {})
                for group in ("channel", "month"):
                    title = f"value by {group}, {text}"
                    self.compare(title, "value", start, tomorrow, now, of, {"group": group})
        past = now - timedelta(days=200)
        self.compare(
            "funnel, 12 months, as of 200 days ago", "funnel", year, tomorrow, past, None, {}
        )
        self.compare(
            "value, 12 months, as of 200 days ago",
            "value",
            year,
            tomorrow,
            past,
            None,
            {"group": "channel"},
        )
        for path in (
            "/dashboards/funnel/",
            "/dashboards/funnel/?mode=snapshot",
            "/dashboards/value/",
            "/dashboards/value/?group=month",
        ):

            def page(path: str = path) -> None:
                assert self.browser.get(path).status_code == 200

            median, slow = timed(page, self.times)
            print(f"page {path:42} p50 {median:7.1f} ms  p95 {slow:7.1f} ms  (bar: p95 < 300 ms)")
        self.upkeep()

    def compare(
        self,
        title: str,
        path: str,
        start: date,
        end: date,
        as_of: datetime,
        of: int | None,
        more: dict[str, str],
    ) -> None:
        given = {
            "from": start.isoformat(),
            "to": end.isoformat(),
            "as_of": as_of.isoformat(),
            **more,
        }
        if of is not None:
            given["channel"] = self.asking.channels[of]

        def ours() -> Any:
            response = self.api.get(f"/api/v1/reports/{path}", given)
            assert response.status_code == 200, response.content
            return response.json()

        def theirs() -> list[dict[str, object]]:
            if path == "funnel":
                return self.asking.funnel(start, end, as_of, of)
            return self.asking.value(start, end, more["group"], as_of, of)

        if path == "funnel":
            own = [{k: v for k, v in stage.items() if k != "name"} for stage in ours()["stages"]]
        else:
            own = ours()["rows"]
            if more["group"] == "month":  # every month has a row, also an empty one
                own = [
                    row
                    for row in own
                    if row["new_contacts"] or row["new_customers"] or row["cost"] != "0.00"
                ]
        assert own == theirs(), (title, own, theirs())
        median, slow = timed(ours, self.times)
        their_median, their_slow = timed(theirs, max(3, self.times // 4))
        print(
            f"{title:47} p50 {median:7.1f} ms  p95 {slow:7.1f} ms  "
            f"DuckDB p50 {their_median:7.1f} ms  p95 {their_slow:7.1f} ms  "
            f"p95 ratio {slow / their_slow:5.2f}  (bar: 0.5)"
        )

    def upkeep(self) -> None:
        """After orders alone; and when the stages of the same contacts may have moved too."""
        insert, bought, changed = [], [], []
        for number in range(8):
            began = time.perf_counter()
            with scope(self.tenant), connection.cursor() as cursor:
                cursor.execute(
                    _NEW_ORDERS,
                    [self.tenant.pk, f"U{os.getpid()}-{number}-", self._some_contacts()],
                )
                ids = [row[0] for row in cursor.fetchall()]
            insert.append(time.perf_counter() - began)
            bought.append(self._refresh(heard.mark_orders, ids))
            changed.append(self._refresh(heard.mark, ids))
        one, *others = (statistics.median(took[2:]) * 1000 for took in (insert, bought, changed))
        print(
            f"upkeep: INSERT of 1,000 orders {one:.1f} ms, facts of them {others[0]:.1f} ms,"
            f" ratio {others[0] / one:.2f} (bar: 3); all facts of their contacts {others[1]:.1f} ms"
        )

    def _refresh(self, mark: Callable[[list[int]], None], ids: list[int]) -> float:
        began = time.perf_counter()
        with scope(self.tenant):
            mark(ids)
            facts.work()
        return time.perf_counter() - began

    def _some_contacts(self) -> list[int]:
        if not hasattr(self, "ids"):
            with scope(self.tenant), connection.cursor() as cursor:
                cursor.execute(
                    "SELECT id FROM contacts_contact WHERE tenant_id = %s"
                    " ORDER BY random() LIMIT 8000",
                    [self.tenant.pk],
                )
                self.ids = [row[0] for row in cursor.fetchall()]
        taken, self.ids = self.ids[:1000], self.ids[1000:]
        return taken


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--contacts", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument(
        "--reuse", action="store_true", help="the tenant of the last run and its facts"
    )
    asked = parser.parse_args()
    call_command("migrate", verbosity=0)
    Bench(asked.contacts, asked.runs, reuse=asked.reuse).run()


if __name__ == "__main__":
    main()
