"""What hangs on a row that an import created, so that undoing must leave it?

Its own doing does not count: the events that the import told, and what followed from them by
itself (segments, SOPs that nobody was written to by, tags by rule).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Final

from django.db.models import F, Q, QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from contacts import people
from contacts.arrays import Among
from contacts.kinds import FOLLOW_OPENED
from contacts.models import (
    Consent,
    Contact,
    Event,
    GroupMember,
    Identity,
    Import,
    Merge,
    Order,
    OrderItem,
    Product,
)

Held = Mapping[int, object]
Rule = Callable[[Sequence[int], datetime, Callable[[int], bool]], Held]

ORDERED: Final = _("has orders")
CHANGED: Final = _("was changed since")
HAPPENED: Final = _("something happened since")
KNOWN: Final = _("is known by an account")
GROUPED: Final = _("was in a group")
AGREED: Final = _("agreed to something, or withdrew")
MERGED: Final = _("was merged with another")
REFERRED: Final = _("referred others")
SOLD: Final = _("is named by orders")

# What an import tells of a contact that it created.
_TOLD = Q(source=people.SOURCE, kind__in=[people.CREATED, FOLLOW_OPENED])
_BY_ITSELF = (
    Q(kind__startswith="segment.")
    | Q(kind__startswith="sop.")
    | Q(kind__in=["touch.skipped", "touch.failed", "identity.shared"])
    | (Q(kind__startswith="tag.") & ~Q(properties__by__in=["user", "api"]))
)


def _contacts(ids: Sequence[int], by: datetime, own: Callable[[int], bool]) -> Held:
    kept: dict[int, Promise | str] = {}
    these = Among(F("contact_id"), ids)

    def keep(rows: QuerySet, column: str, why: Promise | str) -> None:
        for pk in rows.values_list(column, flat=True).distinct():
            kept.setdefault(pk, why)

    keep(Order.objects.filter(these), "contact_id", ORDERED)
    keep(Merge.objects.filter(Among(F("survivor_id"), ids)), "survivor_id", MERGED)
    keep(Identity.objects.filter(these), "contact_id", KNOWN)
    keep(GroupMember.objects.filter(these), "contact_id", GROUPED)
    keep(Consent.objects.filter(these), "contact_id", AGREED)
    events = Event.objects.filter(these).exclude(_TOLD & Q(received_at__lte=by))
    keep(events.filter(kind=people.CHANGED), "contact_id", CHANGED)
    keep(events.exclude(_BY_ITSELF), "contact_id", HAPPENED)
    referred = Contact.objects.filter(Among(F("referrer_id"), ids)).values_list("id", "referrer_id")
    for pk, referrer_id in referred:
        if not own(pk):
            kept.setdefault(referrer_id, REFERRED)
    return kept


def _orders(ids: Sequence[int], by: datetime, _own: Callable[[int], bool]) -> Held:
    changed = Order.objects.filter(Among(F("id"), ids), updated_at__gt=by)
    return dict.fromkeys(changed.values_list("pk", flat=True), CHANGED)


def _products(ids: Sequence[int], _by: datetime, _own: Callable[[int], bool]) -> Held:
    skus = dict(Product.objects.filter(Among(F("id"), ids)).values_list("sku", "pk"))
    sold = OrderItem.objects.filter(sku__in=skus).values_list("sku", flat=True).distinct()
    return {skus[sku]: SOLD for sku in sold}


def _nothing(_ids: Sequence[int], _by: datetime, _own: Callable[[int], bool]) -> Held:
    return {}


RULES: Final[Mapping[str, Rule]] = {
    Import.Kind.CONTACTS: _contacts,
    Import.Kind.ORDERS: _orders,
    Import.Kind.EVENTS: _nothing,
    Import.Kind.COSTS: _nothing,
    Import.Kind.PRODUCTS: _products,
}
