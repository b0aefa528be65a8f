"""The REST resources of content, scripts and touches: the contract, roles, strangers."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone

from journeys import dispatch
from journeys.models import Enrolment, StaffTask, Touch
from tenants import ids
from tests.conftest import Business
from tests.journeys import ground

V1 = "/api/v1"
PIECE: dict[str, Any] = {
    "title": "Guide",
    "kind": "article",
    "purpose": "nurture",
    "body": "",
    "url": "https://example.com/guide",
    "active": True,
}
STEPS: list[dict[str, Any]] = [
    {"delay_minutes": 0, "route": "none", "kind": "greeting", "text": "Hi {name}"},
    {"day": 1, "at_time": "10:00", "route": "staff_task", "kind": "service", "text": "Call {name}"},
]


@pytest.fixture
def friend_id(business: Business) -> str:
    with business.scope():
        ground.no_pace()
        return ids.encode(ground.friend(business.staff["sales"], "Ann").pk)


def code(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


# --- content and links ---


def test_a_piece_of_content_lives(business: Business) -> None:
    api = business.api()
    made = api.post(f"{V1}/contents", PIECE)
    assert made.status_code == 201, made.json()
    one = f"{V1}/contents/{made.json()['id']}"

    assert {name: made.json()[name] for name in PIECE} == PIECE
    assert api.patch(one, {"purpose": "choice"}).json()["purpose"] == "choice"
    assert api.get(f"{V1}/contents?purpose=choice").json()["results"][0]["title"] == "Guide"
    assert api.get(f"{V1}/contents?purpose=nurture").json()["results"] == []
    assert code(api.post(f"{V1}/contents", PIECE)) == (409, "duplicate")
    assert api.delete(one).status_code == 204
    assert code(api.get(one)) == (404, "not_found")


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"url": "javascript:alert(1)"}, "url"),
        ({"url": "ftp://example.com/x"}, "url"),
        ({"purpose": "fun"}, "purpose"),
        ({"title": ""}, "title"),
        ({"tenant": 1}, "tenant"),
    ],
)
def test_bad_content_is_refused_by_field(
    business: Business, wrong: dict[str, object], field: str
) -> None:
    answer = business.api().post(f"{V1}/contents", {**PIECE, **wrong})

    assert answer.status_code == 400
    assert list(answer.json()["error"]["fields"]) == [field]


def test_a_link_is_made_once_and_opens(business: Business, friend_id: str) -> None:
    api = business.api()
    piece = api.post(f"{V1}/contents", PIECE).json()["id"]
    wanted = {"content": piece, "contact": friend_id, "staff": "sales1"}

    made, again = api.post(f"{V1}/links", wanted), api.post(f"{V1}/links", wanted)

    assert (made.status_code, again.status_code) == (201, 200)
    assert made.json() == again.json()
    link = made.json()
    assert link["url"] == f"{settings.BASE_URL}/l/{link['code']}"
    assert (link["contact"], link["staff"]) == (friend_id, "sales1")
    assert Client().get(f"/l/{link['code']}").status_code == 302
    kinds = [e["kind"] for e in api.get(f"{V1}/events?contact={friend_id}").json()["results"]]
    assert sorted(kinds) == ["content.read", "follow.opened", "link.clicked"]
    assert [r["id"] for r in api.get(f"{V1}/links?contact={friend_id}").json()["results"]] == [
        link["id"]
    ]
    assert code(api.delete(f"{V1}/contents/{piece}")) == (409, "in_use")


def test_sales_make_links_for_their_own_only(business: Business, friend_id: str) -> None:
    piece = business.api().post(f"{V1}/contents", PIECE).json()["id"]
    with business.scope():
        stranger = ids.encode(ground.friend(business.staff["admin"]).pk)
    sales = business.as_role("sales")

    own = sales.post(f"{V1}/links", {"content": piece, "contact": friend_id})
    other = sales.post(f"{V1}/links", {"content": piece, "contact": stranger})

    assert own.status_code == 201
    assert (other.status_code, list(other.json()["error"]["fields"])) == (400, ["contact"])


# --- scripts ---


@pytest.fixture
def sop(business: Business) -> dict[str, Any]:
    """A published script, made through the API."""
    with business.scope():
        ground.no_pace()
    api = business.api()
    made = api.post(f"{V1}/sops", {"name": "Start", "steps": STEPS})
    assert made.status_code == 201, made.json()
    assert api.post(f"{V1}/sops/{made.json()['id']}/publish").status_code == 200
    found: dict[str, Any] = made.json()
    return found


def test_a_script_is_made_and_published(business: Business, sop: dict[str, Any]) -> None:
    api, one = business.api(), f"{V1}/sops/{sop['id']}"

    assert (sop["status"], sop["version"], sop["published"]) == ("draft", 1, False)
    assert (sop["trigger"], sop["leave_on_order"]) == ("follow.opened", True)
    assert [step["position"] for step in sop["steps"]] == [1, 2]
    assert sop["steps"][1]["at_time"] == "10:00"
    published = api.get(one).json()
    assert (published["status"], published["published"]) == ("active", True)
    assert code(api.post(f"{one}/publish")) == (409, "wrong_status")


def test_a_script_previews_its_dates(business: Business, sop: dict[str, Any]) -> None:
    api, one = business.api(), f"{V1}/sops/{sop['id']}"

    for planned in (api.get(f"{one}/preview").json(), api.post(f"{one}/preview").json()):
        assert planned["steps"][0]["due_at"] == planned["started_at"]
        assert "T10:00:00+08:00" in planned["steps"][1]["due_at"]
        assert [step["reason"] for step in planned["steps"]] == ["", ""]


def test_runs_touches_and_report(business: Business, sop: dict[str, Any]) -> None:
    api, one = business.api(), f"{V1}/sops/{sop['id']}"
    with business.scope():
        contact = ids.encode(ground.friend(business.staff["sales"], "Ann").pk)
    dispatch.run(business.pk)

    found = api.get(f"{one}/report").json()
    assert (found["entered"], found["running"], found["left"]) == (1, 1, {})
    assert [(s["position"], s["sent"], s["skipped"], s["states"]) for s in found["steps"]] == [
        (1, 1, 0, {"sent": 1}),
        (2, 0, 0, {"planned": 1}),
    ]
    runs = api.get(f"{V1}/enrolments?contact={contact}").json()["results"]
    assert [(r["sop"], r["version"], r["staff"], r["state"]) for r in runs] == [
        (sop["id"], 1, "sales1", "running")
    ]
    touches = api.get(f"{V1}/touches?contact={contact}&state=sent").json()["results"]
    assert [(t["sop"], t["step"], t["staff"], t["route"], t["kind"]) for t in touches] == [
        (sop["id"], 1, "sales1", "none", "greeting")
    ]
    assert touches[0]["sent_at"] is not None
    assert code(api.delete(one)) == (409, "in_use")

    leave = f"{V1}/enrolments/{runs[0]['id']}/leave"
    left = api.post(leave).json()
    assert (left["state"], left["reason"]) == ("left", "by_hand")
    assert code(api.post(leave)) == (409, "ended")


def test_editing_makes_a_draft_and_a_pause_stops(business: Business, sop: dict[str, Any]) -> None:
    api, one = business.api(), f"{V1}/sops/{sop['id']}"

    draft = api.patch(one, {"steps": STEPS[:1]}).json()

    assert (draft["version"], draft["published"], len(draft["steps"])) == (2, False, 1)
    assert api.post(f"{one}/pause").json()["status"] == "paused"
    assert code(api.post(f"{one}/pause")) == (409, "wrong_status")
    assert api.post(f"{one}/resume").json()["status"] == "active"


def test_what_cannot_be_published_is_named(business: Business) -> None:
    api = business.api()
    api.patch(f"{V1}/touch-rules", {"sensitive_words": ["cheapest"]})
    empty = api.post(f"{V1}/sops", {"name": "Empty"}).json()["id"]
    bad = api.post(
        f"{V1}/sops",
        {"name": "Bad", "steps": [{"delay_minutes": 0, "text": "Dear {nmae}, cheapest tea"}]},
    ).json()["id"]

    none, faults = api.post(f"{V1}/sops/{empty}/publish"), api.post(f"{V1}/sops/{bad}/publish")

    assert code(none) == code(faults) == (400, "invalid")
    assert len(none.json()["error"]["fields"]["steps"]) == 1
    assert len(faults.json()["error"]["fields"]["steps"]) == 2
    assert api.get(f"{V1}/sops/{bad}").json()["status"] == "draft"


@pytest.mark.parametrize(
    ("step", "field"),
    [
        ({"text": "x"}, "steps.0.day"),
        ({"delay_minutes": 1, "day": 1, "text": "x"}, "steps.0.day"),
        ({"delay_minutes": 1, "at_time": "10:00"}, "steps.0.at_time"),
        ({"delay_minutes": -1}, "steps.0.delay_minutes"),
        ({"day": 1, "at_time": "25:00"}, "steps.0.at_time"),
        ({"day": 1, "route": "pigeon"}, "steps.0.route"),
        ({"day": 1, "content": "x"}, "steps.0.content"),
        ({"day": 1, "colour": "red"}, "steps.0.colour"),
    ],
)
def test_bad_steps_are_refused_by_field(
    business: Business, step: dict[str, object], field: str
) -> None:
    answer = business.api().post(f"{V1}/sops", {"name": "Bad", "steps": [step]})

    assert answer.status_code == 400
    assert list(answer.json()["error"]["fields"]) == [field]


# --- touches, tasks, pace ---


def test_a_due_touch_reads_due_and_filters_so(business: Business) -> None:
    with business.scope():
        ground.script("Start", ground.step(0), ground.step(600))
        ground.friend(business.staff["sales"], at=ground.an_hour_ago())
    api = business.api()

    def seen(state: str) -> list[str]:
        found = api.get(f"{V1}/touches?state={state}").json()["results"]
        return [touch["state"] for touch in found]

    assert (seen("due"), seen("planned"), seen("sent")) == (["due"], ["planned"], [])
    assert code(api.get(f"{V1}/touches?state=lost")) == (400, "invalid")


def task_of(business: Business, role: str = "sales") -> str:
    with business.scope():
        ground.no_pace()
        ground.script(f"For {role}", ground.step(0, "Call {name}", route="staff_task"))
        ground.friend(business.staff[role], "Ann")
    dispatch.run(business.pk)
    with business.scope():
        return ids.encode(StaffTask.objects.latest("id").pk)


def test_sales_do_their_own_tasks(business: Business) -> None:
    mine, theirs = task_of(business), task_of(business, "admin")
    sales = business.as_role("sales")

    rows = sales.get(f"{V1}/staff-tasks?state=open").json()["results"]
    assert [(row["id"], row["text"], row["staff"]) for row in rows if row["id"] == mine] == [
        (mine, "Call Ann", "sales1")
    ]
    assert theirs not in [row["id"] for row in rows]
    assert code(sales.post(f"{V1}/staff-tasks/{theirs}/done")) == (404, "not_found")
    later = (timezone.now() + timedelta(days=1)).isoformat()
    assert sales.post(f"{V1}/staff-tasks/{mine}/postpone", {"due_at": later}).status_code == 200
    past = {"due_at": "2020-01-01T00:00:00Z"}
    assert sales.post(f"{V1}/staff-tasks/{mine}/postpone", past).status_code == 400
    done = sales.post(f"{V1}/staff-tasks/{mine}/done")
    assert (done.status_code, done.json()["state"]) == (200, "done")
    assert code(sales.post(f"{V1}/staff-tasks/{mine}/done")) == (409, "closed")
    touch = sales.get(f"{V1}/touches/{done.json()['touch']}").json()
    assert touch["state"] == "sent"


def test_an_unsettled_touch_is_settled_by_a_person(business: Business) -> None:
    with business.scope():
        ground.script("Start", ground.step(600), ground.step(601), ground.step(602))
        ground.friend(business.staff["sales"])
        Touch.objects.update(state="unknown", reason="unsettled", sending_at=timezone.now())
        sent, again, open_ = Touch.objects.order_by("id")
        Touch.objects.filter(pk=open_.pk).update(lease_until=timezone.now())
    api = business.api()

    def settle(touch: Touch, answer: object) -> Any:
        return api.post(f"{V1}/touches/{ids.encode(touch.pk)}/settle", {"sent": answer})

    assert len(api.get(f"{V1}/touches?state=unknown").json()["results"]) == 3
    assert settle(sent, True).json()["state"] == "sent"
    assert settle(again, False).json()["state"] == "planned"
    assert code(settle(sent, True)) == (409, "known")
    assert code(settle(open_, True)) == (409, "known")  # still being looked up
    assert settle(again, "yes").status_code == 400


def test_the_pace_is_read_and_changed(business: Business) -> None:
    api = business.api()
    rules = api.get(f"{V1}/touch-rules").json()
    assert (rules["quiet_from"], rules["quiet_to"]) == ("21:30", "08:30")
    assert (rules["per_contact_day"], rules["mass_quota"]) == (2, "month_days")

    changed = api.patch(f"{V1}/touch-rules", {"quiet_to": "09:00", "per_contact_day": 1})

    assert changed.json() == {**rules, "quiet_to": "09:00", "per_contact_day": 1}
    assert api.get(f"{V1}/touch-rules").json() == changed.json()
    assert api.patch(f"{V1}/touch-rules", {"quiet_to": "late"}).status_code == 400


# --- roles and strangers ---

WRITES: list[tuple[str, dict[str, Any]]] = [
    ("contents", PIECE),
    ("sops", {"name": "Start", "steps": STEPS}),
]


@pytest.mark.parametrize(("resource", "body"), WRITES)
def test_viewers_and_sales_configure_nothing(
    business: Business, resource: str, body: dict[str, Any]
) -> None:
    for role, status in (("viewer", 403), ("sales", 403), ("operator", 201)):
        assert business.as_role(role).post(f"{V1}/{resource}", body).status_code == status
        assert business.as_role(role).get(f"{V1}/{resource}").status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "contents/{content}",
        "sops/{sop}",
        "sops/{sop}/report",
        "sops/{sop}/preview",
        "enrolments/{run}",
        "touches/{touch}",
    ],
)
def test_another_tenants_rows_are_unknown(
    business: Business, other_business: Business, path: str
) -> None:
    with other_business.scope():
        piece = ground.article()
        sop = ground.script("Theirs", ground.step(0))
        ground.friend(other_business.staff["sales"])
        names = {
            "content": ids.encode(piece.pk),
            "sop": ids.encode(sop.pk),
            "run": ids.encode(Enrolment.objects.get().pk),
            "touch": ids.encode(Touch.objects.get().pk),
        }
    address = f"{V1}/{path.format(**names)}"

    assert code(business.api().get(address)) == (404, "not_found")
    assert other_business.api().get(address).status_code == 200


def test_another_tenants_ids_are_refused_in_bodies(
    business: Business, other_business: Business, friend_id: str
) -> None:
    with other_business.scope():
        foreign = ids.encode(ground.article().pk)
    api = business.api()
    own = api.post(f"{V1}/contents", PIECE).json()["id"]
    with other_business.scope():
        stranger = ids.encode(ground.friend(other_business.staff["sales"]).pk)
    post: Callable[..., Any] = api.post

    assert post(f"{V1}/links", {"content": foreign, "contact": friend_id}).status_code == 400
    assert post(f"{V1}/links", {"content": own, "contact": stranger}).status_code == 400
    steps = [{"day": 1, "text": "x", "content": foreign}]
    assert post(f"{V1}/sops", {"name": "S", "steps": steps}).status_code == 400
