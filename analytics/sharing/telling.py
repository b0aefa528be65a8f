"""Other systems are told of each slot, and of its file where the schedule goes by webhook.

The message has ids only. That it arrives is the webhooks' own matter: they try for days.
"""

from __future__ import annotations

from typing import Final

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext as _

from analytics.models.sharing import ReportDelivery, ReportRun
from tenants.ids import encode
from tenants.webhooks import emitting
from tenants.webhooks.emitting import Happened

DUE: Final = "report.due"  # what webhooks are told
State, Way = ReportDelivery.State, ReportDelivery.Way


def nobody_listens() -> str:
    """Why a schedule cannot go by webhook, or nothing."""
    if emitting.listens(DUE):
        return ""
    text = _("No webhook that is switched on asks for “%(type)s”: add one in the settings.")
    return text % {"type": DUE}


def tell(run: ReportRun) -> None:
    """Inside the scope and transaction in which the run was made."""
    schedule = run.schedule
    if not schedule.by_webhook:
        _emit(run, str(run.pk), None)
        return
    row = ReportDelivery.objects.create(run=run, way=Way.WEBHOOK, due_at=timezone.now())
    if schedule.view.shared:
        _settle(row, told=_emit(run, str(run.pk), row))
    else:
        _emit(run, str(run.pk), None)
        _fail(row, "private")


def again(delivery: ReportDelivery) -> None:
    """Once more what nobody was told of, as a message of its own. Raises ValidationError."""
    failed = ReportDelivery.objects.filter(pk=delivery.pk, state=State.FAILED)
    problem = nobody_listens()
    if problem:
        raise ValidationError(problem)
    if not failed.update(state=State.WAITING, attempts=F("attempts") + 1):
        raise ValidationError(_("This is not possible now."))
    delivery.refresh_from_db()
    run = delivery.run
    if run.schedule.view.shared:
        key = f"{run.pk}:{delivery.attempts}"
        _settle(delivery, told=_emit(run, key, delivery))
    else:
        _fail(delivery, "private")


def _emit(run: ReportRun, key: str, delivery: ReportDelivery | None) -> int:
    schedule = run.schedule
    about = {
        "schedule": encode(schedule.pk),
        "view": encode(schedule.view_id),
        "slot": run.slot.isoformat(),
    }
    if delivery is not None:
        named = encode(delivery.pk)
        file = f"{settings.BASE_URL}/api/v1/report-deliveries/{named}/file"
        about |= {"delivery": named, "file": file}
    return emitting.emit(DUE, [Happened(key, about, run.slot)])


def _settle(row: ReportDelivery, *, told: int) -> None:
    if not told:
        _fail(row, "no_webhook")
        return
    row.state, row.problem, row.sent_at = State.SENT, "", timezone.now()
    row.save(update_fields=["state", "problem", "sent_at"])


def _fail(row: ReportDelivery, problem: str) -> None:
    row.state, row.problem = State.FAILED, problem
    row.save(update_fields=["state", "problem"])
