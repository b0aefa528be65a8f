"""How fast are cohorts, concentration and RFM of a large tenant, against DuckDB, same answer?

Three figures each: the answer again while nothing changed, the answer after a change (nothing kept
of it), DuckDB live over the same raw rows. Then upkeep and rebuild, as bench/reports.py has them.

    python -m scrm.local exec --var var/bench -- python -m bench.customer_reports [--contacts 9000]
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any, Protocol

from django.core.cache import cache
from django.core.management import call_command

from analytics.periods import Question, Span
from bench import quiet, reports
from bench.reports_by_duckdb import SHIFT

_PAID = """
WITH paid AS (
  SELECT contact, t, amount - refund AS revenue, amount - refund - cost AS margin,
    min(t) OVER (PARTITION BY contact) AS first
  FROM (
    SELECT *, CASE WHEN refunded IS NOT NULL THEN refunded
      WHEN status = 'refunded' THEN amount ELSE 0 END AS refund FROM orders) o
  WHERE status <> 'cancelled' AND t IS NOT NULL AND NOT (refund > 0 AND refund >= amount)
    AND t < $as_of
)
"""
_MONTH = f"date_trunc('month', make_timestamp({{}} + {SHIFT}))::date"
_COHORTS = (
    _PAID
    + f""", bought AS (
  SELECT {_MONTH.format("first")} AS cohort, {_MONTH.format("t")} AS month, contact, revenue, margin
  FROM paid WHERE first >= $start AND first < $end
)
SELECT cohort, month, count(DISTINCT contact), sum(revenue), sum(margin) FROM bought
GROUP BY cohort, month ORDER BY cohort, month
"""
)
_INSIDE = _PAID + ", inside AS (SELECT * FROM paid WHERE t >= $start AND t < $end)"
_CONCENTRATION = (
    _INSIDE
    + """, buyer AS (SELECT sum(revenue) AS x FROM inside GROUP BY contact),
ranked AS (SELECT x, row_number() OVER (ORDER BY x) AS i, count(*) OVER () AS n FROM buyer)
SELECT {tops}, sum((2 * i - n - 1) * x) / (max(n) * sum(x)),
  (SELECT sum(revenue) FILTER (WHERE t > first) / sum(revenue) FROM inside)
FROM ranked
"""
)
_RFM = (
    _INSIDE
    + """, buyer AS (
  SELECT contact, max(t) AS last, count(*) AS orders, sum(revenue) AS worth FROM inside
  GROUP BY contact
), scored AS (
  SELECT worth, 1 + 5 * (rank() OVER (ORDER BY last) - 1) // count(*) OVER () AS r,
    1 + 5 * (rank() OVER (ORDER BY orders) - 1) // count(*) OVER () AS f,
    1 + 5 * (rank() OVER (ORDER BY worth) - 1) // count(*) OVER () AS m FROM buyer
)
SELECT r, f, m, count(*), sum(worth) FROM scored GROUP BY r, f, m ORDER BY r, f, m
"""
)


class Asker(Protocol):
    """Answers questions over raw rows."""

    def ask(self, sql: str, question: Question) -> list[Any]: ...


class Bench(reports.Bench):
    def run(self) -> None:
        now = datetime.now(UTC).replace(microsecond=0)
        today = now.astimezone(self.tenant.tz).date()
        year = (today.replace(day=1) - timedelta(days=330)).replace(day=1)
        tomorrow = today + timedelta(days=1)
        print(f"{quiet.machine()}; {now:%Y-%m-%d}; {self.times} runs each; {quiet.wait()}")
        for name, start in (
            ("90 days", today - timedelta(days=89)),
            ("12 months", year),
            ("all time", today - timedelta(days=1100)),
        ):
            for path in ("cohorts", "concentration", "rfm"):
                self.look(f"{path}, {name}", path, start, tomorrow, now)
        past = now - timedelta(days=200)
        for path in ("cohorts", "concentration", "rfm"):
            self.look(f"{path}, 12 months, as of 200 days ago", path, year, tomorrow, past)
        self.upkeep()

    def look(self, title: str, path: str, start: date, end: date, as_of: datetime) -> None:
        given = {"from": f"{start}", "to": f"{end}", "as_of": as_of.isoformat()}

        def ours() -> Any:
            response = self.api.get(f"/api/v1/reports/{path}", given)
            assert response.status_code == 200, response.content
            return response.json()

        def anew() -> Any:
            cache.clear()
            return ours()

        question = Question(Span(start, end, self.tenant.tz), as_of)

        def theirs() -> Any:
            return THEIRS[path](self, question)

        _compare(path, ours(), theirs())
        again, changed = reports.timed(ours, self.times), reports.timed(anew, self.times)
        duck = reports.timed(theirs, max(5, self.times // 4))
        print(
            f"{title:45} again p95 {again[1]:6.1f} ms  anew p50 {changed[0]:7.1f} p95"
            f" {changed[1]:7.1f} ms  DuckDB p50 {duck[0]:7.1f} p95 {duck[1]:7.1f} ms"
            f"  p95 ratio {again[1] / duck[1]:5.2f}, anew {changed[1] / duck[1]:5.2f}"
        )

    def ask(self, sql: str, question: Question) -> list[Any]:
        given = {
            "as_of": question.as_of_us,
            "start": question.span.start_us,
            "end": question.end_us,
        }
        return self.there.execute(sql, given).fetchall()


def _cohorts(bench: Asker, question: Question) -> Any:
    found = bench.ask(_COHORTS, question)
    return {(f"{cohort:%Y-%m}", month): heads for cohort, month, heads, *_sums in found}


def _concentration(bench: Asker, question: Question) -> Any:
    tops = ", ".join(
        f"sum(x) FILTER (WHERE i > n - greatest(1, ceil(n * {of} / 1000))) / sum(x)"
        for of in (1, 10, 100, 200)
    )
    return bench.ask(_CONCENTRATION.replace("{tops}", tops), question)[0]


def _rfm(bench: Asker, question: Question) -> Any:
    return bench.ask(_RFM, question)


THEIRS: dict[str, Callable[[Asker, Question], Any]] = {
    "cohorts": _cohorts,
    "concentration": _concentration,
    "rfm": _rfm,
}


def _compare(path: str, ours: Any, theirs: Any) -> None:
    if path == "rfm":
        cells = [
            tuple(cell[name] for name in ("r", "f", "m", "contacts")) for cell in ours["cells"]
        ]
        assert cells == [tuple(int(each) for each in row[:4]) for row in theirs]
    elif path == "concentration":
        figures = [*ours["top"].values(), ours["gini"], ours["existing_share"]]
        assert all(abs(a - float(b)) < 1e-9 for a, b in zip(figures, theirs, strict=True))
    else:
        first = {
            cohort: size for (cohort, month), size in theirs.items() if cohort == f"{month:%Y-%m}"
        }
        assert {row["cohort"]: row["size"] for row in ours["rows"]} == first
        for row in ours["rows"]:
            months = [
                heads for (cohort, _month), heads in theirs.items() if cohort == row["cohort"]
            ]
            told = [round(cell["value"] * row["size"]) for cell in row["cells"] if cell["value"]]
            assert told == months[: len(told)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--contacts", type=int, default=450_000)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--reuse", action="store_true", help="the tenant of the last run")
    asked = parser.parse_args()
    call_command("migrate", verbosity=0)
    Bench(asked.contacts, asked.runs, reuse=asked.reuse).run()


if __name__ == "__main__":
    main()
