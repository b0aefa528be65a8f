"""Channels and what they cost."""

from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import (
    AutocompleteSelectFilter,
    ChoicesDropdownFilter,
    RangeDateFilter,
)

from contacts import channels
from contacts.models import Channel, Cost
from tenants.admin_base import TenantModelAdmin
from tenants.admin_forms import TenantForm
from tenants.money_field import MoneyField, shown


@admin.register(Channel)
class ChannelAdmin(TenantModelAdmin):
    deletes = True
    list_display = ("name", "kind", "platform", "placement", "created_at")
    list_filter = (("kind", ChoicesDropdownFilter),)
    search_fields = ("name", "platform")
    ordering = ("name", "id")
    fieldsets = ((None, {"fields": (("name", "kind"), ("platform", "placement"))}),)

    def delete_model(self, request: HttpRequest, obj: Channel) -> None:
        channels.delete(obj)


class CostForm(TenantForm):
    amount_fen = MoneyField(label=gettext_lazy("Amount"))

    class Meta:
        model = Cost
        fields = ("date", "channel", "kind", "amount_fen", "cost_id")


@admin.register(Cost)
class CostAdmin(TenantModelAdmin):
    form = CostForm
    deletes = True
    list_display = ("date", "channel", "kind", "amount", "cost_id")
    list_select_related = ("channel",)
    list_filter = (
        ("date", RangeDateFilter),
        ("channel", AutocompleteSelectFilter),
        ("kind", ChoicesDropdownFilter),
    )
    search_fields = ("cost_id", "channel__name")
    autocomplete_fields = ("channel",)
    ordering = ("-date", "-id")
    fieldsets = ((None, {"fields": (("date", "channel"), ("kind", "amount_fen"), "cost_id")}),)

    @admin.display(description=gettext_lazy("Amount"))
    def amount(self, obj: Cost) -> str:
        return shown(obj.amount_fen)
