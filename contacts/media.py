"""Which files may be attached to messages, and under which id does the platform know one now?

The platform forgets a file after three days, and a welcome has no time to upload one. So whoever
will send a file says so before (`want`), and a worker uploads it and again each second day, as long
as somebody uses it: the parts that attach files register with `used_by`.
"""

from __future__ import annotations

import hashlib
import io
import logging
import mimetypes
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.core.exceptions import ValidationError
from django.core.files import File
from django.db.models import Min
from django.utils import timezone
from django.utils.translation import gettext as _

from contacts.models import MediaFile, UploadedMedia
from tenants import doorbell
from tenants.models import WeChatAccount
from tenants.scope import scope
from tenants.wechat import media
from tenants.wechat.accounts import credentials_of, wecom_client_for
from tenants.wechat.credentials import Credentials
from tenants.wechat.errors import RateLimited, Retryable, WeChatError
from tenants.wechat.reactions import reaction

log = logging.getLogger(__name__)

QUEUE = "media"
LEASE: Final = timedelta(minutes=3)
LIFE: Final = timedelta(seconds=media.LIFE_S)
AGAIN_AFTER: Final = timedelta(days=2)
FRESH_FOR: Final = timedelta(minutes=10)  # of its life must be left when a message names it
BACKOFF_S: Final = (5, 30, 120, 600)
ACCOUNT_RETRY: Final = timedelta(minutes=30)
FEWEST_BYTES: Final = 6
MB: Final = 1024 * 1024
MOST_BYTES: Final = {"image": 10 * MB, "video": 10 * MB, "file": 20 * MB}
ENDINGS: Final = {"image": ("jpg", "jpeg", "png"), "video": ("mp4",)}

Users = Callable[[Collection[int]], Collection[int]]
_users: list[Users] = []


class NotReady(Exception):  # noqa: N818 - reads as what happened
    """The platform has no fresh copy of this file; `problem` says why, if it is known."""

    def __init__(self, problem: str) -> None:
        self.problem = problem
        super().__init__(problem)


@dataclass(frozen=True)
class Job:
    uploaded_id: int
    attempt: int
    leased_until: datetime
    credentials: Credentials
    file: MediaFile
    use: str


def used_by(users: Users) -> None:
    """Register, in apps.py: which of these media files (ids) are still attached to something?"""
    _users.append(users)


def keep(content: File[bytes], name: str, kind: str) -> MediaFile:
    """Inside a scope: the stored file; the same bytes are stored once. Raises ValidationError."""
    head = content.read(16)
    content.seek(0)
    _check(kind, name, content.size, head)
    digest = hashlib.sha256()
    for chunk in content.chunks():
        digest.update(chunk)
    content.seek(0)
    known = MediaFile.objects.filter(digest=digest.hexdigest(), kind=kind).first()
    if known is not None:
        return known
    row = MediaFile(name=name[-100:], kind=kind, size=content.size, digest=digest.hexdigest())
    row.content.save(name, content, save=False)
    row.save()
    return row


def want(
    file: MediaFile, account: WeChatAccount, use: str = UploadedMedia.Use.MESSAGE
) -> UploadedMedia:
    """Inside a scope: a message of this account will name the file, so have it uploaded."""
    row, _made = UploadedMedia.objects.get_or_create(file=file, account=account, use=use)
    if row.due_at is None:
        row.due_at = _due(row)
        row.save(update_fields=["due_at"])
        doorbell.ring(QUEUE, row.due_at)
    return row


def media_id_of(file_id: int, account_id: int, use: str = UploadedMedia.Use.MESSAGE) -> str:
    """Inside a scope: the id that a message may name now. Raises NotReady."""
    row = UploadedMedia.objects.filter(file_id=file_id, account_id=account_id, use=use).first()
    if row is None or not row.media_id or row.uploaded_at is None:
        raise NotReady(row.problem if row else "")
    if row.uploaded_at + LIFE - FRESH_FOR <= timezone.now():
        raise NotReady(row.problem)
    return row.media_id


def ensure(
    tenant_id: int, file_id: int, account_id: int, use: str = UploadedMedia.Use.MESSAGE
) -> str:
    """Outside any scope: the id, uploading now if there is none. Raises the adapter's errors."""
    with scope(tenant_id):
        try:
            return media_id_of(file_id, account_id, use)
        except NotReady:
            file = MediaFile.objects.get(pk=file_id)
            account = WeChatAccount.objects.get(pk=account_id)
            row = want(file, account, use)
            job = _job(row, timezone.now())
    media_id = _upload(tenant_id, job)
    _settle(tenant_id, job, media_id)
    return media_id


def next_due() -> datetime | None:
    due: datetime | None = UploadedMedia.objects.aggregate(due=Min("due_at"))["due"]
    return due


def work(tenant_id: int) -> None:
    """Upload what is due, one file after the other."""
    doorbell.work_off(QUEUE, tenant_id, _claim, _push)


def _due(row: UploadedMedia) -> datetime:
    if row.uploaded_at is None:
        return timezone.now()
    return max(timezone.now(), row.uploaded_at + AGAIN_AFTER)


def _claim() -> Job | None:
    now = timezone.now()
    due = UploadedMedia.objects.select_for_update(skip_locked=True, of=("self",))
    rows = due.select_related("file", "account").filter(due_at__lte=now).order_by("due_at")
    for row in rows[:100]:
        if row.account.active and (row.uploaded_at is None or _in_use(row.file_id)):
            return _job(row, now)
        # Nobody attaches it any more: whoever will, says so by `want`.
        row.due_at = None
        row.save(update_fields=["due_at"])
    return None


def _in_use(file_id: int) -> bool:
    return any(file_id in users([file_id]) for users in _users)


def _job(row: UploadedMedia, now: datetime) -> Job:
    row.attempts, row.due_at = row.attempts + 1, now + LEASE
    row.save(update_fields=["attempts", "due_at"])
    return Job(row.pk, row.attempts, row.due_at, credentials_of(row.account), row.file, row.use)


def _push(tenant_id: int, job: Job) -> None:
    try:
        media_id = _upload(tenant_id, job)
    except WeChatError as error:
        log.warning("media %s: %s", job.uploaded_id, error)
        _settle_failure(tenant_id, job, error)
    else:
        _settle(tenant_id, job, media_id)


def _upload(tenant_id: int, job: Job) -> str:
    with scope(tenant_id), job.file.content.open("rb") as stored:
        content = io.BytesIO(stored.read())
    mime = mimetypes.guess_type(job.file.name)[0] or "application/octet-stream"
    verb = media.upload if job.use == UploadedMedia.Use.MESSAGE else media.upload_for_moments
    with wecom_client_for(job.credentials) as client:
        return verb(client, job.file.kind, job.file.name, content, mime)


def _settle(tenant_id: int, job: Job, media_id: str) -> None:
    now = timezone.now()
    with scope(tenant_id):
        UploadedMedia.objects.filter(pk=job.uploaded_id).update(
            media_id=media_id, uploaded_at=now, due_at=now + AGAIN_AFTER, attempts=0, problem=""
        )


def _settle_failure(tenant_id: int, job: Job, error: WeChatError) -> None:
    wait = timedelta(seconds=BACKOFF_S[min(job.attempt, len(BACKOFF_S)) - 1])
    if isinstance(error, Retryable | RateLimited):
        wait = max(wait, timedelta(seconds=error.retry_after))
    else:
        wait = ACCOUNT_RETRY
    problem = f"{error.message} {reaction(error)}"[:300]
    with scope(tenant_id):
        UploadedMedia.objects.filter(pk=job.uploaded_id, due_at=job.leased_until).update(
            due_at=timezone.now() + wait, problem=problem
        )


def _check(kind: str, name: str, size: int, head: bytes) -> None:
    if kind not in MOST_BYTES:
        raise ValidationError(_("Choose a picture, a video or a file."))
    if not FEWEST_BYTES <= size <= MOST_BYTES[kind]:
        raise ValidationError(
            _("This file has %(size)s MB; the platform takes up to %(most)d MB.")
            % {"size": round(size / MB, 1), "most": MOST_BYTES[kind] // MB}
        )
    ending = name.rpartition(".")[2].lower()
    if kind in ENDINGS and (ending not in ENDINGS[kind] or not _looks_like(kind, head)):
        raise ValidationError(
            _("This is no %(kinds)s file.") % {"kinds": " / ".join(ENDINGS[kind]).upper()}
        )


def _looks_like(kind: str, head: bytes) -> bool:
    if kind == "video":
        return head[4:8] == b"ftyp"
    return head.startswith((b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"))
