"""A message of our app to a member of staff: sent once, or said that nobody knows.

Claim, call, settle. A caller freezes the request (`messaging.prepare_for_member`) with its claim,
before the first call. After a crash the same bytes may go once more as long as the platform drops
repeats of them.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar

from django.db.models import Min, Model, Q, QuerySet
from django.db.models.functions import Coalesce
from django.utils import timezone

from contacts.messaging import door
from contacts.messaging.routes import Request
from tenants.scope import scope
from tenants.wechat.app_messages import DUPLICATE_CHECK_S
from tenants.wechat.errors import RateLimited, Retryable, Unknown, WeChatError

Row = TypeVar("Row", bound=Model)
LEASE: Final = timedelta(seconds=60)
UNKNOWN: Final = "Unknown"  # the problem of a message that perhaps left
SAME_FOR: Final = timedelta(seconds=DUPLICATE_CHECK_S) - LEASE


@dataclass(frozen=True)
class Job:
    """One message to one member; `message` marks the rows that it tells of."""

    message: uuid.UUID
    request: Request


@dataclass(frozen=True)
class Told:
    """What came of it. `wait`: try again after that long; without it, it is over."""

    wait: timedelta | None = None
    problem: str = ""  # none: the message left


def again(
    message: uuid.UUID | None, request: Request | None, since: datetime | None, now: datetime
) -> Job | None:
    """The lease ran out: the same message once more, None when it might arrive twice."""
    if message is None or not request or now - (since or now) >= SAME_FOR:
        return None
    return Job(message, request)


def tell(tenant_id: int, job: Job) -> Told:
    """Outside any scope: make the call."""
    try:
        door.send(tenant_id, job.request)
    except (Retryable, RateLimited) as error:
        return Told(timedelta(seconds=max(1.0, error.retry_after)), type(error).__name__)
    except Unknown:
        return Told(LEASE, UNKNOWN)
    except WeChatError as error:
        return Told(problem=str(error)[:100])
    return Told()


# --- rows that wait to be told: of any table with state, due_at, lease_until and problem ---


def next_due(rows: QuerySet[Any]) -> datetime | None:
    """Inside a scope: when there is something to do."""
    waiting = rows.filter(state__in=["waiting", "sending"])
    due: datetime | None = waiting.aggregate(due=Min(Coalesce("lease_until", "due_at")))["due"]
    return due


def first(rows: QuerySet[Row]) -> Row | None:
    """Inside a scope: the first that is due, or whose lease ran out; locked."""
    now = timezone.now()
    free = Q(state="waiting", due_at__lte=now) | Q(state="sending", lease_until__lte=now)
    due = rows.filter(free).order_by("due_at", "id")
    return due.select_for_update(skip_locked=True, of=("self",)).first()


def settle(tenant_id: int, rows: Callable[[], QuerySet[Any]], told: Told) -> None:
    """Outside any scope: note what came of the message that these rows are told by."""
    columns: dict[str, object] = {"lease_until": told.wait and timezone.now() + told.wait}
    if not told.wait:
        columns["state"] = "failed" if told.problem else "sent"
    with scope(tenant_id):
        rows().filter(state="sending").update(problem=told.problem, **columns)
