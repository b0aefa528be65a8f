"""What does a saved view show on a day, who may open it, and who may change it?"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Final
from urllib.parse import urlencode

from django.db.models import Q, QuerySet
from django.urls import reverse
from django.utils.translation import gettext as _

from analytics.models.sharing import ReportView
from analytics.pages import menu
from analytics.periods import month_of, next_month
from tenants.models import Membership, User
from tenants.roles import ABILITIES, Can

Period = ReportView.Period
# Said by the period of the view, or by who asks for the page.
DATES: Final = frozenset({"from", "to", "through", "as_of", "export"})
_NAME: Final = re.compile(r"[a-z_]{1,30}")
_MANY, _LONG = 30, 200
_WHEN: Final = ("start", "through", "as_of")
YEARS: Final = range(1971, 2200)  # as asking.py has them
_DAY: Final = timedelta(days=1)
_ROUTE: Final = "dashboard-"


def pages() -> dict[str, str]:
    """The dashboards that can be saved: key → title."""
    return {name.removeprefix(_ROUTE): title for name, _icon, title in menu.dashboards()}


def page_of(route: str | None) -> str | None:
    """The key of the dashboard at a route."""
    key = (route or "").removeprefix(_ROUTE)
    return key if f"{_ROUTE}{key}" == route and key in pages() else None


# --- periods ---


def days(period: str, today: date) -> tuple[date, date]:
    """First and last day of a relative period, as seen on `today`."""
    month, week = month_of(today), today - today.weekday() * _DAY
    return {
        Period.YESTERDAY: (today - _DAY, today - _DAY),
        Period.LAST_7: (today - 6 * _DAY, today),
        Period.LAST_30: (today - 29 * _DAY, today),
        Period.LAST_90: (today - 89 * _DAY, today),
        Period.THIS_WEEK: (week, today),
        Period.LAST_WEEK: (week - 7 * _DAY, week - _DAY),
        Period.THIS_MONTH: (month, today),
        Period.LAST_MONTH: (month_of(month - _DAY), month - _DAY),
        Period.LAST_12_MONTHS: (next_month(month.replace(year=month.year - 1)), today),
        Period.THIS_YEAR: (month.replace(month=1), today),
    }[Period(period)]


def period_of(start: date, through: date, today: date) -> Period:
    """Which relative period these days are today; fixed, if none. What is to come is not meant."""
    for period in Period:
        if period != Period.FIXED and days(period, today) == (start, min(through, today)):
            return period
    return Period.FIXED


def shown_days(view: ReportView, today: date) -> tuple[date, date]:
    if view.start and view.through:
        return view.start, view.through
    return days(view.period, today)


# --- addresses ---


def query_of(view: ReportView, today: date) -> dict[str, str]:
    """The parameters with which the dashboard shows the view on that day."""
    start, through = shown_days(view, today)
    query = {**view.query, "from": start.isoformat(), "through": through.isoformat()}
    return query | ({"as_of": view.as_of.isoformat()} if view.as_of else {})


def path_of(view: ReportView) -> str:
    return reverse(f"{_ROUTE}{view.page}")


def address(view: ReportView, today: date) -> str:
    return f"{path_of(view)}?{urlencode(query_of(view, today))}"


def refuse(given: Mapping[str, object]) -> dict[str, str]:
    """What makes no sense in a view: field → why. Given are all its columns."""
    wrong: dict[str, str] = {}
    if given.get("page") not in pages():
        wrong["page"] = _("There is no such dashboard.")
    query = given.get("query")
    if not isinstance(query, dict) or len(query) > _MANY or not all(map(_sound, query.items())):
        wrong["query"] = _("Write the page's parameters, without its dates, as short texts.")
    if given.get("period") not in Period.values:
        wrong["period"] = _("Say which days are meant.")
    elif given["period"] == Period.FIXED:
        wrong |= _refuse_days(given)
    elif any(given.get(name) for name in _WHEN):
        wrong["period"] = _("Only a view of fixed days has dates.")
    return wrong


def _refuse_days(given: Mapping[str, object]) -> dict[str, str]:
    start, through = given.get("start"), given.get("through")
    if not isinstance(start, date) or not isinstance(through, date):
        return {"start": _("Give the first and the last day.")}
    if start > through:
        return {"start": _("The period must end after it begins.")}
    days = {name: given.get(name) for name in _WHEN}
    return {
        name: _("Write a date such as 2026-01-31.")
        for name, day in days.items()
        if isinstance(day, date) and day.year not in YEARS
    }


def _sound(pair: tuple[object, object]) -> bool:
    name, text = pair
    return (
        isinstance(name, str)
        and _NAME.fullmatch(name) is not None
        and name not in DATES
        and isinstance(text, str)
        and len(text) <= _LONG
        and "\x00" not in text
    )


# --- who ---


def visible_to(user: User | None) -> QuerySet[ReportView]:
    """Shared ones and one's own; an API key has none of its own."""
    mine = Q(owner=user) if user is not None else Q(pk__in=[])
    return ReportView.objects.filter(Q(shared=True) | mine)


def readers() -> QuerySet[Membership]:
    """The members who may see figures, and so get reports."""
    roles = [role for role, granted in ABILITIES.items() if Can.REPORT in granted]
    members = Membership.objects.filter(active=True, role__in=roles, user__is_active=True)
    return members.select_related("user").order_by("user__name", "pk")


def may_change(view: ReportView, user: User) -> bool:
    """Whoever saved it; what is shared also those who manage the business."""
    return view.owner_id == user.pk or (view.shared and user.can(Can.MANAGE))
