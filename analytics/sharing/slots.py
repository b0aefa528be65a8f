"""When is a scheduled report due? Local days and hours become moments; a day has one at most.

An hour that the clock skips is the moment at which it is moved; of one that comes twice, the first.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from analytics.models.sharing import ReportSchedule
from analytics.periods import month_of, next_month

_DAY: Final = timedelta(days=1)
_LONGEST: Final = 33  # days between two slots of a month, and one to either side


def newest(schedule: ReportSchedule, moment: datetime, zone: ZoneInfo) -> datetime:
    """The last slot at or before the moment."""
    today = moment.astimezone(zone).date() + _DAY
    return next(
        slot
        for n in range(_LONGEST + 1)
        if _is_day(schedule, day := today - n * _DAY)
        and (slot := _at(day, schedule.hour, zone)) <= moment
    )


def following(schedule: ReportSchedule, moment: datetime, zone: ZoneInfo) -> datetime:
    """The first slot after the moment."""
    today = moment.astimezone(zone).date() - _DAY
    return next(
        slot
        for n in range(_LONGEST + 1)
        if _is_day(schedule, day := today + n * _DAY)
        and (slot := _at(day, schedule.hour, zone)) > moment
    )


def _is_day(schedule: ReportSchedule, day: date) -> bool:
    if schedule.every == ReportSchedule.Every.WEEK:
        return day.isoweekday() == schedule.weekday
    if schedule.every == ReportSchedule.Every.MONTH:
        last = (next_month(month_of(day)) - _DAY).day
        return day.day == min(schedule.day, last)
    return True


def _at(day: date, hour: int, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(hour), tzinfo=zone).astimezone(UTC)
