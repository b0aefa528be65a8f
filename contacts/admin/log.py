"""What happened to contacts, and who is friends with whom. Nothing here is written by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext
from unfold.contrib.filters.admin import (
    AutocompleteSelectFilter,
    DropdownFilter,
)

from contacts import kinds
from contacts.admin.goods import OfContacts
from contacts.models import Event, Follow
from tenants.admin_base import chip, link_to


class KindFilter(DropdownFilter):
    title = gettext_lazy("kind")
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(kind.name, kinds.label_of(kind.name)) for kind in kinds.known()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Event]) -> QuerySet[Event]:
        return queryset.filter(kind=self.value()) if self.value() else queryset


@admin.register(Event)
class EventAdmin(OfContacts):
    list_display = ("at", "of_contact", "sentence", "kind", "source")
    list_filter = (KindFilter,)
    fieldsets = (
        (None, {"fields": ("sentence", ("at", "received_at"), "of_contact", ("kind", "source"))}),
        (gettext_lazy("Properties"), {"fields": ("shown_properties", "problem")}),
    )

    def get_ordering(self, request: HttpRequest) -> Sequence[str]:
        # Each order walks an index: (tenant, kind, at), or (tenant, id).
        return ("-at",) if request.GET.get("kind") else ("-id",)

    @admin.display(description=gettext_lazy("Event"))
    def sentence(self, obj: Event) -> str:
        return format_html(
            '<span class="scrm-inline">'
            '<span class="material-symbols-outlined" aria-hidden="true">{}</span>'
            "{}</span>",
            kinds.icon_of(obj.kind),
            kinds.sentence_of(obj.kind, obj.properties),
        )

    @admin.display(description=gettext_lazy("Properties"))
    def shown_properties(self, obj: Event) -> str:
        hidden = {"phone", "mobile", "tel"}
        pairs = (
            f"{name}: {'***' if name.lower() in hidden else value}"
            for name, value in obj.properties.items()
        )
        return "; ".join(pairs) or "–"


class ActiveFilter(DropdownFilter):
    title = gettext_lazy("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("active", pgettext("follow", "active")), ("ended", _("ended"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Follow]) -> QuerySet[Follow]:
        if self.value() not in {"active", "ended"}:
            return queryset
        return queryset.filter(ended_at__isnull=self.value() == "active")


@admin.register(Follow)
class FollowAdmin(OfContacts):
    list_display = ("of_contact", "of_staff", "status", "opened_at", "ended_at", "ended_by")
    list_select_related = ("contact", "staff")
    list_filter = (("staff", AutocompleteSelectFilter), ActiveFilter)
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("of_contact", "of_staff"),
                    "status",
                    ("opened_at", "ended_at", "ended_by"),
                )
            },
        ),
        (
            gettext_lazy("Details"),
            {"fields": (("remark", "description"), ("live_code", "state", "add_way"))},
        ),
    )

    @admin.display(description=gettext_lazy("Staff"))
    def of_staff(self, obj: Follow) -> str:
        return link_to(obj.staff)

    @chip(gettext_lazy("Status"), {"active": "success", "ended": "warning"})
    def status(self, obj: Follow) -> tuple[str, str]:
        return (
            ("active", pgettext("follow", "active"))
            if obj.ended_at is None
            else ("ended", _("ended"))
        )
