"""What does a customer see who opens a tracked link? The public door `/l/<code>`."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.views.decorators.http import require_safe

from journeys import content
from journeys.models import Link
from tenants.ids import tenant_of_code
from tenants.models import Tenant
from tenants.scope import scope


@require_safe
def open_link(request: HttpRequest, code: str) -> HttpResponse:
    """The code tells the tenant, so the scope opens here; no other is open on this path."""
    tenant = Tenant.objects.filter(pk=tenant_of_code(code) or 0, active=True).first()
    if tenant is None:
        raise Http404
    with scope(tenant):
        response = _answer(request, code)
    response["Cache-Control"] = "private, no-store"
    response["Referrer-Policy"] = "no-referrer"
    response["X-Robots-Tag"] = "noindex, nofollow"
    return response


def _answer(request: HttpRequest, code: str) -> HttpResponse:
    link = Link.objects.select_related("content", "staff").filter(code=code).first()
    if link is None:
        raise Http404
    if content.is_read_by_a_person(request.method or "", request.headers):
        content.record_opening(link)
    address = content.target(link.content)
    if address:
        return HttpResponseRedirect(address)
    return render(request, "journeys/content.html", {"content": link.content})
