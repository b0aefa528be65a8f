"""Which customer groups may an app see, and who is in them?"""

from scrm.sandbox import cursors, fields
from scrm.sandbox.calls import Call, Endpoint
from scrm.sandbox.errors import ApiError, BadFieldError
from scrm.sandbox.fields import Json
from scrm.sandbox.grouping import CUSTOMER
from scrm.sandbox.state import Corp
from scrm.sandbox.state_groups import Group, GroupMember

MOST_ROWS = 1000
MOST_OWNERS = 100
NORMAL, TO_INHERIT, INHERITING, INHERITED = range(4)


def status(corp: Corp, group: Group) -> int:
    if group.heir:
        return INHERITING
    if group.owner not in corp.staff:
        return TO_INHERIT
    return INHERITED if group.inherited else NORMAL


def find(call: Call, chat_id: str) -> Group:
    group = call.corp.groups.get(chat_id)
    if group is None:
        raise ApiError(40050)
    if group.dismissed:
        raise ApiError(49008)
    if not call.app.sees(group.owner):
        raise ApiError(50002)
    return group


def owners_asked_for(call: Call) -> list[str]:
    """Nobody means everybody, which the platform allows in small companies only."""
    userids = fields.strings(fields.mapping(call.body, "owner_filter"), "userid_list")
    if len(userids) > MOST_OWNERS:
        raise BadFieldError(f"userid_list has more than {MOST_OWNERS} items")
    for userid in userids:
        if userid not in call.corp.resigned:
            call.member(userid)
    seen = sum(1 for userid in call.corp.staff if call.app.sees(userid))
    if not userids and seen > call.world.settings.unfiltered_members:
        raise ApiError(81017)
    return userids


def list_all(call: Call) -> Json:
    wanted = fields.integer(call.body, "status_filter")
    limit = fields.integer(call.body, "limit")
    if wanted not in range(4) or not 1 <= limit <= MOST_ROWS:
        raise BadFieldError("status_filter is 0 to 3, limit is 1 to 1000")
    owners = owners_asked_for(call)
    rows = [
        group
        for group in call.corp.groups.values()
        if not group.dismissed
        and call.app.sees(group.owner)
        and (not owners or group.owner in owners)
        and wanted in (0, status(call.corp, group))
    ]
    taken, following = cursors.page(
        rows,
        number=lambda group: group.number,
        of=f"groups:{call.corp.corpid}:{wanted}:{'|'.join(sorted(set(owners)))}",
        cursor=fields.text(call.body, "cursor"),
        limit=limit,
        dice=call.world.dice,
        short=call.world.settings.short_pages,
    )
    shown: list[Json] = [
        {"chat_id": group.chat_id, "status": status(call.corp, group)} for group in taken
    ]
    return {"group_chat_list": shown, "next_cursor": following}


def get(call: Call) -> Json:
    group = find(call, fields.text(call.body, "chat_id"))
    named = fields.flag(call.body, "need_name")
    members, version = group.members, group.version
    if call.world.clock.now() < group.stale_until:
        members, version = group.old_members, group.old_version
    if not version:
        raise ApiError(84061)
    shown: Json = {
        "chat_id": group.chat_id,
        "name": group.name,
        "owner": group.owner,
        "create_time": group.created,
        "notice": group.notice,
        "member_list": [_member(call, member, named=named) for member in members.values()],
        "admin_list": [{"userid": userid} for userid in group.admins],
        "member_version": version,
    }
    return {"group_chat": shown}


def _member(call: Call, member: GroupMember, *, named: bool) -> Json:
    shown: Json = {
        "userid": member.id,
        "type": member.type,
        "join_time": member.joined,
        "join_scene": member.scene,
    }
    if member.type == CUSTOMER and call.corp.bound:
        unionid = call.world.state.people[call.corp.externals[member.id]].unionid
        shown |= {"unionid": unionid} if unionid else {}
    if member.invitor:
        shown["invitor"] = {"userid": member.invitor}
    shown["group_nickname"] = member.nickname
    if named:
        shown["name"] = _name(call, member)
    if member.state:
        shown["state"] = member.state
    return shown


def _name(call: Call, member: GroupMember) -> str:
    if member.type == CUSTOMER:
        return call.world.state.people[call.corp.externals[member.id]].name
    staff = call.corp.staff.get(member.id) or call.corp.resigned.get(member.id)
    return staff.name if staff else ""


ENDPOINTS = {
    "externalcontact/groupchat/list": Endpoint(list_all, empty=("group_chat_list",)),
    "externalcontact/groupchat/get": Endpoint(get),
}
