"""Orders from outside: upserted by `order_id`, set by set, and told on the timeline.

`upsert` serves the API (1,000 rows) and files (any number, in calls of a few thousand rows): the
number of statements does not depend on the number of rows. Rows are checked already by
validation.py; here is what only the stored order and products can tell (FIGURES R3, R4, R39, R42).
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from django.db import connection
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from contacts import kinds, timeline, webhook_events
from contacts.models import Order, OrderItem, Product
from contacts.timeline import NewEvent
from contacts.upserts import Outcome, Status, in_rounds, refused
from contacts.validation import Invalid, Item
from tenants import money
from tenants.scope import current_tenant_id

SOURCE: Final = "orders"
PAID: Final = "order.paid"  # an order is paid for the first time; `at` is its paid_at
REFUNDED: Final = "order.refunded"  # the refund of an order grew
CANCELLED: Final = "order.cancelled"
CHANGED: Final = "order.changed"  # anything else of it that figures read

kinds.declare(PAID, _("Paid order {order_id}: {amount}"), "shopping_bag")
kinds.declare(REFUNDED, _("Order {order_id} was refunded: {refund}"), "currency_exchange")
kinds.declare(CANCELLED, _("Order {order_id} was cancelled"), "remove_shopping_cart")
kinds.declare(CHANGED, _("Order {order_id} was corrected"), "edit_note")


@dataclass(frozen=True, slots=True)
class Row:
    """An order as brought. None keeps what is stored; a new order then has the default."""

    order_id: str
    contact_id: int
    amount_fen: int
    paid_at: datetime | None = None
    cost_fen: int | None = None
    status: str | None = None
    refunded_fen: int | None = None
    items: tuple[Item, ...] | None = None

    @property
    def refund_fen(self) -> int:
        """FIGURES R3, as the database computes it."""
        if self.refunded_fen is not None:
            return self.refunded_fen
        return self.amount_fen if self.status == Order.Status.REFUNDED else 0

    @property
    def paid(self) -> bool:
        whole = 0 < self.refund_fen >= self.amount_fen
        return self.status != Order.Status.CANCELLED and self.paid_at is not None and not whole


@dataclass(frozen=True, slots=True)
class _Change:
    place: int
    before: Row | None
    after: Row
    items_changed: bool


def upsert(rows: Sequence[Row]) -> list[Outcome]:
    """Bring orders in. Of rows with one id the later wins, each counted by itself."""
    outcomes: list[Outcome | None] = [None] * len(rows)
    for batch in in_rounds(rows, key=lambda row: row.order_id):
        _round(batch, outcomes)
    return [each for each in outcomes if each is not None]


def check(row: Row) -> None:
    """Raise Invalid for what no single value can tell (R37, R42)."""
    if row.status in {None, Order.Status.PAID, Order.Status.REFUNDED} and row.paid_at is None:
        raise Invalid("paid_at", _("A paid or refunded order needs the time of payment."))
    if row.refunded_fen is not None and row.refunded_fen > row.amount_fen:
        raise Invalid("refund", _("The refund is larger than the amount."))


def _round(batch: Sequence[tuple[int, Row]], outcomes: list[Outcome | None]) -> None:
    stored, ids = _stored([row.order_id for _place, row in batch])
    costs = _product_costs(row for _place, row in batch if row.order_id not in stored)
    changes = []
    for place, row in batch:
        before = stored.get(row.order_id)
        after = _merged(before, row, costs)
        try:
            check(after)
        except Invalid as error:
            field = "refunded" if error.code == "refund" else "paid_at"
            outcomes[place] = refused(error, field)
            continue
        if after == before:
            outcomes[place] = Outcome(Status.UNCHANGED, ids[row.order_id])
        else:
            changed = after.items is not None and (before is None or after.items != before.items)
            changes.append(_Change(place, before, after, changed))
    written = _write([change.after for change in changes])
    _write_items(changes, written)
    for change in changes:
        status = Status.CREATED if change.before is None else Status.UPDATED
        outcomes[change.place] = Outcome(status, written[change.after.order_id])
    told = [
        (written[change.after.order_id], event) for change in changes for event in _told(change)
    ]
    timeline.record(event for _pk, event in told)
    webhook_events.orders(told)


def _stored(order_ids: Sequence[str]) -> tuple[dict[str, Row], dict[str, int]]:
    """The orders that are there, locked in the order of ids: two upserts never deadlock."""
    found = {
        order.pk: order
        for order in Order.objects.select_for_update()
        .filter(order_id__in=order_ids)
        .order_by("order_id")
    }
    items: dict[int, list[Item]] = {}
    for line in OrderItem.objects.filter(order_id__in=found).order_by("order_id", "line"):
        items.setdefault(line.order_id, []).append(Item(line.sku, line.quantity, line.price_fen))
    rows = {
        order.order_id: Row(
            order.order_id,
            order.contact_id,
            order.amount_fen,
            order.paid_at,
            order.cost_fen,
            order.status,
            order.refunded_fen,
            tuple(items[pk]) if pk in items else None,
        )
        for pk, order in found.items()
    }
    return rows, {order.order_id: pk for pk, order in found.items()}


def _merged(before: Row | None, row: Row, costs: Mapping[str, int | None]) -> Row:
    if before is None:
        cost = _cost_of(row.items or (), costs) if row.cost_fen is None else row.cost_fen
        return replace(
            row, cost_fen=cost, status=row.status or Order.Status.PAID, items=row.items or None
        )
    kept = {
        name: getattr(before, name)
        for name in ("paid_at", "cost_fen", "status", "refunded_fen")
        if getattr(row, name) is None
    }
    return replace(row, **kept, items=row.items or before.items)


def _product_costs(rows: Iterable[Row]) -> dict[str, int | None]:
    wanted = {item.sku for row in rows if row.cost_fen is None for item in row.items or ()}
    if not wanted:
        return {}
    return dict(Product.objects.filter(sku__in=wanted).values_list("sku", "cost_fen"))


def _cost_of(items: Iterable[Item], costs: Mapping[str, int | None]) -> int:
    """R4: the products' cost when every one is known, else 0."""
    total = 0
    for item in items:
        cost = costs.get(item.sku)
        if cost is None:
            return 0
        total += item.quantity * cost
    return total


_WRITE = """
INSERT INTO contacts_order AS o (tenant_id, order_id, contact_id, paid_at, amount_fen, cost_fen,
  status, refunded_fen, created_at, updated_at)
SELECT %s, r.order_id, r.contact_id, r.paid_at, r.amount, r.cost, r.status, r.refunded, now(), now()
FROM unnest(%s::text[], %s::bigint[], %s::timestamptz[], %s::bigint[], %s::bigint[], %s::text[],
  %s::bigint[]) AS r(order_id, contact_id, paid_at, amount, cost, status, refunded)
ORDER BY r.order_id
ON CONFLICT (tenant_id, order_id) DO UPDATE SET
  contact_id = EXCLUDED.contact_id, paid_at = EXCLUDED.paid_at, amount_fen = EXCLUDED.amount_fen,
  cost_fen = EXCLUDED.cost_fen, status = EXCLUDED.status, refunded_fen = EXCLUDED.refunded_fen,
  updated_at = now()
RETURNING o.order_id, o.id
"""


def _write(rows: Sequence[Row]) -> dict[str, int]:
    if not rows:
        return {}
    columns = [
        [getattr(row, name) for row in rows]
        for name in (
            "order_id", "contact_id", "paid_at", "amount_fen", "cost_fen", "status", "refunded_fen"
        )
    ]  # fmt: skip
    columns[5] = [str(status) for status in columns[5]]
    with connection.cursor() as cursor:
        cursor.execute(_WRITE, [current_tenant_id(), *columns])
        return {str(order_id): int(pk) for order_id, pk in cursor.fetchall()}


def _write_items(changes: Iterable[_Change], written: Mapping[str, int]) -> None:
    changed = [change for change in changes if change.items_changed]
    known = [written[change.after.order_id] for change in changed if change.before is not None]
    if known:
        OrderItem.objects.filter(order_id__in=known).delete()
    OrderItem.objects.bulk_create(
        OrderItem(
            order_id=written[change.after.order_id],
            line=line,
            sku=item.sku,
            quantity=item.quantity,
            price_fen=item.price_fen,
        )
        for change in changed
        for line, item in enumerate(change.after.items or (), start=1)
    )


def _told(change: _Change) -> Iterator[NewEvent]:
    """What the timeline says of a change."""
    before, after = change.before, change.after
    now = timezone.now()
    told: dict[str, object] = {"order_id": after.order_id, "amount": money.text(after.amount_fen)}
    unique = f"{after.order_id}:{uuid.uuid4().hex}"

    def event(kind: str, at: datetime, key: str, contact_id: int = after.contact_id) -> NewEvent:
        return NewEvent(contact_id, kind, at, SOURCE, key, told)

    refund = after.refund_fen
    if refund:
        told["refund"] = money.text(refund)
    if after.paid and not (before and before.paid) and after.paid_at is not None:
        yield event(PAID, after.paid_at, f"{after.order_id}:paid")
    if refund > (before.refund_fen if before else 0):
        yield event(REFUNDED, now, f"{after.order_id}:refund:{refund}")
    elif before and after.status == Order.Status.CANCELLED != before.status:
        yield event(CANCELLED, now, f"{unique}:cancelled")
    elif before:
        yield event(CHANGED, now, f"{unique}:changed")
    if before and before.contact_id != after.contact_id:
        yield event(CHANGED, now, f"{unique}:moved", before.contact_id)
