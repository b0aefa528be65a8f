"""Customers over HTTP: `reports/cohorts`, `reports/concentration`, `reports/rfm`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from analytics import answers, cohorts, concentration
from analytics.api.base import COMPARE, PERIOD, PeriodFigures, Report, one_of, period
from analytics.periods import Question
from analytics.rfm import scores
from tenants.rest.filters import Filter


@extend_schema_field({"oneOf": [{"type": "number"}, {"type": "string"}], "nullable": True})
class _Value(serializers.Field[Any, Any, Any, Any]):
    """A share for retention, an amount otherwise."""


class _CohortCell(serializers.Serializer):
    month = serializers.IntegerField(help_text="The k-th calendar month after the first order.")
    value = _Value(help_text="Null for the month that is not over. Not cumulated.")

    class Meta:
        ref_name = "CohortCell"


class _CohortRow(serializers.Serializer):
    cohort = serializers.CharField(help_text="Month of the first paid order, YYYY-MM.")
    size = serializers.IntegerField(help_text="Customers.")
    cells = _CohortCell(many=True)

    class Meta:
        ref_name = "CohortRow"


class _CohortFigures(PeriodFigures):
    rows = _CohortRow(many=True)

    class Meta:
        ref_name = "CohortFigures"


class CohortAnswer(_CohortFigures):
    as_of = serializers.DateTimeField()
    compared = _CohortFigures(allow_null=True, help_text="Of the other period, as known now.")

    class Meta:
        ref_name = "CohortAnswer"


class _Top(serializers.Serializer):
    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        return {top: serializers.FloatField(allow_null=True) for top in concentration.TOP}

    class Meta:
        ref_name = "ConcentrationTop"


class _ConcentrationFigures(PeriodFigures):
    top = _Top(help_text="Share of revenue of the top … % of customers.")
    gini = serializers.FloatField(allow_null=True)
    existing_share = serializers.FloatField(
        allow_null=True, help_text="Revenue of orders that are not the buyer's first ÷ revenue."
    )

    class Meta:
        ref_name = "ConcentrationFigures"


class ConcentrationAnswer(_ConcentrationFigures):
    as_of = serializers.DateTimeField()
    compared = _ConcentrationFigures(
        allow_null=True, help_text="Of the other period, as known now."
    )

    class Meta:
        ref_name = "ConcentrationAnswer"


class _RfmCell(serializers.Serializer):
    r = serializers.IntegerField(help_text="Recency, 5 is best.")
    f = serializers.IntegerField(help_text="Frequency, 5 is best.")
    m = serializers.IntegerField(help_text="Monetary value, 5 is best.")
    contacts = serializers.IntegerField()
    revenue = serializers.CharField()

    class Meta:
        ref_name = "RfmCell"


class _RfmFigures(PeriodFigures):
    cells = _RfmCell(many=True)

    class Meta:
        ref_name = "RfmFigures"


class RfmAnswer(_RfmFigures):
    as_of = serializers.DateTimeField()
    compared = _RfmFigures(allow_null=True, help_text="Of the other period, as known now.")

    class Meta:
        ref_name = "RfmAnswer"


class CustomerReports(Report):
    """Do customers come back, on how few does revenue hang, who are the best of them?"""

    parameters: ClassVar[Mapping[str, Mapping[str, Filter]]] = {
        "cohorts": {"value": one_of(*cohorts.VALUES), **COMPARE, **PERIOD},
        "concentration": {**COMPARE, **PERIOD},
        "rfm": {**COMPARE, **PERIOD},
    }
    serializer_class = CohortAnswer

    @extend_schema(responses=CohortAnswer)
    @action(detail=False, methods=["get"])
    def cohorts(self, request: Request) -> Response:
        """By month of the first paid order: who came back, or what they brought, in each month."""
        value = self.given().get("value", cohorts.VALUES[0])
        return self.compared(self.asked(), lambda question: _cohorts(question, value))

    @extend_schema(responses=ConcentrationAnswer)
    @action(detail=False, methods=["get"])
    def concentration(self, request: Request) -> Response:
        """The share of the largest customers in revenue, and of those who had bought before."""
        return self.compared(self.asked(), _concentration)

    @extend_schema(responses=RfmAnswer)
    @action(detail=False, methods=["get"])
    def rfm(self, request: Request) -> Response:
        """Customers of the period by scores for how lately, how often and how much they bought."""
        return self.compared(self.asked(), _rfm)


def _cohorts(question: Question, value: cohorts.Value) -> dict[str, object]:
    rows = answers.steadily(lambda: cohorts.report(question))
    return {**period(question), "rows": [answers.of_cohort(row, value) for row in rows]}


def _concentration(question: Question) -> dict[str, object]:
    found = answers.kept("concentration", question, lambda: concentration.report(question))
    return {
        **period(question),
        "top": {top: answers.number(found.share(top)) for top in concentration.TOP},
        "gini": answers.number(found.gini),
        "existing_share": answers.number(found.existing_share),
    }


def _rfm(question: Question) -> dict[str, object]:
    cells = answers.kept("rfm", question, lambda: scores.report(question))
    return {
        **period(question),
        "cells": [
            {
                "r": cell.r,
                "f": cell.f,
                "m": cell.m,
                "contacts": cell.contacts,
                "revenue": answers.amount(cell.revenue),
            }
            for cell in cells
        ],
    }
