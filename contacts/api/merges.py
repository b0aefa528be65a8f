"""`contacts/{id}/merge`, `unmerge`, `merges`; `duplicates`: who may be one person, and who is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from contacts.api.contacts import actor, visible
from contacts.api.forwarding import Forwarding
from contacts.api.naming import ContactField, contact_ids
from contacts.api.shown import moment
from contacts.merging import duplicates, undo
from contacts.merging import merge as merging
from contacts.merging.merge import NotTwo
from contacts.models import Contact, Duplicate, Merge
from tenants import audit, ids
from tenants.models import User
from tenants.rest.errors import Conflict
from tenants.rest.fields import IdField, Moment, StrictBoolean
from tenants.rest.filters import Filter
from tenants.rest.serializers import StrictSerializer
from tenants.rest.views import Listed, Resource
from tenants.roles import Can

MOST = 100


class MergeRequest(StrictSerializer):
    """The contact of the path stays; the one in `with` becomes part of it."""

    with_ = ContactField(source="absorbed")
    reason = serializers.CharField(max_length=200, required=False, allow_blank=True)
    dry_run = StrictBoolean(required=False)

    def get_fields(self) -> dict[str, Any]:
        found = super().get_fields()
        return {"with": found.pop("with_"), **found}  # a word of Python's own


class UnmergeRequest(StrictSerializer):
    """`contact`: the id, or external id, that is to stand by itself again; else the latest one."""

    contact = serializers.CharField(max_length=64, required=False)
    dry_run = StrictBoolean(required=False)


class DifferenceSerializer(serializers.Serializer):
    """A field that either has, as people read it (phones masked); `kept` after the merge."""

    field = serializers.CharField()
    survivor = serializers.CharField()
    absorbed = serializers.CharField()
    kept = serializers.CharField()
    disagree = serializers.BooleanField()


class MergePreviewSerializer(serializers.Serializer):
    """`moves` and `drops` count rows by table; what is dropped the survivor has already."""

    contact = serializers.CharField()
    absorbed = serializers.CharField()
    dry_run = serializers.BooleanField()
    merge = serializers.CharField(allow_null=True)
    disagree = serializers.ListField(child=serializers.CharField())
    fields_ = DifferenceSerializer(many=True)
    moves = serializers.DictField(child=serializers.IntegerField())
    drops = serializers.DictField(child=serializers.IntegerField())

    def get_fields(self) -> dict[str, Any]:
        found = super().get_fields()
        found["fields"] = found.pop("fields_")
        return found


class UndoingSerializer(serializers.Serializer):
    """`back` counts rows by table; what came after the merge stays with `contact`."""

    contact = serializers.CharField()
    restored = serializers.CharField()
    dry_run = serializers.BooleanField()
    back = serializers.DictField(child=serializers.IntegerField())
    events_stay = serializers.IntegerField()
    orders_stay = serializers.IntegerField()
    until = Moment()


class MergeSerializer(serializers.Serializer):
    id = IdField()
    absorbed = serializers.CharField()
    external_id = serializers.CharField(allow_null=True)
    by = serializers.CharField()
    reason = serializers.CharField()
    at = Moment()
    undone_at = Moment(allow_null=True)
    undoable = serializers.BooleanField()


def shown(merge: Merge) -> dict[str, Any]:
    return {
        "id": ids.encode(merge.pk),
        "absorbed": ids.encode(merge.absorbed_id),
        "external_id": merge.external_id or None,
        "by": merge.by,
        "reason": merge.reason,
        "at": moment(merge.at),
        "undone_at": moment(merge.undone_at),
        "undoable": undo.undoable(merge),
    }


def short(counts: Mapping[str, int]) -> dict[str, int]:
    """contacts.Order → order."""
    return {label.rpartition(".")[2].lower(): number for label, number in counts.items()}


class ContactMerges(Forwarding, Resource):
    """Two records of one person become one, and two again."""

    queryset = Contact.objects.all()
    serializer_class = MergeRequest
    abilities: ClassVar[Mapping[str, Can]] = {"GET": Can.READ, "POST": Can.WRITE}

    def get_queryset(self) -> QuerySet[Contact]:
        return visible(self.request, Contact.objects.all())

    @extend_schema(request=MergeRequest, responses=MergePreviewSerializer)
    @action(detail=True, methods=["POST"])
    def merge(self, request: Request, id: str) -> Response:
        """Make one contact of two. With `dry_run` nothing changes: the answer says what would."""
        survivor: Contact = self.get_object()
        given = MergeRequest(data=request.data)
        given.is_valid(raise_exception=True)
        absorbed = self.get_queryset().filter(pk=given.validated_data["absorbed"].pk).first()
        if absorbed is None:
            raise serializers.ValidationError({"with": [_("There is no such thing.")]})
        if absorbed.pk == survivor.pk:
            raise serializers.ValidationError({"with": [_("They are the same contact.")]})
        preview = merging.preview(survivor, absorbed)
        dry_run = given.validated_data.get("dry_run", False)
        done = None
        if not dry_run:
            done = _merged(request, survivor, absorbed, given.validated_data.get("reason", ""))
        return Response(
            {
                "contact": ids.encode(survivor.pk),
                "absorbed": ids.encode(absorbed.pk),
                "dry_run": dry_run,
                "merge": ids.encode(done.pk) if done else None,
                "disagree": preview.disagree,
                "fields": DifferenceSerializer(preview.differences, many=True).data,
                "moves": short(preview.moves),
                "drops": short(preview.drops),
            }
        )

    @extend_schema(request=UnmergeRequest, responses=UndoingSerializer)
    @action(detail=True, methods=["POST"])
    def unmerge(self, request: Request, id: str) -> Response:
        """Take a merge back, within 30 days. What came since stays with this contact."""
        survivor: Contact = self.get_object()
        given = UnmergeRequest(data=request.data)
        given.is_valid(raise_exception=True)
        done = _wanted(survivor, given.validated_data.get("contact"))
        preview = undo.preview(done)
        dry_run = given.validated_data.get("dry_run", False)
        if not undo.undoable(done):
            raise Conflict(_("A merge can be undone within 30 days."), "too_late")
        if not dry_run:
            _undone(request, done)
        return Response(
            {
                "contact": ids.encode(survivor.pk),
                "restored": ids.encode(done.absorbed_id),
                "dry_run": dry_run,
                "back": short(preview.back),
                "events_stay": preview.events_stay,
                "orders_stay": preview.orders_stay,
                "until": moment(preview.until),
            }
        )

    @extend_schema(responses=MergeSerializer(many=True))
    @action(detail=True, methods=["GET"])
    def merges(self, request: Request, id: str) -> Response:
        """What was merged into this contact, the latest first (at most 100)."""
        found = Merge.objects.filter(survivor=self.get_object()).order_by("-id")[:MOST]
        return Response([shown(each) for each in found])


def _merged(request: Request, survivor: Contact, absorbed: Contact, reason: str) -> Merge:
    try:
        done = merging.merge(survivor.pk, absorbed.pk, by=_by(request), reason=reason)
    except NotTwo:
        raise Conflict(_("One of the two is gone meanwhile.")) from None
    duplicates.record_merge(done, request=request)
    return done


def _undone(request: Request, done: Merge) -> None:
    try:
        survivor, restored = undo.unmerge(done, by=_by(request))
    except undo.TooLate:
        raise Conflict(_("A merge can be undone within 30 days."), "too_late") from None
    duplicates.record_unmerge(survivor, restored, request=request)


def _by(request: Request) -> str:
    return (
        f"user:{ids.encode(request.user.pk)}" if isinstance(request.user, User) else actor(request)
    )


def _wanted(survivor: Contact, name: str | None) -> Merge:
    standing = Merge.objects.filter(survivor=survivor, undone_at=None).order_by("-id")
    found = [
        each
        for each in standing
        if name is None or name in (each.external_id, ids.encode(each.absorbed_id))
    ]
    if not found:
        raise serializers.ValidationError({"contact": [_("Nothing of that name was merged here.")]})
    return found[0]


class DuplicateSerializer(serializers.Serializer):
    id = IdField()
    contacts = serializers.ListField(child=serializers.CharField())
    why = serializers.ChoiceField(Duplicate.Why.choices)
    state = serializers.ChoiceField(Duplicate.State.choices)
    disagree = serializers.ListField(child=serializers.CharField())
    at = Moment()


class Duplicates(Listed):
    """Contacts that may be one person: those who share an account and disagree, or only a phone."""

    queryset = Duplicate.objects.all()
    serializer_class = DuplicateSerializer
    abilities: ClassVar[Mapping[str, Can]] = {"GET": Can.READ, "POST": Can.WRITE}
    filters: ClassVar[Mapping[str, Filter]] = {
        "state": Filter(
            serializers.ChoiceField(Duplicate.State.choices),
            lambda rows, state: rows.filter(state=state),
        ),
        "contact": Filter(
            serializers.CharField(max_length=64),
            lambda rows, text: _about(rows, text),
            help="external_id or id of a contact.",
        ),
    }

    def get_queryset(self) -> QuerySet[Duplicate]:
        mine = visible(self.request, Contact.objects.all()).values("id")
        return Duplicate.objects.filter(first_id__in=mine, second_id__in=mine)

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset())) or []
        return self.get_paginated_response([_shown_pair(each) for each in page])

    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return Response(_shown_pair(self.get_object()))

    @extend_schema(request=None, responses=DuplicateSerializer)
    @action(detail=True, methods=["POST"])
    def dismiss(self, request: Request, id: str) -> Response:
        """They are not the same person: no rule merges them, nobody is asked again."""
        pair: Duplicate = self.get_object()
        duplicates.dismiss(pair, _by(request))
        audit.record(
            "duplicate.dismissed", pair, request=request,
            detail={"contacts": duplicates.pair_of(pair)},
        )  # fmt: skip
        return Response(_shown_pair(pair), status=status.HTTP_200_OK)


def _about(rows: QuerySet[Duplicate], text: str) -> QuerySet[Duplicate]:
    contact_id = contact_ids([text]).get(text, 0)
    return rows.filter(first_id=contact_id) | rows.filter(second_id=contact_id)


def _shown_pair(pair: Duplicate) -> dict[str, Any]:
    return {
        "id": ids.encode(pair.pk),
        "contacts": [ids.encode(pair.first_id), ids.encode(pair.second_id)],
        "why": pair.why,
        "state": pair.state,
        "disagree": pair.differs,
        "at": moment(pair.at),
    }
