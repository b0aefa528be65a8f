"""The funnel's page: how far contacts came, or where they stand."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from analytics import answers, funnel, shown
from analytics.pages import frame
from analytics.pages.tables import Card, Column, Figure, Table, counted
from analytics.periods import Question
from journeys.models import Stage

DAYS = 90


@frame.page
def page(request: HttpRequest) -> HttpResponse:
    asked = frame.read(request, "mode", days=DAYS)
    mode = "snapshot" if asked.given.get("mode") == "snapshot" else "cohort"

    def made(question: Question) -> tuple[Table, Table]:
        table = of_cohort(answers.steadily(lambda: funnel.cohort(question)))
        return table, table

    if mode == "cohort":
        table, _file = made(asked.question)
    else:
        table = of_snapshot(answers.steadily(lambda: funnel.snapshot(asked.question)))
    choices = [("cohort", _("Cohort")), ("snapshot", _("Right now"))]
    return frame.show(
        request,
        asked,
        table,
        "analytics/funnel.html",
        file=(f"funnel-{mode}", table),
        again=made if mode == "cohort" else None,
        heading=_("Funnel"),
        mode=mode,
        switch=frame.switch(asked, "mode", mode, choices),
    )


def of_cohort(steps: Sequence[funnel.Step]) -> Table:
    table = Table(_cohort_columns())
    for step in steps:
        table.rows.append(
            [
                str(step.stage),
                counted(step.reached, "reached-stage", stage=step.stage.key),
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
        _came(_("Entered"), first),
        _came(_("Arrived"), last),
        Card(
            _("Conversion"),
            shown.rate(last.rate_from_first),
            _("first to last stage"),
            figure=Figure(last.rate_from_first, 1, rate=True),
        ),
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


def _came(title: str, step: funnel.Step) -> Card:
    text = counted(step.reached, "reached-stage", stage=step.stage.key)
    return Card(title, text, str(step.stage), figure=Figure(step.reached, 1))


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
        here = counted(heads, "standing", stage=stage.key)
        table.rows.append([str(stage), here, shown.rate(share)])
        table.raw.append([str(stage), heads, answers.number(share)])
    if not total:
        table.rows = []
        return table
    table.total = [_("Total"), counted(total, "standing"), shown.rate(Fraction(1))]
    largest = max(standing, key=lambda row: row[1])
    last = standing[-1]
    table.cards = [
        Card(_("In the journey"), counted(total, "standing")),
        Card(
            str(last[0]),
            counted(last[1], "standing", stage=last[0].key),
            shown.rate(Fraction(last[1], total)),
        ),
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
