"""Losses over HTTP: `reports/losses`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from analytics import answers, losses
from analytics.api.base import COMPARE, PERIOD, PeriodFigures, Report, one_of, period
from analytics.periods import Question
from tenants.rest.filters import Filter

_DAYS = 90


class _After(serializers.Serializer):
    observed = serializers.IntegerField(help_text="Follows observed for at least that long.")
    lost = serializers.IntegerField()
    by_customer = serializers.IntegerField()
    share = serializers.FloatField(allow_null=True)

    class Meta:
        ref_name = "LossAfter"


class _ByDays(serializers.Serializer):
    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        return {str(days): _After() for days in losses.DAYS}

    class Meta:
        ref_name = "LossesByDays"


class _Row(serializers.Serializer):
    group = serializers.CharField(allow_null=True)
    opened = serializers.IntegerField()
    after = _ByDays()

    class Meta:
        ref_name = "LossRow"


class _Figures(PeriodFigures):
    rows = _Row(many=True)
    total = _Row()

    class Meta:
        ref_name = "LossFigures"


class LossAnswer(_Figures):
    as_of = serializers.DateTimeField()
    compared = _Figures(allow_null=True, help_text="Of the other period, as known now.")

    class Meta:
        ref_name = "LossAnswer"


class LossReports(Report):
    """How many of the Follows opened in a period were lost within N days."""

    parameters: ClassVar[Mapping[str, Mapping[str, Filter]]] = {
        "losses": {"group": one_of(*losses.GROUPS), **COMPARE, **PERIOD},
    }
    serializer_class = LossAnswer

    @extend_schema(responses=LossAnswer)
    @action(detail=False, methods=["get"])
    def losses(self, request: Request) -> Response:
        """By channel, staff, live code or source; `staff` and `team` mean the friends' own."""
        group = self.given().get("group", "channel")
        question = self.asked(days=_DAYS)
        return self.compared(question, lambda asked: _figures(asked, group))


def _figures(question: Question, group: losses.Group) -> dict[str, object]:
    rows = answers.steadily(lambda: losses.report(question, group))
    return {
        **period(question),
        "rows": [_shown(row) for row in rows],
        "total": _shown(losses.total(rows)),
    }


def _shown(row: losses.Row) -> dict[str, object]:
    return {
        "group": row.name,
        "opened": row.opened,
        "after": {
            str(days): {
                "observed": after.observed,
                "lost": after.lost,
                "by_customer": after.by_customer,
                "share": answers.number(after.share),
            }
            for days, after in row.after.items()
        },
    }
