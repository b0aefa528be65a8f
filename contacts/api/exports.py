"""`exports`: take a list out in the background; fetch the file within 24 hours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from django.db.models import QuerySet
from django.http import FileResponse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.exceptions import NotFound, PermissionDenied
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from contacts.api.imports import CsvRenderer
from contacts.exports import kinds, run
from contacts.imports import keeping
from contacts.models import Export
from tenants import audit, ids
from tenants.models import User
from tenants.rest.errors import Gone
from tenants.rest.fields import IdField, StrictBoolean
from tenants.rest.filters import Filter, one_of
from tenants.rest.permissions import can
from tenants.rest.serializers import StrictSerializer
from tenants.rest.views import Listed
from tenants.roles import Can


class NewExportSerializer(StrictSerializer):
    """`filters` are the query parameters of the list: text, a number, true, or a list of them."""

    kind = serializers.CharField(max_length=20, help_text=_("contacts, orders, events or leads"))
    filters = serializers.DictField(required=False)
    columns = serializers.ListField(
        child=serializers.CharField(max_length=80), required=False, max_length=200,
        help_text=_("In this order; left out: all. custom.<name> is a custom field."),
    )  # fmt: skip
    format = serializers.ChoiceField(Export.Format.choices, required=False, default="csv")
    whole_phones = StrictBoolean(
        required=False, help_text=_("Needs the ability reveal, and a reason.")
    )
    reason = serializers.CharField(required=False, max_length=200, allow_blank=True)

    def validate_kind(self, name: str) -> str:
        if kinds.named(name) is None:
            words = ", ".join(kind.name for kind in kinds.known())
            raise serializers.ValidationError(_("Write one of: %(words)s.") % {"words": words})
        return name

    def validate_filters(self, given: Mapping[str, Any]) -> dict[str, list[str]]:
        found = {}
        for name, value in given.items():
            values = value if isinstance(value, list) else [value]
            if not all(isinstance(each, str | int | float) for each in values):
                raise serializers.ValidationError(
                    _("%(name)s: write text, a number, true or false, or a list of them.")
                    % {"name": name[:100]}
                )
            found[name] = [_as_parameter(each) for each in values]
        return found

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        kind = kinds.named(attrs["kind"])
        assert kind is not None  # noqa: S101 - validate_kind saw to it
        columns = attrs.setdefault("columns", list(kind.columns()))
        unknown = [name for name in columns if not kind.has(name)]
        if unknown or not columns:
            wrong = ", ".join(unknown) or "–"
            raise serializers.ValidationError(
                {"columns": [_("Unknown columns: %(names)s") % {"names": wrong}]}
            )
        if attrs.get("whole_phones") and len(attrs.get("reason", "").strip()) < 3:
            raise serializers.ValidationError({"reason": [_("Say what for.")]})
        try:
            kind.rows(attrs.setdefault("filters", {}))
        except run.Refused as refusal:
            raise serializers.ValidationError({"filters": [str(refusal)]}) from None
        return attrs


def _as_parameter(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


class ExportProgressSerializer(serializers.Serializer):
    done = serializers.IntegerField()
    total = serializers.IntegerField(allow_null=True)


class ExportSerializer(serializers.ModelSerializer):
    id = IdField()
    filters = serializers.JSONField(source="query", read_only=True)
    progress = serializers.SerializerMethodField()
    url = serializers.SerializerMethodField()
    error = serializers.CharField(source="error_message", read_only=True)

    class Meta:
        model = Export
        fields = (
            "id", "kind", "format", "filters", "columns", "whole_phones", "status", "progress",
            "url", "error", "created_at", "finished_at", "expires_at",
        )  # fmt: skip

    @extend_schema_field(ExportProgressSerializer)
    def get_progress(self, job: Export) -> dict[str, int | None]:
        """Rows written, of how many; null while they are being looked for."""
        return {"done": job.done, "total": job.total}

    @extend_schema_field({"type": "string", "format": "uri", "nullable": True})
    def get_url(self, job: Export) -> str | None:
        """Where the file lies until `expires_at`; asks for the same key or session."""
        if job.status != Export.Status.DONE:
            return None
        request: Request = self.context["request"]
        return request.build_absolute_uri(f"/api/v1/exports/{ids.encode(job.pk)}/file")


def own(rows: QuerySet[Export], user: object) -> QuerySet[Export]:
    """A member's own exports; those asked for with a key, for keys."""
    return rows.filter(user=user) if isinstance(user, User) else rows.filter(with_key=True)


class Exports(Listed):
    """Lists that you took out."""

    queryset = Export.objects.all()
    serializer_class = ExportSerializer
    abilities: ClassVar[Mapping[str, Can]] = {"GET": Can.EXPORT, "POST": Can.EXPORT}
    filters: ClassVar[Mapping[str, Filter]] = {"status": one_of("status", Export.Status.choices)}

    def get_queryset(self) -> QuerySet[Export]:
        return own(Export.objects.all(), self.request.user)

    @extend_schema(request=NewExportSerializer, responses={202: ExportSerializer})
    def create(self, request: Request) -> Response:
        """Queue an export. Phones and e-mails are masked unless `whole_phones` is allowed."""
        asked = NewExportSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        given: Mapping[str, Any] = asked.validated_data
        whole = given.get("whole_phones", False)
        if whole and not can(request, Can.REVEAL):
            raise PermissionDenied
        job = run.ask(
            given["kind"],
            given["format"],
            columns=given["columns"],
            query=given["filters"],
            whole_phones=whole,
            reason=given.get("reason", "").strip(),
            user=request.user if isinstance(request.user, User) else None,
        )
        note_asked(request, job)
        return Response(self.get_serializer(job).data, status=202)

    @extend_schema(responses={(200, "application/octet-stream"): OpenApiTypes.BINARY})
    @action(detail=True, renderer_classes=[CsvRenderer, JSONRenderer], filter_backends=[])
    def file(self, request: Request, id: str) -> FileResponse:
        """The file; 410 once the link has expired."""
        job: Export = self.get_object()
        if gone(job):
            raise Gone(_("The file was removed: exports lie for a day. Ask for it again."))
        if job.status != Export.Status.DONE:
            raise NotFound
        if job.whole_phones and not can(request, Can.REVEAL):
            raise PermissionDenied
        found = answer(job)
        if found is None:
            raise Gone(_("The file is not there (any more). Ask for it again."))
        audit.record("export.downloaded", job, request=request)
        return found


def note_asked(request: Any, job: Export) -> None:
    """In the audit log: which list, narrowed how, with whole numbers or not, and what for."""
    audit.record(
        "export.queued", job, request=request, reason=job.reason,
        detail={
            "kind": job.kind, "columns": job.columns, "filters": sorted(job.query),
            "whole_phones": job.whole_phones,
        },
    )  # fmt: skip


def gone(job: Export) -> bool:
    expired = job.expires_at is not None and job.expires_at <= timezone.now()
    return expired or job.status == Export.Status.EXPIRED


_TYPES = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


def answer(job: Export) -> FileResponse | None:
    """The file, opened as it goes out; None when it is not there, or does not open."""
    stored = keeping.opened(job.file)
    if stored is None:
        return None
    return FileResponse(
        stored,
        as_attachment=True,
        filename=job.filename,
        content_type=_TYPES[job.format],
    )
