"""Of those who scanned a live code: how many were added, served, and bought? FIGURES R32.

The cohort are the contacts that scanned in the period; what they did next may lie after its end.
All windows are exact: N × 86,400 s, both ends in (R2).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import timedelta
from enum import StrEnum
from fractions import Fraction
from typing import Any, Final

from django.db import connection

from analytics.deeds import cells
from analytics.deeds.readings import TO_ADD, TO_BUY, TO_SERVE
from analytics.exact import ratio
from analytics.periods import Question, filters, midnight, narrowed

# Those who came as far as each step. Each step's own window says who counts; the wider bounds let
# it be read as one range of its time, not contact by contact.
STEPS = """
WITH scanned AS MATERIALIZED (
  SELECT e.contact_id, min(e.at) AS at FROM contacts_event e
  WHERE e.tenant_id = %(tenant)s AND e.kind = 'livecode.scanned'
    AND e.at >= %(start)s AND e.at < %(until)s {who e.contact_id}
  GROUP BY e.contact_id
), added AS MATERIALIZED (
  SELECT scanned.contact_id, min(s.opened_at) AS at
  FROM scanned JOIN contacts_reachspell s ON s.tenant_id = %(tenant)s
    AND s.contact_id = scanned.contact_id AND s.staff_id IS NOT NULL
    AND s.opened_at BETWEEN scanned.at AND scanned.at + make_interval(secs => %(to_add)s)
    AND s.opened_at < %(as_of)s
    AND s.opened_at >= %(start)s AND s.opened_at < %(last_added)s
  GROUP BY scanned.contact_id
), served AS MATERIALIZED (
  SELECT added.contact_id, added.at FROM added
  JOIN contacts_event m ON m.tenant_id = %(tenant)s AND m.contact_id = added.contact_id
    AND m.kind IN ('message.received', 'message.sent') AND m.at < %(as_of)s
    AND m.at BETWEEN added.at AND added.at + make_interval(secs => %(to_serve)s)
    AND m.at >= %(start)s AND m.at < %(last_served)s
  GROUP BY added.contact_id, added.at HAVING count(DISTINCT m.kind) = 2
), monetised AS (
  SELECT DISTINCT served.contact_id FROM served
  JOIN contacts_order o ON o.tenant_id = %(tenant)s AND o.contact_id = served.contact_id
    AND o.paid AND o.paid_at < %(as_of)s
    AND o.paid_at BETWEEN served.at AND served.at + make_interval(secs => %(to_buy)s)
    AND o.paid_at >= %(start)s AND o.paid_at < %(last_bought)s
)
"""
# Each step holds those of the step before that came further.
_HEADS = f"""{STEPS}
SELECT (SELECT count(*) FROM scanned), (SELECT count(*) FROM added),
  (SELECT count(*) FROM served), (SELECT count(*) FROM monetised)
"""  # noqa: S608 - our own names
_BY_CHANNEL = f"""{STEPS}
SELECT COALESCE(c.channel_id, 0), count(*), count(added.contact_id), count(served.contact_id),
  count(monetised.contact_id)
FROM scanned JOIN contacts_contact c ON c.tenant_id = %(tenant)s AND c.id = scanned.contact_id
LEFT JOIN added USING (contact_id) LEFT JOIN served USING (contact_id)
LEFT JOIN monetised USING (contact_id)
GROUP BY 1
"""  # noqa: S608 - our own names


@dataclass(frozen=True)
class Rates:
    """Heads that came as far as each step, and the share of the step before."""

    scanned: int = 0
    added: int = 0
    served: int = 0
    monetised: int = 0

    @property
    def lead_in(self) -> Fraction | None:
        return ratio(self.added, self.scanned)

    @property
    def service(self) -> Fraction | None:
        return ratio(self.served, self.added)

    @property
    def monetisation(self) -> Fraction | None:
        return ratio(self.monetised, self.served)

    def __add__(self, other: Rates) -> Rates:
        sums = (getattr(self, f.name) + getattr(other, f.name) for f in fields(self))
        return Rates(*sums)


class Verdict(StrEnum):
    BELOW = "below"
    WITHIN = "within"
    ABOVE = "above"


@dataclass(frozen=True)
class Band:
    """What businesses usually reach; no `most`: all from `least` on is good."""

    least: Fraction
    most: Fraction | None = None

    def of(self, rate: Fraction | None) -> Verdict | None:
        if rate is None:
            return None
        if rate < self.least:
            return Verdict.BELOW
        return Verdict.ABOVE if self.most is not None and rate > self.most else Verdict.WITHIN


BANDS: Final[Mapping[str, Band]] = {
    "lead_in": Band(Fraction(70, 100)),
    "service": Band(Fraction(40, 100), Fraction(50, 100)),
    "monetisation": Band(Fraction(30, 100), Fraction(40, 100)),
}


def by_channel(question: Question) -> dict[int, Rates]:
    """Inside a scope: of each channel (0: none) that has a contact in the cohort."""
    if cells.know_scans(question):
        found = cells.scans(question, by_channel=True)
        return {channel: Rates(*heads) for channel, heads in found.items()}
    return {channel: Rates(*heads) for channel, *heads in _read(_BY_CHANNEL, question)}


def given(question: Question) -> dict[str, Any]:
    """The parameters of STEPS."""
    span = question.span
    until = min(midnight(span.end, span.zone), question.as_of)
    return filters(question) | {
        "start": midnight(span.start, span.zone),
        "until": until,
        "last_added": until + timedelta(days=TO_ADD),
        "last_served": until + timedelta(days=TO_ADD + TO_SERVE),
        "last_bought": until + timedelta(days=TO_ADD + TO_BUY),
        "as_of": question.as_of,
        "to_add": TO_ADD * 86_400,
        "to_serve": TO_SERVE * 86_400,
        "to_buy": TO_BUY * 86_400,
    }


def report(question: Question) -> Rates:
    """Inside a scope: all of them."""
    if cells.know_scans(question):
        return Rates(*cells.scans(question, by_channel=False).get(0, ()))
    (heads,) = _read(_HEADS, question)
    return Rates(*heads)


def _read(sql: str, question: Question) -> list[tuple[int, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(narrowed(sql, question), given(question))
        found: list[tuple[int, ...]] = cursor.fetchall()
    return found
