"""Idempotency-Key: one effect, however often and however fast the request comes."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

from django.db import connections
from django.utils import timezone

from contacts.models import Tag
from tenants import auth
from tenants.models import StoredAnswer
from tenants.roles import Can
from tests.conftest import Business

URL = "/api/v1/tags"


def post(api: Any, name: str, key: str, url: str = URL) -> Any:
    return api.post(url, {"name": name}, format="json", HTTP_IDEMPOTENCY_KEY=key)


def names(business: Business) -> list[str]:
    with business.scope():
        return list(Tag.objects.order_by("id").values_list("name", flat=True))


def test_the_same_request_gets_the_same_bytes(business: Business) -> None:
    api = business.api()
    first = post(api, "VIP", "k1")
    again = post(api, "VIP", "k1")

    assert (first.status_code, again.status_code) == (201, 201)
    assert again.content == first.content
    assert again["Content-Type"] == first["Content-Type"]
    assert again["Idempotent-Replayed"] == "true"
    assert names(business) == ["VIP"]


def test_another_request_with_the_key_is_422(business: Business) -> None:
    api = business.api()
    post(api, "VIP", "k1")

    for answer in (post(api, "SVIP", "k1"), post(api, "VIP", "k1", "/api/v1/tag-groups")):
        assert answer.status_code == 422
        assert answer.json()["error"]["code"] == "key_reused"
    assert names(business) == ["VIP"]


def test_keys_belong_to_their_caller(business: Business, other_business: Business) -> None:
    with business.scope():
        _key, second = auth.make_key("second", list(Can))
    first = post(business.api(), "VIP", "k1")
    other_key = post(business.api(second), "SVIP", "k1")
    other_tenant = post(other_business.api(), "VIP", "k1")

    assert [each.status_code for each in (first, other_key, other_tenant)] == [201, 201, 201]
    assert names(business) == ["VIP", "SVIP"]
    assert names(other_business) == ["VIP"]


def test_a_refused_request_may_be_repeated_in_another_form(business: Business) -> None:
    api = business.api()
    assert post(api, "", "k1").status_code == 400
    assert post(api, "VIP", "k1").status_code == 201


def test_answers_are_forgotten_after_72_hours(business: Business) -> None:
    api = business.api()
    post(api, "VIP", "k1")
    with business.scope():
        StoredAnswer.objects.update(created_at=timezone.now() - timedelta(hours=73))

    assert post(api, "SVIP", "k1").status_code == 201
    assert names(business) == ["VIP", "SVIP"]


def test_a_bad_key_is_400(business: Business) -> None:
    for key in ("", "x" * 201, "with space", "ключ".encode().decode("latin-1")):
        answer = post(business.api(), "VIP", key)
        assert answer.status_code == 400
        assert list(answer.json()["error"]["fields"]) == ["Idempotency-Key"]


def test_bulk_answers_are_kept_too(business: Business) -> None:
    api = business.api()
    body = {"items": [{"external_id": "c-1", "name": "A"}]}
    answers = [
        api.post("/api/v1/contacts/bulk", body, format="json", HTTP_IDEMPOTENCY_KEY="k")
        for _ in range(2)
    ]

    assert answers[0].content == answers[1].content
    assert answers[1].json()["results"][0]["status"] == "created"


def test_twenty_at_once_have_one_effect(business: Business) -> None:
    start = threading.Barrier(20)
    answers: list[Any] = []

    def run() -> None:
        api = business.api()
        start.wait()
        answers.append(post(api, "VIP", "k1"))
        connections.close_all()

    threads = [threading.Thread(target=run) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert names(business) == ["VIP"]
    assert {each.status_code for each in answers} <= {201, 409}
    done = {each.content for each in answers if each.status_code == 201}
    assert len(done) == 1
    running = [each.json()["error"]["code"] for each in answers if each.status_code == 409]
    assert set(running) <= {"in_progress"}
