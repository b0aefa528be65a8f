"""Who did what, when: the audit log, newest first."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import RangeDateTimeFilter

from tenants.admin_base import NOTHING, ReadOnlyAdmin
from tenants.audit_words import noun_of, verb_of
from tenants.models import AuditEntry
from tenants.punctuation import listed, pairs, said
from tenants.roles import Can


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    ability = Can.MANAGE
    list_display = ("at", "who", "what", "summary", "ip")
    list_select_related = ("user", "api_key")
    list_filter = (("at", RangeDateTimeFilter),)
    search_fields = ("action",)
    search_help_text = gettext_lazy("An action such as contact.revealed")
    ordering = ("-at", "-id")
    fieldsets = (
        (None, {"fields": ("at", "who", "what", "action", "summary", "shown_detail", "ip")}),
    )

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[AuditEntry], search_term: str
    ) -> tuple[QuerySet[AuditEntry], bool]:
        return queryset.filter(action=search_term.strip()) if search_term else queryset, False

    @admin.display(description=gettext_lazy("Who"))
    def who(self, obj: AuditEntry) -> str:
        return str(obj.user or obj.api_key or NOTHING)

    @admin.display(description=gettext_lazy("What"))
    def what(self, obj: AuditEntry) -> str:
        return said(noun_of(obj.action, obj.target), verb_of(obj.action))

    @admin.display(description=gettext_lazy("Detail"))
    def shown_detail(self, obj: AuditEntry) -> str:
        def words(value: Any) -> str:
            return listed(value) if isinstance(value, list) else str(value)

        return pairs({name: words(value) for name, value in obj.detail.items()}) or NOTHING
