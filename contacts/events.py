"""Events that a business tells us, by API or file: append-only, each `event_id` once.

The same id with the same content changes nothing; with other content it is rejected, for what
happened does not change. All of them are recorded under `SOURCE`, whatever way they came.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

import msgspec
from django.utils.translation import gettext_lazy as _

from contacts import kinds, reach, timeline
from contacts.models import Event
from contacts.upserts import Outcome, Status, refused
from contacts.validation import Invalid, amount, identifier

SOURCE: Final = "given"


class Row(msgspec.Struct):
    """A checked event: see `check` for what its kind asks of the properties."""

    event_id: str
    contact_id: int
    kind: str
    at: datetime
    properties: dict[str, object]


# Kinds that `check` says something about.
WITH_MEANING: Final = kinds.REACH | {kinds.FOLLOW_OPENED, kinds.FOLLOW_ENDED, kinds.REWARD_PAID}


def check(kind: str, properties: Mapping[str, object]) -> None:
    """Raise Invalid when the properties of a kind with meaning are not as FIGURES R7, R24 say."""
    if kind in {kinds.FOLLOW_OPENED, kinds.FOLLOW_ENDED}:
        _check_id(properties, "staff")
        by = properties.get("by")
        if by not in kinds.ENDED_BY and not (kind == kinds.FOLLOW_OPENED and by in (None, "")):
            raise Invalid("by", _("The property by must be customer, staff or transfer."))
    elif kind in kinds.REACH:
        _check_id(properties, "account")
    elif kind == kinds.REWARD_PAID:
        amount(str(properties.get("amount", "")))


def _check_id(properties: Mapping[str, object], name: str) -> None:
    value = properties.get(name)
    try:
        if not isinstance(value, str) or identifier(value) != value:
            raise Invalid(name, "")
    except Invalid:
        words = {"name": name}
        raise Invalid(name, _("Events of this kind need the property %(name)s.") % words) from None


def append(rows: Sequence[Row]) -> list[Outcome]:
    """Record the events, two statements for any number. Follows and reach are right afterwards."""
    return outcomes(rows, store(rows))


def store(rows: Sequence[Row]) -> list[int]:
    """Record the events; the ids of the new ones, in order: of all, unless some were known."""
    first = _first_of_each(rows)
    new = timeline.append(
        [row.contact_id for row in first],
        [row.kind for row in first],
        [row.at for row in first],
        [SOURCE] * len(first),
        [row.event_id for row in first],
        [row.properties for row in first],
    )
    reached = {row.contact_id for row in rows if row.kind in kinds.REACH}
    if reached and new:
        reach.rebuild(reached)
    return new


def outcomes(rows: Sequence[Row], new: Sequence[int]) -> list[Outcome]:
    """What became of each of the rows, of which `store` has answered `new`."""
    if len(new) == len(rows):
        return [Outcome(Status.CREATED, row_id) for row_id in new]
    stored = {
        event.key: event
        for event in Event.objects.filter(source=SOURCE, key__in={row.event_id for row in rows})
    }
    created = set(new)
    return [_outcome(row, stored[row.event_id], created) for row in rows]


def _outcome(row: Row, event: Event, created: set[int]) -> Outcome:
    if event.pk in created:
        created.discard(event.pk)
        return Outcome(Status.CREATED, event.pk)
    if _same(row, event):
        return Outcome(Status.UNCHANGED, event.pk)
    error = Invalid("conflict", _("This id is stored already, with other content."))
    return refused(error, "event_id")


def _first_of_each(rows: Sequence[Row]) -> Sequence[Row]:
    if len({row.event_id for row in rows}) == len(rows):
        return rows
    return list({row.event_id: row for row in reversed(rows)}.values())[::-1]


def _same(row: Row, event: Event) -> bool:
    return (row.contact_id, row.kind, row.at, row.properties) == (
        event.contact_id,
        event.kind,
        event.at,
        event.properties,
    )
