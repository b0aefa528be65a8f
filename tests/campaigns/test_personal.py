"""Personal words of broadcasts through the real sandbox: a survey by everybody's own link."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.test import Client

from campaigns.broadcasts import answers
from campaigns.models import Broadcast, BroadcastBatch
from contacts.privacy import erasing
from journeys.models import Content, Link, SurveyAnswer
from tenants import ids
from tests.campaigns.conftest import Shop
from tests.campaigns.test_pages import COUNT, form, page_of

ADD = "externalcontact/add_msg_template"
OWN = re.compile(r"/l/(\w+)")


@pytest.fixture
def survey(shop: Shop) -> Content:
    with shop.business.scope():
        return Content.objects.create(
            title="After the visit", body="How was it?", kind="survey", purpose="advocacy"
        )


def answer(text: str, score: int) -> None:
    (code,) = OWN.findall(text)
    client = Client(headers={"Accept-Language": "en"})
    assert client.post(f"/l/{code}/answer", {"score": score}).status_code == 302


def test_a_survey_goes_to_each_by_their_own_link_and_answers_are_theirs(
    shop: Shop, survey: Content
) -> None:
    row = shop.start(text="{name}, how was it? {link} {staff}", content=survey)
    shop.work()
    assert shop.fresh(row).state == "waiting"
    sent = [one["body"] for one in shop.wechat.calls(ADD)]
    assert [len(one["external_userid"]) for one in sent] == [1, 1, 1]

    shop.confirm()
    shop.poll()

    assert shop.fresh(row).state == "done"
    got = {name: shop.got(name)[0] for name in shop.people}
    assert {name: text.split(",")[0] for name, text in got.items()} == {
        name: name for name in shop.people
    }
    assert len({OWN.findall(text)[0] for text in got.values()}) == 3
    answer(got["Fan"], 1)
    with shop.business.scope():
        given = SurveyAnswer.objects.select_related("contact", "staff", "task").get()
        assert (given.contact.name, given.staff, given.score) == ("Fan", shop.bob, 1)
        assert given.task is not None and given.task.staff == shop.bob
    report = shop.business.api().get("/api/v1/reports/satisfaction").json()["rows"]
    assert [(one["asked"], one["answers"]) for one in report] == [(3, 1)]
    by_content = shop.business.api().get("/api/v1/reports/touches", {"group": "content"}).json()
    assert [(one["group"], one["delivered"]) for one in by_content["rows"]] == [
        ("After the visit", 3)
    ]


def test_whoever_has_answered_is_not_asked_again(shop: Shop, survey: Content) -> None:
    with shop.business.scope():
        SurveyAnswer.objects.create(
            content=survey, contact=shop.contact("Ding"), scale=5, score=4,
            answered_at=survey.created_at,
        )  # fmt: skip
    row = shop.start(content=survey)
    shop.work()
    assert shop.through() == {"Eve": "amy", "Fan": "bob"}
    assert shop.fresh(row).left_out == {"answered": 1}


def test_words_of_the_sender_are_no_task_for_each_customer(shop: Shop) -> None:
    shop.start(text="{staff} is here today")
    shop.work()
    assert [len(one["body"]["external_userid"]) for one in shop.wechat.calls(ADD)] == [2, 1]
    shop.confirm()
    shop.poll()
    names = {one.userid: one.name or one.userid for one in (shop.amy, shop.bob)}
    assert shop.got("Ding") == shop.got("Eve") == [f"{names['amy']} is here today"]
    assert shop.got("Fan") == [f"{names['bob']} is here today"]


@pytest.mark.parametrize("fault", ["reset_after", "truncated_json"])
def test_a_lost_answer_is_found_by_the_words_of_that_call(
    shop: Shop, survey: Content, fault: str
) -> None:
    shop.wechat.fault(fault, path=ADD, first=3)
    shop.start(text="{name} {link}", content=survey)
    shop.work()
    assert {one.state for one in shop.batches()} == {"asked"}
    with shop.business.scope():  # a new name changes no words that were asked for
        type(shop.contact("Ding")).objects.filter(name="Ding").update(name="Ding Ling")

    shop.again()

    assert [len(shop.tasks(userid)) for userid in ("amy", "bob")] == [2, 1]
    assert {one.state for one in shop.batches()} == {"waiting"}


def test_an_archived_survey_stops_what_has_not_gone_out(shop: Shop, survey: Content) -> None:
    row = shop.start(content=survey)
    with shop.business.scope():
        Content.objects.update(active=False)
    shop.work()
    done = shop.fresh(row)
    assert (done.state, "After the visit" in done.problem) == ("failed", True)
    assert shop.wechat.calls(ADD) == []


def test_an_archived_survey_stops_calls_that_were_put_off(
    shop: Shop, survey: Content, monkeypatch: Any
) -> None:
    shop.wechat.fault("errcode", path=ADD, errcode=45009, first=3)
    row = shop.start(content=survey)
    shop.work()
    monkeypatch.setattr(answers, "BACKOFF_S", (0,))
    with shop.business.scope():
        Content.objects.update(active=False)
    shop.again()

    assert set(shop.states().values()) == {"failed"}
    assert "not active" in shop.fresh(row).problem
    assert [len(shop.tasks(userid)) for userid in ("amy", "bob")] == [0, 0]


def test_words_of_an_erased_person_are_gone(shop: Shop, survey: Content) -> None:
    shop.start(text="{name} {link}", content=survey)
    shop.work()
    with shop.business.scope():
        assert BroadcastBatch.objects.filter(words__contains="Ding").count() == 1
        erasing.erase(shop.contact("Ding").pk, by="person", reason="asked")
        assert not BroadcastBatch.objects.filter(words__contains="Ding").exists()
        assert BroadcastBatch.objects.exclude(words="").count() == 2


BAD: list[tuple[dict[str, Any], str]] = [
    ({"text": "Dear {nmae}"}, "text"),
    ({"text": "See {link}"}, "content"),
    ({"text": "Dear {name}", "route": "moment"}, "text"),
    ({"route": "group_send", "content": True}, "content"),
    ({"text": "x" * 3960 + "{name}"}, "text"),
]


@pytest.mark.parametrize(("values", "field"), BAD)
def test_what_cannot_be_personal_is_refused_by_field(
    shop: Shop, survey: Content, values: dict[str, Any], field: str
) -> None:
    given = {**values, "content": survey} if "content" in values else values
    with pytest.raises(ValidationError) as refused:
        shop.start(**given)
    assert list(refused.value.message_dict) == [field]


def test_by_the_api(shop: Shop, survey: Content) -> None:
    api = shop.business.api()
    key = ids.encode(survey.pk)
    wish = {"name": "Ask", "text": "{name}: {link}", "content": key, "everyone": True}

    seen = api.post("/api/v1/broadcasts/preview", wish).json()
    assert (seen["personal"], seen["tasks"], seen["most_tasks"]) == (True, 3, 2)
    same = api.post("/api/v1/broadcasts/preview", {"text": "Sale", "everyone": True}).json()
    assert (same["personal"], same["tasks"], same["most_tasks"]) == (False, 2, 1)
    moment = api.post("/api/v1/broadcasts/preview", {**wish, "route": "moment"})
    assert moment.status_code == 400
    assert moment.json()["error"]["fields"].keys() == {"content", "text"}

    made = api.post("/api/v1/broadcasts", wish)
    assert (made.status_code, made.json()["content"]) == (201, key)
    used = api.delete(f"/api/v1/contents/{key}")
    assert (used.status_code, "Ask" in used.json()["error"]["message"]) == (409, True)
    api.patch(f"/api/v1/contents/{key}", {"active": False})
    path = f"/api/v1/broadcasts/{made.json()['id']}"
    start = api.post(f"{path}/start")
    assert (start.status_code, start.json()["error"]["fields"].keys()) == (400, {"content"})
    assert api.post("/api/v1/broadcasts/preview", wish).status_code == 400
    api.patch(f"/api/v1/contents/{key}", {"active": True})
    assert api.post(f"{path}/start").json()["state"] == "scheduled"
    assert api.post("/api/v1/broadcasts", {**wish, "content": "nope"}).status_code == 400


def test_on_the_page(shop: Shop, survey: Content) -> None:
    browser = shop.business.browser("operator")
    given = form(shop, everyone="on", text="{name}: {link}", content=survey.pk)

    counted = browser.post(COUNT, given).content.decode()
    assert "3 tasks are confirmed, up to 2 by one member" in counted
    wrong = browser.post(COUNT, {**given, "content": ""}).content.decode()
    assert "needs a content piece to lead to" in wrong
    saved = browser.post("/admin/campaigns/broadcast/add/", given)
    assert saved.status_code == 302, saved.content.decode()[-3000:]
    with shop.business.scope():
        row = Broadcast.objects.get()
    browser.post(page_of(row, "start"), {"confirmed": "on"})
    shop.work()
    shop.confirm()
    shop.poll()
    page = browser.get(page_of(row)).content.decode()
    assert "After the visit" in page and "of them confirmed" in page
    copied = browser.post(page_of(row, "copy"), {"confirmed": "on"})
    assert copied.status_code == 302
    with shop.business.scope():
        assert Broadcast.objects.latest("id").content == survey
        assert Link.objects.filter(content=survey).count() == 3
