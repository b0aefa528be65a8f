"""The page of concentration: how few customers bring how much, and how much is bought again."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from analytics import answers, concentration, shown
from analytics.concentration import TOP, Concentration, Month, Upsell
from analytics.pages import frame
from analytics.pages.tables import Card, Column, Figure, Table, counted
from analytics.periods import Question, Span, month_of
from tenants.middleware import tenant_of

VIEWS = ("customers", "months")


@frame.page
def page(request: HttpRequest) -> HttpResponse:
    asked = frame.read(request, "view")
    view = "months" if asked.given.get("view") == "months" else "customers"
    currency = tenant_of(request).currency

    def made(question: Question) -> tuple[Table, Table]:
        found = answers.kept("concentration", question, lambda: concentration.report(question))
        if view == "customers":
            table = of_customers(found, currency)
        else:
            months = answers.kept("months", question, lambda: concentration.by_month(question))
            upsell = concentration.upsell(question)
            table = of_months(found, months, upsell, currency, question.span)
        return table, table

    table, _file = made(asked.question)
    choices = [("customers", _("By customer")), ("months", _("First and later orders"))]
    return frame.show(
        request,
        asked,
        table,
        "analytics/concentration.html",
        file=(f"concentration-{view}", table),
        again=made,
        heading=_("Concentration"),
        view=view,
        switch=frame.switch(asked, "view", view, choices),
    )


# --- customers ---


def of_customers(found: Concentration, currency: str) -> Table:
    table = Table(
        [
            Column(
                _("Customers by revenue"),
                _("Customers are contacts with a paid order in the period, ranked by their "
                  "revenue in it, net of refunds, the largest first."),
            ),
            Column(_("How many"), _("Rounded up to whole customers, at least one.")),
            Column(_("Revenue"), _("What they paid in the period, net of refunds.")),
            Column(_("Share of revenue"), _("Their revenue ÷ revenue of all.")),
        ]
    )  # fmt: skip
    if not found.revenue:
        return table
    for top, of in TOP.items():
        heads = max(1, -(-found.customers * of // 1000))
        name = _("Top %(n)s %%") % {"n": top}
        share = found.share(top)
        table.rows.append(
            [
                name,
                counted(heads, "top-buyers", top=top),
                shown.money(found.top[top], currency),
                shown.rate(share),
            ]
        )
        table.raw.append([name, heads, answers.decimal(found.top[top]), answers.number(share)])
    whole = shown.money(found.revenue, currency)
    buyers = counted(found.customers, "buyers")
    table.total = [_("All"), buyers, whole, shown.rate(Fraction(1))]
    table.cards = _cards(found)
    table.chart = _curve(found)
    table.meanings = [
        Column(
            _("Gini"),
            _(
                "0 when all customers pay the same, near 1 when one pays everything: twice the "
                "area between the lines of the chart."
            ),
        ),
        _existing(),
    ]
    return table


def _existing() -> Column:
    return Column(
        _("Existing customers"),
        _("Revenue of orders that are not the buyer's first one of all history ÷ revenue."),
    )


def _cards(found: Concentration) -> list[Card]:
    cards = [
        Card(
            _("Top %(n)s %%") % {"n": top},
            shown.rate(found.share(top)),
            _("of revenue"),
            figure=Figure(found.share(top), rate=True),
        )
        for top in TOP
    ]
    gini = found.gini
    cards.append(
        Card(
            _("Gini"),
            shown.ratio(gini),
            _("0: all pay the same; near 1: one pays everything"),
            figure=Figure(gini),
        )
    )
    cards.append(
        Card(
            _("Existing customers"),
            shown.rate(found.existing_share),
            _("of revenue is of later orders"),
            figure=Figure(found.existing_share, rate=True),
        )
    )
    return cards


def _curve(found: Concentration) -> dict[str, object]:
    shares = found.curve()
    even = [Fraction(100 * point, len(shares) - 1) for point in range(len(shares))]
    return {
        "kind": "curve",
        "labels": [f"{float(point):.0f} %" for point in even],
        "axes": [_("Customers, the largest first"), _("Share of revenue")],
        "series": [
            {
                "label": _("Share of revenue"),
                "values": [float(share) * 100 for share in shares],
                "texts": [shown.rate(share) for share in shares],
            },
            {
                "label": _("if all paid the same"),
                "values": [float(point) for point in even],
                "texts": [shown.rate(point / 100) for point in even],
            },
        ],
    }


# --- months ---


def of_months(
    found: Concentration,
    months: Sequence[Month],
    upsell: Upsell | None,
    currency: str,
    span: Span,
) -> Table:
    table = Table(
        [
            Column(_("Month")),
            Column(
                _("First orders"),
                _("Revenue of the buyers' first paid orders of all history, net of refunds."),
            ),
            Column(
                _("Later orders"),
                _("Revenue of all other paid orders: what existing customers bought again."),
            ),
            Column(_("Orders, first")),
            Column(_("Orders, later")),
            Column(_("Existing share"), _("Revenue of later orders ÷ revenue.")),
        ]
    )
    if not found.revenue:
        return table
    clipped = {month_of(part.start): part for part in span.months()}
    for month in months:
        table.rows.append(_cells_of(month, clipped[month.month], currency))
        table.raw.append(
            [
                f"{month.month:%Y-%m}",
                answers.decimal(month.new),
                answers.decimal(month.repeat),
                month.new_orders,
                month.repeat_orders,
                answers.number(_share(month)),
            ]
        )
    _finish_months(table, found, months, upsell, currency)
    return table


def _cells_of(month: Month, days: Span, currency: str) -> list[str]:
    those = {"from": days.start, "to": days.end}
    return [
        f"{month.month:%Y-%m}",
        shown.money(month.new, currency),
        shown.money(month.repeat, currency),
        counted(month.new_orders, "first-orders", **those),
        counted(month.repeat_orders, "later-orders", **those),
        shown.rate(_share(month)),
    ]


def _finish_months(
    table: Table,
    found: Concentration,
    months: Sequence[Month],
    upsell: Upsell | None,
    currency: str,
) -> None:
    new, repeat = sum(m.new for m in months), sum(m.repeat for m in months)
    first, later = sum(m.new_orders for m in months), sum(m.repeat_orders for m in months)
    table.total = [
        _("Total"),
        shown.money(new, currency),
        shown.money(repeat, currency),
        counted(first, "first-orders"),
        counted(later, "later-orders"),
        shown.rate(found.existing_share),
    ]
    table.cards = [
        *(
            Card(title, shown.money_at_a_glance(fen, currency), figure=Figure(fen, 1))
            for title, fen in ((_("First orders"), new), (_("Later orders"), repeat))
        ),
        Card(
            _("Existing share"),
            shown.rate(found.existing_share),
            _("of revenue"),
            figure=Figure(found.existing_share, rate=True),
        ),
    ]
    if upsell is not None:
        _tell_upsell(table, upsell, currency)
    table.chart = {
        "kind": "stacks",
        "labels": [f"{m.month:%Y-%m}" for m in months],
        "series": [
            _amounts(_("First orders"), [m.new for m in months], currency),
            _amounts(_("Later orders"), [m.repeat for m in months], currency),
        ],
    }


def _tell_upsell(table: Table, upsell: Upsell, currency: str) -> None:
    table.cards.append(
        Card(
            _("Up-sell"),
            shown.money_at_a_glance(upsell.revenue, currency),
            ngettext("by %(n)s existing customer", "by %(n)s existing customers", upsell.customers)
            % {"n": shown.count(upsell.customers)},
            figure=Figure(upsell.revenue, 1),
        )
    )
    table.meanings.append(
        Column(
            _("Up-sell"),
            _(
                "Products with the role profit or extension in later orders, at the price of "
                "the order's position, else of the product; before refunds."
            ),
        )
    )


def _share(month: Month) -> Fraction | None:
    whole = month.new + month.repeat
    return Fraction(month.repeat, whole) if whole else None


def _amounts(label: str, fen: Sequence[int], currency: str) -> dict[str, object]:
    return {
        "label": label,
        "values": [each / 100 for each in fen],
        "texts": [shown.money(each, currency) for each in fen],
    }
