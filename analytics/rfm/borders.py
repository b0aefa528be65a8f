"""Where do the scores of RFM begin? Kept for segments, which ask of few contacts at a time.

A score is at least s for whoever is better than the customer at place ⌈(s − 1) × all ÷ 5⌉ from
below (FIGURES R31): four borders of each kind decide for everybody. They move with every order of
anybody; segments read them again now and then, as they do the median gap.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db import connection
from django.utils import timezone

from analytics import buying
from analytics.models import RfmBorders
from analytics.periods import Question, Span, midnight
from analytics.rfm.scores import BEST
from tenants.models import Tenant

_FRESH = timedelta(minutes=5)
_KEPT = timedelta(days=2)

_PLACES = range(1, BEST)
_OF = {"r": ("last", "place_r"), "f": ("orders", "place_f"), "m": ("worth", "place_m")}
_BORDERS = f"""
WITH buyer AS (
  SELECT max(paid_at) AS last, count(*) AS orders, sum({buying.REVENUE})::bigint AS worth
  FROM contacts_order WHERE {buying.PAID} GROUP BY contact_id
), placed AS (
  SELECT last, orders, worth, count(*) OVER () AS n,
    row_number() OVER (ORDER BY last) AS place_r,
    row_number() OVER (ORDER BY orders) AS place_f,
    row_number() OVER (ORDER BY worth) AS place_m
  FROM buyer
)
SELECT {{columns}} FROM placed
"""  # noqa: S608 - our own names


@dataclass(frozen=True)
class Period:
    """The last so many days, today being one of them; or days from `start` to before `end`."""

    days: int | None = None
    start: date | None = None
    end: date | None = None

    def span(self, now: datetime, tenant: Tenant) -> Span:
        tomorrow = now.astimezone(tenant.tz).date() + timedelta(days=1)
        if self.days is not None:
            return Span(tomorrow - timedelta(days=self.days), tomorrow, tenant.tz)
        return Span(self.start or date(1970, 1, 2), self.end or tomorrow, tenant.tz)


def of(period: Period, now: datetime | None = None, *, fresh: bool) -> RfmBorders:
    """Inside a scope. `fresh`: read again when older than some minutes; within a transaction it is
    always the same answer.
    """
    now = now or timezone.now()
    tenant = Tenant.current()
    span = period.span(now, tenant)
    kept = RfmBorders.objects.filter(start=span.start, end=span.end).first()
    began = _transaction_began()
    if kept is not None and (not fresh or kept.read_at > began - _FRESH):
        return kept
    read = _read(Question(span, now))
    RfmBorders.objects.filter(read_at__lt=began - _KEPT).delete()
    borders, _new = RfmBorders.objects.update_or_create(
        start=span.start, end=span.end, defaults={"read_at": began, **read}
    )
    return borders


def digest(borders: RfmBorders) -> str:
    """A few letters that differ when a border does."""
    told = f"{borders.start} {borders.r} {borders.f} {borders.m}"
    return hashlib.sha256(told.encode()).hexdigest()[:12]


def _transaction_began() -> datetime:
    with connection.cursor() as cursor:
        cursor.execute("SELECT now()")
        moment: datetime = cursor.fetchone()[0]
    return moment


def _read(question: Question) -> dict[str, Sequence[object]]:
    columns = ", ".join(
        f"max({value}) FILTER (WHERE {place} = ({s} * n + {BEST - 1}) / {BEST})"
        for value, place in _OF.values()
        for s in _PLACES
    )
    sql = _BORDERS.format(columns=columns, among="")
    (row,) = buying.rows(sql, buying.given(question))
    if row[0] is None:
        return {"r": [], "f": [], "m": []}
    step = len(_PLACES)
    return {"r": row[:step], "f": row[step : 2 * step], "m": row[2 * step :]}


def within(borders: RfmBorders, now: datetime) -> tuple[datetime, datetime]:
    """From when to when an order counts."""
    zone = Tenant.current().tz
    return midnight(borders.start, zone), min(midnight(borders.end, zone), now)
