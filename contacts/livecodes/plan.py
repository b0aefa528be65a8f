"""Who stands behind a live code at a moment, and when may that change next?

Nothing here reads a clock or a table. The platform shares customers out evenly among the members
behind a way and knows neither hours nor weights nor limits; so we change who is behind it:
- hours: members without any are on duty at all hours, the others within theirs;
- limits: who reached the day's limit is out until midnight of the tenant's zone;
- spares come in when nobody else is left;
- weights: who is ahead of their share of the customers since the last change of shifts steps out
  until the others have caught up. So shares hold to within about one customer, and a code whose
  weights are all equal is never touched for them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from enum import Enum
from typing import Final
from zoneinfo import ZoneInfo

DAY_MINUTES: Final = 24 * 60
WEEK_MINUTES: Final = 7 * DAY_MINUTES
_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Hours:
    """Weekdays 1 Monday … 7 Sunday. An end at or before the start lies on the next day."""

    weekdays: frozenset[int]
    starts: time
    ends: time

    @property
    def overnight(self) -> bool:
        return self.ends <= self.starts

    def hold(self, local: datetime) -> bool:
        now, today = local.time(), local.isoweekday()
        yesterday = today - 1 or 7
        if not self.overnight:
            return today in self.weekdays and self.starts <= now < self.ends
        begun = today in self.weekdays and now >= self.starts
        return begun or (yesterday in self.weekdays and now < self.ends)

    def edges(self, day: date, zone: ZoneInfo) -> tuple[datetime, ...]:
        """When the hours that begin on this day begin and end."""
        if day.isoweekday() not in self.weekdays:
            return ()
        last = day + _DAY if self.overnight else day
        return (
            datetime.combine(day, self.starts, zone),
            datetime.combine(last, self.ends, zone),
        )


@dataclass(frozen=True, slots=True)
class Person:
    """One of the staff behind a code. `online`: they have not switched themselves off."""

    staff_id: int
    userid: str
    active: bool = True
    online: bool = True
    weight: int = 1
    daily_cap: int | None = None
    spare: bool = False
    hours: tuple[Hours, ...] = ()

    def present(self, local: datetime) -> bool:
        return not self.hours or any(each.hold(local) for each in self.hours)


@dataclass(frozen=True, slots=True)
class Sheet:
    """What is planned for one live code."""

    people: tuple[Person, ...]
    zone: ZoneInfo
    skip_verify: bool = True
    free_hours: tuple[Hours, ...] = ()
    expires_at: datetime | None = None

    @property
    def counts(self) -> bool:
        """Does who is on duty depend on how many customers came?"""
        return any(one.daily_cap for one in self.people) or self.weighs

    @property
    def weighs(self) -> bool:
        return len({one.weight for one in self.people if not one.spare}) > 1


@dataclass(frozen=True, slots=True)
class Adds:
    """Customers that each member (by staff id) got by this code."""

    today: Mapping[int, int] = field(default_factory=dict)
    stretch: Mapping[int, int] = field(default_factory=dict)  # since `stretch_start`


class Short(Enum):
    """Why those on duty are not those who should be."""

    NO = ""
    SPARE = "spare"  # the spares stand in
    CAP = "cap"  # all reached their limit; they go on, for a way cannot be empty
    HOURS = "hours"  # outside everybody's hours: whoever is online takes them
    OFF = "off"  # all switched themselves off: they stay behind the code
    NOBODY = "nobody"  # no active member is left


@dataclass(frozen=True, slots=True)
class Duty:
    people: tuple[Person, ...]
    skip_verify: bool
    short: Short


def duty(sheet: Sheet, at: datetime, adds: Adds) -> Duty:
    """Who is behind the code at this moment. Only without any active member it is nobody."""
    people, short = _people(sheet, at.astimezone(sheet.zone), adds)
    return Duty(people, skips_verify(sheet, at), short)


def skips_verify(sheet: Sheet, at: datetime) -> bool:
    """May customers be added without approval now?"""
    local = at.astimezone(sheet.zone)
    within = not sheet.free_hours or any(each.hold(local) for each in sheet.free_hours)
    return sheet.skip_verify and within


def _people(sheet: Sheet, local: datetime, adds: Adds) -> tuple[tuple[Person, ...], Short]:
    active = [one for one in sheet.people if one.active]
    able = [one for one in active if one.online]
    here = [one for one in able if one.present(local)]
    regular = [one for one in here if not one.spare]
    free = [one for one in regular if _below_cap(one, adds)]
    if free:
        return _balanced(free, adds.stretch), Short.NO
    spares = [one for one in here if one.spare]
    ready = [one for one in spares if _below_cap(one, adds)]
    if ready:
        return tuple(ready), Short.SPARE
    for found, short in ((regular or spares, Short.CAP), (able, Short.HOURS), (active, Short.OFF)):
        if found:
            return tuple(found), short
    return (), Short.NOBODY


def _below_cap(one: Person, adds: Adds) -> bool:
    return one.daily_cap is None or adds.today.get(one.staff_id, 0) < one.daily_cap


def _balanced(people: Sequence[Person], got: Mapping[int, int]) -> tuple[Person, ...]:
    """Those who are not ahead of their share. There always is one: they cannot all be ahead."""
    if len({one.weight for one in people}) == 1:
        return tuple(people)
    weights = sum(one.weight for one in people)
    total = sum(got.get(one.staff_id, 0) for one in people)
    return tuple(
        one for one in people if got.get(one.staff_id, 0) * weights <= one.weight * (total + 1)
    )


def next_change(sheet: Sheet, at: datetime) -> datetime | None:
    """The first moment after `at` at which the clock alone may change who is on duty."""
    local = at.astimezone(sheet.zone)
    found = [edge for edge in _edges(sheet, _all_hours(sheet), local, -1, 8) if edge > at]
    if sheet.counts:
        found.append(_midnight(local.date() + _DAY, sheet.zone))
    if sheet.expires_at is not None and sheet.expires_at > at:
        found.append(sheet.expires_at)
    return min(found, default=None)


def midnight(sheet: Sheet, at: datetime) -> datetime:
    """When the day of `at` began in the tenant's zone."""
    return _midnight(at.astimezone(sheet.zone).date(), sheet.zone)


def stretch_start(sheet: Sheet, at: datetime) -> datetime:
    """Since when the same shifts are on duty; midnight at the earliest."""
    local = at.astimezone(sheet.zone)
    shifts = [each for one in sheet.people for each in one.hours]
    past = [edge for edge in _edges(sheet, shifts, local, -1, 1) if edge <= at]
    return max([midnight(sheet, at), *past])


def gaps(people: Iterable[Person]) -> tuple[tuple[int, int], ...]:
    """Stretches of the week with nobody on duty, in minutes from Monday 00:00.

    Of active members, spares included. An end may lie beyond Sunday's: then it wraps around.
    """
    covered = bytearray(WEEK_MINUTES)
    for one in people:
        if not one.active:
            continue
        if not one.hours:
            return ()
        for each in one.hours:
            _cover(covered, each)
    return _joined(_zeros(covered))


def _cover(covered: bytearray, hours: Hours) -> None:
    first, last = _minutes(hours.starts), _minutes(hours.ends)
    length = (last - first) % DAY_MINUTES or DAY_MINUTES
    for weekday in hours.weekdays:
        begins = (weekday - 1) * DAY_MINUTES + first
        for minute in range(begins, begins + length):
            covered[minute % WEEK_MINUTES] = 1


def _zeros(covered: bytearray) -> list[tuple[int, int]]:
    found = []
    at = covered.find(0)
    while at >= 0:
        end = covered.find(1, at)
        end = WEEK_MINUTES if end < 0 else end
        found.append((at, end))
        at = covered.find(0, end)
    return found


def _joined(found: list[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """The gap of Sunday night goes on on Monday morning."""
    if len(found) > 1 and found[0][0] == 0 and found[-1][1] == WEEK_MINUTES:
        (_zero, end), *between, (start, _week) = found
        return (*between, (start, WEEK_MINUTES + end))
    return tuple(found)


def _minutes(of: time) -> int:
    return of.hour * 60 + of.minute


def _all_hours(sheet: Sheet) -> list[Hours]:
    return [*(each for one in sheet.people for each in one.hours), *sheet.free_hours]


def _edges(
    sheet: Sheet, hours: Iterable[Hours], local: datetime, first: int, last: int
) -> list[datetime]:
    days = [local.date() + timedelta(days=number) for number in range(first, last)]
    return [edge for each in hours for day in days for edge in each.edges(day, sheet.zone)]


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone)
