"""The same reports by DuckDB, live over the tenant's raw rows: the anchor of bench/reports.py."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any

import duckdb

from analytics import answers, value
from analytics.curves import DAYS, Curve
from analytics.periods import Question, Span
from contacts.models import Channel
from journeys.models import Stage
from tenants.models import Tenant
from tenants.scope import scope

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
