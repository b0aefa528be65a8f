"""Costs of channels and products of the tenant, upserted set by set (FIGURES R11, R38, R39)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from contacts.models import Channel, Cost, Product
from contacts.upserts import Outcome, Status, in_rounds


@dataclass(frozen=True, slots=True)
class CostRow:
    """A cost as brought; the key is `cost_id` if there is one, else (date, channel, kind)."""

    date: date
    channel: str  # a name; "" is no channel
    kind: str
    amount_fen: int
    cost_id: str | None = None

    @property
    def key(self) -> object:
        return self.cost_id or (self.date, self.channel, self.kind)


@dataclass(frozen=True, slots=True)
class ProductRow:
    """A product as brought. None keeps what is stored."""

    sku: str
    name: str
    role: str | None = None
    price_fen: int | None = None
    cost_fen: int | None = None


def channels_named(names: Iterable[str]) -> dict[str, int]:
    """Channel ids by name (validation.channel cleaned them); unknown ones are made (R11)."""
    wanted = sorted({name for name in names if name})
    found = dict(Channel.objects.filter(name__in=wanted).values_list("name", "id"))
    missing = [name for name in wanted if name not in found]
    if missing:
        Channel.objects.bulk_create([Channel(name=name) for name in missing], ignore_conflicts=True)
        found |= dict(Channel.objects.filter(name__in=missing).values_list("name", "id"))
    return found


def upsert(rows: Sequence[CostRow]) -> list[Outcome]:
    """Bring costs in; the same again is unchanged, another amount is an update."""
    outcomes: list[Outcome | None] = [None] * len(rows)
    channels = channels_named(row.channel for row in rows)
    for batch in in_rounds(rows, key=lambda row: row.key):
        _round(batch, channels, outcomes)
    return [each for each in outcomes if each is not None]


def _round(
    batch: Sequence[tuple[int, CostRow]], channels: dict[str, int], outcomes: list[Outcome | None]
) -> None:
    by_id, by_day = _stored([row for _place, row in batch])
    new: list[tuple[int, Cost]] = []
    changed: list[Cost] = []
    for place, row in batch:
        channel_id = channels.get(row.channel)
        day = (row.date, channel_id, row.kind)
        cost = by_id.get(row.cost_id) if row.cost_id else by_day.get(day)
        if cost is None:
            cost = Cost(
                cost_id=row.cost_id, date=row.date, channel_id=channel_id, kind=row.kind,
                amount_fen=row.amount_fen,
            )  # fmt: skip
            new.append((place, cost))
            continue
        if (*day, row.amount_fen) == (cost.date, cost.channel_id, cost.kind, cost.amount_fen):
            outcomes[place] = Outcome(Status.UNCHANGED, cost.pk)
            continue
        cost.date, cost.channel_id, cost.kind, cost.amount_fen = (*day, row.amount_fen)
        changed.append(cost)
        outcomes[place] = Outcome(Status.UPDATED, cost.pk)
    Cost.objects.bulk_update(changed, ["date", "channel_id", "kind", "amount_fen"])
    Cost.objects.bulk_create([cost for _place, cost in new])
    for place, cost in new:
        outcomes[place] = Outcome(Status.CREATED, cost.pk)


def _stored(
    rows: Sequence[CostRow],
) -> tuple[dict[str | None, Cost], dict[tuple[date, int | None, str], Cost]]:
    """Locked, so that two requests with one key come one after the other."""
    costs = Cost.objects.select_for_update().order_by("id")
    named = [row.cost_id for row in rows if row.cost_id]
    days = {row.date for row in rows if not row.cost_id}
    by_id = {cost.cost_id: cost for cost in costs.filter(cost_id__in=named)} if named else {}
    by_day = (
        {
            (cost.date, cost.channel_id, cost.kind): cost
            for cost in costs.filter(cost_id=None, date__in=days)
        }
        if days
        else {}
    )
    return by_id, by_day


def upsert_products(rows: Sequence[ProductRow]) -> list[Outcome]:
    """Bring products in, by sku."""
    outcomes: list[Outcome | None] = [None] * len(rows)
    for batch in in_rounds(rows, key=lambda row: row.sku):
        stored = {
            product.sku: product
            for product in Product.objects.select_for_update()
            .filter(sku__in=[row.sku for _place, row in batch])
            .order_by("sku")
        }
        _products(batch, stored, outcomes)
    return [each for each in outcomes if each is not None]


_KEPT = ("role", "price_fen", "cost_fen")


def _products(
    batch: Sequence[tuple[int, ProductRow]],
    stored: dict[str, Product],
    outcomes: list[Outcome | None],
) -> None:
    new: list[tuple[int, Product]] = []
    changed: list[Product] = []
    for place, row in batch:
        given = {name: getattr(row, name) for name in _KEPT if getattr(row, name) is not None}
        given["name"] = row.name
        product = stored.get(row.sku)
        if product is None:
            new.append((place, Product(sku=row.sku, **given)))
            continue
        different = {
            name: value for name, value in given.items() if getattr(product, name) != value
        }
        for name, value in different.items():
            setattr(product, name, value)
        if different:
            changed.append(product)
        outcomes[place] = Outcome(Status.UPDATED if different else Status.UNCHANGED, product.pk)
    Product.objects.bulk_update(changed, ["name", *_KEPT])
    Product.objects.bulk_create([product for _place, product in new])
    for place, product in new:
        outcomes[place] = Outcome(Status.CREATED, product.pk)
