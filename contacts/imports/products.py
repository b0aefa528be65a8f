"""How does a file of products become products? Cells here; the writing is contacts.costs."""

from __future__ import annotations

from collections.abc import Sequence

from contacts import costs, validation
from contacts.imports.errors import refusal
from contacts.imports.rows import FieldInvalid, Form, Row, nothing_more, overwrite
from contacts.imports.writing import Outcome, Setting, Unprepared
from contacts.models import Product

_ROLES = {
    "lead-in": "lead_in", "引流": "lead_in", "引流款": "lead_in",
    "活动": "activity", "活动款": "activity",
    "爆款": "hit", "利润": "profit", "利润款": "profit", "拓展": "extension", "拓展款": "extension",
}  # fmt: skip


def _role(cell: str) -> str:
    word = _ROLES.get(cell.strip().lower(), cell)
    return validation.choice(word, Product.Role.values, code="role")


class Products(Unprepared):
    """Writer of products."""

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self.form = Form(
            checks={
                "sku": validation.identifier,
                "name": validation.name,
                "role": _role,
                "price": validation.amount,
                "cost": validation.amount,
            },
            required=("sku",),
            key=lambda values: str(values[0]),
            key_field="sku",
            whole=nothing_more,
            join=overwrite,
        )

    def write(self, rows: Sequence[Row], *, last: bool) -> list[Outcome]:
        stored = _names([row.key for row in rows if row.values[1] is None])
        good = [row for row in rows if row.values[1] or row.key in stored]
        results = iter(costs.upsert_products([_product(row, stored) for row in good]))
        return [
            self._setting.outcome_of(next(results))
            if row.values[1] or row.key in stored
            else FieldInvalid("name", refusal("blank"))
            for row in rows
        ]


def _product(row: Row, stored: dict[str, str]) -> costs.ProductRow:
    sku, name, role, price, cost = row.values
    return costs.ProductRow(sku, name or stored[sku], role, price, cost)


def _names(skus: Sequence[str]) -> dict[str, str]:
    """The stored names of products whose row leaves the name blank."""
    return dict(Product.objects.filter(sku__in=skus).values_list("sku", "name")) if skus else {}
