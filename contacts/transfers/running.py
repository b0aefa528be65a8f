"""Who calls the platform for the transfers, one step a claim?

Look up what was asked and never answered; ask for the next hundred; read the results. A lost answer
is settled by the results (of a group: by who owns it), never by asking blindly again.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Final

from django.db.models import Min
from django.db.models.functions import Coalesce, Greatest
from django.utils import timezone
from django.utils.translation import gettext as _

from contacts.models import TransferBatch, TransferItem
from contacts.models.transfers import UNSETTLED
from contacts.transfers import settling, verdicts
from contacts.transfers.legs import Job, Leg, Step
from contacts.transfers.plan import QUEUE
from contacts.transfers.settling import Answer
from tenants import doorbell
from tenants.scope import scope
from tenants.wechat import accounts, groups
from tenants.wechat import transfers as wechat
from tenants.wechat.client import WeComClient
from tenants.wechat.errors import (
    RateLimited,
    Retryable,
    Terminal,
    Unauthorised,
    Unknown,
    WeChatError,
)

log = logging.getLogger(__name__)

LEASE: Final = timedelta(minutes=5)
SETTLES_AFTER: Final = timedelta(seconds=10)  # until a lost call shows in the results
BACKOFF_S: Final = (5, 15, 60, 300, 900)
ACCOUNT_RETRY: Final = timedelta(minutes=30)
# After the first of those that wait was asked: they have 24 hours, then it is done in minutes.
POLLS: Final = tuple(timedelta(minutes=m) for m in (10, 60, 240, 720, 1445, 1500, 1800, 2880, 4310))
State = TransferItem.State


def next_due() -> datetime | None:
    rows = TransferBatch.objects.filter(finished_at=None).exclude(due_at=None)
    free = Greatest("due_at", Coalesce("leased_until", "due_at"))
    due: datetime | None = rows.aggregate(due=Min(free))["due"]
    return due


def work(tenant_id: int) -> None:
    """Take every step that is due, one after the other."""
    doorbell.work_off(QUEUE, tenant_id, _claim, _carry_out)


def _claim() -> Job | None:
    now = timezone.now()
    rows = TransferBatch.objects.select_for_update(skip_locked=True, of=("self",))
    due = rows.filter(finished_at=None, due_at__lte=now).exclude(leased_until__gt=now)
    for batch in due.select_related("account", "giver").order_by("due_at")[:50]:
        settling.give_up(batch.pk, now)
        job = _job(batch, now)
        if job is not None:
            batch.leased_until, batch.attempts = job.leased_until, job.attempt
            batch.save(update_fields=["leased_until", "attempts"])
            return job
        _rest(batch, now)
    return None


def _job(batch: TransferBatch, now: datetime) -> Job | None:
    if not batch.account.active:
        return None
    lost = _legs(batch, State.ASKED)
    if lost:
        return _made(batch, Step.SETTLE, lost, now)
    next_ones = _legs(batch, State.PLANNED)
    if next_ones:
        leg = next_ones[0].first(wechat.AT_ONCE)
        rows = TransferItem.objects.filter(pk__in=leg.targets.values())
        rows.update(state=State.ASKED, asked_at=now)
        return _made(batch, Step.ASK, [leg], now)
    if batch.poll_at is not None and batch.poll_at <= now:
        waiting = _legs(batch, State.WAITING)
        return _made(batch, Step.POLL, waiting, now) if waiting else None
    return None


def _legs(batch: TransferBatch, state: str) -> list[Leg]:
    """Those in this state, by taker and kind, in the order in which they were planned."""
    rows = TransferItem.objects.filter(batch=batch, state=state)
    # Whoever was erased meanwhile has no account any more.
    rows.filter(target="").update(
        state=State.FAILED, problem=str(verdicts.ERASED), settled_at=timezone.now()
    )
    legs: dict[tuple[str, bool], Leg] = {}
    for item in rows.select_related("taker").order_by("id"):
        key = (item.taker.userid, item.group_id is not None)
        leg = legs.setdefault(key, Leg(*key))
        leg.targets[item.target] = item.pk
    return list(legs.values())


def _made(batch: TransferBatch, step: Step, legs: list[Leg], now: datetime) -> Job:
    return Job(
        batch_id=batch.pk,
        step=step,
        giver=batch.giver.userid,
        resigned=batch.kind == TransferBatch.Kind.RESIGNED,
        message=batch.message,
        legs=legs,
        attempt=batch.attempts + 1,
        leased_until=now + LEASE,
        credentials=accounts.credentials_of(batch.account),
    )


def _rest(batch: TransferBatch, now: datetime) -> None:
    """Nothing to do for it now: until when, or is it finished?"""
    open_now = TransferItem.objects.filter(batch=batch, state__in=UNSETTLED)
    if not batch.account.active and open_now.exists():
        batch.due_at, batch.problem = now + ACCOUNT_RETRY, _("The account is switched off.")
    elif not open_now.exists():
        batch.finished_at, batch.due_at, batch.problem = now, None, ""
    else:
        began = open_now.aggregate(began=Min("asked_at"))["began"] or now
        if batch.poll_at is None or batch.poll_at <= now:
            batch.poll_at = next((began + t for t in POLLS if began + t > now), now + POLLS[0])
        batch.due_at = max(batch.poll_at, now + timedelta(seconds=1))
    batch.leased_until = None
    batch.save(update_fields=["due_at", "problem", "finished_at", "poll_at", "leased_until"])


def _carry_out(tenant_id: int, job: Job) -> None:
    try:
        with accounts.wecom_client_for(job.credentials) as client:
            answers = _STEPS[job.step](client, job)
    except WeChatError as error:
        log.info("transfer %s, %s: %s", job.batch_id, job.step, error)
        with scope(tenant_id):
            _failed(job, error)
    else:
        with scope(tenant_id):
            settling.settle(job, answers)
            accounts.note(job.credentials.account_id, "")
            again = {"poll_at": None} if job.step == Step.POLL else {}
            _free(job, timezone.now(), attempts=0, problem="", **again)


def _ask(client: WeComClient, job: Job) -> list[Answer]:
    leg = job.legs[0]
    if leg.of_groups:
        refused = wechat.transfer_groups(
            client, list(leg.targets), leg.taker, resigned=job.resigned
        )
        return [
            Answer.verdict_on_group(item_id, refused.get(target, 0))
            for target, item_id in leg.targets.items()
        ]
    verdicts_ = wechat.transfer_customers(
        client,
        giver=job.giver,
        taker=leg.taker,
        external_userids=list(leg.targets),
        message=job.message,
        resigned=job.resigned,
    )
    return [
        Answer.verdict(leg.targets[target], code)
        for target, code in verdicts_.items()
        if target in leg.targets
    ]


def _look_up(client: WeComClient, job: Job) -> list[Answer]:
    """What the platform says of each; an answer without a result where it knows nothing."""
    found: list[Answer] = []
    for leg in job.legs:
        if leg.of_groups:
            found += [
                Answer(item_id, owner=_owner(client, chat_id), taker=leg.taker)
                for chat_id, item_id in leg.targets.items()
            ]
            continue
        results = wechat.transfer_results(
            client, giver=job.giver, taker=leg.taker, resigned=job.resigned
        )
        told = {one.external_userid: one for one in results if one.external_userid in leg.targets}
        found += [
            Answer(item_id, result=told.get(target)) for target, item_id in leg.targets.items()
        ]
    return found


def _owner(client: WeComClient, chat_id: str) -> str:
    """Empty when the group is no more."""
    try:
        return str(groups.get_group(client, chat_id).get("owner") or "")
    except Terminal as error:
        if error.errcode in groups.GONE:
            return ""
        raise


_STEPS: Final = {Step.ASK: _ask, Step.SETTLE: _look_up, Step.POLL: _look_up}


def _failed(job: Job, error: WeChatError) -> None:
    """The call as a whole failed: what was asked is planned again only if it surely was not."""
    now = timezone.now()
    pause = timedelta(seconds=BACKOFF_S[min(job.attempt, len(BACKOFF_S)) - 1])
    if isinstance(error, Unknown):
        _free(job, now + max(pause, SETTLES_AFTER), problem=error.message)
        return
    if isinstance(error, Unauthorised):
        accounts.note(job.credentials.account_id, error.message)
        pause = ACCOUNT_RETRY
    elif isinstance(error, RateLimited | Retryable):
        pause = max(pause, timedelta(seconds=error.retry_after))
    elif job.step == Step.ASK:
        ids = list(job.legs[0].targets.values())
        settling.refuse(ids, error.errcode, error.message)
        _free(job, now, attempts=0, problem="")
        return
    if job.step == Step.ASK:
        settling.put_back(list(job.legs[0].targets.values()))
    if job.step == Step.POLL:
        TransferBatch.objects.filter(pk=job.batch_id).update(poll_at=now + pause)
    _free(job, now + pause, problem=error.message)


def _free(job: Job, at: datetime, **values: object) -> None:
    """Give the lease back; a callback may have asked to look sooner."""
    rows = TransferBatch.objects.filter(pk=job.batch_id, leased_until=job.leased_until)
    if "problem" in values:
        values["problem"] = str(values["problem"])[:300]
    rows.update(due_at=at, leased_until=None, **values)
