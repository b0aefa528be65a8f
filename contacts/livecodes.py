"""How does a live code of ours become a contact way at WeCom, stay equal to it, and end?

Saving a live code only says what is wanted (`changed`, `retire`); the worker (`work`) makes the
platform agree, outside any transaction. Making a way is the one call that must not be repeated
blindly, for a second QR would stay behind unseen. So every attempt after the first looks for a way
with our `state` first: the state is unique, therefore a look-up settles a lost answer.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db.models import Min
from django.utils import timezone
from django.utils.translation import gettext as _

from contacts.models import LiveCode, LiveCodeStaff
from tenants import doorbell
from tenants.scope import scope
from tenants.wechat import accounts, contact_ways
from tenants.wechat.accounts import credentials_of, wecom_client_for
from tenants.wechat.client import WeComClient
from tenants.wechat.credentials import Credentials
from tenants.wechat.errors import (
    Forbidden,
    RateLimited,
    Retryable,
    Terminal,
    Unauthorised,
    Unknown,
    WeChatError,
)

log = logging.getLogger(__name__)

QUEUE = "livecodes"
LEASE: Final = timedelta(minutes=5)
# A lost answer needs this long until the way, if it was made, is surely in the list.
SETTLES_AFTER: Final = timedelta(seconds=10)
BACKOFF_S: Final = (5, 15, 60, 300, 900)
ACCOUNT_RETRY: Final = timedelta(minutes=30)
GONE: Final = 41056  # no such contact way
# The way may have been made a little before, by the provider's clock.
CLOCKS: Final = timedelta(hours=1)


@dataclass(frozen=True)
class Job:
    """What the platform should have, as read when the row was claimed."""

    live_code_id: int
    attempt: int
    leased_until: datetime  # `changed` and `retire` move it: then this job is no longer the last
    credentials: Credentials
    wanted: bool  # False: retired
    config_id: str
    state: str
    name: str
    users: tuple[str, ...]
    skip_verify: bool
    since: datetime
    known: frozenset[str]  # config ids of other live codes: no need to look at them


@dataclass(frozen=True)
class Made:
    config_id: str = ""
    qr_url: str = ""


def changed(live_code: LiveCode) -> None:
    """Inside a scope, after saving name, staff or settings: the platform must follow."""
    if live_code.status != LiveCode.Status.RETIRED:
        _put(live_code, LiveCode.Status.PENDING)


def retire(live_code: LiveCode) -> None:
    """Inside a scope: the QR stops working; contacts keep their source."""
    _put(live_code, LiveCode.Status.RETIRED)


def _put(live_code: LiveCode, status: str) -> None:
    live_code.status, live_code.problem = status, ""
    live_code.due_at = timezone.now()
    # One attempt stays counted while no way is known: the next one must look for it first.
    live_code.attempts = 0 if live_code.config_id else min(live_code.attempts, 1)
    live_code.save(update_fields=["status", "problem", "due_at", "attempts"])
    doorbell.ring(QUEUE)


def next_due() -> datetime | None:
    due: datetime | None = LiveCode.objects.aggregate(due=Min("due_at"))["due"]
    return due


def work(tenant_id: int) -> None:
    """Push what is due, one after the other."""
    doorbell.work_off(QUEUE, tenant_id, _claim, _push)


def _claim() -> Job | None:
    """The next due live code, leased: whoever dies with it leaves it to the next attempt."""
    now = timezone.now()
    due = LiveCode.objects.select_for_update(skip_locked=True, of=("self",))
    code = due.select_related("account").filter(due_at__lte=now).order_by("due_at").first()
    if code is None:
        return None
    users = LiveCodeStaff.objects.filter(live_code=code, staff__active=True)
    known = LiveCode.objects.exclude(config_id="").filter(account=code.account)
    job = Job(
        live_code_id=code.pk,
        attempt=code.attempts + 1,
        leased_until=now + LEASE,
        credentials=credentials_of(code.account),
        wanted=code.status != LiveCode.Status.RETIRED,
        config_id=code.config_id,
        state=code.state,
        name=code.name,
        users=tuple(users.order_by("id").values_list("staff__userid", flat=True)),
        skip_verify=code.skip_verify,
        since=code.created_at,
        known=frozenset(known.values_list("config_id", flat=True)),
    )
    code.attempts, code.due_at = job.attempt, job.leased_until
    code.save(update_fields=["attempts", "due_at"])
    return job


def _push(tenant_id: int, job: Job) -> None:
    if job.wanted and not job.users:
        problem = _("Choose at least one active staff member for this live code.")
        _settle(tenant_id, job, status=LiveCode.Status.FAILED, problem=problem)
        return
    try:
        with wecom_client_for(job.credentials) as client:
            made = _make_it_so(client, job)
    except WeChatError as error:
        log.warning("live code %s: %s", job.live_code_id, error)
        _settle_failure(tenant_id, job, error)
        return
    status = LiveCode.Status.ACTIVE if job.wanted else LiveCode.Status.RETIRED
    _settle(tenant_id, job, status=status, made=made)


def _make_it_so(client: WeComClient, job: Job) -> Made | None:
    """One step towards what is wanted. None: nothing new to note."""
    if not job.wanted:
        return _delete(client, job)
    if job.config_id:
        _update(client, job, job.config_id)
        return None
    if job.attempt > 1:
        found = _find(client, job)
        if found:
            _update(client, job, found.config_id)
            return found
    way = contact_ways.add_contact_way(
        client,
        users=job.users,
        state=job.state,
        remark=job.name,
        skip_verify=job.skip_verify,
        many=True,
    )
    return Made(way.config_id, way.qr_code)


def _update(client: WeComClient, job: Job, config_id: str) -> None:
    contact_ways.update_contact_way(
        client,
        config_id,
        users=job.users,
        state=job.state,
        remark=job.name,
        skip_verify=job.skip_verify,
    )


def _find(client: WeComClient, job: Job) -> Made | None:
    """The way with our state, when an earlier attempt made it and its answer was lost."""
    since, until = job.since - CLOCKS, timezone.now() + CLOCKS
    listed = contact_ways.list_contact_ways(
        client, since=int(since.timestamp()), until=int(until.timestamp())
    )
    for config_id in listed:
        if config_id in job.known:
            continue
        way = contact_ways.get_contact_way(client, config_id)
        if way is not None and way.state == job.state:
            return Made(config_id, way.qr_code)
    return None


def _delete(client: WeComClient, job: Job) -> Made:
    found = Made(job.config_id) if job.config_id else _find(client, job)
    if found:
        try:
            contact_ways.del_contact_way(client, found.config_id)
        except Terminal as error:
            if error.errcode != GONE:
                raise
    return Made()


def _settle(
    tenant_id: int,
    job: Job,
    *,
    status: str,
    problem: str = "",
    made: Made | None = None,
    again_at: datetime | None = None,
) -> None:
    """What was made is noted in any case, the rest only if nobody asked for something else."""
    with scope(tenant_id):
        rows = LiveCode.objects.filter(pk=job.live_code_id)
        if made is not None:
            rows.update(config_id=made.config_id, qr_url=made.qr_url)
        rows.filter(due_at=job.leased_until).update(
            status=status, problem=problem[:300], due_at=again_at
        )


def _settle_failure(tenant_id: int, job: Job, error: WeChatError) -> None:
    now = timezone.now()
    status = LiveCode.Status.PENDING if job.wanted else LiveCode.Status.RETIRED
    failed = LiveCode.Status.FAILED if job.wanted else LiveCode.Status.RETIRED
    if isinstance(error, RateLimited | Retryable | Unknown):
        again = now + _pause(job, error)
        problem = _("WeCom did not take it yet: %(reason)s") % {"reason": error.message}
        _settle(tenant_id, job, status=status, problem=problem, again_at=again)
    elif isinstance(error, Unauthorised):
        with scope(tenant_id):
            accounts.note(job.credentials.account_id, error.message)
        problem = _("WeCom refuses this account: %(reason)s") % {"reason": error.message}
        _settle(tenant_id, job, status=failed, problem=problem, again_at=now + ACCOUNT_RETRY)
    elif error.errcode == GONE and job.wanted and job.config_id:
        # Deleted over there: a new way, and a new QR, take its place.
        _settle(tenant_id, job, status=status, made=Made(), again_at=now)
    else:
        _settle(tenant_id, job, status=failed, problem=_sentence(error))


def _pause(job: Job, error: RateLimited | Retryable | Unknown) -> timedelta:
    step = timedelta(seconds=BACKOFF_S[min(job.attempt, len(BACKOFF_S)) - 1])
    if isinstance(error, Unknown):
        return max(step, SETTLES_AFTER)
    return max(step, timedelta(seconds=error.retry_after))


def _sentence(error: WeChatError) -> str:
    """For the operator: what to do about it."""
    if isinstance(error, Forbidden):
        return _("WeCom does not allow this app to make live codes: %(reason)s") % {
            "reason": error.message
        }
    if error.errcode in (40098, 84074, 84083, 60111, 46004, 40003):
        return _(
            "A staff member cannot take customers at WeCom (%(code)s: %(reason)s). "
            "Check that they are active, verified and have customer contact."
        ) % {"code": error.errcode, "reason": error.message}
    return _("WeCom refused it (%(code)s: %(reason)s).") % {
        "code": error.errcode or "–",
        "reason": error.message,
    }
