"""Forms of an account: secrets are written and never shown."""

from __future__ import annotations

import re
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import (
    UnfoldAdminFileFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
)

from tenants import domain_files
from tenants.admin_forms import SecretField, TenantForm
from tenants.models import WeChatAccount

SECRETS = {
    "new_secret": "secret",
    "new_token": "callback_token",
    "new_aes_key": "callback_aes_key",
}
_APP_ID = re.compile(r"w[wx][A-Za-z0-9_-]{1,62}")
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

    new_domain_file = forms.FileField(
        label=gettext_lazy("New domain file"),
        required=False,
        widget=UnfoldAdminFileFieldWidget,
        help_text=gettext_lazy(
            "WW_verify_….txt, as the platform gives it where the trusted domain is set. It is "
            "answered at the root of this site."
        ),
    )

    class Meta:
        model = WeChatAccount
        fields: tuple[str, ...] = ("kind", "name", "app_id", "agent_id", "active")

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

    def clean_new_domain_file(self) -> tuple[str, str] | None:
        upload = self.cleaned_data.get("new_domain_file")
        if not upload:
            return None
        return domain_files.checked(upload.name, upload.read(domain_files.MOST_BYTES + 1))

    def save(self, commit: bool = True) -> Any:  # noqa: FBT001, FBT002 - Django's signature
        proof = self.cleaned_data.get("new_domain_file")
        if proof:
            self.instance.domain_file, self.instance.domain_text = proof
        for name, column in SECRETS.items():
            if self.cleaned_data.get(name):
                setattr(self.instance, column, self.cleaned_data[name])
        return super().save(commit)


class ConnectForm(AccountForm):
    """What the guide asks first: token and key are made by it in the next step."""

    new_token = None  # type: ignore[assignment]
    new_aes_key = None  # type: ignore[assignment]
    new_domain_file = None  # type: ignore[assignment]

    class Meta(AccountForm.Meta):
        fields = ("kind", "name", "app_id", "agent_id")
        widgets = {
            "kind": UnfoldAdminSelectWidget,
            "name": UnfoldAdminTextInputWidget,
            "app_id": UnfoldAdminTextInputWidget,
            "agent_id": UnfoldAdminTextInputWidget,
        }
        help_texts = {
            "name": gettext_lazy("How your colleagues call it. Only shown here."),
            "app_id": gettext_lazy(
                "WeCom: admin console → My company → Company ID (ww…). Official account: Settings"
                " and development → Basic configuration → AppID (wx…)."
            ),
            "agent_id": gettext_lazy(
                "WeCom: App management → your self-built app → AgentId. Blank for an official"
                " account."
            ),
        }

    def clean_new_aes_key(self) -> str:
        return ""

    def clean_new_domain_file(self) -> None:
        return None

    def clean_app_id(self) -> str:
        text = str(self.cleaned_data["app_id"]).strip()
        if not _APP_ID.fullmatch(text):
            raise ValidationError(
                _("An id of the platform has letters and digits and begins with ww or wx.")
            )
        return text
