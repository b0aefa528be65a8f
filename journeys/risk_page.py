"""The page about the risk of being restricted by the platform: signals by member, and limits."""

from __future__ import annotations

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _

from journeys import risk
from tenants.models import User
from tenants.roles import Can


def page(request: HttpRequest) -> HttpResponse:
    user = request.user
    if not isinstance(user, User) or not user.can(Can.READ):
        raise PermissionDenied
    context = {
        **admin.site.each_context(request),
        "title": _("Account risk"),
        "rows": risk.of_staff(),
        "limits": risk.limits(),
        "days": risk.DAYS,
        "as_of": risk.figures_as_of(),
        "pace_url": reverse("admin:journeys_touchrules_changelist"),
    }
    return render(request, "admin/journeys/risk.html", context)
