"""`alert-rules` and `alerts`: which figures are watched, and what was found."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from django.core.exceptions import ValidationError
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from analytics.alerts import checks
from analytics.models.alerts import Alert, AlertRecipient, AlertRule
from analytics.models.goals import Kpi
from tenants import audit
from tenants.models import Staff, User
from tenants.rest import errors
from tenants.rest.fields import IdField, Reference, References, StrictBoolean, of
from tenants.rest.filters import Filter, one_of, since, until
from tenants.rest.serializers import StrictModelSerializer, StrictSerializer
from tenants.rest.views import Editable, Listed
from tenants.roles import Can

_WATCH: Mapping[str, Can] = {
    "GET": Can.REPORT, "POST": Can.CONFIGURE, "PATCH": Can.CONFIGURE, "DELETE": Can.CONFIGURE,
}  # fmt: skip


class AlertRuleSerializer(StrictModelSerializer):
    id = IdField()
    metric = serializers.ChoiceField(Kpi.choices)
    kind = serializers.ChoiceField(AlertRule.Kind.choices)
    direction = serializers.ChoiceField(
        AlertRule.Direction.choices, required=False, help_text="Of off days."
    )
    pace_below = serializers.IntegerField(
        min_value=1, max_value=200, required=False, help_text="Of kind `pace`: per cent."
    )
    active = StrictBoolean(required=False)
    recipients = References(Staff.objects.all, required=False, help_text="Told by app message.")

    class Meta:
        model = AlertRule
        fields = (
            "id", "metric", "kind", "direction", "pace_below", "active", "recipients",
            "snoozed_until", "created_at",
        )  # fmt: skip
        read_only_fields = ("snoozed_until", "created_at")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        stored = {name: getattr(self.instance, name, None) for name in ("metric", "kind")}
        if wrong := checks.refuse(stored | attrs):
            raise serializers.ValidationError({name: [text] for name, text in wrong.items()})
        return attrs

    def create(self, validated_data: dict[str, Any]) -> AlertRule:
        staff = validated_data.pop("recipients", [])
        rule = AlertRule.objects.create(**validated_data)
        return self._settled(rule, staff)

    def update(self, instance: AlertRule, validated_data: dict[str, Any]) -> AlertRule:
        staff = validated_data.pop("recipients", None)
        for name, value in validated_data.items():
            setattr(instance, name, value)
        instance.save()
        return self._settled(instance, staff)

    def _settled(self, rule: AlertRule, staff: list[Staff] | None) -> AlertRule:
        if staff is not None:
            AlertRecipient.objects.filter(rule=rule).exclude(staff__in=staff).delete()
            rows = [AlertRecipient(rule=rule, staff=each) for each in staff]
            AlertRecipient.objects.bulk_create(rows, ignore_conflicts=True)
        if rule.active:
            checks.begin(rule)
        return rule


class AlertSerializer(StrictModelSerializer):
    id = IdField()
    rule = Reference(AlertRule.objects.all, read_only=True)

    class Meta:
        model = Alert
        fields = (
            "id", "rule", "day", "metric", "kind", "value", "expected", "steps", "silent", "state",
            "acknowledged_at", "created_at",
        )  # fmt: skip
        read_only_fields = fields


class SnoozeSerializer(StrictSerializer):
    until = serializers.DateField(help_text="The first day that is told again.")


class NothingSerializer(StrictSerializer):
    """No body."""

    class Meta:
        ref_name = "NothingToSay"


class AlertRules(Editable):
    """Figures of the business that are watched day by day."""

    queryset = AlertRule.objects.prefetch_related("recipients")
    serializer_class = AlertRuleSerializer
    abilities = _WATCH
    filters: ClassVar[Mapping[str, Filter]] = {
        "metric": one_of("metric", Kpi.choices),
        "kind": one_of("kind", AlertRule.Kind.choices),
    }

    def perform_create(self, serializer: Any) -> None:
        audit.record("alert_rule.created", serializer.save(), request=self.request)

    def perform_update(self, serializer: Any) -> None:
        row = serializer.save()
        fields: list[object] = sorted(serializer.validated_data)
        audit.record("alert_rule.changed", row, request=self.request, detail={"fields": fields})

    def perform_destroy(self, instance: Any) -> None:
        audit.record("alert_rule.deleted", instance, request=self.request)
        instance.delete()

    @extend_schema(request=SnoozeSerializer, responses=AlertRuleSerializer)
    @action(detail=True, methods=["post"])
    def snooze(self, request: Request, id: str) -> Response:
        """Tell nobody of the days before `until`; alerts go on being listed."""
        rule = self.get_object()
        body = SnoozeSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        try:
            checks.snooze(rule, body.validated_data["until"])
        except ValidationError as error:
            raise errors.invalid(until=" ".join(error.messages)) from None
        audit.record("alert_rule.snoozed", rule, request=request)
        return Response(AlertRuleSerializer(rule).data)


class Alerts(Listed):
    """What was found, the latest first."""

    queryset = Alert.objects.all()
    serializer_class = AlertSerializer
    abilities = _WATCH
    filters: ClassVar[Mapping[str, Filter]] = {
        "rule": of("rule_id"),
        "metric": one_of("metric", Kpi.choices),
        "state": one_of("state", Alert.State.choices),
        "from": since("day", serializers.DateField()),
        "to": until("day", serializers.DateField()),
    }

    @extend_schema(request=NothingSerializer, responses=AlertSerializer)
    @action(detail=True, methods=["post"])
    def acknowledge(self, request: Request, id: str) -> Response:
        """Somebody has seen to it: whoever was not told yet is not told."""
        alert = self.get_object()
        NothingSerializer(data=request.data).is_valid(raise_exception=True)
        user = request.user if isinstance(request.user, User) else None
        checks.acknowledge(alert, user)
        audit.record("alert.acknowledged", alert, request=request)
        return Response(AlertSerializer(alert).data)
