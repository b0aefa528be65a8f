"""The three WeCom rates over HTTP: `reports/wecom-rates`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from analytics import answers, rates
from analytics.api.base import COMPARE, PERIOD, PeriodFigures, Report, period
from analytics.periods import Question
from tenants.rest.filters import Filter

DAYS = 90


class _Figures(PeriodFigures):
    scanned = serializers.IntegerField(help_text="Contacts that scanned a live code.")
    added = serializers.IntegerField(help_text="Of them, befriended within 7 days.")
    served = serializers.IntegerField(help_text="Of them, who wrote and were written to in 7 days.")
    monetised = serializers.IntegerField(help_text="Of them, who paid within 30 days of adding.")
    lead_in = serializers.FloatField(allow_null=True, help_text="added ÷ scanned")
    service = serializers.FloatField(allow_null=True, help_text="served ÷ added")
    monetisation = serializers.FloatField(allow_null=True, help_text="monetised ÷ served")

    class Meta:
        ref_name = "RatesFigures"


class RatesAnswer(_Figures):
    as_of = serializers.DateTimeField()
    compared = _Figures(allow_null=True, help_text="Of the other period, as known now.")

    class Meta:
        ref_name = "RatesAnswer"


class RateReports(Report):
    """Of those who scanned in the period: how many were added, served, and bought."""

    parameters: ClassVar[Mapping[str, Mapping[str, Filter]]] = {
        "wecom_rates": {**COMPARE, **PERIOD}
    }
    serializer_class = RatesAnswer

    @extend_schema(responses=RatesAnswer)
    @action(detail=False, methods=["get"], url_path="wecom-rates")
    def wecom_rates(self, request: Request) -> Response:
        """Lead-in, service and monetisation of the contacts that scanned in the period."""
        question = self.asked(days=DAYS)
        return self.compared(question, _figures)


def _figures(question: Question) -> dict[str, object]:
    found = rates.report(question)
    return {
        **period(question),
        "scanned": found.scanned,
        "added": found.added,
        "served": found.served,
        "monetised": found.monetised,
        "lead_in": answers.number(found.lead_in),
        "service": answers.number(found.service),
        "monetisation": answers.number(found.monetisation),
    }
