"""What is to be said of yesterday? Rules are held against every whole day, once.

A day is looked at when it is over in the tenant's zone. An off day is said of that day; a pace that
is below its limit at most once a week, from the fourth day of the month on; a trust mix that is
under the tenant's floor at most once a week. Rules that were snoozed
find what they find and tell nobody. Where a worker was away, up to a week is caught up; whoever is
told gets one message for all of it (notices.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Final

from django.core.exceptions import ValidationError
from django.db.models import Min
from django.utils import timezone
from django.utils.translation import gettext as _

from analytics import baselines, facts, kpis, pacing, targets, trust_mix
from analytics.baselines import METRICS, Day
from analytics.models.alerts import Alert, AlertNotice, AlertRecipient, AlertRule
from analytics.models.goals import Kpi, KpiSettings
from analytics.periods import Question, Span, days_between, midnight, month_of, next_month
from tenants import doorbell
from tenants.ids import encode
from tenants.models import Tenant, User
from tenants.webhooks.emitting import Happened, emit

QUEUE = "alerts"
OPENED: Final = "alert.opened"  # what webhooks are told
# Late callbacks and orders of the last minutes of a day.
GRACE: Final = timedelta(minutes=30)
TOLD_AT: Final = time(8)
CAUGHT_UP: Final = 7  # days
QUIET: Final = timedelta(days=7)  # between two alerts of one pace
FROM_DAY: Final = 4  # of the month: a pace before is chance
_DAY: Final = timedelta(days=1)


@dataclass(frozen=True)
class _Found:
    value: Fraction
    expected: Fraction
    steps: list[str] = field(default_factory=list)


def next_due() -> datetime | None:
    """When the next day of any rule is over."""
    through = AlertRule.objects.filter(active=True).aggregate(through=Min("checked_through"))
    if through["through"] is None:
        return None
    return midnight(through["through"] + 2 * _DAY, Tenant.current().tz) + GRACE


def last_whole_day(now: datetime) -> date:
    """Inside a scope: the last day of the tenant's zone that is over."""
    return (now - GRACE).astimezone(Tenant.current().tz).date() - _DAY


def check() -> None:
    """Inside a scope, in the background: hold the rules against the days that are over."""
    now = timezone.now()
    yesterday = last_whole_day(now)
    rules = list(
        AlertRule.objects.select_for_update()
        .filter(active=True, checked_through__lt=yesterday)
        .order_by("id")
    )
    if not rules:
        return
    if facts.catch_up() is not None:  # a flood is being counted: yesterday is not known yet
        return
    first = max(
        min(rule.checked_through for rule in rules if rule.checked_through) + _DAY,
        yesterday - (CAUGHT_UP - 1) * _DAY,
    )
    days = days_between(first, yesterday + _DAY)
    made = list(_alerts(rules, days))
    Alert.objects.bulk_create(made, ignore_conflicts=True)
    AlertRule.objects.filter(pk__in=[rule.pk for rule in rules]).update(checked_through=yesterday)
    _tell(rules, days, now)
    emit(OPENED, _opened(made))


def _alerts(rules: Sequence[AlertRule], days: Sequence[date]) -> Iterator[Alert]:
    zone = Tenant.current().tz
    span = Span(days[0], days[-1] + _DAY, zone)
    judged = baselines.report(Question(span, midnight(span.end, zone)))
    by_day: dict[date, dict[str, Day]] = {}
    for each in judged:
        by_day.setdefault(each.date, {})[each.metric] = each
    paces = any(rule.kind == AlertRule.Kind.PACE for rule in rules)
    latest: dict[int, date] = {}
    for day in days:
        behind = _behind(day) if paces else {}
        for rule in rules:
            if rule.checked_through and day <= rule.checked_through:
                continue
            found = _judged(rule, day, by_day[day], behind)
            if found is not None and not _said_lately(rule, day, latest.get(rule.pk)):
                latest[rule.pk] = day
                yield Alert(
                    rule=rule,
                    day=day,
                    metric=rule.metric,
                    kind=rule.kind,
                    value=_plain(rule.metric, found.value),
                    expected=_plain(rule.metric, found.expected),
                    steps=found.steps,
                    silent=rule.snoozed_until is not None and day < rule.snoozed_until,
                )


def _judged(
    rule: AlertRule,
    day: date,
    of_day: dict[str, Day],
    behind: dict[str, tuple[Fraction, Fraction, Fraction]],
) -> _Found | None:
    if rule.kind == AlertRule.Kind.OFF:
        return _off(rule, of_day)
    return _slow(rule, behind) if rule.kind == AlertRule.Kind.PACE else _low(day)


def _said_lately(rule: AlertRule, day: date, latest: date | None) -> bool:
    """Of what stays as it is from day to day. `latest` is of this very run."""
    if rule.kind == AlertRule.Kind.OFF:
        return False
    stored = Alert.objects.filter(rule=rule, day__gt=day - QUIET, day__lte=day)
    return (latest is not None and latest > day - QUIET) or stored.exists()


def _off(rule: AlertRule, of_day: dict[str, Day]) -> _Found | None:
    day = of_day.get(rule.metric)
    if day is None or not day.off or day.median is None:
        return None
    unwanted = {
        AlertRule.Direction.LOW: day.value > day.median,
        AlertRule.Direction.HIGH: day.value < day.median,
    }
    if unwanted.get(AlertRule.Direction(rule.direction)):
        return None
    return _Found(Fraction(day.value), day.median, baselines.likely_steps(day, of_day))


def _behind(day: date) -> dict[str, tuple[Fraction, Fraction, Fraction]]:
    """Of the month of the day, at its end: figure → pace, value, what was to be reached by then."""
    if day.day < FROM_DAY:
        return {}
    zone = Tenant.current().tz
    month = Span(month_of(day), next_month(day), zone)
    question = Question(month, midnight(day + _DAY, zone))
    aims = targets.of_period(question)
    if not aims:
        return {}
    shares = pacing.due(aims, question)
    sums = {
        metric: sum(of_days.values())
        for metric, of_days in baselines.daily(question, month.start).items()
    }
    found = {}
    for metric, value in kpis.values(question, sums).items():
        aim = aims.get(metric)
        share = shares.get(metric, Fraction(1))
        pace = targets.pace(metric, value, aim, share)
        if pace is not None and aim is not None and value is not None:
            found[metric] = pace, Fraction(value), aim * share
    return found


def _slow(rule: AlertRule, behind: dict[str, tuple[Fraction, Fraction, Fraction]]) -> _Found | None:
    pace, value, due = behind.get(rule.metric, (None, Fraction(0), Fraction(0)))
    if pace is None or pace * 100 >= rule.pace_below:
        return None
    return _Found(value, due)


def _low(day: date) -> _Found | None:
    """The trust mix of the 30 days that the day ends."""
    zone = Tenant.current().tz
    found = trust_mix.mix(Question(Span(day, day + _DAY, zone), midnight(day + _DAY, zone)))
    floor = KpiSettings.of_tenant().trust_floor
    if found.share is None or not found.under(floor):
        return None
    return _Found(found.share, Fraction(floor, 100))


def _plain(metric: str, value: Fraction) -> Decimal:
    """Units of the currency, heads or a share: six places, as targets have them."""
    exact = value / 100 if metric in targets.MONEY else value
    return Decimal(round(exact * 10**6)).scaleb(-6)


# --- telling ---


def _opened(made: Sequence[Alert]) -> Iterator[Happened]:
    """Those of them that somebody may be told of; what was stored before has its id only now."""
    keys = {(alert.rule_id, alert.day) for alert in made if not alert.silent}
    rules, days = {rule for rule, _day in keys}, {day for _rule, day in keys}
    for alert in Alert.objects.filter(rule__in=rules, day__in=days).order_by("id"):
        if (alert.rule_id, alert.day) in keys:
            about = {
                "alert": encode(alert.pk),
                "rule": encode(alert.rule_id),
                "metric": alert.metric,
                "day": alert.day.isoformat(),
            }
            yield Happened(str(alert.pk), about, alert.created_at)


def _tell(rules: Sequence[AlertRule], days: Sequence[date], now: datetime) -> None:
    fresh = Alert.objects.filter(
        rule__in=[rule.pk for rule in rules], day__in=days, silent=False, notices=None
    )
    told: dict[int, list[int]] = {}
    for rule_id, staff_id in AlertRecipient.objects.values_list("rule_id", "staff_id"):
        told.setdefault(rule_id, []).append(staff_id)
    due = _due_at(now)
    AlertNotice.objects.bulk_create(
        [
            AlertNotice(alert=alert, recipient_id=staff_id, due_at=due)
            for alert in fresh
            for staff_id in told.get(alert.rule_id, ())
        ],
        ignore_conflicts=True,
    )


def _due_at(now: datetime) -> datetime:
    """At eight in the morning; at once, if that is past."""
    here = now.astimezone(Tenant.current().tz)
    return max(now, datetime.combine(here.date(), TOLD_AT, tzinfo=here.tzinfo))


# --- what people do ---


def begin(rule: AlertRule) -> None:
    """A rule that is made or switched on begins with the day that is not over yet."""
    through = last_whole_day(timezone.now())
    if rule.checked_through is None or rule.checked_through < through:
        AlertRule.objects.filter(pk=rule.pk).update(checked_through=through)
    doorbell.ring(QUEUE, next_due())


def refuse(given: dict[str, object]) -> dict[str, str]:
    """What makes no sense in a rule: field → why."""
    if given.get("kind") == AlertRule.Kind.OFF and given.get("metric") not in METRICS:
        return {"metric": _("Off days are known of new contacts, orders, revenue and deletes.")}
    if given.get("kind") == AlertRule.Kind.FLOOR and given.get("metric") != Kpi.TRUST_MIX:
        return {"metric": _("Only the trust mix has a floor.")}
    return {}


def acknowledge(alert: Alert, user: User | None) -> None:
    """Somebody has seen to it."""
    Alert.objects.filter(pk=alert.pk, state=Alert.State.OPEN).update(
        state=Alert.State.ACKNOWLEDGED, acknowledged_at=timezone.now(), acknowledged_by=user
    )
    alert.refresh_from_db()


def snooze(rule: AlertRule, until: date) -> None:
    """Nobody is told of days before `until`. Raises ValidationError for a day that has passed."""
    today = timezone.now().astimezone(Tenant.current().tz).date()
    if not today < until <= today + timedelta(days=366):
        raise ValidationError({"until": _("Choose a day after today, within a year.")})
    AlertRule.objects.filter(pk=rule.pk).update(snoozed_until=until)
    AlertNotice.objects.filter(alert__rule=rule.pk, state=AlertNotice.State.WAITING).delete()
    rule.refresh_from_db()
