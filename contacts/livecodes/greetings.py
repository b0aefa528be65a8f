"""Which welcome does a live code send to somebody who comes at this moment?"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from contacts.livecodes import sheets
from contacts.models import LiveCode, LiveCodeWelcome

Attachments = Sequence[Mapping[str, object]]


@dataclass(frozen=True)
class Message:
    text: str
    attachments: Attachments = ()

    def __bool__(self) -> bool:
        return bool(self.text.strip() or self.attachments)


def variants(codes: Iterable[LiveCode]) -> dict[int, list[LiveCodeWelcome]]:
    """Inside a scope: the welcomes for certain hours, by live code."""
    found: dict[int, list[LiveCodeWelcome]] = defaultdict(list)
    for row in LiveCodeWelcome.objects.filter(live_code__in=list(codes)).order_by("id"):
        found[row.live_code_id].append(row)
    return found


def message(code: LiveCode, rows: Sequence[LiveCodeWelcome], at: datetime) -> Message:
    """Inside a scope: what this code says at this moment; false when it says nothing."""
    if rows:
        local = at.astimezone(sheets.zone())
        for row in rows:
            if sheets.hours_of(row).hold(local):
                return Message(row.text, row.attachments)
    return Message(code.welcome_text, code.welcome_attachments)
