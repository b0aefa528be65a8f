"""How do events read on a page? As sentences, with the members of staff by name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from contacts import kinds, masking
from contacts.models import Event
from tenants.models import Staff

# The property that names a member of staff: by the userid, as callbacks and files do.
_STAFF = "staff"


@dataclass(frozen=True)
class Line:
    """An event as a person reads it."""

    at: datetime
    icon: str
    sentence: str


def staff_names(events: Iterable[Event]) -> dict[str, str]:
    """What the staff whom these events name are called, by userid; in one query."""
    userids = {str(event.properties.get(_STAFF) or "") for event in events} - {""}
    if not userids:
        return {}
    return {one.userid: str(one) for one in Staff.objects.filter(userid__in=userids)}


def sentence(event: Event, names: Mapping[str, str]) -> str:
    """The event in the active language; staff without a name read as their userid."""
    userid = str(event.properties.get(_STAFF) or "")
    known = {_STAFF: names[userid]} if userid in names else {}
    return kinds.sentence_of(event.kind, masking.values({**event.properties, **known}))


def lines(events: Sequence[Event]) -> list[Line]:
    names = staff_names(events)
    return [Line(each.at, kinds.icon_of(each.kind), sentence(each, names)) for each in events]
