"""How the business is connected to WeChat: accounts, write-only secrets, callbacks."""

from __future__ import annotations

import re
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from tenants.admin_base import TenantModelAdmin, chip
from tenants.admin_forms import SecretField, TenantForm
from tenants.models import WeChatAccount

_SECRETS = {
    "new_secret": "secret",
    "new_token": "callback_token",
    "new_aes_key": "callback_aes_key",
}
_AES_KEY = re.compile(r"[A-Za-z0-9]{43}")


class AccountForm(TenantForm):
    new_secret = SecretField(
        label=gettext_lazy("Secret"),
        help_text=gettext_lazy("Never shown again. Blank keeps the one that is stored."),
    )
    new_token = SecretField(
        label=gettext_lazy("Callback token"), help_text=gettext_lazy("Blank keeps the stored one.")
    )
    new_aes_key = SecretField(
        label=gettext_lazy("Callback AES key"),
        help_text=gettext_lazy("43 characters. Blank keeps the stored one."),
    )

    class Meta:
        model = WeChatAccount
        fields = ("kind", "name", "app_id", "agent_id", "active")

    def clean_agent_id(self) -> str:
        text = str(self.cleaned_data["agent_id"]).strip()
        if text and not (text.isascii() and text.isdigit()):
            raise ValidationError(
                _("The agent id is a number. The platform shows it with the app.")
            )
        return text

    def clean_new_secret(self) -> str:
        text = str(self.cleaned_data["new_secret"])
        if not text and self.instance.pk is None:
            raise ValidationError(_("Write the secret that the platform shows for this app."))
        return text

    def clean_new_aes_key(self) -> str:
        text = str(self.cleaned_data["new_aes_key"])
        if text and not _AES_KEY.fullmatch(text):
            raise ValidationError(_("This is no AES key: it has 43 letters and digits."))
        return text

    def save(self, commit: bool = True) -> Any:  # noqa: FBT001, FBT002 - Django's signature
        for name, column in _SECRETS.items():
            if self.cleaned_data.get(name):
                setattr(self.instance, column, self.cleaned_data[name])
        return super().save(commit)


@admin.register(WeChatAccount)
class WeChatAccountAdmin(TenantModelAdmin):
    noun = "wechat_account"
    form = AccountForm
    form_only = tuple(_SECRETS)
    list_display = ("name", "kind", "app_id", "health", "last_callback_at")
    search_fields = ("name", "app_id")
    readonly_fields = ("health", "problem", "callback_address", "last_callback_at", "created_at")
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
            {"fields": ("callback_address", "last_callback_at", "health", "problem")},
        ),
    )

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        fieldsets = super().get_fieldsets(request, obj)
        return fieldsets if obj else fieldsets[:2]

    @admin.display(description=gettext_lazy("Callback address"))
    def callback_address(self, obj: WeChatAccount) -> str:
        address = settings.BASE_URL + reverse("wechat-callback", args=[obj.code])
        return format_html(
            '<span class="scrm-copy"><code>{}</code>'
            '<button type="button" class="scrm-link" data-copy="{}">{}</button></span>',
            address,
            address,
            _("Copy"),
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
