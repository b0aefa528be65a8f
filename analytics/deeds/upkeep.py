"""What do the deeds of these contacts add to the cells? As in analytics/upkeep.py, as one table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import connection

from analytics.deeds.readings import COLUMNS, READING, TO_ADD, TO_SERVE, Deed, cells
from analytics.narrowing import of_these
from contacts import arrays

_CELL = "kind, channel_id, day, before, seen, next"
_REFRESH = of_these(
    f"""
, old AS (
  SELECT contact_id, {COLUMNS} FROM analytics_deedfact
  WHERE tenant_id = %(tenant)s{{these contact_id}}
), new AS ({{new}}), fresh AS MATERIALIZED (
  SELECT new.* FROM new LEFT JOIN old USING (contact_id)
  WHERE old.contact_id IS NULL OR new IS DISTINCT FROM old
), stale AS MATERIALIZED (
  SELECT old.* FROM old LEFT JOIN new USING (contact_id)
  WHERE new.contact_id IS NULL OR new IS DISTINCT FROM old
), kept AS (
  INSERT INTO analytics_deedfact (tenant_id, contact_id, {COLUMNS})
  SELECT %(tenant)s, contact_id, {COLUMNS} FROM fresh
  ON CONFLICT (tenant_id, contact_id) DO UPDATE SET
    {", ".join(f"{name} = EXCLUDED.{name}" for name in COLUMNS.split(", "))}
), gone AS (
  DELETE FROM analytics_deedfact WHERE tenant_id = %(tenant)s AND contact_id = ANY(ARRAY(
    SELECT contact_id FROM stale EXCEPT SELECT contact_id FROM new))
)
INSERT INTO analytics_deedcell AS c (tenant_id, {_CELL}, times, fen)
SELECT %(tenant)s, moved.* FROM ({
        cells("(SELECT *, 1 AS sign FROM fresh UNION ALL SELECT *, -1 FROM stale) f", "sign")
    }) moved
WHERE times <> 0 OR fen <> 0
ON CONFLICT (tenant_id, {_CELL}) DO UPDATE
SET times = c.times + EXCLUDED.times, fen = c.fen + EXCLUDED.fen
""",  # noqa: S608 - our own names
    READING,
)

# Whose deeds hang on these contacts: those who referred them, now or when it was last read.
_REFERRERS = of_these("""
SELECT c.referrer_id FROM contacts_contact c
WHERE c.tenant_id = %(tenant)s AND c.referrer_id IS NOT NULL{these c.id}
UNION SELECT f.referrer_id FROM analytics_deedfact f
WHERE f.tenant_id = %(tenant)s AND f.referrer_id IS NOT NULL{these f.contact_id}
""")

# A sign of life changes nothing when its day is known, nor talk unless a scan waits to be served.
_SPOKE_ANEW = of_these(f"""
SELECT e.contact_id FROM contacts_event e
LEFT JOIN analytics_deedfact f ON f.tenant_id = %(tenant)s AND f.contact_id = e.contact_id
  {{these f.contact_id}}
WHERE e.tenant_id = %(tenant)s AND e.kind = ANY(%(inbound)s::text[])
  AND e.at >= %(since)s{{these e.contact_id}} AND NOT EXISTS (
    SELECT FROM unnest(f.kinds, f.days) AS u(kind, day)
    WHERE u.kind = {int(Deed.SPOKE)} AND u.day = (e.at AT TIME ZONE %(zone)s)::date)
UNION SELECT f.contact_id FROM analytics_deedfact f
WHERE f.tenant_id = %(tenant)s{{these f.contact_id}} AND EXISTS (
  SELECT FROM unnest(f.kinds, f.days) AS u(kind, day)
  WHERE u.kind = {int(Deed.ADDED)}
    AND u.day >= (%(since)s AT TIME ZONE %(zone)s)::date - {TO_ADD + TO_SERVE + 1})
""")  # noqa: S608 - our own names


def referrers(given: Mapping[str, Any], contact_ids: Sequence[int]) -> set[int]:
    """Inside a scope: the contacts whose deeds hang on these."""
    return _ids(_REFERRERS, given, contact_ids)


def spoke_anew(given: Mapping[str, Any], contact_ids: Sequence[int], since: datetime) -> set[int]:
    """Inside a scope: those of them whose deeds talk from `since` on may have changed."""
    return _ids(_SPOKE_ANEW, {**given, "since": since}, contact_ids)


def refresh(given: Mapping[str, Any], contact_ids: Sequence[int]) -> None:
    """Inside a scope, alone for the tenant: make deeds and cells agree with these contacts."""
    with connection.cursor() as cursor:
        cursor.execute(_REFRESH, {**given, "contacts": arrays.literal(contact_ids)})


def _ids(sql: str, given: Mapping[str, Any], contact_ids: Sequence[int]) -> set[int]:
    with connection.cursor() as cursor:
        cursor.execute(sql, {**given, "contacts": arrays.literal(contact_ids)})
        return {row[0] for row in cursor.fetchall()}
