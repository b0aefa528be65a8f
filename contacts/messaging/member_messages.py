"""A message of our app to a member of staff: sent once, or said that nobody knows.

Claim, call, settle. A caller freezes the request (`messaging.prepare_for_member`) with its claim,
before the first call. After a crash the same bytes may go once more as long as the platform drops
repeats of them.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from contacts.messaging import door
from contacts.messaging.routes import Request
from tenants.wechat.app_messages import DUPLICATE_CHECK_S
from tenants.wechat.errors import RateLimited, Retryable, Unknown, WeChatError

LEASE: Final = timedelta(seconds=60)
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
        return Told(LEASE, "Unknown")
    except WeChatError as error:
        return Told(problem=str(error)[:100])
    return Told()
