"""Who changed the level in a period: cells of two days say what the pieces say."""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext

from analytics import facts
from analytics.assets import cells
from analytics.models import AssetChange
from tests.analytics import seeds
from tests.analytics.reference import DAY
from tests.analytics.reference_assets import LINES
from tests.analytics.test_assets import MARCH, URL, Life, row, world
from tests.analytics.test_reports import NOW
from tests.conftest import Business

Rows = dict[str, dict[str, int]]


def told(business: Business, query: Mapping[str, str]) -> tuple[Rows, bool]:
    """Figures by level, and were they read from cells?"""
    cache.clear()
    with CaptureQueriesContext(connection) as queries:
        answer = business.api().get(URL, query)
    assert answer.status_code == 200, answer.content
    rows: list[dict[str, Any]] = answer.json()["rows"]
    by_cells = any("FROM analytics_assetchange" in query["sql"] for query in queries)
    return {each["group"]: {line: each[line] for line in LINES} for each in rows}, by_cells


def sleepers() -> None:
    """All of them are in another piece at the end of March than when they entered its book."""
    Life("wakes again").opens(-60, "amy").does(-25, "message.received").does(12, "price.asked")
    Life("wakes a customer").opens(-60, "amy").does(-25, "price.asked").buys(9).does(
        12, "price.asked"
    )
    Life("comes awake, wakes again").does(-20, "price.asked").opens(3, "amy").does(
        15, "price.asked"
    )
    Life("wakes and goes").opens(-60, "amy").does(-25, "price.asked").does(12, "price.asked").ends(
        20, "amy"
    )
    Life("wakes and buys").opens(-60, "amy").does(2, "price.asked").buys(10)


SLEEPERS = {
    "L1": row(opening=1, moved_out=1),
    "L2": row(opening=3, acquired=1, lost_by_customer=1, moved_out=1, closing=2),
    "L3": row(moved_in=2, closing=2),
}


def test_who_slept_in_between_did_not_move(business: Business) -> None:
    with business.scope():
        sleepers()

    assert told(business, MARCH) == (SLEEPERS, True)


def test_what_was_read_before_is_taken_back(business: Business) -> None:
    """Refresh by refresh, as things become known, and when they are deleted."""
    with business.scope():
        Life("stays").opens(-60, "amy").does(-10, "price.asked").does(-40, "price.asked")
        lives = [Life(name).opens(-60, "amy") for name in ("one", "two")]
        for day in (-25, 30, 12, 24):
            for life in lives:
                life.does(day, "price.asked")
            assert facts.prove() == []
    before, by_cells = told(business, MARCH)
    assert (before["L2"], by_cells) == (row(opening=3, moved_out=1, closing=2), True)

    listed = business.api().get("/api/v1/contacts").json()["results"]
    one = next(each["id"] for each in listed if each["external_id"] == "one")
    assert business.api().delete(f"/api/v1/contacts/{one}").status_code == 204
    after, by_cells = told(business, MARCH)
    assert (after["L2"], by_cells) == (row(opening=2, moved_out=1, closing=1), True)
    with business.scope():
        assert facts.prove() == []


def test_twelve_months_are_cells_and_more_are_pieces(business: Business) -> None:
    with business.scope():
        sleepers()
    year = {"from": "2025-03-31", "to": "2026-04-01"}

    longest, by_cells = told(business, year)
    longer, by_cells_too = told(business, year | {"from": "2025-03-30"})

    assert (longest, by_cells, by_cells_too) == (longer, True, False)
    assert longest["L2"]["moved_out"] == 0  # all came in this year


@pytest.mark.parametrize(("seed", "zone"), seeds.in_zones(31, 32))
def test_both_say_the_same_of_any_period(
    business: Business, seed: int, zone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with business.scope():
        world(business, seed, zone, steps=260)
        facts.catch_up()
        assert AssetChange.objects.exists()
    dice, periods = random.Random(seed), []
    for _ in range(12):
        start = (NOW - DAY * dice.randrange(40, 500)).date()
        days = dice.choice([1, 7, 30, 90, 200, 366])
        periods.append({"from": f"{start}", "to": f"{start + timedelta(days=days)}"})

    counted = [told(business, period) for period in periods]
    monkeypatch.setattr(cells, "CHANGE_DAYS", 0)
    read = [told(business, period) for period in periods]

    assert [rows for rows, _by_cells in counted] == [rows for rows, _by_cells in read]
    # Of a period that as_of is in facts may know too much: then rows are read, both times.
    assert any(by_cells for _rows, by_cells in counted)
    assert not any(by_cells for _rows, by_cells in read)
    assert any(rows["L2"]["moved_out"] for rows, _by_cells in counted)
