"""How do figures look outside? Money as text, rates as numbers, times with the tenant's offset."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import TypeVar
from zoneinfo import ZoneInfo

from django.core.cache import cache
from django.utils import timezone

from analytics import buying, cohorts, facts, formula, funnel, hindsight, value
from analytics.assets import statement
from analytics.curves import DAYS
from analytics.exact import fen
from analytics.periods import Question
from tenants import money
from tenants.scope import current_tenant_id

T = TypeVar("T")
ATTEMPTS = 3
_FORM = 2  # another one when what is kept has another form
_KEPT = 3600  # seconds
_RECENT = timedelta(days=1)


def complete(question: Question) -> Question:
    """Inside a scope: bring facts up to date; as_of is never later than what they know of."""
    known = facts.catch_up()
    if known is not None and known < question.as_of:
        return replace(question, as_of=known)
    return question


def steadily(read: Callable[[], T]) -> T:
    """What `read` answers from one state of the facts: again, when a refresh came in between."""
    return _steady(read, hindsight.state())[0]


def _steady(read: Callable[[], T], state: hindsight.State) -> tuple[T, int]:
    """And the version that it is of, beginning at this state."""
    for _attempt in range(ATTEMPTS):
        with hindsight.once(state):
            found = read()
        before, state = state, hindsight.state()
        if state.version == before.version:
            break
    return found, state.version


def kept(name: str, question: Question, read: Callable[[], T]) -> T:
    """What `read` answers from paid orders; the same answer again while nothing changed.

    Between two moments of asking only orders dated there can matter. Owners are no fact: with
    filters by staff it is read each time.
    """
    if question.by_person:
        return steadily(read)
    state = hindsight.state()
    now = timezone.now()
    past = question.as_of_us if now - question.as_of > _RECENT else ""
    span = question.span
    key = (
        f"answer:{_FORM}:{current_tenant_id()}:{name}:{state.version}:{span.start}:{span.end}"
        f":{span.zone.key}:{question.channel_id}:{past}"
    )
    told = cache.get(key)
    if told is not None and not buying.paid_between(question, told[0]):
        answer: T = told[1]
        return answer
    answer, of_version = _steady(read, state)
    if of_version == state.version:
        cache.set(key, (question.as_of, answer), _KEPT)
    return answer


def of_assets(question: Question, group: statement.Group) -> list[statement.Row]:
    """The statement of user assets: read, or kept."""
    name = statement.kept_as(question, group)
    if name is None:
        return steadily(lambda: statement.report(question, group))
    return kept(name, question, lambda: statement.report(question, group))


def text_of_moment(moment: datetime, zone: ZoneInfo) -> str:
    return moment.astimezone(zone).isoformat()


def amount(exact: Fraction | int | None) -> str | None:
    return money.text(fen(exact))


def amount_of_six(exact: Fraction | None) -> str | None:
    """Money with six decimals, half up: that of an average, which is no sum of cents."""
    if exact is None:
        return None
    whole, part = divmod(fen(exact * 10_000) or 0, 1_000_000)
    return f"{whole}.{part:06}"


def decimal(exact: Fraction | int | None) -> Decimal | None:
    """Money for a spreadsheet: a number, so that a loss is no formula."""
    told = amount(exact)
    return None if told is None else Decimal(told)


def number(exact: Fraction | None) -> float | int | None:
    if exact is None:
        return None
    return exact.numerator if exact.denominator == 1 else float(exact)


def of_step(step: funnel.Step) -> dict[str, object]:
    return {
        "key": step.stage.key,
        "name": str(step.stage),
        "reached": step.reached,
        "rate_from_previous": number(step.rate_from_previous),
        "rate_from_first": number(step.rate_from_first),
        "median_seconds_from_previous": number(step.median_seconds_from_previous),
    }


def of_row(row: value.Row) -> dict[str, object]:
    return {
        "group": row.name,
        "cost": amount(row.cost),
        "new_contacts": row.new_contacts,
        "new_customers": row.new_customers,
        "cost_per_contact": amount(row.cost_per_contact),
        "cac": amount(row.cac),
        "cac_cohort": amount(row.cac_cohort),
        "ltv": {str(d): amount(row.ltv[d]) for d in DAYS},
        "ltv_referral": {str(d): amount(row.ltv_referral[d]) for d in DAYS},
        "ltv_cac": number(row.ltv_cac),
        "ltv_cac_days": row.ltv_cac_days,
        "payback_days": row.payback_days,
    }


def of_formula(figures: formula.Formula) -> dict[str, object]:
    return {
        "assets": figures.assets,
        "reached": figures.reached,
        "orders": figures.orders,
        "revenue": amount(figures.revenue),
        "reach": number(figures.reach),
        "conversion": number(figures.conversion),
        "aov": amount_of_six(figures.aov),
        "unreached_revenue": amount(figures.unreached_revenue),
    }


def of_change(change: formula.Change) -> dict[str, object]:
    shares = {name: amount(fen) for name, fen in change.shares.items()}
    return {**shares, "total": amount(change.total), "zero": change.zero}


def of_cohort(row: cohorts.Row, wanted: cohorts.Value) -> dict[str, object]:
    shown = number if wanted == "retention" else amount
    return {
        "cohort": row.cohort.strftime("%Y-%m"),
        "size": row.size,
        "cells": [
            {"month": month, "value": shown(row.value(month, wanted))}
            for month in range(len(row.months))
        ],
    }
