"""What goes on in a large tenant of bench/big_business.py: friendships, events, tags, touches."""

from __future__ import annotations

from typing import Any

import duckdb
from django.db import connection

from bench import big_business
from contacts.models import Tag
from tenants.models import Staff, Team, Tenant
from tenants.scope import scope

GUIDES, TEAMS, TAGS = 100, 5, 10
EVENTS = 10  # a contact, on average

# A sixth end, half of these come back; who was ended by whom is a third each.
_SPELLS = """
INSERT INTO contacts_reachspell (tenant_id, contact_id, staff_id, account, opened_at, opened_by,
  ended_at, ended_by)
SELECT %(tenant)s, id, staff, '', opened, '', CASE WHEN over < now() THEN over END,
  CASE WHEN over < now() THEN (ARRAY['customer', 'staff', 'transfer'])[1 + id %% 3] ELSE '' END
FROM (
  SELECT id, acquired_at AS opened, (%(staff)s::bigint[])[1 + id %% %(guides)s] AS staff,
    CASE WHEN id %% 6 = 0 THEN acquired_at + (1 + id %% 200) * interval '1 day' END AS over
  FROM contacts_contact WHERE tenant_id = %(tenant)s
  UNION ALL
  SELECT id, acquired_at + (3 + id %% 200) * interval '1 day',
    (%(staff)s::bigint[])[1 + (id + 7) %% %(guides)s], NULL
  FROM contacts_contact WHERE tenant_id = %(tenant)s AND id %% 12 = 0
) s WHERE opened < now()
"""
_FOLLOWS = """
INSERT INTO contacts_follow (tenant_id, contact_id, staff_id, opened_at, ended_at, ended_by, state,
  remark, description)
SELECT DISTINCT ON (contact_id, staff_id) tenant_id, contact_id, staff_id, opened_at, ended_at,
  ended_by, '', '', '' FROM contacts_reachspell WHERE tenant_id = %(tenant)s
ORDER BY contact_id, staff_id, opened_at DESC
"""
_SCANS = """
INSERT INTO contacts_event (tenant_id, contact_id, kind, at, source, key, properties, received_at,
  handled_at, problem)
SELECT %(tenant)s, id, 'livecode.scanned', acquired_at - (id %% 300) * interval '1 second', 'bench',
  'scan' || id, '{}', now(), now(), ''
FROM contacts_contact WHERE tenant_id = %(tenant)s AND id %% 10 < 7
"""
# Talk begins at once and thins out over the months.
_EVENTS = """
INSERT INTO contacts_event (tenant_id, contact_id, kind, at, source, key, properties, received_at,
  handled_at, problem)
SELECT %(tenant)s, id, kind, at, CASE kind WHEN 'touch.delivered' THEN 'touch' ELSE 'bench' END,
  'bench' || id || '-' || n, '{}', now(), now(), ''
FROM (
  SELECT c.id, k.n, (ARRAY['message.received', 'message.received', 'message.sent', 'message.sent',
      'content.read', 'content.read', 'link.clicked', 'touch.delivered', 'touch.delivered',
      'touch.delivered'])[1 + floor(random() * 10)::int] AS kind,
    c.acquired_at + power(random(), 3) * interval '400 days' AS at
  FROM contacts_contact c CROSS JOIN generate_series(1, %(events)s) AS k(n)
  WHERE c.tenant_id = %(tenant)s
) e WHERE at < now()
"""
_TAGGINGS = """
INSERT INTO contacts_contacttag (tenant_id, tag_id, contact_id, by, why, at)
SELECT %(tenant)s, (%(tags)s::bigint[])[1 + (c.id + k.n * 3) %% %(kinds)s], c.id, 'api', '', now()
FROM contacts_contact c CROSS JOIN generate_series(0, 1) AS k(n)
WHERE c.tenant_id = %(tenant)s AND c.id %% 5 < 3
"""
_TOUCHES = """
INSERT INTO journeys_touch (tenant_id, key, contact_id, route, kind, state, reason, due_at, held,
  attempt, provider_id, sending_at, sent_at, delivered_at, ask, reminded, created_at)
SELECT tenant_id, 'bench:' || id, contact_id, 'task',
  (ARRAY['promotion', 'service', 'greeting'])[1 + id %% 3], 'delivered', '', at, false, 1, '', at,
  at, at, '', '[]', at
FROM contacts_event WHERE tenant_id = %(tenant)s AND kind = 'touch.delivered'
"""
_TABLES = (
    "contacts_reachspell", "contacts_follow", "contacts_contacttag", "journeys_touch",
    "analytics_assetpiece", "analytics_assetcell", "analytics_assetchange",
    "analytics_assetbalance", "analytics_forecast",
)  # fmt: skip
_EXPORT = {
    "spells": """
SELECT contact_id AS contact, staff_id AS staff, {at}(opened_at) AS opened, opened_by,
  {at}(ended_at) AS ended, ended_by FROM contacts_reachspell""",
    "events": """
SELECT contact_id AS contact, kind, {at}(at) AS t FROM contacts_event""",
    "tags": "SELECT contact_id AS contact, tag_id AS tag FROM contacts_contacttag",
    "touches": "SELECT contact_id AS contact, kind, {at}(sent_at) AS t FROM journeys_touch",
}


def create(contacts: int) -> Tenant:
    tenant = big_business.create(contacts)
    with scope(tenant):
        teams = [Team.objects.create(name=f"Store {n}") for n in range(TEAMS)]
        staff = [
            Staff.objects.create(userid=f"guide{n:03}", team=teams[n % TEAMS]).pk
            for n in range(GUIDES)
        ]
        tags = [Tag.objects.create(name=f"Tag {n}").pk for n in range(TAGS)]
        values: dict[str, Any] = {
            "tenant": tenant.pk, "staff": staff, "guides": GUIDES, "tags": tags, "kinds": TAGS,
            "events": EVENTS,
        }  # fmt: skip
        with connection.cursor() as cursor:
            for statement in (_SPELLS, _FOLLOWS, _SCANS, _EVENTS, _TAGGINGS, _TOUCHES):
                cursor.execute(statement, values)
    return tenant


def vacuum() -> None:
    big_business.vacuum(_TABLES)


def to_duckdb(tenant_id: int) -> duckdb.DuckDBPyConnection:
    return big_business.to_duckdb(tenant_id, more=_EXPORT)
