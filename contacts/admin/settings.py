"""What of customers is set per business: whom sales see, and who is told of a lost customer."""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import HttpRequest
from django.utils.translation import gettext_lazy
from unfold.widgets import (
    UnfoldAdminDecimalFieldWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldBooleanSwitchWidget,
)

from contacts import loss_notices
from contacts.models import ContactSettings
from tenants import admin_settings
from tenants.admin_forms import TenantForm


class CustomersForm(TenantForm):
    remind_from_stage = forms.ChoiceField(
        label=gettext_lazy("Only from this stage on"),
        required=False,
        widget=UnfoldAdminSelectWidget,
    )
    remind_min_score = forms.FloatField(
        label=gettext_lazy("Or with a score of at least"),
        required=False,
        min_value=0,
        widget=UnfoldAdminDecimalFieldWidget,
        help_text=gettext_lazy("Blank: the score does not matter."),
    )

    class Meta:
        model = ContactSettings
        fields = (
            "sales_see", "remind", "remind_when", "remind_only_customer", "remind_from_stage",
            "remind_min_score",
        )  # fmt: skip
        widgets = {
            "sales_see": UnfoldAdminSelectWidget,
            "remind": UnfoldAdminSelectWidget,
            "remind_when": UnfoldAdminSelectWidget,
            "remind_only_customer": UnfoldBooleanSwitchWidget,
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["remind_from_stage"]
        field.choices = [("", gettext_lazy("any stage")), *loss_notices.stages()]  # type: ignore[attr-defined]


def _form(request: HttpRequest) -> CustomersForm:
    data = admin_settings.posted(request, "customers")
    return CustomersForm(data, instance=ContactSettings.of_tenant(), prefix="customers")


class OwnershipForm(TenantForm):
    class Meta:
        model = ContactSettings
        fields = ("interacting_days", "owned_days")
        widgets = {
            "interacting_days": UnfoldAdminIntegerFieldWidget,
            "owned_days": UnfoldAdminIntegerFieldWidget,
        }
        help_texts = {
            "interacting_days": gettext_lazy(
                "Who wrote, read, clicked or joined within that time is at L2 interacting."
            ),
            "owned_days": gettext_lazy("Who also bought within that time is at L3 owned."),
        }


def _ownership(request: HttpRequest) -> OwnershipForm:
    data = admin_settings.posted(request, "ownership")
    return OwnershipForm(data, instance=ContactSettings.of_tenant(), prefix="ownership")


admin_settings.section(admin_settings.Section(gettext_lazy("Customers"), "contact_settings", _form))
admin_settings.section(
    admin_settings.Section(gettext_lazy("Ownership levels"), "contact_settings", _ownership)
)
