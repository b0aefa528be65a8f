"""`accounts`: how the business is connected to WeChat, and how well. Nothing secret."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from tenants.models import WeChatAccount
from tenants.rest.fields import IdField
from tenants.rest.filters import Filter, flag, one_of
from tenants.rest.views import Listed
from tenants.roles import Can
from tenants.wechat import health
from tenants.wechat.health import Api, Condition


class AccountSerializer(serializers.ModelSerializer):
    """`kind` is wecom or oa; `problem` says why the account cannot call, empty when it can."""

    id = IdField()

    class Meta:
        model = WeChatAccount
        fields = (
            "id", "kind", "name", "app_id", "agent_id", "active", "problem", "echoed_at",
            "last_callback_at", "created_at",
        )  # fmt: skip


class RefusedSerializer(serializers.Serializer):
    """`errcode` null: no answer. `reaction`: what the product does about it."""

    errcode = serializers.IntegerField(allow_null=True)
    count = serializers.IntegerField()
    reaction = serializers.CharField()


class ApiSerializer(serializers.Serializer):
    """Calls of this minute, hour and day of China. `error_rate` of the day, 0 to 1."""

    api = serializers.CharField()
    minute = serializers.IntegerField()
    hour = serializers.IntegerField()
    day = serializers.IntegerField()
    error_rate = serializers.FloatField()
    refused = RefusedSerializer(many=True)
    blocked_until = serializers.DateTimeField(allow_null=True)

    class Meta:
        ref_name = "AccountApi"


class InboxSerializer(serializers.Serializer):
    """Callbacks: of the last hour and day (10,000 at most), still open, given up."""

    last_at = serializers.DateTimeField(allow_null=True)
    hour = serializers.IntegerField()
    day = serializers.IntegerField()
    open = serializers.IntegerField()
    dead = serializers.IntegerField()


class HealthSerializer(serializers.Serializer):
    """`status`: good, silent (no callback yet), problem or off. `apis` is null, and the token and
    the breaker unknown, while the counters are away."""

    status = serializers.ChoiceField(["good", "silent", "problem", "off"])
    problem = serializers.CharField()
    missing_permissions = serializers.ListField(child=serializers.CharField())
    token_until = serializers.DateTimeField(allow_null=True)
    breaker_open_until = serializers.DateTimeField(allow_null=True)
    callbacks = InboxSerializer()
    apis = ApiSerializer(many=True, allow_null=True)

    class Meta:
        ref_name = "AccountHealth"


class Accounts(Listed):
    """WeChat accounts of the business."""

    queryset = WeChatAccount.objects.all()
    serializer_class = AccountSerializer
    abilities: ClassVar[Mapping[str, Can]] = {"GET": Can.READ, "health": Can.READ}
    filters: ClassVar[Mapping[str, Filter]] = {
        "kind": one_of("kind", WeChatAccount.Kind.values),
        "active": flag("active"),
    }

    @extend_schema(responses=HealthSerializer)
    @action(detail=True, methods=["GET"])
    def health(self, request: Request, id: str) -> Response:
        """Token, callbacks, calls and refusals by API, and what rests until when."""
        condition = health.condition_of(self.get_object())
        return Response(HealthSerializer(shown(condition)).data)


def shown(condition: Condition) -> dict[str, Any]:
    line, inbox = condition.line, condition.inbox
    return {
        "status": condition.status,
        "problem": condition.account.problem,
        "missing_permissions": condition.missing,
        "token_until": line.token_until if line else None,
        "breaker_open_until": line.breaker_until if line else None,
        "callbacks": inbox,
        "apis": [_api(api) for api in line.apis] if line else None,
    }


def _api(api: Api) -> dict[str, Any]:
    return {
        "api": api.calls.api,
        "minute": api.calls.minute,
        "hour": api.calls.hour,
        "day": api.calls.day,
        "error_rate": round(api.calls.error_rate, 4),
        "refused": api.refused,
        "blocked_until": api.blocked_until,
    }
