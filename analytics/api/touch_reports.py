"""What came after messages: `reports/touches`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from analytics import answers, touches
from analytics.api.base import COMPARE, PERIOD, PeriodFigures, Report, one_of, period
from analytics.periods import Question
from tenants.rest.filters import Filter

_DAYS = 90


class _Row(serializers.Serializer):
    group = serializers.CharField(
        allow_null=True, help_text="A name; an hour 0–23; a weekday 1–7 from Monday; null: others."
    )
    planned = serializers.IntegerField(help_text="sent + failed + skipped + cancelled + open")
    sent = serializers.IntegerField()
    delivered = serializers.IntegerField(help_text="Those of the sent of which it is known.")
    failed = serializers.IntegerField()
    skipped = serializers.IntegerField()
    cancelled = serializers.IntegerField()
    open = serializers.IntegerField()
    reasons = serializers.DictField(
        child=serializers.IntegerField(), help_text="Of the failed and skipped, by reason."
    )
    contacts = serializers.IntegerField(help_text="Contacts who were sent at least one.")
    responded = serializers.IntegerField()
    response_rate = serializers.FloatField(allow_null=True)
    clicked = serializers.IntegerField()
    click_rate = serializers.FloatField(allow_null=True)
    ordered = serializers.IntegerField(help_text="Touches with an order after them.")
    order_rate = serializers.FloatField(allow_null=True)
    orders = serializers.IntegerField()
    revenue_after = serializers.CharField()
    margin_after = serializers.CharField()
    lost = serializers.IntegerField(help_text="Friends who ended it within 72 hours.")
    loss_rate = serializers.FloatField(allow_null=True)

    class Meta:
        ref_name = "TouchRow"


class _Figures(PeriodFigures):
    rows = _Row(many=True)
    total = _Row()
    best = serializers.CharField(
        allow_null=True, help_text="The group answered most, of those with 30 sent."
    )

    class Meta:
        ref_name = "TouchFigures"


class TouchAnswer(_Figures):
    as_of = serializers.DateTimeField()
    days = serializers.IntegerField(help_text="Orders within so many days after a touch.")
    compared = _Figures(allow_null=True, help_text="Of the other period, as known now.")

    class Meta:
        ref_name = "TouchAnswer"


class TouchReports(Report):
    """What came after messages, by what they were."""

    parameters: ClassVar[Mapping[str, Mapping[str, Filter]]] = {
        "touches": {
            "group": one_of(*touches.GROUPS),
            "days": one_of(*map(str, touches.DAYS)),
            **COMPARE,
            **PERIOD,
        }
    }
    serializer_class = TouchAnswer

    @extend_schema(responses=TouchAnswer)
    @action(detail=False, methods=["get"])
    def touches(self, request: Request) -> Response:
        """By SOP, step, broadcast, content, route, hour or weekday of sending."""
        given = self.given()
        question = self.asked(days=_DAYS, fresh=False)
        days = int(given.get("days") or touches.DAYS[0])
        group = given.get("group", touches.GROUPS[0])
        return self.compared(question, lambda asked: _figures(asked, group, days), days=days)


def _figures(question: Question, group: touches.Group, days: int) -> dict[str, object]:
    found = touches.report(question, group, days)
    return {
        **period(question),
        "rows": [_shown(row) for row in found.rows],
        "total": _shown(found.total),
        "best": found.best.name if found.best else None,
    }


def _shown(row: touches.Row) -> dict[str, object]:
    return {
        "group": row.name,
        "planned": row.planned,
        "sent": row.sent,
        "delivered": row.delivered,
        "failed": row.failed,
        "skipped": row.skipped,
        "cancelled": row.cancelled,
        "open": row.open,
        "reasons": row.reasons,
        "contacts": row.contacts,
        "responded": row.responded,
        "response_rate": answers.number(row.rate(row.responded)),
        "clicked": row.clicked,
        "click_rate": answers.number(row.rate(row.clicked)),
        "ordered": row.ordered,
        "order_rate": answers.number(row.rate(row.ordered)),
        "orders": row.orders,
        "revenue_after": answers.amount(row.revenue),
        "margin_after": answers.amount(row.margin),
        "lost": row.lost,
        "loss_rate": answers.number(row.rate(row.lost)),
    }
