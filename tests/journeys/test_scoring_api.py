"""score-rules, stages and the facets of contacts, through HTTP."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from contacts import timeline
from contacts.models import Contact
from contacts.timeline import NewEvent
from journeys import score_versions
from journeys.models import ContactStage, Lead, Score, ScorePoint, StageMove
from tenants import ids
from tests.conftest import Business


def now() -> datetime:
    """Points fade: what a test says happened now did not when its module was read."""
    return datetime.now(UTC)


def finish(business: Business) -> None:
    with business.scope():
        while score_versions.step() or score_versions.review_step():
            pass


def somebody(business: Business, name: str, *happened: tuple[str, datetime]) -> str:
    with business.scope():
        contact = Contact.objects.create(name=name, external_id=name)
        timeline.record(
            [
                NewEvent(contact.pk, kind, at, "given", f"{name}{nr}")
                for nr, (kind, at) in enumerate(happened)
            ]
        )
        timeline.drain_all()
        return ids.encode(contact.pk)


def test_contacts_show_and_sort_by_score(business: Business) -> None:
    somebody(business, "low", ("content.read", now()))
    somebody(business, "high", ("price.asked", now()), ("quiz.answered", now()))
    somebody(business, "nothing")
    api = business.api()

    rows = api.get("/api/v1/contacts?ordering=-score").json()["results"]

    assert [(row["name"], row["stage"], row["fit"]) for row in rows] == [
        ("high", "profiled", "C"),
        ("low", "visitor", "C"),
        ("nothing", None, "C"),
    ]
    assert [row["score"] for row in rows] == pytest.approx([55, 10, 0], rel=1e-2)
    assert [row["engagement"] for row in rows] == pytest.approx([55, 10, 0], rel=1e-2)
    for query, names in (
        ("min_score=20", ["high"]),
        ("min_score=9.9", ["low", "high"]),
        ("stage=visitor", ["low"]),
        ("stage=none", []),
    ):
        found = api.get(f"/api/v1/contacts?{query}").json()["results"]
        assert {row["name"] for row in found} == set(names), query


def test_explanation(business: Business) -> None:
    start = datetime(2026, 3, 2, 4, tzinfo=UTC)
    one = somebody(
        business,
        "c",
        ("content.read", start),
        ("content.read", start + timedelta(days=7)),
        ("price.asked", start + timedelta(days=10)),
        ("price.asked", start + timedelta(days=20)),
    )

    shown = business.api().get(
        f"/api/v1/contacts/{one}/score", {"as_of": "2026-03-16T12:00:00+08:00"}
    )

    assert shown.status_code == 200, shown.json()
    found = shown.json()
    assert (round(found["engagement"], 4), found["fit"], found["weight"]) == (44.8845, "C", 1.0)
    assert (found["as_of"], found["half_life_days"]) == ("2026-03-16T12:00:00+08:00", 14.0)
    assert [
        (e["kind"], e["rule"], e["points"], round(e["points_now"], 4)) for e in found["events"]
    ] == [
        ("price.asked", "询问了价格", 40, 32.8134),
        ("content.read", "阅读内容", 10, 7.0711),
        ("content.read", "阅读内容", 10, 5.0),
    ]
    assert business.as_role("sales").get(f"/api/v1/contacts/{one}/score").status_code == 404


def test_rules_live_and_publish(business: Business) -> None:
    one = somebody(business, "c", ("content.read", now()))
    api = business.api()
    made = api.post(
        "/api/v1/score-rules",
        {"name": "Reads a lot", "kind": "content.read", "points": 5},
        format="json",
    )
    assert made.status_code == 201, made.json()
    rule = made.json()
    assert rule == {
        "id": rule["id"],
        "name": "Reads a lot",
        "part": "engagement",
        "kind": "content.read",
        "condition": {},
        "points": 5,
        "daily_times": None,
        "total_points": None,
        "active": True,
    }

    seen = api.post("/api/v1/score-rules/preview", {}, format="json").json()
    assert (seen["contacts"], seen["changed"], seen["up"]) == (1, 1, 1)
    assert seen["samples"][0]["contact"] == one
    assert round(seen["samples"][0]["after"]["score"], 2) == 15

    published = api.post("/api/v1/score-rules/publish", {"half_life_days": 30}, format="json")
    assert (published.status_code, published.json()["state"]) == (202, "building")
    assert [v["state"] for v in api.get("/api/v1/score-rules/versions").json()] == [
        "live",
        "building",
    ]
    assert round(api.get(f"/api/v1/contacts/{one}").json()["score"], 2) == 10
    finish(business)
    assert round(api.get(f"/api/v1/contacts/{one}").json()["score"], 2) == 15

    assert api.delete(f"/api/v1/score-rules/{rule['id']}").status_code == 204
    assert api.get(f"/api/v1/score-rules/{rule['id']}").status_code == 404
    assert round(api.get(f"/api/v1/contacts/{one}").json()["score"], 2) == 15
    assert api.post("/api/v1/score-rules/publish", {}, format="json").status_code == 202
    finish(business)
    assert round(api.get(f"/api/v1/contacts/{one}").json()["score"], 2) == 10
    [live] = api.get("/api/v1/score-rules/versions").json()
    assert (live["version"], live["half_life_days"]) == (3, 30)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": "x", "points": 5}, "kind"),
        ({"name": "x", "points": 5, "kind": "a", "condition": {"tag": "x"}}, "condition"),
        (
            {"name": "x", "points": 5, "part": "fit", "condition": {"field": "shoe", "is": 1}},
            "condition",
        ),
        ({"name": "x", "points": 5, "part": "fit", "condition": {}}, "condition"),
        ({"name": "x", "points": "many", "kind": "a"}, "points"),
        ({"name": "x", "points": 5, "kind": "a", "daily_times": 0}, "daily_times"),
        ({"name": "x", "points": 5, "kind": "a", "colour": 1}, "colour"),
    ],
)
def test_bad_rules(business: Business, body: dict[str, Any], field: str) -> None:
    answer = business.api().post("/api/v1/score-rules", body, format="json")
    assert (answer.status_code, list(answer.json()["error"]["fields"])) == (400, [field])


@pytest.mark.parametrize(
    "body",
    [
        {"half_life_days": 0},
        {"lead_threshold": -1},
        {"grade_weights": {"A": 1}},
        {"grade_thresholds": {"A": 1, "B": 2, "C": 3}},
    ],
)
def test_bad_settings(business: Business, body: dict[str, Any]) -> None:
    answer = business.api().post("/api/v1/score-rules/publish", body, format="json")
    assert (answer.status_code, list(answer.json()["error"]["fields"])) == (400, list(body))


def test_stages_live(business: Business) -> None:
    api = business.api()
    stages = api.get("/api/v1/stages", HTTP_ACCEPT_LANGUAGE="en").json()["results"]
    assert [(s["key"], s["name"], s["position"]) for s in stages][:2] == [
        ("visitor", "Visitor", 1),
        ("prospect", "Prospect", 2),
    ]
    made = api.post(
        "/api/v1/stages",
        {
            "key": "vip",
            "name": "VIP",
            "purpose": "advocacy",
            "position": 3,
            "rule": {"event": "vip.named"},
        },
        format="json",
    )
    assert made.status_code == 201, made.json()
    assert [s["key"] for s in api.get("/api/v1/stages").json()["results"]] == [
        "visitor", "prospect", "vip", "profiled", "intent", "pending", "won",
    ]  # fmt: skip
    one = somebody(business, "c", ("vip.named", now()))
    finish(business)
    assert api.get(f"/api/v1/contacts/{one}").json()["stage"] == "vip"
    moves = api.get(f"/api/v1/stage-moves?contact={one}").json()["results"]
    assert [(m["from_stage"], m["to_stage"], m["why"]) for m in moves] == [
        ("visitor", "vip", "rule"),
        (None, "visitor", "rule"),
    ]

    path = f"/api/v1/stages/{made.json()['id']}"
    changed = api.patch(path, {"rule": {"fact": "reachable"}, "name": "Star"}, format="json").json()
    assert (changed["name"], changed["rule_version"]) == ("Star", 2)
    assert api.delete(path).status_code == 409
    assert api.patch(path, {"position": 7}, format="json").json()["position"] == 7
    bad = api.patch(path, {"rule": {"fact": "rich"}}, format="json")
    assert (bad.status_code, list(bad.json()["error"]["fields"])) == (400, ["rule"])
    assert business.as_role("sales").patch(path, {"name": "x"}, format="json").status_code == 403


def test_move_by_hand(business: Business) -> None:
    one = somebody(business, "c", ("content.read", now()))
    api = business.as_role("operator")
    won = next(s for s in api.get("/api/v1/stages").json()["results"] if s["key"] == "won")
    path = f"/api/v1/stages/{won['id']}/contacts"

    moved = api.post(path, {"contact": one, "reason": "paid cash"}, format="json")

    assert moved.status_code == 201, moved.json()
    assert (moved.json()["why"], moved.json()["reason"], moved.json()["by"]) == (
        "person",
        "paid cash",
        "Operator",
    )
    assert api.post(path, {"contact": one}, format="json").status_code == 409
    assert business.as_role("viewer").post(path, {"contact": one}, format="json").status_code == 403
    with business.scope():
        timeline.drain_all()
    assert api.get(f"/api/v1/contacts/{one}").json()["stage"] == "won"


def test_a_deleted_contact_takes_all_of_it_along(business: Business) -> None:
    one = somebody(business, "c", ("price.asked", now()), ("price.asked", now()))
    with business.scope():
        contact = Contact.objects.get(external_id="c")
        contact.phone = "+8613800138000"
        contact.save()
        tell_changed(contact)
        assert Lead.objects.count() == 1

    assert business.api().delete(f"/api/v1/contacts/{one}").status_code == 204

    with business.scope():
        left = [
            model.__name__
            for model in (Lead, Score, ScorePoint, StageMove, ContactStage)
            if model.objects.exists()
        ]
        assert left == []


def tell_changed(contact: Contact) -> None:
    timeline.record([NewEvent(contact.pk, "contact.changed", now(), "contacts", "changed")])
    timeline.drain_all()
