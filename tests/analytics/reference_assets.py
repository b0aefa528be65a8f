"""The statement of user assets once more: slow, from events and orders, FIGURES word by word."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from contacts.kinds import INBOUND
from contacts.models import Channel, Contact, Event
from tenants.models import Staff, Tenant
from tests.analytics.reference import DAY, World

Row = dict[str, Any]
LINES = (
    "opening", "acquired", "returned", "lost_by_customer", "lost_by_staff", "moved_in",
    "moved_out", "closing",
)  # fmt: skip
OPENS = {"follow.opened", "subscription.opened"}
ENDS = {"follow.ended", "subscription.ended"}


@dataclass
class Spell:
    """`end` None: still open."""

    start: datetime
    start_by: str
    end: datetime | None = None
    end_by: str = ""


@dataclass
class Stretch:
    start: datetime
    start_by: str
    spells: list[Spell]
    first: bool

    @property
    def end(self) -> datetime | None:
        ends = [spell.end for spell in self.spells]
        return None if None in ends else max(end for end in ends if end)

    @property
    def end_by(self) -> str:
        """R14: whoever ended the last open route; several at one second: customer wins."""
        assert self.end
        second = self.end.replace(microsecond=0)
        last = [s for s in self.spells if s.end and s.end.replace(microsecond=0) == second]
        if any(spell.end_by == "customer" for spell in last):
            return "customer"
        return max(last, key=lambda spell: spell.end or spell.start).end_by


class Assets:
    """Who could be reached by what, and when, as known before `as_of`."""

    def __init__(self, tenant: Tenant, as_of: datetime) -> None:
        self.world = World(tenant, as_of)
        self.routes: dict[int, dict[str, list[Spell]]] = defaultdict(dict)
        facts: dict[tuple[int, str], list[tuple[datetime, bool, str]]] = defaultdict(list)
        self.inbound: dict[int, list[datetime]] = defaultdict(list)
        for e in Event.objects.filter(at__lt=as_of).order_by("id"):
            if e.kind in INBOUND:
                self.inbound[e.contact_id].append(e.at)
            if e.kind not in OPENS | ENDS:
                continue
            follow = e.kind.startswith("follow.")
            route = str(e.properties["staff"]) if follow else f"fan {e.properties['account']}"
            by = str(e.properties.get("by", "")) if follow else "customer"
            facts[e.contact_id, route].append((e.at, e.kind in OPENS, by))
        for (contact, route), told in facts.items():
            self.routes[contact][route] = list(spells(told))
        self.bought = {
            pk: [at for at, _margin in person.orders] for pk, person in self.world.people.items()
        }
        self.staff = {s.userid: s for s in Staff.objects.select_related("team")}
        self.channels = dict(Channel.objects.values_list("pk", "name"))
        self.of = dict(Contact.objects.values_list("pk", "channel_id"))

    def level(self, contact: int, at: datetime) -> str:
        """R14, R15."""
        if not any(at - 30 * DAY <= t < at for t in self.inbound[contact]):
            return "L1"
        return "L3" if any(at - 365 * DAY <= t < at for t in self.bought[contact]) else "L2"

    def statement(
        self,
        start: date,
        end: date,
        group: str,
        channel: int | None = None,
        owners: set[int] | None = None,
    ) -> dict[str | None, Row]:
        begin, until = self.world.midnight(start), self.world.midnight(end)
        rows: dict[str | None, Row] = defaultdict(lambda: dict.fromkeys(LINES, 0))
        if group == "ownership":
            for level in ("L1", "L2", "L3"):
                rows[level]
        for contact in self.wanted(channel, owners):
            routes = self.routes[contact]
            if group in ("staff", "team"):
                friends = {who: mine for who, mine in routes.items() if who in self.staff}
                for userid, mine in friends.items():
                    for stretch in stretches(mine):
                        guide(rows[self.name(group, userid)], stretch, begin, until)
            else:
                for stretch in stretches([spell for mine in routes.values() for spell in mine]):
                    self.head(rows, group, contact, stretch, begin, until)
        return {
            name: row for name, row in rows.items() if group == "ownership" or any(row.values())
        }

    def wanted(self, channel: int | None, owners: set[int] | None) -> list[int]:
        return [
            pk
            for pk, person in self.world.people.items()
            if channel in (None, person.channel) and (owners is None or person.owner in owners)
        ]

    def name(self, group: str, userid: str) -> str | None:
        team = self.staff[userid].team
        return userid if group == "staff" else team.name if team else None

    def head(
        self,
        rows: dict[str | None, Row],
        group: str,
        contact: int,
        stretch: Stretch,
        begin: datetime,
        until: datetime,
    ) -> None:
        end = stretch.end
        if stretch.start >= until or (end is not None and end < begin):
            return

        def row(at: datetime) -> Row:
            if group == "ownership":
                return rows[self.level(contact, at)]
            pk = self.of[contact]
            return rows[None if pk is None else self.channels[pk]]

        if stretch.start < begin:
            came = row(begin)
            came["opening"] += 1
        else:
            came = row(stretch.start)
            came["acquired" if stretch.first else "returned"] += 1
        if end is None or end >= until:
            went = row(until)
            went["closing"] += 1
        else:
            went = row(end)
            by = "customer" if stretch.end_by == "customer" else "staff"
            went[f"lost_by_{by}"] += 1
        if came is not went:
            came["moved_out"] += 1
            went["moved_in"] += 1


def guide(row: Row, stretch: Stretch, begin: datetime, until: datetime) -> None:
    """R16."""
    end = stretch.end
    if stretch.start >= until or (end is not None and end < begin):
        return
    if stretch.start < begin:
        row["opening"] += 1
    elif stretch.start_by == "transfer":
        row["moved_in"] += 1
    else:
        row["acquired" if stretch.first else "returned"] += 1
    if end is None or end >= until:
        row["closing"] += 1
    elif stretch.end_by == "transfer":
        row["moved_out"] += 1
    else:
        by = "customer" if stretch.end_by == "customer" else "staff"
        row[f"lost_by_{by}"] += 1


def spells(told: Iterable[tuple[datetime, bool, str]]) -> Iterable[Spell]:
    """R7: opening an open one or ending a closed one changes nothing; ends apply first."""
    current: Spell | None = None
    for at, opens, by in sorted(told, key=lambda fact: (fact[0], fact[1], fact[2])):
        if opens and current is None:
            current = Spell(at, by)
        elif not opens and current is not None:
            current.end, current.end_by = at, by
            yield current
            current = None
    if current is not None:
        yield current


def stretches(found: list[Spell]) -> list[Stretch]:
    """R14: spells that touch are one."""
    joined: list[Stretch] = []
    for spell in sorted(found, key=lambda spell: spell.start):
        last = joined[-1] if joined else None
        if last is not None and (last.end is None or spell.start <= last.end):
            last.spells.append(spell)
        else:
            joined.append(Stretch(spell.start, spell.start_by, [spell], first=not joined))
    return joined
