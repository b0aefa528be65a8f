"""Who earned the orders, over HTTP: `reports/attribution`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from analytics import answers, attribution
from analytics.api.base import COMPARE, PERIOD, PeriodFigures, Report, one_of, period
from analytics.attribution import MODELS, WINDOWS, Row
from analytics.exact import apportioned
from analytics.periods import Question
from tenants import money
from tenants.rest.filters import Filter

_DAYS: Final = 90


class _Credit(serializers.Serializer):
    orders = serializers.FloatField(help_text="Shares of orders.")
    revenue = serializers.CharField()
    margin = serializers.CharField()
    roi = serializers.FloatField(allow_null=True, help_text="(margin − cost) ÷ cost")

    class Meta:
        ref_name = "AttributionCredit"


class _Models(serializers.Serializer):
    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        return {model: _Credit() for model in MODELS}

    class Meta:
        ref_name = "AttributionModels"


class _Row(serializers.Serializer):
    group = serializers.CharField(allow_null=True, help_text="null: orders without a point.")
    cost = serializers.CharField(allow_null=True)
    models = _Models()

    class Meta:
        ref_name = "AttributionRow"


class _Figures(PeriodFigures):
    rows = _Row(many=True)
    total = _Row()

    class Meta:
        ref_name = "AttributionFigures"


class AttributionAnswer(_Figures):
    as_of = serializers.DateTimeField()
    days = serializers.IntegerField(help_text="Points within so many days before an order.")
    compared = _Figures(allow_null=True, help_text="Of the other period, as known now.")

    class Meta:
        ref_name = "AttributionAnswer"


class Attribution(Report):
    """Orders shared among what met the buyer before: first, last, linear, position (40/20/40)."""

    parameters: ClassVar[Mapping[str, Mapping[str, Filter]]] = {
        "attribution": {
            "group": one_of(*attribution.GROUPS),
            "days": one_of(*map(str, WINDOWS)),
            **COMPARE,
            **PERIOD,
        },
    }
    serializer_class = AttributionAnswer

    @extend_schema(responses=AttributionAnswer)
    @action(detail=False, methods=["get"])
    def attribution(self, request: Request) -> Response:
        """By channel, live code, campaign or content; rows sum up to all paid orders."""
        question = self.asked(days=_DAYS)
        given = self.given()
        days = int(given.get("days", WINDOWS[0]))
        group = given.get("group", attribution.GROUPS[0])
        return self.compared(question, lambda asked: _figures(asked, group, days), days=days)


def _figures(question: Question, group: attribution.Group, days: int) -> dict[str, object]:
    rows = answers.steadily(lambda: attribution.report(question, group, days))
    return {**period(question), "rows": _shown(rows), "total": _shown_total(rows)}


def _shown(rows: Sequence[Row]) -> list[dict[str, object]]:
    """Money in whole fen that sums up to the total."""
    worth = {
        model: list(
            zip(
                apportioned([row.credits[model].revenue for row in rows]),
                apportioned([row.credits[model].margin for row in rows]),
                strict=True,
            )
        )
        for model in MODELS
    }
    return [
        {
            "group": row.name,
            "cost": answers.amount(row.cost),
            "models": {
                model: {
                    "orders": answers.number(row.credits[model].orders),
                    "revenue": money.text(worth[model][place][0]),
                    "margin": money.text(worth[model][place][1]),
                    "roi": answers.number(row.roi(model)),
                }
                for model in MODELS
            },
        }
        for place, row in enumerate(rows)
    ]


def _shown_total(rows: Sequence[Row]) -> dict[str, object]:
    return _shown([attribution.total(rows)])[0]
