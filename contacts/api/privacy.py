"""`contacts/{id}/consents`, `export`, `erase`; `erasures`; `retention-rules`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpResponse
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response

from contacts import validation
from contacts.api.contacts import actor, visible
from contacts.api.forwarding import Forwarding
from contacts.api.shown import moment
from contacts.models import Consent, Contact, Erasure, Retention
from contacts.privacy import consents, erasing, retention, takeout, traces, written
from contacts.privacy.consents import Agreement
from tenants import audit, ids
from tenants.rest.errors import Conflict
from tenants.rest.fields import IdField, Moment, StrictBoolean, Text
from tenants.rest.filters import Filter
from tenants.rest.permissions import can
from tenants.rest.serializers import StrictModelSerializer, StrictSerializer
from tenants.rest.views import Editable, Listed, Resource
from tenants.roles import Can

MOST = 500
_ZIP = Filter(serializers.ChoiceField(["json", "zip"]), help="`zip` adds a CSV for each table.")


class ConsentLineSerializer(StrictSerializer):
    """A line of the ledger. `by`: who wrote it down, user:<id> or api."""

    id = IdField()
    purpose = serializers.ChoiceField(Consent.Purpose.choices)
    granted = StrictBoolean()
    at = Moment(clean=validation.moment, required=False)
    channel = Text(
        lambda text: validation.text(text, 40), max_length=40, required=False, allow_blank=True
    )
    text_version = Text(
        lambda text: validation.text(text, 40), max_length=40, required=False, allow_blank=True
    )
    by = serializers.CharField(read_only=True)


class TakeOutSerializer(serializers.Serializer):
    """Every table that holds something of the person: name → rows, nothing masked."""

    contact = serializers.CharField()
    made_at = serializers.DateTimeField()
    tables = serializers.DictField(child=serializers.ListField(child=serializers.DictField()))


class TakeOutRequest(StrictSerializer):
    reason = serializers.CharField(max_length=200, required=False)


class EraseRequest(StrictSerializer):
    reason = serializers.CharField(min_length=3, max_length=200)


class ErasureSerializer(serializers.Serializer):
    """`counts`: rows by table, files, callbacks. `contact` is the shell that is left."""

    id = IdField()
    contact = serializers.CharField(allow_null=True)
    at = serializers.DateTimeField()
    by = serializers.CharField()
    reason = serializers.CharField()
    counts = serializers.DictField(child=serializers.IntegerField())


def shown_erasure(erasure: Erasure) -> dict[str, Any]:
    return {
        "id": ids.encode(erasure.pk),
        "contact": ids.encode(erasure.contact_id) if erasure.contact_id else None,
        "at": moment(erasure.at),
        "by": erasure.by,
        "reason": erasure.reason,
        "counts": erasure.counts,
    }


class ContactPrivacy(Forwarding, Resource):
    """What a person may ask for: to withdraw, to see everything, to be forgotten."""

    queryset = Contact.objects.all()
    serializer_class = ConsentLineSerializer
    abilities: ClassVar[Mapping[str, Can]] = {
        "consents": Can.READ, "add_consent": Can.WRITE, "export": Can.EXPORT,
        "export_for": Can.EXPORT, "erase": Can.MANAGE,
    }  # fmt: skip
    parameters: ClassVar[Mapping[str, Mapping[str, Filter]]] = {
        "export": {"as": _ZIP}, "export_for": {"as": _ZIP},
    }  # fmt: skip

    def get_queryset(self) -> QuerySet[Contact]:
        return visible(self.request, Contact.objects.all())

    @extend_schema(responses=ConsentLineSerializer(many=True))
    @action(detail=True, methods=["GET"])
    def consents(self, request: Request, id: str) -> Response:
        """What the person agreed to and withdrew, the latest first (at most 500)."""
        rows = Consent.objects.filter(contact=self.get_object()).order_by("-at", "-id")[:MOST]
        return Response(ConsentLineSerializer(rows, many=True).data)

    @extend_schema(request=ConsentLineSerializer, responses={201: ConsentLineSerializer})
    @consents.mapping.post
    def add_consent(self, request: Request, id: str) -> Response:
        """Write down that they agreed, or withdrew. The same again is no new line: 200."""
        contact: Contact = self.get_object()
        given = ConsentLineSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        made = consents.write(contact, [Agreement(**given.validated_data)], actor(request))
        if made:
            return Response(ConsentLineSerializer(made[0]).data, status=status.HTTP_201_CREATED)
        purpose = given.validated_data["purpose"]
        last = Consent.objects.filter(contact=contact, purpose=purpose).order_by("-at", "-id")
        return Response(ConsentLineSerializer(last[0]).data)

    @extend_schema(responses=TakeOutSerializer)
    @action(detail=True, methods=["GET"])
    def export(self, request: Request, id: str) -> Response | HttpResponse:
        """All that is known of the person, unmasked. Needs the abilities export and reveal."""
        return self._taken_out(request, "")

    @extend_schema(request=TakeOutRequest, responses=TakeOutSerializer)
    @export.mapping.post
    def export_for(self, request: Request, id: str) -> Response | HttpResponse:
        """The same, with the reason for the audit log."""
        given = TakeOutRequest(data=request.data)
        given.is_valid(raise_exception=True)
        return self._taken_out(request, given.validated_data.get("reason", ""))

    def _taken_out(self, request: Request, reason: str) -> Response | HttpResponse:
        contact: Contact = self.get_object()
        if not can(request, Can.REVEAL):
            raise PermissionDenied
        document = takeout.everything(contact)
        audit.record(
            "contact.taken_out", contact, request=request, reason=reason,
            detail={"tables": sorted(document["tables"])},
        )  # fmt: skip
        if self.given().get("as") == "zip":
            return HttpResponse(
                takeout.zipped(document),
                content_type="application/zip",
                headers={"Content-Disposition": 'attachment; filename="person.zip"'},
            )
        return Response(document)

    @extend_schema(request=EraseRequest, responses=ErasureSerializer)
    @action(detail=True, methods=["POST"])
    def erase(self, request: Request, id: str) -> Response:
        """Forget the person. Money and figures stay, on a contact without a name."""
        contact: Contact = self.get_object()
        given = EraseRequest(data=request.data)
        given.is_valid(raise_exception=True)
        try:
            done = erasing.erase(
                contact.pk, by=actor(request), reason=given.validated_data["reason"]
            )
        except erasing.Gone:
            raise Conflict(_("This person has been erased already."), "erased") from None
        except traces.InUse as error:
            raise Conflict(str(error), "in_use") from None
        except written.NamesThem:
            raise serializers.ValidationError({"reason": [written.DO_NOT_NAME]}) from None
        audit.record(
            "contact.erased", contact, request=request, detail={"erasure": audit.reference(done)}
        )
        return Response(shown_erasure(done))


class Erasures(Listed):
    """Who was erased, when, by whom, why: the names are gone, the contact is a shell."""

    queryset = Erasure.objects.all()
    serializer_class = ErasureSerializer
    abilities: ClassVar[Mapping[str, Can]] = {"GET": Can.MANAGE}

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset())) or []
        return self.get_paginated_response([shown_erasure(each) for each in page])

    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return Response(shown_erasure(self.get_object()))


class RetentionSerializer(StrictModelSerializer):
    """`kind`: one kind of event, or a family that ends with a dot (`message.`)."""

    id = IdField()

    class Meta:
        model = Retention
        fields = ("id", "kind", "days", "active", "done_at", "deleted")
        read_only_fields = ("done_at", "deleted")

    def validate_kind(self, kind: str) -> str:
        try:
            retention.check(kind)
        except ValidationError as error:
            raise serializers.ValidationError(error.messages) from None
        return kind


class Retentions(Editable):
    """How long events of a kind are kept; older ones go each night."""

    queryset = Retention.objects.all()
    serializer_class = RetentionSerializer
    abilities: ClassVar[Mapping[str, Can]] = {
        "GET": Can.READ, "POST": Can.MANAGE, "PATCH": Can.MANAGE, "DELETE": Can.MANAGE,
    }  # fmt: skip

    def perform_create(self, serializer: Any) -> None:
        self._note("created", serializer.save())

    def perform_update(self, serializer: Any) -> None:
        self._note("changed", serializer.save())

    def perform_destroy(self, instance: Retention) -> None:
        self._note("deleted", instance)
        instance.delete()

    def _note(self, verb: str, each: Retention) -> None:
        retention.ring()
        detail: dict[str, object] = {"days": each.days, "active": each.active}
        audit.record(f"retention.{verb}", each, request=self.request, detail=detail)
