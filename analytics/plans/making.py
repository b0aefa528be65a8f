"""How is a plan made and changed? What makes no sense in one, and the ones made by one click."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from analytics import baselines, kpis, targets
from analytics.models.goals import Kpi
from analytics.models.plans import Plan, PlanBroadcast, PlanPhase, PlanSop
from analytics.periods import Question, Span
from analytics.plans import holidays, progress
from analytics.plans.holidays import Occasion
from campaigns.models import Broadcast
from contacts.kinds import FOLLOW_OPENED
from journeys.models import Sop

LONGEST: Final = 732  # days
_MOST_PHASES: Final = 24
_FIRST, _LAST = date(1971, 1, 1), date(2199, 1, 1)
_MORE, _LESS = Fraction(11, 10), Fraction(9, 10)  # what a plan made by a click aims at


def wrong(given: Mapping[str, Any]) -> dict[str, str]:
    """What makes no sense in a plan: field → why."""
    found = {}
    starts, ends = given.get("starts_on"), given.get("ends_on")
    if starts and not _FIRST <= starts < _LAST:
        found["starts_on"] = _("Write a date such as 2026-01-31.")
    if starts and ends and "starts_on" not in found:
        if ends < starts:
            found["ends_on"] = _("The period must end after it begins.")
        elif (ends - starts).days >= LONGEST:
            found["ends_on"] = _("A plan takes %(days)d days at most.") % {"days": LONGEST}
    goal = {"metric": given.get("metric"), "value": given.get("target")}
    if text := targets.wrong(goal).get("value"):
        found["target"] = text
    return found


def wrong_phases(phases: Collection[Mapping[str, Any]], days: int) -> str:
    """Why the milestones do not fit a plan of so many days; "" when they do."""
    if len(phases) > _MOST_PHASES:
        return _("A plan has %(n)d milestones at most.") % {"n": _MOST_PHASES}
    for phase in phases:
        if phase["last_day"] < phase["first_day"]:
            return _("A milestone must end after it begins.")
        if phase["last_day"] > days:
            return _("A milestone must end with the plan, on day %(days)d.") % {"days": days}
        if text := wrong({"metric": phase["metric"], "target": phase.get("target")}).get("target"):
            return text
    return ""


def attach(
    plan: Plan, sops: Iterable[Sop] | None = None, broadcasts: Iterable[Broadcast] | None = None
) -> None:
    """Inside a scope: exactly these from now on; None leaves them as they are."""
    if sops is not None:
        wanted = {row.pk for row in sops}
        PlanSop.objects.filter(plan=plan).exclude(sop_id__in=wanted).delete()
        PlanSop.objects.bulk_create(
            [PlanSop(plan=plan, sop_id=pk) for pk in sorted(wanted)], ignore_conflicts=True
        )
    if broadcasts is not None:
        wanted = {row.pk for row in broadcasts}
        PlanBroadcast.objects.filter(plan=plan).exclude(broadcast_id__in=wanted).delete()
        PlanBroadcast.objects.bulk_create(
            [PlanBroadcast(plan=plan, broadcast_id=pk) for pk in sorted(wanted)],
            ignore_conflicts=True,
        )


# --- by one click ---


def from_template(
    kind: str, as_of: Question, starts_on: date | None = None, occasion: str = ""
) -> Plan | None:
    """Inside a scope: stored, from today unless said otherwise. None: there is one for the holiday,
    or no such holiday.
    """
    if kind == Plan.Kind.HOLIDAY:
        known = holidays.named(occasion)
        return holiday(as_of, known) if known else None
    make = new_customers if kind == Plan.Kind.NEW_CUSTOMER else ninety_days
    return make(as_of, starts_on or as_of.today)


def new_customers(as_of: Question, starts_on: date) -> Plan:
    """Thirty days for first orders: first friends, then buyers. With the running scripts that
    begin when somebody becomes a friend.
    """
    plan = Plan(
        name=_("New customers from %(day)s") % {"day": starts_on.isoformat()},
        kind=Plan.Kind.NEW_CUSTOMER,
        metric=Kpi.NEW_CUSTOMERS,
        starts_on=starts_on,
        ends_on=starts_on + timedelta(days=29),
    )
    phases = [
        (_("Friends come in"), 1, 10, Kpi.NEW_CONTACTS),
        (_("They stay"), 1, 20, Kpi.DELETE_RATE),
        (_("They answer"), 11, 20, Kpi.INTERACTION_RATE),
        (_("They buy"), 21, 30, Kpi.NEW_CUSTOMERS),
    ]
    greeting = Sop.objects.filter(trigger=FOLLOW_OPENED, status=Sop.Status.ACTIVE)
    return _made(plan, phases, as_of, greeting)


def ninety_days(as_of: Question, starts_on: date) -> Plan:
    """DOMAIN.md §6: first adds, deletes and interaction; from day 31 revenue and tag coverage."""
    plan = Plan(
        name=_("90 days from %(day)s") % {"day": starts_on.isoformat()},
        kind=Plan.Kind.NINETY_DAYS,
        metric=Kpi.REVENUE,
        starts_on=starts_on,
        ends_on=starts_on + timedelta(days=89),
    )
    start, build, steady = _("Start-up"), _("Build-up"), _("Towards steady")
    phases = [
        (start, 1, 30, Kpi.NEW_CONTACTS),
        (start, 1, 30, Kpi.DELETE_RATE),
        (start, 1, 30, Kpi.INTERACTION_RATE),
        (build, 31, 60, Kpi.TAG_COVERAGE),
        (build, 31, 60, Kpi.REVENUE),
        (steady, 61, 90, Kpi.REVENUE),
        (steady, 61, 90, Kpi.REPEAT_RATE),
    ]
    return _made(plan, phases, as_of)


def holiday(as_of: Question, occasion: Occasion) -> Plan | None:
    """The days of its sale; None when there is one already."""
    if Plan.objects.filter(occasion=occasion.key).exists():
        return None
    plan = Plan(
        name=occasion.title,
        kind=Plan.Kind.HOLIDAY,
        metric=Kpi.REVENUE,
        starts_on=occasion.starts_on,
        ends_on=occasion.ends_on,
        occasion=occasion.key,
        notes=_("Prepare from %(day)s: goods, texts, coupons, who is on duty.")
        % {"day": occasion.prepare_on.isoformat()},
    )
    try:
        return _made(plan, [], as_of)
    except IntegrityError:  # somebody was quicker
        return None


def _made(
    plan: Plan,
    phases: Iterable[tuple[str, int, int, Kpi]],
    as_of: Question,
    sops: Iterable[Sop] = (),
) -> Plan:
    question = progress.asked(plan, as_of)
    year_ago = progress.a_year_before(plan, question) if plan.occasion else None
    plan.target = _goal(plan.metric, question, plan.days, year_ago)
    with transaction.atomic():
        plan.save()
        PlanPhase.objects.bulk_create(
            PlanPhase(
                plan=plan, name=name, first_day=first, last_day=last, metric=metric,
                target=_goal(metric, question, last - first + 1),
            )
            for name, first, last, metric in phases
        )  # fmt: skip
        attach(plan, sops)
    return plan


def _goal(metric: str, question: Question, days: int, better: Span | None = None) -> Decimal | None:
    """A tenth better than the same days of the year before, if they are known, or than as many
    whole days before today. None without history, or where there was nothing.
    """
    first = baselines.first_day(question)
    today = question.today
    latest = replace(question.span, start=today - timedelta(days=days), end=today)
    for span in filter(None, (better, latest)):
        if first is None or first > span.start or span.end > today:
            continue
        value = kpis.one(Kpi(metric), replace(question, span=span))
        if value:
            return _rounded(Kpi(metric), Fraction(value))
    return None


def _rounded(metric: Kpi, value: Fraction) -> Decimal | None:
    """Upwards to whole heads or units of the currency, to a hundredth of a per cent."""
    aimed = value * (_LESS if metric in targets.LESS_IS_BETTER else _MORE)
    if aimed < 0:
        return None
    if metric in targets.RATES:
        return Decimal(math.ceil(min(aimed, Fraction(1)) * 10_000)) / 10_000
    return Decimal(math.ceil(aimed / 100 if metric in targets.MONEY else aimed))


# --- state ---


def cancel(plan: Plan) -> bool:
    """False: it was already."""
    return _set_cancelled(plan, None, timezone.now())


def resume(plan: Plan) -> bool:
    """False: it was not cancelled."""
    return plan.cancelled_at is not None and _set_cancelled(plan, plan.cancelled_at, None)


def _set_cancelled(plan: Plan, was: datetime | None, to: datetime | None) -> bool:
    rows = Plan.objects.filter(pk=plan.pk, cancelled_at=was)
    changed = bool(rows.update(cancelled_at=to, updated_at=timezone.now()))
    if changed:
        plan.cancelled_at = to
    return changed
