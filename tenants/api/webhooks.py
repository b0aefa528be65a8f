"""`webhooks`: addresses that are told what happens, and what became of each message."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from tenants import audit, ids
from tenants.api.staff import plain
from tenants.models import WebhookDelivery, WebhookEndpoint
from tenants.rest import errors, idempotency
from tenants.rest.fields import IdField, Moment, Reference, StrictBoolean, Text
from tenants.rest.filters import Filter, equals, flag, one_of, since, until
from tenants.rest.pages import Cursor
from tenants.rest.renderers import FastJSON
from tenants.rest.serializers import StrictModelSerializer, StrictSerializer
from tenants.rest.views import Editable
from tenants.roles import Can
from tenants.webhooks import addresses, keeping


def _address(text: str) -> str:
    try:
        return addresses.check(text)
    except ValidationError as error:
        raise ValueError(" ".join(error.messages)) from None


class WebhookSerializer(StrictModelSerializer):
    """`failing_since`: the first failure after the last success. `stopped_because` is gone (it
    answered 410) or failing (for three days), empty unless we switched it off ourselves."""

    id = IdField()
    url = Text(_address, max_length=500)
    description = Text(plain, max_length=200, required=False, allow_blank=True)
    types = serializers.ListField(child=serializers.CharField(max_length=40), max_length=100)
    enabled = StrictBoolean(required=False)

    class Meta:
        model = WebhookEndpoint
        fields = (
            "id", "url", "description", "types", "enabled", "stopped_because", "stopped_at",
            "failing_since", "previous_until", "created_at",
        )  # fmt: skip
        read_only_fields = (
            "stopped_because", "stopped_at", "failing_since", "previous_until", "created_at",
        )  # fmt: skip

    def validate_types(self, value: list[str]) -> list[str]:
        try:
            return keeping.known(value)
        except ValidationError as error:
            raise serializers.ValidationError(error.messages) from None

    def create(self, validated_data: dict[str, Any]) -> WebhookEndpoint:
        try:
            endpoint = keeping.make(
                validated_data["url"],
                validated_data["types"],
                validated_data.get("description", ""),
            )
        except ValidationError as error:
            raise errors.Conflict(" ".join(error.messages), "too_many") from None
        if validated_data.get("enabled") is False:
            endpoint.enabled = False
            keeping.change(endpoint)
        return endpoint

    def update(self, instance: WebhookEndpoint, validated_data: dict[str, Any]) -> WebhookEndpoint:
        for name, value in validated_data.items():
            setattr(instance, name, value)
        keeping.change(instance)
        return instance


class WebhookWithSecretSerializer(WebhookSerializer):
    """`secret` is shown this once. It verifies the signatures of the messages."""

    secret = serializers.CharField(read_only=True)

    class Meta(WebhookSerializer.Meta):
        fields = (*WebhookSerializer.Meta.fields, "secret")  # type: ignore[assignment] # one more


class DeliverySerializer(serializers.ModelSerializer):
    """`next_at`: when it is tried next. `problem` is a code, empty after a success."""

    id = IdField()

    class Meta:
        model = WebhookDelivery
        fields = (
            "id", "event_id", "type", "body", "state", "attempts", "next_at", "last_at",
            "last_status", "last_ms", "problem", "created_at",
        )  # fmt: skip
        ref_name = "WebhookDelivery"


class ReplaySerializer(StrictSerializer):
    """One delivery; or all that were given up, of events from `since` on."""

    delivery = Reference(WebhookDelivery.objects.all, required=False)
    since = Moment(required=False)

    class Meta:
        ref_name = "WebhookReplay"

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if len(attrs) != 1:
            raise errors.invalid(delivery=_("Give either delivery or since."))
        return attrs


class ReplayedSerializer(serializers.Serializer):
    queued = serializers.IntegerField()

    class Meta:
        ref_name = "WebhookReplayed"


class NoBodySerializer(StrictSerializer):
    """No body."""

    class Meta:
        ref_name = "WebhookNothing"


class _Deliveries:
    orderings: ClassVar[Mapping[str, Any]] = {}
    default_ordering = "-id"


class Webhooks(Editable):
    """Addresses that are told what happens, by messages as Standard Webhooks has them."""

    queryset = WebhookEndpoint.objects.all()
    serializer_class = WebhookSerializer
    abilities: ClassVar[Mapping[str, Can]] = dict.fromkeys(
        ("GET", "POST", "PATCH", "DELETE"), Can.MANAGE
    )
    filters: ClassVar[Mapping[str, Filter]] = {"enabled": flag("enabled")}
    parameters: ClassVar[Mapping[str, Mapping[str, Filter]]] = {
        "deliveries": {
            "state": one_of("state", WebhookDelivery.State.choices),
            "type": equals("type", 40),
            "event_id": equals("event_id"),
            "created_after": since("created_at", Moment()),
            "created_before": until("created_at", Moment()),
        }
    }

    def paged_actions(self) -> set[str]:
        return {"list", "deliveries"}

    @extend_schema(request=WebhookSerializer, responses={201: WebhookWithSecretSerializer})
    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Make one. The answer has the secret, which is shown this once."""
        given = WebhookSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        endpoint = given.save()
        self._note("created", endpoint)
        return self._with_secret(endpoint, 201)

    def perform_update(self, serializer: Any) -> None:
        endpoint = serializer.save()
        self._note("changed", endpoint, fields=sorted(serializer.validated_data))

    def perform_destroy(self, instance: WebhookEndpoint) -> None:
        self._note("deleted", instance)
        keeping.delete(instance)

    def _note(self, verb: str, endpoint: WebhookEndpoint, **detail: object) -> None:
        audit.record(f"webhook.{verb}", endpoint, request=self.request, detail=detail)

    def _with_secret(self, endpoint: WebhookEndpoint, status: int) -> Response:
        """A repeated request (Idempotency-Key) gets the same answer without it: no secret is
        stored in the clear."""
        claim, self.claim = self.claim, None
        if claim is not None:
            body = FastJSON().render(WebhookSerializer(endpoint).data)
            kept = HttpResponse(body, status=status, content_type="application/json")
            idempotency.keep(claim, kept)
        return Response(WebhookWithSecretSerializer(endpoint).data, status=status)

    @extend_schema(request=NoBodySerializer, responses=WebhookWithSecretSerializer)
    @action(detail=True, methods=["POST"])
    def rotate(self, request: Request, id: str) -> Response:
        """A new secret, shown this once. For 24 hours messages are signed with the old one too."""
        endpoint = self.get_object()
        NoBodySerializer(data=request.data).is_valid(raise_exception=True)
        keeping.new_secret(endpoint)
        self._note("secret_renewed", endpoint)
        return self._with_secret(endpoint, 200)

    @extend_schema(request=NoBodySerializer, responses={202: DeliverySerializer})
    @action(detail=True, methods=["POST"])
    def test(self, request: Request, id: str) -> Response:
        """Send a message of the type webhook.test."""
        endpoint = self.get_object()
        NoBodySerializer(data=request.data).is_valid(raise_exception=True)
        try:
            delivery = keeping.test(endpoint)
        except ValidationError as error:
            raise errors.Conflict(" ".join(error.messages), "switched_off") from None
        self._note("tested", endpoint)
        return Response(DeliverySerializer(delivery).data, status=202)

    @extend_schema(responses=DeliverySerializer(many=True))
    @action(detail=True, methods=["GET"])
    def deliveries(self, request: Request, id: str) -> Response:
        """Its messages of the last 30 days, the newest first."""
        rows = WebhookDelivery.objects.filter(endpoint=self.get_object())
        declared, given = self.parameters["deliveries"], self.given()
        for name, value in given.items():
            apply = declared[name].apply
            rows = apply(rows, value) if apply is not None else rows
        pages = Cursor()
        found = pages.page(rows, request, _Deliveries)
        return pages.get_paginated_response(list(DeliverySerializer(found, many=True).data))

    @extend_schema(request=ReplaySerializer, responses={202: ReplayedSerializer})
    @action(detail=True, methods=["POST"])
    def replay(self, request: Request, id: str) -> Response:
        """Send once more, under the same event ids: one delivery, or all that were given up."""
        endpoint = self.get_object()
        body = ReplaySerializer(data=request.data)
        body.is_valid(raise_exception=True)
        one = body.validated_data.get("delivery")
        rows = keeping.failed(endpoint, body.validated_data.get("since"))
        if one is not None:
            rows = WebhookDelivery.objects.filter(endpoint=endpoint, pk=one.pk)
            if not rows.exists():
                raise errors.invalid(delivery=_("This is not a delivery of the webhook."))
        queued = keeping.again(rows)
        detail = {"delivery": ids.encode(one.pk)} if one is not None else {}
        self._note("replayed", endpoint, queued=queued, **detail)
        return Response({"queued": queued}, status=202)
