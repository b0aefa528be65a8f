"""What channels, live codes, campaigns and contents cost: sums are what was spent."""

from __future__ import annotations

from contacts.models import Contact, Cost
from tests.analytics.attribution_ground import DAY, NOW, Ground, asked, ground
from tests.conftest import Business

__all__ = ["ground"]


def test_costs_of_codes_sum_up_to_their_channels(business: Business, ground: Ground) -> None:
    with business.scope():
        fair, booth = ground.channels["Fair"], ground.codes["Booth"]
        for number in range(3):
            Contact.objects.create(
                name=f"c{number}", channel=fair, acquired_at=NOW - DAY,
                live_code=booth if number else None,
            )  # fmt: skip
        for channel, fen in ((fair, 1_000), (ground.channels["Red"], 50)):
            Cost.objects.create(date=(NOW - DAY).date(), channel=channel, kind="ad", amount_fen=fen)

    rows = {row["group"]: row["cost"] for row in asked(business, group="live_code")["rows"]}

    assert rows == {"Booth": "6.67", None: "3.83"}


def test_costs_of_campaigns_and_contents_are_what_was_spent_on_messages(
    business: Business, ground: Ground
) -> None:
    """Of Red: 20.00 of staff and coupons by three messages of the script, the last with the guide,
    and one of the broadcast. 6.00 of no channel by all six. Of the fair nobody was written to."""
    with business.scope():
        ann = ground.contact("ann", "Red", NOW - 30 * DAY)
        bob = ground.contact("bob", None, NOW - 30 * DAY)
        for position, ago in ((1, 9), (1, 8), (2, 7)):
            ground.touched(ann, position, NOW - ago * DAY)
        ground.told(ann, NOW - 6 * DAY)
        ground.event(bob, "touch.delivered", NOW - 5 * DAY, sop="Warm up")
        ground.event(bob, "touch.delivered", NOW - 4 * DAY, sop="By hand")
        ground.touched(ann, 1, NOW - 200 * DAY)  # not in the period
        for channel, kind, fen in (
            ("Red", "staff", 1_500), ("Red", "coupon", 500), ("Red", "ad", 9_999),
            ("Red", "bait", 9_999), ("", "agency", 600), ("Fair", "other", 50),
        ):  # fmt: skip
            Cost.objects.create(
                date=(NOW - 3 * DAY).date(), channel=ground.channels.get(channel), kind=kind,
                amount_fen=fen,
            )  # fmt: skip
        ground.order(ann, NOW - 2 * DAY, 10_000, 4_000)

    campaigns = asked(business, group="campaign")
    contents = asked(business, group="content")

    assert {row["group"]: row["cost"] for row in campaigns["rows"]} == {
        "Warm up": "19.00",  # ¾ of 20.00 and 4/6 of 6.00
        "Launch": "6.00",
        "By hand": "1.00",
        None: "0.50",
    }
    assert {row["group"]: row["cost"] for row in contents["rows"]} == {
        "Guide": "6.00", None: "20.50",
    }  # fmt: skip
    assert campaigns["total"]["cost"] == contents["total"]["cost"] == "26.50"
    launch = next(row for row in campaigns["rows"] if row["group"] == "Launch")
    assert launch["models"]["last"]["roi"] == 9  # 60.00 of margin for 6.00
    red = asked(business, group="campaign", channel="Red")
    assert {row["group"]: row["cost"] for row in red["rows"]} == {
        "Warm up": "15.00", "Launch": "5.00",
    }  # fmt: skip
    by_staff = asked(business, group="campaign", staff="amy")
    assert {row["cost"] for row in by_staff["rows"]} == {None}
