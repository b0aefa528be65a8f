"""Figures over HTTP: `reports/funnel`, `reports/value`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from analytics import answers, funnel, value
from analytics.api.base import COMPARE, PERIOD, PeriodFigures, Report, one_of, period
from analytics.curves import DAYS
from analytics.periods import Question
from tenants.rest import errors
from tenants.rest.filters import Filter

_DAYS_OF_FUNNEL = 90


class FunnelStageSerializer(serializers.Serializer):
    key = serializers.CharField()
    name = serializers.CharField()
    contacts = serializers.IntegerField(help_text="mode=snapshot")
    reached = serializers.IntegerField(help_text="mode=cohort, as all that follow")
    rate_from_previous = serializers.FloatField(allow_null=True)
    rate_from_first = serializers.FloatField(allow_null=True)
    median_seconds_from_previous = serializers.FloatField(allow_null=True)

    class Meta:
        ref_name = "FunnelStage"


class _FunnelFigures(PeriodFigures):
    stages = FunnelStageSerializer(many=True)

    class Meta:
        ref_name = "FunnelFigures"


class FunnelAnswer(_FunnelFigures):
    as_of = serializers.DateTimeField()
    compared = _FunnelFigures(allow_null=True, help_text="Of the other period, as known now.")

    class Meta:
        ref_name = "FunnelAnswer"


class ByDays(serializers.Serializer):
    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        return {str(d): serializers.CharField(allow_null=True) for d in DAYS}

    class Meta:
        ref_name = "AmountByDays"


class _Row(serializers.Serializer):
    group = serializers.CharField(allow_null=True, help_text="Channel, or month YYYY-MM.")
    cost = serializers.CharField(allow_null=True)
    new_contacts = serializers.IntegerField()
    new_customers = serializers.IntegerField()
    cost_per_contact = serializers.CharField(allow_null=True)
    cac = serializers.CharField(allow_null=True)
    cac_cohort = serializers.CharField(allow_null=True)
    ltv = ByDays()
    ltv_referral = ByDays()
    ltv_cac = serializers.FloatField(allow_null=True)
    ltv_cac_days = serializers.IntegerField(allow_null=True)
    payback_days = serializers.IntegerField(allow_null=True)

    class Meta:
        ref_name = "ValueRow"


class _ValueFigures(PeriodFigures):
    rows = _Row(many=True)

    class Meta:
        ref_name = "ValueFigures"


class ValueAnswer(_ValueFigures):
    as_of = serializers.DateTimeField()
    compared = _ValueFigures(allow_null=True, help_text="Of the other period, as known now.")

    class Meta:
        ref_name = "ValueAnswer"


class Reports(Report):
    """Figures of the tenant, in its time zone and currency. Definitions: the dashboards."""

    parameters: ClassVar[Mapping[str, Mapping[str, Filter]]] = {
        "funnel": {"mode": one_of("cohort", "snapshot"), **COMPARE, **PERIOD},
        "value": {"group": one_of("channel", "month"), **COMPARE, **PERIOD},
    }
    serializer_class = ValueAnswer

    @extend_schema(responses=FunnelAnswer)
    @action(detail=False, methods=["get"])
    def funnel(self, request: Request) -> Response:
        """How far contacts came (cohort of their first entry), or where they stand (snapshot)."""
        question = self.asked(days=_DAYS_OF_FUNNEL)
        if self.given().get("mode", "cohort") == "cohort":
            return self.compared(question, _cohort)
        if self.other(question):
            raise errors.invalid(compare=_("Where contacts stand is of one moment, not of days."))
        return self.compared(question, _snapshot)

    @extend_schema(responses=ValueAnswer)
    @action(detail=False, methods=["get"])
    def value(self, request: Request) -> Response:
        """What customers cost and bring, by channel or by month of acquisition."""
        group = self.given().get("group", "channel")
        question = self.asked()
        return self.compared(question, lambda asked: _value(asked, group))


def _cohort(question: Question) -> dict[str, object]:
    steps = answers.steadily(lambda: funnel.cohort(question))
    return {**period(question), "stages": [answers.of_step(step) for step in steps]}


def _snapshot(question: Question) -> dict[str, object]:
    standing = answers.steadily(lambda: funnel.snapshot(question))
    stages = [
        {"key": stage.key, "name": str(stage), "contacts": heads} for stage, heads in standing
    ]
    return {**period(question), "stages": stages}


def _value(question: Question, group: value.Group) -> dict[str, object]:
    report = answers.steadily(lambda: value.report(question, group))
    return {**period(question), "rows": [answers.of_row(row) for row in report.rows]}
