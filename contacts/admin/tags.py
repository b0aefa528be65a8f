"""Tags and their groups."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import AutocompleteSelectFilter, MultipleDropdownFilter

from contacts import tag_filters, tagging
from contacts.admin import additions
from contacts.models import Contact, Tag, TagGroup
from tenants.admin_base import TenantModelAdmin, TenantTabularInline

MOST_CHOICES = 500


class TagsByGroupFilter(MultipleDropdownFilter):
    """One of the tags of each group that is chosen from."""

    title = gettext_lazy("tags: one of each group")
    parameter_name = "tags_by_group"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        known: list[tuple[str, str]] | None = getattr(request, "tag_choices", None)
        if known is None:  # both filters of the page offer the same
            rows = Tag.objects.select_related("group")
            rows = rows.order_by("group__position", "group__name", "name")
            known = [
                (str(tag.pk), f"{tag.group} · {tag.name}" if tag.group else tag.name)
                for tag in rows[:MOST_CHOICES]
            ]
            request.tag_choices = known  # type: ignore[attr-defined] # kept for the other one
        return known

    def chosen(self) -> list[int]:
        return [int(each) for each in self.value() or () if str(each).isdecimal()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Contact]) -> QuerySet[Contact]:
        chosen = self.chosen()
        return tag_filters.by_group(queryset, chosen) if chosen else queryset


class NotTagFilter(TagsByGroupFilter):
    """None of the tags that are chosen."""

    title = gettext_lazy("without the tags")
    parameter_name = "not_tag"

    def queryset(self, request: HttpRequest, queryset: QuerySet[Contact]) -> QuerySet[Contact]:
        chosen = self.chosen()
        return tag_filters.without(queryset, chosen) if chosen else queryset


additions.list_filter(TagsByGroupFilter)
additions.list_filter(NotTagFilter)


class TagInline(TenantTabularInline):
    model = Tag
    fields = ("name",)
    can_delete = False
    extra = 0


@admin.register(TagGroup)
class TagGroupAdmin(TenantModelAdmin):
    deletes = True
    list_display = ("name", "position", "tag_count")
    search_fields = ("name",)
    ordering = ("position", "name", "id")
    fieldsets = ((None, {"fields": (("name", "position"),)}),)
    inlines = (TagInline,)

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).annotate(tags_in=Count("tags"))

    @admin.display(description=gettext_lazy("Tags"))
    def tag_count(self, obj: Any) -> int:
        return int(obj.tags_in)


@admin.register(Tag)
class TagAdmin(TenantModelAdmin):
    deletes = True
    list_display = ("name", "group", "local_only", "created_at")
    list_select_related = ("group",)
    list_filter = (("group", AutocompleteSelectFilter),)
    search_fields = ("name",)
    autocomplete_fields = ("group",)
    ordering = ("name", "id")
    fieldsets = ((None, {"fields": (("name", "group"), "local_only")}),)

    def delete_model(self, request: HttpRequest, obj: Tag) -> None:
        tagging.delete(obj)
