"""How does a group welcome become a template at WeCom, of which there are at most a hundred?

No call lists templates: one whose making was asked for and never answered stays `unknown` until a
person has it made anew; the one that may be left behind takes one of the hundred places. Owners of
groups choose the template in their client: no call does that for them.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db.models import Min
from django.utils import timezone
from django.utils.translation import gettext as _

from contacts import attachments, media
from contacts.models import GroupWelcome, MediaFile
from contacts.models.group_codes import Status
from tenants import doorbell
from tenants.scope import scope
from tenants.wechat import accounts
from tenants.wechat import groups as wechat
from tenants.wechat.client import WeComClient
from tenants.wechat.credentials import Credentials
from tenants.wechat.errors import RateLimited, Retryable, Unauthorised, Unknown, WeChatError

log = logging.getLogger(__name__)

QUEUE: Final = "group_welcomes"
LEASE: Final = timedelta(minutes=5)
BACKOFF_S: Final = (5, 15, 60, 300, 900)
ACCOUNT_RETRY: Final = timedelta(minutes=30)
MEDIA_WAIT: Final = timedelta(seconds=20)


@dataclass(frozen=True)
class Job:
    welcome_id: int
    attempt: int
    leased_until: datetime
    credentials: Credentials
    wanted: bool
    template_id: str
    text: str
    attachment: dict[str, object] | None
    tells_owners: bool


def changed(welcome: GroupWelcome) -> None:
    """Inside a scope, after saving it."""
    for file in MediaFile.objects.filter(pk__in=attachments.media_ids(welcome.attachments)):
        media.want(file, welcome.account)
    if welcome.status not in (Status.RETIRED, Status.UNKNOWN):
        _put(welcome, Status.PENDING)


def make_anew(welcome: GroupWelcome) -> None:
    """Inside a scope: a person decides that one whose making was lost is made once more."""
    if welcome.status == Status.UNKNOWN:
        _put(welcome, Status.PENDING)


def retire(welcome: GroupWelcome) -> None:
    """Inside a scope: it goes from the platform, and from the groups that use it."""
    _put(welcome, Status.RETIRED)


def _put(welcome: GroupWelcome, status: str) -> None:
    welcome.status, welcome.problem = status, ""
    welcome.due_at, welcome.attempts = timezone.now(), 0
    welcome.save(update_fields=["status", "problem", "due_at", "attempts"])
    doorbell.ring(QUEUE)


def used_media(file_ids: object) -> set[int]:
    """Which files welcomes still attach (media.used_by)."""
    rows = GroupWelcome.objects.exclude(status=Status.RETIRED).exclude(attachments=[])
    found: set[int] = set()
    for stored in rows.values_list("attachments", flat=True):
        found |= attachments.media_ids(stored)
    return found


def next_due() -> datetime | None:
    due: datetime | None = GroupWelcome.objects.aggregate(due=Min("due_at"))["due"]
    return due


def work(tenant_id: int) -> None:
    """Make the platform agree, one template after the other."""
    doorbell.work_off(QUEUE, tenant_id, _claim, _push)


def _claim() -> Job | None:
    now = timezone.now()
    rows = GroupWelcome.objects.select_for_update(skip_locked=True, of=("self",))
    row = rows.select_related("account").filter(due_at__lte=now).order_by("due_at").first()
    if row is None:
        return None
    if row.status == Status.PENDING and row.attempts and not row.template_id:
        _lost(row.pk)  # whoever asked died before the answer
        return _claim()
    attachment: dict[str, object] | None = None
    if row.status != Status.RETIRED:
        try:
            ready = attachments.for_platform(row.attachments[:1], row.account_id)
            attachment = ready[0] if ready else None
        except media.NotReady as error:
            row.due_at, row.problem = now + MEDIA_WAIT, error.problem or _("it is being uploaded")
            row.save(update_fields=["due_at", "problem"])
            return _claim()
    row.attempts, row.due_at = row.attempts + 1, now + LEASE
    row.save(update_fields=["attempts", "due_at"])
    return Job(
        welcome_id=row.pk,
        attempt=row.attempts,
        leased_until=row.due_at,
        credentials=accounts.credentials_of(row.account),
        wanted=row.status != Status.RETIRED,
        template_id=row.template_id,
        text=row.text,
        attachment=attachment,
        tells_owners=row.tells_owners,
    )


def _push(tenant_id: int, job: Job) -> None:
    try:
        with accounts.wecom_client_for(job.credentials) as client:
            template_id = _agree(client, job)
    except WeChatError as error:
        log.warning("group welcome %s: %s", job.welcome_id, error)
        with scope(tenant_id):
            _failed(job, error)
    else:
        with scope(tenant_id):
            accounts.note(job.credentials.account_id, "")
            GroupWelcome.objects.filter(pk=job.welcome_id).update(template_id=template_id)
            _settle(job, Status.ACTIVE if job.wanted else Status.RETIRED)


def _agree(client: WeComClient, job: Job) -> str:
    if not job.wanted:
        if job.template_id:
            wechat.del_template(client, job.template_id)
        return ""
    if job.template_id:
        wechat.edit_template(client, job.template_id, job.text, job.attachment)
        return job.template_id
    return wechat.add_template(client, job.text, job.attachment, tell=job.tells_owners)


def _failed(job: Job, error: WeChatError) -> None:
    pause = timedelta(seconds=BACKOFF_S[min(job.attempt, len(BACKOFF_S)) - 1])
    if isinstance(error, Unknown) and job.wanted and not job.template_id:
        _lost(job.welcome_id)
        return
    if isinstance(error, RateLimited | Retryable | Unknown):
        wait = max(pause, timedelta(seconds=getattr(error, "retry_after", 0.0)))
        _again(job, wait, error.message)
    elif isinstance(error, Unauthorised):
        accounts.note(job.credentials.account_id, error.message)
        _again(job, ACCOUNT_RETRY, error.message)
    elif error.errcode == wechat.TEMPLATES_FULL:
        full = _("WeCom keeps %(n)d group welcomes and no more: retire one.")
        _settle(job, Status.FAILED, full % {"n": wechat.TEMPLATES_LIMIT})
    else:
        words = {"code": error.errcode or "–", "reason": error.message}
        problem = _("WeCom refused it (%(code)s: %(reason)s).") % words
        _settle(job, Status.FAILED if job.wanted else Status.RETIRED, problem)


def _again(job: Job, pause: timedelta, problem: str) -> None:
    """Certainly not made yet, or there to be changed: the next attempt is no second one."""
    rows = GroupWelcome.objects.filter(pk=job.welcome_id, due_at=job.leased_until)
    attempts = job.attempt if job.template_id else 0
    rows.update(due_at=timezone.now() + pause, problem=problem[:300], attempts=attempts)


def _lost(welcome_id: int) -> None:
    problem = _("WeCom's answer was lost: it may have made this template or not.")
    GroupWelcome.objects.filter(pk=welcome_id).update(
        status=Status.UNKNOWN, due_at=None, problem=problem[:300]
    )


def _settle(job: Job, status: str, problem: str = "") -> None:
    """Only if nobody asked for something else meanwhile."""
    rows = GroupWelcome.objects.filter(pk=job.welcome_id, due_at=job.leased_until)
    rows.update(status=status, problem=problem[:300], due_at=None, attempts=0)
