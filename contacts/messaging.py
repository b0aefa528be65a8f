"""How does a message leave towards a customer or a colleague? The one door out for upper apps.

    request  = messaging.prepare(route, follow, text)           # inside a scope; then store it
    accepted = messaging.send(tenant_id, request)               # outside any scope
    found    = messaging.settle_unknown(tenant_id, request, …)  # outside, after `Unknown`
    progress = messaging.poll(tenant_id, request, provider_id)  # outside, for routes that wait

`prepare` answers a dict of JSON that is everything the call needs: store it before the call and
pass the stored one, so that a repeat sends the same bytes. `send` raises the adapter's errors:
Retryable and RateLimited (not done; `retry_after` seconds), Terminal and Forbidden (refused for
good), Unauthorised (the account cannot call at all), Unknown (perhaps done: never send again before
`settle_unknown` said that it was not).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Final, Protocol

from django.utils import timezone

from contacts.models import Follow, Identity
from tenants.models import Staff, WeChatAccount
from tenants.scope import scope, tenant_id_or_none
from tenants.wechat import messages
from tenants.wechat.accounts import credentials_of, wecom_client_for
from tenants.wechat.client import WeComClient
from tenants.wechat.errors import Retryable, Terminal, Unknown

Request = dict[str, object]
Attachment = Mapping[str, object]

TEXT_LIMIT: Final = 4000  # bytes
APP_TEXT_LIMIT: Final = 2048  # bytes; the platform cuts longer ones
# Task lists may lag a minute behind: not found is no proof before.
LIST_LAG: Final = timedelta(seconds=90)
# How far the provider's clock may be from ours when its list is asked for our task.
CLOCKS: Final = timedelta(minutes=5)


class NoRoute(Exception):  # noqa: N818 - reads as what happened
    """This message cannot go that way now. `reason` is a short code, fit for a skipped touch."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


@dataclass(frozen=True)
class Accepted:
    """The provider has it under `provider_id` (empty when it names none)."""

    provider_id: str


class Progress(Enum):
    WAITING = "waiting"  # the member has not confirmed
    DELIVERED = "delivered"
    NOT_A_FRIEND = "not_a_friend"
    QUOTA = "quota"  # the customer got as many mass messages as the platform allows
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Polled:
    progress: Progress
    at: datetime | None = None


class Route(Protocol):
    """One way out. `awaits_staff`: accepted is not sent; a member must confirm, so poll."""

    name: str
    awaits_staff: bool

    def prepare(self, follow: Follow, text: str, attachments: Sequence[Attachment]) -> Request: ...

    def send(self, client: WeComClient, request: Request) -> Accepted: ...

    def find(
        self, client: WeComClient, request: Request, sent_at: datetime, taken: Collection[str]
    ) -> Accepted | None: ...

    def poll(self, client: WeComClient, request: Request, provider_id: str) -> Polled: ...


_routes: dict[str, Route] = {}


def register(route: Route) -> None:
    _routes[route.name] = route


def awaits_staff(route: str) -> bool:
    return _routes[route].awaits_staff


def names() -> list[str]:
    return list(_routes)


def prepare(
    route: str, follow: Follow | None, text: str, attachments: Sequence[Attachment] = ()
) -> Request:
    """Inside a scope: the frozen request, or NoRoute with the reason."""
    if follow is None or follow.ended_at is not None:
        raise NoRoute("no_follow")
    if len(text.encode()) > TEXT_LIMIT:
        raise NoRoute("text_too_long")
    if not text and not attachments:
        raise NoRoute("no_content")
    return {"route": route, **_routes[route].prepare(follow, text, attachments)}


def prepare_for_member(member: Staff, text: str) -> Request:
    """Inside a scope: the frozen request of an app message to a colleague, or NoRoute."""
    accounts = WeChatAccount.objects.filter(kind=WeChatAccount.Kind.WECOM, active=True)
    account = next((each for each in accounts.order_by("id") if each.agent_id), None)
    if account is None:
        raise NoRoute("no_agent")
    if not member.active:
        raise NoRoute("member_gone")
    short = text.encode()[:APP_TEXT_LIMIT].decode("utf-8", "ignore")
    return {"route": AppMessage.name, "account": account.pk, "user": member.userid, "text": short}


def send(tenant_id: int, request: Request) -> Accepted:
    """Outside any scope: one call, never repeated here."""
    with _client(tenant_id, request) as client:
        return _route(request).send(client, request)


def settle_unknown(
    tenant_id: int, request: Request, sent_at: datetime, taken: Collection[str] = ()
) -> Accepted | None:
    """Was it done? Accepted: yes. None: certainly not, it may be sent again.

    `sent_at` is when `send` was called; `taken` are provider ids of other messages, which may say
    the same to the same person. Raises Retryable while it is too early to tell, and Unknown when
    this route cannot tell: then a person decides.
    """
    with _client(tenant_id, request) as client:
        return _route(request).find(client, request, sent_at, taken)


def poll(tenant_id: int, request: Request, provider_id: str) -> Polled:
    """What became of an accepted message that a member must confirm."""
    with _client(tenant_id, request) as client:
        return _route(request).poll(client, request, provider_id)


def account_of(follow: Follow) -> WeChatAccount:
    """Through which account this follow is served: its live code's, else the tenant's first."""
    live_code = follow.live_code
    if live_code is not None and live_code.account.active:
        return live_code.account
    kinds = WeChatAccount.objects.filter(kind=WeChatAccount.Kind.WECOM, active=True)
    account = kinds.order_by("id").first()
    if account is None:
        raise NoRoute("no_account")
    return account


def external_userid_of(contact_id: int) -> str:
    kind = Identity.Kind.EXTERNAL_USERID
    found = Identity.objects.filter(contact_id=contact_id, kind=kind).order_by("id").first()
    if found is None:
        raise NoRoute("no_identity")
    return found.value


def _client(tenant_id: int, request: Request) -> WeComClient:
    if tenant_id_or_none() is not None:
        raise RuntimeError("Inside a scope: it is a transaction, and no provider is called in one.")
    with scope(tenant_id):
        account = WeChatAccount.objects.filter(pk=_integer(request, "account"), active=True).first()
        credentials = None if account is None else credentials_of(account)
    if credentials is None:
        raise Terminal("the WeChat account is gone or switched off")
    return wecom_client_for(credentials)


def _route(request: Request) -> Route:
    return _routes[str(request["route"])]


def _integer(request: Request, name: str) -> int:
    value = request.get(name)
    return value if isinstance(value, int) else 0


def _attachments(request: Request) -> list[Attachment]:
    value = request.get("attachments")
    return value if isinstance(value, list) else []


class MassTask:
    """A WeCom mass task to one customer: its member confirms it, then the customer gets it."""

    name = "mass_task"
    awaits_staff = True

    def prepare(self, follow: Follow, text: str, attachments: Sequence[Attachment]) -> Request:
        return {
            "account": account_of(follow).pk,
            "sender": follow.staff.userid,
            "external_userid": external_userid_of(follow.contact_id),
            "text": text,
            "attachments": [dict(one) for one in attachments],
        }

    def send(self, client: WeComClient, request: Request) -> Accepted:
        wanted = str(request["external_userid"])
        task = messages.create_mass_task(
            client,
            external_userids=[wanted],
            sender=str(request["sender"]),
            text=str(request["text"]),
            attachments=_attachments(request),
        )
        if wanted in task.failed:
            raise Terminal("this customer cannot get the member's messages")
        return Accepted(task.msgid)

    def find(
        self, client: WeComClient, request: Request, sent_at: datetime, taken: Collection[str]
    ) -> Accepted | None:
        found = messages.find_mass_task(
            client,
            since=int((sent_at - CLOCKS).timestamp()),
            until=int((sent_at + CLOCKS).timestamp()),
            text=str(request["text"]),
            attachments=_attachments(request),
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

    def poll(self, client: WeComClient, request: Request, provider_id: str) -> Polled:
        results = messages.mass_task_result(client, provider_id, str(request["sender"]))
        wanted = str(request["external_userid"])
        mine = next((one for one in results if one.external_userid == wanted), None)
        if mine is None:
            return Polled(Progress.WAITING)
        at = datetime.fromtimestamp(mine.sent, UTC) if mine.sent else None
        return Polled(_PROGRESS.get(mine.status, Progress.UNKNOWN), at)


_PROGRESS: Final = {
    messages.MassStatus.UNSENT: Progress.WAITING,
    messages.MassStatus.SENT: Progress.DELIVERED,
    messages.MassStatus.NOT_A_FRIEND: Progress.NOT_A_FRIEND,
    messages.MassStatus.OTHER_MASS_MESSAGE: Progress.QUOTA,
}


class AppMessage:
    """A text of our app to the member behind the follow.

    The platform drops repeats of the same bytes for four hours, so a lost answer is Retryable:
    stop repeating after `messages.DUPLICATE_CHECK_S`.
    """

    name = "app_message"
    awaits_staff = False

    def prepare(self, follow: Follow, text: str, attachments: Sequence[Attachment]) -> Request:
        account = account_of(follow)
        if not account.agent_id:
            raise NoRoute("no_agent")
        return {"account": account.pk, "user": follow.staff.userid, "text": text}

    def send(self, client: WeComClient, request: Request) -> Accepted:
        user = str(request["user"])
        body = {"msgtype": "text", "text": {"content": str(request["text"])}}
        sent = messages.send_app_message(client, users=[user], message=body)
        if user in sent.invalid_users:
            raise Terminal("this member is not within the app's range")
        return Accepted(sent.msgid)

    def find(
        self, client: WeComClient, request: Request, sent_at: datetime, taken: Collection[str]
    ) -> Accepted | None:
        if timezone.now() - sent_at < timedelta(seconds=messages.DUPLICATE_CHECK_S):
            return None  # a repeat of the same bytes is dropped by the platform
        raise Unknown("too late to repeat")

    def poll(self, client: WeComClient, request: Request, provider_id: str) -> Polled:
        return Polled(Progress.DELIVERED)


register(MassTask())
register(AppMessage())
