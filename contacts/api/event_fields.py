"""What may be written as an event, and how events look in the API."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import msgspec
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from contacts import events, kinds, validation
from contacts.api.shown import moment
from contacts.models import Event
from contacts.validation import Invalid
from tenants import ids
from tenants.rest.fields import IdField, Text
from tenants.rest.serializers import StrictSerializer

_FIELDS = frozenset({"event_id", "contact", "kind", "at", "properties"})


class EventSerializer(StrictSerializer):
    """Something that happened, at a time, to a contact. Append-only; `event_id` makes it unique."""

    id = IdField()
    event_id = Text(validation.identifier, max_length=64)
    contact = serializers.CharField(max_length=64, help_text=_("external_id or id; shown as id."))
    kind = Text(validation.identifier, max_length=64, help_text=_("Past tense: content.read"))
    at = serializers.DateTimeField()
    properties = serializers.DictField(required=False)
    source = serializers.CharField(read_only=True)  # type: ignore[assignment] # the contract's name
    received_at = serializers.DateTimeField(read_only=True)

    class Meta:
        ref_name = "Event"


# What needs no trimming and no look for control characters.
_Id = Annotated[str, msgspec.Meta(pattern=r"^[!-~]{1,64}\Z")]


class TimelineSerializer(serializers.Serializer):
    """One line of a timeline; `text` is it as a sentence."""

    id = IdField()
    kind = serializers.CharField()
    at = serializers.DateTimeField()
    source = serializers.CharField()  # type: ignore[assignment] # the contract's name
    properties = serializers.DictField()
    text = serializers.CharField()

    class Meta:
        ref_name = "TimelineLine"


class FieldInvalid(Exception):  # noqa: N818 - reads as what it is
    """A value of an item is not acceptable."""

    def __init__(self, field: str, error: Invalid) -> None:
        super().__init__(field)
        self.field = field
        self.error = error


class _Item(msgspec.Struct, forbid_unknown_fields=True):
    """An event as most of them come. Anything else is read item by item, for an exact answer."""

    event_id: _Id
    contact: _Id
    kind: _Id
    at: datetime
    properties: dict[str, Any] = {}


def read_all(
    items: Sequence[object], zone: ZoneInfo, now: datetime
) -> list[tuple[str, events.Row]] | None:
    """All items at once, as `read` would; None when some item needs a closer look."""
    try:
        found = msgspec.convert(items, list[_Item])
        return [(item.contact, _plain(item, now)) for item in found]
    except (msgspec.ValidationError, Invalid):
        return None


def _plain(item: _Item, now: datetime) -> events.Row:
    at = item.at
    if at.tzinfo is None or at.year <= validation.EARLIEST_YEAR or at > now + validation.LATEST:
        raise Invalid("time", "")
    if item.properties:
        validation.document(item.properties)
    events.check(item.kind, item.properties)
    return events.Row(item.event_id, 0, item.kind, at, item.properties)


def read(item: object, zone: ZoneInfo, now: datetime) -> tuple[str, events.Row]:
    """An item as (the contact as named, the row without its contact); raises FieldInvalid.

    By hand: a serializer for each of hundreds would cost more than storing them.
    """
    if not isinstance(item, dict):
        raise FieldInvalid("", Invalid("invalid", _("Write an object.")))
    if not item.keys() <= _FIELDS:
        unknown = min(str(name) for name in item.keys() - _FIELDS)
        raise FieldInvalid(unknown[:100], Invalid("unknown_field", _("Unknown field.")))
    field = ""
    try:
        field = "event_id"
        event_id = validation.identifier(_text(item, field))
        field = "contact"
        contact = validation.identifier(_text(item, field))
        field = "kind"
        kind = validation.identifier(_text(item, field))
        field = "at"
        at = validation.moment(_text(item, field), zone, now)
        field = "properties"
        properties = _properties(item.get("properties"))
        events.check(kind, properties)
    except Invalid as error:
        raise FieldInvalid(field, error) from None
    return contact, events.Row(event_id, 0, kind, at, properties)


def _text(item: Mapping[str, Any], name: str) -> str:
    value = item.get(name)
    if isinstance(value, str):
        return value
    if value is None:
        raise Invalid("blank", _("This must not be blank."))
    raise Invalid("invalid", _("Write text."))


def _properties(value: object) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise Invalid("properties", _("Properties must be a JSON object."))
    return validation.document(value) if value else value


def shown(event: Event) -> dict[str, object]:
    return {
        "id": ids.encode(event.pk),
        "event_id": event.key if event.source == events.SOURCE else None,
        "contact": ids.encode(event.contact_id),
        "kind": event.kind,
        "at": moment(event.at),
        "properties": event.properties,
        "source": event.source,
        "received_at": moment(event.received_at),
    }


def shown_on_timeline(event: Event) -> dict[str, object]:
    return {
        "id": ids.encode(event.pk),
        "kind": event.kind,
        "at": moment(event.at),
        "source": event.source,
        "properties": event.properties,
        "text": kinds.sentence_of(event.kind, event.properties),
    }
