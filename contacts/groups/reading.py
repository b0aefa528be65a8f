"""When is a group read again at the platform, and what when it cannot be read?

A note on the row (`ask`) is the queue. Reads lag behind callbacks: 84061 for a group that is new,
or the list of members as it was before; then it is read again a little later.
"""

from __future__ import annotations

import logging
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db.models import Min
from django.utils import timezone

from contacts.groups import join_codes, snapshots
from contacts.models import Group
from tenants import doorbell
from tenants.scope import scope
from tenants.wechat import accounts
from tenants.wechat import groups as wechat
from tenants.wechat.credentials import Credentials
from tenants.wechat.errors import RateLimited, Retryable, Unauthorised, Unknown, WeChatError
from tenants.wechat.transport import Json

log = logging.getLogger(__name__)

QUEUE: Final = "groups"
LEASE: Final = timedelta(minutes=2)
BACKOFF_S: Final = (3, 10, 30, 120, 600)
MOST_ATTEMPTS: Final = 20
PATIENCE: Final = 5  # of reads that know nothing of it, or are old
ACCOUNT_RETRY: Final = timedelta(minutes=30)


@dataclass(frozen=True)
class Job:
    group_id: int
    chat_id: str
    attempt: int
    leased_until: datetime
    credentials: Credentials


def ask(group_ids: Collection[int], account_id: int, at: datetime | None = None) -> None:
    """Inside a scope: have these groups read, through this account."""
    if group_ids:
        rows = Group.objects.filter(pk__in=group_ids).exclude(chat_id=None)
        rows.update(read_at=at or timezone.now(), read_attempts=0, account_id=account_id)
        doorbell.ring(QUEUE)


def next_due() -> datetime | None:
    due: datetime | None = Group.objects.exclude(read_at=None).aggregate(due=Min("read_at"))["due"]
    return due


def work(tenant_id: int) -> None:
    """Read what is due, one after the other."""
    doorbell.work_off(QUEUE, tenant_id, _claim, _read)


def _claim() -> Job | None:
    now = timezone.now()
    rows = Group.objects.select_for_update(skip_locked=True, of=("self",))
    due = rows.select_related("account").filter(read_at__lte=now).order_by("read_at")
    group = due.first()
    if group is None:
        return None
    if group.account is None or not group.account.active or not group.chat_id:
        Group.objects.filter(pk=group.pk).update(read_at=None)
        return _claim()
    until, attempt = now + LEASE, group.read_attempts + 1
    Group.objects.filter(pk=group.pk).update(read_at=until, read_attempts=attempt)
    credentials = accounts.credentials_of(group.account)
    return Job(group.pk, group.chat_id, attempt, until, credentials)


def _read(tenant_id: int, job: Job) -> None:
    asked_at = timezone.now()
    try:
        with accounts.wecom_client_for(job.credentials) as client:
            chat = wechat.get_group(client, job.chat_id)
    except WeChatError as error:
        log.info("group %s: %s", job.group_id, error)
        with scope(tenant_id):
            _failed(job, error, asked_at)
    else:
        with scope(tenant_id):
            accounts.note(job.credentials.account_id, "")
            _take(job, chat, asked_at)


def _take(job: Job, chat: Json, asked_at: datetime) -> None:
    group = Group.objects.get(pk=job.group_id)
    version = str(chat.get("member_version") or "")
    is_old = bool(group.told_version) and version != group.told_version
    if is_old and version == group.member_version and job.attempt < PATIENCE:
        _free(job, asked_at + _pause(job))
        return
    snapshots.apply_snapshot({"chat_id": job.chat_id, **chat}, asked_at)
    Group.objects.filter(pk=group.pk, told_version=group.told_version).update(told_version="")
    join_codes.attribute([group.pk])
    _free(job, None)


def _failed(job: Job, error: WeChatError, asked_at: datetime) -> None:
    if error.errcode == wechat.DISMISSED:
        snapshots.dismiss(job.chat_id, asked_at)
        _free(job, None)
    elif error.errcode in wechat.GONE:
        if job.attempt < PATIENCE:
            _free(job, asked_at + _pause(job), error.message)
            return
        _gone(job, asked_at)
        _free(job, None, error.message)
    elif isinstance(error, Unauthorised):
        accounts.note(job.credentials.account_id, error.message)
        _free(job, asked_at + ACCOUNT_RETRY, error.message)
    elif isinstance(error, RateLimited | Retryable | Unknown) and job.attempt < MOST_ATTEMPTS:
        wait = timedelta(seconds=getattr(error, "retry_after", 0.0))
        _free(job, timezone.now() + max(_pause(job), wait), error.message)
    else:
        _free(job, None, error.message)


def _gone(job: Job, at: datetime) -> None:
    """Read before, and not known any more: it was dismissed while nobody told."""
    group = Group.objects.get(pk=job.group_id)
    if group.seen_at is not None and group.dismissed_at is None:
        snapshots.set_dismissed(group, at)


def _pause(job: Job) -> timedelta:
    return timedelta(seconds=BACKOFF_S[min(job.attempt, len(BACKOFF_S)) - 1])


def _free(job: Job, again_at: datetime | None, problem: str = "") -> None:
    """Give the lease back, unless somebody asked anew meanwhile."""
    rows = Group.objects.filter(pk=job.group_id, read_at=job.leased_until)
    rows.update(read_at=again_at, read_problem=problem[:300])
