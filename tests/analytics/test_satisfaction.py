"""Satisfaction: means over two scales, response of those who were asked, and the scorecard's."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from contacts import orders
from contacts.models import Contact, Event
from journeys.models import Content, Link, SurveyAnswer
from scrm.demo import surveys
from scrm.demo.businesses import BEAUTY
from tests.conftest import Business

MARCH = {"from": "2026-03-01", "to": "2026-04-01"}


def at(day: int, hour: int = 12, month: int = 3) -> datetime:
    return datetime(2026, month, day, hour, tzinfo=UTC) - timedelta(hours=8)  # of Shanghai


@pytest.fixture
def asked(business: Business) -> Business:
    """Visit (1 to 5): a, b, c asked in March, d in February. Course (0 to 10): a."""
    with business.scope():
        visit, course = (
            Content.objects.create(
                title=t, body=f"{t}?", kind="survey", purpose="advocacy", scale=s
            )
            for t, s in (("Visit", 5), ("Course", 10))
        )
        people = {name: Contact.objects.create(external_id=name, name=name) for name in "abcd"}
        people["b"].owner = business.staff["sales"]
        people["b"].save()
        given = [
            (visit, "a", at(1, 0)), (visit, "b", at(2)), (visit, "c", at(31, 23)),
            (visit, "d", at(27, month=2)), (course, "a", at(5)),
        ]  # fmt: skip
        for piece, name, when in given:
            link = Link.objects.create(content=piece, contact=people[name])
            Link.objects.filter(pk=link.pk).update(created_at=when)
        again = Link.objects.create(
            content=visit, contact=people["d"], staff=business.staff["sales"]
        )
        Link.objects.filter(pk=again.pk).update(created_at=at(9))  # had one already
        answers = [
            (visit, "a", 5, at(1, 1)), (visit, "b", 2, at(3)), (visit, "d", 4, at(31, 23)),
            (visit, "c", 1, at(1, 0, month=4)), (course, "a", 7, at(6)),
        ]  # fmt: skip
        for piece, name, score, when in answers:
            SurveyAnswer.objects.create(
                content=piece, contact=people[name], scale=piece.scale, score=score,
                answered_at=when, comment=f"{name} said 13800138000" if score == 2 else "",
            )  # fmt: skip
    return business


def report(business: Business, **query: str) -> Any:
    answer = business.api().get("/api/v1/reports/satisfaction", MARCH | query)
    assert answer.status_code == 200, answer.content
    return answer.json()


def test_by_hand(asked: Business) -> None:
    answer = report(asked)

    course, visit = answer["rows"]
    assert (visit["title"], visit["scale"], visit["asked"], visit["answered"]) == ("Visit", 5, 3, 3)
    # c's answer came in April: of those asked, not of March.
    assert (visit["answers"], visit["low"], visit["response_rate"]) == (3, 1, 1)
    assert visit["mean"] == pytest.approx(11 / 3)
    assert visit["satisfaction"] == pytest.approx((1 + 0.25 + 0.75) / 3)
    counts = {each["score"]: each["answers"] for each in visit["distribution"]}
    assert counts == {1: 0, 2: 1, 3: 0, 4: 1, 5: 1}
    assert (course["mean"], course["satisfaction"], len(course["distribution"])) == (7, 0.7, 11)
    assert answer["satisfaction"] == pytest.approx((1 + 0.25 + 0.75 + 0.7) / 4)


def test_as_of_and_filters(asked: Business) -> None:
    before = report(asked, as_of="2026-03-03T12:00:00+08:00")["rows"]
    assert [(row["title"], row["asked"], row["answered"], row["answers"]) for row in before] == [
        ("Visit", 2, 1, 1)
    ]
    mine = report(asked, staff="sales1")
    assert [(row["asked"], row["answers"]) for row in mine["rows"]] == [(1, 1)]
    assert mine["satisfaction"] == 0.25
    nothing = report(asked, **{"from": "2020-01-01", "to": "2020-02-01"})
    assert (nothing["rows"], nothing["satisfaction"]) == ([], None)


def test_the_scorecard_has_the_same_figure(asked: Business) -> None:
    kpis = asked.api().get("/api/v1/reports/kpis", MARCH).json()["kpis"]
    value = next(kpi["value"] for kpi in kpis if kpi["key"] == "satisfaction")
    assert value == report(asked)["satisfaction"]


def test_the_page_shows_words_without_numbers_and_gives_the_file(asked: Business) -> None:
    browser = asked.browser("owner")
    query = "?from=2026-03-01&through=2026-03-31"
    page = browser.get(f"/dashboards/satisfaction/{query}").content.decode()
    assert "b said 138****8000" in page and "67.5%" in page
    file = browser.get(f"/dashboards/satisfaction/{query}&export=csv").content.decode("utf-8-sig")
    assert file.splitlines()[2].startswith("Visit,1 to 5,3,")


def test_the_demo_tells_of_weeks_that_went_wrong(business: Business) -> None:
    now = datetime.now(UTC)
    with business.scope():
        owner = business.staff["sales"]
        people = Contact.objects.bulk_create(
            Contact(name=str(n), external_id=str(n), owner=owner) for n in range(500)
        )
        paid = [
            orders.Row(
                order_id=f"{n}-{again}", contact_id=person.pk, amount_fen=9900, status="paid",
                paid_at=now - timedelta(days=(n % 160) + 1 - again * 0.4),
            )
            for n, person in enumerate(people) for again in range(2 if n % 3 == 0 else 1)
        ]  # fmt: skip
        orders.upsert(paid)
        surveys.fill(BEAUTY)

    def of(begun: int, over: int) -> Any:
        days = {"from": now - timedelta(days=begun), "to": now - timedelta(days=over)}
        return report(business, **{name: f"{day:%Y-%m-%d}" for name, day in days.items()})

    wrong, since = of(78, 46), of(40, 0)
    assert [row["title"] for row in since["rows"]] == ["推荐意愿", "首单满意度"]
    assert wrong["satisfaction"] < 0.65 < 0.8 < since["satisfaction"]
    assert all(0.3 < row["response_rate"] < 0.6 for row in since["rows"])
    with business.scope():
        low = SurveyAnswer.objects.filter(answered_at__gte=now - timedelta(days=10), score__lte=2)
        assert low.count() == low.exclude(task=None).count()
        answered = Event.objects.filter(kind="survey.answered").count()
        assert answered == SurveyAnswer.objects.count() > 200
