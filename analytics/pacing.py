"""How much of a goal is due by now? A day counts as much as its weekday usually brings.

Usual is the median of the weekday in the eight weeks before, as in baselines (FIGURES R33). Where
it is not known, or is nothing on many weekdays, all days count the same: few orders have no shape.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from fractions import Fraction
from itertools import accumulate
from typing import Final

from analytics import baselines, kpis, targets
from analytics.baselines import LEAST, WEEK, WEEKS
from analytics.periods import Question, Span, days_between, micros

_LEAST_WEEKDAYS: Final = 5  # that bring something: a business may be closed at weekends


@dataclass(frozen=True)
class Course:
    """The days of a goal, and what each counts by its weekday, Monday first."""

    span: Span
    weights: tuple[Fraction, ...] = (Fraction(1),) * 7

    @property
    def by_weekday(self) -> bool:
        return len(set(self.weights)) > 1

    def by_day(self) -> list[Fraction]:
        """The share of the goal that is due at the end of each day."""
        days = days_between(self.span.start, self.span.end)
        sums = list(accumulate(self.weights[day.weekday()] for day in days))
        return [each / sums[-1] for each in sums]

    def due(self, as_of: datetime) -> Fraction:
        """The share that is due by then; of the day that goes on, its part by time."""
        start, zone = self.span.start, self.span.zone
        today = as_of.astimezone(zone).date()
        shares = [Fraction(0), *self.by_day()]
        begun = max(0, (today - start).days)
        if not start <= today < self.span.end:
            return shares[min(begun, len(shares) - 1)]
        passed = Span(today, today + kpis.DAY, zone).passed(micros(as_of))
        return shares[begun] + (shares[begun + 1] - shares[begun]) * passed


def courses(metrics: Iterable[str], question: Question) -> dict[str, Course]:
    """Inside a scope: of the figures that are sums over days."""
    sums = targets.ADDITIVE.intersection(metrics)
    if not sums:
        return {}
    span = question.span
    end = min(span.start, question.today)
    before = replace(question, span=replace(span, start=end - WEEKS * WEEK, end=end))
    first = baselines.first_day(question)
    return {
        metric: _course(span, before.span, first, kpis.by_day(metric, before)) for metric in sums
    }


def due(metrics: Iterable[str], question: Question) -> Mapping[str, Fraction]:
    """Inside a scope: the share of a goal that is due by as_of, by figure."""
    found = courses(metrics, question)
    return {metric: course.due(question.as_of) for metric, course in found.items()}


def _course(span: Span, before: Span, first: date | None, values: Mapping[date, int]) -> Course:
    points: list[list[int]] = [[] for _weekday in range(7)]
    for day in days_between(before.start, before.end):
        if first is not None and day >= first:
            points[day.weekday()].append(values.get(day, 0))
    if min(map(len, points)) < LEAST:
        return Course(span)
    usual = tuple(baselines.median(each) for each in points)
    week = days_between(span.start, min(span.end, span.start + WEEK))
    if sum(map(bool, usual)) < _LEAST_WEEKDAYS or not any(usual[day.weekday()] for day in week):
        return Course(span)
    return Course(span, usual)
