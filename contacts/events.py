"""Events that a business tells us, by API or file: append-only, each `event_id` once.

The same id with the same content changes nothing; with other content it is rejected, for what
happened does not change. All of them are recorded under `SOURCE`, whatever way they came.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.utils.translation import gettext_lazy as _

from contacts import kinds, reach, timeline
from contacts.models import Event
from contacts.timeline import NewEvent
from contacts.upserts import Outcome, Status, refused
from contacts.validation import Invalid, amount, identifier

SOURCE: Final = "given"


@dataclass(slots=True)
class Row:
    """A checked event: see `check` for what its kind asks of the properties."""

    event_id: str
    contact_id: int
    kind: str
    at: datetime
    properties: dict[str, object]


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
    new = timeline.record(
        NewEvent(row.contact_id, row.kind, row.at, SOURCE, row.event_id, row.properties)
        for row in _first_of_each(rows)
    )
    if len(new) == len(rows):
        outcomes = [Outcome(Status.CREATED, new[SOURCE, row.event_id]) for row in rows]
    else:
        outcomes = _with_those_known(rows, {key for _source, key in new})
    reached = {row.contact_id for row in rows if row.kind in kinds.REACH}
    if reached and new:
        reach.rebuild(reached)
    return outcomes


def _first_of_each(rows: Sequence[Row]) -> Sequence[Row]:
    if len({row.event_id for row in rows}) == len(rows):
        return rows
    return list({row.event_id: row for row in reversed(rows)}.values())[::-1]


def _with_those_known(rows: Sequence[Row], new: set[str]) -> list[Outcome]:
    stored = {
        event.key: event
        for event in Event.objects.filter(source=SOURCE, key__in={row.event_id for row in rows})
    }
    outcomes = []
    for row in rows:
        event = stored[row.event_id]
        if row.event_id in new:
            new.discard(row.event_id)
            outcomes.append(Outcome(Status.CREATED, event.pk))
        elif _same(row, event):
            outcomes.append(Outcome(Status.UNCHANGED, event.pk))
        else:
            error = Invalid("conflict", _("This id is stored already, with other content."))
            outcomes.append(refused(error, "event_id"))
    return outcomes


def _same(row: Row, event: Event) -> bool:
    return (row.contact_id, row.kind, row.at, row.properties) == (
        event.contact_id,
        event.kind,
        event.at,
        event.properties,
    )
