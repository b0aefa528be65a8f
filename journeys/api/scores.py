"""`score-rules` and `contacts/{id}/score`: what earns points, and why is a score as it is?"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, ClassVar

from django.core.exceptions import ValidationError as Refused
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from contacts.api.forwarding import Forwarding
from contacts.models import Contact
from journeys import fit, score_versions, scoring
from journeys.models import ScoreModel, ScoreRule
from tenants import audit, ids
from tenants.rest.fields import IdField, Moment, StrictBoolean
from tenants.rest.filters import Filter
from tenants.rest.permissions import staff_to_limit_by
from tenants.rest.serializers import StrictModelSerializer, StrictSerializer
from tenants.rest.views import Editable, Resource
from tenants.roles import Can

_GRADES = ("A", "B", "C", "D")


class Condition(serializers.JSONField):
    """Engagement: `{"properties": {…}}`, which the event must have. Fit: see journeys/fit.py."""


class ScoreRuleSerializer(StrictModelSerializer):
    id = IdField()
    kind = serializers.CharField(max_length=64, required=False, allow_blank=True)
    condition = Condition(required=False)
    points = serializers.IntegerField(min_value=-10_000, max_value=10_000)
    daily_times = serializers.IntegerField(
        min_value=1, max_value=10_000, allow_null=True, required=False
    )
    total_points = serializers.IntegerField(
        min_value=1, max_value=1_000_000, allow_null=True, required=False
    )
    active = StrictBoolean(required=False)

    class Meta:
        model = ScoreRule
        fields = [
            "id", "name", "part", "kind", "condition", "points", "daily_times", "total_points",
            "active",
        ]  # fmt: skip

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        def value(name: str, default: Any) -> Any:
            return attrs.get(name, getattr(self.instance, name, default))

        condition = value("condition", {})
        if value("part", ScoreRule.Part.ENGAGEMENT) == ScoreRule.Part.FIT:
            try:
                fit.check(condition)
            except Refused as error:
                raise serializers.ValidationError({"condition": error.messages}) from error
        elif not value("kind", ""):
            raise serializers.ValidationError({"kind": [_("Name the kind of events.")]})
        elif set(condition) - {"properties"} or not isinstance(
            condition.get("properties", {}), dict
        ):
            raise serializers.ValidationError(
                {"condition": [_("Write {“properties”: {…}} or {}.")]}
            )
        return attrs

    def validate_condition(self, value: Any) -> Any:
        if not isinstance(value, dict):
            raise serializers.ValidationError(_("Write an object."))
        return value


class SettingsSerializer(StrictSerializer):
    """What a version has beside its rules; what is left out stays as it is."""

    half_life_days = serializers.FloatField(min_value=0.5, max_value=3650, required=False)
    grade_weights = serializers.DictField(
        child=serializers.FloatField(min_value=0, max_value=100), required=False
    )
    grade_thresholds = serializers.DictField(
        child=serializers.IntegerField(min_value=-10_000, max_value=10_000), required=False
    )
    lead_threshold = serializers.FloatField(min_value=0.01, max_value=1e9, required=False)

    def validate_grade_weights(self, value: dict[str, float]) -> dict[str, float]:
        if set(value) != set(_GRADES):
            raise serializers.ValidationError(_("Give a weight for each of A, B, C and D."))
        return value

    def validate_grade_thresholds(self, value: dict[str, int]) -> dict[str, int]:
        if set(value) != set(_GRADES[:3]) or not value["A"] > value["B"] > value["C"]:
            raise serializers.ValidationError(_("Give falling thresholds for A, B and C."))
        return value


class VersionSerializer(SettingsSerializer):
    version = serializers.IntegerField(read_only=True)
    state = serializers.CharField(read_only=True)
    published_at = Moment(read_only=True)
    rules = serializers.SerializerMethodField()

    def get_rules(self, model: ScoreModel) -> list[dict[str, Any]]:
        return [{**rule, "id": ids.encode(rule["id"])} for rule in model.rules]


class StandingSerializer(serializers.Serializer):
    score = serializers.FloatField()
    engagement = serializers.FloatField()
    fit_points = serializers.IntegerField(source="fit")
    fit = serializers.CharField(source="grade")


class SampleSerializer(serializers.Serializer):
    contact = serializers.SerializerMethodField()
    before = StandingSerializer()
    after = StandingSerializer()

    def get_contact(self, sample: dict[str, Any]) -> str:
        return ids.encode(sample["contact"])


class ScorePreviewSerializer(serializers.Serializer):
    """What publishing would change, among `contacts` looked at (all, when `complete`)."""

    contacts = serializers.IntegerField()
    complete = serializers.BooleanField()
    changed = serializers.IntegerField()
    up = serializers.IntegerField()
    down = serializers.IntegerField()
    leads_gained = serializers.IntegerField()
    leads_lost = serializers.IntegerField()
    grades = serializers.DictField(child=serializers.IntegerField())
    samples = SampleSerializer(many=True)


class ScoreRules(Editable):
    """What earns points. Changes count from the next publishing on."""

    queryset = ScoreRule.objects.filter(deleted_at=None)
    serializer_class = ScoreRuleSerializer
    abilities: ClassVar = {
        "GET": Can.READ,
        "POST": Can.CONFIGURE,
        "PATCH": Can.CONFIGURE,
        "DELETE": Can.CONFIGURE,
    }

    def perform_create(self, serializer: Any) -> None:
        audit.record("score_rule.created", serializer.save(), request=self.request)

    def perform_update(self, serializer: Any) -> None:
        fields = sorted(serializer.validated_data)
        audit.record(
            "score_rule.changed", serializer.save(), request=self.request, detail={"fields": fields}
        )

    def perform_destroy(self, instance: ScoreRule) -> None:
        instance.deleted_at = timezone.now()
        instance.active = False
        instance.save(update_fields=["deleted_at", "active"])
        audit.record("score_rule.deleted", instance, request=self.request)

    def _settings(self, request: Request) -> dict[str, Any]:
        body = SettingsSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        return dict(body.validated_data)

    @extend_schema(request=SettingsSerializer, responses=ScorePreviewSerializer)
    @action(detail=False, methods=["post"])
    def preview(self, request: Request) -> Response:
        """What publishing the rules as they stand now would change."""
        return Response(
            ScorePreviewSerializer(asdict(score_versions.preview(self._settings(request)))).data
        )

    @extend_schema(request=SettingsSerializer, responses={202: VersionSerializer})
    @action(detail=False, methods=["post"])
    def publish(self, request: Request) -> Response:
        """Put the rules into force: recomputed in the background, then switched at once."""
        model = score_versions.publish(self._settings(request))
        audit.record("score_rules.published", model, request=request)
        return Response(VersionSerializer(model).data, status=202)

    @extend_schema(responses=VersionSerializer(many=True))
    @action(detail=False)
    def versions(self, request: Request) -> Response:
        """The version in force and, while one is computed, the next."""
        scoring.live()
        states = [ScoreModel.State.LIVE, ScoreModel.State.BUILDING]
        models = ScoreModel.objects.filter(state__in=states).order_by("version")
        return Response(VersionSerializer(models, many=True).data)


class EarnedSerializer(serializers.Serializer):
    event = serializers.SerializerMethodField()
    kind = serializers.CharField(source="event.kind")
    at = Moment(source="event.at")
    rule = serializers.CharField()
    points = serializers.IntegerField()
    points_now = serializers.FloatField()

    def get_event(self, earned: scoring.Earned) -> str:
        return ids.encode(earned.event.pk)


class OfRuleSerializer(serializers.Serializer):
    rule = serializers.CharField()
    events = serializers.IntegerField()
    points_now = serializers.FloatField()


class ReasonSerializer(serializers.Serializer):
    rule = serializers.CharField()
    points = serializers.IntegerField()


class ExplanationSerializer(serializers.Serializer):
    as_of = Moment(source="at")
    score = serializers.FloatField(source="standing.score")
    engagement = serializers.FloatField(source="standing.engagement")
    fit = serializers.CharField(source="standing.grade")
    fit_points = serializers.IntegerField(source="standing.fit")
    weight = serializers.FloatField()
    half_life_days = serializers.FloatField()
    version = serializers.IntegerField()
    fit_reasons = serializers.SerializerMethodField()
    rules = OfRuleSerializer(many=True)
    events = EarnedSerializer(many=True)

    @extend_schema_field(ReasonSerializer(many=True))
    def get_fit_reasons(self, explanation: scoring.Explanation) -> list[dict[str, Any]]:
        return [{"rule": name, "points": points} for name, points in explanation.fit_reasons]


class ContactScores(Forwarding, Resource):
    """Why a contact has its score."""

    queryset = Contact.objects.all()
    serializer_class = ExplanationSerializer
    abilities: ClassVar = {"GET": Can.READ}
    parameters: ClassVar = {"score": {"as_of": Filter(Moment(), help="The score as it was then.")}}

    def get_queryset(self) -> Any:
        limited, staff_id = staff_to_limit_by(self.request)
        return Contact.objects.visible_to(staff_id) if limited else Contact.objects.all()

    @extend_schema(responses=ExplanationSerializer)
    @action(detail=True)
    def score(self, request: Request, id: str) -> Response:
        """The events and rules behind a contact's score, with points now."""
        explanation = scoring.explain(self.get_object(), self.given().get("as_of"))
        return Response(ExplanationSerializer(explanation).data)
