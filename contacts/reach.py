"""Through whom could a contact be reached, and when? Follows and reach spells, out of events.

Events of the kinds `kinds.REACH` are the facts; ReachSpell, Follow and Contact.acquired_at are
derived from them (FIGURES R7–R10), so that late, repeated and reordered events come out right.
`rebuild` is one fixed number of statements for any number of contacts, and repeating it changes
nothing: callers need no state of their own.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final

from django.db import connection

from contacts import kinds, timeline
from contacts.models import Event, Follow, LiveCode
from contacts.timeline import NewEvent
from tenants.scope import current_tenant_id
from tenants.userids import known

USERID_LENGTH: Final = 64

# At one instant ends apply before openings; the first of several equal ends is the customer's.
# Members and live codes come as JSON maps, not joins: `->>` is not leakproof, so row-level security
# would let no index serve a join on what events say.
_SPELLS = """
WITH facts AS (
  SELECT id, contact_id, at, kind IN ('follow.opened', 'subscription.opened') AS opens,
    CASE WHEN kind IN ('follow.opened', 'follow.ended')
         THEN (%(staff)s::jsonb->>(properties->>'staff'))::bigint END AS staff_id,
    CASE WHEN kind IN ('subscription.opened', 'subscription.ended')
         THEN COALESCE(properties->>'account', '') ELSE '' END AS account,
    CASE WHEN kind = 'subscription.ended' THEN 'customer'
         WHEN properties->>'by' IN ('customer', 'staff', 'transfer', 'unknown')
         THEN properties->>'by'
         ELSE '' END AS by,
    COALESCE(properties->>'state', '') AS state
  FROM contacts_event
  WHERE tenant_id = %(tenant)s AND contact_id = ANY(%(contacts)s::bigint[])
    AND kind IN ('follow.opened', 'follow.ended', 'subscription.opened', 'subscription.ended')
), ordered AS (
  SELECT *, lag(opens) OVER (PARTITION BY contact_id, staff_id, account
                             ORDER BY at, opens, by = '', by, id) AS was_open
  FROM facts
  WHERE (staff_id IS NOT NULL OR length(account) BETWEEN 1 AND 64) AND (opens OR by <> '')
), changes AS (
  SELECT *, lead(at) OVER w AS ended_at, COALESCE(lead(by) OVER w, '') AS ended_by
  FROM ordered WHERE opens IS DISTINCT FROM COALESCE(was_open, false)
  WINDOW w AS (PARTITION BY contact_id, staff_id, account ORDER BY at, opens)
), spells AS MATERIALIZED (
  SELECT contact_id, staff_id, account, at AS opened_at, by AS opened_by, ended_at, ended_by, state
  FROM changes WHERE opens
)
"""

# Two rebuilds of one contact at once would each see half of the truth.
_LOCK = """
SELECT id FROM contacts_contact WHERE tenant_id = %(tenant)s AND id = ANY(%(contacts)s::bigint[])
ORDER BY id FOR NO KEY UPDATE
"""

_NAMED = """
SELECT DISTINCT properties->>'staff', COALESCE(properties->>'state', '') FROM contacts_event
WHERE tenant_id = %(tenant)s AND contact_id = ANY(%(contacts)s::bigint[])
  AND kind IN ('follow.opened', 'follow.ended')
"""

_NEW_STAFF = """
INSERT INTO tenants_staff (tenant_id, userid, name, active, created_at)
SELECT %(tenant)s, named.userid, '', true, now() FROM unnest(%(userids)s::text[]) AS named(userid)
ORDER BY named.userid
ON CONFLICT (tenant_id, userid) DO NOTHING
"""

# Only they are compared: everybody else has nothing to lose.
_REACHED = """
SELECT DISTINCT contact_id FROM contacts_reachspell
WHERE tenant_id = %(tenant)s AND contact_id = ANY(%(contacts)s::bigint[])
"""

_SPELL = "contact_id, staff_id, account, opened_at, opened_by, ended_at, ended_by"
_STORED = f"""
SELECT {_SPELL} FROM contacts_reachspell
WHERE tenant_id = %(tenant)s AND contact_id = ANY(%(contacts)s::bigint[])
"""  # noqa: S608 - constants only

_CHANGED = f"""
{_SPELLS},
mine AS (SELECT {_SPELL} FROM spells),
stored AS ({_STORED})
(SELECT contact_id FROM (TABLE mine EXCEPT TABLE stored) AS missing)
UNION (SELECT contact_id FROM (TABLE stored EXCEPT TABLE mine) AS wrong)
UNION (
  SELECT c.id FROM contacts_contact c
  JOIN (SELECT contact_id, min(opened_at) AS opened_at, max(staff_id) AS staff_id
        FROM mine GROUP BY contact_id) r ON r.contact_id = c.id
  WHERE c.tenant_id = %(tenant)s
    AND (c.acquired_at IS DISTINCT FROM r.opened_at
         OR (c.owner_id IS NULL AND r.staff_id IS NOT NULL))
)
"""  # noqa: S608 - constants only

_DROP = """
DELETE FROM contacts_reachspell
WHERE tenant_id = %(tenant)s AND contact_id = ANY(%(contacts)s::bigint[])
"""

_WRITE = f"""
{_SPELLS},
written AS (
  INSERT INTO contacts_reachspell (tenant_id, {_SPELL})
  SELECT %(tenant)s, {_SPELL} FROM spells
),
followed AS (
  INSERT INTO contacts_follow AS f
    (tenant_id, contact_id, staff_id, opened_at, ended_at, ended_by, state, live_code_id, remark,
     description)
  SELECT DISTINCT ON (d.contact_id, d.staff_id)
    %(tenant)s, d.contact_id, d.staff_id, d.opened_at, d.ended_at, d.ended_by, left(d.state, 64),
    (%(codes)s::jsonb->>d.state)::bigint, '', ''
  FROM spells d
  WHERE d.staff_id IS NOT NULL
  ORDER BY d.contact_id, d.staff_id, d.opened_at DESC
  ON CONFLICT (tenant_id, contact_id, staff_id) DO UPDATE SET
    opened_at = EXCLUDED.opened_at, ended_at = EXCLUDED.ended_at, ended_by = EXCLUDED.ended_by,
    state = EXCLUDED.state, live_code_id = EXCLUDED.live_code_id
  WHERE (f.opened_at, f.ended_at, f.ended_by, f.state, f.live_code_id) IS DISTINCT FROM
    (EXCLUDED.opened_at, EXCLUDED.ended_at, EXCLUDED.ended_by, EXCLUDED.state,
     EXCLUDED.live_code_id)
)
UPDATE contacts_contact c
SET acquired_at = r.opened_at, owner_id = COALESCE(c.owner_id, r.staff_id), updated_at = now()
FROM (
  SELECT wanted.id, min(s.opened_at) AS opened_at,
    (array_agg(s.staff_id ORDER BY s.opened_at, s.staff_id)
       FILTER (WHERE s.staff_id IS NOT NULL))[1] AS staff_id
  FROM unnest(%(contacts)s::bigint[]) AS wanted(id)
  LEFT JOIN spells s ON s.contact_id = wanted.id
  GROUP BY wanted.id
) r
WHERE c.tenant_id = %(tenant)s AND c.id = r.id
  AND (c.acquired_at IS DISTINCT FROM r.opened_at
       OR (c.owner_id IS NULL AND r.staff_id IS NOT NULL))
"""  # noqa: S608 - constants only


def rebuild(contact_ids: Iterable[int]) -> None:
    """Inside a scope: make spells, Follows, `acquired_at` and an empty owner of these contacts
    agree with their events. Thousands at once are fine; hold it to some 10,000 a call.
    """
    contacts = sorted(set(contact_ids))
    if not contacts:
        return
    _run(_LOCK, contacts=contacts)
    staff, codes = _names(contacts)
    reached = {row[0] for row in _run(_REACHED, contacts=contacts)}
    compared = _run(_CHANGED, contacts=sorted(reached), staff=staff) if reached else []
    changed = [row[0] for row in compared]
    if changed:
        _run(_DROP, contacts=changed)
    wanted = sorted(set(contacts).difference(reached).union(changed))
    if wanted:
        _run(_WRITE, contacts=wanted, staff=staff, codes=codes)


def _names(contacts: list[int]) -> tuple[str, str]:
    """Members by userid, made where unknown, and live codes by state, as JSON maps to row ids."""
    named = _run(_NAMED, contacts=contacts)
    userids = {userid for userid, _ in named if userid and len(userid) <= USERID_LENGTH}
    staff = known(userids)
    missing = sorted(userids.difference(staff))
    if missing:
        add_staff(missing)
        staff |= known(missing)
    states = {state for _, state in named if state}
    codes = dict(LiveCode.objects.filter(state__in=states).values_list("state", "id"))
    return json.dumps(staff), json.dumps(codes)


def add_staff(userids: list[str]) -> None:
    """Staff without log-in, for userids that nobody has."""
    _run(_NEW_STAFF, userids=sorted(userids))


def _run(statement: str, **parameters: list[int] | list[str] | str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, {"tenant": current_tenant_id(), **parameters})
        return cursor.fetchall() if cursor.description else []


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
