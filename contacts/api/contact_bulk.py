"""Items of `contacts/bulk`: each checked by itself, the good ones brought in together."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from contacts import people, validation
from contacts.api.contact_fields import past_day
from contacts.api.naming import UNKNOWN, channel_names, tag_names, userids
from contacts.api.results import as_results
from contacts.custom_fields import Fields
from contacts.people import Row
from contacts.upserts import Outcome, refused
from contacts.validation import Invalid
from tenants.rest.bulk import Result


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise Invalid("invalid", _("Write true or false."))
    return value


def _tags(value: object) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise Invalid("invalid", _("Write a list of names."))
    return validation.tags(value)


def _moment(text: str) -> Any:
    return validation.moment(text, timezone.get_current_timezone(), timezone.now())


_TEXTS: Mapping[str, Callable[[str], Any]] = {
    "external_id": validation.identifier,
    "name": validation.name,
    "phone": validation.phone,
    "email": validation.email,
    "gender": validation.gender,
    "birthday": past_day,
    "channel": validation.channel,
    "owner": validation.identifier,
    "acquired_at": _moment,
    "referrer": validation.identifier,
    "excluded_reason": lambda text: validation.text(text, 100),
}
_OTHERS: Mapping[str, Callable[[Any], Any]] = {
    "excluded": _flag,
    "tags": _tags,
}


class _Refused(Exception):  # noqa: N818 - carries an outcome
    def __init__(self, field: str, error: Invalid) -> None:
        super().__init__(field)
        self.outcome = refused(error, field)


def bring(items: Sequence[object], by: str) -> list[Result]:
    """Upsert the items; one result each, in their order."""
    rows: dict[int, Row] = {}
    outcomes: dict[int, Outcome] = {}
    fields = Fields()
    for place, item in enumerate(items):
        try:
            rows[place] = _row(item, fields)
        except _Refused as refusal:
            outcomes[place] = refusal.outcome
    rows = _resolved(rows, outcomes)
    outcomes |= dict(zip(rows, people.upsert(list(rows.values()), by=by), strict=True))
    return as_results(outcomes[place] for place in range(len(items)))


def _row(item: object, fields: Fields) -> Row:
    if not isinstance(item, dict):
        raise _Refused("", Invalid("invalid", _("Write an object.")))
    values: dict[str, Any] = {}
    for name, value in item.items():
        if name not in _TEXTS and name not in _OTHERS and name != "custom":
            raise _Refused(name[:100], Invalid("unknown_field", _("Unknown field.")))
        if value is None or value == "":
            continue
        try:
            values[name] = (
                fields.document(value, keep_nulls=False)
                if name == "custom"
                else _clean(name, value)
            )
        except Invalid as error:
            raise _Refused(name, error) from None
    if "external_id" not in values:
        raise _Refused("external_id", Invalid("blank", _("This must not be blank.")))
    return Row(**values)


def _clean(name: str, value: object) -> Any:
    if name in _OTHERS:
        return _OTHERS[name](value)
    if not isinstance(value, str):
        raise Invalid("invalid", _("Write text."))
    return _TEXTS[name](value)


def _resolved(rows: Mapping[int, Row], outcomes: dict[int, Outcome]) -> dict[int, Row]:
    """Ids of channels, staff and tags become names; ids of nothing here refuse their row."""
    channels = channel_names(row.channel for row in rows.values() if row.channel)
    staff = userids(row.owner for row in rows.values() if row.owner)
    tags = tag_names(tag for row in rows.values() for tag in row.tags)
    good: dict[int, Row] = {}
    for place, row in rows.items():
        channel = channels[row.channel] if row.channel else None
        owner = staff[row.owner] if row.owner else None
        worn = [tags[tag] for tag in row.tags]
        fields = (("channel", row.channel and not channel), ("owner", row.owner and not owner),
                  ("tags", None in worn))  # fmt: skip
        wrong = next((name for name, bad in fields if bad), None)
        if wrong:
            outcomes[place] = refused(Invalid("does_not_exist", UNKNOWN), wrong)
        else:
            names = tuple(name for name in worn if name)
            good[place] = replace(row, channel=channel, owner=owner, tags=names)
    return good
