"""What each step of the journey costs and earns: `reports/step-roi`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from analytics import answers, step_roi
from analytics.api.base import COMPARE, PERIOD, PeriodFigures, Report, period
from analytics.periods import Question
from tenants.rest.filters import Filter

_DAYS = 90


class _Step(serializers.Serializer):
    key = serializers.CharField(allow_null=True, help_text="null: costs of no one step.")
    name = serializers.CharField(allow_null=True)
    kinds = serializers.ListField(
        child=serializers.CharField(), help_text="Kinds of cost that pay for the step."
    )
    cost = serializers.CharField(allow_null=True)
    passed = serializers.IntegerField(allow_null=True)
    cost_per_passed = serializers.CharField(allow_null=True)
    buyers = serializers.IntegerField(allow_null=True, help_text="Of the passed, in the period.")
    margin = serializers.CharField(allow_null=True, help_text="Of the buyers, in the period.")
    roi = serializers.FloatField(allow_null=True, help_text="(margin − cost) ÷ cost")

    class Meta:
        ref_name = "StepRoi"


class _Figures(PeriodFigures):
    steps = _Step(many=True)
    cost = serializers.CharField(allow_null=True, help_text="Of all rows, as in reports/value.")

    class Meta:
        ref_name = "StepFigures"


class StepAnswer(_Figures):
    as_of = serializers.DateTimeField()
    compared = _Figures(allow_null=True, help_text="Of the other period, as known now.")

    class Meta:
        ref_name = "StepAnswer"


class StepRoiReports(Report):
    """What each step of the journey costs and earns."""

    parameters: ClassVar[Mapping[str, Mapping[str, Filter]]] = {"step_roi": {**COMPARE, **PERIOD}}
    serializer_class = StepAnswer

    @extend_schema(responses=StepAnswer)
    @action(detail=False, methods=["get"], url_path="step-roi")
    def step_roi(self, request: Request) -> Response:
        """By stage of the journey: what was spent for it, who passed, what these brought."""
        question = self.asked(days=_DAYS)
        return self.compared(question, _figures)


def _figures(question: Question) -> dict[str, object]:
    found = answers.steadily(lambda: step_roi.report(question))
    return {
        **period(question),
        "steps": [_step(step) for step in found],
        "cost": answers.amount(step_roi.total_cost(found)),
    }


def _step(step: step_roi.Step) -> dict[str, object]:
    return {
        "key": step.stage.key if step.stage else None,
        "name": str(step.stage) if step.stage else None,
        "kinds": list(step.kinds),
        "cost": answers.amount(step.cost),
        "passed": step.passed,
        "cost_per_passed": answers.amount(step.cost_per_passed),
        "buyers": step.buyers,
        "margin": answers.amount(step.margin),
        "roi": answers.number(step.roi),
    }
