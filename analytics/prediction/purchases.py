"""On which days did customers buy, and for how much? What predictions know of the past.

FIGURES R25: a purchase is a local date with at least one paid order. The rows of a whole tenant
come as one value of packed numbers: as rows of the driver they would take longer than the fit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from django.db import connection
from numpy.typing import NDArray

from analytics.periods import Question, among, filters
from contacts import arrays
from tenants.scope import current_tenant_id

Whole = NDArray[np.int64]
Numbers = NDArray[np.float64]

_EPOCH = date(1970, 1, 1)
_PACKED = np.dtype([("contact", ">i8"), ("day", ">i4"), ("fen", ">i8"), ("margin", ">i8")])
_DAYS = """
SELECT string_agg(int8send(contact_id) || int4send(day) || int8send(fen) || int8send(margin), ''::bytea)
FROM (
  SELECT contact_id, (paid_at AT TIME ZONE %(zone)s)::date - date '1970-01-01' AS day,
    sum(amount_fen - refund_fen)::bigint AS fen,
    sum(amount_fen - refund_fen - cost_fen)::bigint AS margin
  FROM contacts_order
  WHERE tenant_id = %(tenant)s AND paid AND paid_at < %(as_of)s{these}
  GROUP BY 1, 2) days
"""  # noqa: E501 - one expression


def number(day: date) -> int:
    """Days since 1970: what is calculated with."""
    return (day - _EPOCH).days


@dataclass(frozen=True)
class Days:
    """A row for each contact and day on which they bought, in that order. Money is whole fen."""

    contact: Whole
    day: Whole
    fen: Whole
    margin: Whole

    def until(self, day: int) -> Days:
        """What was known at the end of that day."""
        past = self.day <= day
        return Days(self.contact[past], self.day[past], self.fen[past], self.margin[past])


@dataclass(frozen=True)
class Buyers:
    """What is known of each customer: `x` purchases after the first, worth `repeated` fen."""

    contact: Whole
    first: Whole
    last: Whole
    x: Whole
    repeated: Whole


def read(as_of: datetime, zone: ZoneInfo, contact_ids: Sequence[int] | None = None) -> Days:
    """Inside a scope: of everybody, or of these contacts."""
    these = "" if contact_ids is None else " AND contact_id = ANY(%(contacts)s::bigint[])"
    return _read(as_of, zone, these, {"contacts": arrays.literal(contact_ids or [])})


def read_meant(question: Question) -> Days:
    """Inside a scope: of those whom the filters mean, as of the question's moment."""
    return _read(question.as_of, question.span.zone, among(question), filters(question))


def _read(as_of: datetime, zone: ZoneInfo, these: str, more: Mapping[str, Any]) -> Days:
    given = {**more, "tenant": current_tenant_id(), "zone": str(zone), "as_of": as_of}
    with connection.cursor() as cursor:
        cursor.execute(_DAYS.format(these=these), given)
        packed = np.frombuffer(cursor.fetchone()[0] or b"", _PACKED)
    rows = packed[np.lexsort((packed["day"], packed["contact"]))]
    columns = (np.ascontiguousarray(rows[name], dtype=np.int64) for name in _PACKED.names or ())
    return Days(*columns)


def starts(days: Days) -> Whole:
    """Where each customer's rows begin."""
    changed = np.ones(len(days.contact), dtype=bool)
    changed[1:] = days.contact[1:] != days.contact[:-1]
    return np.flatnonzero(changed)


def buyers(days: Days) -> Buyers:
    begin = starts(days)
    number = np.diff(np.append(begin, len(days.contact)))
    total = np.add.reduceat(days.fen, begin) if len(begin) else days.fen
    return Buyers(
        days.contact[begin],
        days.day[begin],
        days.day[begin + number - 1],
        number - 1,
        total - days.fen[begin],
    )
