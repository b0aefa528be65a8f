"""Does a new friend get the live code's welcome message, once and within 20 seconds?

Files are at the platform before anybody scans (contacts/media.py); one that is not goes missing
from the message rather than keeping it. What is owed is noted in welcome_debts.py.

The code in the callback works once and lives 20 s, so the platform itself keeps a repeat from
reaching the customer twice: a lost answer may be repeated. Each step is claim (a short
transaction), call, settle; several workers may run at once, and each has many calls under way: one
takes up to a second, and nobody is to wait for somebody else's.
"""

from __future__ import annotations

import logging
import time
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db import connection
from django.db.models import F, Min, Q
from django.db.models.functions import Coalesce, Greatest
from django.utils import timezone
from django.utils.translation import gettext as _

from contacts import attachments, kinds, media, timeline
from contacts.models import Identity, Welcome
from contacts.timeline import NewEvent
from contacts.welcome_debts import QUEUE
from tenants import doorbell
from tenants.scope import scope
from tenants.wechat import customers
from tenants.wechat.accounts import credentials_of, wecom_client_for
from tenants.wechat.client import WeComClient
from tenants.wechat.credentials import Credentials
from tenants.wechat.errors import (
    WELCOME_ALREADY_CHATTING,
    WELCOME_CODE_INVALID,
    RateLimited,
    Retryable,
    Unauthorised,
    WeChatError,
)

log = logging.getLogger(__name__)

# Longer than a call may take: a worker that died within one leaves time for another.
LEASE: Final = timedelta(seconds=12)
LONGEST_PAUSE_S: Final = 2.0
AT_ONCE: Final = 16
TURN_S: Final = 1.0
LOOK_S: Final = 0.1  # while calls are under way: has somebody else come?
NAME_MARKS: Final = ("%NAME%", "%NICKNAME%")
STAFF_MARK: Final = "%STAFF%"

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


# What may go well within the code's life.
_NotNow = Retryable | RateLimited | Unauthorised
# Of a call; None: there is nothing to send.
_Answer = customers.Welcome | WeChatError | None


def next_due() -> datetime | None:
    """The moment from which an open welcome can be tried, or has to be closed."""
    rows = Welcome.objects.filter(state__in=_OPEN)
    due: datetime | None = rows.aggregate(due=Min(Coalesce("lease_until", "expires_at")))["due"]
    waiting = rows.filter(lease_until=None).exists()
    return timezone.now() if waiting else due


def work(tenant_id: int) -> None:
    """Send what is due, then close what is too late.

    It stays neither for what is tried again in a moment nor, past its turn, for who comes
    meanwhile: both are on the board, and other tenants' callbacks wait for this process.
    """
    until = time.monotonic() + TURN_S
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="welcome") as hands:
        under_way: dict[Future[_Answer], Job] = {}
        while time.monotonic() < until and (_take(tenant_id, hands, under_way) or under_way):
            _hear(tenant_id, under_way)
        if under_way:
            _leave_to_others(tenant_id)
        while under_way:
            _hear(tenant_id, under_way)
    _leave_to_others(tenant_id)


def _leave_to_others(tenant_id: int) -> None:
    with scope(tenant_id):
        doorbell.settle(QUEUE)
        due = next_due()
    if due is not None and due <= timezone.now():
        doorbell.wake(tenant_id, QUEUE)


def _hear(tenant_id: int, under_way: dict[Future[_Answer], Job]) -> None:
    """Settle the calls that have ended, or look up for a moment."""
    done, _rest = wait(under_way, LOOK_S, FIRST_COMPLETED)
    for call in done:
        _finish(tenant_id, under_way.pop(call), call)


def _take(tenant_id: int, hands: ThreadPoolExecutor, under_way: dict[Future[_Answer], Job]) -> int:
    """Start the calls of what is due, as far as hands are free; answers how many."""
    started = 0
    while len(under_way) < AT_ONCE:
        with scope(tenant_id):
            job = _next()
        if job is None:
            break
        under_way[hands.submit(_call, job)] = job
        started += 1
    return started


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


def _call(job: Job) -> _Answer:
    """In a thread: outside scopes and, unless the account is refused, without the database."""
    if not job.text.strip() and not job.attachments:
        return None
    try:
        with wecom_client_for(job.credentials) as client:
            text = _text_of(client, job)
            return customers.send_welcome(client, job.code, text, job.attachments)
    except WeChatError as error:
        return error
    finally:
        connection.close()


def _finish(tenant_id: int, job: Job, call: Future[_Answer]) -> None:
    if call.exception() is not None:
        # Our own mistake must not keep others waiting; the lease ends, and so does the code.
        log.error("welcome %s broke off", job.welcome_id, exc_info=call.exception())
        return
    answer = call.result()
    if answer is None:
        _settle(tenant_id, job, Welcome.State.FAILED, problem=job.missing)
    elif isinstance(answer, customers.Welcome):
        _settle(tenant_id, job, _state_of(answer, job), _CODE.get(answer), job.missing)
    elif isinstance(answer, _NotNow):
        _try_again(tenant_id, job, answer)
    else:
        log.warning("welcome %s: %s", job.welcome_id, answer)
        _settle(tenant_id, job, Welcome.State.FAILED, answer.errcode, str(answer))


# Kept with the result: 41051 after a lost answer is all that anybody can know.
_CODE: Final = {
    customers.Welcome.ALREADY: WELCOME_ALREADY_CHATTING,
    customers.Welcome.EXPIRED: WELCOME_CODE_INVALID,
}


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


def _try_again(tenant_id: int, job: Job, error: _NotNow) -> None:
    """Soon, unless the error lasts longer than the code: one that ends early is not waited out."""
    now = timezone.now()
    pause = error.retry_after
    if isinstance(error, Retryable):
        pause = min(pause, LONGEST_PAUSE_S)
    if now + timedelta(seconds=pause) >= job.expires_at:
        log.warning("welcome %s: %s", job.welcome_id, error)
        lost = error.errcode is None and isinstance(error, Retryable)
        state = Welcome.State.UNKNOWN if lost or job.maybe_sent else Welcome.State.FAILED
        _settle(tenant_id, job, state, error.errcode, str(error))
        return
    if isinstance(error, Unauthorised):
        pause = min(pause, LONGEST_PAUSE_S)
    # An attempt that got no answer keeps errcode empty: `_claim` reads it as "perhaps sent".
    errcode = None if job.maybe_sent else error.errcode
    with scope(tenant_id):
        Welcome.objects.filter(pk=job.welcome_id, attempts=job.attempt).update(
            state=Welcome.State.DUE,
            lease_until=now + timedelta(seconds=pause),
            errcode=errcode,
            problem=str(error)[:300],
        )


def _settle(
    tenant_id: int,
    job: Job,
    state: Welcome.State,
    errcode: int | None = None,
    problem: str = "",
) -> None:
    now = timezone.now()
    with scope(tenant_id):
        rows = Welcome.objects.filter(pk=job.welcome_id, attempts=job.attempt, state__in=_OPEN)
        done = rows.update(
            state=state,
            lease_until=None,
            errcode=errcode,
            problem=problem[:300],
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
