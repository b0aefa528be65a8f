"""Who was to get a broadcast, and what became of it with each."""

from __future__ import annotations

from django.contrib import admin
from django.utils.translation import gettext_lazy, pgettext_lazy
from unfold.contrib.filters.admin import AutocompleteSelectFilter, ChoicesDropdownFilter

from campaigns.models import BroadcastRecipient
from tenants.admin_base import ReadOnlyAdmin, chip, link_to

_TONES = {
    "planned": "info", "waiting": "info", "delivered": "success", "not_friend": "warning",
    "quota": "warning", "not_sent": "warning", "failed": "danger", "left_out": "", "cancelled": "",
}  # fmt: skip


@admin.register(BroadcastRecipient)
class BroadcastRecipientAdmin(ReadOnlyAdmin):
    list_display = ("what", "broadcast_shown", "staff", "state_shown", "settled_at")
    list_select_related = ("contact", "group", "staff", "broadcast")
    list_filter = (
        ("broadcast", AutocompleteSelectFilter),
        ("state", ChoicesDropdownFilter),
        ("staff", AutocompleteSelectFilter),
    )
    fieldsets = (
        (None, {"fields": (("what", "state_shown"), ("broadcast_shown", "staff"), "settled_at")}),
    )

    @admin.display(description=gettext_lazy("Customer or group"))
    def what(self, obj: BroadcastRecipient) -> str:
        return link_to(obj.contact or obj.group)

    @admin.display(description=pgettext_lazy("of a recipient", "Broadcast"))
    def broadcast_shown(self, obj: BroadcastRecipient) -> str:
        return link_to(obj.broadcast)

    @chip(gettext_lazy("Status"), _TONES)
    def state_shown(self, obj: BroadcastRecipient) -> tuple[str, str]:
        return obj.state, obj.get_state_display()
