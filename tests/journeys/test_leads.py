"""The queue of sales: who becomes a lead, who takes it, what comes of it. Through HTTP."""

from __future__ import annotations

import itertools
import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connections
from rest_framework.test import APIClient

from contacts import timeline
from contacts.models import Contact, Event, Order
from contacts.timeline import NewEvent
from journeys import leads, score_versions
from journeys.models import ContactStage, Lead, StageMove
from tenants import ids
from tenants.models import Membership, Staff, User
from tests.conftest import PASSWORD, Business

_number = itertools.count(1)


def ripe(business: Business, *, asked: int = 2, name: str = "", **fields: Any) -> Contact:
    """A contact with name and phone who asked the price now."""
    with business.scope():
        number = next(_number)
        contact = Contact.objects.create(
            name=name or f"R{number}", external_id=f"r{number}", phone="+8613800138000", **fields
        )
        ask(contact, asked)
        timeline.drain_all()
    return contact


def ask(contact: Contact, times: int = 1, at: datetime | None = None) -> None:
    now = at or datetime.now(UTC)
    timeline.record(
        [
            NewEvent(contact.pk, "price.asked", now, "given", f"e{next(_number)}")
            for _ in range(times)
        ]
    )


def lead_of(business: Business, contact: Contact) -> Lead | None:
    with business.scope():
        return Lead.objects.filter(contact=contact).order_by("-id").first()


def kinds_of(business: Business, contact: Contact) -> list[str]:
    with business.scope():
        events = Event.objects.filter(contact=contact, kind__startswith="lead.")
        return list(events.order_by("id").values_list("kind", flat=True))


def url(lead: Lead | None, verb: str = "") -> str:
    assert lead is not None
    return f"/api/v1/leads/{ids.encode(lead.pk)}{verb}"


def post(api: APIClient, path: str, **body: Any) -> Any:
    return api.post(path, body, format="json")


def another_sales(business: Business) -> tuple[APIClient, Staff]:
    with business.scope():
        number = next(_number)
        user = User.objects.create_user(f"s{business.pk}-{number}@example.com", PASSWORD)
        staff = Staff.objects.create(userid=f"second{number}")
        Membership.objects.create(user=user, role="sales", staff=staff)
    business.users["second"] = user
    return business.as_role("second"), staff


def test_threshold_makes_a_lead_once(business: Business) -> None:
    contact = ripe(business, asked=1)
    assert lead_of(business, contact) is None

    with business.scope():
        ask(contact)
        timeline.drain_all()
        ask(contact)
        timeline.drain_all()
        Event.objects.filter(kind="price.asked").update(handled_at=None)
        timeline.drain_all()

        lead = Lead.objects.get(contact=contact)
        assert (lead.state, round(lead.score_at_start)) == ("open", 80)
        assert ContactStage.objects.get(contact=contact).stage.key == "intent"
    assert kinds_of(business, contact) == ["lead.created"]


def test_who_is_excluded_or_unknown_never_becomes_one(business: Business) -> None:
    excluded = ripe(business, excluded=True)
    with business.scope():
        nameless = Contact.objects.create(external_id="n", phone="+8613800138000")
        ask(nameless, 2)
        timeline.drain_all()
    assert lead_of(business, excluded) is None
    assert lead_of(business, nameless) is None

    later = ripe(business)
    with business.scope():
        Contact.objects.filter(pk=later.pk).update(excluded=True)
        timeline.record([NewEvent(later.pk, "contact.changed", datetime.now(UTC), "x", "1")])
        timeline.drain_all()
    closed = lead_of(business, later)
    assert closed is not None
    assert (closed.state, closed.reason) == ("invalid", "excluded")
    assert kinds_of(business, later) == ["lead.created", "lead.invalid"]


def test_old_interest_has_faded_and_makes_no_lead(business: Business) -> None:
    with business.scope():
        contact = Contact.objects.create(name="Old", external_id="o", phone="+8613800138000")
        ask(contact, 2, at=datetime.now(UTC) - timedelta(days=60))
        timeline.drain_all()
        assert ContactStage.objects.get(contact=contact).stage.key == "intent"
    assert lead_of(business, contact) is None


def test_work_on_a_lead(business: Business) -> None:
    contact = ripe(business)
    lead = lead_of(business, contact)
    api = business.as_role("sales")

    shown = api.get("/api/v1/leads").json()["results"]
    assert [(row["state"], row["owner"], row["fit"]) for row in shown] == [("open", None, "C")]
    assert shown[0]["customer"] == {
        "id": ids.encode(contact.pk),
        "external_id": contact.external_id,
        "name": contact.name,
        "phone": "138****8000",
        "stage": "intent",
    }
    assert shown[0]["score"] == pytest.approx(80, abs=0.01)

    claimed = post(api, url(lead, "/claim"))
    assert (claimed.status_code, claimed.json()["owner"]) == (200, "sales1")
    assert post(api, url(lead, "/claim")).status_code == 200
    when = "2030-01-02T09:00:00+08:00"
    noted = post(
        api,
        url(lead, "/follow-ups"),
        kind="call",
        note="wants two",
        need_confirmed=True,
        next_at=when,
    )
    assert noted.status_code == 201, noted.json()
    assert api.get(url(lead, "/follow-ups")).json()["results"] == [noted.json()]
    assert noted.json()["staff"] == "sales1"
    assert api.get(url(lead)).json()["next_at"] == when
    with business.scope():
        timeline.drain_all()
        assert ContactStage.objects.get(contact=contact).stage.key == "pending"
        move = StageMove.objects.get(contact=contact, to_stage__key="pending")
        assert move.at == Event.objects.get(kind="lead.followed_up").at

    won = post(api, url(lead, "/outcome"), outcome="won", reason="paid in shop")
    assert (won.json()["state"], won.json()["reason"]) == ("won", "paid in shop")
    assert post(api, url(lead, "/outcome"), outcome="won").status_code == 200
    assert post(api, url(lead, "/outcome"), outcome="lost").status_code == 409
    assert post(api, url(lead, "/follow-ups"), note="late").status_code == 409
    assert kinds_of(business, contact) == [
        "lead.created",
        "lead.claimed",
        "lead.followed_up",
        "lead.won",
    ]


def test_lost_race_is_409(business: Business) -> None:
    lead = lead_of(business, ripe(business))
    first, (second, _staff) = business.as_role("sales"), another_sales(business)
    assert post(first, url(lead, "/claim")).status_code == 200

    lost = post(second, url(lead, "/claim"))

    assert (lost.status_code, lost.json()["error"]["code"]) == (409, "taken")
    assert second.get(url(lead)).status_code == 404
    assert second.get("/api/v1/leads").json()["results"] == []
    assert post(second, url(lead, "/release")).status_code == 404


def test_ten_at_once_get_one_lead_each_and_never_the_same(business: Business) -> None:
    contacts = [ripe(business) for _ in range(4)]
    clients = [another_sales(business)[0] for _ in range(8)]
    barrier = threading.Barrier(8)
    answers: list[Any] = [None] * 8

    def claim(nr: int) -> None:
        barrier.wait()
        answers[nr] = post(clients[nr], "/api/v1/leads/claim-next")
        for connection in connections.all():
            connection.close()

    threads = [threading.Thread(target=claim, args=[nr]) for nr in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(answer.status_code for answer in answers) == [200] * 4 + [404] * 4
    taken = {answer.json()["contact"] for answer in answers if answer.status_code == 200}
    assert taken == {ids.encode(contact.pk) for contact in contacts}


def test_claim_next_takes_the_highest_score(business: Business) -> None:
    ripe(business, asked=2)
    best = ripe(business, name="Best")
    with business.scope():
        timeline.record([NewEvent(best.pk, "session.attended", datetime.now(UTC), "given", "best")])
        timeline.drain_all()

    taken = post(business.as_role("sales"), "/api/v1/leads/claim-next")

    assert taken.json()["customer"]["name"] == "Best"
    assert taken.json()["score"] == pytest.approx(105, abs=0.01)


def test_queue_follows_the_score_in_pages(business: Business) -> None:
    with business.scope():
        made = []
        for nr in range(7):
            contact = Contact.objects.create(
                name=f"Q{nr}", external_id=f"q{nr}", phone="+8613800138000"
            )
            ask(contact, 2, at=datetime.now(UTC) - timedelta(hours=(nr * 5) % 7))
            made.append((contact.name, (nr * 5) % 7))
        timeline.drain_all()
    wanted = [name for name, _hours in sorted(made, key=lambda each: each[1])]
    api = business.api()

    found, cursor = [], ""
    while cursor is not None:
        page = api.get(f"/api/v1/leads?state=open&limit=3{cursor and '&cursor=' + cursor}").json()
        found += [row["customer"]["name"] for row in page["results"]]
        cursor = page["next"]

    assert found == wanted


def test_release_transfer_and_a_lead_that_comes_back(business: Business) -> None:
    contact = ripe(business)
    lead = lead_of(business, contact)
    api, (second, staff) = business.as_role("sales"), another_sales(business)
    post(api, url(lead, "/claim"))
    assert post(api, url(lead, "/release")).json()["state"] == "open"
    assert post(api, url(lead, "/release")).status_code == 409
    post(api, url(lead, "/claim"))
    moved = post(api, url(lead, "/transfer"), staff=staff.userid)
    assert (moved.status_code, moved.json()["owner"]) == (200, staff.userid)
    assert post(api, url(lead, "/transfer"), staff="sales1").status_code == 404
    assert post(second, url(lead, "/outcome"), outcome="lost", reason="price").status_code == 200

    with business.scope():
        ask(contact)
        timeline.drain_all()
        assert Lead.objects.filter(contact=contact).count() == 1  # never fell below the threshold

        Lead.objects.update(closed_at=datetime.now(UTC) - timedelta(days=50))
        Event.objects.filter(kind="price.asked").update(at=datetime.now(UTC) - timedelta(days=60))
        score_versions.publish()
        while score_versions.step() or score_versions.review_step():
            pass
        ask(contact, 2)
        timeline.drain_all()
        assert list(
            Lead.objects.filter(contact=contact).order_by("id").values_list("state", flat=True)
        ) == ["lost", "open"]


def test_who_has_bought_leaves_the_queue(business: Business) -> None:
    contact = ripe(business)
    with business.scope():
        now = datetime.now(UTC)
        Order.objects.create(order_id="o1", contact=contact, paid_at=now, amount_fen=1)
        timeline.record([NewEvent(contact.pk, "order.paid", now, "orders", "o1")])
        timeline.drain_all()
    lead = lead_of(business, contact)
    assert lead is not None
    assert (lead.state, lead.reason) == ("won", "order")


def test_lower_threshold_brings_leads_after_publishing(business: Business) -> None:
    contact = ripe(business, asked=1)
    answer = post(business.api(), "/api/v1/score-rules/publish", lead_threshold=30)
    assert answer.status_code == 202
    with business.scope():
        while score_versions.step() or score_versions.review_step():
            pass
    lead = lead_of(business, contact)
    assert lead is not None
    assert lead.state == "open"


def test_by_hand_into_a_stage_that_makes_leads(business: Business) -> None:
    with business.scope():
        contact = Contact.objects.create(name="Hand", external_id="hand")
    api = business.api()
    stage = next(s for s in api.get("/api/v1/stages").json()["results"] if s["key"] == "intent")
    moved = post(api, f"/api/v1/stages/{stage['id']}/contacts", contact=ids.encode(contact.pk))
    assert moved.status_code == 201, moved.json()
    with business.scope():
        timeline.drain_all()
    lead = lead_of(business, contact)
    assert lead is not None
    assert lead.state == "open"


@pytest.mark.parametrize(
    ("role", "status"), [("viewer", 403), ("sales", 200), ("operator", 200), ("owner", 200)]
)
def test_roles(business: Business, role: str, status: int) -> None:
    lead = lead_of(business, ripe(business))
    assert business.as_role(role).get("/api/v1/leads").status_code == 200
    assert post(business.as_role(role), url(lead, "/claim")).status_code == status


def test_keys_name_the_staff_member(business: Business) -> None:
    lead = lead_of(business, ripe(business))
    api = business.api()
    assert list(post(api, url(lead, "/claim")).json()["error"]["fields"]) == ["staff"]
    assert post(api, url(lead, "/claim"), staff="nobody").status_code == 400
    assert post(api, url(lead, "/claim"), staff="sales1").json()["owner"] == "sales1"
    other = lead_of(business, ripe(business))
    stranger = business.as_role("sales")
    assert post(stranger, url(other, "/claim"), staff="owner1").status_code == 403


def test_other_tenants_leads_are_unknown(business: Business, other_business: Business) -> None:
    lead = lead_of(business, ripe(business))
    api = other_business.api()
    for verb in ("", "/follow-ups"):
        assert api.get(url(lead, verb)).status_code == 404
    for verb in ("/claim", "/release", "/outcome", "/transfer", "/follow-ups"):
        body = {"staff": "sales1", "outcome": "won"} if verb != "/release" else {}
        assert post(api, url(lead, verb), **body).status_code == 404
    assert api.get("/api/v1/leads").json()["results"] == []


def test_pages_ask_the_queryset(business: Business) -> None:
    one, two, three = (ripe(business) for _ in range(3))
    with business.scope():
        mine, theirs = business.staff["sales"], business.staff["owner"]
        by_contact = {lead.contact_id: lead for lead in Lead.objects.all()}
        leads.claim(by_contact[one.pk], mine)
        leads.claim(by_contact[two.pk], theirs)
        assert {lead.contact_id for lead in Lead.objects.queue(mine)} == {one.pk, three.pk}
        assert [lead.contact_id for lead in Lead.objects.queue()] == [three.pk]
        assert [lead.contact_id for lead in Lead.objects.worked_by(mine)] == [one.pk]
        one.refresh_from_db()
        assert one.owner_id == mine.pk
