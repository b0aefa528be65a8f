"""What does a dashboard's address ask for, and what is on every dashboard?"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import wraps
from typing import Any
from urllib.parse import urlencode

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from analytics import answers, asking, behind
from analytics.asking import Wrong
from analytics.pages import comparison, files, menu, share
from analytics.pages.reading import Laid, Reading
from analytics.pages.tables import Counted, Table
from analytics.periods import Question
from contacts.models import Channel, Product, Segment
from tenants.middleware import tenant_of
from tenants.models import Staff, Team, User
from tenants.roles import Can

Choices = Sequence[tuple[str, str]]
View = Callable[..., HttpResponse]
# `through` is the last day of the period, as people say it; `to` the day after, as the API does.
_ALWAYS = asking.NAMES | {"through", "export", comparison.NAME}


def page(view: View) -> View:
    """A dashboard: only read, only by members who may see figures, inside their tenant."""
    return require_GET(for_members(view))


def for_members(view: View) -> View:
    """Only for members who may see figures, inside their tenant."""

    @login_required
    def of_member(request: HttpRequest, **path: str) -> HttpResponse:
        membership = request.user.membership if isinstance(request.user, User) else None
        if membership is None:
            return redirect("places")
        if not membership.can(Can.REPORT):
            raise PermissionDenied
        return view(request, **path)

    @wraps(view)
    def guarded(request: HttpRequest, **path: str) -> HttpResponse:
        by_key = isinstance(request, Reading) and request.by_key
        return view(request, **path) if by_key else of_member(request, **path)

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

    def behind(self, of: str, **given: object) -> str:
        """Where those are listed whom a figure of this page counts."""
        span = self.question.span
        kept = {name: self.given.get(name, "") for name in asking.NAMES}
        return behind.address(of, kept | {"from": span.start, "to": span.end} | given)


def read(request: HttpRequest, *names: str, days: int | None = None) -> Asked:
    """The address; `names` are the page's own parameters, `days` the period when none is given."""
    tenant = tenant_of(request)
    known = _ALWAYS.union(names)
    given = {name: request.GET[name].strip() for name in known if name in request.GET}
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


@dataclass(frozen=True)
class Switch:
    """The views of a page, side by side; the form of filters keeps the chosen one."""

    name: str
    chosen: str
    choices: Sequence[Mapping[str, object]]


def switch(asked: Asked, name: str, chosen: str, choices: Choices) -> Switch:
    """The parameter `name` has another value in each view."""
    return Switch(
        name,
        chosen,
        [
            {"title": title, "url": asked.link(**{name: key}), "here": key == chosen}
            for key, title in choices
        ],
    )


def show(
    request: HttpRequest,
    asked: Asked,
    table: Table,
    template: str,
    *,
    file: tuple[str, Table] | None = None,
    again: comparison.Make | None = None,
    **more: object,
) -> HttpResponse:
    """The page, or, where the address asks for it, its file: a name, and a table with it all.

    `again` makes both tables of another question: with it the page can be compared.
    """
    form = asked.given.get("export", "")
    name, whole = file or ("figures", table)
    other = asked.question.against(asked.given.get(comparison.NAME, "")) if again else None
    if again and other:
        earlier, earlier_whole = again(other)
        comparison.compare(table, earlier)
        whole = comparison.joined(whole, asked.question.span, earlier_whole, other.span)
    if isinstance(request, Reading):
        heading = str(more.get("heading", ""))
        request.laid = Laid(heading, asked.question, asked.wrong, table, name, whole)
        return HttpResponse()
    if form in files.FORMS:
        return files.FORMS[form](whole, name)
    context = _context(request, asked, table)
    if again:
        context["comparisons"] = comparison.choices()
        context["compared"] = comparison.days(other.span) if other else ""
    return render(request, template, context | more)


def _context(request: HttpRequest, asked: Asked, table: Table) -> dict[str, object]:
    span = asked.question.span
    _lead(asked, table)
    return {
        "asked": asked,
        "table": table,
        "start": span.start,
        "through": span.end - timedelta(days=1),
        "as_of": asked.question.as_of,
        "late": timezone.now() - asked.question.as_of > timedelta(minutes=1)
        and not asked.given.get("as_of"),
        "filters": _filters(asked),
        "presets": _presets(asked),
        "share": share.offer(request, asked.given, asked.question),
        "exports": {form: asked.link(export=form) for form in files.FORMS},
        "menu": menu.at(request.path),
        "wrong": asked.wrong,
    }


def _lead(asked: Asked, table: Table) -> None:
    """Counts lead to those whom they count."""
    texts = [text for row in (*table.rows, table.total) for text in row]
    for text in (*texts, *(card.text for card in table.all_cards)):
        if isinstance(text, Counted):
            text.url = asked.behind(text.of, **text.given)


def _filters(asked: Asked) -> list[dict[str, object]]:
    """Whose contacts are meant: a choice of names each."""
    kinds = [
        ("channel", _("Channel"), _("All channels"), named(Channel.objects.order_by("name"))),
        ("team", _("Team"), _("All teams"), named(Team.objects.order_by("name"))),
        ("staff", _("Staff"), _("Everybody"), named(Staff.objects.order_by("name"))),
        ("segment", _("Segment"), _("All contacts"), named(Segment.objects.order_by("name"))),
        ("product_role", _("Product role bought"), _("Whatever they bought"), _roles()),
    ]
    return [
        {
            "name": name,
            "title": title,
            "all": everything,
            "choices": choices,
            "chosen": asked.given.get(name, ""),
        }
        for name, title, everything, choices in kinds
        if choices
    ]


def _roles() -> Choices:
    """Once a product has one."""
    if not Product.objects.exclude(role="").exists():
        return []
    return [(role.value, capfirst(str(role.label))) for role in Product.Role]


def named(rows: QuerySet[Any]) -> list[tuple[str, str]]:
    """Choices of a filter: what the address says, and how people call it."""
    return [(row.userid if isinstance(row, Staff) else row.name, str(row)) for row in rows]


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
