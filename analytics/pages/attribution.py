"""The page of attribution: who earned the orders, by four ways of sharing them."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Final

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from analytics import answers, attribution, shown
from analytics.attribution import MODELS, NO_POINT, WINDOWS, Group, Model, Row
from analytics.exact import fen
from analytics.pages import frame
from analytics.pages.tables import Card, Column, Figure, Table, counted
from analytics.periods import Question
from tenants.middleware import tenant_of

PERIOD_DAYS: Final = 90
_BARS: Final = 8


@frame.page
def page(request: HttpRequest) -> HttpResponse:
    asked = frame.read(request, "group", "days", days=PERIOD_DAYS)
    given = asked.given
    group = next((g for g in attribution.GROUPS if g == given.get("group")), attribution.GROUPS[0])
    days = next((d for d in WINDOWS if str(d) == given.get("days")), WINDOWS[0])
    currency = tenant_of(request).currency

    def made(question: Question) -> tuple[Table, Table]:
        rows = answers.steadily(lambda: attribution.report(question, group, days))
        return of_rows(rows, group, days, currency), whole_file(rows, group)

    table, file = made(asked.question)
    return frame.show(
        request,
        asked,
        table,
        "analytics/attribution.html",
        file=(f"attribution-{group}", file),
        again=made,
        heading=_("Attribution"),
        group=group,
        days=days,
        day_choices=WINDOWS,
        switch=frame.switch(asked, "group", group, list(_titles().items())),
    )


def _titles() -> dict[Group, str]:
    return {
        "channel": _("Channel"),
        "live_code": _("Live code"),
        "campaign": _("Campaign"),
        "content": _("Content"),
    }


def _models() -> dict[Model, str]:
    return {
        "first": _("First touch"),
        "last": _("Last touch"),
        "linear": pgettext("attribution", "Linear"),
        "position": _("Position 40/20/40"),
    }


def of_rows(rows: Sequence[Row], group: Group, days: int, currency: str) -> Table:
    table = Table(_columns(group))
    whole = attribution.total(rows)
    if not rows:
        return table
    for row in rows:
        of: dict[str, object] = {"group": group, "days": days, "key": row.key or NO_POINT}
        listed = counted(_orders(row), "attributed-orders", **of)
        table.rows.append(_cells(_name(row), row, listed, currency))
    if len(rows) > 1:
        listed = counted(_orders(whole), "orders")
        table.total = _cells(_("Total"), whole, listed, currency)
    table.cards = _cards(rows, whole, currency)
    table.chart = _chart(rows, currency)
    return table


def _columns(group: Group) -> list[Column]:
    meanings: dict[Model, str] = {
        "first": _("Revenue of orders whose first point in the window was this one."),
        "last": _("Revenue of orders whose last point in the window was this one."),
        "linear": _("Revenue of each order, shared equally by its points in the window."),
        "position": _("40 % to the first point, 40 % to the last, 20 % to those between; of two "
                      "points half each."),
    }  # fmt: skip
    return [
        Column(_titles()[group], _points()[group]),
        Column(_("Cost"), _costs_mean()[group]),
        *(Column(title, meanings[model]) for model, title in _models().items()),
        Column(_("Orders"), _("Orders by last touch.")),
        Column(_("ROI"), _("(Margin by last touch − cost) ÷ cost.")),
    ]


def _points() -> dict[Group, str]:
    return {
        "channel": _("A point is when the contact first became reachable, or was added by a live "
                     "code of the channel."),
        "live_code": _("A point is when the contact was added by the code."),
        "campaign": _("A point is when a message of an SOP or a broadcast was delivered."),
        "content": _("A point is when a message with it was delivered, or the contact read, "
                     "opened or downloaded it."),
    }  # fmt: skip


def _costs_mean() -> dict[Group, str]:
    messages = _(
        "What was spent in the period, but for advertising and bait, shared by the messages "
        "delivered to contacts of the channel."
    )
    return {
        "channel": _("Money spent in the period, of all kinds."),
        "live_code": _("The channel's cost, shared by its new contacts that came by each code."),
        "campaign": messages,
        "content": messages,
    }


def _name(row: Row) -> str:
    return row.name if row.name is not None else _("Without a point")


def _orders(row: Row) -> int:
    """By last touch each order is one row's."""
    return int(row.credits["last"].orders)


def _cells(name: str, row: Row, orders: str, currency: str) -> list[str]:
    earned = [shown.money(row.credits[model].revenue, currency) for model in MODELS]
    return [name, shown.money(row.cost, currency), *earned, orders, shown.rate(row.roi("last"))]


def _cards(rows: Sequence[Row], whole: Row, currency: str) -> list[Card]:
    revenue = whole.credits["last"].revenue
    lost = sum((row.credits["last"].revenue for row in rows if row.name is None), Fraction(0))
    share = (revenue - lost) / revenue if revenue else None
    cards = [
        Card(_("Revenue"), shown.money_at_a_glance(revenue, currency), figure=Figure(revenue, 1)),
        Card(
            _("With a point before"),
            shown.rate(share),
            _("of the revenue"),
            figure=Figure(share, rate=True),
        ),
    ]
    named = [row for row in rows if row.name is not None]
    for model in ("first", "last"):
        best = max(named, key=lambda row: row.credits[model].revenue, default=None)
        if best is not None and best.credits[model].revenue:
            text = shown.money_at_a_glance(best.credits[model].revenue, currency)
            note = f"{best.name} · {text}"
            title = _("Opens best") if model == "first" else _("Closes best")
            cards.append(Card(title, shown.rate(best.credits[model].revenue / revenue), note))
    return cards


def _chart(rows: Sequence[Row], currency: str) -> dict[str, object]:
    seen = rows[:_BARS]
    return {
        "kind": "pairs",
        "labels": [_name(row) for row in seen],
        "series": [
            {
                "label": title,
                "values": [(fen(row.credits[model].revenue) or 0) / 100 for row in seen],
                "texts": [shown.money(row.credits[model].revenue, currency) for row in seen],
            }
            for model, title in _models().items()
        ],
    }


def whole_file(rows: Sequence[Row], group: Group) -> Table:
    columns = [Column(_titles()[group]), Column(_("Cost"))]
    for title in _models().values():
        columns += [
            Column(f"{title} · {what}")
            for what in (_("Orders"), _("Revenue"), _("Margin"), _("ROI"))
        ]
    table = Table(columns)
    for row in rows:
        cells: list[object] = [row.name or "", answers.decimal(row.cost)]
        for model in MODELS:
            credit = row.credits[model]
            cells += [
                answers.number(credit.orders),
                answers.decimal(credit.revenue),
                answers.decimal(credit.margin),
                answers.number(row.roi(model)),
            ]
        table.raw.append(cells)
    return table
