"""One-question surveys: answered once behind one's own link, changed for a day, low ones a task."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from contacts.models import Contact, Event
from contacts.privacy import erasing
from journeys import content
from journeys.content import Wanted
from journeys.models import Content, Link, StaffTask, SurveyAnswer
from tenants import ids
from tests.conftest import Business
from tests.journeys import ground


@pytest.fixture
def person(business: Business) -> Contact:
    with business.scope():
        return ground.friend(business.staff["sales"], "Ann")


def link_to(business: Business, person: Contact | None, **fields: Any) -> Link:
    given = {"title": "After the visit", "body": "How was it?", "kind": "survey", "scale": 5}
    with business.scope():
        piece = Content.objects.create(**given | {"purpose": "advocacy"} | fields)
        if person is None:
            return Link.objects.create(content=piece)
        wanted = Wanted(piece.pk, business.staff["sales"].pk, person.pk)
        return content.links([wanted])[wanted]


def send(link: Link, language: str = "en", **form: object) -> Any:
    client = Client(enforce_csrf_checks=True, headers={"Accept-Language": language})
    return client.post(f"/l/{link.code}/answer", form)


def stored(business: Business) -> list[tuple[int, str]]:
    with business.scope():
        return list(SurveyAnswer.objects.order_by("id").values_list("score", "comment"))


def test_the_page_asks_in_the_readers_language_and_is_closed_to_scripts(
    business: Business, person: Contact
) -> None:
    link = link_to(business, person, scale=10, url="https://example.com/elsewhere")
    english = Client(headers={"Accept-Language": "en"}).get(f"/l/{link.code}")
    chinese = Client(headers={"Accept-Language": "zh-CN"}).get(f"/l/{link.code}")

    page = english.content.decode()
    assert "<h1>How was it?</h1>" in page and page.count('type="radio"') == 11
    assert "default-src 'none'" in english["Content-Security-Policy"]
    assert "<script" not in page and english["Cache-Control"] == "private, no-store"
    assert "非常满意" in chinese.content.decode()
    with business.scope():
        assert Event.objects.filter(kind="link.clicked").count() == 2


def test_an_answer_is_a_row_an_event_and_may_be_changed_for_a_day(
    business: Business, person: Contact
) -> None:
    link = link_to(business, person)

    first = send(link, score="4", comment="Fine\r\nthanks")
    assert (first.status_code, first["Location"]) == (302, f"/l/{link.code}?answered=1")
    thanks = Client(headers={"Accept-Language": "en"}).get(first["Location"]).content.decode()
    assert "Thank you" in thanks and "Change my answer" in thanks
    assert stored(business) == [(4, "Fine\nthanks")]
    assert send(link, score="4", comment="Fine\r\nthanks").status_code == 302  # says nothing new
    assert send(link, score="5").status_code == 302
    assert stored(business) == [(5, "")]

    with business.scope():
        told = Event.objects.filter(kind="survey.answered").order_by("id")
        assert [(e.properties["score"], e.properties.get("by")) for e in told] == [
            (4, None),
            (5, "changed"),
        ]
        assert not Event.objects.filter(kind="link.clicked").exists()  # back from the own answer
        SurveyAnswer.objects.update(answered_at=timezone.now() - timedelta(days=1, seconds=1))
    assert send(link, score="1").status_code == 409
    assert stored(business) == [(5, "")]
    closed = Client(headers={"Accept-Language": "en"}).get(f"/l/{link.code}").content.decode()
    assert "<form" not in closed and "Thank you" in closed


def test_a_low_answer_makes_one_task_of_whose_link_it_was(
    business: Business, person: Contact
) -> None:
    link = link_to(business, person)

    for score in ("2", "1", "3", "2"):
        assert send(link, score=score).status_code == 302

    with business.scope():
        task = StaffTask.objects.get()
        assert (task.contact_id, task.staff) == (person.pk, business.staff["sales"])
        assert "2 / 5" in task.text  # for staff, in the language of the installation
        assert SurveyAnswer.objects.get().task == task


@pytest.mark.parametrize(
    "form",
    [{}, {"score": ""}, {"score": "0"}, {"score": "6"}, {"score": "five"}, {"score": "٣"},
     {"score": "3", "comment": "x" * 1001}, {"score": "3", "comment": "a\x07b"}],
)  # fmt: skip
def test_what_is_no_answer_is_refused_on_the_page(
    form: dict[str, str], business: Business, person: Contact
) -> None:
    link = link_to(business, person)
    answer = send(link, **form)
    assert answer.status_code == 400
    assert 'role="alert"' in answer.content.decode()
    assert stored(business) == []


def test_who_may_not_answer(business: Business, other_business: Business, person: Contact) -> None:
    own = link_to(business, person)
    nobodys = link_to(business, None, title="General")
    article = link_to(business, person, title="Guide", kind="article")
    over = link_to(business, person, title="Over", active=False)
    _own, secret = ids._codes.decode(own.code)
    foreign = ids._codes.encode([other_business.pk, secret])

    statuses = [send(link, score="3").status_code for link in (nobodys, article, over)]
    assert statuses == [409, 404, 409]
    assert Client().post(f"/l/{foreign}/answer", {"score": "3"}).status_code == 404
    assert Client().get(f"/l/{own.code}/answer").status_code == 405
    assert stored(business) == []


def test_too_many_tries_are_stopped(business: Business, person: Contact) -> None:
    link = link_to(business, person)
    statuses = {send(link, score="9").status_code for _ in range(20)}
    assert statuses == {400}
    assert send(link, score="3").status_code == 429
    assert stored(business) == []
    cache.clear()


def test_an_answer_stays_without_its_words_when_the_person_is_erased(
    business: Business, person: Contact
) -> None:
    link = link_to(business, person)
    send(link, score="1", comment="Ann, 13800138000")
    with business.scope():
        shown = business.as_role("sales").get("/api/v1/survey-answers").json()["results"]
        assert shown[0]["comment"] == "Ann, 138****8000"
        erasing.erase(person.pk, by="person", reason="asked")
    assert stored(business) == [(1, "")]


def test_a_survey_needs_a_question_and_keeps_its_scale(business: Business, person: Contact) -> None:
    api = business.api()
    body = {"title": "Q", "kind": "survey", "purpose": "advocacy"}
    assert api.post("/api/v1/contents", body).json()["error"]["fields"].keys() == {"body"}
    link = link_to(business, person)
    send(link, score="5")
    path = f"/api/v1/contents/{ids.encode(link.content_id)}"
    assert api.patch(path, {"scale": 10}).json()["error"]["fields"].keys() == {"scale"}
    assert api.patch(path, {"active": False}).status_code == 200
