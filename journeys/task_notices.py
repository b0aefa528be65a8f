"""Who is told of a task by a message of our app, and did the message leave?

The desk shows a task in any case, and its touch is settled there; this only tells the member. Tasks
of a member that are due together are one message: the platform silently drops what one person gets
beyond 30 a minute. Claim, call, settle: the request is frozen before the first call, and the
platform drops repeats of the same bytes for four hours.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from django.conf import settings
from django.db.models import Min, QuerySet
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from contacts import messaging
from contacts.messaging import member_messages
from contacts.messaging.member_messages import LEASE, Job
from journeys.models import StaffTask
from tenants import doorbell
from tenants.ids import encode
from tenants.scope import scope

QUEUE = "task-notices"
TOGETHER: Final = 50  # tasks in one message
BY_NAME: Final = 20

Notice = StaffTask.Notice


def next_due() -> datetime | None:
    rows = StaffTask.objects.filter(notice__in=[Notice.WAITING, Notice.SENDING])
    due: datetime | None = rows.aggregate(due=Min("notice_at"))["due"]
    return due


def work(tenant_id: int) -> None:
    """Tell what is to be told, one message after the other."""
    doorbell.work_off(QUEUE, tenant_id, _claim, _send)


def _claim() -> Job | None:
    while (first := _first()) is not None:
        job = _begin(first) if first.notice == Notice.WAITING else _again(first)
        if job is not None:
            return job
    return None


def _first() -> StaffTask | None:
    rows = StaffTask.objects.filter(
        notice__in=[Notice.WAITING, Notice.SENDING], notice_at__lte=timezone.now()
    ).select_related("staff")
    return (
        rows.select_for_update(skip_locked=True, of=("self",)).order_by("notice_at", "id").first()
    )


def _begin(first: StaffTask) -> Job | None:
    """One message for all tasks of this member that wait to be told; closed ones are not told."""
    now = timezone.now()
    waiting = StaffTask.objects.filter(
        staff=first.staff_id, notice=Notice.WAITING, notice_at__lte=now
    )
    rows = list(
        waiting.select_related("contact")
        .select_for_update(of=("self",))
        .order_by("notice_at", "id")[:TOGETHER]
    )
    _put(_of([r for r in rows if r.state != StaffTask.State.OPEN]), Notice.NONE)
    still = [row for row in rows if row.state == StaffTask.State.OPEN]
    if not still:
        return None
    try:
        request = messaging.prepare_for_member(first.staff, text_of(still))
    except messaging.NoRoute as error:
        _put(_of(still), Notice.FAILED, error.reason)
        return None
    job = Job(uuid.uuid4(), request)
    _of(still).update(
        notice=Notice.SENDING,
        notice_message=job.message,
        notice_request=request,
        notice_tried_at=now,
        notice_at=now + LEASE,
    )
    return job


def _again(first: StaffTask) -> Job | None:
    """The lease ran out: the same message once more, or nobody knows."""
    now = timezone.now()
    same = StaffTask.objects.filter(notice_message=first.notice_message, notice=Notice.SENDING)
    job = member_messages.again(
        first.notice_message, first.notice_request, first.notice_tried_at, now
    )
    if job:
        same.update(notice_at=now + LEASE)
    else:
        _put(same, Notice.UNKNOWN)
    return job


def _of(rows: Sequence[StaffTask]) -> QuerySet[StaffTask]:
    return StaffTask.objects.filter(pk__in=[row.pk for row in rows])


def _put(rows: QuerySet[StaffTask], notice: str, problem: str = "") -> None:
    """The request goes: it may name other people than the task's own contact."""
    rows.update(notice=notice, notice_at=None, notice_request=None, notice_problem=problem[:100])


def _send(tenant_id: int, job: Job) -> None:
    told = member_messages.tell(tenant_id, job)
    with scope(tenant_id):
        mine = StaffTask.objects.filter(notice_message=job.message, notice=Notice.SENDING)
        if told.wait:
            mine.update(notice_at=timezone.now() + told.wait)
        else:
            _put(mine, Notice.FAILED if told.problem else Notice.TOLD, told.problem)


def text_of(tasks: Sequence[StaffTask]) -> str:
    """What the message says, in the language of the installation: the words of one task, or the
    names of several; and where the desk shows them."""
    desk = f"{settings.BASE_URL}{reverse('desk-tasks')}"
    with translation.override(settings.LANGUAGE_CODE):
        names = [task.contact.name or _("no name") for task in tasks]
        if len(tasks) == 1:
            head = _("Please write to %(name)s:") % {"name": names[0]}
            # The link stands before the words: the platform cuts long messages at their end.
            return "\n".join([head, f"{desk}#task-{encode(tasks[0].pk)}", "", tasks[0].text])
        head = ngettext("%(n)d task", "%(n)d tasks", len(tasks)) % {"n": len(tasks)}
        more = len(names) - BY_NAME
        lines = [head, desk, "", *names[:BY_NAME]]
        if more > 0:
            lines.append(_("and %(n)d more") % {"n": more})
    return "\n".join(lines)
