"""How many new contacts and new customers came, by channel, month or day? FIGURES R9, R18."""

from __future__ import annotations

from datetime import date

from django.db import connection

from analytics import hindsight
from analytics.models.facts import EVERY_CHANNEL
from analytics.periods import Question, filters, holders, micros, midnight

Key = int | date

# Whole days come from cells; of the day of as_of, and with filters by person, rows are counted.
_COUNTS = """
SELECT grp, sum(contacts)::bigint, sum(customers)::bigint FROM (
  SELECT {of_cell} AS grp, contacts, customers FROM analytics_daycell
  WHERE tenant_id = %(tenant)s AND day >= %(start)s AND day < %(until)s {channel}
  UNION ALL
  SELECT {of_contact}, count(*), 0 FROM analytics_contactfact
  WHERE tenant_id = %(tenant)s AND reach_at >= %(from)s AND reach_at < %(to)s {filter} GROUP BY 1
  UNION ALL
  SELECT {of_customer}, 0, count(*) FROM analytics_customerfact
  WHERE tenant_id = %(tenant)s AND first_us >= %(from_us)s AND first_us < %(to_us)s {filter}
  GROUP BY 1
) part GROUP BY grp
"""


def counts(question: Question, group: str) -> dict[Key, tuple[int, int]]:
    """New contacts and new customers of every row that has any: by channel, month or day."""
    span = question.span
    by_rows = question.by_person
    until = span.start if by_rows else max(span.start, hindsight.whole_until(question))
    start = midnight(until, span.zone)
    narrowed = holders(question)
    day = {"month": "date_trunc('month', {})::date", "day": "{}"}.get(group, "channel_id")
    sql = _COUNTS.format(
        of_cell=day.format("day"),
        of_contact=day.format("reach_day"),
        of_customer=day.format("first_day"),
        channel=_cells_of(question, group),
        filter=narrowed,
    )
    parameters = filters(question) | {
        "start": span.start,
        "until": until,
        "from": start,
        "to": min(midnight(span.end, span.zone), question.as_of),
        "every": EVERY_CHANNEL,
        "from_us": micros(start),
        "to_us": question.end_us,
    }
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return {
            key: (contacts, customers)
            for key, contacts, customers in cursor.fetchall()
            if contacts or customers
        }


def _cells_of(question: Question, group: str) -> str:
    if question.channel_id is not None:
        return "AND channel_id = %(channel)s"
    return f"AND channel_id {'<>' if group == 'channel' else '='} %(every)s"
