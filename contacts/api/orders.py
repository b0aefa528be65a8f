"""`orders`: list, get, upsert in bulk by `order_id`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

from django.db.models import Prefetch, QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from rest_framework import mixins, serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from contacts import orders, validation
from contacts.api.event_fields import FieldInvalid
from contacts.api.events import OF_CONTACT, limited
from contacts.api.naming import contact_ids
from contacts.api.results import as_results
from contacts.api.shown import moment
from contacts.models import Order, OrderItem
from contacts.upserts import Outcome, refused
from contacts.validation import Invalid, Item
from tenants import ids, money
from tenants.middleware import tenant_of
from tenants.models import Tenant
from tenants.rest import bulk
from tenants.rest.fields import IdField, Moment, Money
from tenants.rest.filters import Filter, equals, flag, one_of, since, until
from tenants.rest.pages import Ordering
from tenants.rest.views import Resource
from tenants.roles import Can

MOST_ITEMS = 500


class ItemSerializer(serializers.Serializer):
    sku = serializers.CharField(max_length=64)
    quantity = serializers.IntegerField(min_value=1)
    price = Money(required=False, allow_null=True)

    class Meta:
        ref_name = "OrderItem"


class OrderSerializer(serializers.Serializer):
    """A purchase. `paid` and `refunded` follow from status and amounts."""

    id = IdField()
    order_id = serializers.CharField(max_length=64)
    contact = serializers.CharField(max_length=64, help_text=_("external_id or id; shown as id."))
    paid_at = serializers.DateTimeField(required=False, allow_null=True)
    amount = Money()
    cost = Money(required=False, allow_null=True, help_text=_("Left out: the products' costs."))
    currency = serializers.CharField(required=False, max_length=3)
    status = serializers.ChoiceField(Order.Status.choices, required=False)
    refunded = Money(required=False, allow_null=True)
    items = ItemSerializer(many=True, required=False)
    paid = serializers.BooleanField(read_only=True)
    created_at = serializers.DateTimeField(read_only=True)
    updated_at = serializers.DateTimeField(read_only=True)

    class Meta:
        ref_name = "Order"


_LINES = Prefetch("items", OrderItem.objects.order_by("line"))


class Orders(mixins.ListModelMixin, Resource):
    """What contacts bought."""

    queryset = Order.objects.all()
    serializer_class = OrderSerializer
    abilities: ClassVar[Mapping[str, Can]] = {"GET": Can.READ, "POST": Can.WRITE}
    filters: ClassVar[Mapping[str, Filter]] = {
        "contact": OF_CONTACT,
        "order_id": equals("order_id"),
        "status": one_of("status", Order.Status.choices),
        "paid": flag("paid"),
        "paid_after": since("paid_at", Moment(clean=validation.moment)),
        "paid_before": until("paid_at", Moment(clean=validation.moment)),
    }
    orderings: ClassVar[Mapping[str, Ordering]] = {
        "paid_at": Ordering("paid_at", nullable=True, plain=True),
        "created_at": Ordering(),
    }
    default_ordering = "-created_at"

    def get_queryset(self) -> QuerySet[Order]:
        return limited(self.request, Order.objects.prefetch_related(_LINES))

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset())) or []
        return self.get_paginated_response([shown(order, tenant_of(request)) for order in page])

    def retrieve(self, request: Request, id: str) -> Response:
        return Response(shown(self.get_object(), tenant_of(request)))

    @bulk.described(OrderSerializer, "Order")
    @action(detail=False, methods=["POST"], url_path="bulk")
    def bulk(self, request: Request) -> Response:
        """Upsert by order_id: what is left out keeps what is stored."""
        return bulk.answer(as_results(brought(bulk.items(request), tenant_of(request).currency)))


def shown(order: Order, tenant: Tenant) -> dict[str, object]:
    return {
        "id": ids.encode(order.pk),
        "order_id": order.order_id,
        "contact": ids.encode(order.contact_id),
        "paid_at": moment(order.paid_at),
        "amount": money.text(order.amount_fen),
        "cost": money.text(order.cost_fen),
        "currency": tenant.currency,
        "status": order.status,
        "refunded": money.text(order.refund_fen),
        "items": [
            {"sku": line.sku, "quantity": line.quantity, "price": money.text(line.price_fen)}
            for line in order.items.all()
        ],
        "paid": order.paid,
        "created_at": moment(order.created_at),
        "updated_at": moment(order.updated_at),
    }


def brought(items: Sequence[object], currency: str) -> list[Outcome]:
    """Check and upsert orders; one outcome each, in their order."""
    named: dict[int, tuple[str, orders.Row]] = {}
    outcomes: dict[int, Outcome] = {}
    for place, item in enumerate(items):
        try:
            named[place] = _read(item, currency)
        except FieldInvalid as refusal:
            outcomes[place] = refused(refusal.error, refusal.field)
    known = contact_ids(contact for contact, _row in named.values())
    rows: dict[int, orders.Row] = {}
    for place, (contact, row) in named.items():
        if contact in known:
            rows[place] = replace(row, contact_id=known[contact])
        else:
            error = Invalid("unknown_contact", _("There is no such contact."))
            outcomes[place] = refused(error, "contact")
    outcomes |= dict(zip(rows, orders.upsert(list(rows.values())), strict=True))
    return [outcomes[place] for place in range(len(items))]


def _moment(text: str) -> Any:
    return validation.moment(text, timezone.get_current_timezone(), timezone.now())


_TEXTS: Mapping[str, Callable[[str], Any]] = {
    "order_id": validation.identifier,
    "contact": validation.identifier,
    "paid_at": _moment,
    "amount": validation.amount,
    "cost": validation.amount,
    "refunded": validation.amount,
    "status": lambda text: validation.choice(text, Order.Status.values, code="status"),
}


def _read(item: object, currency: str) -> tuple[str, orders.Row]:
    if not isinstance(item, dict):
        raise FieldInvalid("", Invalid("invalid", _("Write an object.")))
    values: dict[str, Any] = dict.fromkeys([*_TEXTS, "items"])
    for name, value in item.items():
        if value is None or value == "":
            continue
        try:
            values[name] = _clean(name, value, currency)
        except Invalid as error:
            raise FieldInvalid(str(name)[:100], error) from None
    for name in ("order_id", "contact", "amount"):
        if values[name] is None:
            raise FieldInvalid(name, Invalid("blank", _("This must not be blank.")))
    return str(values["contact"]), _row(values)


def _clean(name: str, value: object, currency: str) -> object:
    if name == "items":
        return _lines(value)
    if name == "currency":
        validation.currency(_text(value), currency)
        return None
    if name not in _TEXTS:
        raise Invalid("unknown_field", _("Unknown field."))
    return _TEXTS[name](_text(value))


def _row(values: Mapping[str, Any]) -> orders.Row:
    return orders.Row(
        order_id=values["order_id"],
        contact_id=0,
        amount_fen=values["amount"],
        paid_at=values["paid_at"],
        cost_fen=values["cost"],
        status=values["status"],
        refunded_fen=values["refunded"],
        items=values["items"],
    )


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise Invalid("invalid", _("Write text; amounts are decimal strings."))
    return value


def _lines(value: object) -> tuple[Item, ...]:
    if not isinstance(value, list) or len(value) > MOST_ITEMS:
        raise Invalid("items", _("Write a list of items."))
    return tuple(_line(line) for line in value)


def _line(line: object) -> Item:
    if not isinstance(line, dict) or not line.keys() <= {"sku", "quantity", "price"}:
        raise Invalid("items", _("An item has sku, quantity and maybe price."))
    price = line.get("price")
    return Item(
        validation.identifier(_text(line.get("sku"))),
        _whole(line.get("quantity")),
        None if price is None else validation.amount(_text(price)),
    )


def _whole(value: object) -> int:
    if not isinstance(value, int):
        raise Invalid("quantity", _("Write a whole quantity of 1 or more."))
    return validation.quantity(value)
