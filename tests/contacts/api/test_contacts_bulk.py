"""contacts/bulk: many at once, each with an outcome of its own."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from contacts.models import Contact, ContactTag, Event
from tests.conftest import Business
from tests.contacts.api.test_contacts import URL, make


def test_bulk_upserts_by_external_id(business: Business) -> None:
    make(business, external_id="a", name="old", tags=["kept"])
    make(business, external_id="b", name="same")
    items: list[object] = [
        {"external_id": "a", "name": "new", "tags": ["VIP"]},
        {"external_id": "b", "name": "same", "phone": None},
        {"external_id": "c", "name": "new one", "channel": "抖音", "owner": "guide-7",
         "acquired_at": "2025-01-01", "referrer": "a", "tags": ["VIP"], "custom": {"k": 1}},
        {"external_id": "d", "phone": "1"},
        {"name": "no id"},
        {"external_id": "e", "referrer": "nobody"},
        {"external_id": "f", "colour": "red"},
        "text",
        {"external_id": "c", "name": "later wins"},
    ]  # fmt: skip

    answer = business.api().post(f"{URL}/bulk", {"items": items}, format="json")

    assert answer.status_code == 207
    results = answer.json()["results"]
    assert [each["index"] for each in results] == list(range(9))
    assert [each["status"] for each in results] == [
        "updated", "unchanged", "created", "rejected", "rejected", "rejected", "rejected",
        "rejected", "updated",
    ]  # fmt: skip
    assert [each["error"] and each["error"]["code"] for each in results] == [
        None, None, None, "phone", "blank", "unknown_referrer", "unknown_field", "invalid", None,
    ]  # fmt: skip
    assert results[2]["id"] == results[8]["id"]
    assert list(results[3]["error"]["fields"]) == ["phone"]
    with business.scope():
        assert set(Contact.objects.values_list("external_id", flat=True)) == {"a", "b", "c"}
        made = Contact.objects.get(external_id="c")
        assert (made.name, made.source, made.custom) == ("later wins", "referral", {"k": 1})
        assert made.referrer == Contact.objects.get(external_id="a")
        assert made.acquired_at == datetime(2024, 12, 31, 16, tzinfo=UTC)
        tagged = ContactTag.objects.filter(contact__external_id="a")
        assert set(tagged.values_list("tag__name", flat=True)) == {"kept", "VIP"}

    again = business.api().post(f"{URL}/bulk", {"items": items[:3]}, format="json").json()
    assert [each["status"] for each in again["results"]] == ["unchanged", "unchanged", "updated"]
    with business.scope():
        events = Event.objects.filter(contact=made, kind="follow.opened")
        assert events.count() == 1


def test_bulk_takes_a_fixed_number_of_statements(
    business: Business, django_assert_max_num_queries: Any
) -> None:
    def items(count: int) -> list[dict[str, object]]:
        return [
            {"external_id": f"x{n}", "name": f"N {n}", "tags": ["t"], "owner": "g1",
             "acquired_at": "2025-01-01", "channel": "c"}
            for n in range(count)
        ]  # fmt: skip

    api = business.api()
    with django_assert_max_num_queries(60):
        few = api.post(f"{URL}/bulk", {"items": items(3)}, format="json")
    with django_assert_max_num_queries(60):
        many = api.post(f"{URL}/bulk", {"items": items(300)}, format="json")

    assert few.status_code == many.status_code == 207
    assert [each["status"] for each in many.json()["results"]].count("created") == 297
