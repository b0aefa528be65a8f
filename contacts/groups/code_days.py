"""How many came in by a group code, day by day, and how many of them left?

Counted from stays, which carry the state of the code; days are of the tenant's zone.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, timedelta

from django.db.models import Count
from django.db.models.functions import TruncDate

from contacts.groups import days
from contacts.models import GroupJoinCode, GroupSpell


@dataclass(frozen=True)
class Day:
    """`left` counts those who came by the code at any time and left on this day."""

    day: date
    joined: int
    left: int


def by_day(code: GroupJoinCode, since: date, until: date) -> list[Day]:
    """Every day from `since` up to, not including, `until`; staff are not counted."""
    rows = GroupSpell.objects.filter(state=code.state, member__staff=None)
    joined = _counted(rows, "joined_at")
    left = _counted(rows.exclude(left_at=None), "left_at")
    length = (until - since).days
    all_days = [since + timedelta(days=n) for n in range(length)]
    return [Day(day, joined.get(day, 0), left.get(day, 0)) for day in all_days]


def _counted(rows: object, column: str) -> dict[date, int]:
    found = rows.annotate(day=TruncDate(column, tzinfo=days.zone())).values("day")  # type: ignore[attr-defined]
    return dict(found.annotate(n=Count("id")).order_by().values_list("day", "n"))


def totals(codes: Collection[GroupJoinCode]) -> dict[str, tuple[int, int]]:
    """State → how many came in, how many of these stays have ended."""
    rows = GroupSpell.objects.filter(
        state__in=[code.state for code in codes], member__staff=None
    ).values("state")
    counted = rows.annotate(came=Count("id"), went=Count("left_at")).order_by()
    return {row["state"]: (row["came"], row["went"]) for row in counted}
