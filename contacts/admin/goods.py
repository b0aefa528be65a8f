"""What is sold, and what was bought."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RangeDateTimeFilter

from contacts import search
from contacts.admin import additions
from contacts.models import Contact, Order, OrderItem, Product
from tenants.admin_base import NOTHING, ReadOnlyAdmin, TenantModelAdmin, chip, link_to
from tenants.admin_forms import TenantForm
from tenants.money_field import MoneyField, shown
from tenants.punctuation import listed


class ProductForm(TenantForm):
    price_fen = MoneyField(label=gettext_lazy("Price"), required=False)
    cost_fen = MoneyField(label=gettext_lazy("Cost"), required=False)

    class Meta:
        model = Product
        fields = ("sku", "name", "role", "price_fen", "cost_fen")


@admin.register(Product)
class ProductAdmin(TenantModelAdmin):
    form = ProductForm
    deletes = True
    list_display = ("name", "sku", "role", "price", "cost")
    list_filter = (("role", ChoicesDropdownFilter),)
    search_fields = ("sku", "name")
    ordering = ("sku", "id")
    fieldsets = ((None, {"fields": (("sku", "name"), "role", ("price_fen", "cost_fen"))}),)

    @admin.display(description=gettext_lazy("Price"))
    def price(self, obj: Product) -> str:
        return shown(obj.price_fen)

    @admin.display(description=gettext_lazy("Cost"))
    def cost(self, obj: Product) -> str:
        return shown(obj.cost_fen)


class OfContacts(ReadOnlyAdmin):
    """Rows of contacts, found by searching the contact."""

    search_fields = ("contact__name",)
    search_help_text = gettext_lazy("Name, pinyin, last four digits of the phone, or external id")
    list_select_related: Any = ("contact",)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        if not search_term.strip():
            return queryset, False
        found = search.filter(Contact.objects.all(), search_term)
        return queryset.filter(contact_id__in=found.values("id")), False

    @admin.display(description=gettext_lazy("Contact"))
    def of_contact(self, obj: Any) -> str:
        return link_to(obj.contact)


@admin.register(Order)
class OrderAdmin(OfContacts):
    list_display = ("order_id", "of_contact", "paid_at", "amount", "refund", "shown_status")
    list_filter = (("paid_at", RangeDateTimeFilter), ("status", ChoicesDropdownFilter))
    search_help_text = gettext_lazy("Order id, or the contact")
    list_before_template = "admin/contacts/order/behind.html"
    fieldsets = (
        (
            None,
            {"fields": (("order_id", "of_contact"), ("paid_at", "shown_status"), "items_shown")},
        ),
        (gettext_lazy("Money"), {"fields": (("amount", "cost", "refund"),)}),
    )

    def get_list_filter(self, request: HttpRequest) -> list[Any]:
        return [*additions.order_filters, *self.list_filter]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Order], search_term: str
    ) -> tuple[QuerySet[Order], bool]:
        exact = queryset.filter(order_id=search_term.strip())
        if search_term.strip() and exact.exists():
            return exact, False
        return super().get_search_results(request, queryset, search_term)

    @admin.display(description=gettext_lazy("Amount"))
    def amount(self, obj: Order) -> str:
        return shown(obj.amount_fen)

    @admin.display(description=gettext_lazy("Cost"))
    def cost(self, obj: Order) -> str:
        return shown(obj.cost_fen)

    @admin.display(description=gettext_lazy("Refunded"))
    def refund(self, obj: Order) -> str:
        return shown(obj.refund_fen) if obj.refund_fen else NOTHING

    @chip(gettext_lazy("Status"), {"paid": "success", "refunded": "warning", "cancelled": "danger"})
    def shown_status(self, obj: Order) -> tuple[str, str]:
        return obj.status, obj.get_status_display()

    @admin.display(description=gettext_lazy("Items"))
    def items_shown(self, obj: Order) -> str:
        rows = OrderItem.objects.filter(order=obj).order_by("line")
        return (
            listed(f"{item.sku} × {item.quantity} ({shown(item.price_fen)})" for item in rows)
            or NOTHING
        )
