"""The page of LTV and CAC: what customers cost and bring."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from analytics import answers, shown, value
from analytics.curves import DAYS
from analytics.exact import fen
from analytics.pages import frame
from analytics.pages.tables import Card, Column, Figure, Table, counted
from analytics.periods import Question, Span, month_of
from tenants.ids import encode
from tenants.middleware import tenant_of


@dataclass(frozen=True)
class Look:
    """How the value dashboard is to be shown."""

    currency: str
    group: value.Group
    days: int
    referral: bool = False

    def worth(self, row: value.Row) -> dict[int, Fraction | None]:
        return row.ltv_referral if self.referral else row.ltv


@frame.page
def page(request: HttpRequest) -> HttpResponse:
    asked = frame.read(request, "group", "days", "referral")
    group: value.Group = "month" if asked.given.get("group") == "month" else "channel"
    days = next((d for d in DAYS if str(d) == asked.given.get("days")), 90)
    look = Look(
        tenant_of(request).currency, group, days, referral=asked.given.get("referral") == "1"
    )

    def made(question: Question) -> tuple[Table, Table]:
        report = answers.steadily(lambda: value.report(question, group))
        return of_value(report, look, question.span), whole_value(report, look)

    table, file = made(asked.question)
    choices = [("channel", _("By channel")), ("month", _("By month"))]
    return frame.show(
        request,
        asked,
        table,
        "analytics/value.html",
        file=(f"value-{group}", file),
        again=made,
        heading=_("LTV / CAC"),
        group=group,
        days=days,
        day_choices=DAYS,
        referral=look.referral,
        switch=frame.switch(asked, "group", group, choices),
    )


def of_value(report: value.Report, look: Look, span: Span) -> Table:
    table = Table(_value_columns(look))
    months = {month_of(month.start): month for month in span.months()}
    for row in report.rows:
        table.rows.append(_value_cells(row, _name(row, look), look, _those(row, months)))
    if len(report.rows) > 1:
        table.total = _value_cells(report.total, _("Total"), look, {})
    busy = [row for row in report.rows if row.cost or row.new_contacts or row.new_customers]
    if not busy:
        table.rows = []
        return table
    table.cards = _value_cards(report.total, look)
    worth = [look.worth(row)[look.days] for row in report.rows]
    table.chart = {
        "kind": "pairs",
        "labels": [_name(row, look) for row in report.rows],
        "series": [
            _series(_("CAC (cohort)"), [row.cac_cohort for row in report.rows], look.currency),
            _series(_("LTV, %(days)s days") % {"days": look.days}, worth, look.currency),
        ],
    }
    return table


def _those(row: value.Row, months: Mapping[date, Span]) -> dict[str, object]:
    """Of whom the row is: parameters beside those of the page."""
    if isinstance(row.key, date):
        month = months[row.key]
        return {"from": month.start, "to": month.end}
    return {"channel": encode(row.key)} if row.key else {"no_channel": 1}


def _series(label: str, amounts: Sequence[Fraction | None], currency: str) -> dict[str, object]:
    return {
        "label": label,
        "values": [None if a is None else (fen(a) or 0) / 100 for a in amounts],
        "texts": [shown.money(a, currency) for a in amounts],
    }


def _name(row: value.Row, look: Look) -> str:
    return row.name if row.name is not None else _("No channel")


def _value_columns(look: Look) -> list[Column]:
    ltv = (
        _("Margin within %(d)s days of each customer's first paid order, plus that of the "
          "customers they referred, less rewards paid; per customer observed for %(d)s days "
          "or more.")
        if look.referral
        else _("Margin of paid orders within %(d)s days of each customer's first one; per customer "
               "observed for %(d)s days or more.")
    )  # fmt: skip
    return [
        Column(_("Channel") if look.group == "channel" else _("Month")),
        Column(_("Cost"), _("Money spent in the period, of all kinds.")),
        Column(_("New contacts"), _("Contacts whose first reachable moment lies in the period.")),
        Column(_("New customers"), _("Contacts whose first paid order lies in the period.")),
        Column(_("Cost per contact"), _("Cost ÷ new contacts.")),
        Column(_("CAC"), _("Cost ÷ new customers of the same period.")),
        Column(
            _("CAC (cohort)"),
            _("Cost ÷ those contacts acquired in the period that ever became customers."),
        ),
        *(Column(_("LTV %(d)s") % {"d": d}, ltv % {"d": d}) for d in DAYS),
        Column(
            _("LTV : CAC"),
            _("The longest LTV that can be observed ÷ CAC (cohort); the days stand beside it."),
        ),
        Column(
            _("Payback"),
            _("First day on which the margin per customer has reached CAC (cohort)."),
        ),
    ]


def _value_cells(row: value.Row, name: str, look: Look, those: Mapping[str, object]) -> list[str]:
    cells = [
        name,
        shown.money(row.cost, look.currency),
        counted(row.new_contacts, "new-contacts", **those),
        counted(row.new_customers, "new-customers", **those),
    ]
    amounts = [row.cost_per_contact, row.cac, row.cac_cohort, *look.worth(row).values()]
    cells += [shown.money(amount, look.currency) for amount in amounts]
    times = shown.ratio(row.ltv_cac)
    days = row.ltv_cac_days
    cells.append(f"{times} ({days})" if days else times)
    cells.append(shown.days(row.payback_days))
    return cells


def _value_cards(total: value.Row, look: Look) -> list[Card]:
    times = total.ltv_cac
    tone = "" if times is None else "good" if times >= 3 else "warn" if times >= 1 else "bad"
    observed = shown.observed(total.ltv_cac_days, total.observed)
    return [
        Card(
            _("Cost"),
            shown.money_at_a_glance(total.cost, look.currency),
            figure=Figure(total.cost),
        ),
        Card(
            _("New contacts"),
            counted(total.new_contacts, "new-contacts"),
            _("%(amount)s each")
            % {"amount": shown.money_at_a_glance(total.cost_per_contact, look.currency)}
            if total.cost
            else "",
            figure=Figure(total.new_contacts, 1),
        ),
        Card(
            _("New customers"),
            counted(total.new_customers, "new-customers"),
            _("%(amount)s each") % {"amount": shown.money_at_a_glance(total.cac, look.currency)}
            if total.cost
            else "",
            figure=Figure(total.new_customers, 1),
        ),
        Card(_("LTV : CAC"), shown.ratio(times), observed, tone, Figure(times, 1)),
        Card(_("Payback"), shown.days(total.payback_days), figure=Figure(total.payback_days, -1)),
    ]


def whole_value(report: value.Report, look: Look) -> Table:
    """Everything that is known of each row, for the file."""
    first, *columns = (column.title for column in _value_columns(look))
    middle, tail = columns[:6], [_("LTV : CAC"), _("LTV : CAC, days"), _("Payback (days)")]
    ltv = [_("LTV %(d)s") % {"d": d} for d in DAYS]
    referred = [_("LTV %(d)s with referral") % {"d": d} for d in DAYS]
    table = Table([Column(title) for title in (first, *middle, *ltv, *referred, *tail)])
    for row in report.rows:
        answer = answers.of_row(row)
        amounts = [row.cost_per_contact, row.cac, row.cac_cohort]
        worths = [*row.ltv.values(), *row.ltv_referral.values()]
        table.raw.append(
            [
                row.name or "",
                answers.decimal(row.cost),
                row.new_contacts,
                row.new_customers,
                *(answers.decimal(exact) for exact in (*amounts, *worths)),
                *(answer[name] for name in ("ltv_cac", "ltv_cac_days", "payback_days")),
            ]
        )
    return table
