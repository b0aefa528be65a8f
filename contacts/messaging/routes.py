"""What is a route, and what can become of a message on it? The words that all routes share."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Protocol, TypeVar

from contacts.models import Identity
from tenants.models import WeChatAccount
from tenants.wechat.client import Client, OfficialAccountClient, WeComClient
from tenants.wechat.errors import Terminal

Request = dict[str, object]
Attachment = Mapping[str, object]
C = TypeVar("C", WeComClient, OfficialAccountClient)


class NoRoute(Exception):  # noqa: N818 - reads as what happened
    """This message cannot go that way now. `reason` is a short code, fit for a skipped touch."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


class NotSendable(Terminal):
    """The platform lists this customer among those whom the member cannot write to."""

    reason = "not_sendable"


class Settling(Enum):
    """How a lost answer becomes known (DESIGN.md §4)."""

    LOOK_UP = "look_up"  # the platform's list shows whether it was done
    REPEAT = "repeat"  # the same bytes once more: the platform drops what it has already
    RESULT = "result"  # its result comes by callback; after a while without, a person decides
    PERSON = "person"  # nothing tells: a person decides


@dataclass(frozen=True)
class Accepted:
    """The provider has it under `provider_id` (empty when it names none). `refused` are those of
    several receivers whom it does not write to."""

    provider_id: str
    refused: tuple[str, ...] = ()


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
    """One way out. `awaits_staff`: accepted is not sent; a member must confirm, so poll
    (door.poll)."""

    name: str
    awaits_staff: bool
    settles: Settling

    def send(self, client: Client, request: Request) -> Accepted: ...

    def find(
        self, client: Client, request: Request, sent_at: datetime, taken: Collection[str]
    ) -> Accepted | None: ...


def of_kind(client: Client, kind: type[C]) -> C:
    if not isinstance(client, kind):
        raise TypeError(f"this route needs a {kind.__name__}")
    return client


def integer(request: Request, name: str) -> int:
    value = request.get(name)
    return value if isinstance(value, int) else 0


def texts(request: Request, name: str) -> list[str]:
    value = request.get(name)
    return [str(one) for one in value] if isinstance(value, list) else []


def attachments_of(request: Request) -> list[Attachment]:
    value = request.get("attachments")
    return value if isinstance(value, list) else []


def external_userid_of(contact_id: int) -> str:
    kind = Identity.Kind.EXTERNAL_USERID
    found = Identity.objects.filter(contact_id=contact_id, kind=kind).order_by("id").first()
    if found is None:
        raise NoRoute("no_identity")
    return found.value


def accounts(kind: WeChatAccount.Kind) -> list[WeChatAccount]:
    """Inside a scope: those that may call, the oldest first."""
    return list(WeChatAccount.objects.filter(kind=kind, active=True).order_by("id"))
