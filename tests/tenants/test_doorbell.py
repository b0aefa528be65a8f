"""The board of due tenants: who is woken, once, and what a lost hint costs."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from contacts.models import Contact, Event
from tenants import doorbell, tasks
from tenants.models import DueTenant
from tests.conftest import Business, make_business


@pytest.fixture(autouse=True)
def quiet_board() -> None:
    DueTenant.objects.all().delete()


def due(business: Business) -> dict[str, bool]:
    """Queue → whether it is due now."""
    rows = DueTenant.objects.filter(tenant=business.tenant)
    return {row.queue: row.next_due_at <= timezone.now() for row in rows}


def test_a_bell_is_heard_after_commit_only(business: Business) -> None:
    with business.scope():
        doorbell.ring("touches", timezone.now() + timedelta(hours=1))
        assert due(business) == {}
    assert due(business) == {"touches": False}


def test_a_rolled_back_transaction_never_rings(business: Business) -> None:
    with business.scope():
        doorbell.ring("touches", timezone.now() + timedelta(hours=1))
        transaction.set_rollback(True)
    assert due(business) == {}


def test_the_earliest_moment_stays_on_the_board(business: Business) -> None:
    for hours in (5, 1, 9):
        with business.scope():
            doorbell.ring("touches", timezone.now() + timedelta(hours=hours))
    (row,) = DueTenant.objects.filter(tenant=business.tenant)
    assert timedelta(minutes=59) < row.next_due_at - timezone.now() < timedelta(hours=1)


def test_those_due_are_taken_once_and_no_more_than_asked_for() -> None:
    firms = [make_business() for _ in range(4)]
    DueTenant.objects.all().delete()
    past = timezone.now() - timedelta(minutes=1)
    for firm in firms:
        DueTenant.objects.create(tenant=firm.tenant, queue="touches", next_due_at=past)

    first = doorbell.take_due(limit=2)
    rest = doorbell.take_due()

    assert len(first) == 2
    assert sorted(first + rest) == sorted((firm.pk, "touches") for firm in firms)
    assert doorbell.take_due() == []


@pytest.mark.slow  # it looks at every business there is
def test_the_sweep_finds_what_no_hint_told(business: Business) -> None:
    with business.scope():
        contact = Contact.objects.create(name="甲")
        Event.objects.create(
            contact=contact, kind="x.happened", at=timezone.now(), source="t", key="1"
        )
    DueTenant.objects.all().delete()

    tasks.sweep()

    assert due(business)["timeline"] is True


def test_after_its_turn_the_rest_goes_behind_what_others_wait_for(
    business: Business, monkeypatch: pytest.MonkeyPatch
) -> None:
    rung: list[int] = []
    done: list[int] = []

    def carry_out(_tenant_id: int, job: int) -> None:
        done.append(job)
        time.sleep(0.02)

    monkeypatch.setitem(doorbell._wakers, "touches", rung.append)
    monkeypatch.setitem(doorbell._due, "touches", timezone.now)
    doorbell.work_off("touches", business.pk, lambda: 1, carry_out, turn=0.1)

    assert 1 <= len(done) <= 5
    assert rung == [business.pk]
    assert due(business) == {"touches": True}
