"""What may a segment's rule ask of how a contact stands: life cycle, ownership of the traffic?

The definitions are those of standing.py (DOMAIN.md §3, FIGURES R14, R15, R34), as sets.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.utils.translation import gettext_lazy

from analytics import facts
from analytics.standing import Lifecycle, Ownership
from contacts.kinds import INBOUND
from contacts.models import ContactSettings
from contacts.segments import leaves, pieces
from contacts.segments.leaves import Field, Shape, Tests
from contacts.segments.pieces import Ids, Moment, Piece

_LIFECYCLES = {
    Lifecycle.PROSPECT: gettext_lazy("prospect (no order)"),
    Lifecycle.NEW: gettext_lazy("new customer (one order)"),
    Lifecycle.REPEAT: gettext_lazy("repeat customer"),
    Lifecycle.LAPSED: gettext_lazy("lapsed customer"),
}
OWNERSHIPS = {
    Ownership.ACQUIRED: gettext_lazy("L1 acquired"),
    Ownership.INTERACTING: gettext_lazy("L2 interacting"),
    Ownership.OWNED: gettext_lazy("L3 owned"),
}
_ORDERS = "contacts_order"


def register() -> None:
    leaves.add(
        Field(
            "lifecycle",
            gettext_lazy("life cycle"),
            Shape.CHOICE,
            _lifecycle,
            choices=lambda: [(each.value, str(label)) for each, label in _LIFECYCLES.items()],
            hears=("order.",),
            moved=_lapsing,
            basis=_gap,
            tests=("is", "in"),
        )
    )
    leaves.add(
        Field(
            "ownership",
            gettext_lazy("ownership level"),
            Shape.CHOICE,
            _ownership,
            choices=lambda: [(each.value, str(label)) for each, label in OWNERSHIPS.items()],
            hears=(*INBOUND, "order."),
            moved=_cooling,
            basis=_days,
            tests=("is", "in", "known"),
        )
    )


def _wanted(tests: Tests) -> list[str]:
    value = tests.get("in", tests.get("is"))
    return list(value) if isinstance(value, tuple) else [value]


# --- life cycle ---


def _gap() -> str:
    """From a few orders on the gap moves a little with each: only its day counts anew."""
    gap = facts.median_gap()
    return "" if gap is None else f"gap:{round(gap / timedelta(days=1))}"


def _lapse(now: datetime) -> datetime | None:
    gap = facts.median_gap()
    return None if gap is None else now - 2 * gap


def _lifecycle(tests: Tests, moment: Moment, path: str) -> Piece:
    """Each is a set of customers, except prospects: everybody but the customers."""
    wanted = set(_wanted(tests))
    customers = wanted - {Lifecycle.PROSPECT.value}
    every = {each.value for each in Lifecycle} - {Lifecycle.PROSPECT.value}
    if Lifecycle.PROSPECT.value in wanted:
        return ~_customers(sorted(every - customers), moment)
    return _customers(sorted(customers), moment)


def _customers(states: Sequence[str], moment: Moment) -> Ids:
    lapse = _lapse(moment.now)
    fresh = "true" if lapse is None else "max(t.paid_at) > %s"
    bound = [] if lapse is None else [lapse]
    parts, given = [], list[object]()
    for state in states:
        if state == Lifecycle.LAPSED:
            parts.append(f"NOT ({fresh})")
        else:
            sign = "= 1" if state == Lifecycle.NEW else "> 1"
            parts.append(f"({fresh} AND count(*) {sign})")
        given += bound
    having = " OR ".join(parts) or "false"
    where = "t.paid AND t.paid_at < %s"
    return pieces.rows(
        _ORDERS, where, (moment.now,), moment, having=f"({having})", having_values=given
    )


def _lapsing(tests: Tests, before: datetime, moment: Moment) -> Sequence[Ids]:
    """Whose last order may have come to lie two gaps back, or was dated ahead of then."""
    bounds = [(before, moment.now)]
    then, now = _lapse(before), _lapse(moment.now)
    if then is not None and now is not None:
        bounds.append((then - timedelta(days=1), now + timedelta(days=1)))
    return [_paid_between(*each, moment) for each in bounds]


def _paid_between(since: datetime, until: datetime, moment: Moment) -> Ids:
    where = "t.paid AND t.paid_at >= %s AND t.paid_at <= %s"
    return pieces.rows(_ORDERS, where, (since, until), moment)


# --- ownership ---


def _days() -> str:
    rule = ContactSettings.of_tenant()
    return f"levels:{rule.interacting_days}:{rule.owned_days}"


def _reachable(moment: Moment) -> Ids:
    where = "t.opened_at < %s AND (t.ended_at IS NULL OR t.ended_at > %s)"
    return pieces.rows("contacts_reachspell", where, (moment.now, moment.now), moment)


def _active(moment: Moment) -> Ids:
    where = "t.kind = ANY(%s::text[]) AND t.at >= %s AND t.at < %s"
    since = moment.now - ContactSettings.of_tenant().interacting
    return pieces.rows("contacts_event", where, (sorted(INBOUND), since, moment.now), moment)


def _bought(moment: Moment) -> Ids:
    where = "t.paid AND t.paid_at >= %s AND t.paid_at < %s"
    since = moment.now - ContactSettings.of_tenant().owned
    return pieces.rows(_ORDERS, where, (since, moment.now), moment)


def _ownership(tests: Tests, moment: Moment, path: str) -> Piece:
    """L1: reachable, not active. L2: reachable and active, did not buy. L3: all three."""
    levels = {each.value for each in Ownership} if "known" in tests else set(_wanted(tests))
    reachable, active, bought = _reachable(moment), _active(moment), _bought(moment)
    found = {
        Ownership.ACQUIRED.value: _less(reachable, active),
        Ownership.INTERACTING.value: _less(_both(reachable, active), bought),
        Ownership.OWNED.value: _both(_both(reachable, active), bought),
    }
    if levels == set(found):
        return reachable
    if levels == {Ownership.INTERACTING.value, Ownership.OWNED.value}:
        return _both(reachable, active)
    return _union([found[level] for level in sorted(levels)])


def _less(some: Ids, others: Ids) -> Ids:
    sql = f"({some.sql}) EXCEPT ({others.sql})"
    return Ids(sql, some.values + others.values, distinct=True)


def _both(some: Ids, others: Ids) -> Ids:
    sql = f"({some.sql}) INTERSECT ({others.sql})"
    return Ids(sql, some.values + others.values, distinct=True)


def _union(parts: Sequence[Ids]) -> Ids:
    if len(parts) == 1:
        return parts[0]
    sql = " UNION ".join(f"({part.sql})" for part in parts)
    return Ids(sql, tuple(value for part in parts for value in part.values), distinct=True)


def _cooling(tests: Tests, before: datetime, moment: Moment) -> Sequence[Ids]:
    """Whose last word or order came to lie too far back; who was dated ahead of then."""
    kinds = sorted(INBOUND)
    spoken = "t.kind = ANY(%s::text[]) AND t.at >= %s AND t.at <= %s"
    rule = ContactSettings.of_tenant()
    past = (before - rule.interacting, moment.now - rule.interacting)
    spells = "(t.opened_at >= %s AND t.opened_at <= %s) OR (t.ended_at >= %s AND t.ended_at <= %s)"
    ahead = (before, moment.now)
    return [
        pieces.rows("contacts_event", spoken, (kinds, *past), moment),
        pieces.rows("contacts_event", spoken, (kinds, *ahead), moment),
        pieces.rows("contacts_reachspell", f"({spells})", (*ahead, *ahead), moment),
        _paid_between(before - rule.owned, moment.now - rule.owned, moment),
        _paid_between(*ahead, moment),
    ]
