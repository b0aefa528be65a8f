"""How many heads work for the tenant? Staff in full-time equivalents, and agencies by their fees.

FIGURES R36, DOMAIN.md §6. People set full-time equivalents and average pay from a month on.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from datetime import date
from fractions import Fraction

from django.db.models import Sum

from analytics.models.goals import Headcount
from analytics.periods import Question, Span, month_of, next_month
from contacts.models import Cost


def heads(question: Question) -> Fraction | None:
    """Inside a scope: the average of the period's months, each by its share of days in the period.

    Fees ÷ average pay are head-months; null where a month has nothing set, or fees but no pay. Of
    a part of the contacts nobody knows who works for them.
    """
    if not question.of_everybody:
        return None
    settings = list(Headcount.objects.order_by("month"))
    if not settings or month_of(question.span.start) < settings[0].month:
        return None
    fees = _fees(question)
    worked, months = Fraction(0), Fraction(0)
    for month in question.span.months():
        setting = _in_force(settings, month_of(month.start))
        fee = fees.get(month_of(month.start), 0)
        if fee and not setting.pay_fen:
            return None
        share = days_share(month)
        months += share
        worked += share * Fraction(setting.fte)
        if fee and setting.pay_fen:
            worked += Fraction(fee, setting.pay_fen)
    return worked / months if months else None


def _in_force(settings: Sequence[Headcount], month: date) -> Headcount:
    return settings[bisect_right([each.month for each in settings], month) - 1]


def days_share(month: Span) -> Fraction:
    """Of a month that may be clipped to a period."""
    first = month_of(month.start)
    return Fraction((month.end - month.start).days, (next_month(first) - first).days)


def _fees(question: Question) -> dict[date, int]:
    """Fen paid to agencies, by month."""
    costs = Cost.objects.filter(
        kind=Cost.Kind.AGENCY,
        date__gte=question.span.start,
        date__lt=question.span.end,
        date__lte=question.last_cost_day,
    )
    fees: dict[date, int] = {}
    for day, total in costs.values_list("date").annotate(total=Sum("amount_fen")):
        fees[month_of(day)] = fees.get(month_of(day), 0) + int(total)
    return fees
