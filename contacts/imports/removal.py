"""How do rows go that an import created, and how are they called on the page that asks first?"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from django.db.models import F

from contacts import cascade, changes, kinds, orders, reach
from contacts.arrays import Among
from contacts.merging import rules
from contacts.models import Contact, Cost, Event, Import, Order, Product
from tenants import money
from tenants.punctuation import listed

Remove = Callable[[Sequence[int]], int]


def _contacts(ids: Sequence[int]) -> int:
    """With everything that is of them alone: events, Follows, tags, tokens, stages, scores."""
    found = list(
        Contact.objects.select_for_update(of=("self",))
        .filter(Among(F("id"), ids))
        .order_by("id")
        .values_list("id", "referrer_id")
    )
    gone = [pk for pk, _referrer in found]
    referrers = {referrer for _pk, referrer in found if referrer} - set(gone)
    cascade.delete(Contact, gone)
    changes.note([*gone, *referrers])
    return len(gone)


def _orders(ids: Sequence[int]) -> int:
    found = {
        order.pk: order
        for order in Order.objects.select_for_update().filter(pk__in=ids).order_by("order_id")
    }
    contacts = {order.contact_id for order in found.values()}
    told = Event.objects.filter(contact_id__in=contacts, source=orders.SOURCE)
    told.filter(properties__order_id__in=[order.order_id for order in found.values()]).delete()
    Order.objects.filter(pk__in=found).delete()
    _anew(contacts)
    return len(found)


def _events(ids: Sequence[int]) -> int:
    found = list(Event.objects.filter(pk__in=ids).values_list("pk", "contact_id", "kind"))
    Event.objects.filter(pk__in=[pk for pk, _contact, _kind in found]).delete()
    reach.rebuild({contact for _pk, contact, kind in found if kind in kinds.REACH})
    _anew({contact for _pk, contact, _kind in found})
    return len(found)


def _costs(ids: Sequence[int]) -> int:
    return Cost.objects.filter(pk__in=ids).delete()[0]


def _products(ids: Sequence[int]) -> int:
    return Product.objects.filter(pk__in=ids).delete()[0]


def _anew(contact_ids: Iterable[int]) -> None:
    """As after the undoing of a merge: points, stages and figures from the events that are left."""
    contacts = sorted(set(contact_ids))
    if contacts:
        for hook in rules.undone:
            hook(contacts)
        changes.note(contacts)


REMOVE: Final[Mapping[str, Remove]] = {
    Import.Kind.CONTACTS: _contacts,
    Import.Kind.ORDERS: _orders,
    Import.Kind.EVENTS: _events,
    Import.Kind.COSTS: _costs,
    Import.Kind.PRODUCTS: _products,
}


def words(kind: str, ids: Sequence[int]) -> dict[int, str]:
    """The rows as people know them, in the order of the file; those that are gone are not in it."""
    found = _WORDS[kind](ids)
    return {pk: found[pk] for pk in ids if pk in found}


def _of_contacts(ids: Sequence[int]) -> dict[int, str]:
    rows = Contact.objects.filter(pk__in=ids).values_list("pk", "name", "external_id")
    return {pk: listed([name, external_id or ""]) for pk, name, external_id in rows}


def _of_orders(ids: Sequence[int]) -> dict[int, str]:
    rows = Order.objects.filter(pk__in=ids).values_list("pk", "order_id", "amount_fen")
    return {pk: listed([order_id, money.text(amount) or ""]) for pk, order_id, amount in rows}


def _of_events(ids: Sequence[int]) -> dict[int, str]:
    rows = Event.objects.filter(pk__in=ids).values_list("pk", "kind", "key")
    return {pk: listed([kinds.label_of(kind), key]) for pk, kind, key in rows}


def _of_costs(ids: Sequence[int]) -> dict[int, str]:
    rows = Cost.objects.filter(pk__in=ids).select_related("channel")
    return {
        row.pk: listed(
            [f"{row.date}", str(row.channel or ""), row.get_kind_display(),
             money.text(row.amount_fen) or ""]
        )
        for row in rows
    }  # fmt: skip


def _of_products(ids: Sequence[int]) -> dict[int, str]:
    rows = Product.objects.filter(pk__in=ids).values_list("pk", "sku", "name")
    return {pk: listed([sku, name]) for pk, sku, name in rows}


_WORDS: Final[Mapping[str, Callable[[Sequence[int]], dict[int, str]]]] = {
    Import.Kind.CONTACTS: _of_contacts,
    Import.Kind.ORDERS: _of_orders,
    Import.Kind.EVENTS: _of_events,
    Import.Kind.COSTS: _of_costs,
    Import.Kind.PRODUCTS: _of_products,
}
