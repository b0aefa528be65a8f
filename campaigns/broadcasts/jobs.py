"""What does a worker hold while it takes one step of a broadcast?"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from tenants.wechat.content import Attachments
from tenants.wechat.credentials import Credentials

LEASE: Final = timedelta(minutes=5)
# A call that began in time has ended when the lease does.
CALL_AT_MOST: Final = timedelta(minutes=1)


class Step(StrEnum):
    FREEZE = "freeze"
    ASK = "ask"
    SETTLE = "settle"
    PREPARE = "prepare"  # of a moment: is it ready?
    CANCEL = "cancel"
    REMIND = "remind"


@dataclass(frozen=True)
class Job:
    """A claimed step of a batch. `targets` are the platform's ids of its recipients, of a moment
    the userids of those who publish it."""

    step: Step
    batch_id: int
    route: str
    attempt: int
    leased_until: datetime
    credentials: Credentials
    call_before: float  # monotonic: later the lease might end during the call
    text: str = ""
    attachments: Attachments = ()
    sender: str = ""
    targets: tuple[str, ...] = ()
    tag_ids: tuple[str, ...] = ()
    provider_id: str = ""
    job_id: str = ""
    asked_at: datetime | None = None
    known: frozenset[str] = frozenset()
    # Of moments that say the same: one is still without its id; or asked then, and lost as well.
    twin_prepared: bool = False
    twins_asked_at: tuple[datetime, ...] = ()

    @property
    def late(self) -> bool:
        """This process stood still: the batch may be another's by now."""
        return time.monotonic() > self.call_before


def call_before() -> float:
    return time.monotonic() + (LEASE - CALL_AT_MOST).total_seconds()
