"""Whom did this member of staff lose? What the reminders tell, to be ticked off on the desk."""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from contacts import loss_notices
from contacts.models import FollowLoss, LossNotice
from journeys.desk import PAGE, for_sales, open_tasks, staff_of, unseen_losses
from tenants import ids


@dataclass(frozen=True)
class Lost:
    """A notice as a card of the desk shows it."""

    key: str
    notice: LossNotice
    loss: FollowLoss
    name: str
    stage: str


@for_sales
@require_GET
def losses(request: HttpRequest) -> HttpResponse:
    """The losses this person was told of and has not ticked off, the latest first."""
    staff = staff_of(request)
    rows = loss_notices.unseen([staff.pk] if staff else [])
    found = list(rows.select_related("staff")[:PAGE])
    told = loss_notices.losses_of(found)
    stages = dict(loss_notices.stages())
    cards = [
        Lost(
            ids.encode(notice.pk),
            notice,
            loss,
            loss.contact.name,
            stages.get(loss.stage, ""),
        )
        for notice in found
        if (loss := told.get(notice.pk)) is not None
    ]
    context = {
        "cards": cards,
        "staff": staff,
        "now": timezone.now(),
        "open_tasks": open_tasks(staff),
        "lost": unseen_losses(staff),
    }
    return render(request, "desk/losses.html", context)


@for_sales
@require_POST
def seen(request: HttpRequest) -> HttpResponse:
    """Tick off one (`notice`) or all of one's own."""
    staff = staff_of(request)
    rows = loss_notices.unseen([staff.pk] if staff else [])
    if "notice" in request.POST:
        rows = rows.filter(pk=ids.row_id(request.POST["notice"]))
    loss_notices.see(rows)
    messages.success(request, _("Ticked off."))
    return redirect("desk-losses")
