"""How many contacts could be reached at any moment of a period? The assets of FIGURES R13, R26."""

from __future__ import annotations

from typing import Any, Final

from django.db import connection

from analytics.assets import cells
from analytics.periods import Question, among, filters, midnight

# A spell that was open at any moment of the period; an end from as_of on is not known yet (R1).
OPEN: Final = """s.tenant_id = %(tenant)s AND s.opened_at < %(until)s
    AND (s.ended_at IS NULL OR s.ended_at > %(start)s OR s.ended_at >= %(as_of)s)"""
_ROWS = f"""
SELECT count(DISTINCT s.contact_id) FROM contacts_reachspell s WHERE {OPEN}{{among}}
"""  # noqa: S608 - our own names

# By the cells of user assets: who stood there when the period began, which is who stands there now
# less what came since, and whoever came in it. Of these, one that ended just as the period began is
# not in it, and who came back within the period was there before.
_COUNTED = """
SELECT (
  SELECT COALESCE(sum(heads), 0) FROM analytics_assetbalance
  WHERE tenant_id = %(tenant)s AND staff_id = 0 {channel}
) + (
  SELECT COALESCE(sum(lost_by_customer + lost_by_staff), 0) - COALESCE(
    sum(acquired + returned) FILTER (WHERE day >= %(to)s), 0)
  FROM analytics_assetcell
  WHERE tenant_id = %(tenant)s AND staff_id = 0 AND channel_id = %(which)s AND day >= %(from)s
) - (
  SELECT count(*) FROM analytics_assetpiece
  WHERE tenant_id = %(tenant)s AND staff_id = 0 AND went IN (4, 5) AND until = %(start)s {channel}
) - (
  SELECT count(*) FROM (
    SELECT contact_id, since FROM analytics_assetpiece
    WHERE tenant_id = %(tenant)s AND staff_id = 0 AND came = 2
      AND since >= %(start)s AND since < %(end)s {channel}) back
  WHERE EXISTS (
    SELECT FROM analytics_assetpiece p
    WHERE p.tenant_id = %(tenant)s AND p.contact_id = back.contact_id AND p.staff_id = 0
      AND p.went IN (4, 5) AND p.until > %(start)s AND p.until < back.since)
)
"""


def heads(question: Question) -> int:
    """Inside a scope, with facts up to date."""
    if cells.know(question):
        channel = "" if question.channel_id is None else "AND channel_id = %(channel)s"
        sql = _COUNTED.format(channel=channel)
    else:
        sql = _ROWS.format(among=among(question, "s.contact_id"))
    with connection.cursor() as cursor:
        cursor.execute(sql, given(question))
        return int(cursor.fetchone()[0])


def given(question: Question) -> dict[str, Any]:
    """The parameters of OPEN and of the filters."""
    span = question.span
    end = midnight(span.end, span.zone)
    return filters(question) | {
        "from": span.start,
        "to": span.end,
        "start": midnight(span.start, span.zone),
        "end": end,
        "until": min(end, question.as_of),
        "as_of": question.as_of,
        "which": question.cells_of,
    }
