"""What may be written to a contact, and what the API shows of one."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from datetime import date
from typing import Any, ClassVar

from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from contacts import facets, validation
from contacts.api.naming import ContactField, Named, tag_names
from contacts.custom_fields import Fields, needed
from contacts.merging import forwarding
from contacts.models import Channel, Consent, Contact, SourceKind
from contacts.profile import Agreement
from tenants.models import Staff
from tenants.rest.fields import IdField, Moment, StrictBoolean, Text
from tenants.rest.serializers import StrictSerializer

MOST_TAGS = 100


def past_day(text: str) -> date:
    return validation.past_day(text, timezone.now())


class Day(serializers.DateField):
    """YYYY-MM-DD, not in the future."""

    def to_internal_value(self, value: Any) -> date:
        try:
            return past_day(value if isinstance(value, str) else "")
        except ValueError as error:
            raise serializers.ValidationError(str(error)) from None


class Custom(serializers.DictField):
    """Values of custom fields by key, each as its field says; other names hold what is sent."""

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        patched = getattr(self.root, "instance", None) is not None
        try:
            return Fields().document(data, keep_nulls=patched)
        except ValueError as error:
            raise serializers.ValidationError(str(error)) from None


class Tags(serializers.ListField):
    """Names or ids of tags; names that do not exist yet are made."""

    default_error_messages = {"unknown": _("There is no such thing.")}

    def __init__(self, **kwargs: Any) -> None:
        child = serializers.CharField(max_length=validation.TAG_LENGTH)
        super().__init__(child=child, max_length=MOST_TAGS, **kwargs)

    def to_internal_value(self, data: Any) -> list[str]:
        if not isinstance(data, list) or not all(isinstance(each, str) for each in data):
            self.fail("not_a_list", input_type=type(data).__name__)
        try:
            given = validation.tags(data)
        except ValueError as error:
            raise serializers.ValidationError(str(error)) from None
        names = [tag_names(given)[each] for each in given]
        if None in names:
            self.fail("unknown")
        return [name for name in names if name]


class ConsentSerializer(StrictSerializer):
    """The latest word on a purpose; writing another word keeps the earlier ones."""

    purpose = serializers.ChoiceField(Consent.Purpose.choices)
    granted = StrictBoolean()
    at = Moment(clean=validation.moment, required=False)
    channel = Text(clean=lambda text: validation.text(text, 40), required=False, allow_blank=True)
    text_version = Text(
        clean=lambda text: validation.text(text, 40), required=False, allow_blank=True
    )

    def to_internal_value(self, data: Any) -> Agreement:
        return Agreement(**super().to_internal_value(data))


class ContactSerializer(StrictSerializer):
    """A contact. The source, and the channel once set, are those of the first touch for ever."""

    id = IdField()
    external_id = Text(validation.identifier, required=False, allow_null=True, max_length=64)
    name = Text(validation.name, required=False, allow_blank=True, max_length=100)
    gender = serializers.ChoiceField(["female", "male"], required=False, allow_blank=True)
    birthday = Day(required=False, allow_null=True)
    phone = Text(
        validation.phone, required=False, allow_null=True,
        help_text=_("E.164; shown as 138****1234 without the scope reveal."),
    )  # fmt: skip
    email = Text(
        validation.email, required=False, allow_null=True,
        help_text=_("Shown as a***@example.com without the scope reveal."),
    )  # fmt: skip
    channel = Named(
        Channel.objects.all, "name", validation.channel,
        required=False, allow_null=True, allow_blank=True,
        help_text=_("Name (or id) of the channel of the first touch; set once."),
    )  # fmt: skip
    source = serializers.ChoiceField(SourceKind.choices, read_only=True)  # type: ignore[assignment] # the contract's name
    owner = Named(
        Staff.objects.all, "userid", validation.identifier, required=False, allow_null=True,
        help_text=_("The userid (or id) of a staff member; an unknown one is made."),
    )  # fmt: skip
    referrer = ContactField(required=False, allow_null=True)
    tags = Tags(required=False)
    custom = Custom(
        required=False,
        help_text=_(
            "By key. Lists are narrowed by custom.<key>=, custom.<key>.gte=, .lte=, .gt=, .lt= and"
            " custom.<key>.known=true."
        ),
    )
    acquired_at = Moment(
        clean=validation.moment, required=False, allow_null=True,
        help_text=_("The first moment of reachability. With owner it opens a Follow at creation."),
    )  # fmt: skip
    excluded = StrictBoolean(required=False)
    excluded_reason = Text(
        lambda text: validation.text(text, 100), required=False, allow_blank=True, max_length=100
    )
    consent = ConsentSerializer(many=True, required=False)
    created_at = serializers.DateTimeField(read_only=True)
    updated_at = serializers.DateTimeField(read_only=True)

    # What a change may not touch, because it is decided by the first touch or by events.
    fixed: ClassVar[tuple[str, ...]] = ("acquired_at",)

    class Meta:
        ref_name = "Contact"

    def get_fields(self) -> dict[str, Any]:
        found = super().get_fields()
        for name, facet in facets.fields.items():
            found[name] = deepcopy(facet.shown_as)
            found[name].read_only, found[name].required = True, False
        return found

    def _check_former_name(self, external_id: str | None, contact: Contact | None) -> None:
        holder = forwarding.formerly([external_id]).get(external_id) if external_id else None
        if holder not in (None, contact.pk if contact else None):
            raise serializers.ValidationError(
                {"external_id": [_("Another contact had this id before a merge.")]}
            )

    def _check_required(self, custom: Mapping[str, Any]) -> None:
        wrong = [f"{of.key}: {needed(of)}" for of in Fields().lacking(custom)]
        if wrong:
            raise serializers.ValidationError({"custom": wrong})

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        contact: Contact | None = self.instance
        self._check_former_name(attrs.get("external_id"), contact)
        if contact is None:
            self._check_required(attrs.get("custom", {}))
            return attrs
        wrong = {name: [_("This follows from events.")] for name in self.fixed if name in attrs}
        own = contact.channel.name if contact.channel else ""
        if "channel" in attrs and own and (attrs["channel"] or "") != own:
            wrong["channel"] = [_("The channel is that of the first touch and never changes.")]
        referrer_id = getattr(attrs.get("referrer"), "pk", None)
        if "referrer" in attrs and contact.referrer_id not in (None, referrer_id):
            wrong["referrer"] = [_("The referrer is set once.")]
        if referrer_id == contact.pk:
            wrong["referrer"] = [_("Nobody can be their own referrer.")]
        if wrong:
            raise serializers.ValidationError(wrong)
        return attrs


class ContactItemSerializer(ContactSerializer):
    """An item of a bulk request: absent values keep what is stored, tags are added."""

    external_id = Text(validation.identifier, max_length=64)
    referrer = Text(validation.identifier, required=False, allow_null=True)  # type: ignore[assignment] # here an external_id
    id = None  # type: ignore[assignment] # DRF's way to leave a field out
    consent = None  # type: ignore[assignment] # DRF's way to leave a field out

    class Meta:
        ref_name = "ContactItem"
