"""The overview says what the other reports say; pages compare with other periods."""

from __future__ import annotations

import csv
import io
import random
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any
from urllib.parse import urlencode

import pytest

from analytics.models.alerts import Alert, AlertRule
from analytics.models.goals import Kpi
from analytics.periods import Question, Span
from contacts.models import Channel, Cost
from tests.analytics.test_behind import crowd
from tests.analytics.test_formula import Life, life
from tests.analytics.test_reports import NOW, ask, questions
from tests.conftest import Business

__all__ = ["crowd", "life"]
OF_RATES = ("scanned", "added", "served", "monetised", "lead_in", "service", "monetisation")
OF_ASSETS = ("opening", "acquired", "returned", "lost_by_customer", "lost_by_staff", "closing")
OF_MONEY = ("cost", "new_contacts", "new_customers", "cac", "ltv_cac", "ltv_cac_days")
PAGES = [
    "overview", "kpis", "funnel", "rates", "value", "attribution", "assets", "losses", "touches",
    "concentration", "concentration/?view=months", "baselines", "baselines/?metric=orders",
    "trust", "step-roi", "satisfaction", "cohorts", "cohorts/?value=margin", "rfm", "benchmark",
]  # fmt: skip


def agrees(business: Business, answer: Mapping[str, Any], question: dict[str, str]) -> None:
    """Each figure, with the answer of the report that it is of."""
    rates = ask(business, "wecom-rates", **question)
    assert answer["rates"] == {name: rates[name] for name in OF_RATES}
    assert answer["funnel"] == ask(business, "funnel", **question)["stages"]
    levels = ask(business, "user-assets", group="ownership", **question)["rows"]
    for line in OF_ASSETS:
        assert answer["assets"][line] == sum(row[line] for row in levels), line
    rows = ask(business, "value", group="channel", **question)["rows"]
    for name in ("new_contacts", "new_customers"):
        assert answer[name] == sum(row[name] for row in rows)
    costs = [row["cost"] for row in rows if row["cost"] is not None]
    if "staff" in question or "team" in question:
        assert (answer["cost"], answer["cac"]) == (None, None)
    else:
        assert Decimal(answer["cost"]) == sum(map(Decimal, costs))
    if len(rows) == 1:
        assert {name: answer[name] for name in OF_MONEY} == {n: rows[0][n] for n in OF_MONEY}
    judged = [row for row in rows if row["group"] and row["ltv_cac"] is not None]
    ratios = [row["ltv_cac"] for row in judged]
    best, worst = answer["best_channel"], answer["worst_channel"]
    assert (best and best["ltv_cac"]) == max(ratios, default=None)
    assert (worst and worst["ltv_cac"]) == (min(ratios) if len(ratios) > 1 else None)
    scores = {row["key"]: row["value"] for row in ask(business, "kpis", **question)["kpis"]}
    for name in ("revenue", "orders", "new_customers", "new_contacts"):
        assert answer[name] == scores[name], name


def test_every_figure_is_that_of_its_own_report(crowd: Business) -> None:
    compared = 0
    for place, question in enumerate(questions(random.Random(5), 8)):
        against = ("none", "previous", "year")[place % 3]
        answer = ask(crowd, "overview", compare=against, **question)
        same = question | {"as_of": answer["as_of"]}
        agrees(crowd, answer, same)
        other = answer["compared"]
        assert (other is None) == (against == "none")
        if other is not None:
            days = {"from": other["period_from"], "to": other["period_to"]}
            agrees(crowd, other, same | days)
            compared += other["assets"]["opening"] + other["assets"]["acquired"]
    assert compared


@pytest.mark.parametrize(
    ("start", "end", "now", "previous", "year"),
    [
        # Whole months, days, and a month that goes on: as many days as have begun.
        ("2026-05-01", "2026-07-01", "2026-08-09", "2026-03-01/2026-05-01",
         "2025-05-01/2025-07-01"),
        ("2026-05-02", "2026-05-05", "2026-08-09", "2026-04-29/2026-05-02",
         "2025-05-02/2025-05-05"),
        ("2026-08-01", "2026-09-01", "2026-08-09T10:00", "2026-07-23/2026-08-01",
         "2025-08-01/2025-08-10"),
        ("2027-01-01", "2027-02-01", "2026-08-09", "2026-12-31/2027-01-01",
         "2026-01-01/2026-01-02"),
    ],
)  # fmt: skip
def test_which_days_are_compared_with(
    business: Business, start: str, end: str, now: str, previous: str, year: str
) -> None:
    zone = business.tenant.tz
    span = Span(date.fromisoformat(start), date.fromisoformat(end), zone)
    question = Question(span, datetime.fromisoformat(now).replace(tzinfo=zone))

    found = [question.against(which) for which in ("previous", "year", "", "none")]

    assert [other and f"{other.span.start}/{other.span.end}" for other in found] == [
        previous, year, None, None,
    ]  # fmt: skip
    assert {other.as_of for other in found if other} == {question.as_of}


@pytest.mark.parametrize("page", PAGES)
def test_cards_say_what_the_page_said_of_the_other_period(crowd: Business, page: str) -> None:
    window, path = crowd.browser("viewer"), f"/dashboards/{page}"
    path += "&" if "?" in path else "/?"
    last, day = NOW.date() - timedelta(days=90), timedelta(days=1)
    asked = {"from": f"{last - 179 * day}", "through": f"{last}", "as_of": NOW.isoformat()}
    before = {"from": f"{last - 359 * day}", "through": f"{last - 180 * day}"}

    def see(question: Mapping[str, str]) -> tuple[list[Any], list[list[str]]]:
        address = path + urlencode(question)
        table = window.get(address).context["table"]
        file = window.get(f"{address}&export=csv").content.decode("utf-8-sig")
        return table.all_cards, list(csv.reader(io.StringIO(file)))

    cards, both = see(asked | {"compare": "previous"})
    plain, mine = see(asked)
    earlier, theirs = see(asked | before)

    was = {card.title: card for card in earlier}
    changed = 0
    for card in cards:
        assert (card.figure is None) == (card.change is None), card.title
        if card.figure is None:
            continue
        then = was.get(card.title)
        known = then and then.figure.value is not None
        assert card.change.was == (then.text if then and known else ""), card.title
        assert card.change.text == moved(card.figure, then and then.figure), card.title
        changed += card.change.text != "–"
    assert changed or page == "funnel"  # whose moves are all of today
    assert [card.change for card in plain] == [None] * len(plain)
    told = [f"{asked['from']} – {asked['through']}", f"{before['from']} – {before['through']}"]
    assert both == [
        ["Period", *mine[0]],
        *([told[0], *row] for row in mine[1:]),
        *([told[1], *row] for row in theirs[1:]),
    ]


def moved(now: Any, then: Any) -> str:
    """As a person would write it."""
    if then is None or now.value is None or then.value is None or not (now.rate or then.value):
        return "–"
    before, after = Fraction(then.value), Fraction(now.value)
    change = float(after - before if now.rate else (after - before) / abs(before)) * 100
    sign = "" if abs(change) < 0.05 else "+" if change > 0 else "−"
    return f"{sign}{abs(change):,.1f}{' points' if now.rate else '%'}"


def test_the_page_in_words(business: Business, life: Life) -> None:
    red, blue = (Channel.objects.create(name=name) for name in ("Red", "Blue"))
    for month, number, amount in (("03", 2, 10_000), ("04", 3, 20_000)):
        for nr in range(number):
            person = life.contact(f"2026-{month}-0{nr + 1}", channel=(red, blue)[nr % 2])
            life.order(person, f"2026-{month}-1{nr}", amount)
            Cost.objects.create(
                date=date(2026, int(month), 5), channel=(red, blue)[nr % 2], kind="ad",
                cost_id=f"{month}{nr}", amount_fen=(1_000, 4_000)[nr % 2],
            )  # fmt: skip
    rule = AlertRule.objects.create(metric=Kpi.REVENUE, kind="off")
    alert = Alert.objects.create(
        rule=rule, day=date(2026, 4, 20), metric=Kpi.REVENUE, kind="off",
        value=Decimal(0), expected=Decimal(120), steps=[Kpi.NEW_CONTACTS],
    )  # fmt: skip
    april = "/dashboards/overview/?from=2026-04-01&through=2026-04-30"
    window = business.browser("owner")

    page = window.get(f"{april}&compare=previous").content.decode()

    for text in (
        "¥600.00", "+200.0%", "was ¥200.00",  # revenue
        "¥60.00", "+20.0%", "was ¥50.00",  # cost
        "+50.0%",  # new customers, from 2 to 3
        "Compared with 2026-03-01 – 2026-03-31",
        "Revenue on 2026-04-20: ¥0.00, usual is ¥120.00 (likely step: New contacts)",
        f"/admin/analytics/alert/{alert.pk}/change/",
        "/dashboards/value/?", "from=2026-04-01", "through=2026-04-30", "compare=previous",
        "Best channel", "Worst channel",
    ):  # fmt: skip
        assert text in page, text
    answer = ask(business, "overview", **{"from": "2026-04-01", "to": "2026-05-01"})
    channels = [answer[name]["channel"] for name in ("best_channel", "worst_channel")]
    assert channels == ["Red", "Blue"]
    assert (answer["open_alerts"], answer["alerts"][0]["steps"]) == (1, ["new_contacts"])
    assert answer["compared"] is None
    assert "/dashboards/overview/" in window.get("/admin/").content.decode()
    assert business.browser("sales").get(april).status_code == 403


def test_nothing_yet_and_wrong_wishes(business: Business) -> None:
    answer = ask(business, "overview", compare="year")
    assert (answer["revenue"], answer["cost"], answer["ltv_cac"]) == ("0.00", "0.00", None)
    assert (answer["best_channel"], answer["alerts"]) == (None, [])
    future = {"from": "2100-01-01", "to": "2100-01-02"}
    ahead = ask(business, "overview", compare="previous", **future)
    assert ahead["compared"]["orders"] == 0

    api, window = business.api(), business.browser("viewer")
    assert api.get("/api/v1/reports/overview", {"compare": "before"}).status_code == 400
    for query in ("", "?compare=year", "?compare=nonsense", "?from=2100-01-01&compare=previous"):
        page = window.get(f"/dashboards/overview/{query}")
        assert page.status_code == 200
        assert "Nothing happened in this period" in page.content.decode()
