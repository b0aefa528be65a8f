"""The pages behind the figures: a chart, its table, what it means, as of when, and a file of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import wraps
from urllib.parse import urlencode

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from analytics import answers, asking, funnel, loss_tables, losses, tables, value
from analytics.asking import Wrong
from analytics.curves import DAYS
from analytics.periods import Question
from contacts.models import Channel
from tenants.middleware import tenant_of
from tenants.models import User
from tenants.roles import Can

FUNNEL_DAYS = 90
LOSS_DAYS = 90
View = Callable[[HttpRequest], HttpResponse]
# `through` is the last day of the period, as people say it; `to` the day after, as the API does.
_KNOWN = asking.NAMES | {"through", "mode", "group", "days", "referral", "export"}


def for_readers(view: View) -> View:
    """Only for members who may see figures, inside their tenant."""

    @wraps(view)
    @login_required
    def guarded(request: HttpRequest) -> HttpResponse:
        membership = request.user.membership if isinstance(request.user, User) else None
        if membership is None:
            return redirect("places")
        if not membership.can(Can.REPORT):
            raise PermissionDenied
        return view(request)

    return guarded


@dataclass(frozen=True)
class Asked:
    """The address of a page, read: its parameters, the question they ask, what is wrong in them."""

    given: Mapping[str, str]
    question: Question
    wrong: Mapping[str, str]

    def link(self, **changed: object) -> str:
        """This page's address with other parameters; None leaves one out."""
        kept = {name: text for name, text in self.given.items() if name != "export"} | {
            name: None if text is None else str(text) for name, text in changed.items()
        }
        return "?" + urlencode({name: text for name, text in kept.items() if text})


def _asked(request: HttpRequest, *, days: int | None = None) -> Asked:
    tenant = tenant_of(request)
    given = {name: request.GET[name].strip() for name in _KNOWN if name in request.GET}
    wrong: dict[str, str] = {}
    try:
        question = asking.ask(_with_end(given, wrong), tenant, days=days)
    except Wrong as error:
        wrong |= error.fields
        if "to" in wrong and "through" in given:
            wrong["through"] = wrong.pop("to")
        question = asking.ask({}, tenant, days=days)
    return Asked(given, answers.complete(question), wrong)


def _with_end(given: Mapping[str, str], wrong: dict[str, str]) -> dict[str, str]:
    texts = {name: text for name, text in given.items() if name in asking.NAMES}
    if given.get("through"):
        try:
            texts["to"] = (date.fromisoformat(given["through"]) + timedelta(days=1)).isoformat()
        except (ValueError, OverflowError):
            wrong["through"] = _("Write a date such as 2026-01-31.")
    return texts


@require_GET
@for_readers
def funnel_page(request: HttpRequest) -> HttpResponse:
    """How far contacts came, or where they stand."""
    asked = _asked(request, days=FUNNEL_DAYS)
    mode = "snapshot" if asked.given.get("mode") == "snapshot" else "cohort"
    if mode == "cohort":
        steps = answers.steadily(lambda: funnel.cohort(asked.question))
        table = tables.of_cohort(steps)
    else:
        standing = answers.steadily(lambda: funnel.snapshot(asked.question))
        table = tables.of_snapshot(standing)
    if asked.given.get("export") == "csv":
        return tables.as_file(table, f"funnel-{mode}")
    choices = [("cohort", _("Cohort")), ("snapshot", _("Right now"))]
    context = _context(request, asked, table) | {
        "heading": _("Funnel"),
        "mode": mode,
        "switch": _switch(asked, "mode", mode, choices),
    }
    return render(request, "analytics/funnel.html", context)


@require_GET
@for_readers
def value_page(request: HttpRequest) -> HttpResponse:
    """What customers cost and bring, by channel or month."""
    asked = _asked(request)
    group: value.Group = "month" if asked.given.get("group") == "month" else "channel"
    days = next((d for d in DAYS if str(d) == asked.given.get("days")), 90)
    referral = asked.given.get("referral") == "1"
    report = answers.steadily(lambda: value.report(asked.question, group))
    look = tables.Look(tenant_of(request).currency, group, days, referral=referral)
    table = tables.of_value(report, look)
    if asked.given.get("export") == "csv":
        return tables.as_file(tables.whole_value(report, look), f"value-{group}")
    choices = [("channel", _("By channel")), ("month", _("By month"))]
    context = _context(request, asked, table) | {
        "heading": _("LTV / CAC"),
        "group": group,
        "days": days,
        "day_choices": DAYS,
        "referral": referral,
        "switch": _switch(asked, "group", group, choices),
    }
    return render(request, "analytics/value.html", context)


@require_GET
@for_readers
def losses_page(request: HttpRequest) -> HttpResponse:
    """Which of the Follows opened in the period were lost soon."""
    asked = _asked(request, days=LOSS_DAYS)
    group = next((g for g in losses.GROUPS if g == asked.given.get("group")), losses.GROUPS[0])
    days = next((d for d in losses.DAYS if str(d) == asked.given.get("days")), 7)
    rows = losses.report(asked.question, group)
    if asked.given.get("export") == "csv":
        return tables.as_file(loss_tables.whole_file(rows, group), f"losses-{group}")
    table = loss_tables.of_losses(rows, group, days)
    context = _context(request, asked, table) | {
        "heading": _("Losses"),
        "group": group,
        "days": days,
        "day_choices": losses.DAYS,
        "switch": _switch(asked, "group", group, list(loss_tables.titles().items())),
    }
    return render(request, "analytics/losses.html", context)


def _switch(
    asked: Asked, name: str, chosen: str, choices: Sequence[tuple[str, str]]
) -> list[dict[str, object]]:
    return [
        {"title": title, "url": asked.link(**{name: key}), "here": key == chosen}
        for key, title in choices
    ]


def _context(request: HttpRequest, asked: Asked, table: tables.Table) -> dict[str, object]:
    span = asked.question.span
    return {
        "asked": asked,
        "table": table,
        "start": span.start,
        "through": span.end - timedelta(days=1),
        "as_of": asked.question.as_of,
        "late": timezone.now() - asked.question.as_of > timedelta(minutes=1)
        and not asked.given.get("as_of"),
        "channels": list(Channel.objects.order_by("name").values_list("name", flat=True)),
        "channel": asked.given.get("channel", ""),
        "presets": _presets(asked),
        "export": asked.link() + ("&" if asked.link() != "?" else "") + "export=csv",
        "wrong": asked.wrong,
    }


def _presets(asked: Asked) -> list[dict[str, object]]:
    span = asked.question.span
    today = timezone.now().astimezone(span.zone).date()
    month, year = today.replace(day=1), today.replace(month=1, day=1)
    a_year_ago = date(year.year - 1, today.month, 1)
    starts = [
        (_("30 days"), today - timedelta(days=29), today),
        (_("90 days"), today - timedelta(days=89), today),
        (_("This month"), month, today),
        (_("Last month"), (month - timedelta(days=1)).replace(day=1), month - timedelta(days=1)),
        (_("12 months"), (a_year_ago + timedelta(days=31)).replace(day=1), today),
        (_("This year"), year, today),
    ]
    return [
        {
            "title": title,
            "url": asked.link(**{"from": start, "through": through, "to": None}),
            "here": span.start == start and span.end == through + timedelta(days=1),
        }
        for title, start, through in starts
    ]
