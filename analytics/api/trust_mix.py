"""How much of the messages is service: `reports/trust-mix`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from analytics import answers, trust_mix
from analytics.api.base import COMPARE, PERIOD, PeriodFigures, Report, period
from analytics.periods import Question
from tenants.rest.filters import Filter


class _Bin(serializers.Serializer):
    at_least = serializers.FloatField()
    contacts = serializers.IntegerField()

    class Meta:
        ref_name = "TrustBin"


class _Sender(serializers.Serializer):
    group = serializers.CharField(
        allow_null=True, help_text="Who sent it; null: official accounts."
    )
    touches = serializers.IntegerField()
    gentle = serializers.IntegerField(help_text="Service and greeting.")
    mix = serializers.FloatField(allow_null=True)

    class Meta:
        ref_name = "TrustRow"


class _Figures(PeriodFigures):
    since = serializers.DateTimeField(help_text="30 days before the end of the period.")
    floor = serializers.FloatField(help_text="The least mix, a share of 1: a setting.")
    touches = serializers.IntegerField()
    gentle = serializers.IntegerField()
    mix = serializers.FloatField(allow_null=True, help_text="gentle ÷ touches, as in kpis.")
    contacts = serializers.IntegerField(help_text="Contacts who were sent at least one.")
    mean = serializers.FloatField(allow_null=True, help_text="Mean of the contacts' own mixes.")
    below = serializers.IntegerField(help_text="Contacts whose mix is under the floor.")
    distribution = _Bin(many=True)
    rows = _Sender(many=True)

    class Meta:
        ref_name = "TrustFigures"


class TrustAnswer(_Figures):
    as_of = serializers.DateTimeField()
    compared = _Figures(allow_null=True, help_text="Of the other period, as known now.")

    class Meta:
        ref_name = "TrustAnswer"


class TrustMixReports(Report):
    """How much of what was sent is service and greetings."""

    parameters: ClassVar[Mapping[str, Mapping[str, Filter]]] = {"trust_mix": {**COMPARE, **PERIOD}}
    serializer_class = TrustAnswer

    @extend_schema(responses=TrustAnswer)
    @action(detail=False, methods=["get"], url_path="trust-mix")
    def trust_mix(self, request: Request) -> Response:
        """Service and greetings ÷ all touches of the period's last 30 days."""
        question = self.asked()
        return self.compared(question, _figures)


def _figures(question: Question) -> dict[str, object]:
    found = trust_mix.report(question)
    return {
        **period(question),
        "since": answers.text_of_moment(found.since, question.span.zone),
        "floor": found.floor / 100,
        "touches": found.mix.touches,
        "gentle": found.mix.gentle,
        "mix": answers.number(found.mix.share),
        "contacts": found.contacts,
        "mean": answers.number(found.mean),
        "below": found.below,
        "distribution": [
            {"at_least": place / trust_mix.BINS, "contacts": heads}
            for place, heads in enumerate(found.distribution)
        ],
        "rows": [
            {
                "group": row.name,
                "touches": row.mix.touches,
                "gentle": row.mix.gentle,
                "mix": answers.number(row.mix.share),
            }
            for row in found.rows
        ],
    }
