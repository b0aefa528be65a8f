"""The loss report: cohorts of openings, only those observed long enough, a hand-over is no loss."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from contacts import changes
from contacts.models import Channel, Contact, ReachSpell
from tenants.models import Staff
from tests.conftest import Business

DAY = timedelta(days=1)
NOW = timezone.now().replace(microsecond=0)


@pytest.fixture
def world(business: Business) -> Business:
    """Opened 10 days ago by Street (a … e) and Fair (f); 5 days ago (g)."""
    with business.scope():
        street, fair = (Channel.objects.create(name=name) for name in ("Street", "Fair"))
        amy, bob = (Staff.objects.create(userid=name, name=name) for name in ("amy", "bob"))
        lives: list[tuple[str, Any, float, float | None, str, str]] = [
            ("a", street, 10, 0.5, "customer", ""),
            ("b", street, 10, 7, "staff", ""),  # both ends in
            ("c", street, 10, 7.5, "customer", ""),
            ("d", street, 10, None, "", ""),
            ("e", street, 10, 2, "transfer", ""),
            ("f", fair, 10, None, "", ""),
            ("g", street, 5, 4, "customer", ""),
        ]
        for name, channel, ago, kept, by, opened_by in lives:
            contact = Contact.objects.create(name=name, channel=channel, source="live_code")
            opened = NOW - ago * DAY
            ended = None if kept is None else opened + kept * DAY
            ReachSpell.objects.create(
                contact=contact, staff=amy, opened_at=opened, ended_at=ended, ended_by=by,
                opened_by=opened_by,
            )  # fmt: skip
            if by == "transfer":
                ReachSpell.objects.create(
                    contact=contact, staff=bob, opened_at=ended or opened, opened_by="transfer"
                )
        changes.note(Contact.objects.values_list("pk", flat=True))
    return business


def asked(business: Business, **query: str) -> dict[str | None, Any]:
    answer = business.api().get("/api/v1/reports/losses", query)
    assert answer.status_code == 200, answer.content
    return {row["group"]: row for row in answer.json()["rows"]}


def test_by_channel(world: Business) -> None:
    rows = asked(world, group="channel")

    assert (rows["Street"]["opened"], rows["Fair"]["opened"]) == (6, 1)
    after = rows["Street"]["after"]
    # e was seen for two days; g for five.
    assert after["1"] == {"observed": 6, "lost": 1, "by_customer": 1, "share": pytest.approx(1 / 6)}
    assert after["3"] == {"observed": 5, "lost": 1, "by_customer": 1, "share": 0.2}
    assert after["7"] == {"observed": 4, "lost": 2, "by_customer": 1, "share": 0.5}
    assert after["30"] == {"observed": 0, "lost": 0, "by_customer": 0, "share": None}
    assert rows["Fair"]["after"]["7"]["share"] == 0


def test_as_of_knows_nothing_later(world: Business) -> None:
    rows = asked(world, as_of=(NOW - 6 * DAY).isoformat())

    assert rows["Street"]["opened"] == 5
    assert rows["Street"]["after"]["3"]["lost"] == 1
    assert rows["Street"]["after"]["7"]["observed"] == 0


@pytest.mark.parametrize(
    ("group", "names"),
    [("staff", {"amy"}), ("source", {"live_code"}), ("live_code", {None})],
)
def test_other_groups(world: Business, group: str, names: set[str | None]) -> None:
    assert set(asked(world, group=group)) == names


def test_the_page_and_its_file(world: Business) -> None:
    page = world.browser("viewer").get("/dashboards/losses/?days=7")
    file = world.browser("viewer").get("/dashboards/losses/?export=csv")

    assert page.status_code == 200
    assert "50.0%" in page.content.decode()
    assert "Street" in file.content.decode()
    assert world.browser("sales").get("/dashboards/losses/").status_code == 403


@pytest.mark.parametrize("group", ["channel", "staff", "live_code", "source"])
def test_the_page_shows_what_the_report_counts(world: Business, group: str) -> None:
    rows = asked(world, group=group)
    with CaptureQueriesContext(connection) as read:
        page = world.browser("viewer").get("/dashboards/losses/", {"group": group, "days": "7"})

    table = page.context["table"]
    assert [row[1:] for row in table.raw] == [
        [row["opened"], *(after["share"] for after in row["after"].values())]
        for row in rows.values()
    ]
    # Nobody was lost twice here.
    assert [row[-1] for row in table.rows] == [
        str(row["after"]["7"]["lost"]) for row in rows.values()
    ]
    assert sum("WITH cohort" in query["sql"] for query in read) == 1


@pytest.mark.parametrize("query", [{"group": "colour"}, {"from": "yesterday"}, {"colour": "red"}])
def test_unknown_wishes_are_400(world: Business, query: dict[str, str]) -> None:
    assert world.api().get("/api/v1/reports/losses", query).status_code == 400
