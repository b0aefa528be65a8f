"""What do the Follows of these contacts add to the cells? As in analytics/upkeep.py."""

from __future__ import annotations

from typing import Final

from analytics.loss_facts.readings import COLUMNS, LINES, READING, cells
from analytics.narrowing import of_these

_KEY = "contact_id, staff_id, opened_at"
_VALUES = COLUMNS.removeprefix(f"{_KEY}, ").split(", ")
_REFRESH = f"""
, old AS (
  SELECT {COLUMNS} FROM analytics_lossfact WHERE tenant_id = %(tenant)s{{these contact_id}}
), new AS ({{new}}), fresh AS MATERIALIZED (
  SELECT {COLUMNS} FROM new EXCEPT SELECT {COLUMNS} FROM old
), stale AS MATERIALIZED (
  SELECT {COLUMNS} FROM old EXCEPT SELECT {COLUMNS} FROM new
), kept AS (
  INSERT INTO analytics_lossfact (tenant_id, {COLUMNS})
  SELECT %(tenant)s, {COLUMNS} FROM fresh
  ON CONFLICT (tenant_id, {_KEY}) DO UPDATE SET
    {", ".join(f"{name} = EXCLUDED.{name}" for name in _VALUES)}
), lost AS (
  SELECT {_KEY} FROM stale EXCEPT SELECT {_KEY} FROM fresh
), gone AS (
  DELETE FROM analytics_lossfact f USING lost
  WHERE f.tenant_id = %(tenant)s AND f.contact_id = ANY(ARRAY(SELECT contact_id FROM lost))
    AND (f.contact_id, f.staff_id, f.opened_at) = (lost.contact_id, lost.staff_id, lost.opened_at)
)
INSERT INTO analytics_losscell AS c (tenant_id, kind, day, key, {", ".join(LINES)})
SELECT %(tenant)s, moved.* FROM ({
    cells("(SELECT *, 1 AS sign FROM fresh UNION ALL SELECT *, -1 FROM stale)", "sign")
}) moved
WHERE ({", ".join(LINES)}) <> ({", ".join("0" for _line in LINES)})
ON CONFLICT (tenant_id, kind, day, key) DO UPDATE SET
  {", ".join(f"{line} = c.{line} + EXCLUDED.{line}" for line in LINES)}
"""  # noqa: S608 - our own names
REFRESH: Final = of_these(_REFRESH, READING)
