"""A text of our app to a member of staff.

Unknown is settled by repeating the same bytes: the platform drops what it has for four hours.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Final

from django.utils import timezone

from contacts.messaging.routes import Accepted, Request, Settling, of_kind
from tenants.wechat import app_messages
from tenants.wechat.client import Client, WeComClient
from tenants.wechat.errors import Retryable, Terminal, Unknown

TEXT_LIMIT: Final = 2048  # bytes; the platform cuts longer ones
SAME_FOR: Final = timedelta(seconds=app_messages.DUPLICATE_CHECK_S)
AGAIN_S: Final = 30.0


class AppMessage:
    name = "app_message"
    awaits_staff = False
    settles = Settling.REPEAT

    def send(self, client: Client, request: Request) -> Accepted:
        user = str(request["user"])
        body = {"msgtype": "text", "text": {"content": str(request["text"])}}
        own = of_kind(client, WeComClient)
        try:
            sent = app_messages.send_app_message(own, users=[user], message=body)
        except Retryable as error:
            if error.errcode is None:  # it may have arrived: only the same bytes do no harm
                raise Unknown(error.message, api=error.api) from None
            raise
        if user in sent.invalid_users:
            raise Terminal("this member is not within the app's range")
        return Accepted(sent.msgid)

    def find(
        self, client: Client, request: Request, sent_at: datetime, taken: Collection[str]
    ) -> Accepted | None:
        if timezone.now() - sent_at >= SAME_FOR:
            raise Unknown("too late to repeat")
        try:
            return self.send(client, request)
        except Unknown as error:
            raise Retryable(error.message, api=error.api, retry_after=AGAIN_S) from None
