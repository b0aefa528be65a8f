"""`reports/satisfaction`: what surveys were answered with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from analytics import satisfaction
from analytics.answers import number
from analytics.api.base import COMPARE, PERIOD, PeriodFigures, Report, period
from analytics.periods import Question
from journeys.models import Scale
from tenants.ids import encode
from tenants.rest.filters import Filter

DAYS = 90


class _ScoreCount(serializers.Serializer):
    score = serializers.IntegerField()
    answers = serializers.IntegerField()

    class Meta:
        ref_name = "SurveyScoreCount"


class _SurveyRow(serializers.Serializer):
    survey = serializers.CharField(help_text="Id of the content.")
    title = serializers.CharField()
    scale = serializers.ChoiceField(Scale.choices)
    asked = serializers.IntegerField(help_text="Got a link to it in the period for the first time.")
    answered = serializers.IntegerField(help_text="Of those asked: answered before `as_of`.")
    response_rate = serializers.FloatField(allow_null=True)
    answers = serializers.IntegerField(help_text="Given in the period.")
    mean = serializers.FloatField(allow_null=True)
    satisfaction = serializers.FloatField(allow_null=True, help_text="The mean, from 0 to 1.")
    low = serializers.IntegerField(help_text="At most 2 of 1 to 5, at most 4 of 0 to 10.")
    distribution = _ScoreCount(many=True)

    class Meta:
        ref_name = "SurveyRow"


class _Figures(PeriodFigures):
    satisfaction = serializers.FloatField(
        allow_null=True, help_text="Of all answers, from 0 to 1; as in `reports/kpis`."
    )
    rows = _SurveyRow(many=True)

    class Meta:
        ref_name = "SatisfactionFigures"


class SatisfactionAnswer(_Figures):
    as_of = serializers.DateTimeField()
    compared = _Figures(allow_null=True, help_text="Of the other period, as known now.")

    class Meta:
        ref_name = "SatisfactionAnswer"


class SatisfactionReports(Report):
    """Answers to one-question surveys."""

    parameters: ClassVar[Mapping[str, Mapping[str, Filter]]] = {
        "satisfaction": {**COMPARE, **PERIOD}
    }
    serializer_class = SatisfactionAnswer

    @extend_schema(responses=SatisfactionAnswer)
    @action(detail=False, methods=["get"])
    def satisfaction(self, request: Request) -> Response:
        """By survey: how many answered, and what."""
        question = self.asked(days=DAYS, fresh=False)
        return self.compared(question, _figures)


def _figures(question: Question) -> dict[str, object]:
    surveys = satisfaction.report(question)
    return {
        **period(question),
        "satisfaction": number(satisfaction.together(surveys)),
        "rows": [_row(survey) for survey in surveys],
    }


def _row(survey: satisfaction.Survey) -> dict[str, object]:
    return {
        "survey": encode(survey.content_id),
        "title": survey.title,
        "scale": survey.scale.value,
        "asked": survey.asked,
        "answered": survey.answered,
        "response_rate": number(survey.response_rate),
        "answers": survey.answers,
        "mean": number(survey.mean),
        "satisfaction": number(survey.level),
        "low": survey.low,
        "distribution": [
            {"score": score, "answers": survey.counts[score]} for score in survey.scores
        ],
    }
