"""What does a worker hold while it carries out a run, and how does it say how far it is?"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from django.utils import timezone

from contacts.models import Drift, SyncRun
from tenants.wechat.credentials import Credentials
from tenants.wechat.errors import RateLimited, Retryable, Unauthorised, Unknown, WeChatError

LEASE: Final = timedelta(minutes=3)
BACKOFF_S: Final = (5, 15, 60, 300, 900, 3600)
ACCOUNT_RETRY: Final = timedelta(minutes=30)


def pause(attempt: int, error: WeChatError) -> timedelta | None:
    """How long to wait before the next attempt; None: the same would be refused again.

    For what may be done twice: an unknown outcome is tried again.
    """
    usual = timedelta(seconds=BACKOFF_S[min(attempt, len(BACKOFF_S)) - 1])
    if isinstance(error, Unauthorised):
        return ACCOUNT_RETRY
    if isinstance(error, RateLimited):
        short = error.scope in ("pace", "concurrency")
        return (
            timedelta(seconds=error.retry_after)
            if short
            else max(usual, timedelta(seconds=error.retry_after))
        )
    return usual if isinstance(error, Retryable | Unknown) else None


def put_right(kind: Drift.Kind, contact_id: int, staff_id: int) -> None:
    """Inside a scope: what was open of this friendship is done after all."""
    rows = Drift.objects.filter(contact=contact_id, staff=staff_id, kind=kind)
    rows.filter(state=Drift.State.OPEN).update(state=Drift.State.REPAIRED)


class TakenOver(Exception):  # noqa: N818 - reads as what happened
    """The lease ended and somebody else carries the run out, or it was deleted."""


class Stopped(Exception):  # noqa: N818 - reads as what happened
    """The run cannot go on; the message says why and what to do."""


@dataclass
class Job:
    """A claimed run. `first`: nothing of this kind was read from the account before."""

    run_id: int
    account_id: int
    kind: str
    credentials: Credentials
    leased_until: datetime
    started_at: datetime
    first: bool
    place: dict[str, Any] = field(default_factory=dict)

    def keep(self, **values: Any) -> None:
        """Inside a scope: write how far it is (columns of SyncRun) and renew the lease, together
        with what was read. Raises TakenOver, which undoes the transaction.
        """
        until = timezone.now() + LEASE
        rows = SyncRun.objects.filter(pk=self.run_id, due_at=self.leased_until)
        if not rows.update(due_at=until, attempts=0, place=self.place, **values):
            raise TakenOver
        self.leased_until = until

    def found(self, *drifts: Drift) -> None:
        """Inside a scope: differences. On the first reading everything differs: that is none."""
        if not self.first:
            for drift in drifts:
                drift.run_id = self.run_id
            Drift.objects.bulk_create(drifts)
