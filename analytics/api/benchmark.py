"""`reports/benchmark`: channels of the private and the public domain side by side."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from analytics import answers, benchmark
from analytics.answers import amount, amount_of_six, number
from analytics.api.base import COMPARE, PERIOD, PeriodFigures, Report, period
from analytics.api.reports import ByDays
from analytics.periods import Question
from contacts.models import Channel
from tenants.rest.filters import Filter


class _BenchmarkRow(serializers.Serializer):
    group = serializers.ChoiceField(
        Channel.Kind.choices, allow_null=True, help_text="Null: contacts without a channel."
    )
    cost = serializers.CharField(allow_null=True)
    new_contacts = serializers.IntegerField()
    new_customers = serializers.IntegerField()
    cost_per_contact = serializers.CharField(allow_null=True)
    cac = serializers.CharField(allow_null=True, help_text="Cost ÷ new customers of the period.")
    cac_cohort = serializers.CharField(allow_null=True)
    conversion = serializers.FloatField(
        allow_null=True, help_text="New contacts that ever became customers ÷ new contacts."
    )
    customers = serializers.IntegerField(help_text="With a paid order before `to`.")
    repeat_rate = serializers.FloatField(allow_null=True)
    buyers = serializers.IntegerField(help_text="With a paid order in the period.")
    orders = serializers.IntegerField()
    revenue = serializers.CharField()
    aov = serializers.CharField(allow_null=True)
    revenue_per_customer = serializers.CharField(allow_null=True, help_text="Revenue ÷ buyers.")
    ltv = ByDays()
    ltv_cac = serializers.FloatField(allow_null=True)
    ltv_cac_days = serializers.IntegerField(allow_null=True)
    payback_days = serializers.IntegerField(allow_null=True)

    class Meta:
        ref_name = "BenchmarkRow"


class _Figures(PeriodFigures):
    rows = _BenchmarkRow(many=True)

    class Meta:
        ref_name = "BenchmarkFigures"


class BenchmarkAnswer(_Figures):
    as_of = serializers.DateTimeField()
    compared = _Figures(allow_null=True, help_text="Of the other period, as known now.")

    class Meta:
        ref_name = "BenchmarkAnswer"


class BenchmarkReports(Report):
    """Does the private domain pay?"""

    parameters: ClassVar[Mapping[str, Mapping[str, Filter]]] = {"benchmark": {**COMPARE, **PERIOD}}
    serializer_class = BenchmarkAnswer

    @extend_schema(responses=BenchmarkAnswer)
    @action(detail=False, methods=["get"])
    def benchmark(self, request: Request) -> Response:
        """Public, private, no channel; over the last six months when no `from` is given."""
        question = self.asked()
        if not self.given().get("from"):
            question = benchmark.half_a_year(question)
        return self.compared(question, _figures)


def _figures(question: Question) -> dict[str, object]:
    groups = answers.steadily(lambda: benchmark.report(question))
    return {**period(question), "rows": [row(group) for group in groups]}


def row(group: benchmark.Group) -> dict[str, Any]:
    worth, bought = answers.of_row(group.worth), group.bought
    return {
        "group": group.kind,
        **{
            name: worth[name]
            for name in (
                "cost", "new_contacts", "new_customers", "cost_per_contact", "cac", "cac_cohort",
                "ltv", "ltv_cac", "ltv_cac_days", "payback_days",
            )
        },
        "conversion": number(group.conversion),
        "customers": bought.customers,
        "repeat_rate": number(group.repeat_rate),
        "buyers": bought.buyers,
        "orders": bought.orders,
        "revenue": amount(bought.revenue),
        "aov": amount_of_six(group.aov),
        "revenue_per_customer": amount(group.revenue_per_customer),
    }  # fmt: skip
