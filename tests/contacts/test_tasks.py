"""Every queue of this app has a bell, a task behind it, and somebody who knows what is due."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.db import connection
from django.utils import timezone

from contacts import details, ingest, livecodes, tasks, timeline, welcome, welcome_debts
from contacts.models import Contact, Event, Follow
from scrm.celery import app
from tenants import doorbell
from tenants.models import DueTenant
from tests.conftest import Business
from tests.wechat_fixtures import WeChat

QUEUES = {module.QUEUE for module in (details, ingest, livecodes, timeline, welcome)}


def test_all_queues_are_answered() -> None:
    assert set(doorbell.queues()) >= QUEUES
    lanes = {name: route["queue"] for name, route in app.conf.task_routes.items()}
    assert lanes == {
        tasks.callbacks.name: "urgent",
        tasks.welcome.name: "welcome",
        "tenants.tasks.wake": "urgent",
    }
    assert set(app.tasks) >= set(lanes)


def test_tasks_alone_carry_a_scan_to_its_end(wechat: WeChat) -> None:
    code = wechat.live_code(wechat.join("amy"), welcome_text="Hello", push=False)

    tasks.livecodes(wechat.business.pk)
    who = wechat.scan(wechat.fresh(code), {"name": "小雨"})["customer"]
    wechat.arrive()
    for task in (tasks.callbacks, tasks.welcome, tasks.details, tasks.timeline):
        task(tenant_id=wechat.business.pk)

    with wechat.business.scope():
        assert Contact.objects.get().name == "小雨"
        assert Follow.objects.count() == 1
        assert not Event.objects.filter(handled_at=None).exists()
        soon = timezone.now() + timedelta(minutes=1)  # a live code is looked at again at night
        due = DueTenant.objects.filter(tenant_id=wechat.business.pk, queue__in=QUEUES)
        assert not due.filter(next_due_at__lt=soon).exists()
    assert wechat.messages(who) == ["Hello"]


def test_a_bell_that_rings_while_we_look_stays(
    business: Business, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Work that comes in between the last look and the settling must not wait for the sweep."""
    later = timezone.now() + timedelta(hours=1)

    def look() -> datetime:
        other = connection.copy()
        try:
            with other.cursor() as cursor:
                cursor.execute(*doorbell.entry(business.pk, welcome_debts.QUEUE, timezone.now()))
        finally:
            other.close()
        return later

    monkeypatch.setitem(doorbell._due, welcome_debts.QUEUE, look)
    with business.scope():
        doorbell.settle(welcome_debts.QUEUE)

    assert DueTenant.objects.get(tenant_id=business.pk).next_due_at < later
