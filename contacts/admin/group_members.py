"""Who is in which group, who left, and who was lost: in no group any more."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy
from unfold.contrib.filters.admin import AutocompleteSelectFilter, DropdownFilter

from contacts import search
from contacts.admin.groups import name_of
from contacts.groups import lists, words
from contacts.models import Contact, GroupMember, GroupSpell
from tenants.admin_base import NOTHING, LookAheadList, ReadOnlyAdmin, chip, header, link_to

_KINDS = {
    "contact": Q(contact__isnull=False),
    "unknown": Q(contact=None, staff=None),
    "staff": Q(staff__isnull=False),
}


class StateFilter(DropdownFilter):
    title = gettext_lazy("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [
            ("in", _("in the group")), ("left", _("left the group")),
            ("lost", _("in no group any more")),
        ]  # fmt: skip

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[GroupMember]
    ) -> QuerySet[GroupMember]:
        narrow = {"in": lists.inside, "left": lists.gone, "lost": lists.lost}
        return narrow.get(str(self.value()), lists.seen)(queryset)


class KindFilter(DropdownFilter):
    title = gettext_lazy("kind")
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [
            ("contact", _("contact")), ("unknown", _("unknown account")), ("staff", _("staff")),
        ]  # fmt: skip

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[GroupMember]
    ) -> QuerySet[GroupMember]:
        return queryset.filter(_KINDS[v]) if (v := str(self.value())) in _KINDS else queryset


class GroupMemberList(LookAheadList):
    """Gives a page of members their latest stay, in one query."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        rows = list(self.result_list)
        stays = lists.stays_of(rows)
        for row in rows:
            row.stays = stays.get(row.pk)

    def url_for_result(self, result: Any) -> str:
        """Names lead to the contact, as far as there is one."""
        contact = result.contact
        if contact is None:
            return str(super().url_for_result(result))
        return reverse("admin:contacts_contact_change", args=[contact.pk])


@admin.register(GroupMember)
class GroupMemberAdmin(ReadOnlyAdmin):
    list_display = (
        "named", "kind_shown", "of_group", "group_owner", "joined", "left", "stays_shown",
    )  # fmt: skip
    list_select_related = ("contact", "staff", "group", "group__owner")
    list_filter = (
        StateFilter,
        ("group", AutocompleteSelectFilter),
        ("group__owner", AutocompleteSelectFilter),
        KindFilter,
    )
    search_fields = ("contact__name",)
    search_help_text = gettext_lazy("Name, pinyin, last four digits of the phone, or external id")
    fieldsets = (
        (None, {"fields": (("person", "kind_shown"), ("of_group", "group_owner"))}),
        (gettext_lazy("Stays"), {"fields": ("all_stays",)}),
    )
    readonly_fields = ("person", "kind_shown", "of_group", "group_owner", "all_stays")

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[LookAheadList]:
        return GroupMemberList

    def get_ordering(self, request: HttpRequest) -> Sequence[str]:
        return ("-left_at", "-id") if request.GET.get("state") in {"left", "lost"} else ("-id",)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        if not search_term.strip():
            return queryset, False
        found = search.filter(Contact.objects.all(), search_term)
        return queryset.filter(contact_id__in=found.values("id")), False

    @admin.display(description=pgettext_lazy("of a person", "Name"))
    def named(self, obj: GroupMember) -> str:
        if obj.contact is not None:
            return obj.contact.name or _("no name")
        return name_of(obj)

    @admin.display(description=pgettext_lazy("of a person", "Name"))
    def person(self, obj: GroupMember) -> str:
        return name_of(obj)

    @chip(gettext_lazy("Kind"), {"contact": "success", "staff": "info"})
    def kind_shown(self, obj: GroupMember) -> tuple[str, str]:
        if obj.contact_id:
            return "contact", _("contact")
        return ("staff", _("staff")) if obj.staff_id else ("unknown", _("unknown account"))

    @admin.display(description=pgettext_lazy("of customers", "Group"))
    def of_group(self, obj: GroupMember) -> str:
        return link_to(obj.group)

    @admin.display(description=gettext_lazy("Owner of the group"))
    def group_owner(self, obj: GroupMember) -> str:
        return str(obj.group.owner or NOTHING)

    @header(gettext_lazy("Joined at"))
    def joined(self, obj: Any) -> list[str]:
        if not obj.stays:
            return []
        return [_time(obj.stays.latest.joined_at), words.way_in(obj.stays.latest)]

    @header(gettext_lazy("Left at"))
    def left(self, obj: Any) -> list[str]:
        if not obj.left_at:
            return [NOTHING, ""]
        return [_time(obj.left_at), words.way(obj.stays.latest.quit_way)]

    @admin.display(description=gettext_lazy("Stays"))
    def stays_shown(self, obj: Any) -> str:
        return link_to(obj, str(obj.stays.count)) if obj.stays else NOTHING

    @admin.display(description=gettext_lazy("Stays"))
    def all_stays(self, obj: GroupMember) -> str:
        found = GroupSpell.objects.filter(member=obj).select_related("invited_by")
        rows = ((_period(stay), words.ways(stay)) for stay in found.order_by("-joined_at"))
        lines = format_html_join("", "<li><span>{}</span><span>{}</span></li>", rows)
        return format_html('<ul class="scrm-rows">{}</ul>', lines)


def _time(at: datetime | None) -> str:
    return f"{timezone.localtime(at):%Y-%m-%d %H:%M}" if at else ""


def _period(stay: GroupSpell) -> str:
    return f"{_time(stay.joined_at)} – {_time(stay.left_at)}"
