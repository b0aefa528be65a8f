"""Within how many days did each Follow end, and how? One reading of some contacts or of all.

A hand-over is no opening, and no loss: after it the Follow was not observed any more. Within N days
is N × 86,400 s, both ends in (FIGURES R2), so it hangs on no zone and no moment of asking; only
whether the N days are over does, and cells.py asks that.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Any, Final, Literal

from contacts.models import SourceKind

DAYS: Final = (1, 3, 7, 30, 90)
Group = Literal["channel", "staff", "live_code", "source"]
# The groups by their columns of LossFact, and by their numbers in LossCell.
COLUMN_OF: Final[Mapping[Group, str]] = {
    "channel": "channel_id",
    "staff": "staff_id",
    "live_code": "live_code_id",
    "source": "source",
}
KINDS: Final[Mapping[Group, int]] = {group: n for n, group in enumerate(COLUMN_OF, start=1)}
# By their numbers, from 1 on. In another order, or with one in between, facts have another form.
SOURCES: Final = tuple(SourceKind.values)
BORDERS: Final = f"ARRAY{[f'{days} days' for days in DAYS]}::interval[]"


class Ending(IntEnum):
    """What the column `ending` says."""

    NONE = 0  # or later than DAYS reach
    BY_CUSTOMER = 1
    BY_STAFF = 2  # or nobody knows by whom
    HANDED_OVER = 3


LOST: Final = f"ending IN ({int(Ending.BY_CUSTOMER)}, {int(Ending.BY_STAFF)})"
DELETED: Final = f"ending = {int(Ending.BY_CUSTOMER)}"
HANDED: Final = f"ending = {int(Ending.HANDED_OVER)}"


def parameters() -> dict[str, Any]:
    """What READING is asked with, besides tenant and zone."""
    return {"sources": list(SOURCES)}


COLUMNS: Final = (
    "contact_id, staff_id, opened_at, day, channel_id, live_code_id, source, ending, place"
)
# `{these column}` is where the reading is narrowed to the contacts that changed.
READING: Final = f"""
SELECT contact_id, staff_id, opened_at, day, channel_id, live_code_id, source,
  CASE WHEN place < {len(DAYS)} THEN ending ELSE {int(Ending.NONE)} END::smallint AS ending,
  place::smallint AS place
FROM (
  SELECT s.contact_id, s.staff_id, s.opened_at, (s.opened_at AT TIME ZONE %(zone)s)::date AS day,
    COALESCE(c.channel_id, 0) AS channel_id,
    COALESCE(f.live_code_id, c.live_code_id, 0) AS live_code_id,
    COALESCE(array_position(%(sources)s::text[], c.source::text), 0)::smallint AS source, e.ending,
    CASE WHEN e.ending = {int(Ending.NONE)} THEN {len(DAYS)}
      ELSE width_bucket(s.ended_at - s.opened_at - e.at_once, {BORDERS}) END AS place
  FROM contacts_reachspell s
  JOIN contacts_contact c ON c.tenant_id = %(tenant)s AND c.id = s.contact_id{{these c.id}}
  LEFT JOIN contacts_follow f ON f.tenant_id = %(tenant)s AND f.contact_id = s.contact_id
    AND f.staff_id = s.staff_id AND f.opened_at = s.opened_at{{these f.contact_id}}
  CROSS JOIN LATERAL (SELECT
    CASE s.ended_by WHEN 'customer' THEN {int(Ending.BY_CUSTOMER)}
      WHEN 'staff' THEN {int(Ending.BY_STAFF)} WHEN 'unknown' THEN {int(Ending.BY_STAFF)}
      WHEN 'transfer' THEN {int(Ending.HANDED_OVER)} ELSE {int(Ending.NONE)} END AS ending,
    CASE s.ended_by WHEN 'transfer' THEN interval '0' ELSE interval '1 microsecond' END AS at_once
  ) e
  WHERE s.tenant_id = %(tenant)s AND s.staff_id IS NOT NULL AND s.opened_by <> 'transfer'
    {{these s.contact_id}}) told
"""  # noqa: S608 - our own names

# How each line of LossCell counts facts.
LINES: Final[Mapping[str, str]] = {
    "opened": "true",
    **{
        f"{line}_{days}": f"{which} AND place <= {place}"
        for line, which in (("lost", LOST), ("deleted", DELETED), ("handed", HANDED))
        for place, days in enumerate(DAYS)
    },
}


def cells(facts: str, times: str = "1") -> str:
    """What these LossFacts add to the cells; each counts `times` times."""
    sums = ", ".join(
        f"COALESCE(sum({times}) FILTER (WHERE {which}), 0)::int AS {line}"
        for line, which in LINES.items()
    )
    keys = ", ".join(f"({KINDS[group]}, f.{column})" for group, column in COLUMN_OF.items())
    return f"""
SELECT k.kind::smallint AS kind, f.day, k.key, {sums}
FROM {facts} f CROSS JOIN LATERAL (VALUES {keys}) AS k(kind, key)
GROUP BY k.kind, f.day, k.key ORDER BY 1, 2, 3"""  # noqa: S608 - our own names
