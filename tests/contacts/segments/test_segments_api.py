"""`segments` over HTTP: made, tried, changed, refused, members, lists by hand, the contact list."""

from __future__ import annotations

from typing import Any

from contacts import timeline
from contacts.models import Contact, Segment
from contacts.segments import upkeep
from tenants.ids import encode
from tenants.roles import Role
from tests.conftest import Business
from tests.contacts.segments.people import person, tagged

URL = "/api/v1/segments"


def _people(business: Business) -> None:
    with business.scope():
        for name, tags in (("A", ["VIP"]), ("B", ["VIP", "Fair"]), ("C", [])):
            tagged(person(name, external_id=name.lower()), *tags)


def _names(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.json()
    return [row["name"] for row in answer.json()["results"]]


def test_a_segment_lives(business: Business) -> None:
    _people(business)
    api = business.api()
    rule = {"all": [{"tag": "VIP"}, {"not": {"tag": "Fair"}}]}

    made = api.post(URL, {"name": "Plain", "rule": rule}, format="json")
    assert made.status_code == 201, made.json()
    row = made.json()
    assert (row["rule"], row["kind"], row["state"]) == (rule, "rule", "counting")
    assert (row["size"], row["as_of"]) == (None, None)
    one = f"{URL}/{row['id']}"
    timeline.work(business.pk)
    upkeep.work(business.pk)
    now = api.get(one).json()
    assert (now["size"], now["state"], now["problem"]) == (1, "ready", "")
    assert now["as_of"] is not None
    assert _names(api.get(f"{one}/members")) == ["A"]
    assert api.get(f"{one}/members").json()["results"][0]["entered_at"] is not None
    assert _names(api.get("/api/v1/contacts", {"segment": row["id"]})) == ["A"]
    assert _names(api.get("/api/v1/contacts", {"segment": "Plain"})) == ["A"]
    assert _names(api.get("/api/v1/contacts", {"segment": "Nobody knows"})) == []


def test_a_segment_is_changed_and_deleted(business: Business) -> None:
    _people(business)
    api = business.api()
    row = api.post(URL, {"name": "Plain", "rule": {"tag": "VIP"}}, format="json").json()
    one = f"{URL}/{row['id']}"
    timeline.work(business.pk)
    upkeep.work(business.pk)

    changed = api.patch(one, {"rule": {"tag": "Fair"}}, format="json")
    assert changed.json()["state"] == "counting"
    renamed = api.patch(one, {"name": "Fair ones"}, format="json")
    assert renamed.status_code == 200, renamed.json()
    upkeep.work(business.pk)
    assert _names(api.get(f"{one}/members")) == ["B"]
    assert _names(api.get(URL, {"kind": "rule"})) == ["Fair ones"]

    assert api.delete(one).status_code == 204
    assert api.get(one).status_code == 404
    with business.scope():
        assert not Segment.objects.exists()
        assert Contact.objects.count() == 3


def test_refusals_name_the_part(business: Business) -> None:
    _people(business)
    api = business.api()

    def refused(body: dict[str, Any]) -> dict[str, list[str]]:
        answer = api.post(URL, body, format="json")
        assert answer.status_code == 400, answer.json()
        fields: dict[str, list[str]] = answer.json()["error"]["fields"]
        return fields

    wrong = {"all": [{"tag": "VIP"}, {"event": {"kind": "x", "count": "two"}}]}
    (said,) = refused({"name": "S", "rule": wrong})["rule"]
    assert said.startswith("all[1].event.count: ")
    assert list(refused({"name": "S"})) == ["rule"]
    assert list(refused({"name": " ", "rule": {"tag": "VIP"}})) == ["name"]
    assert list(refused({"name": "S", "rule": {"tag": "VIP"}, "size": 3, "x": 1})) == ["x"]
    assert list(refused({"name": "S", "kind": "static", "rule": {"tag": "VIP"}})) == ["rule"]
    assert list(refused({"name": "S", "kind": "magic"})) == ["kind"]

    made = api.post(URL, {"name": "S", "rule": {"tag": "VIP"}}, format="json").json()
    taken = api.post(URL, {"name": "S", "rule": {"tag": "VIP"}}, format="json")
    assert (taken.status_code, taken.json()["error"]["code"]) == (409, "duplicate")
    one = f"{URL}/{made['id']}"
    assert api.patch(one, {"kind": "static"}, format="json").status_code == 400
    circle = api.patch(one, {"rule": {"not": {"segment": "S"}}}, format="json")
    assert "S → S" in circle.json()["error"]["fields"]["rule"][0]
    user = api.post(URL, {"name": "T", "rule": {"segment": made["id"]}}, format="json")
    assert user.status_code == 201
    used = api.delete(one)
    assert (used.status_code, used.json()["error"]["code"]) == (409, "in_use")


def test_a_rule_is_tried_without_storing_it(business: Business) -> None:
    _people(business)
    api = business.api()

    answer = api.post(f"{URL}/preview", {"rule": {"tag": "VIP"}}, format="json")
    assert answer.status_code == 200, answer.json()
    told = answer.json()
    assert told["count"] == 2
    assert [each["name"] for each in told["sample"]] == ["B", "A"]
    assert told["sample"][0]["external_id"] == "b"
    assert told["as_of"]
    wrong = api.post(f"{URL}/preview", {"rule": {"tag": "Nope"}}, format="json")
    assert wrong.status_code == 400
    assert wrong.json()["error"]["fields"]["rule"][0].startswith("tag: ")
    assert api.post(f"{URL}/preview", {}, format="json").status_code == 400
    with business.scope():
        assert not Segment.objects.exists()


def test_a_list_by_hand(business: Business) -> None:
    _people(business)
    api = business.api()
    made = api.post(URL, {"name": "List", "kind": "static"}, format="json").json()
    assert (made["state"], made["size"]) == ("ready", 0)
    members = f"{URL}/{made['id']}/members"
    with business.scope():
        c = encode(Contact.objects.get(name="C").pk)

    added = api.post(members, {"items": ["a", {"contact": c}, "a", "nobody", 7]}, format="json")
    assert added.status_code == 207, added.json()
    statuses = [each["status"] for each in added.json()["results"]]
    assert statuses == ["created", "created", "unchanged", "rejected", "rejected"]
    assert _names(api.get(members)) == ["C", "A"]
    page = api.get(members, {"limit": 1}).json()
    assert _names(api.get(members, {"limit": 1, "cursor": page["next"]})) == ["A"]
    gone = api.post(f"{members}/remove", {"items": ["a", "b"]}, format="json")
    assert [each["status"] for each in gone.json()["results"]] == ["updated", "unchanged"]
    assert api.get(f"{URL}/{made['id']}").json()["size"] == 1

    by_rule = api.post(URL, {"name": "Rule", "rule": {"tag": "VIP"}}, format="json").json()
    refused = api.post(f"{URL}/{by_rule['id']}/members", {"items": ["a"]}, format="json")
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "by_rule")


def test_who_may(business: Business, other_business: Business) -> None:
    _people(business)
    with business.scope():
        contact = Contact.objects.get(name="A")
        contact.owner = business.staff["sales"]
        contact.save()
    made = business.api().post(URL, {"name": "S", "rule": {"tag": "VIP"}}, format="json").json()
    timeline.work(business.pk)
    upkeep.work(business.pk)
    one = f"{URL}/{made['id']}"

    for role in Role.values:
        api = business.as_role(role)
        writes = role in {Role.OWNER, Role.ADMIN, Role.OPERATOR}
        assert api.get(one).status_code == 200
        seen = ["A"] if role == Role.SALES else ["B", "A"]
        assert _names(api.get(f"{one}/members")) == seen
        changed = api.patch(one, {"description": role}, format="json")
        assert changed.status_code == (200 if writes else 403)
        tried = api.post(f"{URL}/preview", {"rule": {"tag": "VIP"}}, format="json")
        assert tried.status_code == (200 if writes else 403)

    foreign = other_business.api()
    assert foreign.get(one).status_code == 404
    assert foreign.get(f"{one}/members").status_code == 404
    used = foreign.post(URL, {"name": "T", "rule": {"segment": made["id"]}}, format="json")
    assert used.status_code == 400
    assert _names(foreign.get("/api/v1/contacts", {"segment": made["id"]})) == []
