"""Members of groups over the API: who came and went, when and how, and who is lost."""

from __future__ import annotations

from typing import Any

import pytest

from contacts import timeline
from contacts.models import Event
from tests.conftest import Business
from tests.contacts.groups.over_api import URL, bring, days, group_of, members, statuses


def test_joins_and_quits_are_spells(api: Any, business: Business) -> None:
    group = group_of(api)

    first = bring(
        api, group,
        {"contact": "c-1", "joined_at": "2025-03-01T10:00:00+08:00", "join_way": "qr",
         "state": "s1"},
        {"contact": "c-1", "left_at": "2025-03-02T10:00:00+08:00", "quit_way": "left"},
        {"contact": "c-1", "joined_at": "2025-03-03T10:00:00+08:00", "join_way": "invited",
         "invited_by": "guide1"},
        {"staff": "guide1", "joined_at": "2025-03-01T09:00:00+08:00"},
        {"external": "wmAbcdefghijklmnopqrstuvwxyz01", "name": "小红",
         "joined_at": "2025-03-01T23:30:00+08:00"},
    )  # fmt: skip
    again = bring(
        api, group, {"contact": "c-1", "joined_at": "2025-03-01T10:00:00+08:00", "join_way": "qr"}
    )

    assert statuses(first) == ["created"] * 5
    assert statuses(again) == ["unchanged"]
    customer, guide, unknown = members(api, group)
    assert customer | {"id": "", "contact": ""} == {
        "id": "", "group": group, "kind": "contact", "contact": "", "staff": None,
        "external": None, "name": "Customer 1", "joined_at": "2025-03-03T10:00:00+08:00",
        "join_way": "invited", "invited_by": "guide1", "state": "", "left_at": None,
        "quit_way": "", "stays": 2,
    }  # fmt: skip
    assert (guide["kind"], guide["staff"], guide["stays"]) == ("staff", "guide1", 1)
    assert (unknown["kind"], unknown["name"]) == ("unknown", "小红")
    shown = api.get(f"{URL}/{group}").json()
    assert (shown["members"], shown["staff"]) == (2, 1)
    # Staff are not counted; the days are Shanghai's.
    assert days(api, group, "2025-02-28", "2025-03-05") == [
        (0, 0, 0), (2, 0, 2), (0, 1, 1), (1, 0, 2), (0, 0, 2),
    ]  # fmt: skip
    with business.scope():
        lines = [
            (event.kind, event.properties["by"])
            for event in Event.objects.filter(kind__startswith="group.").order_by("at")
        ]
    assert lines == [
        ("group.joined", "qr"), ("group.left", "left"), ("group.joined", "invited"),
    ]  # fmt: skip


def test_facts_may_come_late_twice_and_in_any_order(api: Any) -> None:
    group = group_of(api)
    joined = {"contact": "c-1", "joined_at": "2025-03-01T10:00:00+08:00"}
    left = {"contact": "c-1", "left_at": "2025-03-04T10:00:00+08:00", "quit_way": "removed"}

    assert statuses(bring(api, group, left)) == ["created"]
    assert members(api, group) == []  # who left before anybody saw them join was never in
    assert statuses(bring(api, group, joined)) == ["updated"]
    assert [(m["left_at"], m["quit_way"]) for m in members(api, group)] == [
        ("2025-03-04T10:00:00+08:00", "removed")
    ]
    assert statuses(bring(api, group, left, joined)) == ["unchanged", "unchanged"]
    between = bring(
        api, group, {"contact": "c-1", "joined_at": "2025-03-03T00:00:00+08:00",
                     "left_at": "2025-03-03T12:00:00+08:00"},
    )  # fmt: skip

    assert statuses(between) == ["updated"]
    assert [m["stays"] for m in members(api, group)] == [1]
    assert days(api, group, "2025-03-01", "2025-03-05") == [
        (1, 0, 1), (0, 0, 1), (0, 1, 0), (0, 0, 0),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("item", "field", "code"),
    [
        ("no object", "", "invalid"),
        ({"joined_at": "2025-03-01"}, "contact", "one"),
        ({"contact": "c-1", "staff": "x", "joined_at": "2025-03-01"}, "staff", "one"),
        ({"contact": "nobody", "joined_at": "2025-03-01"}, "contact", "unknown_contact"),
        ({"contact": "c-1"}, "joined_at", "blank"),
        ({"contact": "c-1", "joined_at": "2025/03/01"}, "joined_at", "time"),
        ({"contact": "c-1", "joined_at": "2999-01-01"}, "joined_at", "future"),
        ({"contact": 7, "joined_at": "2025-03-01"}, "contact", "invalid"),
        (
            {"contact": "c-1", "joined_at": "2025-03-02", "left_at": "2025-03-01"},
            "left_at",
            "order",
        ),
        (
            {"contact": "c-1", "joined_at": "2025-03-02", "left_at": "2025-03-02"},
            "left_at",
            "order",
        ),
        ({"contact": "c-1", "joined_at": "2025-03-02", "join_way": "left"}, "join_way", "way"),
        ({"contact": "c-1", "joined_at": "2025-03-02", "quit_way": "left"}, "quit_way", "alone"),
        ({"contact": "c-1", "left_at": "2025-03-02", "invited_by": "x"}, "invited_by", "alone"),
        ({"external": "x" * 65, "joined_at": "2025-03-01"}, "external", "too_long"),
        ({"contact": "c-1", "joined_at": "2025-03-01", "since": 1}, "since", "unknown_field"),
    ],
)  # fmt: skip
def test_a_bad_item_stops_no_other(api: Any, item: Any, field: str, code: str) -> None:
    group = group_of(api)

    bad, good = bring(api, group, item, {"contact": "c-2", "joined_at": "2025-03-01"})

    assert (bad["status"], bad["id"], bad["error"]["code"]) == ("rejected", None, code)
    assert list(bad["error"]["fields"]) == ([field] if field else [])
    assert good["status"] == "created"
    assert [m["name"] for m in members(api, group)] == ["Customer 2"]


def test_members_are_listed_by_page_state_and_kind(api: Any) -> None:
    group = group_of(api)
    bring(
        api, group,
        {"contact": "c-1", "joined_at": "2025-03-01", "left_at": "2025-03-05"},
        {"contact": "c-2", "joined_at": "2025-03-01"},
        {"staff": "guide1", "joined_at": "2025-03-01"},
        {"external": "wm-1", "joined_at": "2025-03-01"},
    )  # fmt: skip

    assert [m["name"] for m in members(api, group, state="left")] == ["Customer 1"]
    assert [m["kind"] for m in members(api, group, state="in")] == ["contact", "staff", "unknown"]
    assert [m["external"] for m in members(api, group, kind="unknown")] == ["wm-1"]
    assert len(members(api, group, contact="c-1")) == 1
    page = api.get(f"{URL}/{group}/members", {"limit": 3}).json()
    rest = api.get(f"{URL}/{group}/members", {"limit": 3, "cursor": page["next"]}).json()
    assert [m["kind"] for m in page["results"] + rest["results"]] == [
        "contact", "contact", "staff", "unknown",
    ]  # fmt: skip
    assert api.get(f"{URL}/{group}/members", {"state": "asleep"}).status_code == 400


def test_the_lost_are_those_in_no_group_any_more(api: Any) -> None:
    one, two = group_of(api, owner="guide1"), group_of(api, chat_id="g-2", owner="guide2")
    bring(
        api, one,
        {"contact": "c-1", "joined_at": "2025-03-01", "left_at": "2025-03-05"},
        {"contact": "c-2", "joined_at": "2025-03-01", "left_at": "2025-03-05"},
        {"contact": "c-3", "joined_at": "2025-03-01"},
        {"staff": "guide1", "joined_at": "2025-03-01", "left_at": "2025-03-02"},
        {"external": "wm-1", "joined_at": "2025-03-01", "left_at": "2025-03-06"},
    )  # fmt: skip
    bring(
        api, two,
        {"contact": "c-1", "joined_at": "2025-03-02", "left_at": "2025-03-07", "quit_way": "left"},
        {"contact": "c-2", "joined_at": "2025-03-06"},
    )  # fmt: skip

    def lost(**query: str) -> list[tuple[str, str, str]]:
        answer = api.get(f"{URL}/lost", query)
        assert answer.status_code == 200, answer.json()
        return [(r["name"] or r["external"], r["group"], r["quit_way"])
                for r in answer.json()["results"]]  # fmt: skip

    assert lost() == [("Customer 1", two, "left"), ("wm-1", one, "")]
    assert lost(owner="guide1") == [("wm-1", one, "")]
    assert lost(group=two) == [("Customer 1", two, "left")]
    page = api.get(f"{URL}/lost", {"limit": 1}).json()
    rest = api.get(f"{URL}/lost", {"limit": 1, "cursor": page["next"]}).json()
    assert [r["external"] for r in rest["results"]] == ["wm-1"]
    assert rest["next"] is None


def test_joining_moves_a_contact_on_and_earns_points(api: Any, business: Business) -> None:
    group = group_of(api)
    bring(api, group, {"contact": "c-1", "joined_at": "2025-03-01T10:00:00+08:00"})
    with business.scope():
        timeline.drain_all()

    shown = api.get("/api/v1/contacts", {"external_id": "c-1"}).json()["results"][0]
    line = api.get(f"/api/v1/contacts/{shown['id']}/timeline", {"kind": "group.joined"}).json()

    assert shown["stage"] == "profiled"
    explained = api.get(f"/api/v1/contacts/{shown['id']}/score").json()
    assert "group.joined" in str(explained)
    assert line["results"][0]["text"] == "加入了社群“Mothers”"
    assert line["results"][0]["properties"] == {"group": "Mothers", "id": group, "by": "joined"}


def test_events_that_name_a_group_are_moves(api: Any, business: Business) -> None:
    group = group_of(api)
    told = [
        {"event_id": "e-1", "contact": "c-1", "kind": "group.joined",
         "at": "2025-03-01T10:00:00+08:00", "properties": {"group": "g-1"}},
        {"event_id": "e-2", "contact": "c-1", "kind": "group.left",
         "at": "2025-03-02T10:00:00+08:00", "properties": {"group": group}},
        {"event_id": "e-3", "contact": "c-2", "kind": "group.joined",
         "at": "2025-03-02T10:00:00+08:00", "properties": {"group": "no group of ours"}},
    ]  # fmt: skip
    api.post("/api/v1/events/bulk", {"items": told}, format="json")
    with business.scope():
        timeline.drain_all()
        assert Event.objects.filter(kind__startswith="group.").count() == 3  # none of our own

    assert [(m["name"], m["left_at"]) for m in members(api, group)] == [
        ("Customer 1", "2025-03-02T10:00:00+08:00")
    ]


def test_a_deleted_contact_stays_counted_and_nameless(api: Any, business: Business) -> None:
    group = group_of(api)
    bring(api, group, {"contact": "c-1", "joined_at": "2025-03-01"})
    contact = members(api, group)[0]["contact"]

    assert api.delete(f"/api/v1/contacts/{contact}").status_code == 204

    left = members(api, group)[0]
    assert (left["kind"], left["name"], left["contact"]) == ("unknown", "", None)
    assert api.get(f"{URL}/{group}").json()["members"] == 1
