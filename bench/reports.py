"""How fast are reports of a large tenant, against DuckDB over the same raw rows, same answer?

Also: what upkeep costs for 1,000 new orders, against their INSERT; how long a rebuild takes.

    python -m scrm.local exec --var var/bench -- python -m bench.reports [--contacts 1000000]
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "scrm.settings")
django.setup()

import duckdb  # noqa: E402 - needs the settings
from django.core.management import call_command  # noqa: E402
from django.db import connection  # noqa: E402
from django.test import Client  # noqa: E402

from analytics import answers, facts, value  # noqa: E402
from analytics.curves import DAYS, Curve  # noqa: E402
from analytics.periods import Question, Span  # noqa: E402
from bench import big_business, quiet  # noqa: E402
from contacts.models import Channel  # noqa: E402
from journeys.models import Stage  # noqa: E402
from tenants import auth  # noqa: E402
from tenants.models import Membership, Tenant  # noqa: E402
from tenants.roles import Can  # noqa: E402
from tenants.scope import scope  # noqa: E402

DAY_US = 86_400_000_000
SHIFT = 8 * 3_600_000_000  # the tenant's zone, Asia/Shanghai, has no summer time

# The aggregates that the report is made of; DuckDB computes them live, from raw rows.
_BASE = """
WITH paid AS (
  SELECT contact, t, amount - refund - cost AS margin FROM (
    SELECT *, CASE WHEN refunded IS NOT NULL THEN refunded
      WHEN status = 'refunded' THEN amount ELSE 0 END AS refund FROM orders) o
  WHERE status <> 'cancelled' AND t IS NOT NULL AND NOT (refund > 0 AND refund >= amount)
    AND t < $as_of
), first AS (SELECT contact, min(t) AS first FROM paid GROUP BY contact),
cohort AS (
  SELECT id, reach, first, {group} AS grp, least(($as_of - first) // $day, 365) AS seen
  FROM contacts LEFT JOIN first ON contact = id WHERE reach >= $start AND reach < $end {channel}
)
"""
_CURVES = (
    _BASE
    + """, part AS (
  SELECT grp, seen, (t - first + $day - 1) // $day AS age, margin
  FROM cohort JOIN paid ON contact = id WHERE t - first <= 365 * $day
)
SELECT grp, age, NULL, sum(margin), NULL FROM part WHERE age <= seen GROUP BY grp, age
UNION ALL SELECT grp, NULL, seen, sum(margin), NULL FROM part
WHERE age <= seen AND seen < 365 GROUP BY grp, seen
UNION ALL SELECT grp, NULL, seen, NULL, count(*) FROM cohort
WHERE first IS NOT NULL GROUP BY grp, seen
"""
)
_REFERRALS = (
    _BASE
    + """, own AS (
  SELECT i.grp, greatest(i.first, j.first) AS observed, {sums}
  FROM cohort i JOIN contacts c ON c.referrer = i.id JOIN first j ON j.contact = c.id
  JOIN paid p ON p.contact = c.id
  WHERE i.first IS NOT NULL GROUP BY i.id, i.grp, c.id, i.first, j.first
  UNION ALL
  SELECT i.grp, i.first, {rewards} FROM cohort i JOIN rewards r ON r.contact = i.id
  WHERE i.first IS NOT NULL AND r.t < $as_of GROUP BY i.id, i.grp, i.first
)
SELECT grp, {totals} FROM own GROUP BY grp
"""
)
_CONTACTS = """
SELECT {group}, count(*) FROM contacts WHERE reach >= $start AND reach < $end {channel} GROUP BY 1
"""
_CUSTOMERS = (
    _BASE.partition("cohort AS")[0].rstrip().rstrip(",")
    + " SELECT {first_group}, count(*) FROM first JOIN contacts ON id = contact"
    " WHERE first >= $start AND first < $end {channel} GROUP BY 1"
)
_COSTS = """
SELECT {cost_group}, sum(amount) FROM costs
WHERE date >= $from AND date < $to {channel} GROUP BY 1
"""

_FUNNEL = """
WITH entered AS (
  SELECT contact, {entries} FROM moves WHERE t < $as_of GROUP BY contact
), reached AS (SELECT *, {reaches} FROM entered)
SELECT {figures} FROM reached {join} WHERE r1 >= $start AND r1 < $end {channel}
"""


class Asking:
    """One report: our address for it, and DuckDB's answer to the same question."""

    def __init__(self, tenant: Tenant, there: duckdb.DuckDBPyConnection) -> None:
        self.tenant, self.there = tenant, there
        with scope(tenant):
            self.channels = dict(Channel.objects.values_list("pk", "name"))
            self.stages = list(Stage.objects.order_by("position"))

    def value(
        self, start: date, end: date, group: str, as_of: datetime, channel: int | None = None
    ) -> list[dict[str, object]]:
        question = Question(Span(start, end, self.tenant.tz), as_of, channel)
        month = f"make_timestamp({{}} + {SHIFT})"
        by_month = f"date_trunc('month', {month})::date"
        of = {
            "group": by_month.format("reach") if group == "month" else "channel",
            "first_group": by_month.format("first") if group == "month" else "channel",
            "cost_group": "date_trunc('month', date)::date" if group == "month" else "channel",
            "channel": "" if channel is None else f"AND channel = {channel}",
        } | _by_days()
        given = {
            "as_of": question.as_of_us,
            "start": question.span.start_us,
            "end": question.end_us,
            "day": DAY_US,
        }
        curves: dict[Any, Curve] = {}
        for key, age, seen, margin, heads in self._all(_CURVES, of, given):
            curve = curves.setdefault(key, Curve())
            if age is not None:
                curve.enter(int(age), int(margin))
            else:
                curve.leave(int(seen), int(margin or 0), heads or 0)
                curve.customers += heads or 0
        for key, *extra in self._all(_REFERRALS, of, given):
            curves.setdefault(key, Curve()).referral |= dict(
                zip(DAYS, (int(each or 0) for each in extra), strict=True)
            )
        contacts = dict(self._all(_CONTACTS, of, given))
        customers = dict(self._all(_CUSTOMERS, of, given))
        days = {
            "from": start,
            "to": min(end, as_of.astimezone(self.tenant.tz).date() + timedelta(1)),
        }
        costs = {key: int(fen) for key, fen in self._all(_COSTS, of, days)}
        rows = []
        for key in sorted({*contacts, *customers, *costs}):
            name = key.strftime("%Y-%m") if group == "month" else self.channels.get(key)
            row = value.Row(
                key, name, costs.get(key, 0), contacts.get(key, 0), customers.get(key, 0), 0
            )
            value.add_worth(row, curves.get(key) or Curve())
            rows.append(answers.of_row(row))
        return rows

    def funnel(
        self, start: date, end: date, as_of: datetime, channel: int | None = None
    ) -> list[dict[str, object]]:
        question = Question(Span(start, end, self.tenant.tz), as_of, channel)
        places = range(1, len(self.stages) + 1)
        last = len(self.stages)
        of = {
            "entries": ", ".join(f"min(t) FILTER (WHERE place = {k}) AS e{k}" for k in places),
            "reaches": ", ".join(
                f"least({', '.join(f'e{n}' for n in range(k, last + 1))}) AS r{k}"
                if k < last
                else f"e{k} AS r{k}"
                for k in places
            ),
            "figures": ", ".join(
                f"count(r{k})"
                + (
                    f", median(r{k} - r{k - 1}) FILTER (WHERE e{k} = r{k} AND e{k - 1} = r{k - 1})"
                    if k > 1
                    else ", NULL"
                )
                for k in places
            ),
            "join": "" if channel is None else "JOIN contacts ON id = contact",
            "channel": "" if channel is None else f"AND channel = {channel}",
        }
        given = {
            "as_of": question.as_of_us,
            "start": question.span.start_us,
            "end": question.end_us,
        }
        (found,) = self._all(_FUNNEL, of, given)
        steps = []
        for n, stage in enumerate(self.stages):
            heads, gap = found[2 * n], found[2 * n + 1]
            before, first = found[2 * n - 2] if n else 0, found[0]
            steps.append(
                {
                    "key": stage.key,
                    "reached": heads,
                    "rate_from_previous": heads / before if n and before else None,
                    "rate_from_first": heads / first if first else None,
                    "median_seconds_from_previous": None if gap is None else gap / 1_000_000,
                }
            )
        return steps

    def _all(self, sql: str, of: dict[str, str], given: Mapping[str, object]) -> list[Any]:
        text = sql
        for name, part in of.items():
            text = text.replace("{" + name + "}", part)
        used = {name: each for name, each in given.items() if f"${name}" in text}
        return self.there.execute(text, used).fetchall()


def _by_days() -> dict[str, str]:
    return {
        "sums": ", ".join(
            f"sum(p.margin) FILTER (WHERE p.t <= j.first + {d} * $day) AS d{d}" for d in DAYS
        ),
        "rewards": ", ".join(
            f"-sum(r.fen) FILTER (WHERE r.t <= i.first + {d} * $day) AS d{d}" for d in DAYS
        ),
        "totals": ", ".join(
            f"sum(d{d}) FILTER (WHERE observed <= $as_of - {d} * $day)" for d in DAYS
        ),
    }


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
        print(f"generated in {time.perf_counter() - began:.0f} s")
        began = time.perf_counter()
        with scope(self.tenant):
            facts.rebuild()
        print(f"rebuild of all facts: {time.perf_counter() - began:.1f} s")
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
        insert, refresh = [], []
        for number in range(12):
            began = time.perf_counter()
            with scope(self.tenant), connection.cursor() as cursor:
                cursor.execute(
                    _NEW_ORDERS,
                    [self.tenant.pk, f"U{os.getpid()}-{number}-", self._some_contacts()],
                )
                ids = [row[0] for row in cursor.fetchall()]
            insert.append(time.perf_counter() - began)
            began = time.perf_counter()
            with scope(self.tenant):
                facts.mark(ids)
                facts.work()
            refresh.append(time.perf_counter() - began)
        one, other = statistics.median(insert[2:]) * 1000, statistics.median(refresh[2:]) * 1000
        print(
            f"upkeep: INSERT of 1,000 orders {one:.1f} ms, facts of them {other:.1f} ms,"
            f" ratio {other / one:.2f} (bar: 3)"
        )

    def _some_contacts(self) -> list[int]:
        if not hasattr(self, "ids"):
            with scope(self.tenant), connection.cursor() as cursor:
                cursor.execute(
                    "SELECT id FROM contacts_contact WHERE tenant_id = %s"
                    " ORDER BY random() LIMIT 12000",
                    [self.tenant.pk],
                )
                self.ids = [row[0] for row in cursor.fetchall()]
        taken, self.ids = self.ids[:1000], self.ids[1000:]
        return taken


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--contacts", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--reuse", action="store_true", help="the tenant of the last run")
    asked = parser.parse_args()
    call_command("migrate", verbosity=0)
    Bench(asked.contacts, asked.runs, reuse=asked.reuse).run()


if __name__ == "__main__":
    main()
