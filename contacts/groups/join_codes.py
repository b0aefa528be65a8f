"""How does a group code become a way of joining at WeCom, and who came in by it?

No call lists ways, and a lost one cannot be found again. So a code whose making was asked for and
never answered stays `unknown` until a person has it made anew: the way that may be left behind
leads nobody anywhere, for nobody knows its QR. Its members would still count: the state is the
same.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.db.models import Min
from django.utils import timezone
from django.utils.translation import gettext as _

from contacts import changes, identity, tagging
from contacts.identity import Origin
from contacts.models import (
    GroupJoin,
    GroupJoinCode,
    GroupJoinCodeGroup,
    GroupJoinCodeTag,
    GroupMember,
    GroupSpell,
)
from contacts.models.group_codes import Status
from tenants import doorbell
from tenants.scope import scope
from tenants.wechat import accounts, qr_pictures
from tenants.wechat import groups as wechat
from tenants.wechat.client import WeComClient
from tenants.wechat.credentials import Credentials
from tenants.wechat.errors import RateLimited, Retryable, Unauthorised, Unknown, WeChatError

log = logging.getLogger(__name__)

QUEUE: Final = "group_codes"
LEASE: Final = timedelta(minutes=5)
BACKOFF_S: Final = (5, 15, 60, 300, 900)
ACCOUNT_RETRY: Final = timedelta(minutes=30)


@dataclass(frozen=True)
class Job:
    """`fresh`: no call to make it was begun before."""

    code_id: int
    attempt: int
    leased_until: datetime
    credentials: Credentials
    wanted: bool
    config_id: str
    pushed: dict[str, Any]
    target: dict[str, Any]  # the arguments of the platform's verbs


def changed(code: GroupJoinCode) -> None:
    """Inside a scope, after saving it and its groups: the platform must follow."""
    if code.status not in (Status.RETIRED, Status.UNKNOWN):
        _put(code, Status.PENDING)


def make_anew(code: GroupJoinCode) -> None:
    """Inside a scope: a person decides that a code whose making was lost is made once more."""
    if code.status == Status.UNKNOWN:
        _put(code, Status.PENDING)


def retire(code: GroupJoinCode) -> None:
    """Inside a scope: the QR stops working; who came by it keeps counting."""
    _put(code, Status.RETIRED)


def _put(code: GroupJoinCode, status: str) -> None:
    code.status, code.problem, code.due_at, code.attempts = status, "", timezone.now(), 0
    code.save(update_fields=["status", "problem", "due_at", "attempts"])
    doorbell.ring(QUEUE)


def next_due() -> datetime | None:
    due: datetime | None = GroupJoinCode.objects.aggregate(due=Min("due_at"))["due"]
    return due


def work(tenant_id: int) -> None:
    """Make the platform agree, one code after the other."""
    doorbell.work_off(QUEUE, tenant_id, _claim, _push)


def _claim() -> Job | None:
    now = timezone.now()
    rows = GroupJoinCode.objects.select_for_update(skip_locked=True, of=("self",))
    code = rows.select_related("account").filter(due_at__lte=now).order_by("due_at").first()
    if code is None:
        return None
    if code.status == Status.PENDING and code.attempts and not code.config_id:
        # Whoever asked died before the answer.
        _lost(code.pk)
        return _claim()
    code.attempts, code.due_at = code.attempts + 1, now + LEASE
    code.save(update_fields=["attempts", "due_at"])
    return Job(
        code_id=code.pk,
        attempt=code.attempts,
        leased_until=code.due_at,
        credentials=accounts.credentials_of(code.account),
        wanted=code.status != Status.RETIRED,
        config_id=code.config_id,
        pushed=dict(code.pushed),
        target=target_of(code),
    )


def target_of(code: GroupJoinCode) -> dict[str, Any]:
    chats = GroupJoinCodeGroup.objects.filter(code=code, group__dismissed_at=None).order_by("id")
    known = chats.exclude(group__chat_id=None).values_list("group__chat_id", flat=True)
    return {
        "chat_ids": list(known),
        "state": code.state,
        "remark": code.name[: wechat.REMARK_LIMIT],
        "makes_more": code.makes_more,
        "base_name": code.base_name or code.name[: wechat.NAME_LIMIT],
        "base_number": code.base_number,
    }


def _push(tenant_id: int, job: Job) -> None:
    if job.wanted and not job.target["chat_ids"]:
        with scope(tenant_id):
            _settle(job, Status.FAILED, problem=_("None of its groups is there any more."))
        return
    made: dict[str, Any] = {}
    try:
        with accounts.wecom_client_for(job.credentials) as client:
            _agree(client, job, made)
    except WeChatError as error:
        log.warning("group code %s: %s", job.code_id, error)
        with scope(tenant_id):
            _keep(job, made)
            _failed(job, error, made)
    else:
        with scope(tenant_id):
            accounts.note(job.credentials.account_id, "")
            _keep(job, made)
            status = Status.ACTIVE if job.wanted else Status.RETIRED
            _settle(job, status, pushed=job.target if job.wanted else {}, attempts=0)


def _agree(client: WeComClient, job: Job, made: dict[str, Any]) -> None:
    """What was made stands in `made` even if a later call fails."""
    if not job.wanted:
        if job.config_id:
            wechat.del_join_way(client, job.config_id)
            made |= {"config_id": "", "qr_url": ""}
        return
    config_id = job.config_id
    if not config_id:
        config_id = wechat.add_join_way(client, **job.target)
        made["config_id"] = config_id
    elif job.pushed != job.target:
        wechat.update_join_way(client, config_id, **job.target)
    way = wechat.get_join_way(client, config_id)
    made["qr_url"] = qr_pictures.text_of(way.qr_code, job.attempt) if way else ""


def _keep(job: Job, made: dict[str, Any]) -> None:
    if made:
        GroupJoinCode.objects.filter(pk=job.code_id).update(**made)


def _failed(job: Job, error: WeChatError, made: dict[str, Any]) -> None:
    pause = timedelta(seconds=BACKOFF_S[min(job.attempt, len(BACKOFF_S)) - 1])
    has_way = bool(job.config_id or made.get("config_id"))
    if isinstance(error, Unknown) and job.wanted and not has_way:
        _lost(job.code_id)
    elif isinstance(error, RateLimited | Retryable | Unknown):
        wait = timedelta(seconds=getattr(error, "retry_after", 0.0))
        _again(job, max(pause, wait), error.message, has_way=has_way)
    elif isinstance(error, Unauthorised):
        accounts.note(job.credentials.account_id, error.message)
        _again(job, ACCOUNT_RETRY, error.message, has_way=has_way)
    elif error.errcode == wechat.GONE_WAY and job.config_id:
        # A new way, and a new QR, take its place.
        GroupJoinCode.objects.filter(pk=job.code_id).update(config_id="", qr_url="", pushed={})
        _again(job, timedelta(0), error.message, has_way=False)
    else:
        words = {"code": error.errcode or "–", "reason": error.message}
        problem = _("WeCom refused it (%(code)s: %(reason)s).") % words
        _settle(job, Status.FAILED if job.wanted else Status.RETIRED, problem=problem)


def _again(job: Job, pause: timedelta, problem: str, *, has_way: bool) -> None:
    """Certainly not made yet, or there to be changed: the next attempt is no second one."""
    rows = GroupJoinCode.objects.filter(pk=job.code_id, due_at=job.leased_until)
    attempts = job.attempt if has_way else 0
    rows.update(due_at=timezone.now() + pause, problem=problem[:300], attempts=attempts)
    doorbell.ring(QUEUE, timezone.now() + pause)


def _lost(code_id: int) -> None:
    GroupJoinCode.objects.filter(pk=code_id).update(
        status=Status.UNKNOWN,
        due_at=None,
        problem=_("WeCom's answer was lost: it may have made this code or not. Have it made anew.")[
            :300
        ],
    )


def _settle(job: Job, status: str, *, problem: str = "", **values: Any) -> None:
    """Only if nobody asked for something else meanwhile."""
    rows = GroupJoinCode.objects.filter(pk=job.code_id, due_at=job.leased_until)
    rows.update(status=status, problem=problem[:300], due_at=None, **values)


# --- who came in ---


def attribute(group_ids: Collection[int]) -> None:
    """Inside a scope: note those who came into these groups by a code of ours, and tag them."""
    spells = GroupSpell.objects.filter(group_id__in=group_ids).exclude(state="")
    codes = dict(
        GroupJoinCode.objects.filter(state__in=spells.values("state")).values_list("state", "id")
    )
    if not codes:
        return
    told = spells.filter(state__in=codes).values_list("state", "member_id", "joined_at")
    GroupJoin.objects.bulk_create(
        [GroupJoin(code_id=codes[s], member_id=member, joined_at=at) for s, member, at in told],
        ignore_conflicts=True,
    )
    _tag(group_ids)


def _tag(group_ids: Collection[int]) -> None:
    """Once for every coming in; an account that nobody knows yet is tagged when it is known.

    Whoever was met for the first time by it has the code's channel.
    """
    rows = GroupJoin.objects.filter(
        tagged=False,
        member__in=GroupMember.objects.filter(group_id__in=group_ids, contact__isnull=False),
    )
    found = list(rows.select_related("member", "code").order_by("joined_at"))
    tags: dict[int, list[int]] = defaultdict(list)
    for tag in GroupJoinCodeTag.objects.filter(code_id__in={row.code_id for row in found}):
        tags[tag.code_id].append(tag.tag_id)
    taggings: dict[int, list[tagging.Tagging]] = defaultdict(list)
    for row in found:
        contact_id = row.member.contact_id
        if contact_id is not None:
            of_code = [(contact_id, tag_id, row.joined_at) for tag_id in tags[row.code_id]]
            taggings[row.code_id] += of_code
            origin = Origin(at=row.joined_at, channel_id=row.code.channel_id)
            if row.code.channel_id and identity.touched(contact_id, origin):
                changes.note([contact_id])
    for code_id, given in taggings.items():
        tagging.add_each(given, f"group_code:{code_id}")
    rows.filter(pk__in=[row.pk for row in found]).update(tagged=True)
