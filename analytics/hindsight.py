"""Does anything lie at or after as_of? Facts hold it too, and a report must not know it (R1)."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.db import connection

from analytics.periods import Question
from contacts.kinds import INBOUND
from tenants.scope import current_tenant_id

_LATER = """
SELECT EXISTS (SELECT FROM contacts_reachspell
    WHERE tenant_id = %(tenant)s AND opened_at >= %(as_of)s)
  OR EXISTS (SELECT FROM contacts_reachspell
    WHERE tenant_id = %(tenant)s AND ended_at >= %(as_of)s)
  OR EXISTS (SELECT FROM unnest(%(kinds)s::text[]) AS k(kind), LATERAL (
    SELECT FROM contacts_event e
    WHERE e.tenant_id = %(tenant)s AND e.kind = k.kind AND e.at >= %(as_of)s LIMIT 1) later)
  OR EXISTS (SELECT FROM contacts_order WHERE tenant_id = %(tenant)s AND paid_at >= %(as_of)s)
"""


def needed(question: Question, also: Collection[str] = ()) -> bool:
    """Inside a scope: are there Follows, orders, signs of life or such events after as_of?"""
    given: dict[str, Any] = {
        "tenant": current_tenant_id(),
        "as_of": question.as_of,
        "kinds": sorted(INBOUND | set(also)),
    }
    with connection.cursor() as cursor:
        cursor.execute(_LATER, given)
        return bool(cursor.fetchone()[0])
