"""Which column of a file is which field? Chinese and English headers, and names mapped by hand."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from contacts.imports.errors import FileFault

# kind → field → the headers that mean it (FIGURES R37, R47). The first of `REQUIRED` is the key.
HEADERS: dict[str, dict[str, tuple[str, ...]]] = {
    "contacts": {
        "external_id": ("客户编号",),
        "name": ("姓名",),
        "phone": ("手机号",),
        "email": ("邮箱", "e_mail"),
        "gender": ("性别",),
        "birthday": ("生日",),
        "channel": ("渠道",),
        "acquired_at": ("添加时间",),
        "owner": ("所属员工",),
        "tags": ("标签",),
        "referrer": ("推荐人",),
    },
    "orders": {
        "order_id": ("订单号",),
        "contact": ("客户编号", "external_id"),
        "paid_at": ("付款时间",),
        "amount": ("金额",),
        "cost": ("成本",),
        "currency": ("币种",),
        "status": ("状态",),
        "refunded": ("退款金额",),
        "items": ("商品",),
    },
    "events": {
        "event_id": ("事件编号",),
        "contact": ("客户编号", "external_id"),
        "kind": ("事件",),
        "at": ("时间",),
        "properties": ("属性",),
    },
    "costs": {
        "date": ("日期",),
        "channel": ("渠道",),
        "kind": ("类型",),
        "amount": ("金额",),
        "cost_id": ("费用编号",),
    },
    "products": {
        "sku": (),
        "name": ("名称",),
        "role": ("角色",),
        "price": ("售价",),
        "cost": ("成本",),
    },
}
REQUIRED: dict[str, tuple[str, ...]] = {
    "contacts": ("external_id",),
    "orders": ("order_id", "contact", "paid_at", "amount"),
    "events": ("event_id", "contact", "kind", "at"),
    "costs": ("date", "channel", "kind", "amount"),
    "products": ("sku", "name"),
}
# What a column can be mapped to beside a field: it is left out, or (of a contact) it is a custom
# field, by its own title or as `custom.<key>`.
LEFT_OUT, CUSTOM = "", "custom"
# Whatever the order given: products before orders with blank cost, contacts before what names them.
ORDER = ("products", "contacts", "orders", "events", "costs")

# "客户订单.csv" holds orders, so the customer comes last.
_NAMES = (
    ("orders", re.compile("order|订单")),
    ("events", re.compile("event|事件|行为")),
    ("costs", re.compile("cost|费用|成本|花费")),
    ("products", re.compile("product|产品|商品")),
    ("contacts", re.compile("contact|customer|客户|联系人")),
)


@dataclass(frozen=True)
class Layout:
    """Where the fields of a kind lie in the rows of a file."""

    kind: str
    header: tuple[str, ...]
    places: dict[str, int]  # field → cell
    custom: tuple[tuple[str, int], ...]  # a contact's further columns: title → cell

    @property
    def width(self) -> int:
        return len(self.header)

    def title(self, field: str) -> str:
        """The field as the file calls it."""
        return self.header[self.places[field]] if field in self.places else field


def plain(title: str) -> str:
    """A header as it is compared: `External ID` is external_id."""
    text = unicodedata.normalize("NFKC", title).strip().casefold()
    return re.sub(r"[\s\-]+", "_", text)


def field_of(kind: str, title: str, mapping: Mapping[str, str]) -> str | None:
    """The field that a header means; names mapped by hand come first. None: a custom field."""
    name = plain(title)
    for mapped, field in mapping.items():
        if plain(mapped) == name and mappable(kind, field):
            return None if field == CUSTOM else field
    for field, others in HEADERS[kind].items():
        if name == field or name in others:
            return field
    return None


def mappable(kind: str, field: str) -> bool:
    """May a column be mapped to this?"""
    of_contact = kind == "contacts" and (field == CUSTOM or field.startswith(f"{CUSTOM}."))
    return field in HEADERS[kind] or field == LEFT_OUT or of_contact


def lay_out(kind: str, header: Sequence[str], mapping: Mapping[str, str]) -> Layout:
    """Find the fields of a kind in a header; raises FileFault when it cannot be."""
    places: dict[str, int] = {}
    custom: dict[str, int] = {}
    doubled: list[str] = []
    for place, title in enumerate(header):
        field = field_of(kind, title, mapping)
        if field == LEFT_OUT:
            continue
        if field and field in HEADERS[kind]:
            target, name = places, field
        else:
            target, name = custom, (field or title).strip().removeprefix(f"{CUSTOM}.")
        if name in target:
            doubled.append(title.strip())
        elif name:
            target[name] = place
    missing = [field for field in REQUIRED[kind] if field not in places]
    if missing:
        raise FileFault("missing_column", missing)
    if doubled:
        raise FileFault("doubled_column", doubled)
    further = tuple(custom.items()) if kind == "contacts" else ()
    return Layout(kind, tuple(header), places, further)


def kind_by_name(filename: str) -> str | None:
    """The kind that a file's name tells, such as `contacts.csv` or `客户.xlsx`."""
    name = plain(filename)
    return next((kind for kind, pattern in _NAMES if pattern.search(name)), None)


def kind_by_header(header: Sequence[str], mapping: Mapping[str, str]) -> str | None:
    """The kind whose columns the header holds; the one that explains the most of it."""

    def explained(kind: str) -> tuple[int, int]:
        fields = {field_of(kind, title, mapping) for title in header} - {None, LEFT_OUT}
        complete = fields.issuperset(REQUIRED[kind])
        return (len(REQUIRED[kind]) if complete else 0, len(fields) if complete else 0)

    best = max(ORDER, key=explained)
    return best if explained(best) > (0, 0) else None
