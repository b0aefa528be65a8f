"""Every refused request has the one envelope, whatever refused it."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from django.test import override_settings
from django.utils import timezone
from rest_framework.test import APIClient

from contacts.models import Tag
from tenants import auth
from tenants.models import Tenant
from tenants.roles import Can
from tests.conftest import Business

URL = "/api/v1/tags"


def error_of(answer: Any) -> dict[str, Any]:
    body = answer.json()
    assert list(body) == ["error"]
    assert set(body["error"]) == {"code", "message", "fields", "request_id"}
    assert body["error"]["request_id"] == answer["X-Request-ID"]
    assert body["error"]["message"]
    found: dict[str, Any] = body["error"]
    return found


def test_nobody_is_401(business: Business) -> None:
    for client in (APIClient(), business.api("scrm_wrong"), business.api("x" * 5000)):
        answer = client.get(URL)
        assert answer.status_code == 401
        assert answer["WWW-Authenticate"].startswith("Bearer")
        assert error_of(answer)["code"] == "unauthenticated"


def test_a_revoked_or_expired_key_is_401_at_once(business: Business) -> None:
    with business.scope():
        key, text = auth.make_key("k", [Can.READ])
    assert business.api(text).get(URL).status_code == 200

    with business.scope():
        key.revoked_at = timezone.now()
        key.save(update_fields=["revoked_at"])
    assert business.api(text).get(URL).status_code == 401

    with business.scope():
        key.revoked_at, key.expires_at = None, timezone.now()
        key.save(update_fields=["revoked_at", "expires_at"])
    assert business.api(text).get(URL).status_code == 401


def test_a_key_of_a_business_that_was_switched_off_is_401(business: Business) -> None:
    assert business.api().get(URL).status_code == 200

    Tenant.objects.filter(pk=business.pk).update(active=False)

    assert business.api().get(URL).status_code == 401


def test_a_missing_scope_is_403(business: Business) -> None:
    with business.scope():
        _key, text = auth.make_key("reader", [Can.READ])

    answer = business.api(text).post(URL, {"name": "x"}, format="json")
    assert answer.status_code == 403
    assert error_of(answer)["code"] == "forbidden"


def test_a_session_needs_the_csrf_token(business: Business) -> None:
    client = business.as_role("owner")
    strict = APIClient(enforce_csrf_checks=True)
    strict.cookies = client.cookies

    assert strict.get(URL).status_code == 200
    answer = strict.post(URL, {"name": "x"}, format="json")
    assert answer.status_code == 403
    assert error_of(answer)["code"] == "forbidden"


@pytest.mark.parametrize("path", ["/api/v1/nothing", "/api/nothing", "/api/v1/tags/x/y"])
def test_unknown_paths_are_404(business: Business, path: str) -> None:
    answer = business.api().get(path)
    assert answer.status_code == 404
    assert error_of(answer)["code"] == "not_found"


def test_other_methods_are_405(business: Business) -> None:
    for method in ("put", "options", "trace"):
        answer = getattr(business.api(), method)(URL)
        assert answer.status_code == 405
        assert error_of(answer)["code"] == "method_not_allowed"


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "empty"),
        (b"{", "cut"),
        (b'{"name": "a", "name": "b"}', "twice"),
        (b'{"name": NaN}', "NaN"),
        (b'{"name": -Infinity}', "infinity"),
        (b'{"name": 1e999}', "as good as infinity"),
        (b'{"name": "a\\u0000b"}', "NUL"),
        (b'{"name": "\\ud800"}', "a lone surrogate"),
        (b'{"name": "\xff"}', "not UTF-8"),
        ("{'name': 'a'}".encode("utf-16"), "UTF-16"),
        (b"\xef\xbb\xbf{}", "a byte order mark"),
        (b"[" * 100_000, "deep"),
        (b'{"name": ' + b"1" * 5000 + b"}", "a huge number"),
        (b"[]", "a list"),
        (b"null", "null"),
        (b'"text"', "text"),
        (b'{"name": {"a": 1}}', "an object"),
        (b'{"name": 5}', "a number"),
        (b'{"name": true}', "a boolean"),
    ],
)
def test_bad_json_is_400(business: Business, body: bytes, why: str) -> None:
    answer = business.api().post(URL, data=body, content_type="application/json")

    assert answer.status_code == 400, (why, answer.content)
    assert error_of(answer)["code"] in {"malformed", "invalid"}
    with business.scope():
        assert not Tag.objects.exists()


def test_good_but_odd_json_is_taken(business: Business) -> None:
    body = json.dumps({"name": "😀 \\u0000 مرحبا"}).encode()
    answer = business.api().post(URL, data=body, content_type="application/json")

    assert answer.status_code == 201
    assert answer.json()["name"] == "😀 \\u0000 مرحبا"


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "text/xml"])
def test_other_media_are_415(business: Business, kind: str) -> None:
    answer = business.api().post(URL, data=b'{"name": "x"}', content_type=kind)
    assert answer.status_code == 415
    assert error_of(answer)["code"] == "unsupported_media_type"


@override_settings(DATA_UPLOAD_MAX_MEMORY_SIZE=1000)
def test_large_bodies_are_413(business: Business) -> None:
    body = json.dumps({"name": "x" * 2000})
    answer = business.api().post(URL, data=body, content_type="application/json")
    assert answer.status_code == 413
    assert error_of(answer)["code"] == "too_large"


def test_an_error_leaves_nothing_behind(business: Business) -> None:
    api = business.api()
    api.post("/api/v1/contacts", {"external_id": "c"}, format="json")
    answer = api.post(
        "/api/v1/contacts", {"external_id": "c", "tags": ["left behind"]}, format="json"
    )

    assert answer.status_code == 409
    with business.scope():
        assert not Tag.objects.filter(name="left behind").exists()


def test_the_callers_request_id_comes_back(business: Business) -> None:
    answer = business.api().get("/api/v1/tags?x=1", HTTP_X_REQUEST_ID="my-request-1")
    assert error_of(answer)["request_id"] == "my-request-1"


def test_the_log_has_a_line_a_request_without_its_query(
    business: Business, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO", logger="scrm.access"):
        business.api().get("/api/v1/tags?code=a-secret", HTTP_X_REQUEST_ID="my-request-1")
        business.api().get("/nothing%0a2026-01-01 INFO forged")

    found, missed = (record.getMessage() for record in caplog.records)
    assert re.fullmatch(r"GET /api/v1/tags \d{3} \d+ ms my-request-1", found)
    assert re.fullmatch(r"GET /nothing%0A2026-01-01%20INFO%20forged 404 \d+ ms \w+", missed)


def test_answers_are_private(business: Business) -> None:
    assert business.api().get(URL)["Cache-Control"] == "private, no-store"


def test_nested_errors_have_paths(business: Business) -> None:
    answer = business.api().post(
        "/api/v1/contacts", {"consent": [{"purpose": "marketing", "granted": 1}]}, format="json"
    )
    assert list(error_of(answer)["fields"]) == ["consent.0.granted"]


def test_the_description_is_public_and_names_everything(business: Business) -> None:
    answer = APIClient().get("/api/schema/?format=json")
    paths = answer.json()["paths"]

    assert answer.status_code == 200
    assert "/api/v1/contacts/{id}/timeline" in paths
    assert "/api/v1/events/bulk" in paths
    listed = {each["name"] for each in paths["/api/v1/contacts"]["get"]["parameters"]}
    assert {"tag", "owner", "q", "cursor", "limit", "ordering"} <= listed
    posted = paths["/api/v1/contacts"]["post"]
    assert "Idempotency-Key" in {each["name"] for each in posted["parameters"]}
    assert {"201", "400", "401", "403", "409", "413", "415", "422", "429"} <= set(
        posted["responses"]
    )
    page = APIClient().get("/api/docs/")
    assert page.status_code == 200
    assert b"cdn" not in page.content
