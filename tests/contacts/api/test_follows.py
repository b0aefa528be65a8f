"""`follows`: filters, episodes, what staff wrote, and handing over without a loss."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from contacts import reach
from contacts.models import Contact, Follow, FollowLoss, ReachSpell
from tenants import auth, ids
from tenants.models import AuditEntry, Staff
from tenants.roles import Can
from tests.conftest import Business

NOW = timezone.now().replace(microsecond=0)
FOLLOWS = "/api/v1/follows"


def befriend(business: Business, name: str, staff: str = "amy", days: int = 10) -> Contact:
    with business.scope():
        contact = Contact.objects.create(name=name, external_id=name)
        at = NOW - timedelta(days=days)
        reach.open_follow(contact.pk, staff, at, source="test", key=name)
    return contact


def names(answer: Any) -> list[str]:
    return [row["contact"] for row in answer.json()["results"]]


def test_the_list_is_narrowed(business: Business) -> None:
    old, new = befriend(business, "old", days=40), befriend(business, "new", "bob", days=3)
    with business.scope():
        Follow.objects.filter(contact=old).update(
            ended_at=NOW - timedelta(days=1), ended_by="customer"
        )
    border = (NOW - timedelta(days=20)).isoformat()
    api = business.api()

    def found(**query: str) -> list[str]:
        return names(api.get(FOLLOWS, query))

    assert found(staff="bob") == [ids.encode(new.pk)]
    assert found(open="true") == [ids.encode(new.pk)]
    assert found(ended_by="customer") == [ids.encode(old.pk)]
    assert found(opened_before=border) == [ids.encode(old.pk)]
    assert found(opened_after=border) == [ids.encode(new.pk)]
    assert found(ended_after=border) == [ids.encode(old.pk)]
    assert found(ended_before=border) == []
    assert api.get(FOLLOWS, {"colour": "red"}).status_code == 400


def test_what_staff_wrote_is_changed_and_masked(business: Business) -> None:
    befriend(business, "lin")
    with business.scope():
        _key, plain = auth.make_key("plain", [Can.READ, Can.WRITE])
        key = ids.encode(Follow.objects.get().pk)
    text = {"remark": "林 13800138000", "description": "mail lin@example.com"}

    answer = business.api().patch(f"{FOLLOWS}/{key}", text, format="json")

    assert answer.status_code == 200, answer.content
    assert answer.json()["remark"] == "林 13800138000"
    masked = business.api(plain).get(f"{FOLLOWS}/{key}").json()
    assert (masked["remark"], masked["description"]) == ("林 138****8000", "mail l***@example.com")
    assert business.api().get("/api/v1/contacts", {"q": "林"}).json()["results"]
    refused = business.api().patch(f"{FOLLOWS}/{key}", {"opened_at": "2020-01-01"}, format="json")
    assert refused.json().get("opened_at") != "2020-01-01"
    assert business.api().delete(f"{FOLLOWS}/{key}").status_code in {403, 405}


def transfer(business: Business, **body: object) -> Any:
    return business.api().post(f"{FOLLOWS}/transfer", body, format="json")


def test_a_transfer_keeps_history_and_loses_nobody(business: Business) -> None:
    lin, wu = befriend(business, "lin"), befriend(business, "wu")
    with business.scope():
        Staff.objects.create(userid="bob")
        Follow.objects.filter(contact=lin).update(remark="VIP")

    first = transfer(business, **{"from": "amy", "to": "bob", "contacts": ["lin"]})
    rest = transfer(business, **{"from": "amy", "to": "bob", "all": True})
    again = transfer(business, **{"from": "amy", "to": "bob", "all": True})

    assert [each.json() for each in (first, rest, again)] == [
        {"moved": 1, "left": 0}, {"moved": 1, "left": 0}, {"moved": 0, "left": 0},
    ]  # fmt: skip
    with business.scope():
        given = Follow.objects.get(contact=lin, staff__userid="amy")
        taken = Follow.objects.get(contact=lin, staff__userid="bob")
        assert (given.ended_by, taken.ended_at, taken.remark) == ("transfer", None, "VIP")
        spell = ReachSpell.objects.get(contact=lin, staff__userid="bob")
        assert (spell.opened_by, spell.opened_at) == ("transfer", given.ended_at)
        assert not FollowLoss.objects.exists()
        owners = Contact.objects.filter(pk__in=[lin.pk, wu.pk]).values_list("owner__userid")
        assert set(owners) == {("bob",)}
        assert AuditEntry.objects.filter(action="follow.transferred").count() == 3
    key = ids.encode(given.pk)
    episodes = business.api().get(f"{FOLLOWS}/{key}").json()["episodes"]
    assert [each["ended_by"] for each in episodes] == ["transfer"]


def test_and_back_again_is_another_episode(business: Business) -> None:
    lin = befriend(business, "lin")
    with business.scope():
        Staff.objects.create(userid="bob")

    transfer(business, **{"from": "amy", "to": "bob", "all": True})
    transfer(business, **{"from": "bob", "to": "amy", "all": True})

    with business.scope():
        spells = ReachSpell.objects.filter(contact=lin, staff__userid="amy")
        assert spells.count() == 2
        assert Follow.objects.get(contact=lin, staff__userid="amy").ended_at is None


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"from": "amy", "to": "amy", "all": True}, "to"),
        ({"from": "amy", "to": "gone", "all": True}, "to"),
        ({"from": "amy", "to": "nobody", "all": True}, "to"),
        ({"from": "amy", "to": "bob"}, "contacts"),
        ({"from": "amy", "to": "bob", "contacts": ["ghost"]}, "contacts"),
        ({"from": "amy", "to": "bob", "all": True, "contacts": ["lin"]}, "contacts"),
    ],
)
def test_what_cannot_be_handed_over(business: Business, body: dict[str, Any], field: str) -> None:
    befriend(business, "lin")
    with business.scope():
        Staff.objects.create(userid="bob")
        Staff.objects.create(userid="gone", active=False)

    answer = transfer(business, **body)

    assert answer.status_code == 400
    assert list(answer.json()["error"]["fields"]) == [field]


def test_sales_hand_nobody_over(business: Business) -> None:
    answer = business.as_role("sales").post(f"{FOLLOWS}/transfer", {}, format="json")

    assert answer.status_code == 403
