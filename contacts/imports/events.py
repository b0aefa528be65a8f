"""How does a file of events become events? Cells here; rules and writing in contacts.events."""

from __future__ import annotations

import json
from collections.abc import Sequence

from contacts import events, validation
from contacts.imports.errors import refusal
from contacts.imports.rows import FieldInvalid, Form, Row, Values
from contacts.imports.writing import Outcome, Setting, Unprepared, contacts_named
from contacts.validation import Invalid

_DEEPEST = 20


def properties(cell: str) -> dict[str, object]:
    """A JSON object, not nested without end, without what the database cannot keep."""
    try:
        found = json.loads(cell, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise refusal("properties") from None
    if not isinstance(found, dict) or not _storable(found, _DEEPEST):
        raise refusal("properties")
    return found


def _no_constant(_name: str) -> None:
    raise ValueError


def _storable(value: object, depth: int) -> bool:
    if isinstance(value, str):
        return value.isprintable() or _is_text(value)
    if isinstance(value, dict):
        inside = [*value, *value.values()]
        return depth > 0 and all(_storable(each, depth - 1) for each in inside)
    if isinstance(value, list):
        return depth > 0 and all(_storable(each, depth - 1) for each in value)
    return True


def _is_text(value: str) -> bool:
    try:
        validation.text(value, len(value), breaks=True)
    except Invalid:
        return False
    return True


def _whole(values: Values) -> None:
    if values[4] is None:
        values[4] = {}
    try:
        events.check(values[2], values[4])
    except Invalid as error:
        raise FieldInvalid("properties", error) from None


class Events(Unprepared):
    """Writer of events: append-only, so rows of one id are never joined."""

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self.form = Form(
            checks={
                "event_id": validation.identifier,
                "contact": validation.identifier,
                "kind": validation.identifier,
                "at": lambda cell: validation.moment(cell, setting.zone, setting.now),
                "properties": properties,
            },
            required=("event_id", "contact", "kind", "at"),
            key=lambda values: str(values[0]),
            key_field="event_id",
            whole=_whole,
        )

    def write(self, rows: Sequence[Row], *, last: bool) -> list[Outcome]:
        contacts = contacts_named(row.values[1] for row in rows)
        known = [row for row in rows if row.values[1] in contacts]
        results = iter(events.append([_event(row, contacts) for row in known]))
        return [
            self._setting.outcome_of(next(results))
            if row.values[1] in contacts
            else FieldInvalid("contact", refusal("unknown_contact"))
            for row in rows
        ]


def _event(row: Row, contacts: dict[str, int]) -> events.Row:
    event_id, contact, kind, at, found = row.values
    return events.Row(event_id, contacts[contact], kind, at, found)
