"""Who did what, when: the audit log, newest first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import conditional_escape
from django.utils.safestring import mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import RangeDateTimeFilter

from tenants import audit_names
from tenants.admin_base import NOTHING, LookAheadList, ReadOnlyAdmin
from tenants.audit_words import noun_of, verb_of
from tenants.models import AuditEntry
from tenants.punctuation import listed, pairs, said
from tenants.roles import Can

_SHOWN = 10  # of a list in the detail


class LogList(LookAheadList):
    """Gives a page of lines the names of what they are about."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        rows = list(self.result_list)
        names = audit_names.read(rows)
        for row in rows:
            row.names = names


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    ability = Can.MANAGE
    list_display = ("at", "who", "what", "about", "ip")
    list_select_related = ("user", "api_key")
    list_filter = (("at", RangeDateTimeFilter),)
    search_fields = ("action",)
    search_help_text = gettext_lazy("An action such as contact.revealed")
    ordering = ("-at", "-id")
    fieldsets = (
        (None, {"fields": ("at", "who", "what", "action", "about", "why", "shown_detail", "ip")}),
    )

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[LookAheadList]:
        return LogList

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

    @admin.display(description=gettext_lazy("Whom or what"))
    def about(self, obj: AuditEntry) -> str:
        return _names(obj).get(obj.target) or obj.summary or NOTHING

    @admin.display(description=gettext_lazy("Reason"))
    def why(self, obj: AuditEntry) -> str:
        return obj.reason or NOTHING

    @admin.display(description=gettext_lazy("Detail"))
    def shown_detail(self, obj: AuditEntry) -> str:
        names = _names(obj)

        def words(value: Any) -> str:
            if not isinstance(value, list):
                return str(conditional_escape(names.get(value, value)))  # linked, or plain
            some = [words(each) for each in value[:_SHOWN]]
            more = len(value) - _SHOWN
            return listed([*some, _("%(count)s more") % {"count": more}] if more > 0 else some)

        shown = pairs({str(conditional_escape(k)): words(v) for k, v in obj.detail.items()})
        return mark_safe(shown) or NOTHING  # noqa: S308 - every part of it is escaped


def _names(obj: AuditEntry) -> Mapping[Any, str]:
    """Of the page that is shown; of the line alone on its own page."""
    loaded: Mapping[str, str] | None = getattr(obj, "names", None)
    if loaded is None:
        loaded = obj.names = audit_names.read([obj])  # type: ignore[attr-defined]
    return loaded
