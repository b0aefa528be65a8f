"""Which contacts changed in a way that no event tells? Upper apps that derive from contacts listen.

Most changes are events, and `timeline.listen` hears them. What is written without an event (moves
found again under new rules, a merge, an erasure) is noted here, in the same transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

Listener = Callable[[Sequence[int]], object]
_listeners: list[Listener] = []


def listen(listener: Listener) -> None:
    """Subscribe, in apps.py. The listener gets ids of contacts, inside the writer's transaction."""
    _listeners.append(listener)


def note(contact_ids: Iterable[int]) -> None:
    """Inside a scope: these contacts are not what they were, or are gone."""
    ids = sorted(set(contact_ids))
    if ids:
        for listener in _listeners:
            listener(ids)
