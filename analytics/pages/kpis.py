"""The page of the scorecard: what matters now, against its target and what is usual."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Final

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from analytics import answers, kpis, pacing, shown, targets
from analytics.api.kpis import shown as as_answered
from analytics.kpis import Scorecard, Value
from analytics.models.goals import Kpi, KpiSettings, Purpose
from analytics.pages import frame, kpi_words
from analytics.pages.baselines import within_reason
from analytics.pages.tables import Card, Column, Figure, Table, counted, spark
from analytics.periods import Question, Span, month_of, next_month
from tenants.middleware import tenant_of
from tenants.models import User
from tenants.roles import Can

Goals = Mapping[str, Fraction]  # by figure


@dataclass
class Tile(Card):
    """A figure of the scorecard, as it is shown. `moved` is against what is usual; `reached` is a
    percentage of a target that is to be grown towards.
    """

    usual: str = ""
    moved: str = ""
    moved_tone: str = ""
    target: str = ""
    pace: str = ""
    pace_tone: str = ""
    reached: int | None = None
    spark: str = ""
    warning: str = ""


@frame.page
def page(request: HttpRequest) -> HttpResponse:
    asked = within_reason(_of_this_month(frame.read(request, "purpose")))
    given = asked.given.get("purpose")
    chosen = Purpose(given) if given in Purpose.values else None
    currency = tenant_of(request).currency

    def made(question: Question) -> tuple[Table, Table]:
        card = answers.steadily(lambda: kpis.report(question, chosen))
        aims = targets.asked(question, asked.given)
        return _table(card, aims, pacing.due(aims, question), currency), _file(card, aims)

    card = answers.steadily(lambda: kpis.report(asked.question, chosen))
    aims = targets.asked(asked.question, asked.given)
    table = _table(card, aims, pacing.due(aims, asked.question), currency)
    user = request.user
    return frame.show(
        request,
        asked,
        table,
        "analytics/kpis.html",
        file=("scorecard", _file(card, aims)),
        again=made,
        heading=_("Scorecard"),
        purpose=card.purpose,
        phase=kpi_words.phase(card.phase),
        day=card.day,
        explained=kpi_words.of_phase(card.phase),
        focus=table.tiles[: len(card.focus)],
        others=table.tiles[len(card.focus) :],
        may_set=isinstance(user, User) and user.can(Can.CONFIGURE),
        no_targets=not aims,
        links={
            "targets": reverse("admin:analytics_target_changelist"),
            "heads": reverse("admin:analytics_headcount_changelist"),
        },
        switch=frame.switch(
            asked,
            "purpose",
            card.purpose,
            [(value, str(label)) for value, label in Purpose.choices],
        ),
    )


def _of_this_month(asked: frame.Asked) -> frame.Asked:
    """Targets are set by month: without dates this whole month is meant."""
    if asked.given.keys() & {"from", "to", "through"}:
        return asked
    zone = asked.question.span.zone
    first = month_of(min(asked.question.as_of, timezone.now()).astimezone(zone).date())
    span = Span(first, next_month(first), zone)
    return replace(asked, question=replace(asked.question, span=span))


def _tile(key: Kpi, card: Scorecard, aims: Goals, due: Goals, currency: str) -> Tile:
    value, usual, aim = card.values.get(key), card.baselines.get(key), aims.get(key)
    change = _change(value, usual)
    better = change is not None and (change < 0 if key in targets.LESS_IS_BETTER else change > 0)
    pace = targets.pace(key, value, aim, due.get(key, Fraction(1)))
    reached = Fraction(value) / aim if value is not None and aim else Fraction(0)
    rising = aim is not None and key not in targets.LESS_IS_BETTER
    return Tile(
        title=str(key.label),
        text=_counted(key, value) or text(key, value, currency),
        figure=Figure(value, -1 if key in targets.LESS_IS_BETTER else 1, key in targets.RATES),
        moved="" if not change else f"{'▲' if change > 0 else '▼'} {abs(float(change)):.0%}",
        moved_tone="" if not change else "good" if better else "bad",
        usual="" if usual is None else text(key, usual, currency),
        target="" if aim is None else text(key, aim, currency),
        pace="" if pace is None else f"{float(pace):.0%}",
        pace_tone=_tone(pace),
        reached=min(100, max(0, round(float(reached * 100)))) if rising else None,
        spark=spark([day.value for day in card.begun if day.metric == key]),
        warning=_warning(key, value),
    )


def _tone(pace: Fraction | None) -> str:
    if pace is None:
        return ""
    return "good" if pace >= 1 else "warn" if pace >= Fraction(9, 10) else "bad"


# Of what lists can show.
_LISTED: Final[Mapping[str, str]] = {
    Kpi.NEW_CONTACTS: "new-contacts",
    Kpi.NEW_CUSTOMERS: "new-customers",
    Kpi.ORDERS: "orders",
}


def _counted(key: str, value: Value) -> str:
    return counted(int(value), _LISTED[key]) if value is not None and key in _LISTED else ""


def _change(value: Value, usual: Value) -> Fraction | None:
    if value is None or not usual:
        return None
    return (Fraction(value) - Fraction(usual)) / abs(Fraction(usual))


def _warning(key: Kpi, value: Value) -> str:
    """Under the tenant's floor."""
    if key is not Kpi.TRUST_MIX or value is None:
        return ""
    floor = KpiSettings.of_tenant().trust_floor
    if value * 100 >= floor:
        return ""
    return _("Below your floor of %(floor)s%%: more promotion than service.") % {"floor": floor}


def text(key: str, value: Value, currency: str) -> str:
    if value is None:
        return shown.NONE
    if key in targets.MONEY:
        return shown.money_at_a_glance(value, currency)
    if key in targets.RATES:
        return shown.rate(Fraction(value))
    return f"{float(value):,.1f}".removesuffix(".0")


def _columns() -> list[Column]:
    return [
        Column(_("Figure")),
        Column(_("Value")),
        Column(
            _("Target"),
            _("Of the period: of a part of a month its share by days. Targets are set by month, "
              "for the business, a team, or one person."),
        ),
        Column(
            _("Pace"),
            _("Value ÷ what of the target is due by now; of rates and averages, value ÷ target. "
              "Where less is better, the other way round. 100% is on the way.")
            + " " + kpi_words.due(),
        ),
        Column(
            _("Usual"),
            _("Of what is counted by day: the medians of the same weekdays of the eight weeks "
              "before, added up for the days that have begun. Of the others: the value in as many "
              "days just before the period."),
        ),
        Column(_("Change"), _("Value against usual.")),
    ]  # fmt: skip


def _table(card: Scorecard, aims: Goals, due: Goals, currency: str) -> Table:
    table = Table(_columns(), meanings=kpi_words.meanings())
    tiles = [_tile(key, card, aims, due, currency) for key in card.keys]
    table.tiles = [*tiles]
    if not any(value for value in card.values.values()):
        return table
    for tile in tiles:
        table.rows.append(
            [
                tile.title, tile.text, tile.target or shown.NONE, tile.pace or shown.NONE,
                tile.usual or shown.NONE, tile.moved or shown.NONE,
            ]
        )  # fmt: skip
    return table


def _file(card: Scorecard, aims: Mapping[str, Fraction]) -> Table:
    """As `reports/kpis` answers."""
    columns = [Column(title) for title in (_("Figure"), _("Value"), _("Target"), _("Usual"))]
    rows: list[list[object]] = [
        [
            str(key.label),
            as_answered(key, card.values.get(key)),
            as_answered(key, aims.get(key)),
            as_answered(key, card.baselines.get(key)),
        ]
        for key in card.keys
    ]
    return Table(columns, raw=rows)
