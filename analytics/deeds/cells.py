"""What do the cells of deeds say of a period? Sums, where a filter does not ask for rows."""

from __future__ import annotations

from typing import Any

from django.db import connection

from analytics import hindsight
from analytics.deeds.readings import SCANS, Deed
from analytics.models.facts import EVERY_CHANNEL
from analytics.periods import Question
from tenants.scope import current_tenant_id

# Of a contact's days in the period the first one counts, if it could be reached on any day of it.
_HEADS = """
kind = {deed} AND channel_id = %(every)s AND day >= %(from)s AND day < %(to)s AND before < %(from)s
  AND (seen >= %(from)s OR next < %(to)s)"""
_FORMULA = f"""
SELECT (SELECT COALESCE(sum(times), 0)::bigint FROM analytics_deedcell
    WHERE tenant_id = %(tenant)s AND {_HEADS.format(deed=int(Deed.TOUCHED))}),
  bought.orders, bought.fen, (SELECT COALESCE(sum(revenue), 0)::bigint FROM analytics_daycell
    WHERE tenant_id = %(tenant)s AND channel_id = %(every)s AND day >= %(from)s AND day < %(to)s)
FROM (
  SELECT COALESCE(sum(times), 0)::bigint AS orders, COALESCE(sum(fen), 0)::bigint AS fen
  FROM analytics_deedcell
  WHERE tenant_id = %(tenant)s AND kind = {int(Deed.BOUGHT)} AND channel_id = %(every)s
    AND day >= %(from)s AND day < %(to)s AND before >= %(from)s
    AND (seen >= %(from)s OR next < %(to)s)) bought
"""  # noqa: S608 - our own names
_ACTIVE = f"""
SELECT COALESCE(sum(times), 0)::bigint FROM analytics_deedcell
WHERE tenant_id = %(tenant)s AND {_HEADS.format(deed=int(Deed.SPOKE))}
"""  # noqa: S608 - our own names
# Who became reachable before the end, less who was not any more when the period began, and less
# those of whom two stretches lie in it.
_TAGGED = f"""
SELECT COALESCE(sum(CASE WHEN kind = {int(Deed.TAGGED)} THEN times ELSE -times END), 0)::bigint
FROM analytics_deedcell
WHERE tenant_id = %(tenant)s AND channel_id = %(every)s AND (
  kind = {int(Deed.TAGGED)} AND day < %(to)s OR kind = {int(Deed.UNTIL)} AND day < %(from)s
  OR kind = {int(Deed.AGAIN)} AND day > %(from)s AND day < %(to)s AND before >= %(from)s)
"""  # noqa: S608 - our own names
_REFERRERS = f"""
SELECT COALESCE(sum(times), 0)::bigint FROM analytics_deedcell
WHERE tenant_id = %(tenant)s AND kind = {int(Deed.REFERRED)} AND channel_id = %(every)s
  AND day < %(to)s
"""  # noqa: S608 - our own names
_SCANS = """
SELECT {key}, {heads} FROM analytics_deedcell
WHERE tenant_id = %(tenant)s AND kind = ANY(%(scans)s::int[]) AND {channel}
  AND day >= %(from)s AND day < %(to)s AND before < %(from)s
GROUP BY 1
"""


def know(question: Question) -> bool:
    """Inside a scope: do cells answer this? Not for a part of the contacts, nor in hindsight."""
    return question.of_everybody and not hindsight.needed(question)


def know_scans(question: Question) -> bool:
    """The same of what came of scans, which may be long after the period; each channel is known."""
    return not question.by_person and not hindsight.needed(question, outcomes=True)


def formula(question: Question) -> tuple[int, int, int, int]:
    """Inside a scope: heads reached, their orders and revenue after that, and all revenue."""
    reached, orders, revenue, paid = _all(_FORMULA, question)[0]
    return reached, orders, revenue, paid


def active(question: Question) -> int:
    """Inside a scope: heads that gave a sign of life, of those who could be reached."""
    return int(_all(_ACTIVE, question)[0][0])


def tagged(question: Question) -> int:
    """Inside a scope: heads that wear a tag now, of those who could be reached."""
    return int(_all(_TAGGED, question)[0][0])


def referrers(question: Question) -> int:
    """Inside a scope: customers of whose referred contacts one became reachable, up to the end."""
    return int(_all(_REFERRERS, question)[0][0])


def scans(question: Question, *, by_channel: bool) -> dict[int, tuple[int, ...]]:
    """Inside a scope: heads that came as far as each of SCANS, by channel, or all under 0."""
    one = question.channel_id is not None
    if by_channel:
        channel = "channel_id = %(channel)s" if one else "channel_id <> %(every)s"
    else:
        channel = "channel_id = %(which)s"
    heads = ", ".join(
        f"COALESCE(sum(times) FILTER (WHERE kind = {int(deed)}), 0)::bigint" for deed in SCANS
    )
    key = "channel_id" if by_channel else "0"
    rows = _all(_SCANS.format(key=key, heads=heads, channel=channel), question)
    return {channel_id: tuple(counts) for channel_id, *counts in rows if any(counts)}


def _all(sql: str, question: Question) -> list[tuple[Any, ...]]:
    given: dict[str, Any] = {
        "tenant": current_tenant_id(),
        "from": question.span.start,
        "to": question.span.end,
        "every": EVERY_CHANNEL,
        "channel": question.channel_id,
        "which": question.cells_of,
        "scans": [int(deed) for deed in SCANS],
    }
    with connection.cursor() as cursor:
        cursor.execute(sql, given)
        found: list[tuple[Any, ...]] = cursor.fetchall()
    return found
