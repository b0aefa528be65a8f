"""The statement of user assets over HTTP: `reports/user-assets`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from analytics import answers
from analytics.api.base import COMPARE, PERIOD, PeriodFigures, Report, one_of, period
from analytics.assets import statement
from analytics.periods import Question
from tenants.rest.filters import Filter


class _Row(serializers.Serializer):
    group = serializers.CharField(
        allow_null=True,
        help_text="L1, L2 or L3; userid of a guide; name of a channel or team. null: none.",
    )
    opening = serializers.IntegerField(help_text="Reachable just before `from`.")
    acquired = serializers.IntegerField(help_text="Reachable for the first time.")
    returned = serializers.IntegerField(help_text="Reachable again.")
    lost_by_customer = serializers.IntegerField()
    lost_by_staff = serializers.IntegerField(help_text="By staff, by hand-over, or not known.")
    moved_in = serializers.IntegerField(help_text="From another level; by staff: handed over.")
    moved_out = serializers.IntegerField()
    closing = serializers.IntegerField(help_text="Reachable just before `to`.")
    value = serializers.CharField(
        allow_null=True, help_text="Predicted LTV of those at closing; null without a model."
    )

    class Meta:
        ref_name = "UserAssetRow"


class _Figures(PeriodFigures):
    rows = _Row(many=True)

    class Meta:
        ref_name = "UserAssetFigures"


class UserAssetAnswer(_Figures):
    as_of = serializers.DateTimeField()
    compared = _Figures(allow_null=True, help_text="Of the other period, as known now.")

    class Meta:
        ref_name = "UserAssetAnswer"


class AssetReports(Report):
    """Opening, changes and closing of the contacts that can be reached."""

    parameters: ClassVar[Mapping[str, Mapping[str, Filter]]] = {
        "user_assets": {"group": one_of(*statement.GROUPS), **COMPARE, **PERIOD},
    }
    serializer_class = UserAssetAnswer

    @extend_schema(responses=UserAssetAnswer)
    @action(detail=False, methods=["get"], url_path="user-assets")
    def user_assets(self, request: Request) -> Response:
        """By ownership level and channel in contacts; by staff and team in their Follows."""
        group = self.given().get("group", statement.GROUPS[0])
        return self.compared(self.asked(), lambda question: _figures(question, group))


def _figures(question: Question, group: statement.Group) -> dict[str, object]:
    rows = answers.of_assets(question, group)
    names = statement.names(group, rows)
    return {**period(question), "rows": [_shown(row, names) for row in rows]}


def _shown(row: statement.Row, names: statement.Names) -> dict[str, object]:
    name = None if row.key is None else names[row.key][0]
    figures = {line: getattr(row, line) for line in statement.LINES}
    return {"group": name, **figures, "value": answers.amount(row.value)}
