"""How many messages of which kind was each contact sent, and did each member send? By NumPy, which
is loaded where this module is, with the first such report.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from analytics import packed_numbers
from analytics.message_days import Day
from analytics.packed import Column
from analytics.packed_numbers import Whole


def by_counts(days: Sequence[Day]) -> Iterator[tuple[int, int, int]]:
    """Contacts by what they were sent: service and greetings, all, and how many were sent that."""
    _contacts, gentle, sent = _counted(days, [day.contacts for day in days])
    most = int(sent.max(initial=0)) + 1
    heads = np.bincount(gentle * most + sent)
    for kind in np.flatnonzero(heads).tolist():
        good, touches = divmod(kind, most)
        yield good, touches, int(heads[kind])


def by_sender(days: Sequence[Day]) -> Iterator[tuple[int, int, int]]:
    """Of each member, 0 for none: the id, service and greetings, and all that they sent."""
    senders, gentle, sent = _counted(days, [day.senders for day in days])
    yield from zip(senders.tolist(), gentle.tolist(), sent.tolist(), strict=True)


def _counted(days: Sequence[Day], columns: Sequence[Column]) -> tuple[Whole, Whole, Whole]:
    """Of each id in the columns, in order: the id, service and greetings, and all."""
    nothing = np.empty(0, np.int64)
    if not days:
        return nothing, nothing, nothing
    parts = [(column, day.messages) for day, column in zip(days, columns, strict=True)]
    doubled = packed_numbers.joined(parts, np.int64) << 1
    start = 0
    for day in days:
        doubled[start : start + day.gentle] |= 1
        start += day.messages
    doubled.sort()
    ids = doubled >> 1
    first = np.flatnonzero(np.diff(ids, prepend=ids[0] - 1))
    sent = np.diff(first, append=len(ids))
    return ids[first], np.add.reduceat(doubled & 1, first), sent
