"""The file of a report that a webhook told of, for the system that was told.

Its days are those of the slot, its figures as of the moment when the webhook was told: however late
it is fetched, what happened since is not in it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.utils import timezone

from analytics.models.sharing import ReportDelivery, ReportSchedule
from analytics.pages import files, reading
from analytics.sharing import views, words
from tenants.models import Tenant, User

_FORM: Final = ReportSchedule.Attachment.CSV  # of a schedule that has none by now


def file_of(delivery: ReportDelivery, user: User | None) -> HttpResponse:
    """Inside a scope, in the active language, as the user sees the page; None: as a key that may
    see figures does. Raises ValidationError in words where it cannot be made any more,
    PermissionDenied where the page turns the user away.
    """
    run, tenant = delivery.run, Tenant.current()
    view, at = run.schedule.view, delivery.sent_at or run.slot
    if view.page not in views.pages():
        raise ValidationError(words.problem("no_page"))
    query = _as_of(at) | views.query_of(view, run.slot.astimezone(tenant.tz).date())
    with timezone.override(tenant.tz):
        laid = reading.read(views.path_of(view), query, tenant, user)
    if laid.wrong:  # or it would be everybody's figures under the name of a part
        raise ValidationError(words.problem("filters"))
    form = run.schedule.attachment
    make = files.FORMS[form if form in files.FORMS else _FORM]
    return make(laid.file, laid.name)


def _as_of(at: datetime) -> dict[str, str]:
    """A view of fixed days may have its own."""
    return {"as_of": at.isoformat()}
