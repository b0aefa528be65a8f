"""What those in each row of the user assets are worth: kept in step with Follows and forecasts."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, time, timedelta

import pytest

from analytics import facts
from analytics.models import AssetBalance, ForecastState, PurchaseFit
from analytics.prediction import known
from contacts import timeline
from contacts.models import Contact
from contacts.timeline import NewEvent
from tests.analytics.test_prediction import DAY, NOW, Shop, shop
from tests.conftest import Business

URL = "/api/v1/reports/user-assets"


def follow(contact: Contact, staff: str, at: datetime, by: str = "") -> None:
    """Opened, or ended by somebody."""
    kind = "follow.ended" if by else "follow.opened"
    told: dict[str, object] = {"staff": staff, "by": by} if by else {"staff": staff}
    timeline.record([NewEvent(contact.pk, kind, at, "test", f"{contact.pk}{staff}{kind}", told)])


def values(found: Shop, group: str, **period: str) -> dict[str | None, float]:
    rows = found.business.api().get(URL, {"group": group, **period}).json()["rows"]
    return {row["group"]: float(row["value"]) for row in rows if row["closing"]}


def foretold(found: Shop, contacts: Collection[Contact]) -> float:
    return sum(float(found.contact(contact)["predicted_ltv"]) for contact in contacts)


def agrees(
    found: Shop, friends: Mapping[str, Sequence[Contact]], **period: str
) -> dict[str | None, float]:
    """Rows of guides are worth their friends, all levels together everybody once."""
    by_guide = values(found, "staff", **period)
    assert by_guide.keys() == friends.keys()
    for guide, theirs in friends.items():
        assert by_guide[guide] == pytest.approx(foretold(found, theirs), abs=0.3)
    everybody = foretold(found, {c for theirs in friends.values() for c in theirs})
    for group in ("ownership", "channel"):
        assert sum(values(found, group, **period).values()) == pytest.approx(everybody, abs=0.3)
    return by_guide


@pytest.fixture
def found(business: Business) -> Shop:
    """560 customers; of the first twenty g1 follows all, g2 every fourth."""
    found = shop(business, 560, seed=7)
    with business.scope():
        for n, contact in enumerate(found.contacts[:20]):
            follow(contact, "g1", NOW - 100 * DAY)
            if n % 4 == 0:
                follow(contact, "g2", NOW - 90 * DAY)
    found.work()
    return found


def test_worth_follows_friends_and_forecasts(
    business: Business, found: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(known, "_LARGE", 10)  # the report takes the forecasts that there are
    some = found.contacts[:20]
    before = agrees(found, {"g1": some, "g2": some[::4]})

    with business.scope():
        follow(some[0], "g1", NOW - DAY, by="customer")
        follow(some[1], "g1", NOW - DAY, by="staff")
        follow(found.contacts[30], "g2", NOW - DAY)
    friends = {"g1": some[2:], "g2": [*some[::4], found.contacts[30]]}
    assert agrees(found, friends)["g1"] < before["g1"]

    with business.scope():
        found.sell(some[2], NOW - timedelta(hours=1), 990_000)
    found.work()
    assert agrees(found, friends)["g1"] != before["g1"]
    with business.scope():
        ForecastState.objects.update(as_of=NOW - 2 * DAY, took=0)
    found.work()  # everybody anew
    agrees(found, friends)
    with business.scope():
        assert AssetBalance.objects.count() == 3
        assert facts.prove() == []


def test_at_an_earlier_end_stood_who_stood_there_then(business: Business, found: Shop) -> None:
    """By the forecasts of yesterday, which hold until its midnight."""
    some, today = found.contacts[:20], NOW.astimezone(business.tenant.tz).date()
    midnight = datetime.combine(today, time(), business.tenant.tz)
    with business.scope():
        follow(some[0], "g1", midnight, by="customer")
        follow(found.contacts[30], "g2", midnight)
        facts.catch_up()
        of_yesterday = midnight - timedelta(microseconds=1)
        state = ForecastState.objects.get()
        PurchaseFit.objects.update(as_of=of_yesterday, orders=state.orders)
        ForecastState.objects.update(as_of=of_yesterday, changed=0)

    agrees(found, {"g1": some, "g2": some[::4]}, to=f"{today}")
