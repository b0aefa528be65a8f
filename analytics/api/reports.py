"""Figures over HTTP: `reports/funnel`, `reports/value`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from analytics import answers, asking, funnel, value
from analytics.curves import DAYS
from analytics.periods import Question
from tenants.middleware import tenant_of
from tenants.rest import errors
from tenants.rest.filters import Filter
from tenants.rest.views import Resource
from tenants.roles import Can

_DAYS_OF_FUNNEL = 90


class _Stage(serializers.Serializer):
    key = serializers.CharField()
    name = serializers.CharField()
    contacts = serializers.IntegerField(help_text="mode=snapshot")
    reached = serializers.IntegerField(help_text="mode=cohort, as all that follow")
    rate_from_previous = serializers.FloatField(allow_null=True)
    rate_from_first = serializers.FloatField(allow_null=True)
    median_seconds_from_previous = serializers.FloatField(allow_null=True)

    class Meta:
        ref_name = "FunnelStage"


class FunnelAnswer(serializers.Serializer):
    as_of = serializers.DateTimeField()
    stages = _Stage(many=True)


class _ByDays(serializers.Serializer):
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
    ltv = _ByDays()
    ltv_referral = _ByDays()
    ltv_cac = serializers.FloatField(allow_null=True)
    ltv_cac_days = serializers.IntegerField(allow_null=True)
    payback_days = serializers.IntegerField(allow_null=True)

    class Meta:
        ref_name = "ValueRow"


class ValueAnswer(serializers.Serializer):
    as_of = serializers.DateTimeField()
    rows = _Row(many=True)


def _text(help_text: str) -> Filter:
    return Filter(serializers.CharField(max_length=200, allow_blank=True), help=help_text)


def one_of(*choices: str) -> Filter:
    return Filter(serializers.ChoiceField(choices, default=choices[0]))


PERIOD = {
    "from": _text("First day, YYYY-MM-DD."),
    "to": _text("The day after the last one; by default the period ends today."),
    "as_of": _text("RFC 3339, or a date (its first moment). Facts from then on are ignored."),
    "channel": _text("Name or id of a channel."),
    "staff": _text("userid or id: contacts that this member owns."),
    "team": _text("Name or id: contacts that members of this team own."),
}


class Reports(Resource):
    """Figures of the tenant, in its time zone and currency. Definitions: the dashboards."""

    abilities: ClassVar[Mapping[str, Can]] = {"GET": Can.REPORT}
    parameters: ClassVar[Mapping[str, Mapping[str, Filter]]] = {
        "funnel": {"mode": one_of("cohort", "snapshot"), **PERIOD},
        "value": {"group": one_of("channel", "month"), **PERIOD},
    }
    serializer_class = ValueAnswer
    pagination_class = None
    filter_backends = []

    @extend_schema(responses=FunnelAnswer)
    @action(detail=False, methods=["get"])
    def funnel(self, request: Request) -> Response:
        """How far contacts came (cohort of their first entry), or where they stand (snapshot)."""
        mode = self.given().get("mode", "cohort")
        question = self._question(days=_DAYS_OF_FUNNEL)
        if mode == "snapshot":
            standing = answers.steadily(lambda: funnel.snapshot(question))
            stages = [
                {"key": stage.key, "name": str(stage), "contacts": heads}
                for stage, heads in standing
            ]
        else:
            steps = answers.steadily(lambda: funnel.cohort(question))
            stages = [answers.of_step(step) for step in steps]
        return self._answer(question, stages=stages)

    @extend_schema(responses=ValueAnswer)
    @action(detail=False, methods=["get"])
    def value(self, request: Request) -> Response:
        """What customers cost and bring, by channel or by month of acquisition."""
        group = self.given().get("group", "channel")
        question = self._question()
        report = answers.steadily(lambda: value.report(question, group))
        return self._answer(question, rows=[answers.of_row(row) for row in report.rows])

    def _question(self, *, days: int | None = None) -> Question:
        given = {name: text for name, text in self.given().items() if name in asking.NAMES}
        try:
            question = asking.ask(given, tenant_of(self.request), days=days)
        except asking.Wrong as wrong:
            raise errors.invalid(**wrong.fields) from None
        return answers.complete(question)

    def _answer(self, question: Question, **figures: object) -> Response:
        as_of = answers.text_of_moment(question.as_of, tenant_of(self.request).tz)
        return Response({"as_of": as_of, **figures})
