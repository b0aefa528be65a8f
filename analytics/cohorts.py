"""Do customers come back, and what do they bring, month after month? FIGURES R29.

A cohort is those whose first paid order lies in a calendar month (clipped to the period); month k
is the k-th calendar month after it, in the tenant's zone, whether the period reaches that far or
not. A month that is not over at as_of is there, without a value. So a whole month's cohort is read
from cells, whatever as_of is: what lies in its months is before as_of, or is not told. Of a clipped
month, and with filters by staff, customers are read one by one.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction
from typing import Any, Final, Literal

from analytics import buying
from analytics.periods import Question, Span, among, midnight, month_of, next_month

Value = Literal["retention", "revenue", "margin"]
VALUES: Final[tuple[Value, ...]] = ("retention", "revenue", "margin")


@dataclass(frozen=True)
class Bought:
    """What a cohort bought in one month: by how many of them, worth how many fen."""

    customers: int = 0
    revenue: int = 0
    margin: int = 0


@dataclass
class Row:
    """One cohort. `months[k]` is its k-th month after; None: that month is not over yet."""

    cohort: date
    size: int
    months: list[Bought | None] = field(default_factory=list)

    def value(self, month: int, value: Value) -> Fraction | None:
        """A share, or fen."""
        bought = self.months[month] if month < len(self.months) else None
        if bought is None:
            return None
        if value == "retention":
            return Fraction(bought.customers, self.size)
        return Fraction(bought.revenue if value == "revenue" else bought.margin)


# In the first month every customer of the cohort bought.
_CELLS = """
SELECT cohort, month, sum(customers)::bigint, sum(revenue)::bigint, sum(margin)::bigint
FROM analytics_cohortmonth
WHERE tenant_id = %(tenant)s AND cohort >= %(first)s AND cohort < %(last)s{channel}
GROUP BY cohort, month
"""
# The first order of all history decides (R18): as known at as_of it is the same, or none.
_SIZE = """
SELECT count(*) FROM analytics_customerfact
WHERE tenant_id = %(tenant)s AND first_us >= %(start_us)s AND first_us < %(end_us)s{among}
"""
_ORDERS = """
FROM analytics_customerfact f
JOIN contacts_order o ON o.tenant_id = f.tenant_id AND o.contact_id = f.contact_id AND o.paid
WHERE f.tenant_id = %(tenant)s AND f.first_us >= %(start_us)s AND f.first_us < %(end_us)s{among}
  AND o.tenant_id = %(tenant)s AND o.paid_at < %(as_of)s
"""
_READ = f"""
SELECT date_trunc('month', o.paid_at AT TIME ZONE %(zone)s)::date, count(DISTINCT o.contact_id),
  sum(o.{buying.REVENUE.replace(" - ", " - o.")})::bigint,
  sum(o.{buying.MARGIN.replace(" - ", " - o.")})::bigint
{_ORDERS} GROUP BY 1
"""


def report(question: Question) -> list[Row]:
    """Inside a scope, with facts up to date: every month of the period that won a customer."""
    rows = []
    spans = [span for span in question.span.months() if span.start_us < question.as_of_us]
    whole = [span for span in spans if _whole(question, span)]
    cells = _cells(question, whole)
    for span in spans:
        month = month_of(span.start)
        if span in whole:
            bought = cells.get(month, {})
            size = bought.get(month, Bought()).customers
        else:
            size, bought = _size(question, span), {}
            if size and _over(question, month):
                bought = _read(question, span)
        if size:
            rows.append(_row(question, month, size, bought))
    return rows


def _whole(question: Question, span: Span) -> bool:
    return not question.by_person and span.whole() and _over(question, span.start)


def _over(question: Question, month: date) -> bool:
    return midnight(next_month(month), question.span.zone) <= question.as_of


def _row(question: Question, cohort: date, size: int, bought: dict[date, Bought]) -> Row:
    row, month = Row(cohort, size), cohort
    while midnight(month, question.span.zone) < question.as_of:
        row.months.append(bought.get(month, Bought()) if _over(question, month) else None)
        month = next_month(month)
    return row


def _cells(question: Question, whole: list[Span]) -> dict[date, dict[date, Bought]]:
    found: dict[date, dict[date, Bought]] = defaultdict(dict)
    if whole:
        channel = "" if question.channel_id is None else " AND channel_id = %(channel)s"
        parameters = buying.given(question) | {"first": whole[0].start, "last": whole[-1].end}
        for cohort, month, *bought in buying.rows(_CELLS.format(channel=channel), parameters):
            found[cohort][month] = Bought(*bought)
    return found


def _within(question: Question, span: Span) -> dict[str, Any]:
    bounds = {"start_us": span.start_us, "end_us": min(span.end_us, question.as_of_us)}
    return buying.given(question) | bounds


def _size(question: Question, span: Span) -> int:
    sql = _SIZE.format(among=among(question))
    return int(buying.rows(sql, _within(question, span))[0][0])


def _read(question: Question, span: Span) -> dict[date, Bought]:
    sql = _READ.format(among=among(question, "f.contact_id"))
    rows = buying.rows(sql, _within(question, span))
    return {month: Bought(*bought) for month, *bought in rows}


def behind(question: Question, month: date) -> tuple[str, dict[str, Any]]:
    """SQL of those first won in the period who bought in that month, and its parameters."""
    zone = question.span.zone
    bounds = {"low": midnight(month, zone), "high": midnight(next_month(month), zone)}
    sql = (
        f"SELECT o.contact_id {_ORDERS.format(among=among(question, 'f.contact_id'))}"
        " AND o.paid_at >= %(low)s AND o.paid_at < %(high)s"
    )
    return sql, _within(question, question.span) | bounds
