"""Tags and their groups."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Count
from django.http import HttpRequest
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import AutocompleteSelectFilter

from contacts.models import Tag, TagGroup
from tenants.admin_base import TenantModelAdmin, TenantTabularInline


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
    list_display = ("name", "group", "created_at")
    list_select_related = ("group",)
    list_filter = (("group", AutocompleteSelectFilter),)
    search_fields = ("name",)
    autocomplete_fields = ("group",)
    ordering = ("name", "id")
    fieldsets = ((None, {"fields": (("name", "group"),)}),)
