"""A WeCom mass task: its member confirms it, then its customers get it.

Requests to single customers that say the same through the same member are one task (`together`).

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
    texts,
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
        wanted = receivers(request)
        task = mass_sends.create_mass_task(
            of_kind(client, WeComClient),
            external_userids=wanted,
            sender=str(request["sender"]),
            text=str(request["text"]),
            attachments=attachments_of(request),
        )
        if set(wanted) <= set(task.failed):
            raise NotSendable("these customers cannot get the member's messages")
        return Accepted(task.msgid, task.failed)

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
            external_userids=receivers(request),
            known=taken,
        )
        if found:
            return Accepted(found[0].msgid)
        left = LIST_LAG - (timezone.now() - sent_at)
        if left > timedelta(0):
            raise Retryable("the task list may lag", retry_after=left.total_seconds())
        return None


def together(requests: Sequence[Request]) -> Request:
    """One request for all of these, which differ in their customer only."""
    shared = {name: value for name, value in requests[0].items() if name != "external_userid"}
    return {**shared, "external_userids": [str(one["external_userid"]) for one in requests]}


def receivers(request: Request) -> list[str]:
    return texts(request, "external_userids") or [str(request["external_userid"])]


def polled(client: Client, request: Request, provider_id: str) -> dict[str, Polled]:
    """What became of each customer that the task lists."""
    own = of_kind(client, WeComClient)
    rows = mass_sends.mass_task_result(own, provider_id, str(request["sender"]))
    return {
        one.external_userid: Polled(
            _PROGRESS.get(one.status, Progress.UNKNOWN),
            datetime.fromtimestamp(one.sent, UTC) if one.sent else None,
        )
        for one in rows
    }
