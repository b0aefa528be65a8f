"""The overview over HTTP: `reports/overview`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from analytics import answers, overview, value
from analytics.api.alerts import AlertSerializer
from analytics.api.base import COMPARE, PERIOD, PeriodFigures, Report, period
from analytics.api.reports import FunnelStageSerializer
from analytics.overview import Overview
from analytics.periods import Question
from tenants.rest.filters import Filter

_STEPS = ("scanned", "added", "served", "monetised")
_SHARES = ("lead_in", "service", "monetisation")


class _Assets(serializers.Serializer):
    opening = serializers.IntegerField()
    acquired = serializers.IntegerField()
    returned = serializers.IntegerField()
    lost_by_customer = serializers.IntegerField()
    lost_by_staff = serializers.IntegerField()
    closing = serializers.IntegerField()

    class Meta:
        ref_name = "OverviewAssets"


class _Rates(serializers.Serializer):
    scanned = serializers.IntegerField()
    added = serializers.IntegerField()
    served = serializers.IntegerField()
    monetised = serializers.IntegerField()
    lead_in = serializers.FloatField(allow_null=True)
    service = serializers.FloatField(allow_null=True)
    monetisation = serializers.FloatField(allow_null=True)

    class Meta:
        ref_name = "OverviewRates"


class _Channel(serializers.Serializer):
    channel = serializers.CharField()
    cost = serializers.CharField(allow_null=True)
    new_customers = serializers.IntegerField()
    ltv_cac = serializers.FloatField()
    ltv_cac_days = serializers.IntegerField()

    class Meta:
        ref_name = "OverviewChannel"


class _Figures(PeriodFigures):
    revenue = serializers.CharField(help_text="Of paid orders, net of refunds.")
    orders = serializers.IntegerField()
    cost = serializers.CharField(allow_null=True)
    new_contacts = serializers.IntegerField()
    new_customers = serializers.IntegerField()
    cac = serializers.CharField(allow_null=True)
    ltv_cac = serializers.FloatField(allow_null=True)
    ltv_cac_days = serializers.IntegerField(allow_null=True)
    assets = _Assets()
    rates = _Rates()
    funnel = FunnelStageSerializer(many=True)
    best_channel = _Channel(allow_null=True, help_text="By LTV : CAC.")
    worst_channel = _Channel(allow_null=True)

    class Meta:
        ref_name = "OverviewFigures"


class OverviewAnswer(_Figures):
    as_of = serializers.DateTimeField()
    open_alerts = serializers.IntegerField(help_text="That nobody has seen to, of any day.")
    alerts = AlertSerializer(many=True, help_text="The latest of them.")
    compared = _Figures(allow_null=True, help_text="Of the other period, as known now.")

    class Meta:
        ref_name = "OverviewAnswer"


class OverviewReports(Report):
    """What an owner looks at first; each figure equals that of its own report."""

    parameters: ClassVar[Mapping[str, Mapping[str, Filter]]] = {
        "overview": {**COMPARE, **PERIOD},
    }
    serializer_class = OverviewAnswer

    @extend_schema(responses=OverviewAnswer)
    @action(detail=False, methods=["get"])
    def overview(self, request: Request) -> Response:
        """Money, friends, the three rates, the funnel, channels and open alerts."""
        question = self.asked(days=overview.DAYS)
        latest, still = overview.alerts()
        alerts = AlertSerializer(latest, many=True).data
        return self.compared(question, _read, open_alerts=still, alerts=alerts)


def _read(question: Question) -> dict[str, object]:
    return told(question, answers.steadily(lambda: overview.report(question)))


def told(question: Question, found: Overview) -> dict[str, object]:
    money = answers.of_row(found.money)
    same = ("cost", "new_contacts", "new_customers", "cac", "ltv_cac", "ltv_cac_days")
    return {
        **period(question),
        "revenue": answers.amount(found.revenue),
        "orders": found.orders,
        **{name: money[name] for name in same},
        "assets": {line: getattr(found.assets, line) for line in overview.ASSETS},
        "rates": {
            **{step: getattr(found.rates, step) for step in _STEPS},
            **{share: answers.number(getattr(found.rates, share)) for share in _SHARES},
        },
        "funnel": [answers.of_step(step) for step in found.steps],
        "best_channel": _channel(found.best),
        "worst_channel": _channel(found.worst),
    }


def _channel(row: value.Row | None) -> dict[str, object] | None:
    if row is None:
        return None
    told = answers.of_row(row)
    same = ("cost", "new_customers", "ltv_cac", "ltv_cac_days")
    return {"channel": row.name, **{name: told[name] for name in same}}
