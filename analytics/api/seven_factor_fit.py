"""`fit`: how suited the business is to the private domain, by its own answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from analytics.answers import number
from analytics.models.seven_factor_fit import FitAnswer, Industry
from analytics.seven_factor_fit import keeping, plays, rule, words
from tenants import audit
from tenants.rest.fields import IdField
from tenants.rest.serializers import StrictModelSerializer, StrictSerializer
from tenants.rest.views import Listed, Resource
from tenants.roles import Can


class _Levels(StrictSerializer):
    """1 to 5 each; of brand strength 5 is the strongest brand."""

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        return {
            key: serializers.IntegerField(min_value=rule.LOWEST, max_value=rule.HIGHEST)
            for key in rule.KEYS
        }

    class Meta:
        ref_name = "FitLevels"


class FitWrite(StrictSerializer):
    industry = serializers.ChoiceField(Industry.choices)
    answers = _Levels()

    class Meta:
        ref_name = "FitWrite"


class _FactorOfFit(serializers.Serializer):
    key = serializers.ChoiceField(rule.KEYS)
    title = serializers.CharField()
    question = serializers.CharField()
    weight = serializers.IntegerField()
    reversed = serializers.BooleanField()
    levels = serializers.ListField(child=serializers.CharField(), help_text="Examples, from 1 on.")

    class Meta:
        ref_name = "FitFactor"


class _StartOfFit(serializers.Serializer):
    factor = serializers.ChoiceField(rule.KEYS)
    points = serializers.IntegerField()
    why = serializers.ChoiceField(["strength", "weakness"])
    title = serializers.CharField()
    text = serializers.CharField()
    url = serializers.CharField(help_text="The page where it begins.")

    class Meta:
        ref_name = "FitStart"


class FitSerializer(serializers.Serializer):
    """All but `factors` is null or empty until somebody has answered."""

    industry = serializers.ChoiceField(Industry.choices, allow_null=True)
    answers = _Levels(allow_null=True)
    points = _Levels(allow_null=True, help_text="Brand strength is turned round: 6 − its level.")
    score = serializers.FloatField(allow_null=True, help_text="Σ weight × points ÷ Σ weights.")
    suited = serializers.ChoiceField([band.value for band in rule.Suited], allow_null=True)
    suited_text = serializers.CharField(allow_null=True)
    start = _StartOfFit(many=True)
    answered_at = serializers.DateTimeField(allow_null=True)
    answered_by = serializers.CharField(allow_null=True, help_text="Null: by an API key.")
    factors = _FactorOfFit(many=True)

    class Meta:
        ref_name = "Fit"


class _Preset(serializers.Serializer):
    industry = serializers.ChoiceField(Industry.choices)
    name = serializers.CharField()
    answers = _Levels()
    points = _Levels()
    score = serializers.FloatField()
    suited = serializers.ChoiceField([band.value for band in rule.Suited])

    class Meta:
        ref_name = "FitPreset"


class PresetAnswer(serializers.Serializer):
    presets = _Preset(many=True)

    class Meta:
        ref_name = "FitPresets"


class Fit(Resource):
    """The seven-factor fit of the tenant: one object, whose former answers are its history."""

    serializer_class = FitSerializer
    pagination_class = None
    filter_backends = []
    http_method_names = ["get", "head", "put"]
    abilities: ClassVar[Mapping[str, Can]] = {"GET": Can.REPORT, "PUT": Can.CONFIGURE}

    @extend_schema(responses=FitSerializer)
    def show(self, request: Request) -> Response:
        """The latest answers, and what follows from them."""
        return Response(told(FitAnswer.latest()))

    @extend_schema(request=FitWrite, responses=FitSerializer)
    def answer(self, request: Request) -> Response:
        """New answers; those before stay in the history."""
        body = FitWrite(data=request.data)
        body.is_valid(raise_exception=True)
        given = body.validated_data
        row = keeping.keep(Industry(given["industry"]), given["answers"], request)
        audit.record("fit.answered", row, request=request)
        return Response(told(row))

    @extend_schema(responses=PresetAnswer)
    def presets(self, request: Request) -> Response:
        """What is typical of industries: where to begin, and what to compare with."""
        return Response({"presets": [_preset(industry) for industry in Industry]})


def told(row: FitAnswer | None) -> dict[str, object]:
    factors = _factors()
    if row is None:
        blank = dict.fromkeys(
            ("industry", "answers", "points", "score", "suited", "suited_text", "answered_at",
             "answered_by")
        )  # fmt: skip
        return {**blank, "start": [], "factors": factors}
    answers = keeping.answers_of(row)
    exact = rule.mean(answers)
    band = rule.suited(exact)
    return {
        "industry": row.industry,
        "answers": answers,
        "points": rule.points(answers),
        "score": number(exact),
        "suited": band,
        "suited_text": words.of_band(band),
        "start": [_start(start) for start in rule.starts(answers)],
        "answered_at": row.answered_at.isoformat(),
        "answered_by": str(row.user) if row.user else None,
        "factors": factors,
    }


def _factors() -> list[dict[str, object]]:
    asked = words.asked()
    return [
        {
            "key": factor.key,
            "title": asked[factor.key].title,
            "question": asked[factor.key].question,
            "weight": factor.weight,
            "reversed": factor.turned,
            "levels": list(asked[factor.key].levels),
        }
        for factor in rule.FACTORS
    ]


def _start(start: rule.Start) -> dict[str, object]:
    play = (plays.of_strengths() if start.strength else plays.of_weaknesses())[start.factor.key]
    return {
        "factor": start.factor.key,
        "points": start.points,
        "why": "strength" if start.strength else "weakness",
        "title": play.title,
        "text": play.text,
        "url": play.url,
    }


def _preset(industry: Industry) -> dict[str, object]:
    answers = rule.preset(industry)
    exact = rule.mean(answers)
    return {
        "industry": industry.value,
        "name": str(industry.label),
        "answers": answers,
        "points": rule.points(answers),
        "score": number(exact),
        "suited": rule.suited(exact),
    }


class PastSerializer(StrictModelSerializer):
    id = IdField()
    answers = serializers.SerializerMethodField()
    score = serializers.SerializerMethodField()
    answered_by = serializers.CharField(source="user", read_only=True, allow_null=True)

    class Meta:
        model = FitAnswer
        ref_name = "FitPast"
        fields = ("id", "industry", "answers", "score", "answered_at", "answered_by")
        read_only_fields = ("industry", "answered_at")

    @extend_schema(responses=_Levels)
    def get_answers(self, row: FitAnswer) -> dict[str, int]:
        return keeping.answers_of(row)

    def get_score(self, row: FitAnswer) -> float:
        return float(rule.mean(keeping.answers_of(row)))


class FitHistory(Listed):
    """Who answered what, and when; the latest first."""

    queryset = FitAnswer.objects.select_related("user")
    serializer_class = PastSerializer
    abilities: ClassVar[Mapping[str, Can]] = {"GET": Can.REPORT}
