"""The three rates: a worked example, and the borders of their windows."""

from __future__ import annotations

from fractions import Fraction

import pytest

from analytics.rates import BANDS, Verdict
from contacts.models import Channel
from tests.analytics.test_formula import MAY, Life, life
from tests.analytics.test_reports import ask
from tests.conftest import Business

__all__ = ["life"]
SCANNED = "livecode.scanned"


def steps(business: Business, **query: str) -> list[int]:
    answer = ask(business, "wecom-rates", **(MAY | query))
    return [answer[name] for name in ("scanned", "added", "served", "monetised")]


def test_the_worked_example(business: Business, life: Life) -> None:
    """Five scan, four become friends, two are talked with, one buys."""
    people = [life.contact(opened=None) for _ in range(5)]
    for person in people:
        life.event(person, SCANNED, "2026-05-02T10:00")
    for person in people[:4]:
        life.event(person, "follow.opened", "2026-05-02T10:05", staff="amy")
    for person in people[:3]:
        life.event(person, "message.received", "2026-05-02T11:00")
    for person in people[1:4]:
        life.event(person, "message.sent", "2026-05-02T11:10")
    life.order(people[1], "2026-05-20", 9_900)
    life.order(people[0], "2026-05-20", 9_900)  # bought without having been served

    answer = ask(business, "wecom-rates", **MAY)

    assert answer.pop("as_of")
    assert answer == {
        "period_from": "2026-05-01", "period_to": "2026-06-01", "compared": None,
        "scanned": 5, "added": 4, "served": 2, "monetised": 1,
        "lead_in": 0.8, "service": 0.5, "monetisation": 0.5,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("scan", "opened", "heard", "said", "paid", "reached"),
    [
        # Both ends of every window are in, and windows run past the period.
        ("2026-05-31T23:59", "2026-06-07T23:59", "2026-06-14T23:59", "2026-06-14T23:59",
         "2026-07-07T23:59", [1, 1, 1, 1]),
        ("2026-05-02", "2026-05-02", "2026-05-02", "2026-05-02", "2026-05-02", [1, 1, 1, 1]),
        ("2026-05-02", "2026-05-02", "2026-05-02", "2026-05-02", "2026-06-01T00:00:00.000001",
         [1, 1, 1, 0]),
        ("2026-05-02", "2026-05-02", "2026-05-02", "2026-05-09T00:00:00.000001", "2026-05-02",
         [1, 1, 0, 0]),
        ("2026-05-02", "2026-05-09T00:00:00.000001", "2026-05-10", "2026-05-10", "2026-05-11",
         [1, 0, 0, 0]),
        ("2026-05-02", "2026-05-01T23:59:59", "2026-05-02", "2026-05-02", "2026-05-03",
         [1, 0, 0, 0]),
        ("2026-06-01", "2026-06-01", "2026-06-01", "2026-06-01", "2026-06-01", [0, 0, 0, 0]),
        ("2026-04-30T23:59:59.999999", "2026-05-01", "2026-05-01", "2026-05-01", "2026-05-01",
         [0, 0, 0, 0]),
    ],
)  # fmt: skip
def test_borders(
    business: Business,
    life: Life,
    scan: str,
    opened: str,
    heard: str,
    said: str,
    paid: str,
    reached: list[int],
) -> None:
    person = life.contact(opened)
    life.event(person, SCANNED, scan)
    life.event(person, "message.received", heard)
    life.event(person, "message.sent", said)
    life.order(person, paid, 9_900)

    assert steps(business) == reached


def test_later_facts_by_channel_and_a_subscription(business: Business, life: Life) -> None:
    red = Channel.objects.create(name="Red")
    person, other = life.contact("2026-05-05", channel=red), life.contact(opened=None)
    life.event(person, SCANNED, "2026-05-04")
    life.event(person, SCANNED, "2026-05-06")  # the first scan counts
    life.event(person, "message.received", "2026-05-06")
    life.event(person, "message.sent", "2026-05-07")
    life.order(person, "2026-05-08", 9_900)
    life.event(other, SCANNED, "2026-05-04")
    life.event(other, "subscription.opened", "2026-05-04", account="gh")  # no friend

    assert steps(business) == [2, 1, 1, 1]
    assert steps(business, channel="Red") == [1, 1, 1, 1]
    assert steps(business, as_of="2026-05-08") == [2, 1, 1, 0]
    assert steps(business, as_of="2026-05-07") == [2, 1, 0, 0]
    assert steps(business, as_of="2026-05-05") == [2, 0, 0, 0]
    nothing = ask(business, "wecom-rates", as_of="2026-05-04", **MAY)
    assert (nothing["scanned"], nothing["lead_in"], nothing["service"]) == (0, None, None)


def test_bands_say_how_a_rate_stands() -> None:
    assert [BANDS["lead_in"].of(Fraction(n, 100)) for n in (69, 70, 99)] == [
        Verdict.BELOW, Verdict.WITHIN, Verdict.WITHIN,
    ]  # fmt: skip
    assert [BANDS["service"].of(Fraction(n, 100)) for n in (39, 40, 50, 51)] == [
        Verdict.BELOW, Verdict.WITHIN, Verdict.WITHIN, Verdict.ABOVE,
    ]  # fmt: skip
    assert BANDS["monetisation"].of(None) is None


@pytest.mark.parametrize("query", [{"group": "channel"}, {"from": "May"}, {"team": "none"}])
def test_unknown_wishes_are_400(business: Business, query: dict[str, str]) -> None:
    assert business.api().get("/api/v1/reports/wecom-rates", query).status_code == 400


def test_the_page_says_how_each_rate_stands(business: Business, life: Life) -> None:
    for nr in range(10):
        person = life.contact(opened=None, channel=Channel.objects.get_or_create(name="Red")[0])
        life.event(person, SCANNED, "2026-05-02")
        if nr < 6:
            life.event(person, "follow.opened", "2026-05-03", staff="amy")
            life.event(person, "message.received", "2026-05-03")
        if nr < 5:
            life.event(person, "message.sent", "2026-05-03")
        if nr < 2:
            life.order(person, "2026-05-03", 100)
    browser = business.browser("viewer")
    may = "/dashboards/rates/?from=2026-05-01&through=2026-05-31"

    page, file = (browser.get(f"{may}{more}").content.decode() for more in ("", "&export=csv"))

    assert "Below the usual 70%" in page
    assert "Above the usual 40% to 50%" in page
    assert "Within the usual 30% to 40%" in page
    assert "Red,10,6,5,2,0.6,0.8333333333333334,0.4" in file
    assert business.browser("sales").get(may).status_code == 403
