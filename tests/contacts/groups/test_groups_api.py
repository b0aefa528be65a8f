"""groups over the API: what a group is, its counts by day, lists of contacts, who may see it."""

from __future__ import annotations

from typing import Any

import pytest

from contacts.models import GroupMember
from tenants import ids
from tenants.models import Staff
from tests.conftest import Business
from tests.contacts.groups.over_api import URL, bring, group_of, members, statuses


def test_a_group_lives(api: Any) -> None:
    group = group_of(api, owner="guide1", tags=["VIP", "East"], notice="Be kind\nto all")
    one = f"{URL}/{group}"
    shown = api.get(one).json()

    assert (shown["name"], shown["owner"], shown["tags"]) == ("Mothers", "guide1", ["East", "VIP"])
    assert (shown["members"], shown["staff"], shown["dismissed_at"]) == (0, 0, None)
    changed = api.patch(one, {"tags": ["VIP"], "owner": None, "name": "Parents"}, format="json")
    assert changed.json() == {**shown, "tags": ["VIP"], "owner": None, "name": "Parents"}
    assert api.post(URL, {"chat_id": "g-1"}, format="json").status_code == 409
    assert api.delete(one).status_code == 405


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "name"),
        ({"name": "", "chat_id": None}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"name": "a\x01"}, "name"),
        ({"chat_id": " "}, "chat_id"),
        ({"name": "A", "owner": 7}, "owner"),
        ({"name": "A", "tags": "VIP"}, "tags"),
        ({"name": "A", "dismissed_at": "soon"}, "dismissed_at"),
        ({"name": "A", "members": 3, "unheard_of": 1}, "unheard_of"),
    ],
)
def test_a_bad_group_is_refused_by_name(api: Any, body: dict[str, Any], field: str) -> None:
    answer = api.post(URL, body, format="json")

    assert answer.status_code == 400
    assert list(answer.json()["error"]["fields"]) == [field]


def test_groups_are_narrowed(api: Any) -> None:
    mothers = group_of(api, owner="guide1", tags=["VIP", "East"])
    fathers = group_of(api, name="Fathers", chat_id="g-2", tags=["VIP"],
                       dismissed_at="2025-03-01T10:00:00+08:00")  # fmt: skip

    def found(**query: Any) -> list[str]:
        answer = api.get(URL, query)
        assert answer.status_code == 200, answer.json()
        return [row["id"] for row in answer.json()["results"]]

    assert found() == [fathers, mothers]
    assert found(owner="guide1") == [mothers]
    assert found(owner="") == [fathers]
    assert found(tag=["VIP", "East"]) == [mothers]
    assert found(tag="nothing") == []
    assert found(active="true") == [mothers]
    assert found(active="false") == [fathers]
    assert found(q="ATHE") == [fathers]
    assert found(chat_id="g-1") == [mothers]
    assert api.get(URL, {"colour": "red"}).status_code == 400
    assert found(ordering="-members", limit=1) == [fathers]


def test_contacts_are_found_by_their_groups(api: Any) -> None:
    one, two = group_of(api), group_of(api, chat_id="g-2")
    for group, names in ((one, ("c-1", "c-2", "c-3")), (two, ("c-1", "c-3"))):
        bring(api, group, *({"contact": name, "joined_at": "2025-03-01"} for name in names))
    bring(api, two, {"contact": "c-3", "left_at": "2025-03-02"})

    def found(**query: Any) -> list[str]:
        answer = api.get("/api/v1/contacts", query)
        assert answer.status_code == 200, answer.json()
        return sorted(row["external_id"] for row in answer.json()["results"])

    assert found(group=one) == ["c-1", "c-2", "c-3"]
    assert found(group="g-2") == ["c-1"]
    assert found(group="nothing") == []
    assert found(in_groups_min=2) == ["c-1"]
    assert found(in_groups_min=1, group=one) == ["c-1", "c-2", "c-3"]
    assert api.get("/api/v1/contacts", {"in_groups_min": 0}).status_code == 400
    row = api.get("/api/v1/contacts", {"external_id": "c-1"}).json()["results"][0]
    assert row["groups"] == [one, two]


def test_a_dismissed_group_has_nobody(api: Any) -> None:
    group = group_of(api)
    bring(api, group, {"contact": "c-1", "joined_at": "2025-03-01"},
          {"contact": "c-2", "joined_at": "2025-03-01", "left_at": "2025-03-02"})  # fmt: skip
    one = f"{URL}/{group}"

    gone = api.patch(one, {"dismissed_at": "2025-03-05T10:00:00+08:00"}, format="json").json()
    ways = {m["name"]: (m["left_at"], m["quit_way"]) for m in members(api, group)}
    back = api.patch(one, {"dismissed_at": None}, format="json").json()

    assert (gone["members"], back["members"]) == (0, 1)
    assert ways == {
        "Customer 1": ("2025-03-05T10:00:00+08:00", "dismissed"),
        "Customer 2": ("2025-03-02T00:00:00+08:00", ""),
    }
    assert [m["quit_way"] for m in members(api, group, state="in")] == [""]


def test_days_are_asked_within_bounds(api: Any) -> None:
    group = group_of(api)

    assert len(api.get(f"{URL}/{group}/days").json()["rows"]) == 30
    for query in ({"from": "2024-01-01", "to": "2025-12-31"},
                  {"from": "2025-01-02", "to": "2025-01-01"}):  # fmt: skip
        answer = api.get(f"{URL}/{group}/days", query)
        assert (answer.status_code, list(answer.json()["error"]["fields"])) == (400, ["to"])


def test_another_tenants_ids_are_unknown(
    api: Any, business: Business, other_business: Business
) -> None:
    theirs = group_of(other_business.api())
    other_business.api().post("/api/v1/contacts", {"external_id": "x-1"}, format="json")
    foreign = other_business.api().get("/api/v1/contacts").json()["results"][0]["id"]
    with other_business.scope():
        staff = ids.encode(Staff.objects.order_by("pk").first().pk)  # type: ignore[union-attr]
    own = group_of(api)

    for path in ("", "/members", "/days"):
        assert api.get(f"{URL}/{theirs}{path}").status_code == 404
    assert api.post(f"{URL}/{theirs}/members/bulk", {"items": []}, format="json").status_code == 404
    results = bring(
        api, own,
        {"contact": foreign, "joined_at": "2025-03-01"},
        {"staff": staff, "joined_at": "2025-03-01"},
        {"contact": "c-1", "joined_at": "2025-03-01", "invited_by": staff},
    )  # fmt: skip
    assert statuses(results) == ["rejected"] * 3
    assert api.get("/api/v1/contacts", {"group": theirs}).json()["results"] == []
    with business.scope():
        assert not GroupMember.objects.exists()


def test_sales_see_groups_of_their_own_and_customers_of_their_own(
    api: Any, business: Business
) -> None:
    mine, other = group_of(api, owner="sales1"), group_of(api, chat_id="g-2", owner="someone")
    api.post("/api/v1/contacts/bulk",
             {"items": [{"external_id": "c-1", "owner": "sales1"}]}, format="json")  # fmt: skip
    for group in (mine, other):
        bring(api, group, {"contact": "c-1", "joined_at": "2025-03-01", "left_at": "2025-03-03"},
              {"contact": "c-2", "joined_at": "2025-03-01", "left_at": "2025-03-03"})  # fmt: skip
    sales = business.as_role("sales")

    assert [row["id"] for row in sales.get(URL).json()["results"]] == [mine]
    assert sales.get(f"{URL}/{other}").status_code == 404
    assert [m["name"] for m in members(sales, mine)] == ["Customer 1"]
    assert [r["name"] for r in sales.get(f"{URL}/lost").json()["results"]] == ["Customer 1"]
    assert sales.patch(f"{URL}/{mine}", {"name": "X"}, format="json").status_code == 403
    body = {"items": [{"contact": "c-1", "joined_at": "2025-03-01"}]}
    assert sales.post(f"{URL}/{mine}/members/bulk", body, format="json").status_code == 403
