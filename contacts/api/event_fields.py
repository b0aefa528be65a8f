"""What may be written as an event, and how events look in the API."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import msgspec
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from contacts import events, kinds, masking, validation
from contacts.api.shown import moment
from contacts.models import Event
from contacts.validation import Invalid
from tenants import ids
from tenants.rest import bulk
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


_Id = Annotated[str, msgspec.Meta(min_length=1, max_length=validation.ID_LENGTH)]


class _Item(msgspec.Struct, forbid_unknown_fields=True):
    """An event as most of them come."""

    event_id: _Id
    contact: _Id
    kind: _Id
    at: datetime
    properties: dict[str, Any] | msgspec.UnsetType = msgspec.UNSET


class _Body(msgspec.Struct, forbid_unknown_fields=True):
    items: Annotated[list[_Item], msgspec.Meta(min_length=1, max_length=bulk.MOST)]


_body = msgspec.json.Decoder(_Body)
_EARLIEST = datetime(validation.EARLIEST_YEAR, 1, 2, tzinfo=UTC)
_TOO_FINE = re.compile(rb"\.[0-9]{7}")  # seconds, which would be rounded here and cut off there
_UNLIKE = re.compile(rb"\\u00(?:00|22)")  # NUL, and quotation marks under another name


def read_all(body: bytes, now: datetime) -> list[tuple[str, events.Row]] | None:
    """The items of a bulk request, as `read` would read each; None if one needs a closer look.

    In one go, because hundreds are read one by one for longer than they are stored.
    """
    if _TOO_FINE.search(body) or (b"\\u00" in body and _UNLIKE.search(body)):
        return None
    try:
        items = _body.decode(body).items
        if not _in_time([item.at for item in items], now):
            return None
        texts = "".join([item.event_id + item.contact + item.kind for item in items])
        documents = [msgspec.json.encode(item.properties) for item in items if item.properties]
        if not _plain(texts) or _quotes(items, texts, documents) != body.count(b'"'):
            return None
        _check(items, documents)
    except (msgspec.MsgspecError, UnicodeError, RecursionError, Invalid):
        return None
    return [
        (
            item.contact,
            events.Row(item.event_id, 0, item.kind, item.at, item.properties or {}),
        )
        for item in items
    ]


def _in_time(moments: list[datetime], now: datetime) -> bool:
    """Whether they have an offset and lie where `validation.moment` wants them."""
    try:
        return min(moments) > _EARLIEST and max(moments) <= now + validation.LATEST
    except TypeError:  # some have no offset
        return False


def _plain(texts: str) -> bool:
    """Without blanks to trim and without control characters: `validation.identifier` keeps them."""
    return texts.isascii() and texts.isprintable() and " " not in texts


def _quotes(items: list[_Item], texts: str, documents: list[bytes]) -> int:
    """How many quotation marks these items need in JSON. A key that comes twice has more."""
    names = 2 + sum([8 if item.properties is msgspec.UNSET else 10 for item in items])
    return names + 8 * len(items) + texts.count('"') + b"".join(documents).count(b'"')


def _check(items: list[_Item], documents: list[bytes]) -> None:
    if max(map(len, documents), default=0) > validation.ID_LENGTH:  # none is long: all are good
        for item in items:
            validation.document(item.properties or {})
    if not events.WITH_MEANING.isdisjoint([item.kind for item in items]):
        for item in items:
            events.check(item.kind, item.properties or {})


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


def shown(event: Event, *, whole: bool) -> dict[str, object]:
    """`whole`: for who may see whole phones and e-mails, also in the properties."""
    return {
        "id": ids.encode(event.pk),
        "event_id": event.key if event.source == events.SOURCE else None,
        "contact": ids.encode(event.contact_id),
        "kind": event.kind,
        "at": moment(event.at),
        "properties": event.properties if whole else masking.values(event.properties),
        "source": event.source,
        "received_at": moment(event.received_at),
    }


def shown_on_timeline(event: Event, *, whole: bool) -> dict[str, object]:
    properties = event.properties if whole else masking.values(event.properties)
    return {
        "id": ids.encode(event.pk),
        "kind": event.kind,
        "at": moment(event.at),
        "source": event.source,
        "properties": properties,
        "text": kinds.sentence_of(event.kind, properties),
    }
