"""What do the platform's answers to our calls make of a batch?

Each runs inside a scope of its own, after the call. Batches are locked before their broadcast.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Final

from django.utils import timezone
from django.utils.translation import gettext as _

from campaigns.broadcasts import results, standing
from campaigns.broadcasts.jobs import Job, Step
from campaigns.models import Broadcast, BroadcastBatch, BroadcastRecipient, BroadcastShare
from tenants.models import Staff
from tenants.wechat import accounts
from tenants.wechat.errors import (
    RateLimited,
    Retryable,
    Unauthorised,
    Unknown,
    WeChatError,
)
from tenants.wechat.moments import MomentJob

BACKOFF_S: Final = (5, 15, 60, 300, 900)
ACCOUNT_RETRY: Final = timedelta(minutes=30)
# Lists may lag behind: not found is no proof before. A moment is listed when it is prepared.
LIST_LAG: Final = timedelta(seconds=90)
MOMENT_LAG: Final = timedelta(minutes=15)
PREPARING_AGAIN: Final = timedelta(seconds=10)
PREPARING_AT_MOST: Final = timedelta(hours=23)  # a job is known for 24 hours
FIRST_LOOK: Final = timedelta(seconds=5)
MOST_LOST: Final = 5
State, Recipient = BroadcastBatch.State, BroadcastRecipient.State


def accepted(job: Job, provider_id: str, refused: Collection[str] = ()) -> None:
    """The platform has made the task; `refused` are recipients whom it does not write to."""
    batch = _locked(job)
    if batch.state not in (State.ASKED, State.PLANNED):
        return  # somebody else has settled it
    now = timezone.now()
    rows = BroadcastRecipient.objects.filter(batch=batch)
    if refused:
        rows.filter(target__in=list(refused), state=Recipient.PLANNED).update(
            state=Recipient.FAILED, settled_at=now
        )
    rows.filter(state=Recipient.PLANNED).update(state=Recipient.WAITING)
    if batch.staff_id is not None:
        BroadcastShare.objects.get_or_create(batch=batch, staff_id=batch.staff_id)
    _await_staff(batch, provider_id, now)


def preparing(job: Job, job_id: str) -> None:
    batch = _locked(job)
    if batch.state in (State.ASKED, State.PLANNED):
        batch.state, batch.job_id = State.PREPARING, job_id
        _save(batch, timezone.now() + PREPARING_AGAIN)


def prepared(job: Job, result: MomentJob) -> None:
    """Of a moment: ready to be published by its members, or not yet, or not at all."""
    batch = _locked(job)
    if batch.state != State.PREPARING:
        return
    now = timezone.now()
    if not result.done:
        old = batch.asked_at is not None and batch.asked_at < now - PREPARING_AT_MOST
        batch.state = State.ASKED if old else batch.state
        _save(batch, now + PREPARING_AGAIN)
    elif result.errcode or not result.moment_id:
        refuse(batch, result.errcode, _("WeCom could not make the moment."))
    else:
        bad = Staff.objects.filter(userid__in=result.invalid_senders)
        BroadcastShare.objects.filter(batch=batch, staff__in=bad).update(
            state=BroadcastShare.State.REFUSED
        )
        _await_staff(batch, result.moment_id, now)


def looked_up(job: Job, provider_id: str) -> None:
    """After a lost answer: the platform has it, or surely not, or that cannot be told yet."""
    if provider_id:
        take = accepted_moment if job.route == Broadcast.Route.MOMENT else accepted
        take(job, provider_id)
        return
    batch, now = _locked(job), timezone.now()
    if batch.state != State.ASKED:
        return
    lag = MOMENT_LAG if job.route == Broadcast.Route.MOMENT else LIST_LAG
    again = (job.asked_at or now) + lag
    if again > now:
        _save(batch, min(again, now + lag / 3), attempts=batch.attempts)
        return
    batch.lost += 1
    if batch.wants_cancel:
        batch.state = State.CANCELLED
        _end_recipients(batch, Recipient.CANCELLED)
        _save(batch, None)
    elif batch.lost >= MOST_LOST:
        refuse(batch, None, _("WeCom's answers were lost again and again."))
    else:
        batch.state = State.PLANNED
        _save(batch, now)


def accepted_moment(job: Job, moment_id: str) -> None:
    """Found after a lost answer: which members cannot publish it, nobody tells."""
    batch = _locked(job)
    if batch.state == State.ASKED:
        _await_staff(batch, moment_id, timezone.now())


def cancelled(job: Job) -> None:
    """What members had confirmed by then is sent all the same: results are read once more."""
    batch, now = _locked(job), timezone.now()
    if batch.state == State.WAITING:
        batch.wants_reminder = batch.wants_cancel = False
        batch.poll_at = now + FIRST_LOOK
        _save(batch, None)
        results.ring(batch.poll_at)


def free(job: Job, at: datetime | None, problem: str) -> None:
    _save(_locked(job), at, problem=problem)


def failed(job: Job, error: WeChatError) -> None:
    """The call failed: what was asked is planned again only if it surely was not done."""
    batch, now = _locked(job), timezone.now()
    pause = timedelta(seconds=BACKOFF_S[min(job.attempt, len(BACKOFF_S)) - 1])
    asking = job.step is Step.ASK
    if isinstance(error, Unknown):
        # Looked up soon; a reminder may have been given, and is not given twice.
        at = None if job.step is Step.REMIND else now + pause
        _save(batch, at, problem=error.message if at else "", attempts=batch.attempts)
        return
    if isinstance(error, Unauthorised):
        accounts.note(job.credentials.account_id, error.message)
        pause = ACCOUNT_RETRY
    elif isinstance(error, RateLimited | Retryable) and job.step is not Step.REMIND:
        pause = max(pause, timedelta(seconds=error.retry_after))
    else:
        _refused(batch, job, error)
        return
    if asking and batch.state == State.ASKED:
        batch.state, batch.asked_at = State.PLANNED, None
    _save(batch, now + pause, problem=error.message, attempts=batch.attempts)


def _refused(batch: BroadcastBatch, job: Job, error: WeChatError) -> None:
    """For good: what that means depends on what was asked."""
    now = timezone.now()
    words = {"code": error.errcode or "–", "reason": error.message}
    problem = _("WeCom refused it (%(code)s: %(reason)s).") % words
    if job.step is Step.ASK:
        if batch.state == State.ASKED:
            refuse(batch, error.errcode, problem)
    elif job.step is Step.PREPARE:
        batch.state, batch.job_id = State.ASKED, ""  # the job is forgotten: the list knows
        _save(batch, now)
    elif job.step is Step.SETTLE:
        _save(batch, now + ACCOUNT_RETRY, problem=problem, attempts=batch.attempts)
    else:
        batch.wants_cancel = False
        _save(batch, None, problem=problem)


def _await_staff(batch: BroadcastBatch, provider_id: str, now: datetime) -> None:
    batch.state, batch.provider_id, batch.accepted_at = State.WAITING, provider_id, now
    batch.poll_at = now + results.FIRST_POLL
    _save(batch, None)
    results.ring(batch.poll_at)


def refuse(batch: BroadcastBatch, code: int | None, problem: str) -> None:
    """Its recipients get nothing, for good."""
    batch.state, batch.errcode = State.FAILED, code
    _end_recipients(batch, Recipient.FAILED)
    _save(batch, None, problem=problem)


def _end_recipients(batch: BroadcastBatch, state: str) -> None:
    rows = BroadcastRecipient.objects.filter(batch=batch, state=Recipient.PLANNED)
    rows.update(state=state, settled_at=timezone.now())


def _locked(job: Job) -> BroadcastBatch:
    return BroadcastBatch.objects.select_for_update(no_key=True, of=("self",)).get(pk=job.batch_id)


def _save(
    batch: BroadcastBatch, due_at: datetime | None, *, problem: str = "", attempts: int = 0
) -> None:
    if due_at is None and batch.state == State.WAITING:
        wanted = batch.wants_cancel or batch.wants_reminder  # asked for while we were calling
        due_at = timezone.now() if wanted else None
    batch.due_at, batch.problem, batch.attempts = due_at, str(problem)[:300], attempts
    batch.save()
    standing.review(batch.broadcast_id)
