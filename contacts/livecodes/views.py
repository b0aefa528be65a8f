"""Where does a printed QR lead whose live code has something to say after its end? `/q/<code>`."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from contacts.models import LiveCode
from tenants.ids import tenant_of_code
from tenants.models import Tenant
from tenants.scope import scope


@require_safe
def open_live_code(request: HttpRequest, code: str) -> HttpResponse:
    """The code tells the tenant, so the scope opens here; no other is open on this path."""
    tenant = Tenant.objects.filter(pk=tenant_of_code(code) or 0, active=True).first()
    if tenant is None:
        raise Http404
    with scope(tenant):
        found = LiveCode.objects.filter(state=LiveCode.PREFIX + code).first()
        if found is None:
            raise Http404
        response = _answer(request, found)
    response["Cache-Control"] = "private, no-store"
    response["Referrer-Policy"] = "no-referrer"
    response["X-Robots-Tag"] = "noindex, nofollow"
    return response


def _answer(request: HttpRequest, code: LiveCode) -> HttpResponse:
    over = code.expires_at is not None and code.expires_at <= timezone.now()
    works = code.qr_url and code.status != LiveCode.Status.RETIRED and not over
    if works:
        return HttpResponseRedirect(code.qr_url)
    return render(request, "contacts/closed.html", {"message": code.closed_message})
