"""The scorecard and the days that are off, over HTTP: `reports/kpis`, `reports/baselines`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any, ClassVar

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from analytics import answers, baselines, kpis, targets
from analytics.api.base import COMPARE, PERIOD, PeriodFigures, Report, period
from analytics.models.goals import Kpi, Purpose
from analytics.periods import Question
from tenants.rest import errors
from tenants.rest.filters import Filter

_DAYS = 30


@extend_schema_field(OpenApiTypes.ANY)
class Figure(serializers.Field[Any, Any, Any, Any]):
    """Money is text, everything else a number."""


class _BaselineDay(serializers.Serializer):
    metric = serializers.ChoiceField(baselines.METRICS)
    date = serializers.DateField()
    value = Figure()
    median = Figure(allow_null=True, help_text="Of the same weekday of the last eight weeks.")
    mad = Figure(allow_null=True)
    off = serializers.BooleanField()

    class Meta:
        ref_name = "BaselineDay"


class _BaselineTotal(serializers.Serializer):
    metric = serializers.ChoiceField(baselines.METRICS)
    value = Figure(help_text="Of all days of the period.")
    judged = serializers.IntegerField(help_text="Days that are over and have enough history.")
    off = serializers.IntegerField(help_text="Those of them that are off.")

    class Meta:
        ref_name = "BaselineTotal"


class _BaselineFigures(PeriodFigures):
    totals = _BaselineTotal(many=True)

    class Meta:
        ref_name = "BaselineFigures"


class BaselineAnswer(_BaselineFigures):
    as_of = serializers.DateTimeField()
    metrics = _BaselineDay(many=True)
    compared = _BaselineFigures(allow_null=True, help_text="Of the other period, as known now.")

    class Meta:
        ref_name = "BaselineAnswer"


class _Kpi(serializers.Serializer):
    key = serializers.ChoiceField(Kpi.values)
    value = Figure(allow_null=True)
    target = Figure(allow_null=True)
    baseline = Figure(allow_null=True)

    class Meta:
        ref_name = "KpiFigure"


class _KpiFigures(PeriodFigures):
    kpis = _Kpi(many=True)

    class Meta:
        ref_name = "KpiFigures"


class KpiAnswer(_KpiFigures):
    as_of = serializers.DateTimeField()
    phase = serializers.ChoiceField([phase.value for phase in kpis.Phase])
    purpose = serializers.ChoiceField(Purpose.values)
    focus = serializers.ListField(
        child=serializers.ChoiceField(Kpi.values),
        help_text="The figures that matter in this phase and for this purpose.",
    )
    compared = _KpiFigures(allow_null=True, help_text="Of the other period, as known now.")

    class Meta:
        ref_name = "KpiAnswer"


class KpiReports(Report):
    """The scorecard, and the days that are off."""

    parameters: ClassVar[Mapping[str, Mapping[str, Filter]]] = {
        "kpis": {
            "purpose": Filter(
                serializers.ChoiceField(Purpose.choices), help="By default the tenant's setting."
            ),
            **COMPARE,
            **PERIOD,
        },
        "baselines": {**COMPARE, **PERIOD},
    }
    serializer_class = KpiAnswer

    def _of_days(self) -> Question:
        question = self.asked(days=_DAYS)
        if (question.span.end - question.span.start).days > baselines.LONGEST:
            raise errors.invalid(**{"from": baselines.too_long()})
        return question

    @extend_schema(responses=BaselineAnswer)
    @action(detail=False, methods=["get"])
    def baselines(self, request: Request) -> Response:
        """Each day against the same weekday of the eight weeks before it."""
        question = self._of_days()
        other = self.other(question)
        days = _days(question)
        return self.answer(
            question,
            **_totals(question, days),
            metrics=[_day(day) for day in days],
            compared=_totals(other, _days(other)) if other else None,
        )

    @extend_schema(responses=KpiAnswer)
    @action(detail=False, methods=["get"])
    def kpis(self, request: Request) -> Response:
        """Every figure of the scorecard, with its target and what would be usual."""
        given = self.given()
        purpose = Purpose(given["purpose"]) if given.get("purpose") else None
        question = self._of_days()
        other = self.other(question)
        card = _card(question, purpose)
        return self.answer(
            question,
            phase=card.phase,
            purpose=card.purpose,
            focus=list(card.focus),
            **_figures(question, card, given),
            compared=_figures(other, _card(other, purpose), given) if other else None,
        )


def _card(question: Question, purpose: Purpose | None) -> kpis.Scorecard:
    return answers.steadily(lambda: kpis.report(question, purpose))


def _figures(
    question: Question, card: kpis.Scorecard, given: Mapping[str, str]
) -> dict[str, object]:
    aims = targets.asked(question, given)
    return {
        **period(question),
        "kpis": [
            {
                "key": key,
                "value": shown(key, card.values.get(key)),
                "target": shown(key, aims.get(key)),
                "baseline": shown(key, card.baselines.get(key)),
            }
            for key in card.keys
        ],
    }


def shown(key: str, value: kpis.Value) -> object:
    if value is None:
        return None
    return answers.amount(value) if key in targets.MONEY else answers.number(Fraction(value))


def _days(question: Question) -> list[baselines.Day]:
    return answers.steadily(lambda: baselines.report(question))


def _totals(question: Question, days: Sequence[baselines.Day]) -> dict[str, object]:
    totals = [baselines.total(days, metric, question) for metric in baselines.METRICS]
    return {
        **period(question),
        "totals": [
            {
                "metric": total.metric,
                "value": shown(total.metric, total.value),
                "judged": total.judged,
                "off": total.off,
            }
            for total in totals
        ],
    }


def _day(day: baselines.Day) -> dict[str, object]:
    return {
        "metric": day.metric,
        "date": day.date.isoformat(),
        "value": shown(day.metric, day.value),
        "median": shown(day.metric, day.median),
        "mad": shown(day.metric, day.mad),
        "off": day.off,
    }
