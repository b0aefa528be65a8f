"""The page of steps: what each stage of the journey costs, and whether it pays."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Final

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from analytics import answers, shown, step_roi
from analytics.pages import frame
from analytics.pages.tables import Card, Column, Figure, Table, counted
from analytics.periods import Question
from analytics.step_roi import Step
from contacts.models import Cost
from tenants.middleware import tenant_of
from tenants.punctuation import listed

PERIOD_DAYS: Final = 90


@frame.page
def page(request: HttpRequest) -> HttpResponse:
    asked = frame.read(request, days=PERIOD_DAYS)
    currency = tenant_of(request).currency

    def made(question: Question) -> tuple[Table, Table]:
        found = answers.steadily(lambda: step_roi.report(question))
        table = of_steps(found, currency)
        return table, table

    table, file = made(asked.question)
    return frame.show(
        request,
        asked,
        table,
        "analytics/step_roi.html",
        file=("step-roi", file),
        again=made,
        heading=_("ROI by step"),
        unknown=asked.question.by_person,
    )


def of_steps(found: Sequence[Step], currency: str) -> Table:
    table = Table(_columns())
    if not any(step.cost or step.passed for step in found):
        return table
    for step in found:
        if step.stage is None and not step.cost:
            continue
        table.rows.append(
            [
                _name(step),
                _kinds(step) or shown.NONE,
                shown.money(step.cost, currency),
                _listed(step.passed, "passed-step", step),
                shown.money(step.cost_per_passed, currency),
                _listed(step.buyers, "buyers-of-step", step),
                shown.money(step.margin, currency),
                shown.rate(step.roi),
            ]
        )
        table.raw.append(
            [
                _name(step), _kinds(step), answers.decimal(step.cost), step.passed,
                answers.decimal(step.cost_per_passed), step.buyers, answers.decimal(step.margin),
                answers.number(step.roi),
            ]
        )  # fmt: skip
    table.total = [
        _("Total"), "", shown.money(step_roi.total_cost(found), currency), "", "", "", "", "",
    ]  # fmt: skip
    table.cards = _cards(found, currency)
    table.chart = _chart(found, currency)
    return table


def _columns() -> list[Column]:
    return [
        Column(_("Step"), _("The stages of the journey, in their order.")),
        Column(
            _("Paid with"),
            _("Costs are booked by kind. Advertising pays for the first stage of awareness, bait "
              "for the last one; agencies for the first stage of nurture; staff for the last "
              "stage of choice; coupons for the first stage of advocacy. Other costs, and those "
              "whose stage you do not have, pay for no one step."),
        ),
        Column(_("Cost"), _("Money spent in the period, of these kinds.")),
        Column(
            _("Passed"),
            _("Contacts that first reached the stage, or one beyond it, in the period."),
        ),
        Column(_("Cost per head"), _("Cost ÷ passed.")),
        Column(_("Buyers"), _("Those of the passed with a paid order in the period.")),
        Column(
            _("Margin"),
            _("Of the buyers' orders in the period: amount − refund − cost of goods. Who passed "
              "several steps counts in each: margins of steps overlap, costs do not."),
        ),
        Column(_("ROI"), _("(Margin − cost) ÷ cost.")),
    ]  # fmt: skip


def _listed(heads: int | None, of: str, step: Step) -> str:
    if heads is None or step.stage is None:
        return shown.count(heads)
    return counted(heads, of, stage=step.stage.key)


def _name(step: Step) -> str:
    return str(step.stage) if step.stage else _("No one step")


def _kinds(step: Step) -> str:
    return listed(str(Cost.Kind(kind).label) for kind in step.kinds)


def _cards(found: Sequence[Step], currency: str) -> list[Card]:
    """The cost, and what each step that was paid for brought."""
    cost = step_roi.total_cost(found)
    cards = [Card(_("Cost"), shown.money_at_a_glance(cost, currency), figure=Figure(cost))]
    known = [step for step in found if step.roi is not None]
    best = max(known, key=_worth, default=None)
    worst = min(known, key=_worth, default=None)
    for step in known:
        note = _("Pays best") if step is best else _("Pays least") if step is worst else ""
        tone = "bad" if _worth(step) < 0 else "good" if step is best else ""
        title = _("ROI: %(step)s") % {"step": _name(step)}
        cards.append(Card(title, shown.rate(step.roi), note, tone, Figure(step.roi, 1, rate=True)))
    return cards


def _worth(step: Step) -> Fraction:
    return step.roi or Fraction(0)


def _chart(found: Sequence[Step], currency: str) -> dict[str, object]:
    seen = [step for step in found if step.stage is not None]
    both = [
        (_("Cost"), [step.cost for step in seen]),
        (_("Margin"), [step.margin for step in seen]),
    ]
    return {
        "kind": "pairs",
        "labels": [_name(step) for step in seen],
        "series": [
            {
                "label": label,
                "values": [(fen or 0) / 100 for fen in amounts],
                "texts": [shown.money_at_a_glance(fen, currency) for fen in amounts],
            }
            for label, amounts in both
        ],
    }
