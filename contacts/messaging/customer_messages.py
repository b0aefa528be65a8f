"""A customer message of an official account: free words, while the fan's window is open.

Nothing tells whether one arrived, and the platform drops no repeats: Unknown is for a person.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from django.utils import timezone

from contacts.messaging import windows
from contacts.messaging.fans import Fan, no_way_when_refused
from contacts.messaging.routes import (
    Accepted,
    NoRoute,
    Request,
    Settling,
    of_kind,
)
from tenants.wechat import official
from tenants.wechat.client import Client, OfficialAccountClient
from tenants.wechat.errors import Unknown


class CustomerMessage:
    name = windows.ROUTE
    awaits_staff = False
    settles = Settling.PERSON

    def prepare(self, fan: Fan, contact_id: int, text: str) -> Request:
        if not text:
            raise NoRoute("no_content")
        if len(text.encode()) > official.TEXT_LIMIT:
            raise NoRoute("text_too_long")
        why = windows.problem(contact_id, fan.account.app_id, timezone.now())
        if why:
            raise NoRoute(why)
        return {**fan.frozen(), "text": text}

    def send(self, client: Client, request: Request) -> Accepted:
        own = of_kind(client, OfficialAccountClient)
        with no_way_when_refused():
            official.send_text(own, str(request["openid"]), str(request["text"]))
        return Accepted("")

    def find(
        self, client: Client, request: Request, sent_at: datetime, taken: Collection[str]
    ) -> Accepted | None:
        raise Unknown("the platform does not tell what it has sent")
