"""Who of the business may sign in with WeCom: a part of its settings."""

from __future__ import annotations

from django.http import HttpRequest
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldBooleanSwitchWidget

from tenants import admin_settings
from tenants.admin_forms import TenantForm
from tenants.models import SignInSettings


class SignInForm(TenantForm):
    class Meta:
        model = SignInSettings
        fields = ("wecom", "new_sales")
        widgets = {"wecom": UnfoldBooleanSwitchWidget, "new_sales": UnfoldBooleanSwitchWidget}
        help_texts = {
            "new_sales": gettext_lazy(
                "Whoever is on the list of staff and is no member yet becomes one, as sales, when "
                "they first sign in with WeCom."
            ),
        }


def _form(request: HttpRequest) -> SignInForm:
    data = admin_settings.posted(request, "sign_in")
    return SignInForm(data, instance=SignInSettings.of_tenant(), prefix="sign_in")


admin_settings.section(
    admin_settings.Section(gettext_lazy("Sign-in with WeCom"), "sign_in_settings", _form)
)
