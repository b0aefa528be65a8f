"""Do facts hold anything that lies at or after as_of? A report must not know it (FIGURES R1)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from django.db import connection

from analytics.periods import Question, filters, midnight
from contacts.kinds import INBOUND, LIVECODE_SCANNED, MESSAGE_SENT, TOUCH_DELIVERED
from tenants.scope import current_tenant_id

# What facts are made of, besides Follows and orders.
_KINDS: Final = sorted({*INBOUND, LIVECODE_SCANNED, MESSAGE_SENT, TOUCH_DELIVERED})
_LATEST: Final = """
SELECT greatest(
  (SELECT max(opened_at) FROM contacts_reachspell WHERE tenant_id = %(tenant)s),
  (SELECT max(ended_at) FROM contacts_reachspell WHERE tenant_id = %(tenant)s),
  (SELECT max(paid_at) FROM contacts_order WHERE tenant_id = %(tenant)s),
  (SELECT max(acquired_at) FROM contacts_contact WHERE tenant_id = %(tenant)s),
  (SELECT max(last.at) FROM unnest(%(kinds)s::text[]) AS k(kind), LATERAL (
    SELECT e.at FROM contacts_event e WHERE e.tenant_id = %(tenant)s AND e.kind = k.kind
    ORDER BY e.at DESC LIMIT 1) last))
"""


def latest() -> datetime | None:
    """Inside a scope: the latest moment that rows tell of. A refresh notes it with the facts."""
    with connection.cursor() as cursor:
        cursor.execute(_LATEST, {"tenant": current_tenant_id(), "kinds": _KINDS})
        found: datetime | None = cursor.fetchone()[0]
    return found


def needed(question: Question, *, outcomes: bool = False) -> bool:
    """Inside a scope: would facts tell too much, or nothing yet? What came after their last refresh
    they lack. Of a period that is over they tell what as_of knows, but for the `outcomes` of what
    was done in it.
    """
    known = _known_to()
    if known is None:
        return True
    over = not outcomes and question.as_of_us >= question.span.end_us
    return not over and known >= question.as_of


def begun() -> bool:
    """Inside a scope: has a refresh made facts of the present form?"""
    return _known_to() is not None


@dataclass(frozen=True)
class State:
    """Which state facts are in, and the latest moment they know of; None before the first one."""

    version: int
    known_to: datetime | None


def state() -> State:
    """Inside a scope: as of now. The version grows with every refresh."""
    with connection.cursor() as cursor:  # twice for every answer: without the words of a model
        cursor.execute(
            "SELECT version, latest_at FROM analytics_factsstate WHERE tenant_id = %s",
            [current_tenant_id()],
        )
        row = cursor.fetchone()
    return State(*row) if row else State(0, None)


# The state that the answer is of which is being read.
_state: ContextVar[State | None] = ContextVar("state", default=None)


@contextmanager
def once(of: State) -> Iterator[None]:
    """Inside a scope: an answer is of one state of the facts, however often it asks how far."""
    token = _state.set(of)
    try:
        yield
    finally:
        _state.reset(token)


def _known_to() -> datetime | None:
    return (_state.get() or state()).known_to


def whole_until(question: Question) -> date:
    """Inside a scope: before which day of the period cells of days tell what as_of knows. The day
    of as_of is whole, too, if nothing of it came after; with no facts yet none is.
    """
    known, end = _known_to(), question.span.end
    if known is None:
        return date.min
    return min(end, question.today) if known >= question.as_of else end


def by_days(question: Question) -> dict[str, Any]:
    """Inside a scope: the parameters of a sum over cells of days (`which`, from `first_day` to
    before `whole`) and over rows of the `rest`, besides those of all readings. With filters by
    person all are rows.
    """
    span = question.span
    whole = date.min if question.by_person else whole_until(question)
    return filters(question) | {
        "which": question.cells_of,
        "first_day": span.start,
        "whole": whole,
        "rest": midnight(max(span.start, whole), span.zone),
    }
