"""How does a file of costs become costs? Cells here; the writing is in contacts.costs."""

from __future__ import annotations

from collections.abc import Sequence

from contacts import costs, validation
from contacts.imports.errors import refusal
from contacts.imports.rows import FieldInvalid, Form, Row, Values, overwrite
from contacts.imports.writing import Outcome, Setting, Unprepared
from contacts.models import Cost

_KINDS = {
    "广告": "ad", "投放": "ad", "诱饵": "bait", "赠品": "bait", "人力": "staff", "员工": "staff",
    "代理": "agency", "服务商": "agency", "优惠券": "coupon", "其他": "other", "其它": "other",
}  # fmt: skip


def _kind(cell: str) -> str:
    return validation.choice(_KINDS.get(cell.strip(), cell), Cost.Kind.values, code="kind")


def _key(values: Values) -> str:
    """FIGURES R38: the cost's own id, or day, channel and kind."""
    day, channel, kind, _amount, cost_id = values
    return f"id {cost_id}" if cost_id else f"of {day} {kind} {channel or ''}"


def _whole(values: Values) -> None:
    # A cost without an id is known by these; with an id, blank cells keep what is stored.
    if values[4] is None:
        _complete(values)


def _complete(values: Values) -> None:
    for place, name in ((0, "date"), (2, "kind"), (3, "amount")):
        if values[place] is None:
            raise FieldInvalid(name, refusal("blank"))


class Costs(Unprepared):
    """Writer of costs."""

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self.form = Form(
            checks={
                "date": lambda cell: validation.past_day(cell, setting.now),
                "channel": validation.channel,
                "kind": _kind,
                "amount": validation.amount,
                "cost_id": validation.identifier,
            },
            required=(),
            key=_key,
            key_field=None,
            whole=_whole,
            join=overwrite,
        )

    def write(self, rows: Sequence[Row], *, last: bool) -> list[Outcome]:
        stored = _stored([row for row in rows if row.values[4] and None in row.values[:4]])
        outcomes: dict[str, Outcome] = {}
        good: list[costs.CostRow] = []
        for row in rows:
            values = [
                kept if value is None else value
                for value, kept in zip(row.values, stored.get(row.key, [None] * 5), strict=True)
            ]
            try:
                _complete(values)
            except FieldInvalid as bad:
                outcomes[row.key] = bad
            else:
                day, channel, kind, amount, cost_id = values
                good.append(costs.CostRow(day, channel or "", kind, amount, cost_id))
        written = [row for row in rows if row.key not in outcomes]
        for row, result in zip(written, costs.upsert(good), strict=True):
            outcomes[row.key] = self._setting.outcome_of(result)
        return [outcomes[row.key] for row in rows]


def _stored(rows: Sequence[Row]) -> dict[str, Values]:
    """What is stored of the costs whose row leaves cells blank."""
    if not rows:
        return {}
    found = Cost.objects.filter(cost_id__in=[row.values[4] for row in rows])
    fields = ("date", "channel__name", "kind", "amount_fen", "cost_id")
    return {f"id {values[4]}": list(values) for values in found.values_list(*fields)}
