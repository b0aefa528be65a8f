"""What does the business call itself, and by which clock and currency is it counted?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminTextInputWidget

from tenants import audit
from tenants.models import Tenant, User
from tenants.roles import Can


@dataclass(frozen=True)
class Section:
    """A part of the page that an upper app adds: `form` answers its form, bound when `posted`.

    `noun` is what the audit log calls it. The page itself lets in only who manages the business.
    """

    title: str | Promise
    noun: str
    form: Callable[[HttpRequest], forms.ModelForm]


_sections: list[Section] = []


def section(added: Section) -> None:
    """Register, when the admin of an app is loaded."""
    _sections.append(added)


def posted(request: HttpRequest, prefix: str) -> QueryDict | None:
    """What was sent of the form with this prefix: each form of the page is saved by itself."""
    sent = request.method == "POST" and any(name.startswith(f"{prefix}-") for name in request.POST)
    return request.POST if sent else None


class SettingsForm(forms.ModelForm):
    name = forms.CharField(
        label=gettext_lazy("Name of the business"),
        max_length=100,
        widget=UnfoldAdminTextInputWidget,
    )

    class Meta:
        model = Tenant
        fields = ("name",)


def business_settings(request: HttpRequest) -> HttpResponse:
    """Only for those who manage the business, and only their own: it is the tenant of the scope."""
    user = request.user
    tenant: Tenant | None = getattr(request, "tenant", None)
    if not isinstance(user, User) or tenant is None or not user.can(Can.MANAGE):
        raise PermissionDenied
    before = tenant.name
    form = SettingsForm(request.POST if "name" in request.POST else None, instance=tenant)
    parts = [(each, each.form(request)) for each in _sections]
    sent = [each for each in (form, *(part for _section, part in parts)) if each.is_bound]
    if sent and all(each.is_valid() for each in sent):
        if form.is_bound and form.has_changed():
            Tenant.objects.filter(pk=tenant.pk).update(name=form.cleaned_data["name"])
            audit.record("tenant.changed", tenant, request=request, detail={"fields": ["name"]})
        for each, part in parts:
            if part.is_bound and part.has_changed():
                audit.record(
                    f"{each.noun}.changed", part.save(), request=request,
                    detail={"fields": part.changed_data},
                )  # fmt: skip
        messages.success(request, _("Saved."))
        return redirect("admin:business_settings")
    tenant.name = before
    context: dict[str, Any] = {
        **admin.site.each_context(request),
        "title": _("Settings of the business"),
        "form": form,
        "sections": [(each.title, part) for each, part in parts],
        "facts": [
            (_("Time zone"), tenant.zone),
            (_("Currency"), tenant.currency),
            (_("Short name"), tenant.slug),
        ],
        "pace": reverse("admin:journeys_touchrules_changelist"),
        "scoring": reverse("admin:journeys_scorerule_try"),
    }
    return render(request, "admin/tenants/settings.html", context)
