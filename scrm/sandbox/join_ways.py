"""Which QR codes lead into groups, and into which group do they lead now?"""

from dataclasses import replace

from scrm.sandbox import fields, grouping, groups, way_codes
from scrm.sandbox.calls import Call, Endpoint
from scrm.sandbox.errors import ApiError, BadFieldError, RefusedError
from scrm.sandbox.fields import Json
from scrm.sandbox.state import Corp
from scrm.sandbox.state_groups import Group, JoinWay
from scrm.sandbox.world import World

MOST_CHARS = 30
NAME_CHARS = 40
MOST_GROUPS = 5


def _checked_groups(call: Call) -> list[str]:
    chat_ids = fields.strings(call.body, "chat_id_list", most=MOST_GROUPS)
    if not chat_ids:
        raise BadFieldError("chat_id_list is missing")
    for chat_id in chat_ids:
        groups.find(call, chat_id)
    return chat_ids


def _from(call: Call, number: int, config_id: str, created: int) -> JoinWay:
    body = call.body
    scene = fields.integer(body, "scene")
    if scene not in (1, 2):
        raise BadFieldError("scene is 1 or 2")
    return JoinWay(
        number=number,
        config_id=config_id,
        corpid=call.corp.corpid,
        created=created,
        scene=scene,
        # Cut off, where a contact way's is refused.
        remark=fields.text(body, "remark")[:MOST_CHARS],
        state=fields.text(body, "state", chars=MOST_CHARS),
        chat_ids=_checked_groups(call),
        auto_create_room=fields.flag(body, "auto_create_room", default=True),
        room_base_name=fields.text(body, "room_base_name", chars=NAME_CHARS),
        room_base_id=fields.integer(body, "room_base_id"),
        mark_source=fields.flag(body, "mark_source", default=True),
    )


def qr_code(world: World, way: JoinWay) -> str:
    return way_codes.address(world, f"join/{way.config_id}")


def add(call: Call) -> Json:
    world = call.world
    way = _from(call, 0, "", int(world.clock.now()))
    if world.state.ways_of(call.corp.corpid) >= world.settings.contact_way_limit:
        raise ApiError(41044)
    way.number = world.dice.number("join way")
    way.config_id = world.dice.hexadecimal(32, "join way", way.number)
    world.state.join_ways[way.config_id] = way
    return {"config_id": way.config_id}


def _way(call: Call) -> JoinWay:
    way = call.world.state.join_ways.get(fields.text(call.body, "config_id"))
    if way is None or way.corpid != call.corp.corpid:
        raise ApiError(41056)
    return way


def get(call: Call) -> Json:
    way = _way(call)
    shown: Json = {
        "config_id": way.config_id,
        "scene": way.scene,
        "remark": way.remark,
        "auto_create_room": int(way.auto_create_room),
        "room_base_name": way.room_base_name,
        "room_base_id": way.room_base_id,
        "chat_id_list": way.chat_ids,
        "state": way.state,
        "mark_source": way.mark_source,
    }
    if way.scene == 2:
        shown["qr_code"] = qr_code(call.world, way)
    return {"join_way": shown}


def update(call: Call) -> Json:
    """Overwrites everything: what is left out goes back to its default."""
    way = _way(call)
    changed = _from(call, way.number, way.config_id, way.created)
    call.world.state.join_ways[way.config_id] = replace(changed, rooms=way.rooms)
    return {}


def delete(call: Call) -> Json:
    del call.world.state.join_ways[_way(call).config_id]
    return {}


# Behind the QR code ----------------------------------------------------------------------------


def group_for(world: World, corp: Corp, way: JoinWay, who: str) -> Group:
    """The group that somebody who scans joins, or is in already; a new one when all are full."""
    known = [corp.groups[chat_id] for chat_id in (*way.chat_ids, *way.rooms)]
    alive = [group for group in known if not group.dismissed]
    for group in alive:
        if who in group.members:
            return group
    for group in alive:
        if len(group.members) < world.settings.join_way_group_size:
            return group
    if not alive or not way.auto_create_room or alive[-1].owner not in corp.staff:
        raise RefusedError("no group behind this join way can take anybody", 409)
    return _new_room(world, corp, way, alive[-1].owner)


def _new_room(world: World, corp: Corp, way: JoinWay, owner: str) -> Group:
    name = f"{way.room_base_name}{way.room_base_id + len(way.rooms)}" if way.room_base_name else ""
    group = grouping.found(world, corp, owner, name)
    way.rooms.append(group.chat_id)
    grouping.announce(world, corp, group, "create")
    return group


ENDPOINTS = {
    "externalcontact/groupchat/add_join_way": Endpoint(add),
    "externalcontact/groupchat/get_join_way": Endpoint(get),
    "externalcontact/groupchat/update_join_way": Endpoint(update),
    "externalcontact/groupchat/del_join_way": Endpoint(delete),
}
