"""What do the deeds of these contacts add to the cells? As in analytics/upkeep.py, as one table."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection

from analytics.deeds.readings import (
    COLUMNS,
    READING,
    SPOKEN_TAIL,
    TAIL,
    TO_ADD,
    TO_BUY,
    Deed,
    cells,
)
from analytics.narrowing import AS_USUAL, BY_HASH, of_these
from analytics.periods import midnight
from contacts import arrays

_CELL = "kind, channel_id, day, before, seen, next"
_REFRESH = f"""
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
    cells("(SELECT *, 1 AS sign FROM fresh UNION ALL SELECT *, -1 FROM stale) f", "sign", "DAYS")
}) moved
WHERE times <> 0 OR fen <> 0
ON CONFLICT (tenant_id, {_CELL}) DO UPDATE
SET times = c.times + EXCLUDED.times, fen = c.fen + EXCLUDED.fen
"""  # noqa: S608 - our own names
_ALL = of_these(_REFRESH.replace("DAYS", ""), READING)
_TAIL, _SPOKEN_TAIL = (
    of_these(_REFRESH.replace("DAYS", " AND u.day >= %(tail_day)s"), tail)
    for tail in (TAIL, SPOKEN_TAIL)
)

# Whose deeds hang on these contacts: those who referred them, now or when it was last read.
_REFERRERS = of_these("""
SELECT c.referrer_id FROM contacts_contact c
WHERE c.tenant_id = %(tenant)s AND c.referrer_id IS NOT NULL{these c.id}
UNION SELECT f.referrer_id FROM analytics_deedfact f
WHERE f.tenant_id = %(tenant)s AND f.referrer_id IS NOT NULL{these f.contact_id}
""")

# Whose earlier deeds may change by what happens now: a scan waits for talk or an order,
_WAITING = of_these(f"""
SELECT f.contact_id FROM analytics_deedfact f
WHERE f.tenant_id = %(tenant)s{{these f.contact_id}} AND EXISTS (
  SELECT FROM unnest(f.kinds, f.days) AS u(kind, day)
  WHERE u.kind = {int(Deed.ADDED)} AND u.day >= %(tail_day)s - {TO_ADD + TO_BUY + 1})
""")  # noqa: S608 - our own names

# and who referred others for the first order.
_REFERRED = of_these("""
SELECT c.referrer_id FROM contacts_contact c WHERE c.tenant_id = %(tenant)s{these c.referrer_id}
""")


def referrers(given: Mapping[str, Any], contact_ids: Collection[int]) -> set[int]:
    """Inside a scope: the contacts whose deeds hang on these."""
    return _ids(_REFERRERS, given, contact_ids)


def refresh(given: Mapping[str, Any], contact_ids: Collection[int]) -> None:
    """Inside a scope, alone for the tenant: make deeds and cells agree with these contacts."""
    _run(_ALL, given, contact_ids)


def refresh_since(
    given: Mapping[str, Any],
    since: datetime,
    *,
    bought: Collection[int] = (),
    touched: Collection[int] = (),
    spoken: Collection[int] = (),
    talked: Collection[int] = (),
) -> None:
    """The same, where nothing but this came from then on; `talked` to were they."""
    zone = ZoneInfo(given["zone"])
    day = since.astimezone(zone).date()
    of_time = {**given, "tail_day": day, "tail": midnight(day, zone)}
    all_of_them = {*bought, *touched, *spoken, *talked}
    waiting = _ids(_WAITING, of_time, all_of_them) | _ids(_REFERRED, given, bought)
    acted = {*bought, *touched}
    refresh(given, waiting)
    _run(_TAIL, of_time, acted - waiting)
    _run(_SPOKEN_TAIL, of_time, set(spoken) - acted - waiting)


def _run(sql: str, given: Mapping[str, Any], contact_ids: Collection[int]) -> None:
    if not contact_ids:
        return
    with connection.cursor() as cursor:
        cursor.execute(BY_HASH)
        cursor.execute(sql, {**given, "contacts": arrays.literal(sorted(contact_ids))})
        cursor.execute(AS_USUAL)


def _ids(sql: str, given: Mapping[str, Any], contact_ids: Collection[int]) -> set[int]:
    with connection.cursor() as cursor:
        cursor.execute(sql, {**given, "contacts": arrays.literal(sorted(contact_ids))})
        return {row[0] for row in cursor.fetchall()}
