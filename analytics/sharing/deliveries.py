"""Reports leave, each once: claim, make, call, settle.

A report is made when it is sent, as its recipient would see the page then. Whoever may not see it
any more gets nothing, and the list says why. An app message is frozen before the first call, and
the platform drops repeats of the same bytes for hours; an e-mail that perhaps left is never sent
again by itself (mail.py).
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.core.mail import EmailMultiAlternatives
from django.db import InterfaceError, OperationalError
from django.utils import timezone, translation

from analytics.models.sharing import ReportDelivery, ReportSchedule
from analytics.pages import reading
from analytics.sharing import mail, occurrences, views, words
from contacts import messaging
from contacts.messaging import member_messages
from contacts.messaging.member_messages import SAME_FOR, UNKNOWN, Job
from tenants import doorbell
from tenants.models import Membership, Tenant
from tenants.roles import Can
from tenants.scope import scope

log = logging.getLogger(__name__)

LEASE: Final = timedelta(minutes=3)  # to make a report, and again to send it
ATTEMPTS: Final = 6
NOWHERE: Final = ".invalid"  # addresses that stand in for none

State, Way = ReportDelivery.State, ReportDelivery.Way


class Skipped(Exception):  # noqa: N818 - a state, not a bug
    """This member is to get no report: a code of words.PROBLEMS."""


class Failed(Exception):  # noqa: N818 - a state, not a bug
    """Nobody can get this report: a code of words.PROBLEMS."""


@dataclass(frozen=True)
class Made:
    """What is sent: one of both."""

    request: messaging.Request | None = None
    email: EmailMultiAlternatives | None = None


def next_due() -> datetime | None:
    due = member_messages.next_due(ReportDelivery.objects.all())
    moments = [moment for moment in (due, occurrences.next_due()) if moment is not None]
    return min(moments, default=None)


def work(tenant_id: int) -> None:
    """Outside any scope: slots that are due become deliveries, and these are sent."""
    with scope(tenant_id):
        occurrences.turn()
    doorbell.work_off(occurrences.QUEUE, tenant_id, _claim, _carry_out, turn=doorbell.TURN_S)


# --- claim ---


def _claim() -> ReportDelivery | None:
    while (row := member_messages.first(ReportDelivery.objects.all())) is not None:
        if row.state == State.SENDING and not _may_go_on(row):
            continue
        row.state, row.attempts = State.SENDING, row.attempts + 1
        row.lease_until = timezone.now() + LEASE
        row.save()
        return row
    return None


def _may_go_on(row: ReportDelivery) -> bool:
    """The lease ran out: nothing had left yet, or the platform drops a repeat."""
    if row.called_at is None:
        return True
    if row.way == Way.APP and timezone.now() - row.called_at < SAME_FOR:
        return True
    certain = row.problem not in {"", UNKNOWN}
    row.state = State.FAILED if certain else State.UNKNOWN
    row.problem, row.lease_until = row.problem or UNKNOWN, None
    row.save()
    return False


# --- make ---


def _carry_out(tenant_id: int, delivery: ReportDelivery) -> None:
    """Outside any scope. What is made and what is called are two steps: between them lies the note
    that from here on it may have left."""
    try:
        with scope(tenant_id):
            made = _make(delivery)
    except Skipped as why:
        outcome: Mapping[str, Any] = {"state": State.SKIPPED, "problem": str(why)}
    except (Failed, messaging.NoRoute) as why:
        outcome = {"state": State.FAILED, "problem": str(why)}
    except (OperationalError, InterfaceError):
        raise
    except Exception:  # one report that cannot be made holds up no other
        log.exception("report %s of tenant %s was not made", delivery.pk, tenant_id)
        outcome = _later(delivery, "error")
    else:
        if made is None:
            return  # another worker has it now
        outcome = _call(tenant_id, delivery, made)
    with scope(tenant_id):
        delivery.settle(**{"lease_until": None, **outcome})


def _make(delivery: ReportDelivery) -> Made | None:
    """Inside a scope. The row is locked meanwhile: however long it takes, nobody else begins."""
    mine = ReportDelivery.objects.filter(
        pk=delivery.pk, attempts=delivery.attempts, state=State.SENDING
    )
    rows = mine.select_related("run__schedule__view", "member__user", "member__staff")
    row = rows.select_for_update(of=("self",)).first()
    if row is None:
        return None
    made = Made(request=row.request) if row.request else _as_seen_by(row)
    now = timezone.now()
    mine.update(
        called_at=row.called_at or now, lease_until=now + LEASE, request=made.request,
        problem=UNKNOWN if row.problem == UNKNOWN else "",
    )  # fmt: skip
    return made


def _as_seen_by(delivery: ReportDelivery) -> Made:
    """The report as this member would see the page now, in their language."""
    member, schedule = _member_of(delivery), delivery.run.schedule
    _refuse(delivery, member)
    tenant = Tenant.current()
    day = delivery.run.slot.astimezone(tenant.tz).date()
    language = member.user.language or settings.LANGUAGE_CODE
    with translation.override(language), timezone.override(tenant.tz):
        if schedule.view.page not in views.pages():
            raise Failed("no_page")
        try:
            query = views.query_of(schedule.view, day)
            laid = reading.read(views.path_of(schedule.view), query, tenant, member.user)
        except PermissionDenied:
            raise Skipped("may_not") from None
        if laid.wrong:  # or it would be everybody's figures under the name of a part
            raise Failed("filters")
        report = words.told(delivery, laid, tenant.tz)
        if delivery.way == Way.EMAIL:
            return Made(email=words.as_email(delivery, report, laid, member.user.email))
        if member.staff is None:
            raise Skipped("no_staff")
        return Made(request=messaging.prepare_for_member(member.staff, words.as_text(report)))


def _member_of(delivery: ReportDelivery) -> Membership:
    if delivery.member is None:  # only what goes by webhook has none, and does not come here
        raise Skipped("gone")
    return delivery.member


def _refuse(delivery: ReportDelivery, member: Membership) -> None:
    """Raises Skipped or Failed, where this member is to get nothing, or not in this way."""
    run = delivery.run
    if not run.by_hand and _is_silent(run.schedule):
        raise Skipped("paused")
    if not member.active or not member.user.is_active:
        raise Skipped("gone")
    if member.staff is not None and (not member.staff.active or member.staff.left_at is not None):
        raise Skipped("left")
    if not member.can(Can.REPORT):
        raise Skipped("may_not")
    if not views.visible_to(member.user).filter(pk=run.schedule.view_id).exists():
        raise Skipped("private")
    if delivery.way == Way.EMAIL:
        _refuse_address(member.user.email)


def _is_silent(schedule: ReportSchedule) -> bool:
    today = timezone.now().astimezone(schedule.tenant.tz).date()
    until = schedule.snoozed_until
    return not schedule.active or (until is not None and today < until)


def _refuse_address(address: str) -> None:
    if not mail.is_set_up():
        raise Failed("no_email")
    if not address or address.endswith(NOWHERE):
        raise Skipped("no_address")


# --- call, and settle ---


def _call(tenant_id: int, delivery: ReportDelivery, made: Made) -> dict[str, Any]:
    if made.request is not None:
        came = member_messages.tell(tenant_id, Job(uuid.uuid4(), made.request))
        return _told(delivery, came)
    if made.email is not None:
        try:
            mail.send(made.email)
        except mail.NotNow as error:
            return _later(delivery, str(error))
        except mail.Perhaps as error:
            return {"state": State.UNKNOWN, "problem": str(error)[:200]}
        except mail.Refused as error:
            return {"state": State.FAILED, "problem": str(error)[:200]}
    return {"state": State.SENT, "problem": "", "sent_at": timezone.now()}


def _told(delivery: ReportDelivery, came: member_messages.Told) -> dict[str, Any]:
    """A message that goes once more has its lease until then; one that perhaps left stays so."""
    if came.wait:
        problem = UNKNOWN if delivery.problem == UNKNOWN else came.problem
        return {"lease_until": timezone.now() + came.wait, "problem": problem}
    if came.problem:
        return {"state": State.FAILED, "problem": came.problem}
    return {"state": State.SENT, "problem": "", "sent_at": timezone.now()}


def _later(delivery: ReportDelivery, problem: str) -> dict[str, Any]:
    """It certainly did not leave: again after a minute, then after ever longer, then no more."""
    if delivery.attempts >= ATTEMPTS:
        return {"state": State.FAILED, "problem": problem[:200]}
    wait = timedelta(minutes=4 ** (delivery.attempts - 1))
    return {
        "state": State.WAITING, "due_at": timezone.now() + wait, "called_at": None,
        "problem": problem[:200],
    }  # fmt: skip
