"""Whoever goes to another member keeps everything; what the first had to do is the other's."""

from __future__ import annotations

import pytest
from django.utils import timezone

from contacts import tagging
from contacts.models import Contact, ContactTag, Follow, Tag
from journeys import leads
from journeys.models import Enrolment, Lead, SopStep, StaffTask, Touch
from tests.contacts.transfers.conftest import Shop
from tests.journeys.ground import happen, no_pace, script, step

DAY = 24 * 60


@pytest.fixture
def busy(shop: Shop) -> Contact:
    """Ding has a tag, a lead that amy works on, an open task of amy's, a place in an SOP."""
    with shop.business.scope():
        no_pace()
        amy = shop.amy
        ding: Contact = Contact.objects.get(name="Ding")
        tagging.add([ding.pk], [Tag.objects.create(name="VIP").pk], "user:1")
        leads.claim(Lead.objects.create(contact=ding, key=80.0, score_at_start=80.0), amy)
        script("Care", _soon("first"), _soon("second"), trigger="page.viewed")
        happen(ding, "page.viewed")
        touch = Touch.objects.create(
            key="call", contact=ding, route="staff_task", kind="service", state="awaiting_staff",
            due_at=timezone.now(), staff=amy,
        )  # fmt: skip
        StaffTask.objects.create(
            touch=touch, contact=ding, staff=amy, text="Call", due_at=timezone.now()
        )
    return ding


def _soon(text: str) -> SopStep:
    return step(DAY, text, route="mass_task")


def test_everything_follows_to_the_new_member(shop: Shop, busy: Contact) -> None:
    with shop.business.scope():
        planned = list(Touch.objects.exclude(key="call").values_list("pk", "due_at"))
        assert len(planned) == 2
    shop.start()
    shop.work()
    for customer in shop.people.values():
        shop.wechat.act("accept_transfer", customer=customer)
    shop.wechat.settle()

    assert shop.follows("Ding") == {"amy": ("ended", "transfer"), "bob": ("open", "")}
    with shop.business.scope():
        ding = Contact.objects.get(pk=busy.pk)
        assert ding.owner == shop.bob
        assert list(
            ContactTag.objects.filter(contact=ding).values_list("tag__name", flat=True)
        ) == ["VIP"]
        lead = Lead.objects.get(contact=ding)
        assert (lead.state, lead.owner) == (Lead.State.CLAIMED, shop.bob)
        task = StaffTask.objects.get()
        assert (task.state, task.staff) == (StaffTask.State.OPEN, shop.bob)
        assert Touch.objects.get(key="call").staff == shop.bob

        run = Enrolment.objects.get(sop__name="Care")
        assert run.state == Enrolment.State.RUNNING
        touches = Touch.objects.filter(enrolment=run).select_related("follow")
        assert list(touches.order_by("pk").values_list("pk", "due_at")) == sorted(planned)
        with_bob = Follow.objects.get(contact=ding, staff=shop.bob)
        assert {(row.state, row.follow) for row in touches} == {(Touch.State.PLANNED, with_bob)}


def test_what_was_closed_stays_with_who_closed_it(shop: Shop, busy: Contact) -> None:
    with shop.business.scope():
        leads.close(Lead.objects.get(), Lead.State.LOST, "no budget")
        StaffTask.objects.update(state=StaffTask.State.DONE)
    shop.start()
    shop.work()
    for customer in shop.people.values():
        shop.wechat.act("accept_transfer", customer=customer)
    shop.wechat.settle()

    with shop.business.scope():
        assert Lead.objects.get().owner == shop.amy
        assert StaffTask.objects.get().staff == shop.amy
