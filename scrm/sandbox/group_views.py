"""What can be seen of groups from outside?"""

from dataclasses import asdict
from typing import cast

from scrm.sandbox.errors import RefusedError
from scrm.sandbox.fields import Json
from scrm.sandbox.groups import status
from scrm.sandbox.join_ways import qr_code
from scrm.sandbox.state import Corp
from scrm.sandbox.state_groups import Group, JoinWay
from scrm.sandbox.world import World


def of_corp(world: World, corp: Corp) -> Json:
    ways = world.state.join_ways.values()
    return {
        "groups": [_short(corp, group) for group in corp.groups.values()],
        "join_ways": [_way(world, way) for way in ways if way.corpid == corp.corpid],
    }


def of_member(corp: Corp, who: str) -> list[Json]:
    """The groups that a member of staff or a customer is in, by the id that this corp uses."""
    return [_short(corp, group) for group in corp.groups.values() if who in group.members]


def _short(corp: Corp, group: Group) -> Json:
    return {
        "corpid": corp.corpid,
        "chat_id": group.chat_id,
        "name": group.name,
        "owner": group.owner,
        "members": len(group.members),
        "status": status(corp, group),
        "dismissed": group.dismissed,
    }


def _way(world: World, way: JoinWay) -> Json:
    return {
        "config_id": way.config_id,
        "state": way.state,
        "remark": way.remark,
        "chat_ids": [*way.chat_ids, *way.rooms],
        "qr_code": qr_code(world, way),
    }


def group(world: World, corpid: str, chat_id: str) -> Json:
    corp = world.corp(corpid)
    found = corp.groups.get(chat_id)
    if found is None:
        raise RefusedError("there is no such group", 404)
    return {
        **_short(corp, found),
        "notice": found.notice,
        "admins": found.admins,
        "member_version": found.version,
        "template_id": found.template_id,
        "member_list": [_member(world, corp, who) for who in found.members],
        "log": [cast(Json, asdict(act)) for act in found.log],
    }


def _member(world: World, corp: Corp, who: str) -> Json:
    person = world.state.people.get(corp.externals.get(who, ""))
    staff = corp.staff.get(who)
    name = person.name if person else staff.name if staff else ""
    return {"id": who, "customer": person.id if person else "", "name": name}
