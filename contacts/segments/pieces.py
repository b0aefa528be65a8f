"""What is the SQL of a rule made of? Sets of contact ids, and conditions on a contact's own row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

Values = tuple[Any, ...]


@dataclass(frozen=True)
class Moment:
    """As of when a rule is compiled, and among whom: None is everybody."""

    tenant: int
    now: datetime
    zone: ZoneInfo
    among: Sequence[int] | None = None

    def ago(self, days: float) -> datetime:
        return self.now - timedelta(days=days)


@dataclass(frozen=True)
class Ids:
    """A SELECT with the column contact_id. `negated`: everybody but these.

    `distinct` says that no id comes twice.
    """

    sql: str
    values: Values
    distinct: bool = False
    negated: bool = False

    def __invert__(self) -> Ids:
        return replace(self, negated=not self.negated)


@dataclass(frozen=True)
class Where:
    """A condition on `c`, the contact's row."""

    sql: str
    values: Values = ()

    def __invert__(self) -> Where:
        return Where(f"({self.sql}) IS NOT TRUE", self.values)


Piece = Ids | Where
NOBODY = Ids("SELECT NULL::bigint AS contact_id WHERE false", (), distinct=True)


def rows(
    table: str,
    where: str,
    values: Sequence[object],
    moment: Moment,
    *,
    having: str = "",
    having_values: Sequence[object] = (),
    distinct: bool = False,
) -> Ids:
    """The contacts of another table's rows `t`; with `having`, of groups of a contact's rows."""
    among, whom = restriction("t.contact_id", moment)
    sql = f"SELECT t.contact_id FROM {table} t WHERE t.tenant_id = %s{among}"  # noqa: S608 - own names, values apart
    if where:
        sql += f" AND {where}"
    if having:
        sql += f" GROUP BY t.contact_id HAVING {having}"
    return Ids(sql, (moment.tenant, *whom, *values, *having_values), distinct or bool(having))


def contacts(moment: Moment, where: Where | None = None) -> Ids:
    """Everybody, or those whose own row fulfils the condition."""
    among, whom = restriction("c.id", moment)
    sql = f"SELECT c.id AS contact_id FROM contacts_contact c WHERE c.tenant_id = %s{among}"  # noqa: S608 - own names, values apart
    if where is None:
        return Ids(sql, (moment.tenant, *whom), distinct=True)
    return Ids(f"{sql} AND {where.sql}", (moment.tenant, *whom, *where.values), distinct=True)


def restriction(column: str, moment: Moment) -> tuple[str, Values]:
    """One literal for all ids: the planner sees how many there are, and parses it at once."""
    if moment.among is None:
        return "", ()
    return f" AND {column} = ANY(%s::bigint[])", (array(moment.among),)


def array(numbers: Sequence[int]) -> str:
    return f"{{{','.join(map(str, numbers))}}}"
