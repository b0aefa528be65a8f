"""What did the scripts and broadcasts of a plan do in its days: sent, reached, responded?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, Literal

from django.db import connection

from analytics.periods import Question, among, filters, midnight
from campaigns.models import Broadcast
from contacts.kinds import INBOUND
from journeys.models import Sop

WITHIN: Final = timedelta(hours=72)


@dataclass(frozen=True)
class Attached:
    """`sent` counts messages, `contacts` whom they went to, `responded` those of them with an
    inbound event (FIGURES R13) within 72 hours of one.
    """

    kind: Literal["sop", "broadcast"]
    id: int
    name: str
    state: str
    sent: int
    contacts: int
    responded: int


# `{sent}` answers (key, contact_id, at) of every message; to a group it has no contact.
_RESULTS: Final = """
WITH sent AS MATERIALIZED ({sent}), answered AS (
  SELECT DISTINCT key, contact_id FROM sent WHERE EXISTS (
    SELECT FROM contacts_event e
    WHERE e.tenant_id = %(tenant)s AND e.contact_id = sent.contact_id
      AND e.kind = ANY(%(inbound)s::text[])
      AND e.at >= sent.at AND e.at <= sent.at + %(within)s AND e.at < %(as_of)s)
)
SELECT key, count(*), count(DISTINCT contact_id),
  (SELECT count(*) FROM answered a WHERE a.key = sent.key)
FROM sent GROUP BY key
"""
_TOUCHES: Final = """
SELECT n.sop_id AS key, t.contact_id, t.sent_at AS at
FROM journeys_touch t
JOIN journeys_enrolment n ON n.tenant_id = t.tenant_id AND n.id = t.enrolment_id
WHERE t.tenant_id = %(tenant)s AND n.tenant_id = %(tenant)s AND n.sop_id = ANY(%(ids)s::bigint[])
  AND t.sent_at >= %(start)s AND t.sent_at < %(end)s {whose}
"""
_RECIPIENTS: Final = """
SELECT r.broadcast_id AS key, r.contact_id, r.settled_at AS at
FROM campaigns_broadcastrecipient r
WHERE r.tenant_id = %(tenant)s AND r.broadcast_id = ANY(%(ids)s::bigint[])
  AND r.state = 'delivered' AND r.settled_at >= %(start)s AND r.settled_at < %(end)s {whose}
"""


def of(sops: Sequence[Sop], broadcasts: Sequence[Broadcast], question: Question) -> list[Attached]:
    """Inside a scope: each of them, in the window and to the people of the question."""
    done = _results(_TOUCHES, "t.contact_id", [each.pk for each in sops], question)
    told = _results(_RECIPIENTS, "r.contact_id", [each.pk for each in broadcasts], question)
    nothing = (0, 0, 0)
    return [
        *(
            Attached("sop", each.pk, each.name, each.status, *done.get(each.pk, nothing))
            for each in sops
        ),
        *(
            Attached("broadcast", each.pk, each.name, each.state, *told.get(each.pk, nothing))
            for each in broadcasts
        ),
    ]


def _results(
    sql: str, contact: str, ids: Sequence[int], question: Question
) -> dict[int, tuple[int, int, int]]:
    if not ids:
        return {}
    zone = question.span.zone
    given = filters(question) | {
        "ids": list(ids),
        "start": midnight(question.span.start, zone),
        "end": min(midnight(question.span.end, zone), question.as_of),
        "as_of": question.as_of,
        "inbound": sorted(INBOUND),
        "within": WITHIN,
    }
    sent = sql.format(whose=among(question, contact))
    with connection.cursor() as cursor:
        cursor.execute(_RESULTS.format(sent=sent), given)
        rows: list[Any] = cursor.fetchall()
    return {key: (sent, contacts, responded) for key, sent, contacts, responded in rows}
