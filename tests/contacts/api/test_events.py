"""events: told once, checked by kind, never changed."""

from __future__ import annotations

from typing import Any

import pytest

from contacts.models import Event, Follow
from tenants.models import Staff
from tests.conftest import Business

URL = "/api/v1/events"


@pytest.fixture
def api(business: Business) -> Any:
    client = business.api()
    client.post("/api/v1/contacts", {"external_id": "c-1", "name": "A"}, format="json")
    return client


def deep(levels: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for _level in range(levels):
        found = {"x": found}
    return found


def event(number: int = 1, **values: Any) -> dict[str, Any]:
    return {
        "event_id": f"e-{number}",
        "contact": "c-1",
        "kind": "content.read",
        "at": "2025-03-01T10:00:00+08:00",
        "properties": {"content": "Guide", "深": [1, {"a": None}]},
        **values,
    }


def test_an_event_is_told_once(api: Any, business: Business) -> None:
    first = api.post(URL, event(), format="json")
    again = api.post(URL, event(at="2025-03-01T02:00:00Z"), format="json")
    other = api.post(URL, event(kind="price.asked"), format="json")

    assert [first.status_code, again.status_code, other.status_code] == [201, 200, 409]
    assert first.json() == again.json()
    assert first.json()["event_id"] == "e-1"
    assert first.json()["at"] == "2025-03-01T10:00:00+08:00"
    assert first.json()["properties"] == event()["properties"]
    assert other.json()["error"]["code"] == "conflict"
    assert api.get(f"{URL}/{first.json()['id']}").json() == first.json()
    with business.scope():
        assert Event.objects.filter(source="given").count() == 1


def test_a_contact_is_named_by_its_id_as_well(api: Any) -> None:
    contact = api.get("/api/v1/contacts").json()["results"][0]["id"]
    told = api.post(URL, event(contact=contact), format="json")

    assert told.status_code == 201
    assert told.json()["contact"] == contact


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("event_id", "", "blank"),
        ("event_id", "x" * 65, "too_long"),
        ("event_id", 7, "invalid"),
        ("contact", "nobody", "unknown_contact"),
        ("contact", None, "blank"),
        ("kind", "x" * 65, "too_long"),
        ("kind", "a\x01b", "control_character"),
        ("at", "2025/03/01", "time"),
        ("at", "45000", "time"),
        ("at", "2025-02-30", "time"),
        ("at", "2999-01-01", "future"),
        ("at", 1740000000, "invalid"),
        ("properties", [], "properties"),
        ("properties", {"x": "y" * 20_000}, "too_long"),
        ("properties", {"x" * 65: 1}, "names"),
        ("properties", deep(40), "too_deep"),
        ("colour", "red", "unknown_field"),
    ],
)
def test_a_bad_event_is_rejected_and_named(api: Any, field: str, value: object, code: str) -> None:
    items = [event(1, **{field: value}), event(2)]
    answer = api.post(f"{URL}/bulk", {"items": items}, format="json")

    assert answer.status_code == 207
    bad, good = answer.json()["results"]
    assert (bad["status"], bad["id"]) == ("rejected", None)
    assert bad["error"]["code"] == code
    assert list(bad["error"]["fields"]) == [field]
    assert good["status"] == "created"

    single = api.post(URL, items[0], format="json")
    assert single.status_code == 400
    assert list(single.json()["error"]["fields"]) == [field]


@pytest.mark.parametrize(
    ("kind", "properties", "code"),
    [
        ("follow.opened", {}, "staff"),
        ("follow.opened", {"staff": "x" * 65}, "staff"),
        ("follow.opened", {"staff": "g1", "by": "nobody"}, "by"),
        ("follow.ended", {"staff": "g1"}, "by"),
        ("follow.ended", {"staff": "g1", "by": "system"}, "by"),
        ("subscription.opened", {}, "account"),
        ("subscription.ended", {"account": 1}, "account"),
        ("reward.paid", {"amount": "-1"}, "amount"),
    ],
)
def test_kinds_with_meaning_need_their_properties(
    api: Any, kind: str, properties: dict[str, Any], code: str
) -> None:
    item = event(kind=kind, properties=properties)
    answer = api.post(f"{URL}/bulk", {"items": [item]}, format="json").json()["results"][0]

    assert (answer["status"], answer["error"]["code"]) == ("rejected", code)


def test_follow_events_change_the_follow(api: Any, business: Business) -> None:
    opened = {"kind": "follow.opened", "at": "2025-01-01 08:00"}
    ended = {"kind": "follow.ended", "at": "2025-02-01 08:00"}
    items = [
        event(2, **ended, properties={"staff": "unknown-guide", "by": "customer"}),
        event(1, **opened, properties={"staff": "unknown-guide"}),
    ]

    answer = api.post(f"{URL}/bulk", {"items": items}, format="json")

    assert [each["status"] for each in answer.json()["results"]] == ["created", "created"]
    with business.scope():
        assert Staff.objects.filter(userid="unknown-guide").count() == 1
        follow = Follow.objects.get()
        assert follow.ended_by == "customer"
        assert follow.opened_at.isoformat() == "2025-01-01T00:00:00+00:00"
    follows = api.get("/api/v1/follows?open=false").json()["results"]
    assert [(each["staff"], each["ended_by"]) for each in follows] == [
        ("unknown-guide", "customer")
    ]
    assert api.get("/api/v1/follows?open=true").json()["results"] == []


def test_bulk_answers_created_unchanged_and_rejected(api: Any, business: Business) -> None:
    api.post(URL, event(1), format="json")
    items = [event(1), event(1, kind="x.y"), event(2), event(2), event(2, at="2025-01-01")]

    answer = api.post(f"{URL}/bulk", {"items": items}, format="json").json()["results"]

    assert [each["status"] for each in answer] == [
        "unchanged", "rejected", "created", "unchanged", "rejected",
    ]  # fmt: skip
    assert {each["error"]["code"] for each in answer if each["error"]} == {"conflict"}
    assert answer[2]["id"] == answer[3]["id"]
    with business.scope():
        assert Event.objects.filter(source="given").count() == 2


def test_another_tenants_contact_is_unknown(api: Any, other_business: Business) -> None:
    made = other_business.api().post("/api/v1/contacts", {"external_id": "theirs"}, format="json")
    items = [
        event(1, contact=made.json()["id"]),
        event(2, contact="theirs"),
        event(3, contact="no"),
    ]

    answer = api.post(f"{URL}/bulk", {"items": items}, format="json").json()["results"]

    errors = [each["error"] for each in answer]
    assert errors[0] == errors[1] == errors[2]
    assert errors[0]["code"] == "unknown_contact"


@pytest.mark.parametrize(
    "body", [[], {}, {"items": {}}, {"items": [1] * 1001}, {"items": [], "x": 1}]
)
def test_a_bulk_request_is_a_list_of_at_most_1000(api: Any, body: object) -> None:
    assert api.post(f"{URL}/bulk", body, format="json").status_code == 400


def test_the_list_is_filtered(api: Any) -> None:
    items = [
        event(1, at="2025-01-01"),
        event(2, at="2025-01-02", kind="price.asked"),
        event(3, at="2025-01-03"),
    ]
    api.post(f"{URL}/bulk", {"items": items}, format="json")

    def ids_of(query: str) -> list[str]:
        answer = api.get(f"{URL}?{query}")
        assert answer.status_code == 200
        return [each["event_id"] for each in answer.json()["results"] if each["event_id"]]

    assert ids_of("contact=c-1") == ["e-3", "e-2", "e-1"]
    assert ids_of("contact=nobody") == []
    assert ids_of("kind=content.read,price.asked") == ["e-3", "e-2", "e-1"]
    assert ids_of("kind=price.asked") == ["e-2"]
    assert ids_of("event_id=e-1") == ["e-1"]
    assert ids_of("after=2025-01-02&before=2025-01-03") == ["e-2"]
