"""What did a channel, live code, campaign or content cost? Costs are booked by channel and day.

- channel: as booked.
- live_code: its channel's, shared by the new contacts that came by each of its codes and by none.
- campaign, content: what was spent on staff, agencies, coupons and the rest pays for writing to
  people; it is shared by the messages delivered in the period to contacts of the channel, and where
  it was booked without one, to all. Advertising and bait win contacts: they are no message's.

What is of no such thing, or cannot be shared, as nobody came or nothing was sent, is under None. So
the rows sum up to what was spent, exactly.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from fractions import Fraction
from typing import Final

from django.db.models import Count, Q, Sum

from analytics import buying, value
from analytics.periods import Question, filters, midnight, narrowed
from analytics.sent_touches import SOP_TOLD, TOLD
from contacts.models import Contact, Cost

# Channel (None: none) → what came to its contacts (None: no such thing) → how often.
Shares = Mapping[int | None, Mapping[str | None, int]]

_WINNING: Final = (Cost.Kind.AD, Cost.Kind.BAIT)
_KEYS: Final = {
    "campaign": ("'sop:' || e.sop_id", "'broadcast:' || r.broadcast_id", f"'sop:' || {SOP_TOLD}"),
    "content": ("s.content_id::text", "b.content_id::text", "NULL"),
}
_DELIVERED: Final = """
SELECT c.channel_id, d.key, count(*) FROM (
  SELECT t.contact_id, {of_sop} AS key FROM journeys_touch t
  LEFT JOIN journeys_enrolment e ON e.tenant_id = t.tenant_id AND e.tenant_id = %(tenant)s
    AND e.id = t.enrolment_id
  LEFT JOIN journeys_sopstep s ON s.tenant_id = t.tenant_id AND s.tenant_id = %(tenant)s
    AND s.id = t.step_id
  WHERE t.tenant_id = %(tenant)s AND t.state = 'delivered' AND t.route <> 'app_message'
    AND t.delivered_at >= %(start)s AND t.delivered_at < %(end)s {{who t.contact_id}}
  UNION ALL
  SELECT r.contact_id, {of_broadcast} FROM campaigns_broadcastrecipient r
  JOIN campaigns_broadcast b ON b.tenant_id = r.tenant_id AND b.id = r.broadcast_id
  WHERE r.tenant_id = %(tenant)s AND b.tenant_id = %(tenant)s AND r.state = 'delivered'
    AND r.contact_id IS NOT NULL AND r.settled_at >= %(start)s AND r.settled_at < %(end)s
    {{who r.contact_id}}
  UNION ALL
  SELECT e.contact_id, {of_file} FROM contacts_event e
  WHERE e.tenant_id = %(tenant)s AND {told} AND e.at >= %(start)s AND e.at < %(end)s
    {{who e.contact_id}}
) d JOIN contacts_contact c ON c.tenant_id = %(tenant)s AND c.id = d.contact_id
GROUP BY 1, 2
"""


def read(question: Question, group: str) -> dict[str | None, Fraction]:
    """Inside a scope: fen by key of a row, for a group of `analytics.attribution`. Nothing of a
    part of the contacts by person: costs are of no person (FIGURES R49).
    """
    costs = value.costs_of(question)
    if group in _KEYS:
        costs = costs.exclude(kind__in=_WINNING)
    sums = {
        channel: int(fen)
        for channel, fen in costs.values_list("channel_id").annotate(sum=Sum("amount_fen"))
    }
    if not sums:
        return {}
    if group == "channel":
        return {_text(channel): Fraction(fen) for channel, fen in sums.items()}
    return _shared(sums, _came(question, sums) if group == "live_code" else _told(question, group))


def _shared(sums: Mapping[int | None, int], shares: Shares) -> dict[str | None, Fraction]:
    found: dict[str | None, Fraction] = defaultdict(Fraction)
    for channel, fen in sums.items():
        of_channel = shares.get(channel) or {None: 1}
        everything = sum(of_channel.values())
        for key, number in of_channel.items():
            found[key] += Fraction(fen * number, everything)
    return found


def _came(question: Question, sums: Mapping[int | None, int]) -> Shares:
    """New contacts of these channels, by live code."""
    span = question.span
    came = Contact.objects.filter(
        Q(acquired_at__gte=midnight(span.start, span.zone))
        & Q(acquired_at__lt=min(midnight(span.end, span.zone), question.as_of)),
        channel_id__in=[channel for channel in sums if channel is not None],
    )
    heads: dict[int | None, dict[str | None, int]] = defaultdict(dict)
    counted = came.values_list("channel_id", "live_code_id").annotate(heads=Count("id"))
    for channel, code, number in counted.order_by():
        heads[channel][_text(code)] = number
    return heads


def _told(question: Question, group: str) -> Shares:
    """Delivered messages by channel of the contact; under None those of all contacts."""
    of_sop, of_broadcast, of_file = _KEYS[group]
    sql = _DELIVERED.format(of_sop=of_sop, of_broadcast=of_broadcast, of_file=of_file, told=TOLD)
    span = question.span
    given = filters(question) | {
        "start": midnight(span.start, span.zone),
        "end": min(midnight(span.end, span.zone), question.as_of),
    }
    messages: dict[int | None, dict[str | None, int]] = defaultdict(lambda: defaultdict(int))
    for channel, key, number in buying.rows(narrowed(sql, question), given):
        if channel is not None:
            messages[channel][key] += number
        messages[None][key] += number
    return messages


def _text(key: int | None) -> str | None:
    return None if key is None else str(key)
