"""`stages`: the steps of the tenant's journey, their entry rules, and moves by hand."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db.models import ProtectedError
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from contacts.models import Contact
from journeys import entry_rules, stages
from journeys.models import Purpose, Stage, StageMove
from tenants import audit
from tenants.models import User
from tenants.rest.errors import Conflict
from tenants.rest.fields import IdField, Moment, Reference, StrictBoolean, of
from tenants.rest.pages import Ordering
from tenants.rest.permissions import staff_to_limit_by
from tenants.rest.serializers import StrictModelSerializer, StrictSerializer
from tenants.rest.views import Editable, Listed
from tenants.roles import Can


class EntryRule(serializers.JSONField):
    """An entry rule: see journeys/entry_rules.py for its language."""

    def to_internal_value(self, data: Any) -> Any:
        rule = super().to_internal_value(data)
        entry_rules.check(rule)
        return rule


class StageSerializer(StrictModelSerializer):
    id = IdField()
    name = serializers.CharField(max_length=60, required=False, allow_blank=True)
    position = serializers.IntegerField(min_value=1, max_value=100, required=False)
    purpose = serializers.ChoiceField(choices=Purpose.choices)
    rule = EntryRule(required=False, help_text="All entries are looked at again when it changes.")
    makes_leads = StrictBoolean(required=False)

    class Meta:
        model = Stage
        fields = ["id", "key", "name", "position", "purpose", "rule", "rule_version", "makes_leads"]
        read_only_fields = ["rule_version"]

    def to_representation(self, instance: Stage) -> dict[str, Any]:
        return super().to_representation(instance) | {"name": str(instance)}


class MoveSerializer(StrictModelSerializer):
    id = IdField()
    contact = Reference(Contact.objects.all, read_only=True)
    from_stage = serializers.CharField(source="from_stage.key", default=None, read_only=True)
    to_stage = serializers.CharField(source="to_stage.key", read_only=True)
    at = Moment(read_only=True)
    by = serializers.SerializerMethodField()

    class Meta:
        model = StageMove
        fields = [
            "id",
            "contact",
            "from_stage",
            "to_stage",
            "at",
            "why",
            "reason",
            "rule_version",
            "by",
        ]
        read_only_fields = ["why", "reason", "rule_version"]

    def get_by(self, move: StageMove) -> str | None:
        return str(move.user) if move.user else None


class MovingSerializer(StrictSerializer):
    contact = Reference(Contact.objects.all)
    reason = serializers.CharField(max_length=200, required=False, allow_blank=True)


class Stages(Editable):
    """The journey of the tenant, in order."""

    queryset = Stage.objects.all()
    serializer_class = StageSerializer
    abilities: ClassVar = {
        "GET": Can.READ,
        "POST": Can.CONFIGURE,
        "PATCH": Can.CONFIGURE,
        "DELETE": Can.CONFIGURE,
        "contacts": Can.WRITE,
    }
    orderings: ClassVar = {"position": Ordering("position")}
    default_ordering = "position"

    def perform_create(self, serializer: Any) -> None:
        data = serializer.validated_data
        position = data.pop("position", None)
        last = Stage.objects.count() + 1
        stage = serializer.save(position=last)
        stages.place(stage, position or last)
        audit.record("stage.created", stage, request=self.request)

    def perform_update(self, serializer: Any) -> None:
        data = serializer.validated_data
        changed = sorted(data)
        position, rule = data.pop("position", None), data.pop("rule", None)
        before = serializer.instance.makes_leads
        stage = serializer.save()
        if rule is not None:
            stages.edit(stage, rule)
        if position is not None and position != stage.position:
            stages.place(stage, position)
        if before != stage.makes_leads:
            stages.review_all()
        audit.record("stage.changed", stage, request=self.request, detail={"fields": changed})

    def perform_destroy(self, instance: Stage) -> None:
        try:
            audit.record("stage.deleted", instance, request=self.request)
            instance.delete()
        except ProtectedError as error:
            raise Conflict(_("Contacts have been in this stage."), "in_use") from error

    @extend_schema(request=MovingSerializer, responses=MoveSerializer)
    @action(detail=True, methods=["post"])
    def contacts(self, request: Request, id: str) -> Response:
        """Put a contact into this stage by hand, forward or back."""
        stage = self.get_object()
        body = MovingSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        contact = body.validated_data["contact"]
        user = request.user if isinstance(request.user, User) else None
        reason = body.validated_data.get("reason", "")
        move = stages.move_by_hand(contact, stage, user=user, reason=reason)
        if move is None:
            raise Conflict(_("The contact is in this stage already."), "same_stage")
        return Response(MoveSerializer(move).data, status=201)


class StageMoves(Listed):
    """Every move of contacts between stages, the newest first."""

    queryset = StageMove.objects.all()
    serializer_class = MoveSerializer
    abilities: ClassVar = {"GET": Can.READ}
    filters: ClassVar = {"contact": of("contact_id")}

    def get_queryset(self) -> Any:
        rows = StageMove.objects.select_related("from_stage", "to_stage", "user")
        limited, staff_id = staff_to_limit_by(self.request)
        if limited:
            return rows.filter(contact__in=Contact.objects.visible_to(staff_id))
        return rows
