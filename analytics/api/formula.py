"""The formula over HTTP: `reports/formula`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from analytics import answers, asking, formula
from analytics.api.base import PERIOD, Report, text
from tenants.rest import errors
from tenants.rest.filters import Filter

DAYS = 30


class _Change(serializers.Serializer):
    assets = serializers.CharField(allow_null=True)
    reach = serializers.CharField(allow_null=True)
    conversion = serializers.CharField(allow_null=True)
    aov = serializers.CharField(allow_null=True)
    total = serializers.CharField()
    zero = serializers.ChoiceField(
        formula.FACTORS,
        allow_null=True,
        help_text="The factor that was zero in one of the periods: it takes all of the change.",
    )

    class Meta:
        ref_name = "FormulaChange"


class FormulaAnswer(serializers.Serializer):
    as_of = serializers.DateTimeField()
    assets = serializers.IntegerField(help_text="Contacts reachable at any moment.")
    reached = serializers.IntegerField(help_text="Of them, with a delivered touch.")
    orders = serializers.IntegerField(help_text="Their paid orders from the first touch on.")
    revenue = serializers.CharField(help_text="Of these orders, net of refunds.")
    reach = serializers.FloatField(allow_null=True, help_text="reached ÷ assets")
    conversion = serializers.FloatField(allow_null=True, help_text="orders ÷ reached")
    aov = serializers.CharField(allow_null=True, help_text="revenue ÷ orders, six decimals")
    unreached_revenue = serializers.CharField(help_text="All other paid revenue of the period.")
    change = _Change(required=False, help_text="With compare_from and compare_to.")


class FormulaReports(Report):
    """Revenue of reached contacts = assets × reach × conversion × average order value."""

    parameters: ClassVar[Mapping[str, Mapping[str, Filter]]] = {
        "formula": {
            **PERIOD,
            "compare_from": text("First day of a period to compare with."),
            "compare_to": text("The day after its last one."),
        },
    }
    serializer_class = FormulaAnswer

    @extend_schema(responses=FormulaAnswer)
    @action(detail=False, methods=["get"])
    def formula(self, request: Request) -> Response:
        """The four factors, and how much of a change each explains (log-mean Divisia)."""
        question = self.asked(days=DAYS)
        try:
            other = asking.compared(self.given(), question)
        except asking.Wrong as wrong:
            raise errors.invalid(**wrong.fields) from None
        now = answers.steadily(lambda: formula.report(question))
        figures = answers.of_formula(now)
        if other is not None:
            before = answers.steadily(lambda: formula.report(other))
            change = formula.change(now, before)
            figures["change"] = answers.of_change(change)
        return self.answer(question, **figures)
