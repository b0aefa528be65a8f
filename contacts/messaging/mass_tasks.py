"""A WeCom mass task to one customer: its member confirms it, then the customer gets it.

Unknown is settled by look-up: the platform lists the tasks that it has taken on.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from django.utils import timezone

from contacts.messaging.routes import (
    Accepted,
    Attachment,
    NotSendable,
    Polled,
    Progress,
    Request,
    Settling,
    attachments_of,
    external_userid_of,
    of_kind,
)
from contacts.models import Follow
from tenants.wechat import mass_sends
from tenants.wechat.client import Client, WeComClient
from tenants.wechat.errors import Retryable
from tenants.wechat.mass_sends import MassStatus

# Task lists may lag a minute behind: not found is no proof before.
LIST_LAG: Final = timedelta(seconds=90)
# How far the provider's clock may be from ours when its list is asked for our task.
CLOCKS: Final = timedelta(minutes=5)

_PROGRESS: Final = {
    MassStatus.UNSENT: Progress.WAITING,
    MassStatus.SENT: Progress.DELIVERED,
    MassStatus.NOT_A_FRIEND: Progress.NOT_A_FRIEND,
    MassStatus.OTHER_MASS_MESSAGE: Progress.QUOTA,
}


class MassTask:
    name = "mass_task"
    awaits_staff = True
    settles = Settling.LOOK_UP

    def prepare(
        self, account: int, follow: Follow, text: str, attachments: Sequence[Attachment]
    ) -> Request:
        return {
            "account": account,
            "sender": follow.staff.userid,
            "external_userid": external_userid_of(follow.contact_id),
            "text": text,
            "attachments": [dict(one) for one in attachments],
        }

    def send(self, client: Client, request: Request) -> Accepted:
        wanted = str(request["external_userid"])
        task = mass_sends.create_mass_task(
            of_kind(client, WeComClient),
            external_userids=[wanted],
            sender=str(request["sender"]),
            text=str(request["text"]),
            attachments=attachments_of(request),
        )
        if wanted in task.failed:
            raise NotSendable("this customer cannot get the member's messages")
        return Accepted(task.msgid)

    def find(
        self, client: Client, request: Request, sent_at: datetime, taken: Collection[str]
    ) -> Accepted | None:
        found = mass_sends.find_mass_task(
            of_kind(client, WeComClient),
            since=int((sent_at - CLOCKS).timestamp()),
            until=int((sent_at + CLOCKS).timestamp()),
            text=str(request["text"]),
            attachments=attachments_of(request),
            sender=str(request["sender"]),
            external_userids=[str(request["external_userid"])],
            known=taken,
        )
        if found:
            return Accepted(found[0].msgid)
        left = LIST_LAG - (timezone.now() - sent_at)
        if left > timedelta(0):
            raise Retryable("the task list may lag", retry_after=left.total_seconds())
        return None

    def poll(self, client: Client, request: Request, provider_id: str) -> Polled:
        member = str(request["sender"])
        own = of_kind(client, WeComClient)
        results = mass_sends.mass_task_result(own, provider_id, member)
        wanted = str(request["external_userid"])
        mine = next((one for one in results if one.external_userid == wanted), None)
        if mine is None:
            return Polled(Progress.WAITING)
        at = datetime.fromtimestamp(mine.sent, UTC) if mine.sent else None
        return Polled(_PROGRESS.get(mine.status, Progress.UNKNOWN), at)
