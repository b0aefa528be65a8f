"""How are figures laid out: summary, chart, table and definitions of a dashboard, and its file?"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction

from django.http import HttpResponse
from django.utils.translation import gettext as _

from analytics import answers, funnel, shown, value
from analytics.curves import DAYS
from contacts.spreadsheet import neutral
from journeys.models import Stage


@dataclass(frozen=True)
class Card:
    """A figure at a glance."""

    title: str
    text: str
    note: str = ""
    tone: str = ""


@dataclass(frozen=True)
class Column:
    """A heading, and in one sentence what stands below it."""

    title: str
    meaning: str = ""


@dataclass
class Table:
    """`rows` read as people read them, `raw` as programs do (the file)."""

    columns: list[Column]
    rows: list[list[str]] = field(default_factory=list)
    raw: list[list[object]] = field(default_factory=list)
    total: list[str] = field(default_factory=list)
    cards: list[Card] = field(default_factory=list)
    chart: dict[str, object] = field(default_factory=dict)

    @property
    def wide(self) -> bool:
        return len(self.columns) > 8

    @property
    def definitions(self) -> list[Column]:
        return [column for column in self.columns if column.meaning]


@dataclass(frozen=True)
class Look:
    """How the value dashboard is to be shown."""

    currency: str
    group: value.Group
    days: int
    referral: bool = False

    def worth(self, row: value.Row) -> dict[int, Fraction | None]:
        return row.ltv_referral if self.referral else row.ltv


def of_cohort(steps: Sequence[funnel.Step]) -> Table:
    table = Table(_cohort_columns())
    for step in steps:
        table.rows.append(
            [
                str(step.stage),
                shown.count(step.reached),
                shown.rate(step.rate_from_previous),
                shown.rate(step.rate_from_first),
                shown.duration(step.median_seconds_from_previous),
            ]
        )
        table.raw.append(
            [
                str(step.stage),
                step.reached,
                answers.number(step.rate_from_previous),
                answers.number(step.rate_from_first),
                answers.number(step.median_seconds_from_previous),
            ]
        )
    if not steps or not steps[0].reached:
        table.rows = []
        return table
    table.cards = _cohort_cards(steps)
    table.chart = {
        "kind": "funnel",
        "labels": [str(step.stage) for step in steps],
        "series": [
            {
                "label": _("Contacts"),
                "values": [step.reached for step in steps],
                "texts": [
                    f"{shown.count(step.reached)} · {shown.rate(step.rate_from_first)}"
                    for step in steps
                ],
            }
        ],
    }
    return table


def _cohort_columns() -> list[Column]:
    return [
        Column(_("Stage")),
        Column(
            _("Reached"),
            _("Contacts whose first stage entry lies in the period and that ever reached this "
              "stage or one beyond it, up to the moment of the figures."),
        ),
        Column(_("Step rate"), _("Reached ÷ reached of the stage before.")),
        Column(_("Total rate"), _("Reached ÷ reached of the first stage.")),
        Column(
            _("Median time"),
            _("Median time since the stage before; who skipped one of the two does not count."),
        ),
    ]  # fmt: skip


def _cohort_cards(steps: Sequence[funnel.Step]) -> list[Card]:
    first, last = steps[0], steps[-1]
    cards = [
        Card(_("Entered"), shown.count(first.reached), str(first.stage)),
        Card(_("Arrived"), shown.count(last.reached), str(last.stage)),
        Card(_("Conversion"), shown.rate(last.rate_from_first), _("first to last stage")),
    ]
    weakest = min(
        (step for step in steps[1:] if step.rate_from_previous is not None),
        key=lambda step: step.rate_from_previous or 0,
        default=None,
    )
    if weakest is not None:
        before = steps[steps.index(weakest) - 1]
        note = f"{before.stage} → {weakest.stage}"
        cards.append(Card(_("Weakest step"), shown.rate(weakest.rate_from_previous), note, "warn"))
    return cards


def of_snapshot(standing: Sequence[tuple[Stage, int]]) -> Table:
    columns = [
        Column(_("Stage")),
        Column(_("Contacts"), _("Contacts that stand in this stage at the moment of the figures.")),
        Column(_("Share"), _("Contacts ÷ contacts in any stage.")),
    ]
    table = Table(columns)
    total = sum(heads for _stage, heads in standing)
    for stage, heads in standing:
        share = Fraction(heads, total) if total else None
        table.rows.append([str(stage), shown.count(heads), shown.rate(share)])
        table.raw.append([str(stage), heads, answers.number(share)])
    if not total:
        table.rows = []
        return table
    table.total = [_("Total"), shown.count(total), shown.rate(Fraction(1))]
    largest = max(standing, key=lambda row: row[1])
    last = standing[-1]
    table.cards = [
        Card(_("In the journey"), shown.count(total)),
        Card(str(last[0]), shown.count(last[1]), shown.rate(Fraction(last[1], total))),
        Card(_("Most stand in"), str(largest[0]), shown.rate(Fraction(largest[1], total))),
    ]
    table.chart = {
        "kind": "bars",
        "labels": [row[0] for row in table.rows],
        "series": [
            {
                "label": _("Contacts"),
                "values": [heads for _stage, heads in standing],
                "texts": [f"{row[1]} · {row[2]}" for row in table.rows],
            }
        ],
    }
    return table


def of_value(report: value.Report, look: Look) -> Table:
    table = Table(_value_columns(look))
    table.rows = [_value_cells(row, _name(row, look), look) for row in report.rows]
    if len(report.rows) > 1:
        table.total = _value_cells(report.total, _("Total"), look)
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


def _series(label: str, amounts: Sequence[Fraction | None], currency: str) -> dict[str, object]:
    return {
        "label": label,
        "values": [None if a is None else (answers.fen(a) or 0) / 100 for a in amounts],
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


def _value_cells(row: value.Row, name: str, look: Look) -> list[str]:
    cells = [
        name,
        shown.money(row.cost, look.currency),
        shown.count(row.new_contacts),
        shown.count(row.new_customers),
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
    observed = _("%(days)s days") % {"days": total.ltv_cac_days} if total.ltv_cac_days else ""
    return [
        Card(_("Cost"), shown.money_at_a_glance(total.cost, look.currency)),
        Card(
            _("New contacts"),
            shown.count(total.new_contacts),
            _("%(amount)s each")
            % {"amount": shown.money_at_a_glance(total.cost_per_contact, look.currency)}
            if total.cost
            else "",
        ),
        Card(
            _("New customers"),
            shown.count(total.new_customers),
            _("%(amount)s each") % {"amount": shown.money_at_a_glance(total.cac, look.currency)}
            if total.cost
            else "",
        ),
        Card(_("LTV : CAC"), shown.ratio(times), observed, tone),
        Card(_("Payback"), shown.days(total.payback_days)),
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
                _plain(row.cost),
                row.new_contacts,
                row.new_customers,
                *(_plain(exact) for exact in (*amounts, *worths)),
                *(answer[name] for name in ("ltv_cac", "ltv_cac_days", "payback_days")),
            ]
        )
    return table


def _plain(exact: Fraction | int | None) -> Decimal | None:
    """A number, so that a loss is no formula."""
    text = answers.amount(exact)
    return None if text is None else Decimal(text)


def as_file(table: Table, name: str) -> HttpResponse:
    """CSV with a byte order mark, as spreadsheets want it; text cannot become a formula (R45)."""
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    response.write("\ufeff")
    writer = csv.writer(response)
    writer.writerow([column.title for column in table.columns])
    for row in table.raw:
        writer.writerow([neutral(cell) if isinstance(cell, str) else cell for cell in row])
    return response
