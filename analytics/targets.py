"""What was aimed at in a period, and is it being reached? Targets are set by calendar month."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from fractions import Fraction
from typing import Any, Final

from django.utils.translation import gettext as _

from analytics import asking
from analytics.exact import ratio
from analytics.heads import days_share
from analytics.models.goals import Kpi, Target
from analytics.periods import Question, month_of

# Sums of what happens day by day; the others are shares or averages.
ADDITIVE: Final = frozenset(
    {Kpi.NEW_CONTACTS, Kpi.DELETES, Kpi.NEW_CUSTOMERS, Kpi.ORDERS, Kpi.REVENUE}
)
LESS_IS_BETTER: Final = frozenset({Kpi.DELETES, Kpi.DELETE_RATE})
MONEY: Final = frozenset({Kpi.REVENUE, Kpi.AOV, Kpi.REVENUE_PER_HEAD})
COUNTS: Final = frozenset({Kpi.NEW_CONTACTS, Kpi.DELETES, Kpi.NEW_CUSTOMERS, Kpi.ORDERS})
RATES: Final = frozenset(
    {
        Kpi.DELETE_RATE,
        Kpi.INTERACTION_RATE,
        Kpi.TAG_COVERAGE,
        Kpi.REPEAT_RATE,
        Kpi.REFERRAL_RATE,
        Kpi.TRUST_MIX,
        Kpi.ACTIVITY,
        Kpi.SATISFACTION,
    }
)


def of_period(
    question: Question, *, team: int | None = None, staff: int | None = None
) -> dict[str, Fraction]:
    """Inside a scope: by figure, of those with a target for every month of the period.

    Of a part of a month a sum aims at its share by days; a rate or average at the mean over days.
    Money in fen.
    """
    months = question.span.months()
    rows = Target.objects.filter(
        month__gte=month_of(question.span.start),
        month__lt=question.span.end,
        team=team,
        staff=staff,
    )
    by_metric: dict[str, dict[date, Fraction]] = {}
    for row in rows:
        by_metric.setdefault(row.metric, {})[row.month] = in_fen(row.metric, Fraction(row.value))
    shares = {month_of(month.start): days_share(month) for month in months}
    whole = sum(shares.values(), Fraction(0))
    found: dict[str, Fraction] = {}
    for metric, values in by_metric.items():
        if values.keys() == shares.keys():
            total = sum((values[month] * shares[month] for month in shares), Fraction(0))
            found[metric] = total if metric in ADDITIVE else total / whole
    return found


def in_fen(metric: str, value: Fraction) -> Fraction:
    return value * 100 if metric in MONEY else value


def asked(question: Question, given: Mapping[str, str]) -> dict[str, Fraction]:
    """Inside a scope: the targets of those whom a report's parameters ask for: the tenant, a team,
    or one person. Nobody sets targets for a channel, a segment, or buyers of some product.
    """
    if question.of_everybody:
        return of_period(question)
    if not replace(question, owners=None).of_everybody or question.owners is None:
        return {}
    if (given.get("staff") or "").strip():
        return of_period(question, staff=question.owners[0]) if question.owners else {}
    team = asking.team((given.get("team") or "").strip())
    return of_period(question, team=team.pk) if team else {}


def pace(
    metric: str, value: Fraction | int | None, target: Fraction | None, so_far: Fraction
) -> Fraction | None:
    """1 and more: on the way to the target. Of sums, against what of it is due by now (pacing.py).

    Where less is better, the other way round; nothing to divide by is no pace.
    """
    if value is None or target is None:
        return None
    expected = target * so_far if metric in ADDITIVE else target
    part, whole = (expected, value) if metric in LESS_IS_BETTER else (value, expected)
    return ratio(part, whole)


# --- what people set ---


def month(text: str) -> date:
    """`2026-03` → its first day. Raises ValueError with words for people."""
    if not re.fullmatch(r"(19|20|21)\d{2}-(0[1-9]|1[0-2])", text):
        raise ValueError(_("Write a month such as 2026-03."))
    return date.fromisoformat(f"{text}-01")


def wrong(given: Mapping[str, Any]) -> dict[str, str]:
    """What makes no sense in a target: field → why."""
    found = {}
    if given.get("team") and given.get("staff"):
        found["staff"] = _("A target is of a team or of one person, not of both.")
    value = given.get("value")
    if given.get("metric") in RATES and value is not None and value > 1:
        found["value"] = _("Write a rate as a share of 1: 0.35 is 35 %.")
    return found
