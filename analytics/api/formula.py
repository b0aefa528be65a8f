"""The formula over HTTP: `reports/formula`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from analytics import answers, asking, formula
from analytics.api.base import COMPARE, PERIOD, PeriodFigures, Report, period, text
from analytics.periods import Question
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


class _Figures(PeriodFigures):
    assets = serializers.IntegerField(help_text="Contacts reachable at any moment.")
    reached = serializers.IntegerField(help_text="Of them, with a delivered touch.")
    orders = serializers.IntegerField(help_text="Their paid orders from the first touch on.")
    revenue = serializers.CharField(help_text="Of these orders, net of refunds.")
    reach = serializers.FloatField(allow_null=True, help_text="reached ÷ assets")
    conversion = serializers.FloatField(allow_null=True, help_text="orders ÷ reached")
    aov = serializers.CharField(allow_null=True, help_text="revenue ÷ orders, six decimals")
    unreached_revenue = serializers.CharField(help_text="All other paid revenue of the period.")

    class Meta:
        ref_name = "FormulaFigures"


class FormulaAnswer(_Figures):
    as_of = serializers.DateTimeField()
    change = _Change(required=False, help_text="With another period: what explains the change.")
    compared = _Figures(allow_null=True, help_text="Of the other period, as known now.")

    class Meta:
        ref_name = "FormulaAnswer"


class FormulaReports(Report):
    """Revenue of reached contacts = assets × reach × conversion × average order value."""

    parameters: ClassVar[Mapping[str, Mapping[str, Filter]]] = {
        "formula": {
            **PERIOD,
            **COMPARE,
            "compare_from": text("First day of a period of one's own to compare with."),
            "compare_to": text("The day after its last one."),
        },
    }
    serializer_class = FormulaAnswer

    @extend_schema(responses=FormulaAnswer)
    @action(detail=False, methods=["get"])
    def formula(self, request: Request) -> Response:
        """The four factors, and how much of a change each explains (log-mean Divisia)."""
        question = self.asked(days=DAYS)
        other = self.other(question)
        now = answers.steadily(lambda: formula.report(question))
        figures = _figures(question, now)
        if other is None:
            return self.answer(question, **figures, compared=None)
        before = answers.steadily(lambda: formula.report(other))
        return self.answer(
            question,
            **figures,
            change=answers.of_change(formula.change(now, before)),
            compared=_figures(other, before),
        )

    def other(self, question: Question) -> Question | None:
        """The period before, the days of last year, or days of one's own."""
        named = super().other(question)
        try:
            own = asking.compared(self.given(), question)
        except asking.Wrong as wrong:
            raise errors.invalid(**wrong.fields) from None
        if named and own:
            raise errors.invalid(compare=_("Compare with one period: leave out compare_from."))
        return named or own


def _figures(question: Question, found: formula.Formula) -> dict[str, object]:
    return {**period(question), **answers.of_formula(found)}
