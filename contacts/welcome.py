"""Does a new friend get the live code's welcome message, once and within 20 seconds?

Files are at the platform before anybody scans (contacts/media.py); one that is not goes missing
from the message rather than keeping it. Who came without a code is noted as such: each friend of a
code that greets has a result.

The code in the callback works once and lives 20 s, so the platform itself keeps a repeat from
reaching the customer twice: a lost answer may be repeated. Each step is claim (a short
transaction), call, settle; several workers may run at once.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db.models import F, Max, Min, Q, QuerySet
from django.db.models.functions import Coalesce, Greatest
from django.utils import timezone
from django.utils.translation import gettext as _

from contacts import attachments, kinds, media, timeline
from contacts.livecodes.greetings import Message
from contacts.models import Follow, Identity, Welcome
from contacts.timeline import NewEvent
from tenants import doorbell
from tenants.models import WeChatAccount
from tenants.scope import scope
from tenants.wechat import customers
from tenants.wechat.accounts import credentials_of, wecom_client_for
from tenants.wechat.client import WeComClient
from tenants.wechat.credentials import Credentials
from tenants.wechat.errors import RateLimited, Retryable, WeChatError

log = logging.getLogger(__name__)

QUEUE = "welcome"
LIFE: Final = timedelta(seconds=20)
# Longer than a call may take: a worker that died within one leaves time for another.
LEASE: Final = timedelta(seconds=12)
LONGEST_PAUSE_S: Final = 2.0
NAME_MARKS: Final = ("%NAME%", "%NICKNAME%")
STAFF_MARK: Final = "%STAFF%"
CODE_LENGTH: Final = 200

_OPEN = (Welcome.State.DUE, Welcome.State.SENDING)


@dataclass(frozen=True)
class Job:
    welcome_id: int
    attempt: int
    credentials: Credentials
    code: str
    text: str
    attachments: tuple[dict[str, object], ...]
    missing: str  # why attachments stay behind
    name: str
    staff: str
    external_userid: str
    expires_at: datetime
    maybe_sent: bool  # an earlier attempt got no answer, or died


@dataclass(frozen=True)
class Debt:
    """A welcome that a friend is owed, since the callback with its code came in (or without)."""

    follow: Follow
    account: WeChatAccount
    live_code_id: int
    code: str
    message: Message
    received_at: datetime


def owe(debts: Sequence[Debt]) -> None:
    """Inside a scope: note the welcomes that these friends are owed.

    A customer who adds without approval gives two codes, of the request and of its acceptance:
    one spell of a Follow is greeted once, unless the first greeting certainly failed.
    """
    failed = (Welcome.State.FAILED, Welcome.State.EXPIRED)
    latest = _latest(debts, failed)
    rows: list[Welcome] = []
    for debt in debts:
        until = latest.get(debt.follow.pk)
        if len(debt.code) > CODE_LENGTH or (until is not None and until >= debt.follow.opened_at):
            continue
        row = _row(debt)
        if debt.code:
            _withdraw_no_code(debt, rows)
            latest[debt.follow.pk] = row.expires_at
        elif _noted(debt, rows):
            continue
        rows.append(row)
    if rows:
        Welcome.objects.bulk_create(rows, ignore_conflicts=True)
        doorbell.ring(QUEUE)


def _latest(debts: Sequence[Debt], failed: Sequence[str]) -> dict[int, datetime]:
    """Follow → until when its latest greeting that may have arrived was good."""
    earlier = Welcome.objects.filter(follow__in={debt.follow.pk for debt in debts})
    greeted = earlier.exclude(state__in=[*failed, Welcome.State.NO_CODE])
    return dict(
        greeted.values("follow_id")
        .annotate(latest=Max("expires_at"))
        .values_list("follow_id", "latest")
    )


def _row(debt: Debt) -> Welcome:
    return Welcome(
        follow=debt.follow,
        account=debt.account,
        live_code_id=debt.live_code_id,
        code=debt.code,
        text=debt.message.text,
        attachments=list(debt.message.attachments),
        received_at=debt.received_at,
        expires_at=debt.received_at + LIFE,
        state=Welcome.State.DUE if debt.code else Welcome.State.NO_CODE,
    )


def _of_spell(debt: Debt) -> QuerySet[Welcome]:
    return Welcome.objects.filter(follow=debt.follow, expires_at__gte=debt.follow.opened_at)


def _withdraw_no_code(debt: Debt, rows: list[Welcome]) -> None:
    """The code came with another callback of the same friendship."""
    _of_spell(debt).filter(state=Welcome.State.NO_CODE).delete()
    rows[:] = [row for row in rows if row.code or row.follow_id != debt.follow.pk]


def _noted(debt: Debt, rows: Sequence[Welcome]) -> bool:
    """Is there a result of this friendship already?"""
    return _of_spell(debt).exists() or any(row.follow_id == debt.follow.pk for row in rows)


def next_due() -> datetime | None:
    """The moment from which an open welcome can be tried, or has to be closed."""
    rows = Welcome.objects.filter(state__in=_OPEN)
    due: datetime | None = rows.aggregate(due=Min(Coalesce("lease_until", "expires_at")))["due"]
    waiting = rows.filter(lease_until=None).exists()
    return timezone.now() if waiting else due


def work(tenant_id: int) -> None:
    """Send what is due, one after the other, then close what is too late."""
    doorbell.work_off(QUEUE, tenant_id, _next, _send)


def attend(tenant_id: int) -> None:
    """`work`, and stay for what is tried again in a moment: of 20 seconds none is to be lost."""
    until = time.monotonic() + LIFE.total_seconds()
    while True:
        work(tenant_id)
        with scope(tenant_id):
            pause = _pause()
        if pause is None or time.monotonic() + pause > until:
            return
        time.sleep(pause)


def _pause() -> float | None:
    """Seconds until the next try, if it is near."""
    again = Welcome.objects.filter(state=Welcome.State.DUE).exclude(lease_until=None)
    at: datetime | None = again.aggregate(at=Min("lease_until"))["at"]
    if at is None:
        return None
    pause = max(0.05, (at - timezone.now()).total_seconds())
    return pause if pause <= LONGEST_PAUSE_S else None


def _next() -> Job | None:
    job = _claim()
    if job is None:
        _close_late()
    return job


def _claim() -> Job | None:
    now = timezone.now()
    free = Q(lease_until=None) | Q(lease_until__lte=now)
    row = (
        Welcome.objects.select_for_update(skip_locked=True, of=("self",))
        .select_related("account", "follow__staff", "follow__contact")
        .filter(free, state__in=_OPEN, expires_at__gt=now)
        .order_by("expires_at")
        .first()
    )
    if row is None:
        return None
    kind = Identity.Kind.EXTERNAL_USERID
    identity = Identity.objects.filter(contact_id=row.follow.contact_id, kind=kind).first()
    maybe_sent = row.attempts > 0 and row.errcode is None
    ready, missing = _ready(row)
    job = Job(
        welcome_id=row.pk,
        attempt=row.attempts + 1,
        credentials=credentials_of(row.account),
        code=row.code,
        text=row.text,
        attachments=ready,
        missing=missing,
        name=row.follow.contact.name,
        staff=str(row.follow.staff),
        external_userid=identity.value if identity else "",
        expires_at=row.expires_at,
        maybe_sent=maybe_sent,
    )
    row.state, row.attempts, row.lease_until = Welcome.State.SENDING, job.attempt, now + LEASE
    row.errcode = None
    row.save(update_fields=["state", "attempts", "lease_until", "errcode"])
    return job


def _ready(row: Welcome) -> tuple[tuple[dict[str, object], ...], str]:
    """The attachments whose files the platform has; why the others stay behind."""
    ready: list[dict[str, object]] = []
    missing = ""
    for one in row.attachments:
        try:
            ready += attachments.for_platform([one], row.account_id)
        except media.NotReady as error:
            missing = _("An attachment was left out, for WeCom does not have its file: %(why)s") % {
                "why": error.problem or _("it is being uploaded")
            }
    return tuple(ready), missing[:300]


def _send(tenant_id: int, job: Job) -> None:
    if not job.text.strip() and not job.attachments:
        _settle(tenant_id, job, Welcome.State.FAILED, problem=job.missing)
        return
    try:
        with wecom_client_for(job.credentials) as client:
            text = _text_of(client, job)
            result = customers.send_welcome(client, job.code, text, job.attachments)
    except (Retryable, RateLimited) as error:
        _try_again(tenant_id, job, error)
    except WeChatError as error:
        log.warning("welcome %s: %s", job.welcome_id, error)
        _settle(tenant_id, job, Welcome.State.FAILED, error)
    else:
        _settle(tenant_id, job, _state_of(result, job), problem=job.missing)


def _state_of(result: customers.Welcome, job: Job) -> Welcome.State:
    if result is customers.Welcome.EXPIRED:
        return Welcome.State.EXPIRED
    if result is customers.Welcome.ALREADY and not job.maybe_sent:
        return Welcome.State.SPOKEN
    return Welcome.State.SENT


def _text_of(client: WeComClient, job: Job) -> str:
    """The text with names in it. Whose name is not known yet is asked for: it is worth a call."""
    name = job.name
    if not name and any(mark in job.text for mark in NAME_MARKS) and job.external_userid:
        try:
            name = customers.get_customer(client, job.external_userid).name
        except WeChatError as error:
            log.info("welcome %s goes without a name: %s", job.welcome_id, error)
    text = job.text.replace(STAFF_MARK, job.staff)
    for mark in NAME_MARKS:
        text = text.replace(mark, name)
    return text.encode()[:4000].decode("utf-8", "ignore")


def _try_again(tenant_id: int, job: Job, error: Retryable | RateLimited) -> None:
    pause = error.retry_after
    if isinstance(error, Retryable):
        pause = min(pause, LONGEST_PAUSE_S)
    again = timezone.now() + timedelta(seconds=pause)
    if again >= job.expires_at:
        lost = error.errcode is None and isinstance(error, Retryable)
        state = Welcome.State.UNKNOWN if lost or job.maybe_sent else Welcome.State.FAILED
        _settle(tenant_id, job, state, error)
        return
    # An attempt that got no answer keeps errcode empty: `_claim` reads it as "perhaps sent".
    errcode = None if job.maybe_sent else error.errcode
    with scope(tenant_id):
        Welcome.objects.filter(pk=job.welcome_id, attempts=job.attempt).update(
            state=Welcome.State.DUE, lease_until=again, errcode=errcode, problem=str(error)[:300]
        )


def _settle(
    tenant_id: int,
    job: Job,
    state: Welcome.State,
    error: WeChatError | None = None,
    problem: str = "",
) -> None:
    now = timezone.now()
    with scope(tenant_id):
        rows = Welcome.objects.filter(pk=job.welcome_id, attempts=job.attempt, state__in=_OPEN)
        done = rows.update(
            state=state,
            lease_until=None,
            errcode=error.errcode if error else None,
            problem=str(error)[:300] if error else problem,
            sent_at=now if state == Welcome.State.SENT else None,
        )
        if done:
            _tell(job.welcome_id, now)


def _close_late() -> None:
    """Nobody came in time: never tried is too late, a try without an end is not known."""
    now = timezone.now()
    late = Welcome.objects.select_for_update(skip_locked=True).filter(
        state__in=_OPEN, expires_at__lte=now
    )
    over = late.annotate(free=Greatest("expires_at", Coalesce("lease_until", F("expires_at"))))
    for row in over.filter(free__lte=now):
        maybe_sent = row.attempts > 0 and row.errcode is None
        row.state = Welcome.State.UNKNOWN if maybe_sent else Welcome.State.EXPIRED
        row.lease_until = None
        row.save(update_fields=["state", "lease_until"])
        _tell(row.pk, now)


_KINDS: Final = {
    Welcome.State.SENT: kinds.WELCOME_SENT,
    Welcome.State.SPOKEN: kinds.WELCOME_SKIPPED,
}


def _tell(welcome_id: int, at: datetime) -> None:
    row = Welcome.objects.select_related("follow__staff").get(pk=welcome_id)
    state = Welcome.State(row.state)
    properties: dict[str, object] = {"staff": row.follow.staff.userid}
    if state != Welcome.State.SENT:
        properties |= {"reason": state.value, "problem": row.problem}
    kind = _KINDS.get(state, kinds.WELCOME_FAILED)
    key = f"welcome:{row.pk}"
    timeline.record([NewEvent(row.follow.contact_id, kind, at, "wecom", key, properties)])
