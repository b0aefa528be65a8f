"""How fast is every report of a large tenant, against DuckDB live over the same rows, same answer?

Each is asked anew: nothing that a cache kept of an answer is used. All over again for each size:
growth is the time at the largest one over that at the smallest one. Then upkeep and rebuild.

    python -m scrm.local exec --var var/bench -- python -m bench.all_reports [--contacts 9000 90000]
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any

from bench import reports  # first: it sets Django up

# isort: split
from django.core.cache import cache
from django.core.management import call_command
from django.db import connection
from django.test import Client

from analytics import facts, heard
from analytics.periods import Question, Span
from analytics.prediction import forecasts
from bench import busy_business, quiet
from bench.customer_reports import THEIRS
from bench.live_by_duckdb import CASES, Anchor
from bench.reports_by_duckdb import Asking
from contacts.models import Channel
from scrm import warm
from tenants import auth
from tenants.models import Staff, Tenant
from tenants.roles import Can
from tenants.scope import scope

_BAR_MS, _BAR_RATIO = 50, 0.5
_NEW_EVENTS = """
INSERT INTO contacts_event (tenant_id, contact_id, kind, at, source, key, properties, received_at,
  problem, handled_at)
SELECT %(tenant)s, id, 'message.received', now() - random() * interval '1 hour', 'bench',
  %(key)s || id, '{}', now(), '', now() FROM unnest(%(contacts)s::bigint[]) AS c(id)
"""
_NEW_ORDERS = """
INSERT INTO contacts_order (tenant_id, order_id, contact_id, paid_at, amount_fen, cost_fen, status,
  created_at, updated_at)
SELECT %(tenant)s, %(key)s || id, id, now() - random() * interval '1 day', 9900, 4000, 'paid',
  now(), now() FROM unnest(%(contacts)s::bigint[]) AS c(id)
"""
_SOME = """
SELECT id FROM contacts_contact WHERE tenant_id = %s AND id %% 7 = 0 ORDER BY random() LIMIT %s
"""
_NEW_TOUCHES = _NEW_EVENTS.replace("message.received", "touch.delivered")
_ROUNDS, _BATCH = 6, 1000
Times = tuple[float, float]


class Bench:
    def __init__(self, tenant: Tenant, runs: int) -> None:
        self.tenant, self.runs = tenant, runs
        with scope(tenant):
            _key, api_key = auth.make_key(f"bench {time.time()}", list(Can))
            channels = dict(Channel.objects.values_list("pk", "name"))
            guides = dict(Staff.objects.values_list("pk", "userid"))
        self.api = Client(headers={"authorization": f"Bearer {api_key}", "host": "localhost"})
        there = busy_business.to_duckdb(tenant.pk)
        self.anchor, self.asking = Anchor(there, channels, guides), Asking(tenant, there)
        self.found: dict[str, tuple[Times, Times | None]] = {}
        self.now = datetime.now(UTC).replace(microsecond=0)
        warm.up()  # as the web server does

    def run(self) -> Mapping[str, tuple[Times, Times | None]]:
        today = self.now.astimezone(self.tenant.tz).date()
        for path, more, days, theirs, part in CASES:
            question = self._question(today, days)
            self._measure(path, more, question, partial(theirs, self.anchor, question), part)
        quarter, year = self._question(today, 90), self._question(today, 365)
        start, end = quarter.span.start, quarter.span.end
        self._measure("funnel", {}, quarter, lambda: self.asking.funnel(start, end, self.now))
        self._measure("funnel", {"mode": "snapshot"}, quarter)
        for group in ("channel", "month"):
            value = partial(self.asking.value, start, end, group, self.now)
            self._measure("value", {"group": group}, quarter, value)
        for path, customers in THEIRS.items():
            self._measure(path, {}, year, partial(customers, self.anchor, year))
        self._measure("prediction", {}, year)
        self._measure("benchmark", {}, self._question(today, 180))
        month = self._question(today, 30)
        for path in ("touches", "step-roi", "satisfaction", "overview"):
            self._measure(path, {}, month)
        for group in ("channel", "team"):
            self._measure("user-assets", {"group": group}, month)
        for group in ("live_code", "campaign", "content"):
            self._measure("attribution", {"group": group, "days": "30"}, quarter)
        for group in ("staff", "live_code", "source"):
            self._measure("losses", {"group": group}, quarter)
        return self.found

    def _question(self, today: date, days: int) -> Question:
        tomorrow = today + timedelta(days=1)
        return Question(Span(tomorrow - timedelta(days=days), tomorrow, self.tenant.tz), self.now)

    def _measure(
        self,
        path: str,
        more: Mapping[str, str],
        question: Question,
        theirs: Callable[[], object] | None = None,
        part: Callable[[Any], object] | None = None,
    ) -> None:
        given = {"from": f"{question.span.start}", "to": f"{question.span.end}", **more}
        if path != "prediction":
            given["as_of"] = question.as_of.isoformat()
        name = " ".join([path, *more.values()])

        def ours() -> Any:
            cache.clear()
            response = self.api.get(f"/api/v1/reports/{path}", given)
            assert response.status_code == 200, response.content
            return response.json()

        told = ours()
        if part is not None and theirs is not None:
            mine, wanted = part(told), theirs()
            assert mine == wanted, (name, mine, wanted)
        took = reports.timed(ours, self.runs)
        anchor = reports.timed(theirs, max(5, self.runs // 2)) if theirs else None
        self.found[name] = took, anchor
        text = f"{name:30} p50 {took[0]:7.1f} ms  p95 {took[1]:7.1f} ms"
        if anchor:
            text += f"  DuckDB p95 {anchor[1]:7.1f} ms  ratio {took[1] / anchor[1]:5.2f}"
        print(text, flush=True)

    # --- upkeep ---

    def upkeep(self) -> None:
        an_hour_ago, a_day_ago = (datetime.now(UTC) - timedelta(hours=n) for n in (1, 24))
        marks: tuple[tuple[str, str, Callable[[list[int]], None]], ...] = (
            ("orders", _NEW_ORDERS, partial(heard.mark_orders, since=a_day_ago)),
            ("inbound events", _NEW_EVENTS, partial(heard.mark_spoken, since=an_hour_ago)),
            ("delivered touches", _NEW_TOUCHES, partial(heard.mark_deeds, since=an_hour_ago)),
        )
        for what, sql, mark in marks:
            insert, count = [], []
            for number in range(_ROUNDS):
                with scope(self.tenant), connection.cursor() as cursor:
                    cursor.execute(_SOME, [self.tenant.pk, _BATCH])
                    ids = [row[0] for row in cursor.fetchall()]
                    key = f"{os.getpid()}-{time.time_ns()}-{number}-"
                    began = time.perf_counter()
                    cursor.execute(sql, {"tenant": self.tenant.pk, "key": key, "contacts": ids})
                insert.append(time.perf_counter() - began)
                began = time.perf_counter()
                with scope(self.tenant):
                    mark(ids)
                    facts.work()
                count.append(time.perf_counter() - began)
            one, other = (statistics.median(took[1:]) * 1000 for took in (insert, count))
            print(
                f"upkeep of {_BATCH:,} {what}: INSERT {one:.1f} ms, facts {other:.1f} ms,"
                f" ratio {other / one:.2f} (bar: 3)",
                flush=True,
            )


def made(contacts: int) -> Tenant:
    """A tenant of this size with facts and forecasts."""
    began = time.perf_counter()
    tenant = busy_business.create(contacts)
    busy_business.vacuum()
    print(f"{contacts:,} contacts generated in {time.perf_counter() - began:.0f} s", flush=True)
    began = time.perf_counter()
    with scope(tenant):
        facts.rebuild()
    print(f"rebuild of all facts: {time.perf_counter() - began:.1f} s", flush=True)
    forecasts.work(tenant.pk)
    busy_business.vacuum()
    return tenant


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--contacts", type=int, nargs="+", default=[15_000, 150_000])
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--reuse", action="store_true", help="the tenants of the last run")
    asked = parser.parse_args()
    call_command("migrate", verbosity=0)
    if asked.reuse:
        last = Tenant.objects.filter(slug__startswith="bench-").order_by("-pk")
        tenants = list(last[: len(asked.contacts)])[::-1]
    else:
        tenants = [made(contacts) for contacts in sorted(asked.contacts)]
    print(f"{quiet.machine()}; {asked.runs} runs each; {quiet.wait()}", flush=True)
    found = []
    for tenant in tenants:
        print(f"--- {tenant.slug}")
        bench = Bench(tenant, asked.runs)
        found.append(bench.run())
    for name, ((_p50, p95), anchor) in found[-1].items():
        growth = p95 / found[0][name][0][1]
        met = p95 <= _BAR_MS and (anchor is None or p95 <= _BAR_RATIO * anchor[1])
        print(f"{name:30} {'met' if met else 'NOT MET':8} growth {growth:5.2f} ×")
    bench.upkeep()


if __name__ == "__main__":
    main()
