"""Bases of our serializers: what a client may not set is refused by name, never dropped."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _
from rest_framework import serializers


class StrictSerializer(serializers.Serializer):
    """Unknown fields are 400. Read-only fields may be sent back, and change nothing."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping):
            unknown = sorted(str(name)[:100] for name in data if name not in self.fields)
            if unknown:
                raise serializers.ValidationError({name: [_("Unknown field.")] for name in unknown})
        return super().to_internal_value(data)


class StrictModelSerializer(StrictSerializer, serializers.ModelSerializer):
    """The same over a model. Unique constraints are the database's affair: 409."""

    def get_unique_together_constraints(self, model: Any) -> Any:
        return iter(())

    def get_validators(self) -> list[Any]:
        return []
