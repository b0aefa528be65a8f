"""The page of the benchmark: what the private and the public domain cost and bring."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _

from analytics import answers, benchmark, shown
from analytics.api.benchmark import row as as_answered
from analytics.benchmark import Group
from analytics.exact import fen
from analytics.pages import frame
from analytics.pages.tables import Card, Column, Figure, Table
from analytics.periods import Question
from contacts.models import Channel
from tenants.middleware import tenant_of

Exact = Fraction | int | None
_RATES = ("conversion", "repeat_rate")
_LTV = 180  # days: what half a year can show


@dataclass(frozen=True)
class Line:
    """A figure of every group. `sign` is 1 where more is better, −1 where less is, else 0."""

    title: str
    meaning: str
    of: Callable[[Group], Exact]
    text: Callable[[Exact], str]
    key: str  # in the answer of the endpoint
    sign: int = 0
    money: bool = False
    # Of an LTV: the days that it is of. What is of other days cannot be compared.
    days: Callable[[Group], int | None] | None = None

    def told(self, group: Group) -> str:
        text, rests_on = self.text(self.of(group)), self.rests_on(group)
        return f"{text} ({rests_on})" if rests_on else text

    def rests_on(self, group: Group) -> str:
        if self.days is None or self.of(group) is None:
            return ""
        return shown.observed(self.days(group), group.worth.observed)

    def comparable(self, one: Group, other: Group) -> bool:
        return self.days is None or self.days(one) == self.days(other)


@frame.page
def page(request: HttpRequest) -> HttpResponse:
    asked = frame.read(request)
    if not asked.given.get("from") or "from" in asked.wrong:
        asked = replace(asked, question=benchmark.half_a_year(asked.question))
    lines = _lines(tenant_of(request).currency)

    def made(question: Question) -> tuple[Table, Table]:
        groups = answers.steadily(lambda: benchmark.report(question))
        return _table(groups, lines), _file(groups, lines)

    table, file = made(asked.question)
    return frame.show(
        request,
        asked,
        table,
        "analytics/benchmark.html",
        file=("benchmark", file),
        again=made,
        heading=_("Private and public"),
        channels=reverse("admin:contacts_channel_changelist"),
        nothing_private=not Channel.objects.filter(kind=Channel.Kind.PRIVATE).exists(),
    )


def _lines(currency: str) -> list[Line]:
    def money(exact: Exact) -> str:
        return shown.money(exact, currency)

    def count(exact: Exact) -> str:
        return shown.count(None if exact is None else int(exact))

    def rate(exact: Exact) -> str:
        return shown.rate(None if exact is None else Fraction(exact))

    def ratio(exact: Exact) -> str:
        return shown.ratio(None if exact is None else Fraction(exact))

    def days(exact: Exact) -> str:
        return shown.days(None if exact is None else int(exact))

    return [
        Line(_("Cost"), _("Money spent in the period, of all kinds."),
             lambda g: g.worth.cost, money, "cost"),
        Line(_("New contacts"), _("Contacts whose first reachable moment lies in the period."),
             lambda g: g.worth.new_contacts, count, "new_contacts"),
        Line(_("New customers"), _("Contacts whose first paid order lies in the period."),
             lambda g: g.worth.new_customers, count, "new_customers"),
        Line(_("Cost per new customer"), _("Cost ÷ new customers of the same period."),
             lambda g: g.worth.cac, money, "cac", -1, money=True),
        Line(_("Conversion"),
             _("Of the contacts acquired in the period: those that ever became customers."),
             lambda g: g.conversion, rate, "conversion", 1),
        Line(_("Repeat rate"),
             _("Customers with two or more paid orders before the period's end ÷ customers."),
             lambda g: g.repeat_rate, rate, "repeat_rate", 1),
        Line(_("Revenue"), _("Amounts of paid orders of the period, less refunds."),
             lambda g: g.bought.revenue, money, "revenue"),
        Line(_("Average order value"), _("Revenue ÷ orders."),
             lambda g: g.aov, money, "aov", 1, money=True),
        Line(_("Revenue per customer"), _("Revenue ÷ customers with a paid order in the period."),
             lambda g: g.revenue_per_customer, money, "revenue_per_customer", 1, money=True),
        Line(_("LTV %(d)s") % {"d": _LTV},
             _("Margin of paid orders within %(d)s days of each customer's first one; per customer "
               "observed for %(d)s days or more.") % {"d": _LTV},
             lambda g: g.worth.ltv[_LTV], money, "ltv", 1, money=True, days=lambda _group: _LTV),
        Line(_("LTV : CAC"),
             _("The longest LTV that can be observed ÷ CAC (cohort)."),
             lambda g: g.worth.ltv_cac, ratio, "ltv_cac", 1, days=lambda g: g.worth.ltv_cac_days),
        Line(_("Payback"),
             _("First day on which the margin per customer has reached CAC (cohort)."),
             lambda g: g.worth.payback_days, days, "payback_days", -1),
    ]  # fmt: skip


def _titles() -> list[str]:
    return [str(Channel.Kind.PUBLIC.label), str(Channel.Kind.PRIVATE.label), _("No channel")]


def _table(groups: Sequence[Group], lines: Sequence[Line]) -> Table:
    public, private, _none = groups
    table = Table(
        [
            Column(_("Figure")),
            *(Column(title) for title in _titles()),
            Column(_("Private ÷ public"), _("1.00 means: both are equal.")),
        ]
    )
    if not any(g.worth.cost or g.worth.new_contacts or g.bought.customers for g in groups):
        return table
    table.rows = [
        [line.title, *(line.told(g) for g in groups), _against(line, public, private)]
        for line in lines
    ]
    table.meanings = [Column(line.title, line.meaning) for line in lines]
    table.cards = [
        Card(
            line.title,
            line.text(line.of(private)),
            _note(line, public, private),
            _tone(line, public, private),
            Figure(line.of(private), line.sign, rate=line.key in _RATES),
        )
        for line in lines
        if line.key in {"cac", "conversion", "repeat_rate", "ltv_cac"}
    ]
    drawn = [line for line in lines if line.money]
    table.chart = {
        "kind": "pairs",
        "labels": [line.title for line in drawn],
        "series": [
            {
                "label": title,
                "values": [_units(line.of(group)) for line in drawn],
                "texts": [line.text(line.of(group)) for line in drawn],
            }
            for title, group in zip(_titles()[:2], (public, private), strict=True)
        ],
    }
    return table


def _units(exact: Exact) -> float | None:
    rounded = fen(exact)
    return None if rounded is None else rounded / 100


def _against(line: Line, public: Group, private: Group) -> str:
    mine, theirs = line.of(private), line.of(public)
    if mine is None or not theirs or not line.comparable(public, private):
        return shown.NONE
    return shown.ratio(Fraction(mine) / theirs)


def _note(line: Line, public: Group, private: Group) -> str:
    theirs = _("public: %(figure)s") % {"figure": line.told(public)}
    mine = line.rests_on(private)
    return f"{mine} · {theirs}" if mine else theirs


def _tone(line: Line, public: Group, private: Group) -> str:
    mine, theirs = line.of(private), line.of(public)
    if mine is None or theirs is None or mine == theirs or not line.comparable(public, private):
        return ""
    return "good" if (mine > theirs) == (line.sign > 0) else "warn"


def _file(groups: Sequence[Group], lines: Sequence[Line]) -> Table:
    """Everything that the endpoint answers of each group, as numbers."""
    table = Table([Column(_("Figure")), *(Column(title) for title in _titles())])
    told: list[dict[str, Any]] = [as_answered(group) for group in groups]
    for line in lines:
        if line.key == "ltv":
            cells = [answers.decimal(line.of(group)) for group in groups]
        else:
            cells = [each[line.key] for each in told]
        table.raw.append([line.title, *(_number(cell) for cell in cells)])
    return table


def _number(cell: object) -> object:
    if isinstance(cell, str):
        return Decimal(cell)
    return cell
