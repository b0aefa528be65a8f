"""What do orders of these customers add to the cells? A part of the statement of their facts."""

from __future__ import annotations

from typing import Final

from analytics.credits.readings import ADDS, CELL, COLUMNS, EARLIER, FACTS, LINES, UNTIL, cells

# What cells are made of, with the orders up to the last moment at which a point is met: of these
# there are `met` days. Most new orders come long after it, and change nothing of all this.
_POINTS: Final = ("channel_id", "reach_us", *ADDS, *EARLIER)
_ORDERS: Final = ("day_lasts", "day_orders", "day_revenues", "day_margins")


def _known(facts: str) -> str:
    points = (f"{facts}.{name}" for name in _POINTS)
    return ", ".join((*points, *(f"{facts}.{name}[:{facts}.met]" for name in _ORDERS)))


def _bounded(facts: str) -> str:
    met = f"width_bucket({UNTIL.format(facts)}, day_lasts) AS met"
    return f"(SELECT *, {met} FROM {facts} OFFSET 0) {facts}"  # noqa: S608 - our own names


_CREDITED: Final = f"""
  SELECT contact_id FROM {_bounded("old")} FULL JOIN {_bounded("new")} USING (contact_id)
  WHERE (old.met > 0 OR new.met > 0 OR old.early_us IS NOT NULL OR new.early_us IS NOT NULL)
    AND ({_known("new")}) IS DISTINCT FROM ({_known("old")})
"""  # noqa: S608 - our own names
_AMONG: Final = "contact_id = ANY(ARRAY(SELECT contact_id FROM credited))"
_CHANGE: Final = f"""(
    SELECT {FACTS}, 1 AS sign FROM new WHERE {_AMONG}
    UNION ALL SELECT {FACTS}, -1 FROM old WHERE {_AMONG}) f"""  # noqa: S608 - our own names
_ADDED: Final = f"""
  INSERT INTO analytics_creditcell AS c (tenant_id, {CELL}, {", ".join(LINES)})
  SELECT %(tenant)s, moved.* FROM ({cells(_CHANGE, "sign")}) moved
  WHERE ({", ".join(LINES)}) <> (0, 0, 0)
  ON CONFLICT (tenant_id, {CELL}) DO UPDATE
  SET {", ".join(f"{line} = c.{line} + EXCLUDED.{line}" for line in LINES)}
"""  # noqa: S608 - our own names


def within(customers: str) -> str:
    """The statement of analytics/upkeep.py, with what credits need of old and new facts."""
    columns = (*ADDS, *EARLIER)
    written = {
        "{credited}": COLUMNS,
        "{credited new}": ", ".join(f"new.{name}" for name in columns),
        "{credited old}": ", ".join(f"old.{name}" for name in columns),
        "{credited kept}": ", ".join(f"{name} = EXCLUDED.{name}" for name in columns),
        "{credits}": f"credited AS ({_CREDITED}), credits AS ({_ADDED})",
    }
    for mark, words in written.items():
        customers = customers.replace(mark, words)
    return customers
