"""The overview in a few sentences: what changed against the period before, and why."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import date

import pytest
from django.utils import timezone

from analytics import brief
from analytics.formula import FACTORS, Formula
from analytics.models import ForecastState, PurchaseFit
from analytics.prediction.fits import Fit
from contacts.models import Channel, Contact, Cost
from journeys.models import Content, SurveyAnswer
from tests.analytics.test_formula import TOUCHED, Life, life, moment
from tests.conftest import Business

__all__ = ["life"]
APRIL = "/dashboards/overview/?from=2026-04-01&through=2026-04-30"


def told(business: Business, address: str = APRIL, language: str = "en") -> list[tuple[str, str]]:
    page = business.browser("owner").get(address, headers={"accept-language": language})
    assert page.status_code == 200
    found = page.context["brief"]
    text = page.content.decode()
    for sentence, url in found:
        assert sentence.text.replace("'", "&#x27;") in text
        assert url.replace("&", "&amp;") in text
    return [(sentence.text, sentence.tone) for sentence, _url in found]


def month(life: Life, people: Sequence[Contact], number: str, *fen: int) -> None:
    """Everybody is touched on the first, and orders come on the tenth."""
    for person in people:
        life.event(person, TOUCHED, f"2026-{number}-01T10:00", touch_kind="promotion")
    for person, amount in zip(people, fen, strict=False):
        life.order(person, f"2026-{number}-10", amount)


def test_what_an_owner_is_told(business: Business, life: Life) -> None:
    red = Channel.objects.create(name="Red")
    people = [life.contact("2026-02-01") for _ in range(4)]
    month(life, people, "03", 10_000, 10_000)
    month(life, people, "04", 30_000, 30_000)
    new = life.contact("2026-04-02", channel=red)
    life.order(new, "2026-04-03", 4_500)
    Cost.objects.create(
        date=date(2026, 4, 1), channel=red, kind="ad", cost_id="a", amount_fen=3_000
    )
    for person in people[2:]:
        life.event(person, "follow.ended", "2026-04-20", staff="amy", by="customer")
    survey = Content.objects.create(kind="survey", title="How was it", body="?", scale=5)
    for person, number, score in ((people[0], "03", 5), (people[1], "04", 4)):
        SurveyAnswer.objects.create(
            content=survey, contact=person, scale=5, score=score,
            answered_at=moment(f"2026-{number}-15"),
        )  # fmt: skip

    assert told(business) == [
        ("Revenue is ¥645.00, 222.5% more than in the period before. "
         "Average order value did most of it: it added ¥400.00.", "good"),
        ("Each ¥1 spent on winning customers brought back ¥1.50 (180 days, 1 customer).", "warn"),
        ("2 friends deleted us; it was 0 in the period before.", "bad"),
        ("Too much promotion: 0.0% of the last 30 days' messages were service or greetings, your "
         "floor is 50%.", "warn"),
        ("Satisfaction is 75.0%, 25.0 points less than before (answers: 1, before 1).", ""),
    ]  # fmt: skip
    assert told(business, language="zh-Hans") == [
        ("收入 ¥645.00，比上一周期增加 222.5%。主要原因是客单价，带来 ¥400.00。", "good"),
        ("获客每花 ¥1，带回 ¥1.50 毛利（180 天，1 位客户）。", "warn"),
        ("2 位好友删除了我们，上一周期 0 位。", "bad"),
        ("推销偏多：近 30 天的触达中服务与问候占 0.0%，低于您设定的下限 50%。", "warn"),
        ("满意度 75.0%，比上一周期低 25.0 个百分点（1 份回答，上一周期 1 份）。", ""),
    ]


def test_satisfaction_warns_when_enough_answered(business: Business, life: Life) -> None:
    people = [life.contact("2026-02-01") for _ in range(10)]
    for month, score in (("03", 4), ("04", 5)):
        survey = Content.objects.create(kind="survey", title=month, body="?", scale=5)
        for person in people:
            at = moment(f"2026-{month}-15")
            SurveyAnswer.objects.create(
                content=survey, contact=person, scale=5, score=score, answered_at=at
            )

    assert told(business)[-1] == (
        "Satisfaction is 100.0%, 25.0 points more than before (answers: 10, before 10).",
        "good",
    )


def test_less_and_by_whom_nobody_wrote_to(business: Business, life: Life) -> None:
    people = [life.contact("2026-02-01") for _ in range(2)]
    month(life, people, "03", 10_000)
    life.order(life.contact("2026-02-01"), "2026-03-10", 50_000)
    month(life, people, "04", 10_000)

    (sentence, tone), *_others = told(business)

    assert sentence == (
        "Revenue is ¥100.00, 83.3% less than in the period before. "
        "Most of it is what was bought without a message before: ¥500.00 less."
    )
    assert tone == "bad"


def test_nothing_is_compared_with_days_before_the_business_began(
    business: Business, life: Life
) -> None:
    person = life.contact("2026-03-20")
    life.order(person, "2026-03-21", 10_000)
    life.order(person, "2026-04-10", 20_000)

    assert told(business) == [("Revenue is ¥200.00.", "")]
    assert told(business, "/dashboards/overview/?from=2025-01-01&through=2025-01-31") == []


def test_the_same_again(business: Business, life: Life) -> None:
    people = [life.contact("2026-02-01")]
    month(life, people, "03", 10_000)
    month(life, people, "04", 10_000)

    (sentence, tone), *_others = told(business)

    assert (sentence, tone) == ("Revenue is ¥100.00, as in the period before.", "")


def test_what_is_foretold_is_of_everybody_and_of_now(business: Business, life: Life) -> None:
    person = life.contact("2026-02-01", channel=Channel.objects.create(name="Red"))
    life.order(person, "2026-02-02", 10_000)
    now = timezone.now()
    ForecastState.objects.create(as_of=now, known=True)
    PurchaseFit.objects.create(
        as_of=now, zone="Asia/Shanghai", orders=0, told=vars(Fit(worth=12_345_678.0))
    )

    year = f"/dashboards/overview/?from={now.year - 1}-06-01&through={now.year + 1}-01-01"
    expected = "Today's customers will bring about ¥123,457 of margin in the next 12 months."

    assert expected in [text for text, _tone in told(business, year)]
    for address in (APRIL, f"{year}&channel=Red", f"{year}&as_of=2026-05-01T00:00:00Z"):
        assert expected not in [text for text, _tone in told(business, address)]


@pytest.mark.parametrize("seed", range(5))
def test_the_cause_goes_with_the_change(seed: int) -> None:
    dice = random.Random(seed)

    def some() -> Formula:
        assets = dice.randrange(0, 9)
        reached = dice.randrange(assets + 1)
        orders = dice.randrange(5) if reached else 0
        revenue = orders * dice.randrange(10_000)
        return Formula(assets, reached, orders, revenue, revenue + dice.randrange(20_000))

    found = set()
    for _ in range(300):
        now, then = some(), some()
        total = now.paid_revenue - then.paid_revenue
        cause = brief._cause(now, then)
        assert (cause is None) == (total == 0)
        if cause is not None:
            assert cause.fen * total > 0
            assert abs(cause.fen) * (len(FACTORS) + 1) >= abs(total)
            found.add(cause.name)
    assert found == {*FACTORS, brief.UNREACHED}
