"""How the business is connected to WeChat: accounts, write-only secrets, callbacks."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from tenants.admin.accounts_connect import Connecting, address_of
from tenants.admin.accounts_forms import SECRETS, AccountForm
from tenants.admin.accounts_health import Health
from tenants.admin_base import TenantModelAdmin, button, chip
from tenants.admin_forms import without
from tenants.models import WeChatAccount


@admin.register(WeChatAccount)
class WeChatAccountAdmin(TenantModelAdmin):
    noun = "wechat_account"
    form = AccountForm
    form_only = (*SECRETS, "new_domain_file")
    actions_list = ("guide",)
    actions_detail = ("continue_guide", "show_health")
    list_display = ("name", "kind", "app_id", "health", "last_callback_at")
    search_fields = ("name", "app_id")
    readonly_fields = (
        "health",
        "health_page",
        "problem",
        "callback_address",
        "sidebar_address",
        "sign_in_address",
        "domain_file",
        "last_callback_at",
        "created_at",
    )
    fieldsets = (
        (None, {"fields": ("name", "kind", "app_id", "agent_id", "active")}),
        (
            gettext_lazy("Secrets"),
            {
                "fields": ("new_secret", "new_token", "new_aes_key"),
                "description": gettext_lazy("Stored encrypted and never shown again."),
            },
        ),
        (
            gettext_lazy("Callback"),
            {
                "fields": (
                    "callback_address",
                    "last_callback_at",
                    "health",
                    "problem",
                    "health_page",
                )
            },
        ),
        (
            gettext_lazy("Sidebar and sign-in"),
            {"fields": ("sidebar_address", "sign_in_address", "domain_file", "new_domain_file")},
        ),
    )

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        fieldsets = super().get_fieldsets(request, obj)
        if obj and obj.kind != WeChatAccount.Kind.WECOM:
            fieldsets = without(fieldsets, {"sidebar_address", "sign_in_address"})
        return fieldsets if obj else fieldsets[:2]

    def get_urls(self) -> list[Any]:
        return [*Connecting(self).urls(), *Health(self).urls(), *super().get_urls()]

    @button(gettext_lazy("Connect step by step"), icon="cable", permission="add")
    def guide(self, request: HttpRequest) -> HttpResponse:
        return self.go(request, reverse("admin:tenants_wechataccount_connect"))

    @button(gettext_lazy("Connection guide"), icon="cable", permission="change")
    def continue_guide(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self.go(request, reverse("admin:tenants_wechataccount_step", args=[object_id]))

    @button(gettext_lazy("Health"), icon="monitor_heart", permission="act")
    def show_health(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self.go(request, reverse("admin:tenants_wechataccount_health", args=[object_id]))

    @admin.display(description=gettext_lazy("Callback address"))
    def callback_address(self, obj: WeChatAccount) -> str:
        return _copied(address_of(obj))

    @admin.display(description=gettext_lazy("Address of the sidebar"))
    def sidebar_address(self, obj: WeChatAccount) -> str:
        return _copied(settings.BASE_URL + reverse("sidebar", args=[obj.code]))

    @admin.display(description=gettext_lazy("Address to sign in"))
    def sign_in_address(self, obj: WeChatAccount) -> str:
        return _copied(settings.BASE_URL + reverse("wecom-sign-in", args=[obj.code]))

    @admin.display(description=gettext_lazy("Health"))
    def health_page(self, obj: WeChatAccount) -> str:
        address = reverse("admin:tenants_wechataccount_health", args=[obj.pk])
        return format_html(
            '<a class="scrm-link" href="{}">{}</a>', address, _("To the health page")
        )

    @chip(
        gettext_lazy("Status"),
        {"off": "warning", "problem": "danger", "silent": "info", "good": "success"},
    )
    def health(self, obj: WeChatAccount) -> tuple[str, str]:
        if not obj.active:
            return "off", _("switched off")
        if obj.problem:
            return "problem", _("problem")
        if obj.last_callback_at is None:
            return "silent", _("no callback yet")
        return "good", _("connected")


def _copied(address: str) -> str:
    return format_html(
        '<span class="scrm-copy"><code>{}</code>'
        '<button type="button" class="scrm-link" data-copy="{}">{}</button></span>',
        address,
        address,
        _("Copy"),
    )
