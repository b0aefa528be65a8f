"""The seven-factor fit: by hand, its history, who may answer, and the plays it leads to."""

from __future__ import annotations

from typing import Any

import pytest

from analytics.models import Industry
from analytics.seven_factor_fit import plays, rule
from tests.conftest import Business

SCHOOL = {
    "trial_cost": 5, "brand_strength": 2, "loyalty": 4, "purchase_cycle": 2,
    "audience_precision": 5, "differentiation": 3, "order_value": 5,
}  # fmt: skip


def put(business: Business, **body: Any) -> Any:
    return business.api().put("/api/v1/fit", body, format="json")


def test_nobody_has_answered(business: Business) -> None:
    answer = business.api().get("/api/v1/fit").json()

    assert (answer["score"], answer["answers"], answer["start"]) == (None, None, [])
    factors = {factor["key"]: factor for factor in answer["factors"]}
    assert [factor["weight"] for factor in factors.values()] == [2, 1, 2, 3, 2, 2, 3]
    assert [key for key, factor in factors.items() if factor["reversed"]] == ["brand_strength"]
    assert all(len(factor["levels"]) == 5 for factor in factors.values())


def test_a_worked_example(business: Business) -> None:
    answer = put(business, industry="education", answers=SCHOOL).json()

    # 5·2 + (6−2)·1 + 4·2 + 2·3 + 5·2 + 3·2 + 5·3 = 59, of 15
    assert answer["score"] == pytest.approx(59 / 15)
    assert answer["points"]["brand_strength"] == 4
    assert answer["suited"] == "well"
    # Of the three with 5 points the order value is the heaviest; then the questionnaire's order.
    assert [(each["factor"], each["why"]) for each in answer["start"]] == [
        ("order_value", "strength"),
        ("trial_cost", "strength"),
        ("purchase_cycle", "weakness"),
    ]
    assert answer["start"][0]["url"] == "/admin/journeys/scorerule/"
    assert answer["answered_by"] is None


@pytest.mark.parametrize(
    ("level", "brand", "mean", "suited", "starts"),
    [
        (5, 1, 5, "made", ["purchase_cycle", "order_value"]),
        (3, 3, 3, "partly", ["purchase_cycle"]),
        (1, 5, 1, "hardly", ["purchase_cycle", "order_value"]),
        (4, 2, 4, "made", ["purchase_cycle", "order_value"]),
    ],
)
def test_bands_and_starts(
    level: int, brand: int, mean: int, suited: str, starts: list[str], business: Business
) -> None:
    answers = dict.fromkeys(SCHOOL, level) | {"brand_strength": brand}
    answer = put(business, industry="pets", answers=answers).json()
    assert (answer["score"], answer["suited"]) == (mean, suited)
    assert [each["factor"] for each in answer["start"]] == starts


def test_every_play_begins_on_a_page_that_opens(business: Business) -> None:
    owner = business.browser("owner")
    for book in (plays.of_strengths(), plays.of_weaknesses()):
        assert set(book) == set(rule.KEYS)
        for play in book.values():
            assert owner.get(play.url).status_code == 200, play.url


def test_the_latest_counts_and_all_are_kept(business: Business) -> None:
    put(business, industry="education", answers=SCHOOL)
    signed_in = business.as_role("operator")
    later = {"industry": "pets", "answers": SCHOOL | {"loyalty": 1}}
    answer = signed_in.put("/api/v1/fit", later, format="json").json()

    assert answer["answered_by"] == "Operator"
    assert business.api().get("/api/v1/fit").json() == answer
    past = business.api().get("/api/v1/fit/history").json()["results"]
    assert [(each["industry"], each["answered_by"]) for each in past] == [
        ("pets", "Operator"),
        ("education", None),
    ]
    assert past[1]["answers"] == SCHOOL
    assert past[1]["score"] == pytest.approx(59 / 15)


@pytest.mark.parametrize(
    "body",
    [
        {"industry": "education"},
        {"industry": "moon", "answers": SCHOOL},
        {"industry": "pets", "answers": SCHOOL | {"loyalty": 6}},
        {"industry": "pets", "answers": SCHOOL | {"loyalty": 0}},
        {"industry": "pets", "answers": SCHOOL | {"luck": 3}},
        {"industry": "pets", "answers": {k: v for k, v in SCHOOL.items() if k != "loyalty"}},
    ],
)
def test_what_makes_no_sense_is_refused(body: dict[str, Any], business: Business) -> None:
    assert put(business, **body).status_code == 400
    assert business.api().get("/api/v1/fit").json()["score"] is None


def test_presets_are_whole_and_told(business: Business) -> None:
    presets = business.api().get("/api/v1/fit/presets").json()["presets"]

    assert [each["industry"] for each in presets] == Industry.values
    by_name = {each["industry"]: each for each in presets}
    assert by_name["household"]["suited"] == "hardly"
    assert by_name["education"]["score"] == pytest.approx(61 / 15)
    for each in presets:
        assert each["answers"].keys() == SCHOOL.keys()
        assert put(business, industry=each["industry"], answers=each["answers"]).json()[
            "score"
        ] == pytest.approx(each["score"])


def test_viewers_read_and_do_not_answer(business: Business) -> None:
    viewer = business.as_role("viewer")
    body = {"industry": "pets", "answers": SCHOOL}
    assert viewer.put("/api/v1/fit", body, format="json").status_code == 403
    assert viewer.get("/api/v1/fit").status_code == 200
    page = business.browser("viewer")
    form = {"industry": "pets", **SCHOOL}
    assert page.post("/dashboards/fit/", form).status_code == 403
    assert "edit=1" not in page.get("/dashboards/fit/").content.decode()


def test_the_page_asks_keeps_and_shows(business: Business) -> None:
    browser = business.browser("operator")
    form = browser.get("/dashboards/fit/?edit=1&industry=education").content.decode()
    assert form.count("checked") == 7

    missing = browser.post("/dashboards/fit/", {"industry": "pets", "loyalty": 3})
    assert missing.status_code == 400
    assert "Choose a level." in missing.content.decode()

    kept = browser.post("/dashboards/fit/", {"industry": "education", **SCHOOL})
    assert (kept.status_code, kept["Location"]) == (302, "/dashboards/fit/")
    page = browser.get("/dashboards/fit/").content.decode()
    assert "Well suited" in page and "3.93" in page and "Work leads one by one" in page
    assert '"values": [5, 4, 4, 2, 5, 3, 5]' in page
    file = browser.get("/dashboards/fit/?export=csv&industry=cars").content.decode("utf-8-sig")
    assert file.splitlines()[2].startswith("Brand strength,2,4,2,1")
