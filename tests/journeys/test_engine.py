"""When is a step due, when do quiet hours end, and which check comes first? No database."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from contacts.messaging import quota as mass_quota
from journeys import engine
from journeys.engine import Facts, Pace, Tally, Verb

SHANGHAI, NEW_YORK = ZoneInfo("Asia/Shanghai"), ZoneInfo("America/New_York")
PACE = Pace(
    zone=SHANGHAI,
    quiet_from=time(21, 30),
    quiet_to=time(8, 30),
    per_contact_day=2,
    per_contact_week=6,
    promotions_per_week=2,
    per_staff_day=500,
    sensitive_words=("Best ever", "返利"),
)
FACTS = Facts(route="mass_task", kind="service", text="Hello")


def local(text: str, zone: ZoneInfo = SHANGHAI) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone)


def step(**fields: object) -> SimpleNamespace:
    empty = {"delay_minutes": None, "day": None, "at_time": None, "position": 1}
    return SimpleNamespace(**{**empty, "route": "none", "kind": "service", "said": ["x"], **fields})


# --- due ---


def test_minutes_count_from_the_start() -> None:
    started = local("2026-03-01 23:50")

    due = engine.due_at(step(delay_minutes=20), started, SHANGHAI)

    assert due == local("2026-03-02 00:10")


def test_a_day_is_of_the_tenants_calendar() -> None:
    started = datetime(2026, 3, 1, 16, 30, tzinfo=UTC)  # the 2nd, 00:30, in Shanghai

    due = engine.due_at(step(day=1, at_time=time(10)), started, SHANGHAI)

    assert due == local("2026-03-03 10:00")


def test_a_day_without_a_time_keeps_the_time_of_the_start() -> None:
    due = engine.due_at(step(day=2), local("2026-03-01 14:05"), SHANGHAI)

    assert due == local("2026-03-03 14:05")


def test_a_time_that_has_passed_is_due_at_the_start() -> None:
    started = local("2026-03-01 14:00")

    assert engine.due_at(step(day=0, at_time=time(10)), started, SHANGHAI) == started


def test_ten_stays_ten_over_a_change_of_clocks() -> None:
    started = local("2026-03-07 10:00", NEW_YORK)

    due = engine.due_at(step(day=1, at_time=time(10)), started, NEW_YORK)

    assert due - started == timedelta(hours=23)


@pytest.mark.parametrize(
    ("day", "wall", "utc"),
    [
        ("2026-03-07", time(2, 30), "2026-03-08T07:30"),  # 02:30 is left out: 03:30 EDT
        ("2026-10-31", time(1, 30), "2026-11-01T05:30"),  # 01:30 comes twice: the first
    ],
)
def test_a_time_that_is_missing_or_doubled(day: str, wall: time, utc: str) -> None:
    due = engine.due_at(step(day=1, at_time=wall), local(f"{day} 00:00", NEW_YORK), NEW_YORK)

    assert due == datetime.fromisoformat(utc).replace(tzinfo=UTC)


# --- quiet hours ---


@pytest.mark.parametrize(
    ("at", "opens"),
    [
        ("2026-03-01 21:29:59", "2026-03-01 21:29:59"),
        ("2026-03-01 21:30", "2026-03-02 08:30"),
        ("2026-03-01 23:59", "2026-03-02 08:30"),
        ("2026-03-02 00:00", "2026-03-02 08:30"),
        ("2026-03-02 08:29:59", "2026-03-02 08:30"),
        ("2026-03-02 08:30", "2026-03-02 08:30"),
    ],
)
def test_quiet_hours_go_over_midnight(at: str, opens: str) -> None:
    assert engine.open_from(local(at), PACE) == local(opens)


def test_quiet_hours_within_a_day_and_none() -> None:
    noon = replace(PACE, quiet_from=time(12), quiet_to=time(14))
    none = replace(PACE, quiet_from=time(9), quiet_to=time(9))

    assert engine.open_from(local("2026-03-01 13:00"), noon) == local("2026-03-01 14:00")
    assert engine.open_from(local("2026-03-01 14:00"), noon) == local("2026-03-01 14:00")
    assert engine.open_from(local("2026-03-01 09:00"), none) == local("2026-03-01 09:00")


def test_quiet_hours_that_end_in_a_missing_or_doubled_hour_do_end() -> None:
    night = replace(PACE, zone=NEW_YORK, quiet_from=time(22), quiet_to=time(2, 30))
    early = replace(PACE, zone=NEW_YORK, quiet_from=time(22), quiet_to=time(1, 30))
    second = datetime(2026, 11, 1, 6, 10, tzinfo=UTC)  # 01:10, for the second time

    gap = engine.open_from(local("2026-03-07 23:00", NEW_YORK), night)

    assert gap == datetime(2026, 3, 8, 7, 30, tzinfo=UTC)
    assert engine.open_from(gap, night) == gap
    assert engine.open_from(second, early) == datetime(2026, 11, 1, 6, 30, tzinfo=UTC)


# --- the order of the checks ---

NOON, NIGHT = local("2026-03-02 12:00"), local("2026-03-02 23:00")
FULL = Tally(day=2, week=6, promotions=2, mass=31)


def decide(
    facts: Facts, tally: Tally | None = None, staff: int = 0, now: datetime = NOON
) -> tuple[str, str]:
    action = engine.next_action(facts, tally or Tally(), staff, PACE, now)
    return action.verb.value, str(action.reason)


# Everything is wrong with it; put right one by one, each shows the next check.
WRONG = Facts(
    route="mass_task",
    kind="promotion",
    text="the BEST\u200b ever",
    running=False,
    ordered=True,
    paused=True,
    excluded=True,
    withdrawn=True,
    reachable=False,
)
BETTER: list[dict[str, Any]] = [
    {"running": True}, {"ordered": False}, {"paused": False}, {"excluded": False},
    {"withdrawn": False}, {"reachable": True},
]  # fmt: skip
RIGHT = replace(WRONG, **{name: value for one in BETTER for name, value in one.items()})
BAD = WRONG.text


def test_checks_of_a_contact_come_in_the_order_of_the_domain() -> None:
    facts = WRONG
    seen = [decide(facts, FULL, 500, NIGHT)]
    for one in BETTER:
        facts = replace(facts, **one)
        seen.append(decide(facts, FULL, 500, NIGHT))

    assert seen == [
        ("cancel", "enrolment_ended"),
        ("cancel", "ordered"),
        ("hold", "sop_paused"),
        ("skip", "excluded"),
        ("skip", "consent_withdrawn"),
        ("skip", "no_route"),
        ("wait", "quiet_hours"),
    ]


@pytest.mark.parametrize(
    ("tally", "staff", "text", "decided"),
    [
        (FULL, 500, BAD, ("skip", "contact_day_cap")),
        (replace(FULL, day=1), 500, BAD, ("skip", "contact_week_cap")),
        (Tally(1, 5, 2, 31), 500, BAD, ("skip", "promotion_cap")),
        (Tally(1, 5, 1, 31), 500, BAD, ("skip", "staff_day_cap")),
        (Tally(1, 5, 1, 31), 499, BAD, ("skip", "platform_quota")),
        (Tally(1, 5, 1, 30), 499, BAD, ("skip", "sensitive_word")),
        (Tally(1, 5, 1, 30), 499, "good", ("send", "")),
    ],
)
def test_checks_by_day_come_after_those_of_the_contact(
    tally: Tally, staff: int, text: str, decided: tuple[str, str]
) -> None:
    assert decide(replace(RIGHT, text=text), tally, staff) == decided


def test_quiet_hours_defer_to_the_moment_they_end() -> None:
    action = engine.next_action(FACTS, Tally(), 0, PACE, NIGHT)

    assert (action.verb, action.at) == (Verb.WAIT, local("2026-03-03 08:30"))


def test_promotions_and_quota_concern_their_own_only() -> None:
    tally = Tally(promotions=9, mass=99)

    assert decide(replace(FACTS, route="staff_task"), tally) == ("send", "")
    assert decide(FACTS, Tally(promotions=9)) == ("send", "")


@pytest.mark.parametrize(
    ("quota", "most", "since"),
    [
        ("month_days", 31, "2026-03-01 00:00"),
        ("month4", 4, "2026-03-01 00:00"),
        ("week7", 7, "2026-03-16 00:00"),
        ("day1", 1, "2026-03-18 00:00"),
    ],
)
def test_the_platform_counts_in_chinas_calendar(quota: str, most: int, since: str) -> None:
    now = datetime(2026, 3, 17, 17, 0, tzinfo=UTC)  # Wednesday the 18th there

    assert mass_quota.window(quota, now) == (most, local(since))


def test_a_week_is_today_and_six_days_before() -> None:
    assert engine.week_start(local("2026-03-18 09:00"), SHANGHAI) == local("2026-03-12 00:00")


# --- text ---


def test_placeholders_are_filled_once() -> None:
    text = engine.render(
        "{name}, {staff}: {link} {odd}", {"name": "{link}", "staff": "S", "link": "L"}
    )

    assert text == "{link}, S: L {odd}"
    assert engine.unknown_placeholders("{name} {nmae} {} {link}") == ["", "nmae"]


@pytest.mark.parametrize("text", ["BEST EVER", "best\u200b ever", "Ｂｅｓｔ ever", "有返\u200d利"])
def test_sensitive_words_are_found_in_disguise(text: str) -> None:
    assert engine.sensitive_word(text, PACE.sensitive_words)


def test_no_word_is_found_in_innocent_text() -> None:
    assert engine.sensitive_word("the best, ever", ["best ever", "", "\u200b"]) == ""


# --- rehearsal ---


def test_a_rehearsal_shows_quiet_hours_and_caps() -> None:
    started = local("2026-03-02 20:00")
    steps = [
        step(position=1, delay_minutes=0),
        step(position=2, delay_minutes=60),
        step(position=3, delay_minutes=70),
        step(position=4, delay_minutes=180),
        step(position=5, day=1, at_time=time(9)),
        step(position=6, day=1, at_time=time(10)),
    ]

    seen = engine.rehearse(steps, started, PACE)

    assert [
        (one.position, one.action.verb.value, one.action.reason, one.action.at) for one in seen
    ] == [
        (1, "send", "", started),
        (2, "send", "", local("2026-03-02 21:00")),
        (3, "skip", "contact_day_cap", local("2026-03-02 21:10")),
        (4, "send", "", local("2026-03-03 08:30")),
        (5, "send", "", local("2026-03-03 09:00")),
        (6, "skip", "contact_day_cap", local("2026-03-03 10:00")),
    ]
    assert seen[3].due_at == local("2026-03-02 23:00")
