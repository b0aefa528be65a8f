"""What might cost a member their account at the platform? Signals of the last days, warned early.

The platform looks at how customers answer: who deletes a member right after a message, how many are
added in a burst, how much one member sends. Limits are settings (`RISK_…`), 0 turns one off.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

from django.conf import settings
from django.db import connection
from django.db.models import Max, Sum
from django.utils import timezone

from contacts.models import StaffFigures
from journeys import pace
from tenants.models import Staff
from tenants.scope import current_tenant_id
from tenants.wechat.errors import CHINA

DAYS: Final = 7
AFTER_SEND: Final = timedelta(hours=24)

# Per member: most additions within one hour and today (China), messages to customers, and
# friendships that the customer ended within a day of one of them.
_SENDS = """
SELECT t.staff_id, count(*), count(*) FILTER (WHERE EXISTS (
    SELECT 1 FROM contacts_followloss l
    WHERE l.tenant_id = %(tenant)s AND l.staff_id = t.staff_id AND l.contact_id = t.contact_id
      AND l.ended_by = 'customer' AND l.ended_at >= t.sent_at
      AND l.ended_at < t.sent_at + %(after)s))
FROM journeys_touch t
WHERE t.tenant_id = %(tenant)s AND t.staff_id = ANY(%(staff)s)
  AND t.sending_at >= %(since)s AND t.sent_at IS NOT NULL
GROUP BY t.staff_id
"""
_ADDS = """
SELECT staff_id, max(count), sum(count) FILTER (WHERE hour >= %(today)s) FROM (
    SELECT staff_id, date_trunc('hour', opened_at) AS hour, count(*) AS count
    FROM contacts_reachspell
    WHERE tenant_id = %(tenant)s AND opened_at >= %(since)s AND staff_id IS NOT NULL
    GROUP BY 1, 2) AS hours
GROUP BY staff_id
"""


@dataclass(frozen=True, slots=True)
class Limits:
    """`near`: the share of a limit from which on it is warned. `deleted` is a share of sends."""

    adds_an_hour: int
    adds_a_day: int
    sends_a_day: int
    deleted: float
    near: float
    fewest_sends: int


@dataclass(frozen=True, slots=True)
class Risk:
    """One member. `blocked` (of WeCom's own figures) is None when they were never fetched."""

    staff: Staff
    adds_an_hour: int  # in the fullest hour of DAYS
    adds_today: int
    sends_today: int
    sends: int  # of DAYS
    deleted: int  # of those sends, by the customer within 24 hours
    blocked: int | None
    limits: Limits

    @property
    def deleted_share(self) -> float:
        return self.deleted / self.sends if self.sends else 0.0

    @property
    def tones(self) -> dict[str, str]:
        """good, warn (near the limit) or bad (at it), by signal."""
        own = self.limits
        enough = self.sends >= own.fewest_sends
        return {
            "adds_an_hour": _tone(self.adds_an_hour, own.adds_an_hour, own.near),
            "adds_today": _tone(self.adds_today, own.adds_a_day, own.near),
            "sends_today": _tone(self.sends_today, own.sends_a_day, own.near),
            "deleted": _tone(self.deleted_share, own.deleted, own.near) if enough else "good",
        }

    @property
    def tone(self) -> str:
        return max(self.tones.values(), key=("good", "warn", "bad").index)


def limits() -> Limits:
    """Inside a scope: sends are limited by the pace of touches, which also stops them."""
    return Limits(
        adds_an_hour=settings.RISK_ADDS_AN_HOUR,
        adds_a_day=settings.RISK_ADDS_A_DAY,
        sends_a_day=pace.of_tenant().per_staff_day,
        deleted=settings.RISK_DELETED_PERCENT / 100,
        near=settings.RISK_NEAR_PERCENT / 100,
        fewest_sends=settings.RISK_FEWEST_SENDS,
    )


def of_staff(now: datetime | None = None) -> list[Risk]:
    """Inside a scope: every active member, the one most at risk first."""
    now = now or timezone.now()
    own, members = limits(), list(Staff.objects.filter(active=True))
    today = now.astimezone(CHINA).replace(hour=0, minute=0, second=0, microsecond=0)
    since = now - timedelta(days=DAYS)
    ids = [member.pk for member in members]
    adds = _rows(_ADDS, since=since, today=today)
    sends = _rows(_SENDS, since=since, after=AFTER_SEND, staff=ids)
    booked = pace.staff_today(ids, pace.of_tenant(), now)
    blocked = _blocked(today.date() - timedelta(days=DAYS))
    found = []
    for member in members:
        hour, day = adds.get(member.pk, (0, 0))
        sent, deleted = sends.get(member.pk, (0, 0))
        found.append(
            Risk(
                member, hour, day, booked.get(member.pk, 0), sent, deleted,
                blocked.get(member.pk), own,
            )
        )  # fmt: skip
    order = {"bad": 0, "warn": 1, "good": 2}
    return sorted(found, key=lambda risk: (order[risk.tone], -risk.deleted_share, -risk.sends))


def _rows(sql: str, **values: Any) -> dict[int, tuple[int, int]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, {"tenant": current_tenant_id(), **values})
        return {int(pk): (int(one or 0), int(two or 0)) for pk, one, two in cursor.fetchall()}


def _blocked(since: date) -> dict[int, int]:
    rows = StaffFigures.objects.filter(date__gte=since).values("staff_id")
    return {row["staff_id"]: row["sum"] for row in rows.annotate(sum=Sum("blocked"))}


def figures_as_of() -> datetime | None:
    """When WeCom's own figures were fetched last."""
    as_of: datetime | None = StaffFigures.objects.aggregate(as_of=Max("fetched_at"))["as_of"]
    return as_of


def _tone(value: float, limit: float, near: float) -> str:
    if limit <= 0 or value < limit * near:
        return "good"
    return "bad" if value >= limit else "warn"
