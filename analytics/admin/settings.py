"""What the scorecard is for, when the business began, and how little service is too little."""

from __future__ import annotations

from django import forms
from django.http import HttpRequest
from django.utils.translation import gettext_lazy
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminSingleDateWidget,
)

from analytics.models.goals import KpiSettings
from tenants import admin_settings
from tenants.admin_forms import TenantForm


class ScorecardForm(TenantForm):
    day_zero = forms.DateField(
        label=gettext_lazy("First day of work"),
        required=False,
        widget=UnfoldAdminSingleDateWidget,
        help_text=gettext_lazy("Blank: the day of the first contact. Phases count from it."),
    )
    trust_floor = forms.IntegerField(
        label=gettext_lazy("Least trust mix (%)"),
        min_value=0,
        max_value=100,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text=gettext_lazy("With less service among the touches the scorecard warns."),
    )

    class Meta:
        model = KpiSettings
        fields = ("purpose", "day_zero", "trust_floor")
        widgets = {"purpose": UnfoldAdminSelectWidget}


def _form(request: HttpRequest) -> ScorecardForm:
    data = admin_settings.posted(request, "scorecard")
    return ScorecardForm(data, instance=KpiSettings.of_tenant(), prefix="scorecard")


admin_settings.section(admin_settings.Section(gettext_lazy("Scorecard"), "kpi_settings", _form))
