"""`tags` and `tag-groups`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from rest_framework import serializers

from contacts import tagging, validation
from contacts.models import Tag, TagGroup
from tenants.rest.fields import IdField, Reference, Text, of
from tenants.rest.filters import Filter, equals
from tenants.rest.serializers import StrictModelSerializer
from tenants.rest.views import Editable
from tenants.roles import Can

ABILITIES: Mapping[str, Can] = {
    "GET": Can.READ, "POST": Can.WRITE, "PATCH": Can.WRITE, "DELETE": Can.WRITE,
}  # fmt: skip


def tag_name(text: str) -> str:
    """One tag's name: trimmed, NFC, no separator of files."""
    names = validation.tags(text)
    if len(names) != 1:
        raise validation.Invalid("blank", "Write one name, without semicolons.")
    return names[0]


class TagGroupSerializer(StrictModelSerializer):
    id = IdField()
    name = Text(tag_name, max_length=validation.TAG_LENGTH)
    position = serializers.IntegerField(min_value=0, max_value=32767, required=False)

    class Meta:
        model = TagGroup
        fields = ("id", "name", "position")


class TagSerializer(StrictModelSerializer):
    id = IdField()
    name = Text(tag_name, max_length=validation.TAG_LENGTH)
    group = Reference(TagGroup.objects.all, required=False, allow_null=True)

    class Meta:
        model = Tag
        fields = ("id", "name", "group", "local_only", "created_at")
        read_only_fields = ("created_at",)


class TagGroups(Editable):
    """Groups of tags."""

    queryset = TagGroup.objects.all()
    serializer_class = TagGroupSerializer
    abilities = ABILITIES


class Tags(Editable):
    """Labels on contacts. Deleting one takes it from all of them."""

    queryset = Tag.objects.all()
    serializer_class = TagSerializer
    abilities = ABILITIES
    filters: ClassVar[Mapping[str, Filter]] = {
        "name": equals("name", 60),
        "group": of("group_id"),
    }

    def perform_destroy(self, instance: Tag) -> None:
        tagging.delete(instance)
