"""Which paid orders does a question mean? One reading for all reports of customers and orders."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import connection

from analytics.narrowing import AS_USUAL, BY_HASH
from analytics.periods import Question, filters, midnight
from tenants.scope import current_tenant_id

# R3, R17: of everybody, also of those who are excluded or erased. `{among}` is a condition more.
PAID = """tenant_id = %(tenant)s AND paid
    AND paid_at >= %(from)s AND paid_at < %(until)s{among}"""
REVENUE = "amount_fen - refund_fen"
MARGIN = "amount_fen - refund_fen - cost_fen"
# What a customer's first order of all history brought; {d} has the days, {c} who, and first_us.
FIRST_REVENUE = """CASE WHEN {d}.day_orders[1] = 1 THEN {d}.day_revenues[1] ELSE (
  SELECT o.amount_fen - o.refund_fen FROM contacts_order o
  WHERE o.tenant_id = %(tenant)s AND o.contact_id = {c}.contact_id AND o.paid
    AND o.paid_at = timestamptz 'epoch' + {c}.first_us * interval '1 microsecond'
  ORDER BY o.order_id COLLATE "C" LIMIT 1) END"""


def summed(fen: str) -> str:
    """SQL of a sum of bigints of many small groups, as a bigint. In two halves of 31 bits: for each
    group sum(bigint) allots memory of its own, which takes longer than the adding.
    """
    return f"((sum((({fen}) >> 31)::int) << 31) + sum((({fen}) & 2147483647)::int))"


def given(question: Question) -> dict[str, Any]:
    """The parameters of PAID and of periods.among, and some that readings share."""
    span = question.span
    return filters(question) | {
        "from": midnight(span.start, span.zone),
        "until": min(midnight(span.end, span.zone), question.as_of),
        "start_us": span.start_us,
        "end_us": question.end_us,
        "as_of": question.as_of,
    }


def rows(sql: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        found: list[tuple[Any, ...]] = cursor.fetchall()
    return found


# Of many rows sorting takes longer than hashing, too. Parallel workers are not asked for: they
# spare a seventh while a processor is idle, and cost a third while none is.
_UNSORTED, _SORTED = "SET LOCAL enable_sort = off", "SET LOCAL enable_sort TO DEFAULT"


def of_many(
    sql: str, parameters: Mapping[str, Any], *, sorts: bool = True
) -> list[tuple[Any, ...]]:
    """The same of a statement that joins large intermediate results; not `sorts`: or groups them,
    and nothing in it has to be sorted.
    """
    with connection.cursor() as cursor:
        cursor.execute(BY_HASH if sorts else f"{BY_HASH}; {_UNSORTED}")
        cursor.execute(sql, parameters)
        found: list[tuple[Any, ...]] = cursor.fetchall()
        cursor.execute(f"{AS_USUAL}; {_SORTED}")
    return found


_BETWEEN = """
SELECT EXISTS (SELECT FROM contacts_order WHERE tenant_id = %(tenant)s AND paid
  AND paid_at >= %(low)s AND paid_at < %(high)s)
"""


def paid_between(question: Question, moment: datetime) -> bool:
    """Was something paid in the period between that moment and as_of, whichever is earlier?"""
    span = question.span
    start, end = midnight(span.start, span.zone), midnight(span.end, span.zone)
    low, high = sorted((moment, question.as_of))
    low, high = max(low, start), min(high, end)
    if low >= high:
        return False
    bounds = {"tenant": current_tenant_id(), "low": low, "high": high}
    return bool(rows(_BETWEEN, bounds)[0][0])
