"""What members wrote here about their customers, on its way to WeCom.

Until it is there, what WeCom says does not overwrite it.
"""

from __future__ import annotations

import logging
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from django.db.models import F, Min
from django.utils import timezone

from contacts.models import Drift, Follow, Identity, RemarkPush
from contacts.sync import jobs
from contacts.sync.telling import tell
from tenants import doorbell
from tenants.models import WeChatAccount
from tenants.wechat import accounts, customers
from tenants.wechat.client import WeComClient
from tenants.wechat.credentials import Credentials
from tenants.wechat.errors import WeChatError

log = logging.getLogger(__name__)

QUEUE = "remarks"
LEASE: Final = timedelta(minutes=2)
MOST_ATTEMPTS: Final = 12
# What WeCom shows may be older than what it just took.
LAG: Final = timedelta(minutes=10)


@dataclass(frozen=True)
class Job:
    row_id: int
    pair: tuple[int, int]  # contact, staff
    version: int
    attempt: int
    leased_until: datetime
    userid: str
    external: tuple[str, ...]
    remark: str
    description: str
    credentials: Credentials


def ask(follow: Follow) -> None:
    """Inside a scope: remark and description were edited here; WeCom is to have them, if the
    member works at a corporation that is connected and the two are friends.
    """
    if follow.ended_at is not None or _account_of(follow) is None:
        return
    if not _external(follow.contact_id):
        return
    row, created = RemarkPush.objects.get_or_create(
        contact_id=follow.contact_id,
        staff_id=follow.staff_id,
        defaults={"due_at": timezone.now()},
    )
    if not created:
        RemarkPush.objects.filter(pk=row.pk).update(
            state=RemarkPush.State.WAITING, version=F("version") + 1, due_at=timezone.now(),
            attempts=0, problem="",
        )  # fmt: skip
    doorbell.ring(QUEUE)


def waiting(pairs_: Collection[tuple[int, int]]) -> set[tuple[int, int]]:
    """Of these (contact, staff), those whose remark here is newer than what WeCom shows."""
    people = {contact for contact, _staff in pairs_}
    rows = RemarkPush.objects.filter(contact_id__in=people).exclude(state=RemarkPush.State.FAILED)
    recent = timezone.now() - LAG
    return {
        (row.contact_id, row.staff_id)
        for row in rows
        if row.state == RemarkPush.State.WAITING or (row.sent_at and row.sent_at > recent)
    }


def _external(contact_id: int) -> tuple[str, ...]:
    rows = Identity.objects.filter(contact_id=contact_id, kind=Identity.Kind.EXTERNAL_USERID)
    return tuple(rows.order_by("id").values_list("value", flat=True))


def _account_of(follow: Follow) -> WeChatAccount | None:
    """The corporation of the member; of staff whose list was never read, the one that asked for
    the customer's details."""
    active = WeChatAccount.objects.filter(kind=WeChatAccount.Kind.WECOM, active=True)
    if follow.staff.account_id:
        return active.filter(pk=follow.staff.account_id).first()
    asked = Identity.objects.filter(
        contact_id=follow.contact_id, kind=Identity.Kind.EXTERNAL_USERID
    ).values("via")
    return active.filter(pk__in=asked).order_by("id").first()


def next_due() -> datetime | None:
    rows = RemarkPush.objects.exclude(due_at=None)
    due: datetime | None = rows.aggregate(due=Min("due_at"))["due"]
    return due


def work(tenant_id: int) -> None:
    doorbell.work_off(QUEUE, tenant_id, _claim, _push)


def _claim() -> Job | None:
    now = timezone.now()
    due = RemarkPush.objects.filter(due_at__lte=now).select_for_update(skip_locked=True)
    row = due.order_by("due_at", "id").first()
    if row is None:
        return None
    follow = (
        Follow.objects.select_related("staff")
        .filter(contact_id=row.contact_id, staff_id=row.staff_id, ended_at=None)
        .first()
    )
    account = _account_of(follow) if follow else None
    if follow is None or account is None:
        row.delete()
        return _claim()
    row.due_at, row.attempts = now + LEASE, row.attempts + 1
    row.save(update_fields=["due_at", "attempts"])
    return Job(
        row_id=row.pk,
        pair=(row.contact_id, row.staff_id),
        version=row.version,
        attempt=row.attempts,
        leased_until=row.due_at,
        userid=follow.staff.userid,
        external=_external(row.contact_id),
        remark=follow.remark,
        description=follow.description,
        credentials=accounts.credentials_of(account),
    )


def _push(tenant_id: int, job: Job) -> None:
    def call(client: WeComClient, external_userid: str) -> None:
        customers.change_remark(
            client, userid=job.userid, external_userid=external_userid,
            remark=job.remark, description=job.description,
        )  # fmt: skip

    tell(tenant_id, job.credentials, job.external, call, partial(_settle, job))


def _settle(job: Job, error: WeChatError | None) -> None:
    mine = RemarkPush.objects.filter(pk=job.row_id, version=job.version)
    if error is None:
        mine.update(state=RemarkPush.State.SENT, due_at=None, sent_at=timezone.now(), problem="")
        jobs.put_right(Drift.Kind.UNREMARKED, *job.pair)
        return
    log.info("remark %s: %s", job.row_id, error)
    wait = jobs.pause(job.attempt, error)
    if wait is None or job.attempt >= MOST_ATTEMPTS:
        mine.update(state=RemarkPush.State.FAILED, due_at=None, problem=error.message[:300])
    else:
        mine.update(due_at=timezone.now() + wait, problem=error.message[:300])
