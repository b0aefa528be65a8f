"""What did a member of staff do about a touch that was theirs to carry out?"""

from __future__ import annotations

from datetime import datetime

from django.utils import timezone
from django.utils.translation import gettext as _

from journeys import ledger
from journeys.engine import Reason
from journeys.ledger import Move, State
from journeys.models import StaffTask, Touch


class Closed(Exception):  # noqa: N818 - reads as what happened
    """The task is done or cancelled already."""


def done(task: StaffTask) -> StaffTask:
    """They say it was sent; whether it arrived is a fact that nobody reports."""
    task = _open(task)
    task.state, task.done_at = StaffTask.State.DONE, timezone.now()
    task.save(update_fields=["state", "done_at"])
    _settle(task, State.SENT)
    return task


def cancel(task: StaffTask) -> StaffTask:
    task = _open(task)
    task.state = StaffTask.State.CANCELLED
    task.save(update_fields=["state"])
    _settle(task, State.CANCELLED, Reason.TASK_CANCELLED)
    return task


def postpone(task: StaffTask, until: datetime) -> StaffTask:
    task = _open(task)
    task.due_at = until
    task.save(update_fields=["due_at"])
    return task


def _open(task: StaffTask) -> StaffTask:
    # The touch before its task, as whoever ends its enrolment does.
    touch = Touch.objects.select_for_update(no_key=True).filter(pk=task.touch_id or 0).first()
    task = StaffTask.objects.select_for_update(no_key=True).get(pk=task.pk)
    task.touch = touch
    if task.state != StaffTask.State.OPEN:
        raise Closed(_("This task is closed already."))
    return task


def _settle(task: StaffTask, state: str, reason: str = "") -> None:
    touch = task.touch
    if touch is not None:
        sent_at = task.done_at if state == State.SENT else None
        move = Move(touch.pk, touch.attempt, state, reason, sent_at=sent_at)
        ledger.move([move], [State.AWAITING_STAFF])
