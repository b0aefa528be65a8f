"""The OpenAPI description of what all resources share: keys, errors, ids, idempotency."""

from __future__ import annotations

from typing import Any, Literal

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from rest_framework import serializers

from tenants.rest import filters, idempotency
from tenants.rest.permissions import needed_ability


class _ErrorBody(serializers.Serializer):
    code = serializers.CharField(help_text="Stable, for programs.")
    message = serializers.CharField(help_text="A sentence, for people.")
    request_id = serializers.CharField(help_text="Also in the X-Request-ID header.")
    fields = serializers.DictField(  # type: ignore[assignment] # the contract's name
        child=serializers.ListField(child=serializers.CharField()),
        help_text="What is wrong, by field or parameter.",
    )

    class Meta:
        ref_name = "ErrorBody"


class ErrorSerializer(serializers.Serializer):
    """Every refused request."""

    error = _ErrorBody()


class ByApiKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "tenants.rest.authentication.ByApiKey"
    name = "apiKey"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "description": "An API key of the tenant."}


class BySessionScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "tenants.rest.authentication.BySession"
    name = "session"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, str]:
        return {
            "type": "apiKey",
            "in": "cookie",
            "name": "scrm_session",
            "description": "A signed-in member; writes need the X-CSRFToken header.",
        }


_IDEMPOTENCY_KEY = {
    "name": idempotency.HEADER,
    "in": "header",
    "schema": {"type": "string", "minLength": 1, "maxLength": 200},
    "description": "Repeating a request with the same key gives the stored answer (72 h).",
}


class ResourceSchema(AutoSchema):
    """What AutoSchema cannot know of our views."""

    def _get_parameters(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = super()._get_parameters()
        names = {each["name"] for each in found}
        own = [each for each in filters.schema_parameters(self.view) if each["name"] not in names]
        if self.method == "POST":
            own.append(_IDEMPOTENCY_KEY)
        return found + own

    def get_description(self) -> str:  # type: ignore[override] # drf-spectacular's signature
        ability = needed_ability(self.view, str(getattr(self.view, "action", "")), str(self.method))
        needs = f"Needs the scope `{ability}`." if ability else ""
        return "\n\n".join(filter(None, (super().get_description(), needs)))

    def _resolve_path_parameters(self, variables: list[str]) -> list[dict[str, Any]]:
        return [
            {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
            for name in variables
        ]

    def _get_response_bodies(
        self, direction: Literal["request", "response"] = "response"
    ) -> dict[str, Any]:
        bodies: dict[str, Any] = super()._get_response_bodies(direction)
        codes = ["400", "401", "403", "429"]
        if "{id}" in self.path:
            codes.append("404")
        if self.method in {"POST", "PATCH", "DELETE"}:
            codes += ["409", "413", "415", "422"] if self.method != "DELETE" else ["409"]
        for code in codes:
            if code not in bodies:
                bodies[code] = self._get_response_for_code(ErrorSerializer, code)  # type: ignore[no-untyped-call]
        return bodies
