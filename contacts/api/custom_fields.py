"""`custom-fields`: what a business keeps of its customers besides what everybody does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from contacts import custom_fields, validation
from contacts.models import CustomField
from contacts.validation import Invalid
from tenants import audit
from tenants.rest.fields import IdField, StrictBoolean, Text
from tenants.rest.filters import Filter, flag, one_of
from tenants.rest.serializers import StrictModelSerializer
from tenants.rest.views import Editable
from tenants.roles import Can


def _label(text: str) -> str:
    clean = validation.text(text.strip(), validation.ID_LENGTH)
    if not clean:
        raise Invalid("blank", _("This must not be blank."))
    return clean


class Choices(serializers.ListField):
    """Words to choose from."""

    def __init__(self, **kwargs: Any) -> None:
        child = serializers.CharField(max_length=custom_fields.CHOICE_LENGTH)
        super().__init__(child=child, max_length=custom_fields.MOST_CHOICES, **kwargs)

    def to_internal_value(self, data: Any) -> list[str]:
        if not isinstance(data, list):
            self.fail("not_a_list", input_type=type(data).__name__)
        try:
            return custom_fields.choices(data)
        except Invalid as error:
            raise serializers.ValidationError(str(error)) from None


class CustomFieldSerializer(StrictModelSerializer):
    """Key and kind are set once."""

    id = IdField()
    key = Text(
        custom_fields.key, max_length=validation.ID_LENGTH,
        help_text=_("How contacts, filters and rules name it: custom.<key>. Set once."),
    )  # fmt: skip
    label = Text(_label, max_length=validation.ID_LENGTH)  # type: ignore[assignment] # the contract's name
    kind = serializers.ChoiceField(CustomField.Kind.choices, help_text=_("Set once."))
    choices = Choices(required=False)
    required = StrictBoolean(required=False)  # type: ignore[assignment] # the contract's name
    position = serializers.IntegerField(min_value=0, max_value=32767, required=False)
    archived = StrictBoolean(required=False)

    class Meta:
        model = CustomField
        fields = (
            "id", "key", "label", "kind", "choices", "required", "position", "archived",
            "created_at",
        )  # fmt: skip
        read_only_fields = ("created_at",)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        of: CustomField | None = self.instance
        if of is not None:
            fixed = {
                name
                for name in ("key", "kind")
                if attrs.get(name, getattr(of, name)) != getattr(of, name)
            }
            if fixed:
                raise serializers.ValidationError(
                    {name: [_("This is set once.")] for name in fixed}
                )
        elif CustomField.objects.count() >= custom_fields.MOST_FIELDS:
            most = _("At most %(most)s fields.") % {"most": custom_fields.MOST_FIELDS}
            raise serializers.ValidationError({"key": [most]})
        kind = attrs.get("kind") or (of.kind if of else "")
        given = attrs.get("choices", of.choices if of else [])
        chosen = kind in (CustomField.Kind.CHOICE, CustomField.Kind.MULTI)
        if chosen and not given:
            raise serializers.ValidationError({"choices": [_("Write at least one choice.")]})
        if given and not chosen:
            raise serializers.ValidationError({"choices": [_("This kind has no choices.")]})
        return attrs


class CustomFields(Editable):
    """Fields of your own on contacts. Deleting one leaves its values where they are, as text."""

    queryset = CustomField.objects.order_by("id")
    serializer_class = CustomFieldSerializer
    abilities: ClassVar[Mapping[str, Can]] = {
        "GET": Can.READ, "POST": Can.CONFIGURE, "PATCH": Can.CONFIGURE, "DELETE": Can.CONFIGURE,
    }  # fmt: skip
    default_ordering = "id"
    filters: ClassVar[Mapping[str, Filter]] = {
        "kind": one_of("kind", CustomField.Kind.choices),
        "archived": flag("archived"),
    }

    def perform_create(self, serializer: Any) -> None:
        self._note("created", serializer.save())

    def perform_update(self, serializer: Any) -> None:
        self._note("changed", serializer.save())

    def perform_destroy(self, instance: CustomField) -> None:
        self._note("deleted", instance)
        instance.delete()

    def _note(self, verb: str, of: CustomField) -> None:
        audit.record(f"custom_field.{verb}", of, request=self.request)
