"""What stands in an export of contacts, orders or events? The filters are those of their lists."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from django.db.models import Prefetch, QuerySet
from django.http import QueryDict
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy
from rest_framework.exceptions import ValidationError

from contacts import facets, masking
from contacts.api.contacts import Contacts
from contacts.api.events import Events
from contacts.api.orders import Orders
from contacts.events import SOURCE as GIVEN
from contacts.exports.kinds import Cells, Kind, Query, declare
from contacts.exports.run import Refused
from contacts.models import Contact, ContactTag, Event, Order, OrderItem
from tenants import money
from tenants.models import Tenant
from tenants.rest.filters import Filters, refuse_unknown
from tenants.rest.views import Resource
from tenants.scope import current_tenant_id

Labels = Mapping[str, str | Promise]
_CUSTOM = "custom."

_CONTACTS: Labels = {
    "external_id": _("external id"),
    "name": pgettext_lazy("of a person", "name"),
    "phone": _("phone"),
    "email": _("e-mail"),
    "gender": _("gender"),
    "birthday": _("birthday"),
    "channel": _("channel"),
    "source": _("source"),
    "acquired_at": _("acquired"),
    "owner": _("owner"),
    "tags": _("tags"),
    "referrer": _("referrer"),
    "custom": _("custom fields"),
    "excluded": _("excluded"),
    "excluded_reason": _("reason for exclusion"),
    "created_at": _("created"),
    "id": _("number"),
}
_ADDED: Labels = {
    "stage": _("stage"),
    "score": _("score"),
    "fit": _("grade"),
    "engagement": _("engagement"),
    "lifecycle": _("life cycle"),
    "ownership": _("ownership level"),
    "predicted_ltv": _("predicted LTV"),
    "p_alive": _("probability of being active"),
    "groups": pgettext_lazy("of customers", "groups"),
}
_ORDERS: Labels = {
    "order_id": _("order id"),
    "contact": _("contact"),
    "paid_at": _("paid at"),
    "amount": _("amount"),
    "cost": _("cost"),
    "currency": _("currency"),
    "status": _("status"),
    "refunded": _("refunded"),
    "items": _("items"),
}
_EVENTS: Labels = {
    "event_id": _("event id"),
    "contact": _("contact"),
    "kind": _("kind"),
    "at": _("time"),
    "properties": _("properties"),
    "source": _("source"),
    "received_at": _("received"),
}


class _Asked:
    """Stands where a list's filters look for the request."""

    def __init__(self, query: Query) -> None:
        self.query_params = QueryDict(mutable=True)
        for name, values in query.items():
            self.query_params.setlist(name, list(values))


def rows_of_list(
    view: type[Resource], rows: Callable[[], QuerySet[Any]]
) -> Callable[[Query], QuerySet[Any]]:
    """The rows that a list of the API would answer for these parameters."""

    def narrowed(query: Query) -> QuerySet[Any]:
        asked: Any = _Asked(query)
        shown: Any = view()
        shown.action, shown.request = "list", asked
        try:
            refuse_unknown(asked, set(shown.filters))
            return Filters().filter_queryset(asked, rows(), shown)
        except ValidationError as error:
            raise Refused(json.dumps(error.detail, ensure_ascii=False, default=str)) from error

    return narrowed


def register() -> None:
    declare(
        Kind(
            "contacts", _("contacts"), _contact_columns,
            rows_of_list(Contacts, Contact.objects.all),
            lambda rows, staff_id: rows.filter(
                pk__in=Contact.objects.visible_to(staff_id).values("pk")
            ),
            _contact_cells, (_CUSTOM,),
        )
    )  # fmt: skip
    declare(
        Kind(
            "orders", _("orders"), lambda: _ORDERS, rows_of_list(Orders, Order.objects.all),
            of_own_contacts, _order_cells,
        )
    )  # fmt: skip
    declare(
        Kind(
            "events", _("events"), lambda: _EVENTS, rows_of_list(Events, Event.objects.all),
            of_own_contacts, _event_cells,
        )
    )  # fmt: skip


def of_own_contacts(rows: QuerySet[Any], staff_id: int | None) -> QuerySet[Any]:
    """Rows about contacts whom this staff member may see."""
    return rows.filter(contact_id__in=Contact.objects.visible_to(staff_id).values("pk"))


def _contact_columns() -> Labels:
    return {**_CONTACTS, **{name: _ADDED.get(name, name) for name in facets.fields}}


def _contact_cells(ids: Sequence[int], columns: Sequence[str], whole: bool) -> Cells:  # noqa: FBT001 - the registry's shape
    asked = set(columns)
    found = Contact.objects.select_related("channel", "owner", "referrer").in_bulk(ids)
    tags = _tags(ids) if "tags" in asked else {}
    added = facets.values(ids, asked)
    for pk in ids:
        contact = found.get(pk)
        if contact is None:
            continue
        values = added[pk]
        for name in columns:
            if name == "tags":
                values[name] = ";".join(tags.get(pk, ()))
            elif name not in values:
                values[name] = _contact_value(contact, name, whole=whole)
        yield [values[name] for name in columns]


def _contact_value(contact: Contact, name: str, *, whole: bool) -> object:
    if name.startswith(_CUSTOM):
        key = name.removeprefix(_CUSTOM)
        return _plain(_custom(contact, whole=whole).get(key))
    if name == "phone":
        return contact.phone if whole else masking.phone(contact.phone)
    if name == "email":
        return contact.email if whole else masking.email(contact.email)
    if name == "custom":
        return _plain(_custom(contact, whole=whole) or None)
    if name == "referrer":
        return contact.referrer.external_id if contact.referrer else None
    if name == "owner":
        return contact.owner.userid if contact.owner else None
    if name == "channel":
        return contact.channel.name if contact.channel else None
    return getattr(contact, name)


def _custom(contact: Contact, *, whole: bool) -> dict[str, object]:
    return contact.custom if whole else masking.values(contact.custom)


def _plain(value: object) -> object:
    """Lists and objects as JSON, the rest as it is."""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else value


def _tags(ids: Sequence[int]) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    rows = ContactTag.objects.filter(contact_id__in=ids).order_by("tag__name")
    for contact_id, name in rows.values_list("contact_id", "tag__name"):
        found.setdefault(contact_id, []).append(name)
    return found


def _order_cells(ids: Sequence[int], columns: Sequence[str], _whole: bool) -> Cells:  # noqa: FBT001 - the registry's shape
    lines = Prefetch("items", OrderItem.objects.order_by("line"))
    rows = Order.objects.select_related("contact").prefetch_related(lines).in_bulk(ids)
    currency = Tenant.objects.values_list("currency", flat=True).get(pk=current_tenant_id())
    for order in _in_order(rows, ids):
        values = {
            "order_id": order.order_id,
            "contact": order.contact.external_id,
            "paid_at": order.paid_at,
            "amount": money.text(order.amount_fen),
            "cost": money.text(order.cost_fen),
            "currency": currency,
            "status": order.status,
            "refunded": money.text(order.refunded_fen),
            "items": ";".join(f"{line.sku}×{line.quantity}" for line in order.items.all()),
        }
        yield [values[name] for name in columns]


def _event_cells(ids: Sequence[int], columns: Sequence[str], whole: bool) -> Cells:  # noqa: FBT001 - the registry's shape
    for event in _in_order(Event.objects.select_related("contact").in_bulk(ids), ids):
        values = {
            "event_id": event.key if event.source == GIVEN else "",
            "contact": event.contact.external_id,
            "kind": event.kind,
            "at": event.at,
            "properties": _plain(event.properties if whole else masking.values(event.properties)),
            "source": event.source,
            "received_at": event.received_at,
        }
        yield [values[name] for name in columns]


def _in_order(rows: Mapping[int, Any], ids: Sequence[int]) -> Iterator[Any]:
    return (rows[pk] for pk in ids if pk in rows)
