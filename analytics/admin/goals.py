"""Targets by month, and who works for the business."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.widgets import UnfoldAdminDecimalFieldWidget, UnfoldAdminTextInputWidget

from analytics import targets
from analytics.models.goals import Headcount, Target
from tenants.admin_base import NOTHING, TenantModelAdmin
from tenants.admin_forms import TenantForm
from tenants.money_field import MoneyField, shown
from tenants.roles import Can


class MonthField(forms.CharField):
    """`2026-03` is its first day."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault(
            "widget", UnfoldAdminTextInputWidget({"type": "month", "placeholder": "2026-03"})
        )
        super().__init__(**kwargs)

    def prepare_value(self, value: Any) -> Any:
        return f"{value:%Y-%m}" if isinstance(value, date) else value

    def to_python(self, value: Any) -> Any:
        text = str(value or "").strip()
        if not text:
            return None
        try:
            return targets.month(text)
        except ValueError as error:
            raise ValidationError(str(error), code="month") from None

    def run_validators(self, value: Any) -> None:
        """Read, it is a month."""

    def has_changed(self, initial: Any, data: Any) -> bool:
        try:
            return bool(initial != self.to_python(data))
        except ValidationError:
            return True


class TargetForm(TenantForm):
    month = MonthField(label=gettext_lazy("Month"))
    value = forms.DecimalField(
        label=gettext_lazy("Target"),
        max_digits=18,
        decimal_places=6,
        min_value=0,
        widget=UnfoldAdminDecimalFieldWidget,
        help_text=gettext_lazy(
            "Money in units of your currency; a rate as a share of 1: 0.35 is 35 %."
        ),
    )

    class Meta:
        model = Target
        fields = ("metric", "month", "team", "staff", "value")

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        for field, message in targets.wrong(cleaned).items():
            self.add_error(field, message)
        return cleaned


def aim_of(metric: str, value: Decimal) -> str:
    if metric in targets.RATES:
        return f"{float(value):.2%}"
    return f"{value:,.2f}" if metric in targets.MONEY else f"{value.normalize():f}"


@admin.register(Target)
class TargetAdmin(TenantModelAdmin):
    form = TargetForm
    deletes = True
    list_display = ("metric", "of_month", "whose", "aim")
    list_filter = (("metric", ChoicesDropdownFilter),)
    list_select_related = ("team", "staff")
    ordering = ("-month", "metric", "id")
    autocomplete_fields = ("team", "staff")
    fieldsets = (
        (None, {"fields": (("metric", "month"), "value")}),
        (
            gettext_lazy("Whose"),
            {
                "fields": (("team", "staff"),),
                "description": gettext_lazy("Leave both blank for the whole business."),
            },
        ),
    )

    @admin.display(description=gettext_lazy("Month"), ordering="month")
    def of_month(self, obj: Target) -> str:
        return f"{obj.month:%Y-%m}"

    @admin.display(description=gettext_lazy("Whose"))
    def whose(self, obj: Target) -> str:
        return str(obj.team or obj.staff or gettext_lazy("the business"))

    @admin.display(description=gettext_lazy("Target"))
    def aim(self, obj: Target) -> str:
        return aim_of(obj.metric, obj.value)


class HeadcountForm(TenantForm):
    month = MonthField(label=gettext_lazy("From the month"))
    fte = forms.DecimalField(
        label=gettext_lazy("Staff in full-time equivalents"),
        max_digits=8,
        decimal_places=2,
        min_value=Decimal(0),
        widget=UnfoldAdminDecimalFieldWidget,
        help_text=gettext_lazy("Two who work half the week are 1."),
    )
    pay_fen = MoneyField(
        label=gettext_lazy("Average pay a month"),
        required=False,
        help_text=gettext_lazy("Agency fees ÷ this are heads too."),
    )

    class Meta:
        model = Headcount
        fields = ("month", "fte", "pay_fen")

    def clean_pay_fen(self) -> int | None:
        pay: int | None = self.cleaned_data["pay_fen"]
        if pay == 0:
            raise ValidationError(gettext_lazy("This must be more than 0."), code="pay")
        return pay


@admin.register(Headcount)
class HeadcountAdmin(TenantModelAdmin):
    form = HeadcountForm
    deletes = True
    ability = Can.REPORT
    list_display = ("from_month", "fte", "pay")
    ordering = ("-month",)
    fieldsets = ((None, {"fields": ("month", ("fte", "pay_fen"))}),)

    @admin.display(description=gettext_lazy("From the month"), ordering="month")
    def from_month(self, obj: Headcount) -> str:
        return f"{obj.month:%Y-%m}"

    @admin.display(description=gettext_lazy("Average pay a month"))
    def pay(self, obj: Headcount) -> str:
        return shown(obj.pay_fen) if obj.pay_fen else NOTHING
