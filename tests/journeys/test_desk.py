"""The desk: queue, lead page, claim, follow-up, outcome, tasks; as a salesperson sees them."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import timezone

from contacts import timeline
from contacts.models import Contact
from journeys import leads
from journeys.models import Content, FollowUp, Lead, StaffTask, Touch
from tenants import ids
from tenants.models import Membership
from tests.conftest import Business


def make_lead(business: Business, name: str = "王小明", key: float = 90.0) -> Lead:
    with business.scope():
        contact = Contact.objects.create(name=name, phone="+8613912345678")
        return Lead.objects.create(contact=contact, key=key, score_at_start=key)


def url(lead: Lead, act: str = "") -> str:
    return f"/desk/leads/{ids.encode(lead.pk)}/{act}"


def sales(business: Business) -> Any:
    return business.browser("sales")


def test_the_queue_shows_who_waits_ripest_first(business: Business) -> None:
    make_lead(business, "低分", 10.0)
    make_lead(business, "高分", 80.0)

    page = sales(business).get("/desk/").content.decode()

    assert page.index("高分") < page.index("低分")
    assert "Take the ripest" in page


def test_taking_a_lead_opens_it_and_takes_it_from_the_queue(business: Business) -> None:
    lead, client = make_lead(business), sales(business)

    answer = client.post(url(lead, "claim/"))

    assert (answer.status_code, answer["Location"]) == (302, url(lead))
    assert "王小明" not in client.get("/desk/").content.decode()
    assert "王小明" in client.get("/desk/?show=mine").content.decode()
    page = client.get(url(lead)).content.decode()
    assert "Follow up" in page
    assert "139****5678" in page and "13912345678" not in page


def test_the_second_to_take_it_is_told(business: Business) -> None:
    lead = make_lead(business)
    with business.scope():
        leads.claim(Lead.objects.get(pk=lead.pk), business.staff["operator"])

    answer = business.browser("owner").post(url(lead, "claim/"), follow=True)
    assert "Someone was quicker." in answer.content.decode()
    assert sales(business).post(url(lead, "claim/")).status_code == 404


def test_take_the_ripest(business: Business) -> None:
    make_lead(business, "低分", 10.0)
    best = make_lead(business, "高分", 80.0)
    client = sales(business)

    assert client.post("/desk/next/")["Location"] == url(best)
    client.post("/desk/next/")
    answer = client.post("/desk/next/", follow=True)
    assert "Nobody is waiting." in answer.content.decode()


def test_a_follow_up_is_kept_and_bad_input_is_explained(business: Business) -> None:
    lead, client = make_lead(business), sales(business)
    client.post(url(lead, "claim/"))

    bad = client.post(url(lead, "follow-up/"), {"kind": "call", "note": "", "next_at": "soon"})
    assert bad.status_code == 422
    assert "This field is required." in bad.content.decode()

    good = client.post(
        url(lead, "follow-up/"), {"kind": "call", "note": "想要两套", "need_confirmed": "on"}
    )
    assert good.status_code == 302
    with business.scope():
        done = FollowUp.objects.get()
        assert (done.note, done.need_confirmed, done.staff) == (
            "想要两套",
            True,
            business.staff["sales"],
        )
        timeline.drain_all()


@pytest.mark.parametrize("outcome", ["won", "lost", "invalid"])
def test_an_outcome_closes_the_lead(outcome: str, business: Business) -> None:
    lead, client = make_lead(business), sales(business)
    client.post(url(lead, "claim/"))

    client.post(url(lead, "outcome/"), {"outcome": outcome, "reason": "试过了"})

    with business.scope():
        closed = Lead.objects.get()
        assert (closed.state, closed.reason) == (outcome, "试过了")


def test_only_ones_own_lead_can_be_worked(business: Business) -> None:
    lead = make_lead(business)
    for act in ("follow-up/", "outcome/", "release/", "transfer/"):
        assert sales(business).post(url(lead, act), {"outcome": "won"}).status_code == 403
    with business.scope():
        assert Lead.objects.get().state == "open"


def test_handing_over_and_giving_back(business: Business) -> None:
    lead, client = make_lead(business), sales(business)
    client.post(url(lead, "claim/"))
    client.post(url(lead, "transfer/"), {"staff": ids.encode(business.staff["operator"].pk)})
    with business.scope():
        assert Lead.objects.get().owner == business.staff["operator"]

    business.browser("operator").post(url(lead, "release/"))
    with business.scope():
        assert Lead.objects.get().state == "open"


def test_a_script_gives_a_link_of_this_contact(business: Business) -> None:
    lead = make_lead(business)
    with business.scope():
        piece = Content.objects.create(
            title="价目表", purpose="choice", url="https://example.com/p"
        )
    answer = sales(business).post(url(lead, f"scripts/{ids.encode(piece.pk)}/"))

    assert answer.status_code == 200
    assert "/l/" in answer.content.decode()


def test_tasks_are_ones_own_and_can_be_done_once(business: Business) -> None:
    with business.scope():
        contact = Contact.objects.create(name="李雷")
        touch = Touch.objects.create(
            key="t1",
            contact=contact,
            route="staff_task",
            kind="service",
            state="awaiting_staff",
            due_at=timezone.now(),
            staff=business.staff["sales"],
        )
        task = StaffTask.objects.create(
            touch=touch,
            contact=contact,
            staff=business.staff["sales"],
            text="问候",
            due_at=timezone.now(),
        )
    client = sales(business)
    assert "问候" in client.get("/desk/tasks/").content.decode()

    done = f"/desk/tasks/{ids.encode(task.pk)}/done/"
    client.post(done)
    again = client.post(done, follow=True)

    assert "This task is closed already." in again.content.decode()
    with business.scope():
        assert Touch.objects.get().state == "sent"


@pytest.mark.parametrize(("role", "status"), [("owner", 200), ("operator", 200), ("viewer", 403)])
def test_who_may_open_the_desk(role: str, status: int, business: Business) -> None:
    assert business.browser(role).get("/desk/").status_code == status


def test_a_member_who_is_no_staff_is_told_so(business: Business) -> None:
    with business.scope():
        Membership.objects.filter(user=business.users["sales"]).update(staff=None)
    lead = make_lead(business)
    client = sales(business)
    assert "no staff member yet" in client.get("/desk/").content.decode()
    client.post(url(lead, "claim/"))
    with business.scope():
        assert Lead.objects.get().state == "open"
