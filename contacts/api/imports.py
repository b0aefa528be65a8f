"""`imports`: bring a file in, see how far it is, pause, resume, undo; fetch refused rows."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, ClassVar

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.http import FileResponse
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.exceptions import NotFound
from rest_framework.parsers import FormParser, MultiPartParser
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from contacts.api.shown import moment
from contacts.imports import control, keeping, run
from contacts.imports.columns import HEADERS, mappable
from contacts.models import Import
from tenants import audit, ids
from tenants.models import User
from tenants.rest.errors import Conflict, Gone, TooLarge
from tenants.rest.fields import IdField
from tenants.rest.filters import Filter, one_of
from tenants.rest.parsers import StrictJSONParser
from tenants.rest.serializers import StrictSerializer
from tenants.rest.views import Listed
from tenants.roles import Can

_PLAIN = [StrictJSONParser, FormParser, MultiPartParser]


class CsvRenderer(BaseRenderer):
    """Lets a client ask for text/csv; the file itself is streamed."""

    media_type = "text/csv"
    format = "csv"
    charset = "utf-8"

    def render(self, data: object, *_: object, **__: object) -> bytes:
        return json.dumps(data).encode()  # only refusals come here


class NewImportSerializer(StrictSerializer):
    kind = serializers.ChoiceField(Import.Kind.choices)
    file = serializers.FileField(max_length=200)
    dry_run = serializers.BooleanField(required=False, default=False)
    mapping = serializers.CharField(
        required=False,
        max_length=10_000,
        help_text=_(
            'Headers of the file that mean fields: {"Kundennummer": "external_id"}. '
            "An empty text leaves a column out; custom.<key> means a custom field of contacts."
        ),
    )

    def validate_mapping(self, text: str) -> dict[str, str]:
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict) or not all(
            isinstance(field, str) and any(mappable(kind, field) for kind in HEADERS)
            for field in found.values()
        ):
            raise serializers.ValidationError(_("Write an object of headers and fields."))
        return {header: str(field) for header, field in found.items()}


class ProblemSerializer(serializers.Serializer):
    code = serializers.CharField()
    message = serializers.CharField()

    class Meta:
        ref_name = "ImportProblem"


class ProgressSerializer(serializers.Serializer):
    done = serializers.IntegerField()
    total = serializers.IntegerField(allow_null=True, help_text=_("Null: not counted yet."))

    class Meta:
        ref_name = "ImportProgress"


class UndoneSerializer(serializers.Serializer):
    removed = serializers.IntegerField()
    kept = serializers.IntegerField(help_text=_("Rows that something else hangs on."))
    at = serializers.DateTimeField(allow_null=True)

    class Meta:
        ref_name = "ImportUndone"


class NothingSerializer(StrictSerializer):
    """No fields."""

    class Meta:
        ref_name = "ImportVerb"


class ImportSerializer(serializers.ModelSerializer):
    id = IdField()
    progress = serializers.SerializerMethodField()
    undo = serializers.SerializerMethodField()
    errors_url = serializers.SerializerMethodField()
    error = serializers.SerializerMethodField()

    class Meta:
        model = Import
        fields = (
            "id", "kind", "status", "dry_run", "created", "updated", "unchanged", "rejected",
            "progress", "mapping", "errors_url", "error", "undo", "created_at", "finished_at",
        )  # fmt: skip

    @extend_schema_field(ProgressSerializer)
    def get_progress(self, job: Import) -> dict[str, int | None]:
        """Rows of the file that were looked at, of how many."""
        return {"done": job.lines_done, "total": job.lines_total}

    @extend_schema_field(UndoneSerializer(allow_null=True))
    def get_undo(self, job: Import) -> dict[str, object] | None:
        """What undoing took out; null when nobody undid it."""
        if job.status not in (Import.Status.UNDOING, Import.Status.UNDONE):
            return None
        return {"removed": job.undone, "kept": job.undo_kept, "at": moment(job.undone_at)}

    @extend_schema_field({"type": "string", "format": "uri", "nullable": True})
    def get_errors_url(self, job: Import) -> str | None:
        """Where the refused rows lie; null when there are none (yet)."""
        if not job.error_file:
            return None
        place = f"/api/v1/imports/{ids.encode(job.pk)}/errors"
        request: Request = self.context["request"]
        return request.build_absolute_uri(place)

    @extend_schema_field(ProblemSerializer(allow_null=True))
    def get_error(self, job: Import) -> dict[str, str] | None:
        """Why the whole file failed."""
        if not job.error_code:
            return None
        return {"code": job.error_code, "message": job.error_message}


class Imports(Listed):
    """Files that were brought in. A bad row stops no other: it comes back in the error file."""

    queryset = Import.objects.all()
    serializer_class = ImportSerializer
    parser_classes = [MultiPartParser]
    abilities: ClassVar[Mapping[str, Can]] = {"GET": Can.IMPORT, "POST": Can.IMPORT}
    filters: ClassVar[Mapping[str, Filter]] = {
        "kind": one_of("kind", Import.Kind.choices),
        "status": one_of("status", Import.Status.choices),
    }

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        if int(request.META.get("CONTENT_LENGTH") or 0) > settings.UPLOAD_MAX_BYTES:
            raise TooLarge
        super().initial(request, *args, **kwargs)

    @extend_schema(request=NewImportSerializer, responses={202: ImportSerializer})
    def create(self, request: Request) -> Response:
        """Queue a file. With `dry_run` it is checked and counted, and nothing is written."""
        asked = NewImportSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        given: Mapping[str, Any] = asked.validated_data
        file: UploadedFile = given["file"]
        job = run.bring(
            given["kind"],
            file,
            file.name or "",
            dry_run=given["dry_run"],
            mapping=given.get("mapping"),
            user=request.user if isinstance(request.user, User) else None,
            language=get_language() or "",
        )
        audit.record("import.queued", job, request=request)
        return Response(self.get_serializer(job).data, status=202)

    @extend_schema(request=NothingSerializer, responses=ImportSerializer)
    @action(detail=True, methods=["POST"], parser_classes=_PLAIN)
    def pause(self, request: Request, id: str) -> Response:
        """Stop after the rows that are being written; 409 when it is not under way."""
        return self._do("pause", request)

    @extend_schema(request=NothingSerializer, responses=ImportSerializer)
    @action(detail=True, methods=["POST"], parser_classes=_PLAIN)
    def resume(self, request: Request, id: str) -> Response:
        """Go on with a paused import. Nothing is written twice."""
        return self._do("resume", request)

    @extend_schema(request=NothingSerializer, responses=ImportSerializer)
    @action(detail=True, methods=["POST"], parser_classes=_PLAIN)
    def undo(self, request: Request, id: str) -> Response:
        """Within 24 hours: take out the rows that it created, in the background.

        A row that something else hangs on by now stays, and what was updated stays as it is.
        """
        return self._do("undo", request)

    def _do(self, verb: str, request: Request) -> Response:
        job: Import = self.get_object()
        NothingSerializer(data=request.data).is_valid(raise_exception=True)
        try:
            control.VERBS[verb](job)
        except control.NotNow as refusal:
            raise Conflict(str(refusal)) from None
        audit.record(f"import.{control.PAST[verb]}", job, request=request)
        job.refresh_from_db()
        return Response(self.get_serializer(job).data)

    @extend_schema(responses={(200, "text/csv"): OpenApiTypes.BINARY})
    @action(detail=True, renderer_classes=[JSONRenderer, CsvRenderer], filter_backends=[])
    def errors(self, request: Request, id: str) -> FileResponse:
        """The refused rows: line, column, code, message, then the cells as they were; 410 when the
        file is no longer kept.
        """
        job = self.get_object()
        if not job.error_file:
            raise NotFound
        stored = keeping.opened(job.error_file)
        if stored is None:
            raise Gone(_("The file of the rejected rows is no longer kept."))
        return FileResponse(
            stored,
            as_attachment=True,
            filename=f"{job.kind}-errors.csv",
            content_type="text/csv; charset=utf-8",
        )
