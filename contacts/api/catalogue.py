"""`products`, `channels`, `costs`: what is sold, where customers come from, what that costs."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from contacts import channels, costs, validation
from contacts.api.naming import UNKNOWN, Named, channel_names
from contacts.api.results import as_results
from contacts.models import Channel, Cost, Product
from contacts.upserts import Outcome, refused
from contacts.validation import Invalid
from tenants.rest import bulk
from tenants.rest.fields import IdField, Money, Text
from tenants.rest.filters import Filter, equals, one_of, since, until
from tenants.rest.serializers import StrictModelSerializer
from tenants.rest.views import Editable
from tenants.roles import Can

_WRITE: Mapping[str, Can] = {
    "GET": Can.READ, "POST": Can.WRITE, "PATCH": Can.WRITE, "DELETE": Can.WRITE,
}  # fmt: skip


def channel_name(text: str) -> str:
    name = validation.channel(text)
    if not name:
        raise Invalid("blank", _("This must not be blank."))
    return name


def plain(longest: int) -> Callable[[str], str]:
    return lambda text: validation.text(text, longest)


class ProductSerializer(StrictModelSerializer):
    id = IdField()
    sku = Text(validation.identifier, max_length=64)
    name = Text(validation.name, max_length=validation.NAME_LENGTH)
    role = serializers.ChoiceField(Product.Role.choices, required=False, allow_blank=True)
    price = Money(source="price_fen", required=False, allow_null=True)
    cost = Money(source="cost_fen", required=False, allow_null=True)

    class Meta:
        model = Product
        fields = ("id", "sku", "name", "role", "price", "cost")


class ChannelSerializer(StrictModelSerializer):
    id = IdField()
    name = Text(channel_name, max_length=100)
    platform = Text(plain(60), max_length=60, required=False, allow_blank=True)
    placement = Text(plain(100), max_length=100, required=False, allow_blank=True)
    kind = serializers.ChoiceField(
        Channel.Kind.choices, required=False, help_text="`private`: what the business owns already."
    )

    class Meta:
        model = Channel
        fields = ("id", "name", "platform", "placement", "kind", "created_at")
        read_only_fields = ("created_at",)


class ChannelName(Named):
    """The channel of a cost, by name or id; null is no channel."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(Channel.objects.all, "name", validation.channel, **kwargs)

    def get_attribute(self, instance: Cost) -> str | None:
        return instance.channel.name if instance.channel else None


class CostSerializer(StrictModelSerializer):
    id = IdField()
    cost_id = Text(validation.identifier, max_length=64, required=False, allow_null=True)
    date = serializers.DateField()
    channel = ChannelName(required=False, allow_null=True, allow_blank=True)
    kind = serializers.ChoiceField(Cost.Kind.choices)
    amount = Money(source="amount_fen")

    class Meta:
        model = Cost
        fields = ("id", "cost_id", "date", "channel", "kind", "amount")

    def validate_date(self, value: datetime.date) -> datetime.date:
        try:
            return _past(value.isoformat())
        except Invalid as error:
            raise serializers.ValidationError(str(error)) from None

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if "channel" in attrs:
            name = attrs.pop("channel") or ""
            attrs["channel_id"] = costs.channels_named([name]).get(name)
        return attrs


class CostItemSerializer(CostSerializer):
    """An item of a bulk request: keyed by cost_id, else by date, channel and kind."""


class Products(Editable):
    """What the tenant sells."""

    queryset = Product.objects.all()
    serializer_class = ProductSerializer
    abilities = _WRITE
    filters: ClassVar[Mapping[str, Filter]] = {
        "sku": equals("sku"),
        "role": one_of("role", Product.Role.choices),
    }

    @bulk.described(ProductSerializer, "Product")
    @action(detail=False, methods=["POST"], url_path="bulk")
    def bulk(self, request: Request) -> Response:
        """Upsert by sku: what is left out keeps what is stored."""
        return _bring(request, _product, costs.upsert_products)


class Channels(Editable):
    """Public places that customers come from."""

    queryset = Channel.objects.all()
    serializer_class = ChannelSerializer
    abilities = _WRITE
    filters: ClassVar[Mapping[str, Filter]] = {
        "name": equals("name", 100),
        "kind": one_of("kind", Channel.Kind.choices),
    }

    def perform_destroy(self, instance: Channel) -> None:
        channels.delete(instance)


class Costs(Editable):
    """Money spent on channels, by day."""

    queryset = Cost.objects.select_related("channel")
    serializer_class = CostSerializer
    abilities: ClassVar[Mapping[str, Can]] = {**_WRITE, "GET": Can.REPORT}
    filters: ClassVar[Mapping[str, Filter]] = {
        "channel": Filter(
            serializers.CharField(max_length=100, allow_blank=True),
            lambda rows, text: (
                rows.filter(channel__name=channel_names([text])[text] or "")
                if text
                else rows.filter(channel=None)
            ),
            help="Name or id; empty: none.",
        ),
        "kind": one_of("kind", Cost.Kind.choices),
        "from": since("date", serializers.DateField()),
        "to": until("date", serializers.DateField()),
    }

    @bulk.described(CostItemSerializer, "Cost")
    @action(detail=False, methods=["POST"], url_path="bulk")
    def bulk(self, request: Request) -> Response:
        """Upsert: the same amount again is unchanged, another one an update."""
        return _bring(request, _cost, costs.upsert)


class _Refused(Exception):  # noqa: N818 - carries an outcome
    def __init__(self, field: str, code: str, message: object) -> None:
        super().__init__(field)
        self.outcome = refused(Invalid(code, str(message)), field)


def _bring(
    request: Request,
    read: Callable[[dict[str, Any]], Any],
    upsert: Callable[[Sequence[Any]], list[Outcome]],
) -> Response:
    """Check items, upsert the good ones, answer one result each."""
    rows: dict[int, Any] = {}
    outcomes: dict[int, Outcome] = {}
    items = bulk.items(request)
    for place, item in enumerate(items):
        try:
            if not isinstance(item, dict):
                raise _Refused("", "invalid", _("Write an object."))
            rows[place] = read(
                {name: value for name, value in item.items() if value not in (None, "")}
            )
        except _Refused as refusal:
            outcomes[place] = refusal.outcome
    outcomes |= dict(zip(rows, upsert(list(rows.values())), strict=True))
    return bulk.answer(as_results(outcomes[place] for place in range(len(items))))


def _clean(
    item: Mapping[str, Any], checks: Mapping[str, Callable[[str], Any]], required: Sequence[str]
) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, value in item.items():
        if name not in checks:
            raise _Refused(name[:100], "unknown_field", _("Unknown field."))
        if not isinstance(value, str):
            raise _Refused(name, "invalid", _("Write text; amounts are decimal strings."))
        try:
            values[name] = checks[name](value)
        except Invalid as error:
            raise _Refused(name, error.code, error) from None
    for name in required:
        if name not in values:
            raise _Refused(name, "blank", _("This must not be blank."))
    return values


def _past(text: str) -> datetime.date:
    return validation.past_day(text, timezone.now())


def _channel(text: str) -> str:
    name = validation.channel(text)
    found = channel_names([name])[name]
    if found is None:
        raise Invalid("does_not_exist", UNKNOWN)
    return found


def _cost(item: dict[str, Any]) -> costs.CostRow:
    checks = {
        "cost_id": validation.identifier,
        "date": _past,
        "channel": _channel,
        "kind": lambda text: validation.choice(text, Cost.Kind.values, code="kind"),
        "amount": validation.amount,
    }
    values = _clean(item, checks, ("date", "kind", "amount"))
    return costs.CostRow(
        values["date"],
        values.get("channel", ""),
        values["kind"],
        values["amount"],
        values.get("cost_id"),
    )


def _product(item: dict[str, Any]) -> costs.ProductRow:
    checks = {
        "sku": validation.identifier,
        "name": validation.name,
        "role": lambda text: validation.choice(text, Product.Role.values, code="role"),
        "price": validation.amount,
        "cost": validation.amount,
    }
    values = _clean(item, checks, ("sku", "name"))
    return costs.ProductRow(
        values["sku"], values["name"], values.get("role"), values.get("price"), values.get("cost")
    )
