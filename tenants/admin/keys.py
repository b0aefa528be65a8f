"""Keys of integrations: made, shown once, revoked."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.enums import ActionVariant
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminTextInputWidget,
)

from tenants import auth
from tenants.admin_base import TenantModelAdmin, ask, chip
from tenants.admin_forms import AskForm
from tenants.models import ApiKey
from tenants.models.people import NOT_DELETED
from tenants.punctuation import listed
from tenants.roles import Can

SCOPES = {
    Can.READ: gettext_lazy("read contacts, events, orders"),
    Can.WRITE: gettext_lazy("write contacts, events, orders, tags"),
    Can.WORK_LEADS: gettext_lazy("work leads"),
    Can.CONFIGURE: gettext_lazy("change channels, live codes, content, SOPs, rules"),
    Can.REPORT: gettext_lazy("read reports"),
    Can.IMPORT: gettext_lazy("import files"),
    Can.EXPORT: gettext_lazy("export lists"),
    Can.REVEAL: gettext_lazy("see whole phone numbers"),
    Can.MANAGE: gettext_lazy("manage members, keys, accounts"),
}


class NewKeyForm(forms.ModelForm):
    """What a new key may do, and for how long."""

    name = forms.CharField(
        label=gettext_lazy("Name"), max_length=100, widget=UnfoldAdminTextInputWidget
    )
    abilities = forms.MultipleChoiceField(
        label=gettext_lazy("Permissions"),
        choices=[(str(ability), text) for ability, text in SCOPES.items()],
        initial=[Can.READ, Can.WRITE],
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
    )
    days = forms.IntegerField(
        label=gettext_lazy("Valid for days"),
        required=False,
        min_value=1,
        max_value=3650,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text=gettext_lazy("Blank: until it is revoked."),
    )

    class Meta:
        model = ApiKey
        fields = ("name",)


@admin.register(ApiKey)
class ApiKeyAdmin(TenantModelAdmin):
    ability = Can.MANAGE
    changes = False
    list_display = ("name", "prefix", "shown_scopes", "state", "last_used_at", "expires_at")
    search_fields = ("name", "prefix")
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "name", "prefix", "shown_scopes", "state", "created_at", "last_used_at",
                    "expires_at", "revoked_at",
                )
            },
        ),
    )  # fmt: skip
    add_fieldsets = ((None, {"fields": ("name", "abilities", "days")}),)
    actions_detail = ("revoke",)

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: Any = None, **kwargs: Any
    ) -> Any:
        return super().get_form(
            request, obj, change, **(kwargs | ({} if obj else {"form": NewKeyForm}))
        )

    def save_form(self, request: HttpRequest, form: Any, change: Any) -> ApiKey:
        """Made by auth.make_key, which alone sees its text."""
        given = form.cleaned_data
        key, text = auth.make_key(given["name"], given["abilities"], given["days"])
        request.one_time = text  # type: ignore[attr-defined]
        form.save_m2m = lambda: None
        return key

    def save_model(self, request: HttpRequest, obj: ApiKey, form: Any, change: Any) -> None:
        """It is stored already."""

    def response_add(
        self, request: HttpRequest, obj: ApiKey, post_url_continue: str | None = None
    ) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": _("The key “%(name)s” is made") % {"name": obj.name},
            "opts": self.opts,
            "explained": _("Copy it now: it is shown only this once and stored nowhere."),
            "secret": request.one_time,  # type: ignore[attr-defined]
            "done": self.page_of(obj),
        }
        return render(request, "admin/shown_once.html", context)

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: Any = None
    ) -> HttpResponse:
        """The audit log names a key for ever: it is revoked, never deleted."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        key = self.get_object(request, unquote(object_id))
        if key is None:
            return self.unknown(request, object_id)
        messages.warning(request, NOT_DELETED)
        return self.back(request, key)

    def offers(self, request: HttpRequest, target: ApiKey) -> set[str]:
        return {"revoke"} if target.revoked_at is None else set()

    @ask(
        gettext_lazy("Revoke"),
        question=gettext_lazy("The next request with this key is refused. This cannot be undone."),
        icon="key_off",
        variant=ActionVariant.DANGER,
        permission="act",
    )
    def revoke(self, request: HttpRequest, target: ApiKey, form: AskForm) -> None:
        ApiKey.objects.filter(pk=target.pk, revoked_at=None).update(revoked_at=timezone.now())
        self.note(request, "revoked", target)

    @admin.display(description=gettext_lazy("Permissions"))
    def shown_scopes(self, obj: ApiKey) -> str:
        if set(obj.scopes) == {str(ability) for ability in Can}:
            return _("everything")
        return listed(SCOPES.get(Can(each), each) for each in obj.scopes if each in set(Can))

    @chip(gettext_lazy("Status"), {"live": "success", "revoked": "danger", "expired": "warning"})
    def state(self, obj: ApiKey) -> tuple[str, str]:
        if obj.revoked_at:
            return "revoked", _("revoked")
        if obj.expires_at and obj.expires_at <= timezone.now():
            return "expired", _("expired")
        return "live", _("in use")
