"""events: told once, checked by kind, never changed."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection

from contacts import arrays
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


@pytest.mark.parametrize(
    "item",
    [
        event(1, properties={"a": 1.5, "表情": "😀", "quote": 'say "hi" \\ \n'}),
        event(1, event_id='quo"ted\\{,}', properties={}),
        event(1, kind="follow.opened", properties={"staff": "g1", "note": "x" * 100}),
        event(1, at="2025-03-01T10:00:00.123456789+08:00"),
        event(1, at="2025-03-01 10:00"),
        event(1, properties=None),
        {name: value for name, value in event(1).items() if name != "properties"},
    ],
)
def test_an_event_means_the_same_alone_and_among_others(api: Any, item: dict[str, Any]) -> None:
    alone = api.post(URL, item, format="json")
    plain = api.post(f"{URL}/bulk", {"items": [item, event(2)]}, format="json")
    mixed = api.post(f"{URL}/bulk", {"items": [item, event(3, at="bad")]}, format="json")

    assert alone.status_code == 201
    assert alone.json()["event_id"] == item["event_id"]
    assert alone.json()["properties"] == (item.get("properties") or {})
    assert [each["status"] for each in plain.json()["results"]] == ["unchanged", "created"]
    assert [each["status"] for each in mixed.json()["results"]] == ["unchanged", "rejected"]
    assert plain.json()["results"][0]["id"] == alone.json()["id"]


@pytest.mark.parametrize(
    "text",
    [
        '{"items": [{"event_id": "a", %s, "event_id": "b"}]}',
        '{"items": [{"event_id": "a", "event\\u005fid": "b", %s}]}',
        '{"items": [{"event_id": "a", %s, "properties": {"x": 1, "x": 2}}]}',
        '{"items": [{"event_id": "a", %s, "properties": {"x": 1, "x": "\\u0022"}}]}',
        '{"items": [{"event_id": "a", %s, "properties": {"x": "\\u0000"}}]}',
        '{"items": [{"event_id": "a", %s, "properties": {"x": "\\ud800"}}]}',
        '{"items": [{"event_id": "a", %s, "properties": {"x": NaN}}]}',
        '{"items": [{"event_id": "a", %s}], "items": []}',
    ],
)
def test_a_body_with_two_meanings_stores_nothing(api: Any, business: Business, text: str) -> None:
    rest = '"contact": "c-1", "kind": "content.read", "at": "2025-03-01T10:00:00Z"'
    answer = api.post(f"{URL}/bulk", text % rest, content_type="application/json")

    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "malformed")
    with business.scope():
        assert not Event.objects.filter(source="given").exists()


@pytest.mark.parametrize("at", ["0001-01-01T00:00:00+14:00", "1899-12-31T23:59:59Z"])
def test_times_before_1900_are_rejected(api: Any, at: str) -> None:
    items = [event(1, at=at), event(2)]
    answer = api.post(f"{URL}/bulk", {"items": items}, format="json").json()["results"]

    assert [each["status"] for each in answer] == ["rejected", "created"]
    assert answer[0]["error"]["code"] == "time"


def test_events_of_an_unknown_contact_stop_no_others(api: Any) -> None:
    items = [event(1), event(2, contact="nobody"), event(3)]
    answer = api.post(f"{URL}/bulk", {"items": items}, format="json").json()["results"]

    assert [each["status"] for each in answer] == ["created", "rejected", "created"]
    assert [each["index"] for each in answer] == [0, 1, 2]
    assert answer[1]["error"]["code"] == "unknown_contact"


def test_a_bulk_request_that_is_no_json_is_refused(api: Any) -> None:
    answer = api.post(f"{URL}/bulk", '{"items": []}', content_type="text/plain")

    assert answer.status_code == 415


@pytest.mark.parametrize("text", ["", "a", '"', "\\", "{,}", "NULL", "a\nb\t", "数据 😀", "\x7f"])
def test_lists_reach_postgres_as_they_are(business: Business, text: str) -> None:
    with business.scope(), connection.cursor() as cursor:
        cursor.execute("SELECT %s::text[]", [arrays.literal([text, "b"])])
        assert cursor.fetchone()[0] == [text, "b"]
