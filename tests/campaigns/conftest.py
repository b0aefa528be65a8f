"""Amy and Bob have customers at WeCom; broadcasts go to them through the real sandbox."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.utils import timezone, translation

from campaigns.broadcasts import audience, results, sending, starting
from campaigns.models import Broadcast, BroadcastBatch, BroadcastRecipient
from contacts import media, timeline
from contacts.models import Contact, Event, Identity, Segment, SegmentMember, SyncRun
from contacts.sync import running
from tenants.models import Staff
from tests.wechat_fixtures import WeChat

Json = dict[str, Any]


@dataclass
class Shop:
    wechat: WeChat
    amy: Staff
    bob: Staff
    people: dict[str, str]  # contact's name → customer of the sandbox

    @property
    def business(self) -> Any:
        return self.wechat.business

    def draft(self, **values: Any) -> Broadcast:
        """For everybody, unless it says otherwise."""
        parts = {
            name: frozenset(one.pk for one in values.pop(name, ()))
            for name in ("tags", "groups", "staff")
        }
        values.setdefault("text", "Spring sale")
        with self.business.scope():
            if not any((*parts.values(), values.get("segment"))):
                values.setdefault("everyone", True)
            row = Broadcast.objects.create(name="Spring", account=self.wechat.account, **values)
            wanted = audience.Audience(
                row.route, row.account_id,
                tag_ids=parts["tags"], group_ids=parts["groups"], staff_ids=parts["staff"],
            )  # fmt: skip
            starting.put_audience(row, wanted)
        return row

    def start(self, **values: Any) -> Broadcast:
        row = self.draft(**values)
        with self.business.scope():
            starting.start(row)
        return row

    def work(self) -> None:
        media.work(self.business.pk)
        sending.work(self.business.pk)

    def again(self) -> None:
        """As if the pause after a failure were over."""
        with self.business.scope():
            BroadcastBatch.objects.exclude(due_at=None).update(due_at=timezone.now())
        self.work()

    def poll(self) -> None:
        """As if the time for reading the results had come."""
        with self.business.scope():
            BroadcastBatch.objects.exclude(poll_at=None).update(poll_at=timezone.now())
        results.work(self.business.pk)
        timeline.work(self.business.pk)

    def read(self, kind: str = "sends") -> SyncRun:
        """What was made at WeCom is listed; its results are read by `poll`."""
        with self.business.scope():
            running.ask(self.wechat.account, [kind])
        running.work(self.business.pk)
        with self.business.scope():
            runs = {run.kind: run for run in running.newest([self.wechat.account.pk])}
            return runs[kind]

    def sent(self) -> list[Broadcast]:
        """What was made at WeCom, as it is kept here."""
        with self.business.scope():
            rows = Broadcast.objects.exclude(origin="here").select_related("maker")
            return list(rows.order_by("started_at", "id"))

    def fresh(self, row: Broadcast) -> Broadcast:
        found: Broadcast = self.wechat.fresh(row)
        return found

    def batches(self) -> list[BroadcastBatch]:
        with self.business.scope():
            return list(BroadcastBatch.objects.select_related("staff").order_by("id"))

    def states(self) -> dict[str, str]:
        with self.business.scope():
            rows = BroadcastRecipient.objects.filter(contact__isnull=False)
            return dict(rows.values_list("contact__name", "state"))

    def through(self) -> dict[str, str]:
        """Contact → userid of who sends."""
        with self.business.scope():
            rows = BroadcastRecipient.objects.filter(contact__isnull=False)
            return dict(rows.values_list("contact__name", "staff__userid"))

    def contact(self, name: str) -> Contact:
        with self.business.scope():
            found: Contact = Contact.objects.get(name=name)
            return found

    def external(self, name: str) -> str:
        with self.business.scope():
            return str(Identity.objects.get(contact__name=name, kind="external_userid").value)

    def got(self, name: str) -> list[str]:
        return self.wechat.messages(self.people[name])

    def events(self, name: str, prefix: str) -> list[Event]:
        with self.business.scope():
            rows = Event.objects.filter(contact__name=name, kind__startswith=prefix)
            return list(rows.order_by("id"))

    def segment(self, *names: str) -> Segment:
        with self.business.scope():
            made = Segment.objects.create(
                name="Regulars", kind="static", state="ready", evaluated_at=timezone.now()
            )
            for contact in Contact.objects.filter(name__in=names):
                SegmentMember.objects.create(
                    segment=made, contact=contact, entered_at=timezone.now()
                )
            return made

    def tasks(self, userid: str) -> list[Json]:
        member = self.wechat.sim(f"staff/{self.wechat.corpid}/{userid}", "GET")
        return list(member["tasks"])

    def confirm(self, row: Broadcast | None = None, **more: Any) -> None:
        """Every member confirms what waits."""
        for batch in self.batches():
            if batch.state == "waiting" and (row is None or batch.broadcast_id == row.pk):
                self.wechat.act("confirm_task", msgid=batch.provider_id, **more)


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    with translation.override("en"):
        yield


@pytest.fixture
def shop(wechat: WeChat) -> Shop:
    """Ding and Eve are Amy's; Fan is Bob's."""
    amy, bob = (wechat.join(one) for one in ("amy", "bob"))
    hers, his = wechat.live_code(amy), wechat.live_code(bob, name="Back door")
    people = {name: wechat.scan(hers, {"name": name})["customer"] for name in ("Ding", "Eve")}
    people["Fan"] = wechat.scan(his, {"name": "Fan"})["customer"]
    wechat.settle()
    wechat.setting(result_lag_s=[0, 0])
    return Shop(wechat, amy, bob, people)
