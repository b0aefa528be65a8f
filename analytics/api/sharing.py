"""`report-views` and `report-schedules`: dashboards under a name, and who gets them when."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import QuerySet
from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.exceptions import NotFound
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from analytics.api.alerts import NothingSerializer
from analytics.models.sharing import (
    ReportDelivery,
    ReportRecipient,
    ReportSchedule,
    ReportView,
)
from analytics.pages.saved_views import link_to
from analytics.sharing import fetching, occurrences, views, words
from contacts import validation
from contacts.api.imports import CsvRenderer
from tenants import audit
from tenants.models import Membership, User
from tenants.rest import errors
from tenants.rest.fields import IdField, Moment, Reference, References, StrictBoolean, Text, of
from tenants.rest.filters import Filter, one_of
from tenants.rest.serializers import StrictModelSerializer, StrictSerializer
from tenants.rest.views import Editable, Listed
from tenants.roles import Can

_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def _user(request: Request) -> User | None:
    return request.user if isinstance(request.user, User) else None


class ReportViewSerializer(StrictModelSerializer):
    id = IdField()
    name = Text(validation.name, max_length=100, trim_whitespace=True)
    page = serializers.CharField(max_length=40, help_text="A dashboard: `value`, `funnel`, …")
    period = serializers.ChoiceField(ReportView.Period.choices)
    start = serializers.DateField(
        required=False, allow_null=True, help_text="First day, of period `fixed`."
    )
    through = serializers.DateField(
        required=False, allow_null=True, help_text="Last day, of period `fixed`."
    )
    as_of = Moment(
        required=False, allow_null=True, help_text="Later facts are left out; of `fixed` only."
    )
    query = serializers.DictField(
        child=serializers.CharField(max_length=200, allow_blank=True),
        required=False,
        help_text="The page's other parameters: `channel`, `group`, …",
    )
    shared = StrictBoolean(required=False)
    url = serializers.SerializerMethodField()

    class Meta:
        model = ReportView
        fields = (
            "id", "name", "page", "period", "start", "through", "as_of", "query", "shared", "url",
            "created_at",
        )  # fmt: skip
        read_only_fields = ("created_at",)

    @extend_schema_field(serializers.URLField(help_text="The link for members."))
    def get_url(self, view: ReportView) -> str:
        return link_to(view)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        names = ("page", "period", "start", "through", "as_of", "query")
        stored = {name: getattr(self.instance, name, None) for name in names}
        if stored["query"] is None:
            stored["query"] = {}
        if wrong := views.refuse(stored | attrs):
            raise serializers.ValidationError({name: [text] for name, text in wrong.items()})
        return attrs


class ReportScheduleSerializer(StrictModelSerializer):
    id = IdField()
    view = Reference(ReportView.objects.all)
    every = serializers.ChoiceField(ReportSchedule.Every.choices)
    weekday = serializers.IntegerField(
        min_value=1, max_value=7, required=False, help_text="1 is Monday; of `week`."
    )
    day = serializers.IntegerField(
        min_value=1, max_value=31, required=False,
        help_text="Of `month`; in a shorter month its last day.",
    )  # fmt: skip
    hour = serializers.IntegerField(
        min_value=0, max_value=23, required=False, help_text="In the tenant's zone."
    )
    by_app = StrictBoolean(required=False, help_text="As a message of the WeCom app.")
    by_email = StrictBoolean(required=False)
    by_webhook = StrictBoolean(
        required=False,
        help_text="`report.due` says where the file can be fetched; needs a webhook that asks for "
        "it, a shared view, a file as `attachment`, and no recipients.",
    )
    attachment = serializers.ChoiceField(
        ReportSchedule.Attachment.choices, required=False, help_text="Of e-mails and webhooks."
    )
    active = StrictBoolean(required=False)
    recipients = References(views.readers, required=False, help_text="Ids of `report-readers`.")

    class Meta:
        model = ReportSchedule
        fields = (
            "id", "view", "every", "weekday", "day", "hour", "by_app", "by_email", "by_webhook",
            "attachment", "active", "recipients", "snoozed_until", "next_at", "created_at",
        )  # fmt: skip
        read_only_fields = ("snoozed_until", "next_at", "created_at")

    def validate_view(self, view: ReportView) -> ReportView:
        if not views.visible_to(_user(self.context["request"])).filter(pk=view.pk).exists():
            raise serializers.ValidationError(Reference.default_error_messages["does_not_exist"])
        return view

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        ways = ("by_app", "by_email", "by_webhook")
        names = ("weekday", "day", "hour", *ways, "attachment", "active")
        row = self.instance or ReportSchedule()
        stored = {name: getattr(row, name) for name in names}
        if self.instance is not None:
            stored["view"] = self.instance.view
        if wrong := occurrences.refuse(stored | attrs):
            raise serializers.ValidationError({name: [text] for name, text in wrong.items()})
        return attrs

    def create(self, validated_data: dict[str, Any]) -> ReportSchedule:
        members = validated_data.pop("recipients", [])
        return self._settled(ReportSchedule.objects.create(**validated_data), members)

    def update(self, instance: ReportSchedule, validated_data: dict[str, Any]) -> ReportSchedule:
        members = validated_data.pop("recipients", None)
        for name, value in validated_data.items():
            setattr(instance, name, value)
        instance.save()
        return self._settled(instance, members)

    def _settled(self, row: ReportSchedule, members: list[Membership] | None) -> ReportSchedule:
        if members is not None:
            ReportRecipient.objects.filter(schedule=row).exclude(member__in=members).delete()
            rows = [ReportRecipient(schedule=row, member=each) for each in members]
            ReportRecipient.objects.bulk_create(rows, ignore_conflicts=True)
        occurrences.plan(row)
        return row


class ReportReaderSerializer(StrictModelSerializer):
    id = IdField()
    name = serializers.CharField(source="user", read_only=True)

    class Meta:
        model = Membership
        fields = ("id", "name", "role")
        read_only_fields = fields


class ReportDeliverySerializer(StrictModelSerializer):
    id = IdField()
    schedule = Reference(ReportSchedule.objects.all, source="run.schedule", read_only=True)
    member = Reference(
        Membership.objects.all, read_only=True, allow_null=True, help_text="Null by webhook."
    )
    slot = serializers.DateTimeField(source="run.slot", read_only=True)
    problem = serializers.SerializerMethodField()

    class Meta:
        model = ReportDelivery
        fields = ("id", "schedule", "slot", "member", "way", "state", "problem", "sent_at")
        read_only_fields = fields

    @extend_schema_field(serializers.CharField())
    def get_problem(self, row: ReportDelivery) -> str:
        return words.problem(row.problem)


class ReportSnoozeSerializer(StrictSerializer):
    until = serializers.DateField(
        allow_null=True, help_text="The first day on which it is sent again; null: from now on."
    )


class ReportViews(Editable):
    """Dashboards under a name: the caller's own and shared ones."""

    serializer_class = ReportViewSerializer
    queryset = ReportView.objects.all()
    abilities: ClassVar[Mapping[str, Can]] = dict.fromkeys(
        ("GET", "POST", "PATCH", "DELETE"), Can.REPORT
    )
    filters: ClassVar[Mapping[str, Filter]] = {
        "period": one_of("period", ReportView.Period.choices)
    }

    def get_queryset(self) -> QuerySet[ReportView]:
        return views.visible_to(_user(self.request))

    def _may_change(self, view: ReportView | None) -> None:
        """Keys that only read change nothing; people change what is theirs."""
        user = _user(self.request)
        if user is None:
            key = self.request.api_key  # type: ignore[attr-defined] # set by tenants.middleware
            allowed = key.can(Can.CONFIGURE)
        else:
            allowed = view is None or views.may_change(view, user)
        if not allowed:
            raise PermissionDenied

    def perform_create(self, serializer: Any) -> None:
        self._may_change(None)
        user = _user(self.request)
        if user is None and serializer.validated_data.get("shared") is False:
            raise errors.invalid(shared="A key has no views of its own.")
        row = serializer.save(owner=user)
        audit.record("report_view.created", row, request=self.request)

    def perform_update(self, serializer: Any) -> None:
        self._may_change(serializer.instance)
        row = serializer.save()
        fields: list[object] = sorted(serializer.validated_data)
        audit.record("report_view.changed", row, request=self.request, detail={"fields": fields})

    def perform_destroy(self, instance: Any) -> None:
        self._may_change(instance)
        audit.record("report_view.deleted", instance, request=self.request)
        instance.delete()


class ReportSchedules(Editable):
    """Saved views that are sent, and to whom."""

    serializer_class = ReportScheduleSerializer
    queryset = ReportSchedule.objects.prefetch_related("recipients")
    abilities: ClassVar[Mapping[str, Can]] = {
        "GET": Can.REPORT, "POST": Can.CONFIGURE, "PATCH": Can.CONFIGURE, "DELETE": Can.CONFIGURE,
    }  # fmt: skip
    filters: ClassVar[Mapping[str, Filter]] = {"view": of("view_id")}

    def get_queryset(self) -> QuerySet[ReportSchedule]:
        rows: QuerySet[ReportSchedule] = super().get_queryset()
        return rows.filter(view__in=views.visible_to(_user(self.request)))

    def perform_create(self, serializer: Any) -> None:
        audit.record("report_schedule.created", serializer.save(), request=self.request)

    def perform_update(self, serializer: Any) -> None:
        row = serializer.save()
        fields: list[object] = sorted(serializer.validated_data)
        detail: dict[str, object] = {"fields": fields}
        audit.record("report_schedule.changed", row, request=self.request, detail=detail)

    def perform_destroy(self, instance: Any) -> None:
        audit.record("report_schedule.deleted", instance, request=self.request)
        instance.delete()

    @extend_schema(request=NothingSerializer, responses=ReportScheduleSerializer)
    @action(detail=True, methods=["post"])
    def send(self, request: Request, id: str) -> Response:
        """Send it once more, now, to everybody who gets it."""
        row = self.get_object()
        NothingSerializer(data=request.data).is_valid(raise_exception=True)
        occurrences.send_now(row)
        audit.record("report_schedule.queued", row, request=request)
        return Response(self.get_serializer(row).data)

    @extend_schema(request=ReportSnoozeSerializer, responses=ReportScheduleSerializer)
    @action(detail=True, methods=["post"])
    def snooze(self, request: Request, id: str) -> Response:
        """Send nothing before `until`."""
        row = self.get_object()
        body = ReportSnoozeSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        until = body.validated_data["until"]
        try:
            occurrences.snooze(row, until)
        except ValidationError as error:
            raise errors.invalid(until=" ".join(error.messages)) from None
        audit.record(f"report_schedule.{'snoozed' if until else 'woken'}", row, request=request)
        return Response(self.get_serializer(row).data)


class ReportReaders(Listed):
    """The members who may see figures, and so get reports."""

    serializer_class = ReportReaderSerializer
    queryset = Membership.objects.all()
    abilities: ClassVar[Mapping[str, Can]] = {"GET": Can.CONFIGURE}

    def get_queryset(self) -> QuerySet[Membership]:
        return views.readers().order_by()


class XlsxRenderer(CsvRenderer):
    media_type = _XLSX
    format = "xlsx"


class ReportDeliveries(Listed):
    """What became of each report, the latest first."""

    serializer_class = ReportDeliverySerializer
    queryset = ReportDelivery.objects.select_related("run__schedule__view")
    abilities: ClassVar[Mapping[str, Can]] = {"GET": Can.REPORT, "POST": Can.CONFIGURE}
    filters: ClassVar[Mapping[str, Filter]] = {
        "schedule": of("run__schedule_id"),
        "state": one_of("state", ReportDelivery.State.choices),
    }

    def get_queryset(self) -> QuerySet[ReportDelivery]:
        rows: QuerySet[ReportDelivery] = super().get_queryset()
        return rows.filter(run__schedule__view__in=views.visible_to(_user(self.request)))

    @extend_schema(responses={(200, kind): OpenApiTypes.BINARY for kind in ("text/csv", _XLSX)})
    @action(
        detail=True, renderer_classes=[JSONRenderer, CsvRenderer, XlsxRenderer], filter_backends=[]
    )
    def file(self, request: Request, id: str) -> HttpResponse:
        """The file of a report that went by webhook: CSV or XLSX, as its schedule says, with the
        figures as of the moment when the webhook was told. 409 where it cannot be made any more.
        """
        row = self.get_object()
        if row.way != ReportDelivery.Way.WEBHOOK:
            raise NotFound
        try:
            answer = fetching.file_of(row, _user(request))
        except ValidationError as error:
            raise errors.Conflict(" ".join(error.messages)) from None
        audit.record("report_delivery.downloaded", row, request=request)
        return answer

    @extend_schema(request=NothingSerializer, responses=ReportDeliverySerializer)
    @action(detail=True, methods=["post"])
    def again(self, request: Request, id: str) -> Response:
        """Send once more what failed or perhaps left."""
        row = self.get_object()
        NothingSerializer(data=request.data).is_valid(raise_exception=True)
        try:
            occurrences.send_again(row)
        except ValidationError as error:
            raise errors.Conflict(" ".join(error.messages)) from None
        row.refresh_from_db()
        audit.record("report_delivery.queued", row, request=request)
        return Response(self.get_serializer(row).data)
