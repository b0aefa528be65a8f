"""`plans`: goals with their days, people, scripts and broadcasts; how far each is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from analytics import answers, asking
from analytics.api.base import text
from analytics.api.plan_answers import ProgressAnswer, answer
from analytics.models.goals import Kpi
from analytics.models.plans import Plan, PlanPhase, in_state
from analytics.periods import Question
from analytics.plans import holidays, making
from campaigns.models import Broadcast
from contacts.models import Segment
from journeys.models import Sop
from tenants import audit
from tenants.ids import encode
from tenants.middleware import tenant_of
from tenants.models import Staff
from tenants.rest import errors
from tenants.rest.errors import Conflict
from tenants.rest.fields import IdField, Reference, References, of
from tenants.rest.filters import Filter, one_of
from tenants.rest.serializers import StrictModelSerializer, StrictSerializer
from tenants.rest.views import Editable
from tenants.roles import Can


class PhaseSerializer(StrictModelSerializer):
    """Days are counted from 1, the plan's first one."""

    metric = serializers.ChoiceField(Kpi.choices)
    target = serializers.DecimalField(
        max_digits=18, decimal_places=6, min_value=0, required=False, allow_null=True
    )
    first_day = serializers.IntegerField(min_value=1, max_value=making.LONGEST)
    last_day = serializers.IntegerField(min_value=1, max_value=making.LONGEST)

    class Meta:
        model = PlanPhase
        fields = ("name", "first_day", "last_day", "metric", "target")
        ref_name = "PlanMilestone"


class PlanSerializer(StrictModelSerializer):
    """Money in units of the tenant's currency, rates as shares of 1; `ends_on` is the last day."""

    id = IdField()
    kind = serializers.ChoiceField(Plan.Kind.choices, required=False)
    metric = serializers.ChoiceField(Kpi.choices)
    target = serializers.DecimalField(
        max_digits=18, decimal_places=6, min_value=0, required=False, allow_null=True
    )
    segment = Reference(Segment.objects.all, required=False, allow_null=True)
    owner = Reference(Staff.objects.all, required=False, allow_null=True)
    sops = References(Sop.objects.all, required=False)
    broadcasts = References(Broadcast.objects.all, required=False)
    phases = PhaseSerializer(many=True, required=False)
    state = serializers.SerializerMethodField()

    class Meta:
        model = Plan
        fields = (
            "id", "name", "kind", "metric", "target", "starts_on", "ends_on", "segment", "owner",
            "sops", "broadcasts", "phases", "occasion", "notes", "state", "cancelled_at",
            "created_at", "updated_at",
        )  # fmt: skip
        read_only_fields = ("occasion", "cancelled_at", "created_at", "updated_at")

    @extend_schema_field(serializers.ChoiceField(Plan.State.choices))
    def get_state(self, plan: Plan) -> str:
        return plan.state(timezone.localdate())

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        names = ("metric", "target", "starts_on", "ends_on")
        given: dict[str, Any] = {name: getattr(self.instance, name, None) for name in names}
        given |= attrs
        found = {name: [why] for name, why in making.wrong(given).items()}
        phases = attrs.get("phases")
        if phases is None and self.instance is not None:
            phases = list(self.instance.phases.values())
        if not found and phases:
            days = (given["ends_on"] - given["starts_on"]).days + 1
            if why := making.wrong_phases(phases, days):
                found["phases"] = [why]
        if found:
            raise serializers.ValidationError(found)
        return attrs

    def create(self, validated_data: dict[str, Any]) -> Plan:
        return self._stored(Plan(), validated_data)

    def update(self, instance: Plan, validated_data: dict[str, Any]) -> Plan:
        return self._stored(instance, validated_data)

    def _stored(self, plan: Plan, given: dict[str, Any]) -> Plan:
        sops, broadcasts = given.pop("sops", None), given.pop("broadcasts", None)
        phases = given.pop("phases", None)
        for name, value in given.items():
            setattr(plan, name, value)
        with transaction.atomic():
            plan.save()
            making.attach(plan, sops, broadcasts)
            if phases is not None:
                PlanPhase.objects.filter(plan=plan).delete()
                PlanPhase.objects.bulk_create(PlanPhase(plan=plan, **each) for each in phases)
        return Plan.objects.prefetch_related("phases", "sops", "broadcasts").get(pk=plan.pk)


class TemplateSerializer(StrictSerializer):
    kind = serializers.ChoiceField(
        [(key, label) for key, label in Plan.Kind.choices if key != Plan.Kind.OWN]
    )
    starts_on = serializers.DateField(
        required=False, help_text="By default today; not of holidays."
    )
    occasion = serializers.CharField(
        required=False, max_length=40, help_text="Of kind `holiday`: such as `double_11-2026`."
    )

    class Meta:
        ref_name = "PlanTemplate"

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        wanted = "occasion" if attrs["kind"] == Plan.Kind.HOLIDAY else "starts_on"
        for name in {"occasion", "starts_on"} & attrs.keys() - {wanted}:
            raise serializers.ValidationError({name: [_("This does not go with the kind.")]})
        if wanted == "occasion" and holidays.named(attrs.get("occasion", "")) is None:
            raise serializers.ValidationError({"occasion": [_("There is no such holiday.")]})
        if found := making.wrong(attrs):
            raise serializers.ValidationError({name: [why] for name, why in found.items()})
        return attrs


class OccasionSerializer(serializers.Serializer):
    occasion = serializers.CharField()
    name = serializers.CharField()
    day = serializers.DateField()
    prepare_on = serializers.DateField(help_text="When preparing should begin.")
    starts_on = serializers.DateField()
    ends_on = serializers.DateField(help_text="The last day.")
    plan = serializers.CharField(allow_null=True, help_text="The plan that there is for it.")

    class Meta:
        ref_name = "PlanOccasion"


class OccasionsSerializer(serializers.Serializer):
    holidays = OccasionSerializer(many=True)

    class Meta:
        ref_name = "PlanOccasions"


class Plans(Editable):
    """Goals of the business with their days; what is attached, and how far each is."""

    queryset = Plan.objects.prefetch_related("phases", "sops", "broadcasts")
    serializer_class = PlanSerializer
    abilities: ClassVar[Mapping[str, Can]] = {
        "GET": Can.REPORT, "POST": Can.CONFIGURE, "PATCH": Can.CONFIGURE, "DELETE": Can.CONFIGURE,
    }  # fmt: skip
    filters: ClassVar[Mapping[str, Filter]] = {
        "kind": one_of("kind", Plan.Kind.choices),
        "state": Filter(
            serializers.ChoiceField(Plan.State.choices),
            lambda rows, state: rows.filter(in_state(state, timezone.localdate())),
        ),
        "segment": of("segment_id"),
        "owner": of("owner_id"),
    }
    parameters: ClassVar[Mapping[str, Mapping[str, Filter]]] = {
        "progress": {
            "as_of": text("RFC 3339, or a date (its first moment). Facts from then on are ignored.")
        }
    }

    def perform_create(self, serializer: Any) -> None:
        audit.record("plan.created", serializer.save(), request=self.request)

    def perform_update(self, serializer: Any) -> None:
        fields: list[object] = sorted(serializer.validated_data)
        row = serializer.save()
        audit.record("plan.changed", row, request=self.request, detail={"fields": fields})

    def perform_destroy(self, instance: Any) -> None:
        audit.record("plan.deleted", instance, request=self.request)
        instance.delete()

    @extend_schema(responses=ProgressAnswer)
    @action(detail=True, methods=["get"])
    def progress(self, request: Request, id: str) -> Response:
        """The goal, how far it is, and what it is compared with."""
        plan: Plan = self.get_object()
        question = self._as_of(self.given().get("as_of") or "")
        return Response(answers.steadily(lambda: answer(plan, question)))

    def _as_of(self, moment: str = "") -> Question:
        try:
            question = asking.ask({"as_of": moment}, tenant_of(self.request))
        except asking.Wrong as wrong:
            raise errors.invalid(**wrong.fields) from None
        return answers.complete(question)

    @extend_schema(request=None, responses=PlanSerializer)
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, id: str) -> Response:
        """It stays in the list, as cancelled. What is attached goes on."""
        return self._cancelled(self.get_object(), cancelled=True)

    @extend_schema(request=None, responses=PlanSerializer)
    @action(detail=True, methods=["post"])
    def resume(self, request: Request, id: str) -> Response:
        """Cancelled by mistake: its days count again."""
        return self._cancelled(self.get_object(), cancelled=False)

    def _cancelled(self, plan: Plan, *, cancelled: bool) -> Response:
        if making.cancel(plan) if cancelled else making.resume(plan):
            verb = "cancelled" if cancelled else "resumed"
            audit.record(f"plan.{verb}", plan, request=self.request)
        return Response(self.get_serializer(plan).data)

    @extend_schema(request=TemplateSerializer, responses={201: PlanSerializer})
    @action(detail=False, methods=["post"], url_path="from-template")
    def from_template(self, request: Request) -> Response:
        """A plan with its days, its milestones, and goals a tenth better than what was."""
        body = TemplateSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        given = body.validated_data
        plan = making.from_template(
            given["kind"], self._as_of(), given.get("starts_on"), given.get("occasion", "")
        )
        if plan is None:
            raise Conflict(_("There is a plan for it already."), "duplicate")
        audit.record("plan.created", plan, request=request)
        return Response(self.get_serializer(plan).data, status=status.HTTP_201_CREATED)

    @extend_schema(responses=OccasionsSerializer)
    @action(detail=False, methods=["get"])
    def holidays(self, request: Request) -> Response:
        """The holidays and sales of the next twelve months, and the plans that there are."""
        coming = holidays.coming(timezone.localdate())
        plans = of_occasions([each.key for each in coming])
        rows = [
            {
                "occasion": each.key,
                "name": str(each.holiday.name),
                "day": each.day.isoformat(),
                "prepare_on": each.prepare_on.isoformat(),
                "starts_on": each.starts_on.isoformat(),
                "ends_on": each.ends_on.isoformat(),
                "plan": encode(plans[each.key].pk) if each.key in plans else None,
            }
            for each in coming
        ]
        return Response({"holidays": rows})


def of_occasions(keys: list[str]) -> dict[str, Plan]:
    rows: QuerySet[Plan] = Plan.objects.filter(occasion__in=keys)
    return {plan.occasion: plan for plan in rows}
