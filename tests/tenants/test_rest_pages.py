"""Cursors: every row once, in order, both ways, whatever the key; and flat in depth."""

from __future__ import annotations

import datetime
from itertools import pairwise
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from contacts import facets
from contacts.models import Contact
from journeys.models import Score, ScoreModel
from tests.conftest import Business

URL = "/api/v1/contacts"


@pytest.fixture
def crowd(business: Business) -> Business:
    """Forty contacts: a third without a time, many at the same time; half of them with a score."""
    start = timezone.now() - datetime.timedelta(days=10)
    with business.scope():
        people = Contact.objects.bulk_create(
            Contact(
                external_id=f"{number:02}",
                acquired_at=None
                if number % 3 == 0
                else start + datetime.timedelta(days=number % 4),
            )
            for number in range(40)
        )
        model = ScoreModel.objects.first()
        Score.objects.bulk_create(
            Score(contact=each, key=float(place % 5), **({"model": model} if _has_model() else {}))
            for place, each in enumerate(people)
            if place % 2
        )
    return business


def _has_model() -> bool:
    return any(field.name == "model" for field in Score._meta.get_fields())


def walk(api: Any, query: str, limit: int) -> list[list[str]]:
    """All pages forward; then checks that walking back shows the same pages."""
    pages, cursors, cursor = [], [], None
    while True:
        extra = f"&cursor={cursor}" if cursor else ""
        answer = api.get(f"{URL}?{query}&limit={limit}{extra}")
        assert answer.status_code == 200, answer.json()
        body = answer.json()
        assert set(body) == {"results", "next", "previous"}
        pages.append([each["external_id"] for each in body["results"]])
        cursors.append(body)
        cursor = body["next"]
        if cursor is None:
            break
    assert cursors[0]["previous"] is None
    for place, (before, after) in enumerate(pairwise(cursors)):
        back = api.get(f"{URL}?{query}&limit={limit}&cursor={after['previous']}").json()
        assert [each["external_id"] for each in back["results"]] == pages[place]
        assert (back["previous"] is None) == (before["previous"] is None)
        again = api.get(f"{URL}?{query}&limit={limit}&cursor={back['next']}").json()
        assert [each["external_id"] for each in again["results"]] == pages[place + 1]
    return pages


@pytest.mark.parametrize("limit", [1, 3, 7, 39, 40, 200])
@pytest.mark.parametrize(
    "ordering", ["acquired_at", "-acquired_at", "created_at", "-created_at", "score", "-score"]
)
def test_each_row_comes_once(crowd: Business, ordering: str, limit: int) -> None:
    if ordering.endswith("score") and "score" not in facets.orderings:
        pytest.skip("no facet orders by score here")

    seen = [one for page in walk(crowd.api(), f"ordering={ordering}", limit) for one in page]

    with crowd.scope():
        rows = {str(each.external_id): each for each in Contact.objects.all()}
        scores = dict(Score.objects.values_list("contact_id", "key"))
    columns: dict[str, list[Any]] = {
        "acquired_at": [rows[one].acquired_at for one in seen],
        "created_at": [rows[one].pk for one in seen],
        "score": [scores.get(rows[one].pk) for one in seen],
    }
    keys = columns[ordering.removeprefix("-")]
    known = [key for key in keys if key is not None]
    assert sorted(seen) == sorted(rows)
    assert known == sorted(known, reverse=ordering.startswith("-"))
    assert keys == known + [None] * (len(keys) - len(known))  # rows without a key come last


def test_filters_go_with_every_ordering(crowd: Business) -> None:
    api = crowd.api()
    crowd_of = "acquired_after=2000-01-01"

    for ordering in (
        "acquired_at",
        "-created_at",
        *(["-score"] if "score" in facets.orderings else []),
    ):
        seen = [one for page in walk(api, f"{crowd_of}&ordering={ordering}", 4) for one in page]
        assert len(seen) == len(set(seen)) == 26


def test_new_rows_do_not_shift_pages(crowd: Business) -> None:
    api = crowd.api()
    first = api.get(f"{URL}?ordering=-created_at&limit=5").json()
    api.post(URL, {"external_id": "new"}, format="json")
    second = api.get(f"{URL}?ordering=-created_at&limit=5&cursor={first['next']}").json()

    ids = [each["external_id"] for each in first["results"] + second["results"]]
    assert ids == [f"{number:02}" for number in range(39, 29, -1)]


def test_cursors_are_of_one_list_and_one_tenant(crowd: Business, other_business: Business) -> None:
    for number in range(3):
        other_business.api().post(URL, {"external_id": f"{number}"}, format="json")
    cursor = crowd.api().get(f"{URL}?limit=1").json()["next"]

    foreign = other_business.api().get(f"{URL}?cursor={cursor}")
    reordered = crowd.api().get(f"{URL}?ordering=created_at&cursor={cursor}")
    damaged = crowd.api().get(f"{URL}?cursor={cursor[:-2]}xx")
    for answer in (foreign, reordered, damaged):
        assert answer.status_code == 400
        assert list(answer.json()["error"]["fields"]) == ["cursor"]


def test_the_default_page_has_50_and_none_more_than_200(business: Business) -> None:
    with business.scope():
        Contact.objects.bulk_create(Contact(external_id=str(n)) for n in range(220))

    assert len(business.api().get(URL).json()["results"]) == 50
    assert len(business.api().get(f"{URL}?limit=1000").json()["results"]) == 200


def test_a_page_takes_the_same_number_of_queries_at_any_depth(crowd: Business) -> None:
    api = crowd.api()
    cursor = None
    counts = []
    for _page in range(5):
        with CaptureQueriesContext(connection) as queries:
            body = api.get(f"{URL}?limit=4" + (f"&cursor={cursor}" if cursor else "")).json()
        cursor = body["next"]
        counts.append(len(queries))
        assert not any("OFFSET" in query["sql"] for query in queries)
    # A later page asks for equal keys first, notes when it reveals a phone, and computes the fit
    # (two queries) when somebody on it has no stored score.
    assert max(counts) <= counts[0] + 4
