"""`staff` and `teams`: the people of the tenant who talk to customers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from tenants import audit
from tenants.models import Staff, Team
from tenants.rest.fields import IdField, Reference, StrictBoolean, Text, of
from tenants.rest.filters import Filter, equals, flag
from tenants.rest.serializers import StrictModelSerializer
from tenants.rest.views import Editable
from tenants.roles import Can


def word(text: str) -> str:
    """A userid or the name of a team: no control characters, not blank."""
    text = text.strip()
    if not text:
        raise ValueError(_("This must not be blank."))
    return plain(text)


def plain(text: str) -> str:
    if any(character < " " or character == "\x7f" for character in text):
        raise ValueError(_("Control characters are not allowed."))
    return text


class TeamSerializer(StrictModelSerializer):
    id = IdField()
    name = Text(word, max_length=100)

    class Meta:
        model = Team
        fields = ("id", "name")


class StaffSerializer(StrictModelSerializer):
    """A staff member. `userid` is the WeCom one and never changes."""

    id = IdField()
    userid = Text(word, max_length=64)
    name = Text(plain, max_length=100, required=False, allow_blank=True)
    team = Reference(Team.objects.all, required=False, allow_null=True)
    active = StrictBoolean(required=False)

    class Meta:
        model = Staff
        fields = ("id", "userid", "name", "team", "active", "created_at")
        read_only_fields = ("created_at",)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if (
            self.instance is not None
            and attrs.get("userid", self.instance.userid) != self.instance.userid
        ):
            raise serializers.ValidationError({"userid": [_("The userid never changes.")]})
        return attrs


class _Managed(Editable):
    """Changed by those who manage the tenant; every change is in the audit log."""

    abilities: ClassVar[Mapping[str, Can]] = {
        "GET": Can.READ, "POST": Can.MANAGE, "PATCH": Can.MANAGE, "DELETE": Can.MANAGE,
    }  # fmt: skip
    noun: ClassVar[str]

    def perform_create(self, serializer: Any) -> None:
        row = serializer.save()
        audit.record(f"{self.noun}.created", row, request=self.request)

    def perform_update(self, serializer: Any) -> None:
        row = serializer.save()
        fields: list[object] = sorted(serializer.validated_data)
        audit.record(f"{self.noun}.changed", row, request=self.request, detail={"fields": fields})

    def perform_destroy(self, instance: Any) -> None:
        audit.record(f"{self.noun}.deleted", instance, request=self.request)
        instance.delete()


class Teams(_Managed):
    """Teams and stores."""

    queryset = Team.objects.all()
    serializer_class = TeamSerializer
    noun = "team"


class StaffMembers(_Managed):
    """People of the tenant. One who has friends or leads is deactivated, not deleted."""

    queryset = Staff.objects.all()
    serializer_class = StaffSerializer
    noun = "staff"
    filters: ClassVar[Mapping[str, Filter]] = {
        "userid": equals("userid"),
        "active": flag("active"),
        "team": of("team_id"),
    }
