"""What does WeCom itself know of a customer: name, picture, gender, unionid, remarks?

Of a fan of an official account the platform tells no more than the unionid.

Callbacks name accounts only. Whoever meets one asks for its details (`ask`, a note on the
Identity); the worker fetches them outside any transaction. Details lag behind events, so 84061
right after an add is only a delay.
"""

from __future__ import annotations

import logging
import re
import unicodedata
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db.models import Min
from django.utils import timezone

from contacts import identity, search, webhook_events
from contacts.models import Contact, Follow, Identity
from contacts.sync import pairs, remarks
from tenants import doorbell
from tenants.scope import scope
from tenants.wechat import accounts
from tenants.wechat.client import OfficialAccountClient
from tenants.wechat.credentials import Credentials
from tenants.wechat.customers import (
    DESCRIPTION_LIMIT,
    REMARK_LIMIT,
    Customer,
    FollowInfo,
    get_customer,
)
from tenants.wechat.errors import NotACustomer, RateLimited, Retryable, Unauthorised, WeChatError
from tenants.wechat.official import Fan, get_fan

log = logging.getLogger(__name__)

QUEUE = "details"
LEASE: Final = timedelta(minutes=2)
BACKOFF_S: Final = (2, 5, 15, 60, 300, 900)
MOST_ATTEMPTS: Final = 20
MOST_AS_STRANGER: Final = 5  # 84061 again and again: no customer any more
ACCOUNT_RETRY: Final = timedelta(minutes=30)
GENDERS: Final = {1: Contact.Gender.MALE, 2: Contact.Gender.FEMALE}
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True)
class Job:
    identity_id: int
    contact_id: int
    account: str  # of the person: external_userid or openid
    attempt: int
    leased_until: datetime
    credentials: Credentials


def ask(contact_ids: Collection[int], account_id: int) -> None:
    """Inside a scope: have the details of these customers fetched anew, through this account."""
    if not contact_ids:
        return
    kind = Identity.Kind.EXTERNAL_USERID
    Identity.objects.filter(contact_id__in=contact_ids, kind=kind).update(
        refresh_at=timezone.now(), refresh_attempts=0, via_id=account_id
    )
    doorbell.ring(QUEUE)


def ask_of_fan(fan: identity.Account, account_id: int, *, anew: bool) -> None:
    """Inside a scope: have it asked who this fan of an official account is; `anew` or once."""
    rows = Identity.objects.filter(kind=fan.kind, account=fan.app, value=fan.value)
    rows = rows if anew else rows.filter(via=None)
    if rows.update(refresh_at=timezone.now(), refresh_attempts=0, via_id=account_id):
        doorbell.ring(QUEUE)


def next_due() -> datetime | None:
    rows = Identity.objects.exclude(refresh_at=None)
    due: datetime | None = rows.aggregate(due=Min("refresh_at"))["due"]
    return due


def work(tenant_id: int) -> None:
    """Fetch what is due, one after the other."""
    doorbell.work_off(QUEUE, tenant_id, _claim, _fetch, turn=doorbell.TURN_S)


def _claim() -> Job | None:
    now = timezone.now()
    due = Identity.objects.select_for_update(skip_locked=True, of=("self",))
    row = due.select_related("via").filter(refresh_at__lte=now).order_by("refresh_at").first()
    if row is None:
        return None
    if row.via is None or not row.via.active:
        row.refresh_at = None
        row.save(update_fields=["refresh_at"])
        return _claim()
    row.refresh_at, row.refresh_attempts = now + LEASE, row.refresh_attempts + 1
    row.save(update_fields=["refresh_at", "refresh_attempts"])
    return Job(
        identity_id=row.pk,
        contact_id=row.contact_id,
        account=row.value,
        attempt=row.refresh_attempts,
        leased_until=row.refresh_at,
        credentials=accounts.credentials_of(row.via),
    )


def _fetch(tenant_id: int, job: Job) -> None:
    try:
        with accounts.client_for(job.credentials) as client:
            if isinstance(client, OfficialAccountClient):
                found: Customer | Fan = get_fan(client, job.account)
            else:
                found = get_customer(client, job.account)
    except WeChatError as error:
        log.info("details of identity %s: %s", job.identity_id, error)
        with scope(tenant_id):
            if isinstance(error, Unauthorised):
                accounts.note(job.credentials.account_id, error.message)
            _free(job, _next_try(job, error))
    else:
        with scope(tenant_id):
            accounts.note(job.credentials.account_id, "")
            if isinstance(found, Fan):
                row = Identity.objects.get(pk=job.identity_id)
                _know_as(row.contact_id, found.unionid)
            else:
                _write(job, found)
            _free(job, None)


def _next_try(job: Job, error: WeChatError) -> datetime | None:
    pause = timedelta(seconds=BACKOFF_S[min(job.attempt, len(BACKOFF_S)) - 1])
    if isinstance(error, Unauthorised):
        return timezone.now() + ACCOUNT_RETRY
    if isinstance(error, RateLimited):
        return timezone.now() + max(pause, timedelta(seconds=error.retry_after))
    patience = {NotACustomer: MOST_AS_STRANGER, Retryable: MOST_ATTEMPTS}.get(type(error), 0)
    return timezone.now() + pause if job.attempt < patience else None


def _free(job: Job, again_at: datetime | None) -> None:
    """Give the lease back, unless someone asked anew meanwhile."""
    rows = Identity.objects.filter(pk=job.identity_id, refresh_at=job.leased_until)
    rows.update(refresh_at=again_at)


def _write(job: Job, customer: Customer) -> None:
    row = Identity.objects.select_related("contact").get(pk=job.identity_id)
    nickname = clean(customer.name, 100)
    _write_contact(row.contact, row.nickname, nickname, customer.gender)
    row.nickname, row.avatar = nickname, customer.avatar[:500]
    row.save(update_fields=["nickname", "avatar"])
    _know_as(row.contact_id, customer.unionid)
    if _write_follows(row.contact_id, customer.follows):
        search.reindex([row.contact_id])
    tags = {
        info.userid: [tag.tag_id for tag in info.tags if tag.tag_id] for info in customer.follows
    }
    pairs.pull_one(row.contact_id, tags, job.credentials.account_id)


def _know_as(contact_id: int, unionid: str) -> None:
    """Who has the same unionid is the same person: a worker makes the two records one."""
    if unionid:
        identity.attach(contact_id, [identity.Account(Identity.Kind.UNIONID, unionid)])


def _write_follows(contact_id: int, told: Sequence[FollowInfo]) -> bool:
    """Answers whether a remark is another now. What was written here and is not at WeCom yet stays;
    so does what WeCom cut short.
    """
    by_userid = {info.userid: info for info in told}
    follows = list(
        Follow.objects.filter(contact_id=contact_id, staff__userid__in=by_userid)
        .select_related("staff")
        .order_by("id")
    )
    ours = remarks.waiting([(contact_id, follow.staff_id) for follow in follows])
    changed = False
    for follow in follows:
        info = by_userid[follow.staff.userid]
        remark, description = clean(info.remark, 100), clean(info.description, 500)
        mine = (contact_id, follow.staff_id) in ours
        if mine or follow.remark[:REMARK_LIMIT] == remark:
            remark = follow.remark
        if mine or follow.description[:DESCRIPTION_LIMIT] == description:
            description = follow.description
        changed = changed or remark != follow.remark
        follow.remark, follow.description = remark, description
        follow.remark_company = clean(info.remark_company, 100)
        follow.remark_mobiles = clean(" ".join(info.remark_mobiles), 200) or None
        way = info.add_way
        follow.add_way = way if way is not None and way >= 0 else None
        follow.save(
            update_fields=["remark", "description", "remark_company", "remark_mobiles", "add_way"]
        )
    return changed


def _write_contact(contact: Contact, before: str, nickname: str, gender: int | None) -> None:
    """A name that a person or a file gave stays; the platform's own follows the platform."""
    changed = []
    if nickname and contact.name in ("", before) and contact.name != nickname:
        contact.name = nickname
        changed.append("name")
    if not contact.gender and gender in GENDERS:
        contact.gender = GENDERS[gender]
        changed.append("gender")
    if changed:
        contact.save(update_fields=[*changed, "updated_at"])
        webhook_events.updated([contact.pk])
    if "name" in changed:
        search.reindex([contact.pk])


def clean(text: str, longest: int) -> str:
    """What strangers may call themselves, as we store it: one line, cut to length."""
    return _CONTROL.sub("", unicodedata.normalize("NFC", text)).strip()[:longest]
