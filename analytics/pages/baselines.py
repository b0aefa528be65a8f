"""The page of days that are off: each metric against what is usual on that weekday."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from fractions import Fraction

from django.http import HttpRequest, HttpResponse
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from analytics import answers, baselines, shown
from analytics.baselines import Day, Total
from analytics.exact import fen
from analytics.models.goals import Kpi
from analytics.pages import frame
from analytics.pages.tables import Card, Column, Figure, Table, counted
from analytics.periods import Question, midnight
from analytics.targets import LESS_IS_BETTER, MONEY
from tenants.middleware import tenant_of

PERIOD_DAYS = 60


@frame.page
def page(request: HttpRequest) -> HttpResponse:
    asked = within_reason(frame.read(request, "metric", days=PERIOD_DAYS))
    metric = next((m for m in baselines.METRICS if m == asked.given.get("metric")), "revenue")
    currency = tenant_of(request).currency

    def made(question: Question) -> tuple[Table, Table]:
        days = answers.steadily(lambda: baselines.report(question))
        return of_days(days, metric, question, currency), whole_file(days)

    table, file = made(asked.question)
    return frame.show(
        request,
        asked,
        table,
        "analytics/baselines.html",
        file=(f"off-days-{metric}", file),
        again=made,
        heading=_("Off days"),
        metric=metric,
        switch=frame.switch(
            asked, "metric", metric, [(m, str(Kpi(m).label)) for m in baselines.METRICS]
        ),
    )


def within_reason(asked: frame.Asked) -> frame.Asked:
    """A period that is too long is said to be so; its end is shown."""
    span = asked.question.span
    if (span.end - span.start).days <= baselines.LONGEST:
        return asked
    short = replace(span, start=span.end - timedelta(days=PERIOD_DAYS))
    wrong = {**asked.wrong, "from": baselines.too_long()}
    return replace(asked, question=replace(asked.question, span=short), wrong=wrong)


def of_days(days: Sequence[Day], metric: str, question: Question, currency: str) -> Table:
    """The latest day first; a day that is not over is shown, and not judged."""
    table = Table(_columns(metric))
    mine = [day for day in days if day.metric == metric and _begun(day, question)]
    if not any(day.value or day.median is not None for day in mine):
        return table
    by_day: dict[object, dict[str, Day]] = {}
    for day in days:
        by_day.setdefault(day.date, {})[day.metric] = day
    for day in reversed(mine):
        table.rows.append(_row(day, by_day[day.date], question, currency))
    off = [day for day in mine if day.off and baselines.over(day, question)]
    table.cards = _cards(baselines.total(days, metric, question), off, by_day, currency)
    table.chart = _chart(mine, off, currency)
    return table


def whole_file(days: Sequence[Day]) -> Table:
    """Every metric and day, as `reports/baselines` answers them."""
    titles = (_("Day"), _("Figure"), _("Value"), _("Usual"), "MAD", _("Off"))
    rows: list[list[object]] = [
        [
            day.date.isoformat(),
            day.metric,
            *(_plain(day.metric, exact) for exact in (day.value, day.median, day.mad)),
            day.off,
        ]
        for day in days
    ]
    return Table([Column(title) for title in titles], raw=rows)


def _plain(metric: str, exact: Fraction | int | None) -> float | None:
    if exact is None:
        return None
    return (fen(exact) or 0) / 100 if metric in MONEY else float(exact)


def _begun(day: Day, question: Question) -> bool:
    return midnight(day.date, question.span.zone) < question.as_of


def _columns(metric: str) -> list[Column]:
    columns = [
        Column(_("Day")),
        Column(str(Kpi(metric).label)),
        Column(
            _("Usual"),
            _("The median of the same weekday of the eight weeks before. It needs four of them."),
        ),
        Column(
            _("Band"),
            _("Usual ± 3 × 1.4826 × the median deviation (MAD) of those days; ± 20 % where they "
              "were all but equal. A day outside it is off."),
        ),
        Column(_("Judged")),
    ]  # fmt: skip
    if metric in {"revenue", "orders"}:
        columns.append(
            Column(
                _("Likely step"),
                _("What feeds it and was off on the same day too, in a way that explains it: "
                  "orders and new contacts that changed in the same direction, deletes in the "
                  "opposite one. A hint, no proof."),
            )
        )  # fmt: skip
    return columns


def text(metric: str, exact: Fraction | int | None, currency: str) -> str:
    if exact is None:
        return shown.NONE
    if metric in MONEY:
        return shown.money_at_a_glance(exact, currency)
    return f"{float(exact):,.1f}".removesuffix(".0")


def _listed(metric: str, value: int, **days: object) -> str:
    """Of what lists can show."""
    of = {"new_contacts": "new-contacts", "orders": "orders"}.get(metric)
    return counted(value, of, **days) if of else ""


def _row(day: Day, same: Mapping[str, Day], question: Question, currency: str) -> list[str]:
    band = shown.NONE
    if day.band is not None:
        low, high = max(day.band[0], Fraction(0)), day.band[1]
        band = f"{text(day.metric, low, currency)} – {text(day.metric, high, currency)}"
    only = {"from": day.date, "to": day.date + timedelta(days=1)}
    cells = [
        date_format(day.date, "Y-m-d D"),
        _listed(day.metric, day.value, **only) or text(day.metric, day.value, currency),
        text(day.metric, day.median, currency),
        band,
        _judged(day, question),
    ]
    if day.metric in {"revenue", "orders"}:
        cells.append(_steps(day, same) if day.off and baselines.over(day, question) else "")
    return cells


def _judged(day: Day, question: Question) -> str:
    if not baselines.over(day, question):
        return _("not over yet")
    if day.median is None:
        return _("too little history")
    if not day.off:
        return _("usual")
    return _("▲ off: high") if day.value > day.median else _("▼ off: low")


def _steps(day: Day, same: Mapping[str, Day]) -> str:
    steps = baselines.likely_steps(day, same)
    if not steps:
        return _("none of the steps before it")
    return " · ".join(str(Kpi(step).label) for step in steps)


def _cards(
    total: Total, off: Sequence[Day], by_day: Mapping[object, Mapping[str, Day]], currency: str
) -> list[Card]:
    of = ngettext("of %(n)s day", "of %(n)s days", total.judged)
    cards = [
        Card(
            _("Off days"),
            shown.count(total.off),
            of % {"n": shown.count(total.judged)},
            "warn" if total.off else "good",
            Figure(total.off, -1),
        ),
        Card(
            str(Kpi(total.metric).label),
            _listed(total.metric, total.value) or text(total.metric, total.value, currency),
            _("of the whole period"),
            figure=Figure(total.value, -1 if total.metric in LESS_IS_BETTER else 1),
        ),
    ]
    if off:
        last = off[-1]
        cards.append(
            Card(
                _("Latest off day"),
                text(last.metric, last.value, currency),
                f"{last.date.isoformat()} · "
                + _("usual %(amount)s") % {"amount": text(last.metric, last.median, currency)},
                "bad" if last.median is not None and last.value < last.median else "warn",
            )
        )
        if steps := baselines.likely_steps(last, by_day[last.date]):
            names = " · ".join(str(Kpi(step).label) for step in steps)
            cards.append(Card(_("Likely step"), names))
    return cards


def _chart(mine: Sequence[Day], off: Sequence[Day], currency: str) -> dict[str, object]:
    metric = mine[0].metric
    flagged = {day.date for day in off}
    bands = [day.band for day in mine]
    lows = [None if band is None else max(band[0], Fraction(0)) for band in bands]
    series: list[tuple[str, Sequence[Fraction | int | None]]] = [
        (str(Kpi(metric).label), [day.value for day in mine]),
        (_("Usual"), [day.median for day in mine]),
        (_("Band, from"), lows),
        (_("Band, to"), [None if band is None else band[1] for band in bands]),
    ]
    return {
        "kind": "band",
        "labels": [day.date.isoformat() for day in mine],
        "off": [day.date in flagged for day in mine],
        "series": [
            {
                "label": label,
                "values": [_plain(metric, each) for each in values],
                "texts": [text(metric, each, currency) for each in values],
            }
            for label, values in series
        ],
    }
