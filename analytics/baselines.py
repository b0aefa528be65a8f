"""Which days are off? Each day against the same weekday of the eight weeks before: FIGURES R33."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction
from typing import Final

from django.db import connection
from django.utils.translation import gettext as _

from analytics import hindsight
from analytics.periods import Question, among, days_between, filters, midnight
from tenants.scope import current_tenant_id

METRICS: Final = ("new_contacts", "orders", "revenue", "deletes")
WEEK, WEEKS, LEAST = timedelta(days=7), 8, 4
LONGEST: Final = 7500  # days: a report by the day of more than twenty years is a mistake
# More than three deviations of a normal distribution, of which MAD × 1.4826 is one.
_SPREAD: Final = 3 * Fraction(14826, 10000)
_CHANGE: Final = Fraction(1, 5)  # where history never changed


@dataclass(frozen=True, slots=True)
class Day:
    """A metric on a day: whole fen or heads. With less than four points nothing is usual yet."""

    metric: str
    date: date
    value: int
    median: Fraction | None = None
    mad: Fraction | None = None
    off: bool = False  # is the value outside the band?

    @property
    def band(self) -> tuple[Fraction, Fraction] | None:
        """Values in it are usual."""
        if self.median is None or self.mad is None:
            return None
        room = _SPREAD * self.mad if self.mad else _CHANGE * abs(self.median)
        return self.median - room, self.median + room


def too_long() -> str:
    return _("Ask for %(days)d days at most.") % {"days": LONGEST}


def report(question: Question) -> list[Day]:
    """Inside a scope: every day of the period for every metric."""
    span = question.span
    values = daily(question, span.start - WEEKS * WEEK)
    first = first_day(question)
    days = days_between(span.start, span.end)
    return [_judged(metric, day, values[metric], first) for metric in METRICS for day in days]


@dataclass(frozen=True, slots=True)
class Total:
    """Of all days of a period; `judged` of them are over and have enough history."""

    metric: str
    value: int
    judged: int
    off: int


def total(days: Sequence[Day], metric: str, question: Question) -> Total:
    mine = [day for day in days if day.metric == metric]
    judged = [day for day in mine if day.median is not None and over(day, question)]
    off = sum(1 for day in judged if day.off)
    return Total(metric, sum(day.value for day in mine), len(judged), off)


def over(day: Day, question: Question) -> bool:
    """A day that goes on is not judged."""
    return midnight(day.date + timedelta(days=1), question.span.zone) <= question.as_of


def _judged(metric: str, day: date, values: Mapping[date, int], first: date | None) -> Day:
    value = values.get(day, 0)
    before = [day - n * WEEK for n in range(1, WEEKS + 1)]
    points = [values.get(each, 0) for each in before if first is not None and each >= first]
    if len(points) < LEAST:
        return Day(metric, day, value)
    if not any(points):
        return Day(metric, day, value, Fraction(0), Fraction(0), value != 0)
    # In halves and quarters: whole numbers are quicker than fractions, and as exact.
    twice = _twice_the_median(points)
    quarters = _twice_the_median([abs(2 * x - twice) for x in points])
    away = abs(2 * value - twice)
    room = _SPREAD * quarters if quarters else 2 * _CHANGE * abs(twice)
    off = 2 * away * room.denominator > room.numerator
    return Day(metric, day, value, Fraction(twice, 2), Fraction(quarters, 4), off)


def median(values: Iterable[int]) -> Fraction:
    """Of an even count the mean of the middle two."""
    return Fraction(_twice_the_median(list(values)), 2)


def _twice_the_median(values: Sequence[int]) -> int:
    found = sorted(values)
    half = len(found) // 2
    return 2 * found[half] if len(found) % 2 else found[half - 1] + found[half]


# --- what happened on each day ---

# Whole days come from cells; the day of as_of, and with filters by person all, from rows.
_DAILY = """
SELECT day, sum(new_contacts)::bigint, sum(orders)::bigint, sum(revenue)::bigint,
  sum(deletes)::bigint
FROM (
  SELECT day, contacts AS new_contacts, orders, revenue, deleted AS deletes FROM analytics_daycell
  WHERE tenant_id = %(tenant)s AND day >= %(first)s AND day < %(until)s
    AND channel_id = %(which)s
  UNION ALL
  SELECT (reach_at AT TIME ZONE %(zone)s)::date, 1, 0, 0, 0 FROM analytics_contactfact
  WHERE tenant_id = %(tenant)s AND reach_at >= %(start)s AND reach_at < %(end)s {whose}
  UNION ALL
  SELECT (paid_at AT TIME ZONE %(zone)s)::date, 0, 1, amount_fen - refund_fen, 0
  FROM contacts_order
  WHERE tenant_id = %(tenant)s AND paid AND paid_at >= %(start)s AND paid_at < %(end)s {whose}
  UNION ALL
  SELECT (ended_at AT TIME ZONE %(zone)s)::date, 0, 0, 0, 1 FROM contacts_reachspell
  WHERE tenant_id = %(tenant)s AND staff_id IS NOT NULL AND ended_by = 'customer'
    AND ended_at >= %(start)s AND ended_at < %(end)s {whose}
) part GROUP BY day
"""


def daily(question: Question, start: date) -> dict[str, dict[date, int]]:
    """Metric → day → value, from `start` to the end of the period; days of nothing are left out."""
    zone = question.span.zone
    by_rows = question.by_person
    until = start if by_rows else max(start, hindsight.whole_until(question))
    parameters = filters(question) | {
        "which": question.cells_of,
        "first": start,
        "until": until,
        "start": midnight(until, zone),
        "end": min(midnight(question.span.end, zone), question.as_of),
    }
    sql = _DAILY.format(whose=among(question))
    found: dict[str, dict[date, int]] = {metric: {} for metric in METRICS}
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        for day, *values in cursor.fetchall():
            for metric, value in zip(METRICS, values, strict=True):
                if value:
                    found[metric][day] = value
    return found


# Kinds are few: of each the earliest, found by its index.
_FIRST = """
WITH RECURSIVE earliest AS (
  (SELECT kind, at FROM contacts_event WHERE tenant_id = %(tenant)s ORDER BY kind, at LIMIT 1)
  UNION ALL
  SELECT later.kind, later.at FROM earliest, LATERAL (
    SELECT e.kind, e.at FROM contacts_event e
    WHERE e.tenant_id = %(tenant)s AND e.kind > earliest.kind ORDER BY e.kind, e.at LIMIT 1) later
)
SELECT (at AT TIME ZONE %(zone)s)::date FROM (
  SELECT least((SELECT min(at) FROM earliest), (
    SELECT paid_at FROM contacts_order
    WHERE tenant_id = %(tenant)s AND paid_at IS NOT NULL ORDER BY paid_at LIMIT 1)) AS at) fact
WHERE at < %(as_of)s
"""


def first_day(question: Question) -> date | None:
    """The day of the tenant's first fact, an event or an order, whatever the filters."""
    with connection.cursor() as cursor:
        cursor.execute(
            _FIRST,
            {
                "tenant": current_tenant_id(),
                "zone": str(question.span.zone),
                "as_of": question.as_of,
            },
        )
        row = cursor.fetchone()
    return None if row is None else row[0]


# --- what lies behind an off day ---

# Each step before the one that it feeds.
_STEPS: Final[Mapping[str, Sequence[str]]] = {
    "revenue": ("orders", "new_contacts", "deletes"),
    "orders": ("new_contacts", "deletes"),
    "new_contacts": (),
    "deletes": (),
}


def likely_steps(day: Day, same_day: Mapping[str, Day]) -> list[str]:
    """The steps before it that are off on the same day in a way that explains it.

    Orders and new contacts explain a change in their own direction; deletes explain a fall when
    there were more of them than usual, a rise when fewer.
    """
    rose = day.median is not None and day.value > day.median
    found = []
    for step in _STEPS[day.metric]:
        other = same_day.get(step)
        if other is None or not other.off or other.median is None:
            continue
        went_up = other.value > other.median
        if went_up == (not rose if step == "deletes" else rose):
            found.append(step)
    return found
