"""Through whom could a contact be reached, and when? Follows and reach spells, out of events.

Events of the kinds `kinds.REACH` are the facts; ReachSpell, Follow and Contact.acquired_at are
derived from them (FIGURES R7–R10), so that late, repeated and reordered events come out right.
`rebuild` is one fixed number of statements for any number of contacts, and repeating it changes
nothing: callers need no state of their own.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from django.db import connection

from contacts import kinds, timeline
from contacts.models import Event, Follow
from contacts.timeline import NewEvent
from tenants.scope import current_tenant_id

# At one instant ends apply before openings; the first of several equal ends is the customer's.
_SPELLS = """
WITH happened AS (
  SELECT e.id, e.contact_id, e.at, e.kind IN ('follow.opened', 'subscription.opened') AS opens,
    s.id AS staff_id,
    CASE WHEN s.id IS NULL THEN COALESCE(e.properties->>'account', '') ELSE '' END AS account,
    CASE WHEN e.kind = 'subscription.ended' THEN 'customer'
         WHEN e.properties->>'by' IN ('customer', 'staff', 'transfer') THEN e.properties->>'by'
         ELSE '' END AS by,
    COALESCE(e.properties->>'state', '') AS state
  FROM contacts_event e
  LEFT JOIN tenants_staff s ON s.tenant_id = e.tenant_id
    AND s.userid = e.properties->>'staff' AND e.kind IN ('follow.opened', 'follow.ended')
  WHERE e.tenant_id = %(tenant)s AND e.contact_id = ANY(%(contacts)s::bigint[])
    AND e.kind IN ('follow.opened', 'follow.ended', 'subscription.opened', 'subscription.ended')
), ordered AS (
  SELECT *, lag(opens) OVER (PARTITION BY contact_id, staff_id, account
                             ORDER BY at, opens, by = '', by, id) AS was_open
  FROM happened
  WHERE (staff_id IS NOT NULL OR length(account) BETWEEN 1 AND 64) AND (opens OR by <> '')
), changes AS (
  SELECT *, lead(at) OVER w AS ended_at, COALESCE(lead(by) OVER w, '') AS ended_by
  FROM ordered WHERE opens IS DISTINCT FROM COALESCE(was_open, false)
  WINDOW w AS (PARTITION BY contact_id, staff_id, account ORDER BY at, opens)
), spells AS (
  SELECT contact_id, staff_id, account, at AS opened_at, by AS opened_by, ended_at, ended_by, state
  FROM changes WHERE opens
)
"""

_SAME = """
  d.contact_id = r.contact_id AND d.opened_at = r.opened_at AND d.account = r.account
  AND d.staff_id IS NOT DISTINCT FROM r.staff_id AND d.opened_by = r.opened_by
  AND d.ended_at IS NOT DISTINCT FROM r.ended_at AND d.ended_by = r.ended_by
"""

# Two rebuilds of one contact at once would each see half of the truth.
_LOCK = """
SELECT id FROM contacts_contact WHERE tenant_id = %(tenant)s AND id = ANY(%(contacts)s::bigint[])
ORDER BY id FOR NO KEY UPDATE
"""

_NEW_STAFF = """
INSERT INTO tenants_staff (tenant_id, userid, name, active, created_at)
SELECT DISTINCT e.tenant_id, e.properties->>'staff', '', true, now()
FROM contacts_event e
WHERE e.tenant_id = %(tenant)s AND e.contact_id = ANY(%(contacts)s::bigint[])
  AND e.kind IN ('follow.opened', 'follow.ended')
  AND length(e.properties->>'staff') BETWEEN 1 AND 64
  AND NOT EXISTS (SELECT 1 FROM tenants_staff s
                  WHERE s.tenant_id = e.tenant_id AND s.userid = e.properties->>'staff')
ON CONFLICT (tenant_id, userid) DO NOTHING
"""

_DROP_OLD = f"""
{_SPELLS}
DELETE FROM contacts_reachspell r
WHERE r.tenant_id = %(tenant)s AND r.contact_id = ANY(%(contacts)s::bigint[])
  AND NOT EXISTS (SELECT 1 FROM spells d WHERE {_SAME})
"""  # noqa: S608 - constants only

_ADD_NEW = f"""
{_SPELLS}
INSERT INTO contacts_reachspell
  (tenant_id, contact_id, staff_id, account, opened_at, opened_by, ended_at, ended_by)
SELECT %(tenant)s, d.contact_id, d.staff_id, d.account, d.opened_at, d.opened_by, d.ended_at,
  d.ended_by
FROM spells d
WHERE NOT EXISTS (SELECT 1 FROM contacts_reachspell r
  WHERE r.tenant_id = %(tenant)s AND r.contact_id = ANY(%(contacts)s::bigint[]) AND {_SAME})
"""  # noqa: S608 - constants only

_FOLLOWS = (
    _SPELLS
    + """
INSERT INTO contacts_follow AS f
  (tenant_id, contact_id, staff_id, opened_at, ended_at, ended_by, state, live_code_id, remark,
   description)
SELECT DISTINCT ON (d.contact_id, d.staff_id)
  %(tenant)s, d.contact_id, d.staff_id, d.opened_at, d.ended_at, d.ended_by, left(d.state, 64),
  lc.id, '', ''
FROM spells d
LEFT JOIN contacts_livecode lc ON lc.tenant_id = %(tenant)s AND lc.state = d.state
WHERE d.staff_id IS NOT NULL
ORDER BY d.contact_id, d.staff_id, d.opened_at DESC
ON CONFLICT (tenant_id, contact_id, staff_id) DO UPDATE SET
  opened_at = EXCLUDED.opened_at, ended_at = EXCLUDED.ended_at, ended_by = EXCLUDED.ended_by,
  state = EXCLUDED.state, live_code_id = EXCLUDED.live_code_id
WHERE (f.opened_at, f.ended_at, f.ended_by, f.state, f.live_code_id) IS DISTINCT FROM
  (EXCLUDED.opened_at, EXCLUDED.ended_at, EXCLUDED.ended_by, EXCLUDED.state, EXCLUDED.live_code_id)
"""
)

_FIRST_REACH = """
UPDATE contacts_contact c
SET acquired_at = r.opened_at, owner_id = COALESCE(c.owner_id, r.staff_id), updated_at = now()
FROM (
  SELECT wanted.id, min(s.opened_at) AS opened_at,
    (array_agg(s.staff_id ORDER BY s.opened_at, s.staff_id)
       FILTER (WHERE s.staff_id IS NOT NULL))[1] AS staff_id
  FROM unnest(%(contacts)s::bigint[]) AS wanted(id)
  LEFT JOIN contacts_reachspell s ON s.tenant_id = %(tenant)s AND s.contact_id = wanted.id
  GROUP BY wanted.id
) r
WHERE c.tenant_id = %(tenant)s AND c.id = r.id
  AND (c.acquired_at IS DISTINCT FROM r.opened_at
       OR (c.owner_id IS NULL AND r.staff_id IS NOT NULL))
"""


def rebuild(contact_ids: Iterable[int]) -> None:
    """Inside a scope: make spells, Follows, `acquired_at` and an empty owner of these contacts
    agree with their events. Thousands at once are fine; hold it to some 10,000 a call.
    """
    contacts = sorted(set(contact_ids))
    if not contacts:
        return
    parameters: dict[str, int | list[int]] = {"tenant": current_tenant_id(), "contacts": contacts}
    with connection.cursor() as cursor:
        for statement in (_LOCK, _NEW_STAFF, _DROP_OLD, _ADD_NEW, _FOLLOWS, _FIRST_REACH):
            cursor.execute(statement, parameters)


def apply(events: Sequence[Event]) -> None:
    """Listener of the timeline. Whoever recorded the events may have rebuilt already: no harm."""
    rebuild(event.contact_id for event in events)


def open_follow(
    contact_id: int,
    staff: str,
    at: datetime,
    *,
    source: str,
    key: str,
    by: str = "",
    properties: dict[str, object] | None = None,
) -> Follow:
    """Record `follow.opened` of the member with userid `staff`, apply it, answer the Follow."""
    happened: dict[str, object] = {
        "staff": staff,
        **({"by": by} if by else {}),
        **(properties or {}),
    }
    timeline.record([NewEvent(contact_id, kinds.FOLLOW_OPENED, at, source, key, happened)])
    rebuild([contact_id])
    return Follow.objects.get(contact_id=contact_id, staff__userid=staff)
