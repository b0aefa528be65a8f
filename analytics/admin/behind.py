"""The contacts or orders that a figure of a dashboard counts, as a filter of their lists."""

from __future__ import annotations

from typing import Any

from django.contrib.admin.options import IncorrectLookupParameters
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import DropdownFilter

from analytics import behind
from analytics.asking import Wrong
from contacts.admin import additions
from tenants.models import Tenant


class BehindFilter(DropdownFilter):
    """There only when an address asks for it: whoever comes from a figure may leave it."""

    title = gettext_lazy("behind the figure")
    parameter_name = behind.NAME
    orders = False

    @cached_property
    def counted(self) -> behind.Counted:
        try:
            found = behind.read(str(self.value()), Tenant.current())
        except Wrong:
            raise IncorrectLookupParameters from None
        if found.figure.orders != self.orders:
            raise IncorrectLookupParameters
        return found

    @property
    def headline(self) -> str:
        """What the list shows, over it."""
        return self.counted.text if self.value() else ""

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(str(self.value()), self.counted.text)] if self.value() else []

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if not self.value():
            return queryset
        found = queryset.filter(id__in=self.counted.ids())
        return found.filter(channel=None) if self.counted.given.get("no_channel") else found


class OrdersBehindFilter(BehindFilter):
    orders = True


additions.list_filter(BehindFilter)
additions.order_list_filter(OrdersBehindFilter)
