"""How does a live code of ours become a contact way at WeCom, stay equal to it, and end?

Saving a live code only says what is wanted (`changed`, `retire`); the worker (`work`) makes the
platform agree, outside any transaction: then, at every edge of the hours, when somebody reaches a
limit or gets ahead of their share (`look_again`), and once a night, when the way is read and
compared. Making a way is the one call that must not be repeated blindly, for a second QR would stay
behind unseen. So every attempt after the first looks for a way with our `state` first: the state is
unique, therefore a look-up settles a lost answer.
"""

from __future__ import annotations

import logging
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Final

from django.db.models import F, Min, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from contacts.livecodes import plan, sheets, words
from contacts.livecodes.way import GONE, Job, Made, Outcome, Target, make_it_so
from contacts.models import LiveCode, LiveCodeStaff
from tenants import doorbell
from tenants.scope import scope
from tenants.wechat import accounts, contact_ways
from tenants.wechat.accounts import credentials_of, wecom_client_for
from tenants.wechat.errors import (
    Forbidden,
    RateLimited,
    Retryable,
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
NIGHT: Final = timedelta(days=1)
CHECK_AT: Final = timedelta(hours=3)  # of the tenant's day
CHECK_SPREAD_MIN: Final = 120


def changed(live_code: LiveCode) -> None:
    """Inside a scope, after saving name, staff, hours or settings: the platform must follow."""
    if live_code.status != LiveCode.Status.RETIRED:
        _put(live_code, LiveCode.Status.PENDING)


def retire(live_code: LiveCode) -> None:
    """Inside a scope: the QR stops working; contacts keep their source."""
    _put(live_code, LiveCode.Status.RETIRED)


def look_again(code_ids: Collection[int]) -> None:
    """Inside a scope: who is on duty behind these codes may have changed."""
    rows = LiveCode.objects.filter(pk__in=code_ids).exclude(status=LiveCode.Status.RETIRED)
    if rows.update(due_at=timezone.now()):
        doorbell.ring(QUEUE)


def _put(live_code: LiveCode, status: str) -> None:
    live_code.status, live_code.problem = status, ""
    live_code.due_at = timezone.now()
    # One attempt stays counted while no way is known: the next one must look for it first.
    live_code.attempts = 0 if live_code.config_id else min(live_code.attempts, 1)
    live_code.checked_at = None
    live_code.save(update_fields=["status", "problem", "due_at", "attempts", "checked_at"])
    doorbell.ring(QUEUE)


def next_due() -> datetime | None:
    if _restaffed().exists():
        return timezone.now()
    due: datetime | None = LiveCode.objects.aggregate(due=Min("due_at"))["due"]
    return due


def work(tenant_id: int) -> None:
    """Push what is due, one after the other."""
    doorbell.work_off(QUEUE, tenant_id, _claim, _push)


def _restaffed() -> QuerySet[LiveCodeStaff]:
    """Whoever became active or inactive since their codes were looked at, whoever did it."""
    return LiveCodeStaff.objects.exclude(staff__active=F("was_active"))


def _notice_restaffed() -> None:
    rows = list(_restaffed().values_list("pk", "live_code_id", "staff__active"))
    if not rows:
        return
    for active in (True, False):
        ids = [pk for pk, _code, now in rows if now is active]
        LiveCodeStaff.objects.filter(pk__in=ids).update(was_active=active)
    look_again({code_id for _pk, code_id, _now in rows})


def _claim() -> Job | None:
    """The next due live code, leased: whoever dies with it leaves it to the next attempt."""
    _notice_restaffed()
    now = timezone.now()
    due = LiveCode.objects.select_for_update(skip_locked=True, of=("self",))
    code = due.select_related("account").filter(due_at__lte=now).order_by("due_at").first()
    if code is None:
        return None
    if code.expires_at is not None and code.expires_at <= now:
        code.status = LiveCode.Status.RETIRED
    job = _job(code, now)
    code.attempts, code.due_at = job.attempt, job.leased_until
    code.save(update_fields=["status", "attempts", "due_at"])
    return job


def _job(code: LiveCode, now: datetime) -> Job:
    sheet = sheets.sheet_of(code)
    duty = plan.duty(sheet, now, sheets.adds_of(code, sheet, now))
    known = LiveCode.objects.exclude(config_id="").filter(account=code.account)
    tonight = _next_check(code.pk, sheet, now)
    edge = plan.next_change(sheet, now)
    return Job(
        live_code_id=code.pk,
        attempt=code.attempts + 1,
        leased_until=now + LEASE,
        credentials=credentials_of(code.account),
        wanted=code.status != LiveCode.Status.RETIRED,
        config_id=code.config_id,
        qr_url=code.qr_url,
        state=code.state,
        target=Target(
            users=tuple(one.userid for one in duty.people),
            skip_verify=duty.skip_verify,
            exclusive=code.exclusive,
            remark=code.name[: contact_ways.REMARK_LIMIT],
        ),
        pushed=code.pushed,
        checks=code.checked_at is None or code.checked_at < tonight - NIGHT,
        warning=_warning(sheet, duty),
        next_at=min(edge, tonight) if edge else tonight,
        since=code.created_at,
        known=frozenset(known.values_list("config_id", flat=True)),
    )


def _next_check(code_id: int, sheet: plan.Sheet, now: datetime) -> datetime:
    """The coming night's; codes are spread over it."""
    at = plan.midnight(sheet, now) + CHECK_AT + timedelta(minutes=code_id % CHECK_SPREAD_MIN)
    return at if at > now else at + NIGHT


def _warning(sheet: plan.Sheet, duty: plan.Duty) -> str:
    """What the operator must know though the code works."""
    gaps = plan.gaps(sheet.people)
    found = [str(words.SHORT[duty.short])] if duty.short in words.SHORT else []
    if gaps and duty.short is not plan.Short.NOBODY:
        found.append(words.nobody(gaps))
    return " ".join(found)[:300]


def _push(tenant_id: int, job: Job) -> None:
    if job.wanted and not job.target.users:
        problem = str(words.SHORT[plan.Short.NOBODY])
        _settle(tenant_id, job, LiveCode.Status.FAILED, problem=problem, again_at=job.next_at)
        return
    if job.wanted and job.config_id and job.pushed == job.target.stored and not job.checks:
        _settle(tenant_id, job, LiveCode.Status.ACTIVE, again_at=job.next_at)
        return
    try:
        with wecom_client_for(job.credentials) as client:
            outcome = make_it_so(client, job)
    except WeChatError as error:
        log.warning("live code %s: %s", job.live_code_id, error)
        _settle_failure(tenant_id, job, error)
        return
    status = LiveCode.Status.ACTIVE if job.wanted else LiveCode.Status.RETIRED
    again_at = job.next_at if job.wanted else None
    _settle(tenant_id, job, status, outcome=outcome, again_at=again_at)


def _settle(
    tenant_id: int,
    job: Job,
    status: str,
    *,
    problem: str = "",
    outcome: Outcome | None = None,
    again_at: datetime | None = None,
) -> None:
    """What was made is noted in any case, the rest only if nobody asked for something else."""
    now = timezone.now()
    values: dict[str, object] = {"status": status, "problem": problem[:300], "due_at": again_at}
    values["warning"] = job.warning if job.wanted else ""
    if not problem:
        values["attempts"] = 0
    if outcome is not None and job.wanted:
        values["pushed"] = job.target.stored
        if job.checks or outcome.made is not None:
            values["checked_at"] = now
    with scope(tenant_id):
        rows = LiveCode.objects.filter(pk=job.live_code_id)
        if outcome is not None and outcome.made is not None:
            rows.update(config_id=outcome.made.config_id, qr_url=outcome.made.qr_url)
        if outcome is not None and outcome.drift:
            rows.update(drift=outcome.drift[:300], drift_at=now)
        if not rows.filter(due_at=job.leased_until).update(**values) and outcome is not None:
            # Somebody asked for something else meanwhile, and this call may have come second.
            rows.update(pushed={}, due_at=now)
            doorbell.ring(QUEUE)


def _settle_failure(tenant_id: int, job: Job, error: WeChatError) -> None:
    now = timezone.now()
    status = LiveCode.Status.PENDING if job.wanted else LiveCode.Status.RETIRED
    failed = LiveCode.Status.FAILED if job.wanted else LiveCode.Status.RETIRED
    if isinstance(error, RateLimited | Retryable | Unknown):
        again = now + _pause(job, error)
        problem = _("WeCom did not take it yet: %(reason)s") % {"reason": error.message}
        _settle(tenant_id, job, status, problem=problem, again_at=again)
    elif isinstance(error, Unauthorised):
        with scope(tenant_id):
            accounts.note(job.credentials.account_id, error.message)
        problem = _("WeCom refuses this account: %(reason)s") % {"reason": error.message}
        _settle(tenant_id, job, failed, problem=problem, again_at=now + ACCOUNT_RETRY)
    elif error.errcode == GONE and job.wanted and job.config_id:
        # A new way, and a new QR, take its place.
        told = _("It was deleted at WeCom and has a new QR code: print it anew.")
        outcome = Outcome(Made(), drift=told)
        _settle(tenant_id, job, status, outcome=outcome, again_at=now)
    else:
        again_at = job.next_at if job.wanted else None
        _settle(tenant_id, job, failed, problem=_sentence(error), again_at=again_at)


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
