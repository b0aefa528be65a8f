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
from analytics.api.base import PERIOD, Report
from tenants.rest.filters import Filter

DAYS = 90


class RatesAnswer(serializers.Serializer):
    as_of = serializers.DateTimeField()
    scanned = serializers.IntegerField(help_text="Contacts that scanned a live code.")
    added = serializers.IntegerField(help_text="Of them, befriended within 7 days.")
    served = serializers.IntegerField(help_text="Of them, who wrote and were written to in 7 days.")
    monetised = serializers.IntegerField(help_text="Of them, who paid within 30 days of adding.")
    lead_in = serializers.FloatField(allow_null=True, help_text="added ÷ scanned")
    service = serializers.FloatField(allow_null=True, help_text="served ÷ added")
    monetisation = serializers.FloatField(allow_null=True, help_text="monetised ÷ served")


class RateReports(Report):
    """Of those who scanned in the period: how many were added, served, and bought."""

    parameters: ClassVar[Mapping[str, Mapping[str, Filter]]] = {"wecom_rates": PERIOD}
    serializer_class = RatesAnswer

    @extend_schema(responses=RatesAnswer)
    @action(detail=False, methods=["get"], url_path="wecom-rates")
    def wecom_rates(self, request: Request) -> Response:
        """Lead-in, service and monetisation of the contacts that scanned in the period."""
        question = self.asked(days=DAYS)
        found = rates.report(question)
        return self.answer(
            question,
            scanned=found.scanned,
            added=found.added,
            served=found.served,
            monetised=found.monetised,
            lead_in=answers.number(found.lead_in),
            service=answers.number(found.service),
            monetisation=answers.number(found.monetisation),
        )
