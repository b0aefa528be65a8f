"""Who tells the platform of broadcasts, one call a claim?

A batch is marked as asked and committed before the call. Whoever dies in between, or gets no
answer, leaves it asked: the next claim looks at the platform's list for it, and only what is surely
not there is asked for again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

from django.db.models import Min
from django.utils import timezone
from django.utils.translation import gettext as _

from campaigns.broadcasts import answers, audience, personal, planning, standing
from campaigns.broadcasts.audience import Why
from campaigns.broadcasts.jobs import LEASE, Job, Step, call_before
from campaigns.broadcasts.starting import QUEUE
from campaigns.models import (
    Broadcast,
    BroadcastBatch,
    BroadcastRecipient,
    BroadcastShare,
    BroadcastTag,
)
from contacts import attachments, media
from contacts.models import UploadedMedia
from contacts.models.sync import TagLink
from journeys.models import SharedTask, Touch
from tenants import doorbell
from tenants.scope import scope
from tenants.wechat import accounts, mass_sends, moments
from tenants.wechat.client import WeComClient
from tenants.wechat.errors import WeChatError
from tenants.wechat.moments import Moment

log = logging.getLogger(__name__)

ACCOUNT_RETRY: Final = timedelta(minutes=30)
MEDIA_WAIT: Final = timedelta(seconds=20)
# How far the provider's clock may be from ours when its list is asked for our task.
CLOCKS: Final = timedelta(minutes=5)
Route, State = Broadcast.Route, BroadcastBatch.State


def next_due() -> datetime | None:
    waiting = Broadcast.objects.exclude(due_at=None).aggregate(due=Min("due_at"))["due"]
    calls = BroadcastBatch.objects.exclude(due_at=None).aggregate(due=Min("due_at"))["due"]
    return min((due for due in (waiting, calls) if due is not None), default=None)


def work(tenant_id: int) -> None:
    """Take every step that is due, one after the other."""
    doorbell.work_off(QUEUE, tenant_id, _claim, _carry_out)


# --- claim ---


def _claim() -> Job | None:
    now = timezone.now()
    drafts = Broadcast.objects.select_for_update(skip_locked=True, of=("self",))
    broadcast = drafts.filter(due_at__lte=now).order_by("due_at").select_related("account").first()
    if broadcast is not None:
        planning.plan(broadcast)
        return _made(Step.FREEZE, None, broadcast, now)
    rows = BroadcastBatch.objects.select_for_update(skip_locked=True, of=("self",))
    due = rows.filter(due_at__lte=now).select_related(
        "broadcast__account", "broadcast__content", "staff"
    )
    for batch in due.order_by("due_at", "id")[:50]:
        job = _job(batch, now)
        if job is not None:
            return job
    return None


def _job(batch: BroadcastBatch, now: datetime) -> Job | None:
    if not batch.broadcast.account.active:
        _put_off(batch, now + ACCOUNT_RETRY, _("The account is switched off."))
        return None
    step = _step(batch)
    if step is None:
        _put_off(batch, None, batch.problem)
        return None
    if step is Step.ASK:
        return _asking(batch, now)
    if step is Step.REMIND:
        batch.wants_reminder = False  # whoever dies now has reminded: there are only three a day
    return _claimed(step, batch, now)


def _step(batch: BroadcastBatch) -> Step | None:
    if batch.state == State.PLANNED:
        return Step.ASK
    if batch.state == State.ASKED:
        return Step.SETTLE
    if batch.state == State.PREPARING:
        return Step.PREPARE
    if batch.state == State.WAITING and batch.wants_cancel:
        return Step.CANCEL
    return Step.REMIND if batch.state == State.WAITING and batch.wants_reminder else None


def _asking(batch: BroadcastBatch, now: datetime) -> Job | None:
    moment = batch.broadcast.route == Route.MOMENT
    use = UploadedMedia.Use.MOMENT if moment else UploadedMedia.Use.MESSAGE
    try:
        attached = attachments.for_platform(
            batch.broadcast.attachments, batch.broadcast.account_id, use
        )
    except media.NotReady as error:
        _put_off(batch, now + MEDIA_WAIT, error.problem or _("A file is being uploaded."))
        return None
    targets = _publishers(batch) if moment else _targets(batch, now)
    if not targets:
        batch.state = State.CANCELLED
        _put_off(batch, None, "")
        standing.review(batch.broadcast_id)
        return None
    if personal.over(batch.broadcast):
        answers.refuse(batch, None, personal.over(batch.broadcast))
        return None
    batch.state, batch.asked_at, batch.words = State.ASKED, now, personal.words(batch)
    return _claimed(Step.ASK, batch, now, attached, targets)


def _publishers(batch: BroadcastBatch) -> tuple[str, ...]:
    shares = BroadcastShare.objects.filter(batch=batch).order_by("id")
    return tuple(shares.values_list("staff__userid", flat=True))


def _targets(batch: BroadcastBatch, now: datetime) -> tuple[str, ...]:
    """Those who may still be written to: between settling the audience and now they may object."""
    rows = BroadcastRecipient.objects.filter(
        batch=batch, state=BroadcastRecipient.State.PLANNED
    ).order_by("id")
    found = list(rows.values_list("id", "contact_id", "target"))
    people = {contact_id for _id, contact_id, _target in found if contact_id is not None}
    unwanted: set[int | None] = set(audience.unwanted(people) if people else ())
    if personal.is_personal(batch.broadcast):
        unwanted |= {None}  # whom nobody knows any more has no words of their own
    gone = [pk for pk, contact_id, target in found if contact_id in unwanted or not target]
    if gone:
        left = rows.filter(pk__in=gone)
        left.update(state=BroadcastRecipient.State.LEFT_OUT, settled_at=now)
        locked = Broadcast.objects.select_for_update(of=("self",)).get(pk=batch.broadcast_id)
        planning.leave_out(locked, Why.EXCLUDED, len(gone))
        locked.save(update_fields=["left_out"])
    without = set(gone)
    return tuple(target for pk, _contact, target in found if pk not in without)


def _claimed(
    step: Step,
    batch: BroadcastBatch,
    now: datetime,
    attached: list[dict[str, object]] | None = None,
    targets: tuple[str, ...] = (),
) -> Job:
    batch.attempts, batch.due_at = batch.attempts + 1, now + LEASE
    names = ["state", "asked_at", "attempts", "due_at", "wants_reminder", "words"]
    batch.save(update_fields=names)
    standing.review(batch.broadcast_id)
    return _made(step, batch, batch.broadcast, now, attached, targets)


def _made(
    step: Step,
    batch: BroadcastBatch | None,
    broadcast: Broadcast,
    now: datetime,
    attached: list[dict[str, object]] | None = None,
    targets: tuple[str, ...] = (),
) -> Job:
    job = Job(
        step=step,
        batch_id=0 if batch is None else batch.pk,
        route=broadcast.route,
        attempt=0 if batch is None else batch.attempts,
        leased_until=now + LEASE,
        credentials=accounts.credentials_of(broadcast.account),
        call_before=call_before(),
    )
    if batch is None:
        return job
    of_batch = BroadcastRecipient.objects.filter(batch=batch).exclude(target="").order_by("id")
    if step is Step.SETTLE:
        attached = _outlined(broadcast.attachments)
        targets = tuple(of_batch.values_list("target", flat=True))
        if broadcast.route == Route.MOMENT:
            targets, job = _publishers(batch), _beside_twins(job, batch)
    return replace(
        job,
        text=batch.words or broadcast.text,
        attachments=attached or (),
        sender=batch.staff.userid if batch.staff else "",
        targets=targets,
        tag_ids=_tags(broadcast) if step is Step.ASK else (),
        provider_id=batch.provider_id,
        job_id=batch.job_id,
        asked_at=batch.asked_at,
        known=_known(batch) if step is Step.SETTLE else frozenset(),
    )


def _put_off(batch: BroadcastBatch, until: datetime | None, problem: str) -> None:
    batch.due_at, batch.problem = until, str(problem)[:300]
    batch.save(update_fields=["state", "due_at", "problem"])


def _tags(broadcast: Broadcast) -> tuple[str, ...]:
    worn = BroadcastTag.objects.filter(broadcast=broadcast).values("tag_id")
    rows = TagLink.objects.filter(account=broadcast.account_id, tag__in=worn).order_by("id")
    return tuple(rows.values_list("platform_id", flat=True))


def _outlined(stored: list[dict[str, object]]) -> list[dict[str, object]]:
    """What lists show of attachments: not under which ids we sent the files."""
    names = ("title", "url", "page")
    return [
        {
            "msgtype": one["type"],
            str(one["type"]): {name: one[name] for name in names if one.get(name)},
        }
        for one in stored
    ]


def _known(batch: BroadcastBatch) -> frozenset[str]:
    """Ids of other messages of these minutes, which may say the same to the same people."""
    asked = batch.asked_at or timezone.now()
    span = (asked - 2 * CLOCKS, asked + 2 * CLOCKS)
    ours = BroadcastBatch.objects.filter(asked_at__range=span).exclude(pk=batch.pk)
    touches = Touch.objects.filter(sending_at__range=span)
    found = set(ours.values_list("provider_id", flat=True))
    shared = SharedTask.objects.filter(asked_at__range=span)
    for others in (touches, shared):
        found |= set(others.values_list("provider_id", flat=True))
    return frozenset(found - {""})


def _beside_twins(job: Job, batch: BroadcastBatch) -> Job:
    """A moment is found by what it says: others that say the same and have no id yet matter."""
    asked, own = batch.asked_at or timezone.now(), batch.broadcast
    twins = BroadcastBatch.objects.filter(
        broadcast__route=Route.MOMENT, broadcast__account=own.account_id, broadcast__text=own.text,
        asked_at__range=(asked - 2 * CLOCKS, asked + 2 * CLOCKS),
    ).exclude(pk=batch.pk)  # fmt: skip
    lost = twins.filter(state=State.ASKED).values_list("asked_at", flat=True)
    return replace(
        job,
        twin_prepared=twins.filter(state=State.PREPARING).exists(),
        twins_asked_at=tuple(at for at in lost if at is not None),
    )


# --- call ---


def _carry_out(tenant_id: int, job: Job) -> None:
    if job.step is Step.FREEZE:
        return
    if job.late:
        log.warning("broadcast batch %s: too late to call", job.batch_id)
        return
    try:
        with accounts.wecom_client_for(job.credentials) as client:
            settle = _STEPS[job.step](client, job)
    except WeChatError as error:
        log.info("broadcast batch %s, %s: %s", job.batch_id, job.step, error)
        with scope(tenant_id):
            answers.failed(job, error)
    else:
        with scope(tenant_id):
            accounts.note(job.credentials.account_id, "")
            settle()


Settle = Callable[[], None]


def _ask(client: WeComClient, job: Job) -> Settle:
    if job.route == Route.MOMENT:
        job_id = moments.add_moment_task(
            client, senders=job.targets, tag_ids=job.tag_ids, text=job.text,
            attachments=job.attachments,
        )  # fmt: skip
        return lambda: answers.preparing(job, job_id)
    if job.route == Route.GROUP_SEND:
        made = mass_sends.create_group_task(
            client, chat_ids=job.targets, sender=job.sender, text=job.text,
            attachments=job.attachments,
        )  # fmt: skip
    else:
        made = mass_sends.create_mass_task(
            client, external_userids=job.targets, sender=job.sender, text=job.text,
            attachments=job.attachments,
        )  # fmt: skip
    return lambda: answers.accepted(job, made.msgid, made.failed)


def _look_up(client: WeComClient, job: Job) -> Settle:
    asked = job.asked_at or timezone.now()
    since, until = int((asked - CLOCKS).timestamp()), int((asked + CLOCKS).timestamp())
    if job.route == Route.MOMENT and job.twin_prepared:
        # It will have its id soon; until then it cannot be told from ours.
        return lambda: answers.free(job, timezone.now() + answers.PREPARING_AGAIN, "")
    if job.route == Route.MOMENT:
        posts = moments.find_moments(
            client, since=since, until=until, text=job.text, attachments=job.attachments,
            known=job.known,
        )  # fmt: skip
        ids = [one.moment_id for one in posts if _is_ours(client, job, asked, one)]
    else:
        tasks = mass_sends.find_mass_task(
            client, since=since, until=until, text=job.text, attachments=job.attachments,
            sender=job.sender, external_userids=job.targets, known=job.known,
            chat_type="group" if job.route == Route.GROUP_SEND else "single",
        )  # fmt: skip
        ids = [one.msgid for one in tasks]
    return lambda: answers.looked_up(job, ids[0] if ids else "")


def _is_ours(client: WeComClient, job: Job, asked: datetime, post: Moment) -> bool:
    """By those who are asked to publish it; and it is the twin's whose call lay nearer to it."""
    made = datetime.fromtimestamp(post.created, UTC) if post.created else asked
    if any(abs(made - at) < abs(made - asked) for at in job.twins_asked_at):
        return False
    publishers = {one.userid for one in moments.get_moment_task(client, post.moment_id)}
    return publishers <= set(job.targets)


def _prepare(client: WeComClient, job: Job) -> Settle:
    result = moments.get_moment_task_result(client, job.job_id)
    return lambda: answers.prepared(job, result)


def _cancel(client: WeComClient, job: Job) -> Settle:
    if job.route == Route.MOMENT:
        moments.cancel_moment_task(client, job.provider_id)
    else:
        mass_sends.cancel(client, job.provider_id)
    return lambda: answers.cancelled(job)


def _remind(client: WeComClient, job: Job) -> Settle:
    mass_sends.remind(client, job.provider_id)
    return lambda: answers.free(job, None, "")


_STEPS: Final[dict[Step, Callable[[WeComClient, Job], Settle]]] = {
    Step.ASK: _ask,
    Step.SETTLE: _look_up,
    Step.PREPARE: _prepare,
    Step.CANCEL: _cancel,
    Step.REMIND: _remind,
}
