"""The page of cohorts: a heat map of who came back, or of what they brought."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from analytics import answers, cohorts, shown
from analytics.cohorts import VALUES, Row, Value
from analytics.pages import frame
from analytics.pages.frame import Asked
from analytics.pages.tables import Card, Column, Figure, Table, counted
from analytics.periods import Question, Span, month_of
from tenants.middleware import tenant_of

# More months stand in the file; a page of more cannot be read.
MONTHS = 24


@dataclass(frozen=True)
class Tile:
    """A cell of a heat map; `heat` 0…10 is its shade, below 0 a loss."""

    text: str
    title: str
    heat: int | None
    url: str = ""


@frame.page
def page(request: HttpRequest) -> HttpResponse:
    asked = frame.read(request, "value")
    value = next((v for v in VALUES if v == asked.given.get("value")), VALUES[0])
    currency = tenant_of(request).currency

    def read(question: Question) -> list[Row]:
        return answers.steadily(lambda: cohorts.report(question))

    def made(question: Question) -> tuple[Table, Table]:
        then = read(question)
        return of_cohorts(then, value, currency, question.span), whole_file(then, value)

    rows = read(asked.question)
    table = of_cohorts(rows, value, currency, asked.question.span)
    return frame.show(
        request,
        asked,
        table,
        "analytics/cohorts.html",
        file=(f"cohorts-{value}", whole_file(rows, value)),
        again=made,
        heading=_("Cohorts"),
        value=value,
        heat=heat_of(table, rows, value, currency, asked),
        months=range(_width(rows)),
        hidden_months=max((len(row.months) for row in rows), default=0) > MONTHS,
        most_months=MONTHS,
        switch=frame.switch(asked, "value", value, list(titles().items())),
    )


def titles() -> dict[Value, str]:
    return {"retention": _("Retention"), "revenue": _("Revenue"), "margin": _("Margin")}


def meanings() -> dict[Value, str]:
    return {
        "retention": _("Share of the cohort that paid for at least one order in that calendar "
                       "month."),
        "revenue": _("Revenue of the cohort's paid orders of that calendar month, net of refunds; "
                     "not added up over months."),
        "margin": _("Revenue less cost of goods of the cohort's paid orders of that calendar "
                    "month; not added up over months."),
    }  # fmt: skip


def of_cohorts(rows: Sequence[Row], value: Value, currency: str, span: Span) -> Table:
    """The summary and what the words mean; the map itself is `heat_of`."""
    table = Table(
        [
            Column(
                _("Cohort"),
                _("Customers whose first paid order of all lies in that calendar month and in the "
                  "period."),
            ),
            Column(_("Paying customers"), _("How many they are.")),
            Column(
                _("Month %(n)s") % {"n": "0, 1, 2 …"},
                meanings()[value] + " " + _("Month 0 is the month of the first order. A month "
                                            "that is not over yet has no figure."),
            ),
        ]
    )  # fmt: skip
    clipped = {month_of(month.start): month for month in span.months()}
    for row in rows:
        days = {"from": clipped[row.cohort].start, "to": clipped[row.cohort].end}
        table.rows.append([f"{row.cohort:%Y-%m}", counted(row.size, "new-customers", **days)])
    if rows:
        table.cards = _cards(rows, value, currency)
    return table


def heat_of(
    table: Table, rows: Sequence[Row], value: Value, currency: str, asked: Asked
) -> list[dict[str, object]]:
    """The cohorts with their tiles; shades are shares of the largest figure after month 0, which
    is darker than all of them.
    """
    width = _width(rows)
    figures = [[row.value(k, value) for k in range(width)] for row in rows]
    later = [abs(figure) for line in figures for figure in line[1:] if figure is not None]
    peak = max(later, default=Fraction(0)) or Fraction(1)
    return [
        {
            "name": name,
            "size": size,
            "tiles": [
                _tile(row, k, figure, peak, value, currency, _listed(row, k, asked))
                for k, figure in enumerate(line)
                if k < len(row.months)
            ],
        }
        for row, line, (name, size) in zip(rows, figures, table.rows, strict=True)
    ]


def _tile(
    row: Row, k: int, figure: Fraction | None, peak: Fraction, value: Value, currency: str, url: str
) -> Tile:
    if figure is None:
        return Tile(shown.NONE, _("This month is not over yet."), None)
    bought = row.months[k]
    buyers = bought.customers if bought else 0
    said = _("%(month)s: %(buyers)s of %(size)s bought") % {
        "month": f"{_month_after(row, k)}", "buyers": shown.count(buyers),
        "size": shown.count(row.size),
    }  # fmt: skip
    heat = min(10, -(-abs(figure) * 10 // peak))
    if value == "retention":
        return Tile(shown.rate(figure), said, int(heat), url)
    exact = shown.money(figure, currency)
    return Tile(
        shown.money_at_a_glance(figure, currency),
        f"{said} · {exact}",
        -1 if figure < 0 else int(heat),
        url,
    )


def _listed(row: Row, k: int, asked: Asked) -> str:
    """Where those of the cohort are listed who bought in the month."""
    bought = row.months[k] if k < len(row.months) else None
    if bought is None or not bought.customers:
        return ""
    span = asked.question.span
    month = next(each for each in span.months() if month_of(each.start) == row.cohort)
    days = {"from": month.start, "to": month.end}
    return asked.behind("came-back", month=_month_after(row, k), **days)


def _month_after(row: Row, k: int) -> str:
    months = row.cohort.year * 12 + row.cohort.month - 1 + k
    return f"{months // 12:04}-{months % 12 + 1:02}"


def _width(rows: Sequence[Row]) -> int:
    return min(MONTHS, max((len(row.months) for row in rows), default=0))


def _cards(rows: Sequence[Row], value: Value, currency: str) -> list[Card]:
    size = sum(row.size for row in rows)
    cards = [
        Card(
            _("New customers"),
            counted(size, "new-customers"),
            _("in %(n)s cohorts") % {"n": len(rows)} if len(rows) > 1 else "",
            figure=Figure(size, 1),
        )
    ]
    for k in (1, 3, 6):
        seen = [row for row in rows if k < len(row.months) and row.months[k] is not None]
        heads = sum(row.size for row in seen)
        if not heads:
            continue
        total = sum((row.value(k, value) or Fraction(0)) * _weight(row, value) for row in seen)
        figure = Fraction(total, heads)
        cards.append(
            Card(
                _("Month %(n)s") % {"n": k},
                shown.rate(figure) if value == "retention" else shown.money(figure, currency),
                _("came back, of %(n)s") % {"n": shown.count(heads)}
                if value == "retention"
                else _("per customer, of %(n)s") % {"n": shown.count(heads)},
                figure=Figure(figure, 1, rate=value == "retention"),
            )
        )
    return cards


def _weight(row: Row, value: Value) -> int:
    """A share is of the cohort; amounts are already sums."""
    return row.size if value == "retention" else 1


def whole_file(rows: Sequence[Row], value: Value) -> Table:
    """All months."""
    width = max((len(row.months) for row in rows), default=0)
    columns = [Column(_("Cohort")), Column(_("Paying customers"))]
    columns += [Column(_("Month %(n)s") % {"n": k}) for k in range(width)]
    table = Table(columns)
    for row in rows:
        cells = [_plain(row.value(k, value), value) for k in range(width)]
        table.raw.append([f"{row.cohort:%Y-%m}", row.size, *cells])
    return table


def _plain(figure: Fraction | None, value: Value) -> object:
    return answers.number(figure) if value == "retention" else answers.decimal(figure)
