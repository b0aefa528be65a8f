"""`sops`, `enrolments`, `touch-rules`: scripts, who runs through them, and the tenant's pace."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from contacts import validation
from contacts.api.events import OF_CONTACT, limited
from contacts.api.live_code_fields import Attachments
from contacts.models import Channel, LiveCode, Segment
from journeys import attaching, enrolments, pace, sops, step_checks
from journeys.api.contents import CONFIGURE, ContactId
from journeys.engine import Reason, Rehearsed
from journeys.models import (
    Content,
    Enrolment,
    MassQuota,
    Route,
    Sop,
    SopStep,
    TouchKind,
    TouchRules,
)
from tenants import audit
from tenants.models import WeChatAccount
from tenants.rest.errors import Conflict
from tenants.rest.fields import IdField, Moment, Reference, StrictBoolean, Text, Words, of
from tenants.rest.filters import Filter, one_of
from tenants.rest.serializers import StrictModelSerializer, StrictSerializer
from tenants.rest.views import Editable, Listed, Resource
from tenants.roles import Can

MOST_STEPS = 100
CLOCK = {"format": "%H:%M", "input_formats": ["%H:%M", "%H:%M:%S"]}


class StepSerializer(StrictSerializer):
    """`delay_minutes` after the start, or `day` days after it at `at_time` (tenant's zone)."""

    position = serializers.IntegerField(read_only=True)
    delay_minutes = serializers.IntegerField(
        min_value=0, max_value=2 * 365 * 24 * 60, required=False, allow_null=True
    )
    day = serializers.IntegerField(min_value=0, max_value=730, required=False, allow_null=True)
    at_time = serializers.TimeField(**CLOCK, required=False, allow_null=True)  # type: ignore[arg-type]
    route = serializers.ChoiceField(Route.choices, required=False)
    fallbacks = serializers.ListField(
        child=serializers.ChoiceField(Route.choices),
        required=False,
        max_length=step_checks.MOST_FALLBACKS,
        help_text="Tried in this order when those before have no way to the contact.",
    )
    kind = serializers.ChoiceField(TouchKind.choices, required=False)
    content = Reference(Content.objects.all, required=False, allow_null=True)
    text = Text(
        lambda text: validation.text(text, 1300, breaks=True),
        max_length=1300,
        required=False,
        allow_blank=True,
        help_text="May hold {name}, {staff} and {link}.",
    )
    attachments = Attachments(required=False)
    official = Reference(
        lambda: WeChatAccount.objects.filter(kind=WeChatAccount.Kind.OFFICIAL),
        required=False,
        allow_null=True,
        help_text="Null: the account that the contact follows.",
    )
    template_id = Text(
        lambda text: validation.text(text, 64), max_length=64, required=False, allow_blank=True
    )
    template_fields = serializers.DictField(
        child=serializers.CharField(max_length=200),
        required=False,
        help_text="Each field of the template and its text, which may hold the same.",
    )

    warnings = serializers.SerializerMethodField(
        help_text="What does not go along by some route; nothing stops for it."
    )

    def get_warnings(self, step: SopStep) -> list[str]:
        return attaching.warnings(step)

    def validate_template_fields(self, fields: dict[str, str]) -> dict[str, str]:
        if len(fields) > step_checks.MOST_FIELDS:
            raise serializers.ValidationError(_("A template has at most 20 fields."))
        if not all(map(step_checks.FIELD.fullmatch, fields)):
            raise serializers.ValidationError(_("A field is called as the template calls it."))
        return fields

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if (attrs.get("delay_minutes") is None) == (attrs.get("day") is None):
            raise serializers.ValidationError({"day": [_("Write either delay_minutes or day.")]})
        if attrs.get("at_time") is not None and attrs.get("day") is None:
            raise serializers.ValidationError({"at_time": [_("This goes with day.")]})
        return attrs


class SopSerializer(StrictModelSerializer):
    """A script. `steps` are the draft's if there is one; `published` says whether they are live."""

    id = IdField()
    name = Text(validation.name, max_length=100)
    trigger = Text(validation.identifier, max_length=64, required=False)
    channel = Reference(Channel.objects.all, required=False, allow_null=True)
    live_code = Reference(LiveCode.objects.all, required=False, allow_null=True)
    segment = Reference(
        Segment.objects.all,
        required=False,
        allow_null=True,
        help_text="With the trigger segment.entered or segment.left: only this one.",
    )
    leave_on_reply = StrictBoolean(required=False)
    leave_on_order = StrictBoolean(required=False)
    steps = StepSerializer(many=True, required=False)
    version = serializers.IntegerField(read_only=True)
    published = serializers.BooleanField(read_only=True)

    class Meta:
        model = Sop
        fields = (
            "id", "name", "status", "trigger", "channel", "live_code", "segment",
            "leave_on_reply", "leave_on_order", "version", "published", "steps", "created_at",
        )  # fmt: skip
        read_only_fields = ("status", "created_at")

    def validate_steps(self, steps: list[dict[str, Any]]) -> list[dict[str, Any]]:
        if len(steps) > MOST_STEPS:
            raise serializers.ValidationError(_("There are too many steps."))
        return steps

    def to_representation(self, instance: Sop) -> dict[str, Any]:
        version = sops.current(instance)
        instance.version = version.number if version else 0  # type: ignore[attr-defined]
        instance.published = bool(version and version.published_at)  # type: ignore[attr-defined]
        instance.steps = list(version.steps.all()) if version else []  # type: ignore[attr-defined]
        shown: dict[str, Any] = super().to_representation(instance)
        return shown


class PlannedStepSerializer(StepSerializer):
    due_at = Moment(help_text="As the step says.")
    sends_at = Moment(allow_null=True, help_text="Within the pace; null when it is skipped.")
    reason = serializers.CharField(help_text="Why it is put off or skipped.")


class PreviewSerializer(serializers.Serializer):
    """For a contact who starts now and gets nothing else."""

    started_at = Moment()
    steps = PlannedStepSerializer(many=True)

    class Meta:
        ref_name = "SopPreview"


class StepReportSerializer(serializers.Serializer):
    position = serializers.IntegerField()
    states = serializers.DictField(child=serializers.IntegerField())
    reasons = serializers.DictField(child=serializers.IntegerField())
    sent = serializers.IntegerField(help_text="Delivered ones included.")
    delivered = serializers.IntegerField()
    skipped = serializers.IntegerField()


class ReportSerializer(serializers.Serializer):
    entered = serializers.IntegerField()
    running = serializers.IntegerField()
    done = serializers.IntegerField()
    left = serializers.DictField(child=serializers.IntegerField())
    steps = StepReportSerializer(many=True)


class Sops(Editable):
    """Scripts of timed steps. Editing makes a draft; publishing freezes it for newcomers."""

    queryset = Sop.objects.all()
    serializer_class = SopSerializer
    abilities: ClassVar[Mapping[str, Can]] = {**CONFIGURE, "preview": Can.READ}
    filters: ClassVar[Mapping[str, Filter]] = {"status": one_of("status", Sop.Status.choices)}

    def perform_create(self, serializer: Any) -> None:
        steps = serializer.validated_data.pop("steps", None)
        sop = serializer.save()
        sops.write_steps(sop, _steps(steps or []))
        audit.record("sop.created", sop, request=self.request)

    def perform_update(self, serializer: Any) -> None:
        steps = serializer.validated_data.pop("steps", None)
        sop = serializer.save()
        if steps is not None:
            sops.write_steps(sop, _steps(steps))
        audit.record("sop.changed", sop, request=self.request)

    def perform_destroy(self, instance: Sop) -> None:
        if Enrolment.objects.filter(sop=instance).exists():
            raise Conflict(_("Contacts have been in this script; pause it instead."), "in_use")
        audit.record("sop.deleted", instance, request=self.request)
        instance.delete()

    def _changed(self, verb: Callable[[Sop], object], said: str) -> Response:
        sop: Sop = self.get_object()
        try:
            verb(sop)
        except sops.WrongStatus as error:
            raise Conflict(str(error), "wrong_status") from None
        except ValidationError as error:
            raise serializers.ValidationError(error.message_dict) from None
        audit.record(said, sop, request=self.request)
        return Response(self.get_serializer(self.get_object()).data)

    @extend_schema(request=None)
    @action(detail=True, methods=["post"])
    def publish(self, request: Request, id: str) -> Response:
        """Freeze the draft; newcomers get it, the enrolled keep theirs."""
        return self._changed(sops.publish, "sop.published")

    @extend_schema(request=None)
    @action(detail=True, methods=["post"])
    def pause(self, request: Request, id: str) -> Response:
        """Nobody enters, nothing goes out."""
        return self._changed(sops.pause, "sop.paused")

    @extend_schema(request=None)
    @action(detail=True, methods=["post"])
    def resume(self, request: Request, id: str) -> Response:
        """What was due meanwhile goes out now, within the pace."""
        return self._changed(sops.resume, "sop.resumed")

    @extend_schema(request=None, responses=PreviewSerializer)
    @action(detail=True, methods=["get", "post"])
    def preview(self, request: Request, id: str) -> Response:
        """When each step would go out."""
        started = timezone.now()
        rows = [
            {**StepSerializer(step).data, **_rehearsed(one)}
            for step, one in sops.preview(self.get_object(), started)
        ]
        return Response({"started_at": Moment().to_representation(started), "steps": rows})

    @extend_schema(responses=ReportSerializer)
    @action(detail=True)
    def report(self, request: Request, id: str) -> Response:
        """Who entered and left, and what became of each step."""
        found = sops.report(self.get_object())
        steps = [
            {
                "position": step.position,
                "states": step.states,
                "reasons": step.reasons,
                "sent": step.states.get("sent", 0) + step.states.get("delivered", 0),
                "delivered": step.states.get("delivered", 0),
                "skipped": step.states.get("skipped", 0),
            }
            for step in found.steps
        ]
        counts = {name: getattr(found, name) for name in ("entered", "running", "done", "left")}
        return Response({**counts, "steps": steps})


def _steps(values: list[dict[str, Any]]) -> list[SopStep]:
    return [SopStep(**one) for one in values]


def _rehearsed(one: Rehearsed) -> dict[str, Any]:
    goes_at = one.action.at if one.action.verb == "send" else None
    deferred = goes_at is not None and goes_at != one.due_at
    return {
        "due_at": Moment().to_representation(one.due_at),
        "sends_at": Moment().to_representation(goes_at) if goes_at else None,
        "reason": Reason.QUIET.value if deferred else str(one.action.reason),
    }


class EnrolmentSerializer(serializers.ModelSerializer):
    """One run of a contact through one version of a script."""

    id = IdField()
    sop = Reference(Sop.objects.all, read_only=True)
    version = serializers.IntegerField(source="version.number", read_only=True)
    contact = ContactId(read_only=True)
    staff = serializers.SerializerMethodField()

    class Meta:
        model = Enrolment
        fields = (
            "id", "sop", "version", "contact", "staff", "state", "reason", "started_at", "ended_at",
        )  # fmt: skip
        read_only_fields = fields

    def get_staff(self, enrolment: Enrolment) -> str | None:
        return enrolment.follow.staff.userid if enrolment.follow else None


class Enrolments(Listed):
    """Who is or was in which script."""

    queryset = Enrolment.objects.all()
    serializer_class = EnrolmentSerializer
    abilities: ClassVar[Mapping[str, Can]] = {"GET": Can.READ, "POST": Can.WRITE}
    filters: ClassVar[Mapping[str, Filter]] = {
        "contact": OF_CONTACT,
        "sop": of("sop_id"),
        "state": one_of("state", Enrolment.State.choices),
    }

    def get_queryset(self) -> QuerySet[Enrolment]:
        rows = Enrolment.objects.select_related("version", "follow__staff")
        return limited(self.request, rows)

    @extend_schema(request=None)
    @action(detail=True, methods=["post"])
    def leave(self, request: Request, id: str) -> Response:
        """Take the contact out of the script: what has not gone out is cancelled."""
        run: Enrolment = self.get_object()
        if not enrolments.leave({run.pk: Reason.BY_HAND}):
            raise Conflict(_("This run has ended already."), "ended")
        audit.record("enrolment.left", run, request=request)
        return Response(self.get_serializer(self.get_object()).data)


class TouchRulesSerializer(StrictModelSerializer):
    """Quiet hours (equal times: none), caps, and words that must not be sent."""

    quiet_from = serializers.TimeField(**CLOCK, required=False)  # type: ignore[arg-type]
    quiet_to = serializers.TimeField(**CLOCK, required=False)  # type: ignore[arg-type]
    mass_quota = serializers.ChoiceField(MassQuota.choices, required=False)
    sensitive_words = Words(required=False)

    class Meta:
        model = TouchRules
        fields = (
            "quiet_from", "quiet_to", "per_contact_day", "per_contact_week", "promotions_per_week",
            "per_staff_day", "mass_quota", "sensitive_words",
        )  # fmt: skip


class Pace(Resource):
    """The tenant's pace of touches: one object."""

    queryset = TouchRules.objects.all()
    serializer_class = TouchRulesSerializer
    abilities: ClassVar[Mapping[str, Can]] = {"GET": Can.READ, "PATCH": Can.CONFIGURE}

    def show(self, request: Request) -> Response:
        return Response(self.get_serializer(pace.rules()).data)

    def change(self, request: Request) -> Response:
        body = self.get_serializer(pace.rules(), data=request.data, partial=True)
        body.is_valid(raise_exception=True)
        fields = sorted(body.validated_data)
        audit.record("touch_rules.changed", body.save(), request=request, detail={"fields": fields})
        return Response(body.data)
