"""`targets`: what figures should be, by month, of the tenant, a team or one person."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from analytics import targets
from analytics.models.goals import Kpi, Target
from tenants import audit
from tenants.models import Staff, Team
from tenants.rest.fields import IdField, Reference, of
from tenants.rest.filters import Filter, one_of
from tenants.rest.serializers import StrictModelSerializer
from tenants.rest.views import Editable
from tenants.roles import Can


@extend_schema_field({"type": "string", "pattern": r"^\d{4}-\d{2}$", "example": "2026-03"})
class MonthField(serializers.Field[Any, Any, Any, Any]):
    """`YYYY-MM`."""

    def to_internal_value(self, data: object) -> datetime.date:
        try:
            return targets.month(data if isinstance(data, str) else "")
        except ValueError as error:
            raise serializers.ValidationError(str(error)) from None

    def to_representation(self, value: datetime.date) -> str:
        return f"{value:%Y-%m}"


class TargetSerializer(StrictModelSerializer):
    """Money in units of the tenant's currency, rates as shares of 1."""

    id = IdField()
    metric = serializers.ChoiceField(Kpi.choices)
    month = MonthField()
    team = Reference(Team.objects.all, required=False, allow_null=True)
    staff = Reference(Staff.objects.all, required=False, allow_null=True)
    value = serializers.DecimalField(max_digits=18, decimal_places=6, min_value=0)

    class Meta:
        model = Target
        fields = ("id", "metric", "month", "team", "staff", "value", "created_at", "updated_at")
        read_only_fields = ("created_at", "updated_at")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        stored = {
            name: getattr(self.instance, name, None)
            for name in ("metric", "team", "staff", "value")
        }
        if wrong := targets.wrong(stored | attrs):
            raise serializers.ValidationError({name: [text] for name, text in wrong.items()})
        return attrs


class Targets(Editable):
    """What figures should be in a calendar month."""

    queryset = Target.objects.all()
    serializer_class = TargetSerializer
    abilities: ClassVar[Mapping[str, Can]] = {
        "GET": Can.REPORT, "POST": Can.CONFIGURE, "PATCH": Can.CONFIGURE, "DELETE": Can.CONFIGURE,
    }  # fmt: skip
    filters: ClassVar[Mapping[str, Filter]] = {
        "metric": one_of("metric", Kpi.choices),
        "month": Filter(MonthField(), lambda rows, month: rows.filter(month=month)),
        "team": of("team_id"),
        "staff": of("staff_id"),
    }

    def perform_create(self, serializer: Any) -> None:
        audit.record("target.created", serializer.save(), request=self.request)

    def perform_update(self, serializer: Any) -> None:
        row = serializer.save()
        fields: list[object] = sorted(serializer.validated_data)
        audit.record("target.changed", row, request=self.request, detail={"fields": fields})

    def perform_destroy(self, instance: Any) -> None:
        audit.record("target.deleted", instance, request=self.request)
        instance.delete()
