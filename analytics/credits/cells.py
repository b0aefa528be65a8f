"""What do cells say of the credits of a period? Sums, where a filter asks for no rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from analytics import buying
from analytics.credits.readings import KINDS, WINDOWS
from analytics.periods import Question

_READ: Final = """
SELECT key::text, points, first, last, sum(orders)::bigint, sum(revenue)::bigint,
  sum(margin)::bigint
FROM analytics_creditcell
WHERE tenant_id = %(tenant)s AND kind = %(kind)s AND window_days = %(days)s
  AND day >= %(first_day)s AND day < %(whole)s
GROUP BY key, points, first, last HAVING sum(orders) <> 0
"""


def know(question: Question, group: str, days: int) -> bool:
    """Do cells answer this of whole days? Not for a part of the contacts."""
    return question.of_everybody and group in KINDS and days in WINDOWS


def read(group: str, days: int, given: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """Inside a scope: of the orders of whole days, `given` by hindsight.by_days: key, how many
    points, the first one?, the last one?, orders, revenue and margin in fen.
    """
    return buying.rows(_READ, {**given, "kind": KINDS[group], "days": days})
