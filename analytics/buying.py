"""Which paid orders does a question mean? One reading for all reports of customers and orders."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import connection

from analytics.periods import Question, midnight
from tenants.scope import current_tenant_id

# R3, R17: of everybody, also of those who are excluded or erased. `{among}` is a condition more.
PAID = """tenant_id = %(tenant)s AND paid
    AND paid_at >= %(from)s AND paid_at < %(until)s{among}"""
REVENUE = "amount_fen - refund_fen"
MARGIN = "amount_fen - refund_fen - cost_fen"


def among(question: Question, column: str = "contact_id") -> str:
    """SQL that narrows a column of contact ids to the filters (R49); see `given`."""
    tests = ""
    if question.channel_id is not None:
        tests += " AND c.channel_id = %(channel)s"
    if question.owners is not None:
        tests += " AND c.owner_id = ANY(%(owners)s::bigint[])"
    if not tests:
        return ""
    return (
        f" AND {column} IN (SELECT c.id FROM contacts_contact c"  # noqa: S608 - our own names
        f" WHERE c.tenant_id = %(tenant)s{tests})"
    )


def given(question: Question) -> dict[str, Any]:
    """The parameters of PAID and `among`, and some that readings share."""
    span = question.span
    return {
        "tenant": current_tenant_id(),
        "zone": span.zone.key,
        "from": midnight(span.start, span.zone),
        "until": min(midnight(span.end, span.zone), question.as_of),
        "start_us": span.start_us,
        "end_us": question.end_us,
        "as_of": question.as_of,
        "channel": question.channel_id,
        "owners": list(question.owners or ()),
    }


def rows(sql: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        found: list[tuple[Any, ...]] = cursor.fetchall()
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
