"""Who takes a group over from a member who resigned, or from one who is still there?"""

from collections.abc import Callable

from scrm.sandbox import days, fields, grouping
from scrm.sandbox.calls import Call, Endpoint
from scrm.sandbox.errors import TEXTS, ApiError, BadFieldError
from scrm.sandbox.fields import Json
from scrm.sandbox.state import Corp
from scrm.sandbox.state_groups import Group, OwnerDay
from scrm.sandbox.world import World

MOST_GROUPS = 100
GROUPS_A_DAY = 300
TRANSFERS_EACH = 2
NATURAL_DAYS = 90

Check = Callable[[Call, Group], int]


def _asked_for(call: Call) -> tuple[list[str], str]:
    chat_ids = fields.strings(call.body, "chat_id_list", most=MOST_GROUPS)
    if not chat_ids:
        raise BadFieldError("chat_id_list is missing")
    heir = call.member(fields.given(call.body, "new_owner"))
    if not heir.active:
        raise ApiError(84083)
    if not heir.customer_contact:
        raise ApiError(84074)
    if heir.dormant or not heir.verified:
        raise ApiError(40098)
    return list(dict.fromkeys(chat_ids)), heir.userid


def _handed_on(call: Call, check: Check, hand: Callable[[Group, str], None]) -> Json:
    chat_ids, heir = _asked_for(call)
    failed: list[Json] = []
    for chat_id in chat_ids:
        group = call.corp.groups.get(chat_id)
        code = 90501
        if group and not group.dismissed:
            code = _common(call, group, heir) or check(call, group) or _over_quota(call, group)
        if group and not code:
            hand(group, heir)
        else:
            failed.append({"chat_id": chat_id, "errcode": code, "errmsg": TEXTS[code]})
    return {"failed_chat_list": failed}


def _common(call: Call, group: Group, heir: str) -> int:
    if not call.app.sees(group.owner):
        return 50002
    if group.heir:
        return 90507
    return 40058 if group.owner == heir else 0


def _over_quota(call: Call, group: Group) -> int:
    """Counts the group when there is room for it in the former owner's day."""
    today = days.start(call.world.clock.now())
    counted = call.corp.handed_on.get(group.owner)
    if counted is None or counted.day != today:
        counted = call.corp.handed_on[group.owner] = OwnerDay(today, 0)
    if counted.groups >= GROUPS_A_DAY:
        return 45009
    counted.groups += 1
    return 0


# From members who resigned ---------------------------------------------------------------------


def _of_the_resigned(call: Call, group: Group) -> int:
    if group.owner not in call.corp.staff:
        return 0
    return 90508 if group.inherited else 90500


def transfer(call: Call) -> Json:
    def hand(group: Group, heir: str) -> None:
        world = call.world
        group.heir, group.inherits_at = heir, world.clock.now() + world.settings.group_transfer_s
        if world.settings.group_transfer_s:
            _expect(world, call.corp, group)
        else:
            _inherit(world, call.corp, group)

    return _handed_on(call, _of_the_resigned, hand)


def _expect(world: World, corp: Corp, group: Group) -> None:
    def inherit() -> None:
        with world.lock:
            if group.heir:
                _inherit(world, corp, group)

    world.timetable.at(group.inherits_at, inherit)


def _inherit(world: World, corp: Corp, group: Group) -> None:
    """The former owner is out of the group. When the heir left in the meantime, or the group is
    no more, it stays as it was."""
    former, heir = group.owner, group.heir
    group.heir = ""
    if heir not in corp.staff or group.dismissed:
        return
    group.inherited = True
    _install(world, corp, group, heir)
    if former in group.members:
        grouping.expel(world, group, [former])


def _install(world: World, corp: Corp, group: Group, heir: str) -> None:
    if heir not in group.members:
        grouping.enrol(world, corp, group, [heir], grouping.INVITED, invitor=group.owner)
    if heir in group.admins:
        group.admins.remove(heir)
    grouping.hand_over(world, corp, group, heir, told=world.settings.echo_api_changes)


def resume(world: World) -> None:
    """After a restart: transfers that were under way still end on their dates."""
    for corp in world.state.corps.values():
        for group in corp.groups.values():
            if group.heir:
                _expect(world, corp, group)


# From members who are still there --------------------------------------------------------------


def _of_the_present(call: Call, group: Group) -> int:
    if group.owner not in call.corp.staff:
        return 90502
    since = days.start(call.world.clock.now()) - (NATURAL_DAYS - 1) * days.DAY_S
    recent = [at for at in group.onjob_transfers if at >= since]
    return 40128 if len(recent) >= TRANSFERS_EACH else 0


def onjob_transfer(call: Call) -> Json:
    def hand(group: Group, heir: str) -> None:
        group.onjob_transfers.append(int(call.world.clock.now()))
        _install(call.world, call.corp, group, heir)

    return _handed_on(call, _of_the_present, hand)


ENDPOINTS = {
    "externalcontact/groupchat/transfer": Endpoint(transfer, empty=("failed_chat_list",)),
    "externalcontact/groupchat/onjob_transfer": Endpoint(
        onjob_transfer, empty=("failed_chat_list",)
    ),
}
