"""What is the SQL of a rule made of? Sets of contact ids, and conditions on a contact's own row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

Values = tuple[Any, ...]

# A contact has a few rows of these: their columns that rules ask for.
_FEW: Final = {"contacts_contact": "t.*", "contacts_contacttag": "t.contact_id, t.tag_id"}
# A contact may have thousands of rows of these, by this time.
_MANY: Final = {"contacts_event": "t.at"}


@dataclass
class Facts:
    """What several rules ask of the same contacts, read once a statement: parts of its WITH.

    `stretches` are those of long tables, each since when, with which condition. `tags` are the ids
    of tags by name, as far as they were looked up for all rules.
    """

    tags: Mapping[str, int] = field(default_factory=dict)
    tables: set[str] = field(default_factory=set)
    stretches: dict[str, list[tuple[datetime, str, Values]]] = field(default_factory=dict)

    def name(
        self, table: str, where: str = "", values: Values = (), since: datetime | None = None
    ) -> str:
        """Where the rows of the contacts concerned are found; "" when they are not gathered."""
        if table in _FEW:
            self.tables.add(table)
        elif table in _MANY and since is not None:
            self.stretches.setdefault(table, []).append((since, where, values))
        else:
            return ""
        return f"these_{table}"

    def parts(self, moment: Moment) -> list[tuple[str, Values]]:
        """`name AS (…)` of each table, once all rules are compiled."""
        found = []
        for table in sorted(self.tables):
            column = "t.id" if table == "contacts_contact" else "t.contact_id"
            found.append(_gathered(table, _FEW[table], column, moment))
        for table, asked in sorted(self.stretches.items()):
            either = " OR ".join(f"({where})" for _since, where, _values in asked)
            values = sum((values for _since, _where, values in asked), ())
            first = min(since for since, _where, _values in asked)
            # IS TRUE hides kinds from the planner: an index by kind would read everybody's.
            more = f" AND {_MANY[table]} >= %s AND ({either}) IS TRUE"
            found.append(_gathered(table, "t.*", "t.contact_id", moment, more, (first, *values)))
        return found


def _gathered(
    table: str, columns: str, column: str, moment: Moment, more: str = "", values: Values = ()
) -> tuple[str, Values]:
    among, whom = restriction(column, moment)
    sql = f"SELECT {columns} FROM {table} t WHERE t.tenant_id = %s{among}{more}"  # noqa: S608 - own names, values apart
    return f"these_{table} AS MATERIALIZED ({sql})", (moment.tenant, *whom, *values)


@dataclass(frozen=True)
class Moment:
    """As of when a rule is compiled, and among whom: None is everybody. With `facts`, what is read
    of them is gathered there, and the statement has to begin with it. `within` narrows further whom
    else is asked of.
    """

    tenant: int
    now: datetime
    zone: ZoneInfo
    among: Sequence[int] | None = None
    facts: Facts | None = None
    within: Ids | None = None

    def ago(self, days: float) -> datetime:
        return self.now - timedelta(days=days)


@dataclass(frozen=True)
class Ids:
    """A SELECT with the column contact_id. `negated`: everybody but these.

    `distinct` says that no id comes twice, `gathered` that it reads what was gathered only.
    """

    sql: str
    values: Values
    distinct: bool = False
    negated: bool = False
    gathered: bool = False

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
    since: datetime | None = None,
) -> Ids:
    """The contacts of another table's rows `t`; with `having`, of groups of a contact's rows.

    `since`: the condition lets no earlier row through.
    """
    gathered = moment.facts.name(table, where, tuple(values), since) if moment.facts else ""
    sql, given = _reading(table, "t", "contact_id", gathered, moment)
    if where:
        sql += f" AND {where}"
    if having:
        sql += f" GROUP BY t.contact_id HAVING {having}"
    return Ids(
        sql,
        (*given, *values, *having_values),
        distinct or bool(having),
        gathered=bool(gathered),
    )


def contacts(moment: Moment, where: Where | None = None) -> Ids:
    """Everybody, or those whose own row fulfils the condition."""
    gathered = moment.facts.name("contacts_contact") if moment.facts else ""
    sql, given = _reading("contacts_contact", "c", "id", gathered, moment)
    if where is None:
        return Ids(sql, given, distinct=True)
    return Ids(f"{sql} AND {where.sql}", (*given, *where.values), distinct=True)


def _reading(
    table: str, row: str, column: str, gathered: str, moment: Moment
) -> tuple[str, Values]:
    ids = f"SELECT {row}.{column} AS contact_id FROM"
    if gathered:
        return f"{ids} {gathered} {row} WHERE true", ()
    among, whom = restriction(f"{row}.{column}", moment)
    return f"{ids} {table} {row} WHERE {row}.tenant_id = %s{among}", (moment.tenant, *whom)


def restriction(column: str, moment: Moment) -> tuple[str, Values]:
    """One literal for all ids: the planner sees how many there are, and parses it at once."""
    if moment.within is not None:
        few = f"ARRAY(SELECT contact_id FROM ({moment.within.sql}) s)"  # noqa: S608 - own names, values apart
        return f" AND {column} = ANY({few})", moment.within.values
    if moment.among is None:
        return "", ()
    return f" AND {column} = ANY(%s::bigint[])", (array(moment.among),)


def array(numbers: Sequence[int]) -> str:
    return f"{{{','.join(map(str, numbers))}}}"
