"""How does a file of orders become orders? Cells here; rules and writing in contacts.orders."""

from __future__ import annotations

from collections.abc import Sequence

from contacts import orders, validation
from contacts.imports.errors import refusal
from contacts.imports.rows import FieldInvalid, Form, Row, nothing_more, overwrite
from contacts.imports.writing import Outcome, Setting, Unprepared, contacts_named
from contacts.models import Order

_STATUS = {
    "paid": "paid", "已付款": "paid", "已支付": "paid",
    "refunded": "refunded", "已退款": "refunded",
    "cancelled": "cancelled", "canceled": "cancelled", "已取消": "cancelled",
}  # fmt: skip


def _status(cell: str) -> str:
    word = _STATUS.get(cell.strip().lower(), cell)
    return validation.choice(word, Order.Status.values, code="status")


class Orders(Unprepared):
    """Writer of orders."""

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self.form = Form(
            checks={
                "order_id": validation.identifier,
                "contact": validation.identifier,
                "paid_at": lambda cell: validation.moment(cell, setting.zone, setting.now),
                "amount": validation.amount,
                "cost": validation.amount,
                "currency": lambda cell: validation.currency(cell, setting.currency),
                "status": _status,
                "refunded": validation.amount,
                "items": lambda cell: tuple(validation.items(cell)),
            },
            required=("order_id",),
            key=lambda values: str(values[0]),
            key_field="order_id",
            whole=nothing_more,
            join=overwrite,
        )

    def write(self, rows: Sequence[Row], *, last: bool) -> list[Outcome]:
        contacts = contacts_named(row.values[1] for row in rows)
        stored = _stored([row for row in rows if row.values[1] is None or row.values[3] is None])
        outcomes: dict[str, Outcome] = {}
        good: list[orders.Row] = []
        for row in rows:
            try:
                good.append(_order(row, contacts, stored))
            except FieldInvalid as bad:
                outcomes[row.key] = bad
        for order, result in zip(good, orders.upsert(good), strict=True):
            outcomes[order.order_id] = self._setting.outcome_of(result)
        return [outcomes[row.key] for row in rows]


def _stored(rows: Sequence[Row]) -> dict[str, tuple[int, int]]:
    """Contact and amount of the orders whose row leaves one of them blank."""
    if not rows:
        return {}
    found = Order.objects.filter(order_id__in=[row.key for row in rows])
    values = found.values_list("order_id", "contact_id", "amount_fen")
    return {order_id: (contact_id, amount) for order_id, contact_id, amount in values}


def _order(row: Row, contacts: dict[str, int], stored: dict[str, tuple[int, int]]) -> orders.Row:
    order_id, contact, paid_at, amount, cost, _currency, status, refunded, items = row.values
    if contact is not None and contact not in contacts:
        raise FieldInvalid("contact", refusal("unknown_contact"))
    before = stored.get(row.key)
    if before is not None:
        contact_id = contacts.get(contact, before[0])
        amount = before[1] if amount is None else amount
    elif contact is None or amount is None:
        raise FieldInvalid("contact" if contact is None else "amount", refusal("blank"))
    else:
        contact_id = contacts[contact]
    return orders.Row(order_id, contact_id, amount, paid_at, cost, status, refunded, items)
