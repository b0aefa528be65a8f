"""Requests are counted exactly, per caller; without Redis reads go on and writes stay limited."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from django.conf import settings
from django.db import connections
from django.test import override_settings

from tenants import auth
from tenants.rest import limits
from tenants.roles import Can
from tests.conftest import Business

URL = "/api/v1/tags"


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits._Pause, "until", 0.0)


@override_settings(API_REQUESTS_PER_MINUTE=3)
def test_headers_tell_what_is_left(business: Business) -> None:
    api = business.api()
    got = [api.get(URL) for _ in range(4)]

    assert [each.status_code for each in got] == [200, 200, 200, 429]
    assert [each["RateLimit-Limit"] for each in got] == ["3"] * 4
    assert [each["RateLimit-Remaining"] for each in got] == ["2", "1", "0", "0"]
    assert all(1 <= int(each["RateLimit-Reset"]) <= 60 for each in got)
    assert 1 <= int(got[3]["Retry-After"]) <= 60
    assert got[3].json()["error"]["code"] == "rate_limited"


@override_settings(API_REQUESTS_PER_MINUTE=1)
def test_each_caller_has_an_own_count(business: Business, other_business: Business) -> None:
    with business.scope():
        _key, second = auth.make_key("second", [Can.READ])

    assert business.api().get(URL).status_code == 200
    assert business.api(second).get(URL).status_code == 200
    assert business.as_role("owner").get(URL).status_code == 200
    assert other_business.api().get(URL).status_code == 200
    assert business.api().get(URL).status_code == 429


@override_settings(API_REQUESTS_PER_MINUTE=10)
def test_the_count_is_exact_under_load(business: Business) -> None:
    start = threading.Barrier(30)
    codes: list[int] = []

    def run() -> None:
        api = business.api()
        start.wait()
        codes.append(api.get(URL).status_code)
        connections.close_all()

    threads = [threading.Thread(target=run) for _ in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(codes) == [200] * 10 + [429] * 20


@override_settings(API_REQUESTS_PER_MINUTE=2)
def test_without_redis_nothing_breaks(business: Business, monkeypatch: Any) -> None:
    monkeypatch.setattr(settings, "REDIS_URL", "redis://127.0.0.1:9/0")
    api = business.api()

    assert [api.get(URL).status_code for _ in range(4)] == [200] * 4
    made = [api.post(URL, {"name": f"t{n}"}, format="json").status_code for n in range(4)]
    assert made == [201, 201, 429, 429]
