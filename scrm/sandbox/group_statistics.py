"""How many groups, members and messages are there, by owner or by day?

The log of each group is replayed, so that the figures are those of what happened.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from scrm.sandbox import days, fields, groups, spans
from scrm.sandbox.calls import Call, Endpoint
from scrm.sandbox.errors import BadFieldError
from scrm.sandbox.fields import Json
from scrm.sandbox.state_groups import Group, GroupAct

MOST_ROWS = 1000
ORDERS = {1: "new_chat_cnt", 2: "chat_total", 3: "new_member_cnt", 4: "member_total"}


@dataclass
class Standing:
    """How a group stood at the end of a day; `joined` counts those who came on that day."""

    owner: str = ""
    founded: bool = False
    joined: int = 0
    dismissed: bool = False
    members: set[str] = field(default_factory=set)
    speakers: set[str] = field(default_factory=set)
    messages: int = 0

    def take(self, act: GroupAct) -> None:
        if act.kind == "owner":
            self.founded = self.founded or not self.owner
            self.owner = act.who
        elif act.kind == "join":
            self.members.add(act.who)
            self.joined += 1
        elif act.kind == "leave":
            self.members.discard(act.who)
        elif act.kind == "speak":
            self.speakers.add(act.who)
            self.messages += 1
        else:
            self.dismissed = True

    def begin_day(self) -> None:
        self.founded, self.joined = False, 0


@dataclass
class Figures:
    """New ones add up over days; totals are those at the end of the last day."""

    new_chat_cnt: int = 0
    chat_total: int = 0
    chat_has_msg: int = 0
    new_member_cnt: int = 0
    member_total: int = 0
    member_has_msg: int = 0
    msg_total: int = 0

    def add_new(self, standing: Standing) -> None:
        self.new_chat_cnt += standing.founded
        self.new_member_cnt += standing.joined

    def add_totals(self, standing: Standing) -> None:
        if standing.dismissed:
            return
        self.chat_total += 1
        self.chat_has_msg += bool(standing.messages)
        self.member_total += len(standing.members)
        self.member_has_msg += len(standing.speakers)
        self.msg_total += standing.messages


See = Callable[[int, Standing], None]


def _replay(group: Group, asked: list[int], see: See) -> None:
    """Calls `see` with each day asked for on which somebody owned the group."""
    standing, acts, at = Standing(), group.log, 0
    while at < len(acts) and acts[at].at < asked[0]:
        standing.take(acts[at])
        at += 1
    for day in asked:
        gone = standing.dismissed
        standing.begin_day()
        while at < len(acts) and acts[at].at < day + days.DAY_S:
            standing.take(acts[at])
            at += 1
        if standing.owner and not gone:
            see(day, standing)


def _asked_for(call: Call) -> tuple[list[int], Callable[[str], bool]]:
    owners = groups.owners_asked_for(call)
    last = spans.newest(call.world)
    asked = spans.asked_for(call.world, call.body, "day_begin_time", "day_end_time", until=last)
    return asked, lambda owner: call.app.sees(owner) and (not owners or owner in owners)


def by_day(call: Call) -> Json:
    asked, counts = _asked_for(call)
    rows = {day: Figures() for day in asked}

    def see(day: int, standing: Standing) -> None:
        if counts(standing.owner):
            rows[day].add_new(standing)
            rows[day].add_totals(standing)

    for group in call.corp.groups.values():
        _replay(group, asked, see)
    return {"items": [{"stat_time": day, "data": vars(row)} for day, row in rows.items()]}


def by_owner(call: Call) -> Json:
    asked, counts = _asked_for(call)
    order = fields.integer(call.body, "order_by", 1)
    offset, limit = fields.integer(call.body, "offset"), fields.integer(call.body, "limit", 500)
    if order not in ORDERS or offset < 0 or not 1 <= limit <= MOST_ROWS:
        raise BadFieldError("order_by is 1 to 4, offset is from 0, limit is 1 to 1000")
    found: dict[str, Figures] = {}

    def see(day: int, standing: Standing) -> None:
        if counts(standing.owner):
            row = found.setdefault(standing.owner, Figures())
            row.add_new(standing)
            if day == asked[-1]:
                row.add_totals(standing)

    for group in call.corp.groups.values():
        _replay(group, asked, see)
    down = not fields.flag(call.body, "order_asc")
    ranked = sorted(
        sorted(found), key=lambda owner: getattr(found[owner], ORDERS[order]), reverse=down
    )
    taken = ranked[offset : offset + limit]
    return {
        "total": len(ranked),
        "next_offset": min(offset + limit, len(ranked)),
        "items": [{"owner": owner, "data": vars(found[owner])} for owner in taken],
    }


ENDPOINTS = {
    "externalcontact/groupchat/statistic": Endpoint(by_owner, empty=("items",)),
    "externalcontact/groupchat/statistic_group_by_day": Endpoint(by_day, empty=("items",)),
}
