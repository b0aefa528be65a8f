"""Who is told that a customer was lost, when, and did the message leave?

By the tenant's rule (ContactSettings) a loss becomes notices: rows that the desk shows, each to be
told once by a message of our app. A digest is one message for all notices of a person that are due
at one moment. Claim, call, settle: the request is frozen before the first call, and the platform
drops repeats of the same bytes for four hours.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime, time, timedelta
from functools import reduce
from operator import or_
from typing import Final

from django.conf import settings
from django.db.models import Q, QuerySet
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from contacts import messaging
from contacts.messaging import member_messages
from contacts.messaging.member_messages import LEASE, Job
from contacts.models import Contact, ContactSettings, FollowLoss, LossNotice
from tenants import doorbell
from tenants.models import Staff, Tenant

QUEUE = "losses"
DIGEST_AT: Final = time(8)
# Nobody is told of history that comes in late.
NEWS: Final = timedelta(hours=24)
TOLD_AT_MOST: Final = 20  # customers by name in one message

State = LossNotice.State
StageKeys = Callable[[], Sequence[tuple[str, str]]]
_stages: list[StageKeys] = []


def stages_from(keys: StageKeys) -> None:
    """Register, in apps.py of an upper app, the stages in their order: (key, name)."""
    _stages[:] = [keys]


def stages() -> Sequence[tuple[str, str]]:
    return _stages[0]() if _stages else ()


# --- whom to tell ---


def remind(losses: Sequence[FollowLoss]) -> None:
    """Inside a scope: note who is to be told of these losses, by the tenant's rule."""
    now = timezone.now()
    fresh = [loss for loss in losses if loss.ended_at > now - NEWS]
    rule = ContactSettings.of_tenant() if fresh else None
    if rule is None or rule.remind == ContactSettings.Remind.NOBODY:
        return
    order = [key for key, _name in stages()]
    due = due_at(rule, now)
    rows = [
        LossNotice(
            contact_id=loss.contact_id,
            staff_id=loss.staff_id,
            ended_at=loss.ended_at,
            recipient_id=recipient,
            due_at=due,
        )
        for loss in fresh
        if matters(rule, loss, order)
        for recipient in _recipients(rule, loss)
    ]
    if rows:
        LossNotice.objects.bulk_create(rows, ignore_conflicts=True)
        LossNotice.objects.filter(_of(fresh), withdrawn=True).update(withdrawn=False)
        doorbell.ring(QUEUE, due)


def matters(rule: ContactSettings, loss: FollowLoss, order: Sequence[str]) -> bool:
    """Is the loss worth telling? Far enough in the journey, or a high enough score."""
    if rule.remind_only_customer and loss.ended_by != "customer":
        return False
    wanted, least = rule.remind_from_stage, rule.remind_min_score
    if not wanted and least is None:
        return True
    far = wanted in order and loss.stage in order and order.index(loss.stage) >= order.index(wanted)
    return far or (least is not None and (loss.score or 0) >= least)


def _recipients(rule: ContactSettings, loss: FollowLoss) -> set[int]:
    staff = {int(loss.staff_id)}
    owner = {int(loss.contact.owner_id)} if loss.contact.owner_id else staff
    whom = ContactSettings.Remind
    return {whom.STAFF: staff, whom.OWNER: owner, whom.BOTH: staff | owner}[whom(rule.remind)]


def due_at(rule: ContactSettings, now: datetime) -> datetime:
    """Now, or the next 08:00 of the tenant's zone."""
    if rule.remind_when == ContactSettings.When.INSTANT:
        return now
    zone = Tenant.current().tz
    here = now.astimezone(zone)
    today = datetime.combine(here.date(), DIGEST_AT, tzinfo=zone)
    return today if here < today else today + timedelta(days=1)


def _of(losses: Iterable[FollowLoss]) -> Q:
    return reduce(
        or_,
        (
            Q(contact_id=loss.contact_id, staff_id=loss.staff_id, ended_at=loss.ended_at)
            for loss in losses
        ),
    )


def withdraw(losses: Sequence[FollowLoss]) -> None:
    """These were no losses: whoever was not told yet is not told."""
    told = LossNotice.objects.filter(_of(losses))
    told.filter(state=State.WAITING).delete()
    told.update(withdrawn=True)


# --- on the desk ---


def unseen(staff_ids: Collection[int] | None = None) -> QuerySet[LossNotice]:
    """Notices that their recipients (or anybody) have not ticked off, the newest first."""
    rows = LossNotice.objects.filter(
        seen_at=None, withdrawn=False, due_at__lte=timezone.now()
    ).order_by("-due_at", "-id")
    return rows if staff_ids is None else rows.filter(recipient_id__in=staff_ids)


def see(notices: QuerySet[LossNotice]) -> int:
    """Tick them off."""
    return notices.filter(seen_at=None).update(seen_at=timezone.now())


def losses_of(notices: Sequence[LossNotice]) -> dict[int, FollowLoss]:
    """What each notice tells of, by id of the notice."""
    if not notices:
        return {}
    same = reduce(
        or_, (Q(contact_id=n.contact_id, staff_id=n.staff_id, ended_at=n.ended_at) for n in notices)
    )
    rows = FollowLoss.objects.filter(same).select_related("contact", "staff", "channel")
    by_key = {(row.contact_id, row.staff_id, row.ended_at): row for row in rows}
    found = {n.pk: by_key.get((n.contact_id, n.staff_id, n.ended_at)) for n in notices}
    return {pk: row for pk, row in found.items() if row is not None}


# --- by a message of our app ---


def next_due() -> datetime | None:
    return member_messages.next_due(LossNotice.objects.all())


def work(tenant_id: int) -> None:
    """Send what is due, one message after the other."""
    doorbell.work_off(QUEUE, tenant_id, _claim, _send)


def _claim() -> Job | None:
    while (first := _first()) is not None:
        mine = LossNotice.objects.filter(**_same_message(first))
        rows = list(mine.select_for_update().order_by("id"))
        now = timezone.now()
        if first.state == State.WAITING:
            try:
                request = messaging.prepare_for_member(first.recipient, text_of(rows))
            except messaging.NoRoute as error:
                mine.update(state=State.DESK, problem=error.reason)
                continue
            job = Job(uuid.uuid4(), request)
            mine.filter(pk__in=[row.pk for row in rows]).update(
                state=State.SENDING, message=job.message, request=request, first_tried_at=now,
                lease_until=now + LEASE,
            )  # fmt: skip
            return job
        again = member_messages.again(first.message, first.request, first.first_tried_at, now)
        if again:
            mine.update(lease_until=now + LEASE)
            return again
        mine.update(state=State.UNKNOWN, lease_until=None)
    return None


def _first() -> LossNotice | None:
    return member_messages.first(LossNotice.objects.select_related("recipient"))


def _same_message(notice: LossNotice) -> dict[str, object]:
    if notice.message is not None:
        return {"message": notice.message}
    return {"recipient": notice.recipient_id, "due_at": notice.due_at, "state": State.WAITING}


def _send(tenant_id: int, job: Job) -> None:
    told = member_messages.tell(tenant_id, job)
    member_messages.settle(tenant_id, lambda: LossNotice.objects.filter(message=job.message), told)


def text_of(notices: Sequence[LossNotice]) -> str:
    """What the message says, in the language of the installation; names, no numbers."""
    staff = Staff.objects.in_bulk({notice.staff_id for notice in notices})
    people = Contact.objects.in_bulk({notice.contact_id for notice in notices})
    losses = losses_of(notices)
    with translation.override(settings.LANGUAGE_CODE):
        lines = [
            ngettext("%(n)d customer was lost", "%(n)d customers were lost", len(notices))
            % {"n": len(notices)}
        ]
        for notice in notices[:TOLD_AT_MOST]:
            name = people[notice.contact_id].name or _("no name")
            loss = losses.get(notice.pk)
            kept = loss.days_kept if loss else 0
            lines.append(
                _("%(name)s · friend of %(staff)s for %(days)d days")
                % {"name": name, "staff": staff[notice.staff_id], "days": kept}
            )
        if len(notices) > TOLD_AT_MOST:
            lines.append(_("and %(n)d more: see the desk") % {"n": len(notices) - TOLD_AT_MOST})
    return "\n".join(lines)
