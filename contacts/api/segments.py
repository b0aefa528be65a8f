"""`segments`: rules and lists by hand, their members, and a rule tried before it is stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema, inline_serializer
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from contacts import validation
from contacts.api.contact_fields import ContactSerializer
from contacts.api.contacts import visible
from contacts.api.naming import UNKNOWN, contact_ids
from contacts.api.shown import moment, shown
from contacts.models import Contact, Segment, SegmentMember
from contacts.segments import keeping, words
from contacts.segments.rules import RuleError
from tenants import audit
from tenants.ids import encode
from tenants.rest import bulk
from tenants.rest.errors import Conflict
from tenants.rest.fields import IdField, Moment, Text
from tenants.rest.filters import Filter, equals, one_of
from tenants.rest.pages import Cursor, Ordering
from tenants.rest.serializers import StrictModelSerializer, StrictSerializer
from tenants.rest.views import Editable
from tenants.roles import Can


class RuleField(serializers.JSONField):
    """`{"all": […]}`, `{"any": […]}`, `{"not": …}`, or a condition: see contacts/segments."""


def refused(error: RuleError) -> serializers.ValidationError:
    """400 that names the part of the rule and says what to do."""
    return serializers.ValidationError({"rule": [str(error)]})


class SegmentSerializer(StrictModelSerializer):
    """`size` holds `as_of`; null while the segment is counted for the first time."""

    id = IdField()
    name = Text(validation.name, max_length=validation.NAME_LENGTH)
    description = Text(
        lambda text: validation.text(text, 500, breaks=True),
        max_length=500,
        required=False,
        allow_blank=True,
    )
    kind = serializers.ChoiceField(Segment.Kind.choices, required=False)
    rule = RuleField(required=False)
    rule_in_words = serializers.SerializerMethodField()
    as_of = Moment(source="evaluated_at", read_only=True, allow_null=True)

    class Meta:
        model = Segment
        fields = (
            "id", "name", "description", "kind", "rule", "rule_in_words", "state", "problem",
            "size", "as_of", "created_at", "updated_at",
        )  # fmt: skip
        read_only_fields = ("state", "problem", "size", "created_at", "updated_at")

    def get_rule_in_words(self, segment: Segment) -> str:
        return words.of(segment)

    def validate_name(self, name: str) -> str:
        if not name.strip():
            raise serializers.ValidationError(_("This must not be blank."))
        taken = Segment.objects.filter(name=name)
        if self.instance is not None:
            taken = taken.exclude(pk=self.instance.pk)
        if taken.exists():
            raise Conflict(_("There is a segment of this name already."), "duplicate")
        return name

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        kind = attrs.get("kind", Segment.Kind.RULE)
        if self.instance is not None:
            kind = attrs.setdefault("kind", self.instance.kind)
            if kind != self.instance.kind:
                raise serializers.ValidationError({"kind": [_("This does not change later.")]})
        if kind == Segment.Kind.STATIC and attrs.get("rule"):
            raise serializers.ValidationError({"rule": [_("A list by hand has no rule.")]})
        if kind == Segment.Kind.RULE and self.instance is None and "rule" not in attrs:
            raise serializers.ValidationError({"rule": [_("Write the rule.")]})
        return attrs

    def create(self, validated_data: dict[str, Any]) -> Segment:
        return self._stored(Segment(**validated_data), recount=True)

    def update(self, instance: Segment, validated_data: dict[str, Any]) -> Segment:
        recount = "rule" in validated_data and validated_data["rule"] != instance.rule
        recount = recount or instance.state == Segment.State.BROKEN
        for name, value in validated_data.items():
            setattr(instance, name, value)
        return self._stored(instance, recount=recount)

    def _stored(self, segment: Segment, *, recount: bool) -> Segment:
        try:
            return keeping.save(segment, recount=recount)
        except RuleError as error:
            raise refused(error) from None


class PreviewRuleSerializer(StrictSerializer):
    rule = RuleField()

    class Meta:
        ref_name = "SegmentRule"


class SampleSerializer(serializers.Serializer):
    id = serializers.CharField()
    external_id = serializers.CharField(allow_null=True)
    name = serializers.CharField()

    class Meta:
        ref_name = "SegmentSample"


class PreviewSerializer(serializers.Serializer):
    count = serializers.IntegerField(
        allow_null=True, help_text="Exact; null when counting took longer than 8 s."
    )
    sample = SampleSerializer(many=True, help_text="Up to 10 of them, the newest contacts.")
    as_of = serializers.DateTimeField()
    rule_in_words = serializers.CharField()

    class Meta:
        ref_name = "SegmentPreview"


class MemberSerializer(ContactSerializer):
    entered_at = serializers.DateTimeField(read_only=True, help_text="Member since.")

    class Meta:
        ref_name = "SegmentMember"


_ITEMS = inline_serializer(
    "SegmentMembersBulk",
    {
        "items": serializers.ListField(
            child=serializers.CharField(), help_text="external_id or id of contacts, up to 1,000."
        )
    },
)


class Segments(Editable):
    """Sets of contacts: found by rule and kept up to date, or listed by hand."""

    queryset = Segment.objects.all()
    serializer_class = SegmentSerializer
    abilities: ClassVar[Mapping[str, Can]] = {
        "GET": Can.READ, "POST": Can.CONFIGURE, "PATCH": Can.CONFIGURE, "DELETE": Can.CONFIGURE,
    }  # fmt: skip
    filters: ClassVar[Mapping[str, Filter]] = {
        "name": equals("name", 100),
        "kind": one_of("kind", Segment.Kind.values),
        "state": one_of("state", Segment.State.values),
    }

    def paged_actions(self) -> set[str]:
        return {"list", "members"}

    def perform_create(self, serializer: Any) -> None:
        self._note("created", serializer.save())

    def perform_update(self, serializer: Any) -> None:
        self._note("changed", serializer.save(), fields=sorted(serializer.validated_data))

    def perform_destroy(self, instance: Segment) -> None:
        self._note("deleted", instance)
        keeping.delete(instance)

    def _note(self, verb: str, segment: Segment, **detail: object) -> None:
        audit.record(f"segment.{verb}", segment, request=self.request, detail=detail)

    @extend_schema(request=PreviewRuleSerializer, responses=PreviewSerializer)
    @action(detail=False, methods=["POST"])
    def preview(self, request: Request) -> Response:
        """Whom a rule would find now; nothing is stored."""
        return previewed(request)

    @extend_schema(responses=MemberSerializer(many=True))
    @action(detail=True, methods=["GET"])
    def members(self, request: Request, id: str) -> Response:
        """The contacts that are in it, the newest contacts first."""
        segment = self.get_object()
        within = SegmentMember.objects.filter(segment=segment).values("contact_id")
        rows: QuerySet[Contact] = visible(request, Contact.objects.all())
        pages = Cursor()
        found = pages.ids(rows.filter(pk__in=within), request, _Members)
        since = dict(
            SegmentMember.objects.filter(segment=segment, contact_id__in=found).values_list(
                "contact_id", "entered_at"
            )
        )
        return pages.get_paginated_response(
            [
                {**each, "entered_at": moment(since.get(pk))}
                for pk, each in shown(request, found).items()
            ]
        )

    @extend_schema(request=_ITEMS, responses={207: bulk.ResultsSerializer})
    @members.mapping.post
    def add_members(self, request: Request, id: str) -> Response:
        """Put contacts on a list by hand: created, or unchanged when they were on it."""
        return self._by_hand(request, "created", "members_added")

    @extend_schema(request=_ITEMS, responses={207: bulk.ResultsSerializer})
    @action(detail=True, methods=["POST"], url_path="members/remove")
    def remove_members(self, request: Request, id: str) -> Response:
        """Take contacts off a list by hand: updated, or unchanged when they were not on it."""
        return self._by_hand(request, "updated", "members_removed")

    def _by_hand(self, request: Request, changed_status: str, verb: str) -> Response:
        segment = self.get_object()
        if segment.kind != Segment.Kind.STATIC:
            raise Conflict(_("The rule of this segment finds its members."), "by_rule")
        texts = [_named(item) for item in bulk.items(request)]
        found = contact_ids(text for text in texts if text)
        if changed_status == "created":
            changed = keeping.add(segment, list(found.values()))
        else:
            changed = keeping.remove(segment, list(found.values()))
        if changed:
            self._note(verb, segment, contacts=len(changed))
        return bulk.answer(_results(texts, found, changed, changed_status))


def previewed(request: Request) -> Response:
    """Whom the rule in the request would find now."""
    given = PreviewRuleSerializer(data=request.data)
    given.is_valid(raise_exception=True)
    rule = given.validated_data["rule"]
    try:
        found = keeping.preview(rule)
        said = words.of_rule(rule)
    except RuleError as error:
        raise refused(error) from None
    contacts = Contact.objects.in_bulk(found.sample)
    sample = [_brief(contacts[pk]) for pk in found.sample if pk in contacts]
    return Response(
        {
            "count": found.count,
            "sample": sample,
            "as_of": moment(found.at),
            "rule_in_words": said,
        }
    )


class _Members:
    """The order of members, for the paginator."""

    orderings: ClassVar[Mapping[str, Ordering]] = {"created_at": Ordering()}
    default_ordering = "-created_at"


def _brief(contact: Contact) -> dict[str, object]:
    return {"id": encode(contact.pk), "external_id": contact.external_id, "name": contact.name}


def _named(item: object) -> str:
    """`"c-001"` or `{"contact": "c-001"}`."""
    if isinstance(item, dict) and set(item) == {"contact"}:
        item = item["contact"]
    return item if isinstance(item, str) and "\x00" not in item else ""


def _results(
    texts: Sequence[str], found: Mapping[str, int], changed: set[int], changed_status: str
) -> list[bulk.Result]:
    """One for each item; a contact that is named twice changed once."""
    left = set(changed)
    results = []
    for text in texts:
        pk = found.get(text)
        if pk is None:
            results.append(bulk.rejected("does_not_exist", UNKNOWN, "contact"))
            continue
        results.append(bulk.Result(changed_status if pk in left else "unchanged", pk))
        left.discard(pk)
    return results
