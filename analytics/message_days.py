"""What was sent to whom on each day? Days of messages as columns of numbers, packed once.

A day that has a row is packed; one that has none is read from rows of messages. The worker packs
days that are over; a refresh unpacks those of which a message was told later, or changed. What
files tell is few and always read from its events (sent_touches.py).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.db import connection

from analytics import packed
from analytics.models.messages import MessageDay
from analytics.packed import Column
from analytics.periods import days_between, last_day, midnight
from analytics.sent_touches import GENTLE, OWN, TOLD_TOUCHES, of_everybody
from contacts import arrays
from tenants.models import Tenant
from tenants.scope import current_tenant_id

# Of what is older reports are seldom asked: it is read from rows.
KEPT: Final = timedelta(days=800)
_AT_ONCE: Final = 100  # days
_FEW: Final = 100  # contacts whose days are looked for; of more all days are unpacked

Mixed = tuple[int, int]  # service and greetings, all


@dataclass(frozen=True)
class Day:
    """`contacts` were sent these messages by `senders`, 0 for none; service and greetings first."""

    messages: int
    gentle: int
    contacts: Column
    senders: Column


_NUMBERS: Final = {"contact_id": "contacts", "sender": "senders"}
_ASKED: Final = """unnest(%(days)s::date[], %(starts)s::timestamptz[], %(ends)s::timestamptz[])
  AS asked(day, start, over)"""
_OWN: Final = of_everybody(OWN).replace("%(since)s", "start").replace("%(until)s", "over")
# A day without a message is a row of nulls, so that it is packed, too.
_SENT: Final = f"""
SELECT day, contact_id, CASE WHEN contact_id IS NOT NULL THEN COALESCE(staff_id, 0) END AS sender,
  {GENTLE} AS gentle
FROM {_ASKED} LEFT JOIN LATERAL ({_OWN}) touch ON true"""  # noqa: S608 - our own names
_TOLD: Final = f"""
SELECT %(first)s::date, contact_id, COALESCE(staff_id, 0), {GENTLE}
FROM ({of_everybody(TOLD_TOUCHES)}) touch"""  # noqa: S608 - our own names
_COLUMNS: Final = "messages, gentle, contacts, senders"
_PACKED: Final = f"""
SELECT day, count(contact_id)::int AS messages, (count(*) FILTER (WHERE gentle))::int AS gentle,
  {packed.columns(_NUMBERS, "gentle DESC, contact_id, sender")}
FROM (SELECT *, {packed.widths([*_NUMBERS])} FROM ({{}}) sent) each GROUP BY day
"""  # noqa: S608 - our own names


def _as_they_come(number: str) -> str:
    """A column in no other order than that: sorting a few thousand takes longer than reading."""
    gentle, others = (
        f"COALESCE(string_agg(int8send({number}), '') FILTER (WHERE {which}), '')"
        for which in ("gentle", "NOT gentle")
    )
    return f"{gentle} || {others}"


_LIVE: Final = f"""
SELECT %(first)s::date, count(contact_id)::int, (count(*) FILTER (WHERE gentle))::int,
  {", ".join(map(_as_they_come, _NUMBERS))}
FROM ({_SENT} UNION ALL {_TOLD}) sent
"""  # noqa: S608 - our own names
_COUNTED: Final = f"""
SELECT count(*) FILTER (WHERE gentle), count(contact_id)
FROM ({_SENT} UNION ALL {_TOLD}) sent
"""  # noqa: S608 - our own names
_KNOWN: Final = """
FROM analytics_messageday WHERE tenant_id = %(tenant)s AND day >= %(from)s AND day < %(to)s
"""

_PACK: Final = f"""
INSERT INTO analytics_messageday (tenant_id, day, {_COLUMNS})
SELECT %(tenant)s, day, messages, gentle, COALESCE(contacts, ''), COALESCE(senders, '')
FROM ({_PACKED.format(_SENT)}) packed
"""  # noqa: S608 - our own names
_FIRST: Final = """
SELECT least(
  (SELECT sent_at FROM journeys_touch WHERE tenant_id = %(tenant)s AND sent_at IS NOT NULL
   ORDER BY sent_at LIMIT 1),
  (SELECT settled_at FROM campaigns_broadcastrecipient
   WHERE tenant_id = %(tenant)s AND settled_at IS NOT NULL ORDER BY settled_at LIMIT 1))
"""
_MISSING: Final = """
SELECT day::date FROM generate_series(%(first)s::date, %(last)s::date, interval '1 day') AS s(day)
WHERE NOT EXISTS (
  SELECT FROM analytics_messageday d WHERE d.tenant_id = %(tenant)s AND d.day = s.day::date)
ORDER BY day DESC
"""
# Bytes that are found across two numbers unpack a day for nothing, and do no harm.
_OF_CONTACTS: Final = """
DELETE FROM analytics_messageday d WHERE d.tenant_id = %(tenant)s AND d.messages > 0 AND EXISTS (
  SELECT FROM unnest(%(contacts)s::bigint[]) AS c(id)
  WHERE position(substring(int8send(id) FROM 9 - length(d.contacts) / d.messages)
    IN d.contacts) > 0)
"""


# --- packing ---


def pack(before: date) -> None:
    """Inside a scope, alone for the tenant: pack the days before that one that are not."""
    zone = Tenant.current().tz
    given: dict[str, Any] = {"tenant": current_tenant_id()}
    with connection.cursor() as cursor:
        cursor.execute(_FIRST, given)
        first: datetime | None = cursor.fetchone()[0]
        if first is None:
            return
        earliest = max(first.astimezone(zone).date(), before - KEPT)
        given |= {"first": earliest, "last": before - timedelta(days=1)}
        cursor.execute(_MISSING, given)
        days = [row[0] for row in cursor.fetchall()]
        for start in range(0, len(days), _AT_ONCE):
            some = days[start : start + _AT_ONCE]
            cursor.execute(_PACK, given | _bounds([(d, *_whole(d, zone)) for d in some]))


def unpack(days: Collection[date], contact_ids: Collection[int]) -> None:
    """Inside a scope, alone for the tenant: forget these days, and those of these contacts."""
    if len(contact_ids) > _FEW:
        MessageDay.objects.all().delete()
        return
    if days:
        MessageDay.objects.filter(day__in=days).delete()
    if contact_ids:
        given: dict[str, Any] = {
            "tenant": current_tenant_id(),
            "contacts": arrays.literal(sorted(contact_ids)),
        }
        with connection.cursor() as cursor:
            cursor.execute(_OF_CONTACTS, given)


# --- reading ---


def mix(since: datetime, until: datetime) -> Mixed:
    """Inside a scope, of everybody: messages sent from one moment to before the other."""
    zone = Tenant.current().tz
    given = _given(since, until, zone)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT day, gentle, messages {_KNOWN}", given)
        known = {day: (gentle, messages) for day, gentle, messages in cursor.fetchall()}
        cursor.execute(_COUNTED, given | _bounds(_unknown(since, until, zone, known)))
        gentle, messages = cursor.fetchone()
    return (
        gentle + sum(mixed[0] for mixed in known.values()),
        messages + sum(mixed[1] for mixed in known.values()),
    )


def read(since: datetime, until: datetime) -> list[Day]:
    """Inside a scope, of everybody: the same messages, each with its contact and who sent it."""
    zone = Tenant.current().tz
    given = _given(since, until, zone)
    known = dict(_days(f"SELECT day, {_COLUMNS} {_KNOWN}", given))
    live = _days(_LIVE, given | _bounds(_unknown(since, until, zone, known)))
    found = [*known.values(), *(day for _date, day in live)]
    return [day for day in found if day.messages]


def _days(sql: str, given: dict[str, Any]) -> Iterator[tuple[date, Day]]:
    for day, messages, (gentle, contacts, senders) in packed.read(sql, given):
        yield day, Day(messages or 0, packed.whole_of(gentle), contacts, senders)


def _given(since: datetime, until: datetime, zone: ZoneInfo) -> dict[str, Any]:
    """Whole days are those from `from` to before `to`."""
    first = since.astimezone(zone).date()
    return {
        "tenant": current_tenant_id(),
        "since": since,
        "until": until,
        "first": first,
        "from": first if midnight(first, zone) == since else first + timedelta(days=1),
        "to": until.astimezone(zone).date(),
    }


def _unknown(
    since: datetime, until: datetime, zone: ZoneInfo, known: Collection[date]
) -> Sequence[tuple[date, datetime, datetime]]:
    """The days, and parts of days, that are to be read from rows."""
    days = days_between(since.astimezone(zone).date(), last_day(until, zone) + timedelta(days=1))
    bounds = [(day, *_whole(day, zone)) for day in days if day not in known]
    return [(day, max(start, since), min(over, until)) for day, start, over in bounds]


def _whole(day: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    return midnight(day, zone), midnight(day + timedelta(days=1), zone)


def _bounds(days: Sequence[tuple[date, datetime, datetime]]) -> dict[str, Any]:
    return {
        "days": [day for day, _start, _over in days],
        "starts": [start for _day, start, _over in days],
        "ends": [over for _day, _start, over in days],
    }
