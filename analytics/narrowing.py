"""How is a reading of everybody narrowed to the contacts that changed?"""

from __future__ import annotations

import re

# The ids come once, behind a sub-select: a thousand of them written into every condition take the
# planner longer than the reading itself.
_THESE = "WITH these AS MATERIALIZED (SELECT unnest(%(contacts)s::bigint[]) AS id)"
# The planner takes intermediate results for a few rows; of thousands, loops over them are slow.
BY_HASH, AS_USUAL = "SET LOCAL enable_nestloop = off", "SET LOCAL enable_nestloop TO DEFAULT"
_MARK = re.compile(r"\{these ([^}]*)\}")


def of_these(sql: str, new: str = "") -> str:
    """With the ids in front, `{new}` filled in, and each `{these column}` narrowed to the ids."""
    among = r" AND \1 = ANY(ARRAY(SELECT id FROM these))"
    return _THESE + _MARK.sub(among, sql.replace("{new}", new))


def of_all(sql: str) -> str:
    """The same reading of everybody."""
    return _MARK.sub("", sql)
