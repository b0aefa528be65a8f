"""How does the business do, for its age and its purpose? The scorecard: DOMAIN.md §6, R11–R13, R34.

Every figure is answered, those that matter in the tenant's phase and for its purpose first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from fractions import Fraction
from typing import Any, Final

from django.db import connection

from analytics import baselines, hindsight, newcomers, reachable, satisfaction, trust_mix
from analytics.assets import statement
from analytics.baselines import Day
from analytics.deeds import cells
from analytics.exact import ratio
from analytics.heads import heads
from analytics.models.goals import Kpi, KpiSettings, Purpose
from analytics.periods import Question, Span, among, midnight
from contacts.kinds import INBOUND
from tenants.scope import current_tenant_id

Value = Fraction | int | None


class Phase(StrEnum):
    START = "start"
    MIDDLE = "middle"
    STEADY = "steady"


MIDDLE_FROM, STEADY_FROM = 30, 90  # days since day 0

_OF_PHASE: Final[Mapping[Phase, Sequence[Kpi]]] = {
    Phase.START: (Kpi.NEW_CONTACTS, Kpi.DELETES, Kpi.DELETE_RATE, Kpi.INTERACTION_RATE),
    Phase.MIDDLE: (Kpi.REVENUE, Kpi.TAG_COVERAGE),
    Phase.STEADY: (Kpi.REVENUE_PER_HEAD, Kpi.CONTACTS_PER_HEAD),
}
_OF_PURPOSE: Final[Mapping[Purpose, Sequence[Kpi]]] = {
    Purpose.GMV: (Kpi.REVENUE, Kpi.ORDERS, Kpi.AOV, Kpi.REPEAT_RATE),
    Purpose.WARMTH: (
        Kpi.INTERACTION_RATE,
        Kpi.DELETE_RATE,
        Kpi.TRUST_MIX,
        Kpi.REFERRAL_RATE,
        Kpi.ACTIVITY,
        Kpi.SATISFACTION,
    ),
}
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Scorecard:
    """`day` counts from 0; None before it. Money in fen; None: nothing to divide by, or not set."""

    phase: Phase
    day: int | None
    purpose: Purpose
    keys: Sequence[Kpi]
    focus: Sequence[Kpi]
    values: Mapping[str, Value]
    baselines: Mapping[str, Value]
    begun: Sequence[Day]  # those of baselines.METRICS, up to as_of


def report(question: Question, purpose: Purpose | None = None) -> Scorecard:
    """Inside a scope: every figure of the period, and what would be usual."""
    settings = KpiSettings.of_tenant()
    wanted = purpose or Purpose(settings.purpose)
    day = day_of(question, settings.day_zero)
    phase = phase_of(day)
    focus = list(dict.fromkeys([*_OF_PHASE[phase], *_OF_PURPOSE[wanted]]))
    days = baselines.report(question)
    zone = question.span.zone
    begun = [each for each in days if midnight(each.date, zone) < question.as_of]
    sums = dict.fromkeys(baselines.METRICS, 0)
    for each in begun:
        sums[each.metric] += each.value
    return Scorecard(
        phase,
        day,
        wanted,
        [*focus, *(key for key in Kpi if key not in focus)],
        focus,
        values(question, sums),
        {**_before(question), **_usual(begun)},
        begun,
    )


# --- phase ---


def day_of(question: Question, day_zero: date | None) -> int | None:
    """Whole days of 86,400 s since day 0, at as_of: the setting's, or the tenant's first contact's.

    Whatever the filters: it is the age of the business.
    """
    zero = midnight(day_zero, question.span.zone) if day_zero else _first_reached()
    if zero is None or zero >= question.as_of:
        return None
    return (question.as_of - zero) // DAY


def phase_of(day: int | None) -> Phase:
    if day is None or day < MIDDLE_FROM:
        return Phase.START
    return Phase.MIDDLE if day < STEADY_FROM else Phase.STEADY


def _first_reached() -> datetime | None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT reach_at FROM analytics_contactfact"
            " WHERE tenant_id = %s AND reach_at IS NOT NULL ORDER BY reach_at LIMIT 1",
            [current_tenant_id()],
        )
        row = cursor.fetchone()
    return None if row is None else row[0]


# --- what is usual ---


def _usual(begun: Sequence[Day]) -> dict[str, Value]:
    """Of what is counted by day: the medians of the days that have begun, together."""
    sums: dict[str, Value] = {}
    for metric in baselines.METRICS:
        medians = [day.median for day in begun if day.metric == metric]
        known = [each for each in medians if each is not None]
        whole = known and len(known) == len(medians)
        sums[metric] = sum(known, Fraction(0)) if whole else None
    return sums


def _before(question: Question) -> dict[str, Value]:
    """Of the others: their values in as many days just before the period as have begun of it, if
    the tenant had begun by then.
    """
    span = question.span
    begun = min(span.end, question.today + DAY) - span.start
    earlier = replace(question, span=Span(span.start - begun, span.start, span.zone))
    first = baselines.first_day(question)
    if begun < DAY or first is None or first > earlier.span.start:
        return {}
    by_day = baselines.daily(earlier, earlier.span.start)
    sums = {metric: sum(of_days.values()) for metric, of_days in by_day.items()}
    return values(earlier, sums)


# --- values ---


def values(question: Question, sums: Mapping[str, int]) -> dict[str, Value]:
    """Inside a scope: every figure by its key; `sums` are those of baselines.METRICS."""
    deleted, follows = _one(_FOLLOWS, question)
    assets = reachable.heads(question)
    active, tagged = _active(question), _tagged(question)
    customers, repeat = _one(_CUSTOMERS, question)
    referrers = _referrers(question)
    new_customers = sum(won for _new, won in newcomers.counts(question, "month").values())
    at_work = heads(question)
    return {
        **sums,
        Kpi.DELETE_RATE: ratio(deleted, follows),
        Kpi.INTERACTION_RATE: ratio(active, assets),
        Kpi.TAG_COVERAGE: ratio(tagged, assets),
        Kpi.NEW_CUSTOMERS: new_customers,
        Kpi.AOV: ratio(sums[Kpi.REVENUE], sums[Kpi.ORDERS]),
        Kpi.REPEAT_RATE: ratio(repeat, customers),
        Kpi.REFERRAL_RATE: ratio(referrers, customers),
        Kpi.REVENUE_PER_HEAD: ratio(sums[Kpi.REVENUE], at_work),
        Kpi.CONTACTS_PER_HEAD: ratio(sums[Kpi.NEW_CONTACTS], at_work),
        Kpi.TRUST_MIX: trust_mix.mix(question).share,
        Kpi.ACTIVITY: _activity(question),
        Kpi.SATISFACTION: satisfaction.level(question).mean,
    }


def one(metric: Kpi, question: Question) -> Value:
    """Inside a scope: one figure alone; `values` reads what figures share only once."""
    if metric in baselines.METRICS or metric == Kpi.NEW_CUSTOMERS:
        return _sum(metric, question)
    return _ALONE[metric](question)


def by_day(metric: Kpi, question: Question) -> dict[date, int]:
    """Inside a scope: of a figure that is a sum over days, those days that have any."""
    if metric == Kpi.NEW_CUSTOMERS:
        counts = newcomers.counts(question, "day")
        return {day: won for day, (_new, won) in counts.items() if isinstance(day, date) and won}
    return baselines.daily(question, question.span.start)[metric]


def _sum(metric: Kpi, question: Question) -> int:
    return sum(by_day(metric, question).values())


def _repeat_rate(question: Question) -> Fraction | None:
    customers, repeat = _one(_CUSTOMERS, question)
    return ratio(repeat, customers)


def _active(question: Question) -> int:
    return cells.active(question) if cells.know(question) else int(_one(_ACTIVE, question)[0])


def _tagged(question: Question) -> int:
    return cells.tagged(question) if cells.know(question) else int(_one(_TAGGED, question)[0])


def _referrers(question: Question) -> int:
    return cells.referrers(question) if cells.know(question) else int(_one(_REFERRERS, question)[0])


def _activity(question: Question) -> Fraction | None:
    """Those at level 2 or 3 of the statement of user assets: they gave a sign of life lately."""
    heads_by_level = statement.closing(question)
    everybody = sum(heads_by_level.values())
    return ratio(everybody - heads_by_level.get("L1", 0), everybody)


# Whole days come from cells; the day of as_of, and with filters by person all, from rows. Spells
# that were over before the period are out of it (R12).
_FOLLOWS = """
SELECT COALESCE(sum(deleted) FILTER (WHERE day >= %(from)s), 0)::bigint,
  (sum(opened) - COALESCE(sum(ended) FILTER (WHERE day < %(from)s), 0))::bigint
FROM (
  SELECT day, opened, ended, deleted FROM analytics_daycell
  WHERE tenant_id = %(tenant)s AND channel_id = %(which)s AND day < %(whole)s
  UNION ALL
  SELECT %(whole)s, 1, 0, 0 FROM contacts_reachspell
  WHERE tenant_id = %(tenant)s AND staff_id IS NOT NULL
    AND opened_at >= %(rows_from)s AND opened_at < %(until)s {whose}
  UNION ALL
  SELECT (ended_at AT TIME ZONE %(zone)s)::date, 0, 1, (ended_by = 'customer')::int
  FROM contacts_reachspell
  WHERE tenant_id = %(tenant)s AND staff_id IS NOT NULL
    AND ended_at >= %(rows_from)s AND ended_at < %(until)s {whose}
) turned
"""
# As an array, a few are looked up among the spells; joined, all spells would be hashed for them.
_ACTIVE = f"""
SELECT count(DISTINCT s.contact_id) FROM contacts_reachspell s
WHERE {reachable.OPEN} AND s.contact_id = ANY(ARRAY(
  SELECT DISTINCT contact_id FROM contacts_event
  WHERE tenant_id = %(tenant)s AND kind = ANY(%(inbound)s::text[])
    AND at >= %(start)s AND at < %(until)s {{whose}}))
"""  # noqa: S608 - our own names
_TAGGED = f"""
SELECT count(DISTINCT s.contact_id) FROM contacts_reachspell s
WHERE {reachable.OPEN} AND EXISTS (
  SELECT FROM contacts_contacttag t
  WHERE t.tenant_id = %(tenant)s AND t.contact_id = s.contact_id) {{whose}}
"""  # noqa: S608 - our own names
_CUSTOMERS = """
WITH cell AS (
  SELECT COALESCE(sum(customers), 0) AS customers, COALESCE(sum(repeats), 0) AS repeats
  FROM analytics_daycell
  WHERE tenant_id = %(tenant)s AND channel_id = %(which)s AND day < %(whole)s
), late AS (
  SELECT l.orders, (
    SELECT count(*) FROM (
      SELECT FROM contacts_order o WHERE o.tenant_id = %(tenant)s AND o.contact_id = l.contact_id
        AND o.paid AND o.paid_at < %(rows_from)s LIMIT 2) earlier) AS before
  FROM (
    SELECT contact_id, count(*) AS orders FROM contacts_order
    WHERE tenant_id = %(tenant)s AND paid
      AND paid_at >= %(rows_from)s AND paid_at < %(until)s {whose} GROUP BY contact_id) l
)
SELECT (customers + (SELECT count(*) FROM late WHERE before = 0))::bigint,
  (repeats + (SELECT count(*) FROM late WHERE before < 2 AND before + orders >= 2))::bigint
FROM cell
"""
_REFERRERS = """
SELECT count(*) FROM (
  SELECT DISTINCT referrer_id AS contact_id FROM contacts_contact
  WHERE tenant_id = %(tenant)s AND referrer_id IS NOT NULL AND acquired_at < %(until)s) brought
WHERE EXISTS (
  SELECT FROM contacts_order o WHERE o.tenant_id = %(tenant)s
    AND o.contact_id = brought.contact_id AND o.paid AND o.paid_at < %(until)s) {whose}
"""


def _one(sql: str, question: Question) -> tuple[Any, ...]:
    whole = date.min if question.by_person else hindsight.whole_until(question)
    parameters = reachable.given(question)
    parameters |= {
        "whole": whole,
        "rows_from": "-infinity" if whole == date.min else midnight(whole, question.span.zone),
        "inbound": sorted(INBOUND),
    }
    with connection.cursor() as cursor:
        cursor.execute(sql.format(whose=among(question)), parameters)
        row: tuple[Any, ...] = cursor.fetchone()
    return row


_ALONE: Final[Mapping[Kpi, Callable[[Question], Fraction | None]]] = {
    Kpi.DELETE_RATE: lambda asked: ratio(*_one(_FOLLOWS, asked)),
    Kpi.INTERACTION_RATE: lambda asked: ratio(_active(asked), reachable.heads(asked)),
    Kpi.TAG_COVERAGE: lambda asked: ratio(_tagged(asked), reachable.heads(asked)),
    Kpi.AOV: lambda asked: ratio(_sum(Kpi.REVENUE, asked), _sum(Kpi.ORDERS, asked)),
    Kpi.REPEAT_RATE: _repeat_rate,
    Kpi.REFERRAL_RATE: lambda asked: ratio(_referrers(asked), _one(_CUSTOMERS, asked)[0]),
    Kpi.REVENUE_PER_HEAD: lambda asked: ratio(_sum(Kpi.REVENUE, asked), heads(asked)),
    Kpi.CONTACTS_PER_HEAD: lambda asked: ratio(_sum(Kpi.NEW_CONTACTS, asked), heads(asked)),
    Kpi.TRUST_MIX: lambda asked: trust_mix.mix(asked).share,
    Kpi.ACTIVITY: _activity,
    Kpi.SATISFACTION: lambda asked: satisfaction.level(asked).mean,
}
