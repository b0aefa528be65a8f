"""Who is on duty: hours over midnight, limits, spares, weights; when it changes; what is left."""

from __future__ import annotations

import random
from collections import Counter
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from contacts.livecodes.plan import (
    Adds,
    Hours,
    Person,
    Sheet,
    Short,
    duty,
    gaps,
    next_change,
    stretch_start,
)

SHANGHAI = ZoneInfo("Asia/Shanghai")
WEEK = frozenset(range(1, 8))
MONDAY = datetime(2026, 11, 23, tzinfo=SHANGHAI)


def hours(starts: str, ends: str, weekdays: frozenset[int] = WEEK) -> Hours:
    return Hours(weekdays, time.fromisoformat(starts), time.fromisoformat(ends))


def at(day: int, clock: str) -> datetime:
    """Day 1 is a Monday; as workers know it, in UTC."""
    moment = time.fromisoformat(clock)
    local = MONDAY + timedelta(days=day - 1)
    return local.replace(hour=moment.hour, minute=moment.minute).astimezone(UTC)


def names(sheet: Sheet, moment: datetime, adds: Adds | None = None) -> list[str]:
    return [one.userid for one in duty(sheet, moment, adds or Adds()).people]


DAY = Person(1, "amy", hours=(hours("09:00", "21:00"),))
NIGHT = Person(2, "bob", hours=(hours("21:00", "09:00"),))
SHIFTS = Sheet((DAY, NIGHT), SHANGHAI)


@pytest.mark.parametrize(
    ("clock", "expected"),
    [("08:59", "bob"), ("09:00", "amy"), ("20:59", "amy"), ("21:00", "bob"), ("00:00", "bob")],
)
def test_a_night_shift_goes_over_midnight_in_the_tenants_zone(clock: str, expected: str) -> None:
    assert names(SHIFTS, at(3, clock)) == [expected]


def test_a_night_of_friday_ends_on_saturday_and_that_of_sunday_on_monday() -> None:
    weekend = Person(1, "amy", hours=(hours("22:00", "06:00", frozenset({5, 7})),))
    other = Person(2, "bob", spare=True)
    sheet = Sheet((weekend, other), SHANGHAI)

    assert names(sheet, at(5, "05:59")) == ["bob"]
    assert names(sheet, at(6, "05:59")) == ["amy"]
    assert names(sheet, at(6, "22:30")) == ["bob"]
    assert names(sheet, at(1, "05:59")) == ["amy"]


def test_the_next_change_is_the_next_edge_or_midnight_or_the_end() -> None:
    assert next_change(SHIFTS, at(1, "08:00")) == at(1, "09:00")
    assert next_change(SHIFTS, at(1, "09:00")) == at(1, "21:00")
    assert next_change(SHIFTS, at(1, "21:00")) == at(2, "09:00")
    assert next_change(Sheet((Person(1, "amy"),), SHANGHAI), at(1, "08:00")) is None
    capped = Sheet((Person(1, "amy", daily_cap=3),), SHANGHAI)
    assert next_change(capped, at(1, "08:00")) == at(2, "00:00")
    ends = Sheet((DAY, NIGHT), SHANGHAI, expires_at=at(1, "08:30"))
    assert next_change(ends, at(1, "08:00")) == at(1, "08:30")


def test_one_edge_a_week_is_found_from_everywhere() -> None:
    sheet = Sheet((Person(1, "amy", hours=(hours("10:00", "11:00", frozenset({3})),)),), SHANGHAI)

    assert next_change(sheet, at(3, "10:30")) == at(3, "11:00")
    assert next_change(sheet, at(3, "11:00")) == at(10, "10:00")


def test_who_reached_the_limit_is_out_and_the_spare_comes_when_all_are() -> None:
    sheet = Sheet(
        (
            Person(1, "amy", daily_cap=2),
            Person(2, "bob", daily_cap=3),
            Person(3, "eve", spare=True),
        ),
        SHANGHAI,
    )

    assert names(sheet, MONDAY) == ["amy", "bob"]
    assert names(sheet, MONDAY, Adds({1: 2})) == ["bob"]
    full = duty(sheet, MONDAY, Adds({1: 2, 2: 3}))
    assert ([one.userid for one in full.people], full.short) == (["eve"], Short.SPARE)


@pytest.mark.parametrize(
    ("people", "adds", "expected", "short"),
    [
        ((Person(1, "amy", daily_cap=1),), Adds({1: 1}), ["amy"], Short.CAP),
        ((Person(1, "amy", hours=(hours("09:00", "10:00"),)),), Adds(), ["amy"], Short.HOURS),
        ((Person(1, "amy", online=False),), Adds(), ["amy"], Short.OFF),
        ((Person(1, "amy", active=False),), Adds(), [], Short.NOBODY),
        ((Person(1, "amy", online=False), Person(2, "bob")), Adds(), ["bob"], Short.NO),
    ],
)
def test_a_code_stays_manned_as_long_as_anybody_is_active(
    people: tuple[Person, ...], adds: Adds, expected: list[str], short: Short
) -> None:
    found = duty(Sheet(people, SHANGHAI), MONDAY, adds)

    assert ([one.userid for one in found.people], found.short) == (expected, short)


def test_approval_is_not_needed_within_the_free_hours_only() -> None:
    sheet = Sheet((Person(1, "amy"),), SHANGHAI, free_hours=(hours("20:00", "08:00"),))

    assert duty(sheet, at(1, "23:00"), Adds()).skip_verify
    assert not duty(sheet, at(1, "12:00"), Adds()).skip_verify
    assert next_change(sheet, at(1, "12:00")) == at(1, "20:00")


@pytest.mark.parametrize("weights", [(3, 1), (1, 2, 7), (5, 5, 1)])
def test_weights_hold_to_within_two_customers_though_the_platform_shares_evenly(
    weights: tuple[int, ...],
) -> None:
    people = tuple(Person(n, str(n), weight=weight) for n, weight in enumerate(weights))
    sheet, got, dice = Sheet(people, SHANGHAI), Counter[int](), random.Random(7)

    for total in range(1, 401):
        on_duty = duty(sheet, MONDAY, Adds({}, got)).people
        got[dice.choice(on_duty).staff_id] += 1
        for one in people:
            share = one.weight * total / sum(weights)
            assert got[one.staff_id] <= share + 2

    assert all(abs(got[n] - 400 * weight / sum(weights)) < 4 for n, weight in enumerate(weights))


def test_equal_weights_never_move_anybody() -> None:
    sheet = Sheet((Person(1, "amy"), Person(2, "bob")), SHANGHAI)

    assert names(sheet, MONDAY, Adds({}, {1: 50})) == ["amy", "bob"]
    assert not sheet.counts


def test_shares_are_counted_since_the_last_change_of_shifts() -> None:
    assert stretch_start(SHIFTS, at(1, "12:00")) == at(1, "09:00")
    assert stretch_start(SHIFTS, at(1, "23:00")) == at(1, "21:00")
    assert stretch_start(SHIFTS, at(2, "01:00")) == at(2, "00:00")


def test_the_gaps_of_a_week_are_exact_and_go_over_its_end() -> None:
    workdays = frozenset(range(1, 6))
    office = Person(1, "amy", hours=(hours("09:00", "18:00", workdays),))

    found = gaps([office])

    assert found[0] == (18 * 60, 24 * 60 + 9 * 60)
    assert len(found) == 5
    assert found[-1] == (4 * 1440 + 18 * 60, 7 * 1440 + 9 * 60)
    assert gaps([DAY, NIGHT]) == ()
    assert gaps([office, Person(2, "eve", spare=True)]) == ()
    assert gaps([office, Person(2, "eve", spare=True, active=False)]) == found
    assert gaps([Person(1, "amy", active=False)]) == ((0, 7 * 1440),)
    assert gaps([Person(1, "amy", hours=(hours("00:00", "00:00"),))]) == ()
