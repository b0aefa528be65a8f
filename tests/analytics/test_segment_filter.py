"""A report of a segment is that of its members: against the same people, found by channel."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from analytics import facts
from contacts.models import Contact, Segment, SegmentMember
from tests.analytics.test_reports import NOW, Maker, ask
from tests.conftest import Business, make_business

# Costs are of a channel, and of no segment; the best and worst channel is judged by them.
OF_COSTS = {
    "cost", "cost_per_contact", "cac", "cac_cohort", "ltv_cac", "ltv_cac_days", "payback_days",
    "cost_per_passed", "roi", "best", "worst", "worst_channel", "best_channel",
}  # fmt: skip
REPORTS = [
    ("funnel", {"mode": "cohort"}), ("funnel", {"mode": "snapshot"}), ("value", {"group": "month"}),
    ("wecom-rates", {}), ("formula", {}), ("user-assets", {"group": "ownership"}),
    ("user-assets", {"group": "staff"}), ("cohorts", {"value": "retention"}),
    ("cohorts", {"value": "margin"}), ("concentration", {}), ("rfm", {}), ("baselines", {}),
    ("kpis", {"purpose": "warmth"}), ("kpis", {"purpose": "gmv"}), ("losses", {}),
    ("attribution", {"group": "content"}), ("touches", {"group": "route"}), ("trust-mix", {}),
    ("step-roi", {}), ("satisfaction", {}), ("overview", {}),
]  # fmt: skip


@pytest.fixture(scope="module")
def shop(database: None) -> Business:
    """Read-only for tests: those of one channel are a segment."""
    business = make_business("Segmented")
    with business.scope():
        maker = Maker(business, 7)
        for _ in range(160):
            maker.step()
        segment = Segment.objects.create(name="Some", kind=Segment.Kind.STATIC)
        SegmentMember.objects.bulk_create(
            SegmentMember(segment=segment, contact=contact, entered_at=NOW)
            for contact in Contact.objects.filter(channel__name="Douyin")
        )
        Segment.objects.create(name="Nobody", kind=Segment.Kind.STATIC)
        facts.catch_up()
    return business


def without_costs(answer: Any) -> Any:
    if isinstance(answer, dict):
        return {
            name: without_costs(value)
            for name, value in answer.items()
            if name not in OF_COSTS | {"as_of", "since", "until"}
        }
    return [without_costs(one) for one in answer] if isinstance(answer, list) else answer


@pytest.mark.parametrize(("path", "given"), REPORTS)
def test_it_is_that_of_its_members(shop: Business, path: str, given: dict[str, str]) -> None:
    days = {"from": (NOW.date() - timedelta(days=400)).isoformat()}
    for moment in ({}, {"as_of": (NOW - timedelta(days=90)).isoformat()}):
        of_channel = ask(shop, path, channel="Douyin", **given, **days, **moment)
        of_segment = ask(shop, path, segment="Some", **given, **days, **moment)

        assert without_costs(of_segment) == without_costs(of_channel)


def test_nobody_is_nothing(shop: Business) -> None:
    found = ask(shop, "formula", segment="Nobody")

    assert (found["assets"], found["orders"], found["revenue"]) == (0, 0, "0.00")
    assert ask(shop, "value", segment="Some", group="month")["rows"][-1]["cost"] is None


def test_a_segment_that_is_none_is_refused(shop: Business) -> None:
    answer = shop.api().get("/api/v1/reports/funnel?segment=None+such")

    assert answer.status_code == 400
    assert "segment" in answer.json()["error"]["fields"]
