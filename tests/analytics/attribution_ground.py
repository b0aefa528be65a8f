"""Contacts with points and orders, for tests of attribution."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from campaigns.models import Broadcast, BroadcastRecipient
from contacts import changes, orders, timeline
from contacts.models import Channel, Contact, LiveCode, LiveCodeAdd
from contacts.timeline import NewEvent
from journeys.models import Enrolment, SopVersion, Touch
from tenants.models import Staff, WeChatAccount
from tests.conftest import Business
from tests.journeys.ground import article, script, step

DAY = timedelta(days=1)
NOW = datetime.now(UTC).replace(microsecond=0)


def asked(business: Business, **query: str) -> dict[str, Any]:
    answer = business.api().get("/api/v1/reports/attribution", query)
    assert answer.status_code == 200, answer.content
    found: dict[str, Any] = answer.json()
    return found


class Ground:
    """Contacts, their points and their orders, by name."""

    def __init__(self, business: Business) -> None:
        self.number = 0
        self.amy = Staff.objects.create(userid="amy", name="Amy")
        account = WeChatAccount.objects.create(name="A", kind="wecom", app_id="ww1")
        self.channels = {
            name: Channel.objects.create(name=name) for name in ("Douyin", "Red", "Fair")
        }
        self.codes = {
            name: LiveCode.objects.create(
                name=name, account=account, channel=self.channels.get(channel), state=f"lc{name}"
            )
            for name, channel in (("Booth", "Fair"), ("Poster", "Red"), ("Plain", ""))
        }
        self.guide = article("Guide")
        self.sop = script("Warm up", step(0), step(10, content=self.guide))
        self.broadcast = Broadcast.objects.create(name="Launch", account=account, text="Now!")

    def contact(self, name: str, channel: str | None, at: datetime | None) -> Contact:
        found = Contact.objects.create(
            name=name,
            external_id=name,
            channel=self.channels[channel] if channel else None,
        )
        if at is not None:
            self.event(found, "follow.opened", at, staff="amy")
        found.refresh_from_db()
        return found

    def event(self, contact: Contact, kind: str, at: datetime, **properties: object) -> None:
        self.number += 1
        timeline.record([NewEvent(contact.pk, kind, at, "test", str(self.number), properties)])
        timeline.drain_all()

    def added(self, contact: Contact, code: str, at: datetime) -> None:
        LiveCodeAdd.objects.create(
            live_code=self.codes[code], staff=self.amy, contact=contact, opened_at=at, added_at=at
        )
        changes.note([contact.pk])

    def touched(self, contact: Contact, position: int, at: datetime) -> None:
        version = SopVersion.objects.get(sop=self.sop)
        enrolment, _made = Enrolment.objects.get_or_create(
            contact=contact, sop=self.sop, version=version, defaults={"started_at": at}
        )
        self.number += 1
        Touch.objects.create(
            key=f"test:{self.number}", contact=contact, enrolment=enrolment,
            step=version.steps.get(position=position), route="none", kind="service",
            state="delivered", due_at=at, delivered_at=at,
        )  # fmt: skip

    def told(self, contact: Contact, at: datetime) -> None:
        BroadcastRecipient.objects.create(
            broadcast=self.broadcast, staff=self.amy, contact=contact, state="delivered",
            settled_at=at,
        )  # fmt: skip

    def order(self, contact: Contact, at: datetime, fen: int, cost: int = 0) -> None:
        self.number += 1
        orders.upsert(
            [
                orders.Row(
                    order_id=f"o{self.number}", contact_id=contact.pk, amount_fen=fen,
                    paid_at=at, cost_fen=cost, status="paid",
                )
            ]
        )  # fmt: skip


@pytest.fixture
def ground(business: Business) -> Ground:
    with business.scope():
        return Ground(business)
