"""What happened to contacts. Nothing here is written by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import (
    DropdownFilter,
)

from contacts import kinds, masking, timeline_words
from contacts.admin.goods import OfContacts
from contacts.models import Event
from tenants.admin_base import NOTHING, LookAheadList
from tenants.punctuation import pairs


class KindFilter(DropdownFilter):
    title = gettext_lazy("kind")
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(kind.name, kinds.label_of(kind.name)) for kind in kinds.known()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Event]) -> QuerySet[Event]:
        return queryset.filter(kind=self.value()) if self.value() else queryset


class EventList(LookAheadList):
    """Gives a page of events the names of the staff whom they tell of."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        rows = list(self.result_list)
        names = timeline_words.staff_names(rows)
        for row in rows:
            row.staff_names = names


@admin.register(Event)
class EventAdmin(OfContacts):
    list_display = ("at", "of_contact", "sentence", "kind", "source")
    list_filter = (KindFilter,)
    fieldsets = (
        (None, {"fields": ("sentence", ("at", "received_at"), "of_contact", ("kind", "source"))}),
        (gettext_lazy("Properties"), {"fields": ("shown_properties", "problem")}),
    )

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[LookAheadList]:
        return EventList

    def get_ordering(self, request: HttpRequest) -> Sequence[str]:
        # Each order walks an index: (tenant, kind, at), or (tenant, id).
        return ("-at",) if request.GET.get("kind") else ("-id",)

    @admin.display(description=gettext_lazy("Event"))
    def sentence(self, obj: Event) -> str:
        loaded: dict[str, str] | None = getattr(obj, "staff_names", None)
        names = timeline_words.staff_names([obj]) if loaded is None else loaded
        return format_html(
            '<span class="scrm-inline">'
            '<span class="material-symbols-outlined" aria-hidden="true">{}</span>'
            "{}</span>",
            kinds.icon_of(obj.kind),
            timeline_words.sentence(obj, names),
        )

    @admin.display(description=gettext_lazy("Properties"))
    def shown_properties(self, obj: Event) -> str:
        return pairs(masking.values(obj.properties)) or NOTHING
