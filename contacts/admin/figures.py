"""What WeCom counts for each member and day; and whose customers have no member any more."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import AutocompleteSelectFilter, RangeDateFilter

from contacts.admin import unassigned
from contacts.admin.goods import OfContacts
from contacts.models import StaffFigures, Unassigned
from tenants.admin_base import NOTHING, ReadOnlyAdmin, ask, link_to
from tenants.admin_forms import AskForm


@admin.register(StaffFigures)
class StaffFiguresAdmin(ReadOnlyAdmin):
    list_display = (
        "date", "of_staff", "chats", "messages", "answered", "minutes", "added", "applied",
        "blocked", "fetched_at",
    )  # fmt: skip
    list_select_related = ("staff",)
    list_filter = (("staff", AutocompleteSelectFilter), ("date", RangeDateFilter))
    ordering = ("-date", "staff_id")
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("date", "of_staff"), ("chats", "messages"), ("answered", "minutes"),
                    ("added", "applied", "blocked"), "fetched_at",
                )
            },
        ),
    )  # fmt: skip

    @admin.display(description=gettext_lazy("Staff"))
    def of_staff(self, obj: StaffFigures) -> str:
        return link_to(obj.staff)

    @admin.display(description=gettext_lazy("answered (%)"))
    def answered(self, obj: StaffFigures) -> str:
        return NOTHING if obj.reply_percentage is None else f"{obj.reply_percentage:g}"

    @admin.display(description=gettext_lazy("minutes to the first answer"))
    def minutes(self, obj: StaffFigures) -> str:
        return NOTHING if obj.avg_reply_minutes is None else f"{obj.avg_reply_minutes:g}"


@admin.register(Unassigned)
class UnassignedAdmin(OfContacts):
    list_display: Any = ("of_contact", "of_staff", "account", "left_at")
    list_select_related = ("contact", "staff", "account")
    list_filter = (("staff", AutocompleteSelectFilter),)
    fieldsets = ((None, {"fields": (("of_contact", "of_staff"), ("account", "left_at"))}),)
    actions_list = ("assign",)

    @ask(
        gettext_lazy("Hand them over"),
        question=gettext_lazy(
            "WeCom tells every customer; who does not refuse within 24 hours goes over. Several "
            "who take over share evenly."
        ),
        icon="swap_horiz",
        permission="act",
        form=unassigned.AssignForm,
    )
    def assign(self, request: HttpRequest, target: None, form: AskForm) -> HttpResponse:
        return unassigned.assign(self, request, form.cleaned_data)

    @admin.display(description=gettext_lazy("resigned member"))
    def of_staff(self, obj: Unassigned) -> str:
        return link_to(obj.staff)
