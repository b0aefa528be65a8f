"""Amy has customers at WeCom; Bob and Cleo may take them over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from django.utils import timezone

from contacts import transfers
from contacts.models import Contact, Follow, Identity, TransferBatch, TransferItem
from contacts.transfers import plan
from tenants.models import Staff
from tests.wechat_fixtures import WeChat

DAY_S = 86_400


@dataclass
class Shop:
    wechat: WeChat
    amy: Staff
    bob: Staff
    cleo: Staff
    people: dict[str, str]  # contact's name → customer of the sandbox

    @property
    def business(self) -> Any:
        return self.wechat.business

    def wish(self, takers: Sequence[Staff] = (), **values: Any) -> plan.Wish:
        values.setdefault("contact_ids", None)
        giver = values.pop("giver", self.amy)
        return plan.Wish(self.wechat.account, giver, takers or [self.bob], **values)

    def start(self, takers: Sequence[Staff] = (), **values: Any) -> TransferBatch:
        with self.business.scope():
            return plan.start(plan.look(self.wish(takers, **values)))

    def work(self) -> None:
        transfers.work(self.business.pk)

    def poll(self) -> None:
        """As if the time for reading the results had come."""
        with self.business.scope():
            rows = TransferBatch.objects.filter(finished_at=None)
            rows.update(poll_at=timezone.now(), due_at=timezone.now())
        self.work()

    def again(self) -> None:
        """As if the pause after a failure were over."""
        with self.business.scope():
            TransferBatch.objects.filter(finished_at=None).update(due_at=timezone.now())
        self.work()

    def states(self) -> dict[str, str]:
        with self.business.scope():
            rows = TransferItem.objects.filter(contact__isnull=False).order_by("id")
            return dict(rows.values_list("contact__name", "state"))

    def follows(self, name: str) -> dict[str, tuple[str, str]]:
        """userid → ("open" or "ended", by whom it ended)."""
        with self.business.scope():
            rows = Follow.objects.filter(contact__name=name).select_related("staff")
            return {
                row.staff.userid: ("ended" if row.ended_at else "open", row.ended_by)
                for row in rows
            }

    def contact(self, name: str) -> Contact:
        with self.business.scope():
            found: Contact = Contact.objects.select_related("owner").get(name=name)
            return found

    def external(self, name: str) -> str:
        with self.business.scope():
            return str(Identity.objects.get(contact__name=name, kind="external_userid").value)


@pytest.fixture
def shop(wechat: WeChat) -> Shop:
    amy, bob, cleo = (wechat.join(one) for one in ("amy", "bob", "cleo"))
    code = wechat.live_code(amy)
    people = {
        name: wechat.scan(code, {"name": name})["customer"] for name in ("Ding", "Eve", "Fan")
    }
    wechat.settle()
    wechat.sim("clock", advance_s=2)  # its callbacks tell seconds: nobody parts in that of meeting
    return Shop(wechat, amy, bob, cleo, people)
