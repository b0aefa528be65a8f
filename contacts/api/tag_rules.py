"""`tag-rules`: who gets which tag by itself; `pre-tag-lists`: tags for people not met yet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from django.core.exceptions import ValidationError
from django.db.models import Count, Q
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema, extend_schema_field, inline_serializer
from rest_framework import mixins, serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from contacts import pretags, tagging, validation
from contacts.api.naming import tag_names
from contacts.api.segments import (
    PreviewRuleSerializer,
    PreviewSerializer,
    RuleField,
    previewed,
    refused,
)
from contacts.models import PreTag, PreTagList, TagRule, TagRuleTag
from contacts.segments import words
from contacts.segments.rules import RuleError
from contacts.tag_rules import keeping
from contacts.validation import Invalid
from tenants import audit
from tenants.rest import bulk
from tenants.rest.errors import Conflict
from tenants.rest.fields import IdField, Moment, Text, Words
from tenants.rest.filters import Filter, equals, flag, one_of
from tenants.rest.serializers import StrictModelSerializer
from tenants.rest.views import Editable, Listed
from tenants.roles import Can

_CONFIGURE: Mapping[str, Can] = {
    "GET": Can.READ, "POST": Can.CONFIGURE, "PATCH": Can.CONFIGURE, "DELETE": Can.CONFIGURE,
}  # fmt: skip


@extend_schema_field({"type": "array", "items": {"type": "string"}})
class TagsField(Words):
    """Tags by name or id; names that do not exist yet are made."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("required", False)
        kwargs.setdefault("max_length", 20)
        super().__init__(longest=validation.TAG_LENGTH, **kwargs)

    def to_internal_value(self, data: Any) -> list[str]:
        known = tag_names(super().to_internal_value(data))
        if None in known.values():
            raise serializers.ValidationError(_("There is no such thing."))
        try:
            return validation.tags([str(name) for name in known.values()])
        except Invalid as error:
            raise serializers.ValidationError(str(error), code=error.code) from None


class TagRuleSerializer(StrictModelSerializer):
    """`done` contacts were looked at in the last run over all, and `changed` taggings."""

    id = IdField()
    name = Text(validation.name, max_length=validation.NAME_LENGTH)
    rule = RuleField()
    rule_in_words = serializers.SerializerMethodField()
    add_tags = TagsField()
    remove_tags = TagsField()
    as_of = Moment(source="looked_at", read_only=True, allow_null=True)

    class Meta:
        model = TagRule
        fields = (
            "id", "name", "rule", "rule_in_words", "add_tags", "remove_tags", "active",
            "run_on_existing", "state", "problem", "done", "changed", "as_of", "created_at",
        )  # fmt: skip
        read_only_fields = ("state", "problem", "done", "changed", "created_at")

    def get_rule_in_words(self, rule: TagRule) -> str:
        try:
            return words.of_rule(rule.rule)
        except RuleError:
            return ""

    def to_representation(self, instance: TagRule) -> dict[str, Any]:
        instance.add_tags = _tags_of(instance, removes=False)  # type: ignore[attr-defined] # shown
        instance.remove_tags = _tags_of(instance, removes=True)  # type: ignore[attr-defined]
        found: dict[str, Any] = super().to_representation(instance)
        return found

    def validate_name(self, name: str) -> str:
        taken = TagRule.objects.filter(name=name)
        if self.instance is not None:
            taken = taken.exclude(pk=self.instance.pk)
        if not name.strip():
            raise serializers.ValidationError(_("This must not be blank."))
        if taken.exists():
            raise Conflict(_("There is a tag rule of this name already."), "duplicate")
        return name

    def create(self, validated_data: dict[str, Any]) -> TagRule:
        return self._stored(TagRule(), validated_data)

    def update(self, instance: TagRule, validated_data: dict[str, Any]) -> TagRule:
        return self._stored(instance, validated_data)

    def _stored(self, rule: TagRule, given: dict[str, Any]) -> TagRule:
        adds, removes = (
            given.pop(name) if name in given else _tags_of(rule, removes=name == "remove_tags")
            for name in ("add_tags", "remove_tags")
        )
        for name, value in given.items():
            setattr(rule, name, value)
        tags = tagging.named([*adds, *removes])
        try:
            return keeping.save(
                rule, [tags[name] for name in adds], [tags[name] for name in removes]
            )
        except RuleError as error:
            raise refused(error) from None
        except ValidationError as error:
            raise serializers.ValidationError({"add_tags": error.messages}) from None


def _tags_of(rule: TagRule, *, removes: bool) -> list[str]:
    if rule.pk is None:
        return []
    rows = TagRuleTag.objects.filter(rule=rule, removes=removes).order_by("tag__name")
    return list(rows.values_list("tag__name", flat=True))


class TagRules(Editable):
    """Conditions that put tags on contacts, or take them away, when they begin to hold."""

    queryset = TagRule.objects.all()
    serializer_class = TagRuleSerializer
    abilities: ClassVar[Mapping[str, Can]] = _CONFIGURE
    filters: ClassVar[Mapping[str, Filter]] = {
        "name": equals("name", 100),
        "active": flag("active"),
        "state": one_of("state", TagRule.State.values),
    }

    def perform_create(self, serializer: Any) -> None:
        audit.record("tag_rule.created", serializer.save(), request=self.request)

    def perform_update(self, serializer: Any) -> None:
        fields: list[object] = sorted(serializer.validated_data)
        audit.record(
            "tag_rule.changed", serializer.save(), request=self.request, detail={"fields": fields}
        )

    def perform_destroy(self, instance: TagRule) -> None:
        audit.record("tag_rule.deleted", instance, request=self.request)
        instance.delete()

    @extend_schema(request=PreviewRuleSerializer, responses=PreviewSerializer)
    @action(detail=False, methods=["POST"])
    def preview(self, request: Request) -> Response:
        """For whom a condition holds now; nothing is stored."""
        return previewed(request)

    @extend_schema(request=None, responses={202: TagRuleSerializer})
    @action(detail=True, methods=["POST"])
    def run(self, request: Request, id: str) -> Response:
        """Act on all contacts for whom it holds now, in the background."""
        rule: TagRule = self.get_object()
        if not rule.active or rule.state == TagRule.State.BROKEN:
            raise Conflict(_("This rule is switched off, or needs repair."), "not_active")
        keeping.run(rule)
        rule.refresh_from_db()
        audit.record("tag_rule.run", rule, request=request)
        return Response(self.get_serializer(rule).data, status=status.HTTP_202_ACCEPTED)


# --- people not met yet ---


class PreTagListSerializer(StrictModelSerializer):
    """`waiting` and `applied` count tags, not people."""

    id = IdField()
    name = Text(validation.name, max_length=validation.NAME_LENGTH)
    waiting = serializers.IntegerField(read_only=True, default=0)
    applied = serializers.IntegerField(read_only=True, default=0)

    class Meta:
        model = PreTagList
        fields = ("id", "name", "waiting", "applied", "created_at")
        read_only_fields = ("created_at",)


class PreTagItemSerializer(serializers.Serializer):
    phone = serializers.CharField(required=False)
    unionid = serializers.CharField(required=False)
    tags = serializers.ListField(child=serializers.CharField())


_BULK = inline_serializer("PreTagsBulk", {"items": PreTagItemSerializer(many=True)})


class PreTagLists(mixins.CreateModelMixin, mixins.DestroyModelMixin, Listed):
    """Tags for people who are not contacts yet; put on when they first appear. Phones and unionids
    are kept as keyed hashes only, so a list cannot be read back.
    """

    queryset = PreTagList.objects.all()
    serializer_class = PreTagListSerializer
    abilities: ClassVar[Mapping[str, Can]] = {**_CONFIGURE, "bulk": Can.IMPORT}
    filters: ClassVar[Mapping[str, Filter]] = {"name": equals("name", 100)}

    def perform_create(self, serializer: Any) -> None:
        audit.record("pre_tag_list.created", serializer.save(), request=self.request)

    def perform_destroy(self, instance: PreTagList) -> None:
        audit.record("pre_tag_list.deleted", instance, request=self.request)
        instance.delete()

    def get_serializer(self, *args: Any, **kwargs: Any) -> Any:
        if args and not kwargs.get("data"):
            _count(args[0] if kwargs.get("many") else [args[0]])
        return super().get_serializer(*args, **kwargs)

    @extend_schema(request=_BULK, responses={207: bulk.ResultsSerializer})
    @action(detail=True, methods=["POST"])
    def bulk(self, request: Request, id: str) -> Response:
        """Put people on the list: `{"phone": …}` or `{"unionid": …}`, and their `tags`."""
        of: PreTagList = self.get_object()
        results: list[bulk.Result | None] = []
        good: list[pretags.Row] = []
        for item in bulk.items(request):
            row = _row(item)
            results.append(row if isinstance(row, bulk.Result) else None)
            if isinstance(row, pretags.Row):
                good.append(row)
        counts = iter(pretags.bring(of, good))
        answers = [
            each or bulk.Result("created" if next(counts) else "unchanged") for each in results
        ]
        audit.record("pre_tag_list.filled", of, request=request, detail={"people": len(good)})
        return bulk.answer(answers)


def _count(lists: Sequence[PreTagList]) -> None:
    rows = PreTag.objects.filter(of__in=lists).values("of_id").order_by("of_id")
    counted = {
        row["of_id"]: row
        for row in rows.annotate(
            waiting=Count("id", filter=Q(applied_at=None)),
            applied=Count("id", filter=Q(applied_at__isnull=False)),
        )
    }
    for each in lists:
        found = counted.get(each.pk)
        each.waiting = found["waiting"] if found else 0  # type: ignore[attr-defined] # shown
        each.applied = found["applied"] if found else 0  # type: ignore[attr-defined]


def _row(item: object) -> pretags.Row | bulk.Result:
    if not isinstance(item, dict):
        return bulk.rejected("invalid", _("Write an object."))
    unknown = sorted(set(item) - {"phone", "unionid", "tags"})
    if unknown:
        return bulk.rejected("unknown_field", _("Unknown field."), str(unknown[0])[:100])
    phone, unionid, tags = item.get("phone") or "", item.get("unionid") or "", item.get("tags")
    if not (isinstance(phone, str) and isinstance(unionid, str)):
        return bulk.rejected("invalid", _("Write text."), "phone")
    if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
        return bulk.rejected("invalid", _("Write a list of names."), "tags")
    try:
        return pretags.row(phone, unionid, tags)
    except Invalid as error:
        field = {"no_tags": "tags"}.get(error.code, "unionid" if unionid else "phone")
        return bulk.rejected(error.code, str(error), field)
