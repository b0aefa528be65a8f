"""The switch on the desk by which staff take new customers by live codes, or do not."""

from __future__ import annotations

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from contacts.livecodes import keeping
from journeys.desk import for_sales, staff_of
from tenants import audit


@for_sales
@require_POST
def switch(request: HttpRequest) -> HttpResponse:
    """`online` is 1 or 0."""
    staff = staff_of(request)
    if staff is None:
        raise PermissionDenied
    online = request.POST.get("online") == "1"
    keeping.switch(staff, online=online)
    audit.record(f"live_code.{'online' if online else 'offline'}", staff, request=request)
    if online:
        messages.success(request, _("New customers come to you again."))
    else:
        messages.success(request, _("Live codes send new customers to the others from now on."))
    return redirect("desk")
