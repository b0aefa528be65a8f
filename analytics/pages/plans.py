"""The page of plans: when each runs, how far it is, new ones by one click, holidays to come."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from analytics import answers, shown
from analytics.api.kpis import shown as as_answered
from analytics.models.plans import Plan, in_state
from analytics.pages import frame, kpi_words
from analytics.pages.kpis import text
from analytics.pages.tables import Card, Column, Table
from analytics.periods import Question, days_between, month_of
from analytics.plans import holidays, making, progress
from analytics.plans.holidays import Occasion
from analytics.plans.progress import Aim
from tenants import audit
from tenants.ids import encode
from tenants.middleware import tenant_of
from tenants.models import User
from tenants.roles import Can

_MOST: Final = 60  # on one page
_TONES: Final = {True: "good", False: "bad", None: ""}
State = Plan.State


@dataclass(frozen=True)
class Shown:
    """A plan in the list, in words."""

    plan: Plan
    state: Plan.State
    aim: Aim
    url: str
    value: str
    goal: str
    pace: str
    verdict: str
    tone: str


def page(request: HttpRequest) -> HttpResponse:
    return _make(request) if request.method == "POST" else _shown(request)


@frame.page
def _shown(request: HttpRequest) -> HttpResponse:
    asked = frame.read(request, "show")
    views = _views()
    view = asked.given.get("show", "")
    view = view if view in views else "current"
    question = asked.question
    currency = tenant_of(request).currency
    rows = answers.steadily(lambda: _rows(view, question, currency))
    return frame.show(
        request,
        asked,
        _table(rows, currency),
        "analytics/plans.html",
        file=("plans", _file(rows)),
        heading=_("Plans"),
        view=view,
        line=_line(rows, question.today),
        calendar=_calendar(question.today),
        may_set=may_set(request),
        own=reverse("admin:analytics_plan_add"),
        switch=frame.switch(asked, "show", view, list(views.items())),
    )


def _views() -> dict[str, str]:
    return {
        "current": _("Now and next"),
        "over": _("Over"),
        "cancelled": _("Cancelled"),
    }


def may_set(request: HttpRequest) -> bool:
    user = request.user
    return isinstance(user, User) and user.can(Can.CONFIGURE)


# --- the list ---


def _rows(view: str, question: Question, currency: str) -> list[Shown]:
    today = question.today
    wanted: Mapping[str, Q] = {
        "current": in_state(State.RUNNING, today) | in_state(State.PLANNED, today),
        "over": in_state(State.OVER, today),
        "cancelled": in_state(State.CANCELLED, today),
    }
    plans: QuerySet[Plan] = Plan.objects.filter(wanted[view])
    ahead = view == "current"
    order = ("starts_on", "id") if ahead else ("-starts_on", "-id")
    return [_row(plan, question, currency) for plan in plans.order_by(*order)[:_MOST]]


def _row(plan: Plan, question: Question, currency: str) -> Shown:
    aim = progress.aim(plan.metric, plan.target, progress.asked(plan, question))
    state = plan.state(question.today)
    return Shown(
        plan,
        state,
        aim,
        reverse("dashboard-plan", args=[encode(plan.pk)]),
        text(aim.metric, aim.value, currency),
        text(aim.metric, aim.target, currency),
        shown.NONE if aim.pace is None else f"{float(aim.pace):.0%}",
        verdict(aim, state),
        "" if state == State.CANCELLED else _TONES[aim.on_pace],
    )


def verdict(aim: Aim, state: Plan.State) -> str:
    """In two words."""
    if state == State.CANCELLED:
        return str(state.label)
    if aim.on_pace is None:
        return str(state.label) if aim.target is not None else _("no goal yet")
    if aim.elapsed == 1:
        return _("reached") if aim.on_pace else _("missed")
    return _("on pace") if aim.on_pace else _("behind")


def _line(rows: Sequence[Shown], today: date) -> dict[str, object]:
    """The plans along the months, and where today is."""
    if not rows:
        return {}
    first = month_of(min([today, *(row.plan.starts_on for row in rows)]))
    end = max([today, *(row.plan.ends_on for row in rows)]) + timedelta(days=1)
    days = (end - first).days

    def at(day: date) -> float:
        return 100 * (day - first).days / days

    months = [day for day in days_between(first, end) if day.day == 1]
    step = max(1, -(-len(months) // 6))  # as many names as a phone has room for
    return {
        "today": f"{at(today):.2f}",
        "months": [{"x": f"{at(day):.2f}", "name": f"{day:%Y-%m}"} for day in months[::step]],
        "rows": [
            {
                "shown": row,
                "x": f"{at(row.plan.starts_on):.2f}",
                "width": f"{max(100 * row.plan.days / days, 0.6):.2f}",
            }
            for row in rows
        ],
    }


def _columns() -> list[Column]:
    return [
        Column(_("Plan")),
        Column(_("Days"), _("Calendar days of your time zone, the first and the last one in.")),
        Column(_("Figure"), _("A figure of the scorecard, of these days and these people only.")),
        Column(_("So far"), _("From the first day of the plan until now.")),
        Column(_("Goal")),
        Column(
            _("Pace"),
            _("So far ÷ what of the goal is due by now; of rates and averages, so far ÷ goal. "
              "Where less is better, the other way round. 100% is on the way.")
            + " " + kpi_words.due(),
        ),
        Column(
            _("Forecast"),
            _("At the end of the plan, if it goes on as so far: value ÷ the share of the goal that "
              "is due; of rates and averages, as now. From the second day on."),
        ),
        Column(_("Standing")),
    ]  # fmt: skip


def days_of(plan: Plan) -> str:
    return f"{plan.starts_on} – {plan.ends_on}"


def _table(rows: Sequence[Shown], currency: str) -> Table:
    table = Table(_columns())
    for row in rows:
        forecast = text(row.aim.metric, row.aim.forecast, currency)
        table.rows.append(
            [
                row.plan.name, days_of(row.plan), str(row.aim.metric.label), row.value, row.goal,
                row.pace, forecast, row.verdict,
            ]
        )  # fmt: skip
    running = [row for row in rows if row.state == State.RUNNING]
    behind = sum(row.aim.on_pace is False for row in running)
    if running:
        table.cards = [
            Card(_("Running"), shown.count(len(running))),
            Card(_("On pace"), shown.count(sum(row.aim.on_pace is True for row in running))),
            Card(_("Behind"), shown.count(behind), tone="bad" if behind else ""),
        ]
    return table


def _file(rows: Sequence[Shown]) -> Table:
    columns = [
        Column(title)
        for title in (
            _("Plan"), _("First day"), _("Last day"), _("Figure"), _("So far"), _("Goal"),
            _("Pace"), _("Forecast"), _("Standing"),
        )
    ]  # fmt: skip
    raw: list[list[object]] = [
        [
            row.plan.name, row.plan.starts_on.isoformat(), row.plan.ends_on.isoformat(),
            str(row.aim.metric.label), *of_aim(row.aim), row.verdict,
        ]
        for row in rows
    ]  # fmt: skip
    return Table(columns, raw=raw)


def of_aim(aim: Aim) -> list[object]:
    """As the API tells them: so far, goal, pace, forecast."""
    pace = None if aim.pace is None else float(aim.pace)
    return [
        as_answered(aim.metric, aim.value), as_answered(aim.metric, aim.target), pace,
        as_answered(aim.metric, aim.forecast),
    ]  # fmt: skip


# --- holidays ---


def _calendar(today: date) -> list[dict[str, object]]:
    coming = holidays.coming(today)
    plans = {
        plan.occasion: plan
        for plan in Plan.objects.filter(occasion__in=[each.key for each in coming])
    }
    return [_holiday(each, plans.get(each.key), today) for each in coming]


def _holiday(occasion: Occasion, plan: Plan | None, today: date) -> dict[str, object]:
    left = (occasion.prepare_on - today).days
    if left > 0:
        hint = ngettext(
            "prepare from %(day)s, in %(n)d day", "prepare from %(day)s, in %(n)d days", left
        ) % {"day": occasion.prepare_on, "n": left}
    elif today < occasion.starts_on:
        hint = _("time to prepare: the sale begins on %(day)s") % {"day": occasion.starts_on}
    else:
        hint = _("the sale is on")
    return {
        "key": occasion.key,
        "name": str(occasion.holiday.name),
        "day": occasion.day,
        "hint": hint,
        "due": left <= 0,
        "sale": f"{occasion.starts_on} – {occasion.ends_on}",
        "url": reverse("dashboard-plan", args=[encode(plan.pk)]) if plan else "",
        **links(occasion.title),
    }


def links(name: str, **more: Any) -> dict[str, str]:
    """Where a script or a broadcast of this name begins."""
    query = {"name": name, **more}
    return {
        "new_sop": reverse("admin:journeys_sop_add", query={"name": name}),
        "new_broadcast": reverse("admin:campaigns_broadcast_add", query=query),
    }


# --- by one click ---


@login_required
def _make(request: HttpRequest) -> HttpResponse:
    if not may_set(request):
        raise PermissionDenied
    question = frame.read(request).question
    kind, key = request.POST.get("kind", ""), request.POST.get("occasion", "")
    if kind == "all_holidays":
        return _make_all(request, question)
    if kind not in Plan.Kind.values or kind == Plan.Kind.OWN:
        messages.error(request, _("There is no such plan to begin with."))
        return redirect("dashboard-plans")
    plan = making.from_template(kind, question, occasion=key)
    if plan is None:
        messages.error(request, _("There is a plan for it already, or no such holiday."))
        return redirect("dashboard-plans")
    audit.record("plan.created", plan, request=request)
    messages.success(request, _("The plan is made. Look at its goal, and change what you like."))
    return redirect("dashboard-plan", encode(plan.pk))


def _make_all(request: HttpRequest, question: Question) -> HttpResponse:
    """A plan for each holiday to come that has none."""
    made = 0
    for occasion in holidays.coming(question.today):
        plan = making.holiday(question, occasion)
        if plan is not None:
            audit.record("plan.created", plan, request=request)
            made += 1
    messages.success(
        request, ngettext("%(n)d plan is made.", "%(n)d plans are made.", made) % {"n": made}
    )
    return redirect("dashboard-plans")
