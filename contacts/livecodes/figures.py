"""What does a live code bring: scans, additions, early losses by day and staff, and at what cost?

Scans are those the platform tells of: whoever only looked at the code is nobody's record. Days are
of the tenant's zone. Lost after N days: the customer ended the friendship within them; additions
whose N days are not over count only as far as they went.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from django.db.models import Count, Exists, OuterRef, Q, QuerySet, Sum
from django.db.models.functions import TruncDate

from contacts.livecodes import sheets
from contacts.models import Cost, LiveCode, LiveCodeAdd, ReachSpell, Welcome
from tenants.models import Staff

LOST_AFTER_DAYS = 7
MOST_DAYS = 366


@dataclass(frozen=True, slots=True)
class Row:
    """One member on one day. `added` of the scans are confirmed, `returning` were known before."""

    day: date
    staff: Staff
    scans: int
    added: int
    returning: int
    lost: int


@dataclass(frozen=True, slots=True)
class Price:
    """What the code's channel cost in the period, for each addition by any code of the channel."""

    cost_fen: int
    added: int

    @property
    def each_fen(self) -> int | None:
        return round(self.cost_fen / self.added) if self.added else None


def rows(code: LiveCode, start: date, end: date, lost_after: int = LOST_AFTER_DAYS) -> list[Row]:
    """Inside a scope: the days of [start, end) with scans, newest first."""
    counted = (
        _within(LiveCodeAdd.objects.filter(live_code=code), start, end)
        .annotate(day=TruncDate("opened_at", tzinfo=sheets.zone()), gone=_lost_within(lost_after))
        .values("day", "staff_id")
        .annotate(
            scans=Count("id"),
            added=Count("id", filter=Q(added_at__isnull=False)),
            again=Count("id", filter=Q(returning=True)),
            lost=Count("id", filter=Q(gone=True)),
        )
        .order_by("-day", "staff_id")
    )
    found = list(counted)
    staff = Staff.objects.in_bulk({each["staff_id"] for each in found})
    return [
        Row(
            each["day"],
            staff[each["staff_id"]],
            each["scans"],
            each["added"],
            each["again"],
            each["lost"],
        )
        for each in found
    ]


def price(code: LiveCode, start: date, end: date) -> Price | None:
    """None without a channel, or when nothing was spent on it in the period."""
    if code.channel_id is None:
        return None
    spent = Cost.objects.filter(channel_id=code.channel_id, date__gte=start, date__lt=end)
    cost = spent.aggregate(fen=Sum("amount_fen"))["fen"]
    if cost is None:
        return None
    adds = LiveCodeAdd.objects.filter(live_code__channel_id=code.channel_id)
    return Price(cost, _within(adds, start, end).filter(added_at__isnull=False).count())


def welcomes(code: LiveCode, start: date, end: date) -> dict[str, int]:
    """How many welcomes ended in which state (Welcome.State)."""
    begin, until = _moments(start, end)
    found = Welcome.objects.filter(
        live_code=code, received_at__gte=begin, received_at__lt=until
    ).order_by()
    return dict(found.values_list("state").annotate(n=Count("id")))


def _within(found: QuerySet[LiveCodeAdd], start: date, end: date) -> QuerySet[LiveCodeAdd]:
    begin, until = _moments(start, end)
    return found.filter(opened_at__gte=begin, opened_at__lt=until)


def _moments(start: date, end: date) -> tuple[datetime, datetime]:
    zone = sheets.zone()
    return datetime.combine(start, time(), zone), datetime.combine(end, time(), zone)


def _lost_within(days: int) -> Any:
    opened = OuterRef("opened_at")
    return Exists(
        ReachSpell.objects.filter(
            contact_id=OuterRef("contact_id"),
            staff_id=OuterRef("staff_id"),
            ended_by=ReachSpell.By.CUSTOMER,
            opened_at__lte=opened,
            ended_at__gt=opened,
            ended_at__lte=opened + timedelta(days=days),
        )
    )
