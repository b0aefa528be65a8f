"""To how many mass messages is a customer still open this month, week or day?

The platform counts what reached a customer, by whatever task. Upper apps tell of it on the
timeline: an event of a kind that they registered here with `counts`, whose property `route` is
`mass_task`. Which quota holds is the tenant's setting, told by `rule_from`.
"""

from __future__ import annotations

import calendar
from collections.abc import Callable, Collection
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from django.db.models import Count

from contacts.models import Event

PLATFORM_ZONE: Final = ZoneInfo("Asia/Shanghai")  # in which WeCom counts its quotas
ROUTE: Final = "mass_task"
USUAL: Final = "month_days"

Rule = Callable[[], str]
_delivered: set[str] = set()
_rule: list[Rule] = []


def counts(kind: str) -> None:
    """Register, in apps.py: events of this kind with `route` mass_task are delivered ones."""
    _delivered.add(kind)


def rule_from(rule: Rule) -> None:
    """Register, in apps.py, who knows the tenant's quota: month_days, week7, day1 or month4."""
    _rule[:] = [rule]


def window(quota: str, at: datetime) -> tuple[int, datetime]:
    """How many mass messages the platform delivers to one customer, and since when it counts."""
    today = at.astimezone(PLATFORM_ZONE).date()
    if quota == "day1":
        return 1, _midnight(today)
    if quota == "week7":
        return 7, _midnight(today - timedelta(days=today.weekday()))
    days = calendar.monthrange(today.year, today.month)[1]
    return (4 if quota == "month4" else days), _midnight(today.replace(day=1))


def delivered(
    contact_ids: Collection[int], at: datetime, but: Collection[str] = ()
) -> dict[int, int]:
    """Inside a scope: how many each of them got in the window that `at` lies in; none is left out.

    Events of the sources in `but` are not counted.
    """
    _most, since = window(_quota(), at)
    rows = Event.objects.filter(
        contact_id__in=list(contact_ids),
        kind__in=_delivered,
        at__gte=since,
        at__lte=at,
        properties__route=ROUTE,
    ).exclude(source__in=list(but))
    return dict(rows.order_by().values_list("contact_id").annotate(Count("id")))


def full(contact_ids: Collection[int], at: datetime) -> set[int]:
    """Inside a scope: those to whom the platform would deliver no mass message at that time."""
    most, _since = window(_quota(), at)
    got = delivered(contact_ids, at)
    return {contact_id for contact_id, count in got.items() if count >= most}


def _quota() -> str:
    return _rule[0]() if _rule else USUAL


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), tzinfo=PLATFORM_ZONE).astimezone(UTC)
