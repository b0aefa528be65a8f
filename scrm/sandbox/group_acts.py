"""What do members and customers do in groups?"""

from scrm.sandbox import fields, founding, friends, grouping, join_ways
from scrm.sandbox.errors import RefusedError
from scrm.sandbox.fields import Json
from scrm.sandbox.grouping import BY_LINK, BY_QR, INVITED, LEFT, REMOVED
from scrm.sandbox.state import Corp
from scrm.sandbox.state_groups import Group, JoinWay
from scrm.sandbox.world import World


def _group(world: World, body: Json) -> tuple[Corp, Group]:
    corp = world.corp(fields.given(body, "corpid"))
    group = corp.groups.get(fields.given(body, "chat_id"))
    if group is None:
        raise RefusedError("there is no such group", 404)
    if group.dismissed:
        raise RefusedError("this group was dismissed", 409)
    return corp, group


def _id(world: World, corp: Corp, who: str) -> str:
    """A userid as it is; a customer as this corp calls them."""
    if who in corp.staff or who in corp.resigned:
        return who
    return friends.external_id(world, corp, world.person(who))


def _ids(world: World, corp: Corp, body: Json, name: str) -> list[str]:
    return list(dict.fromkeys(_id(world, corp, who) for who in fields.strings(body, name)))


def _inside(world: World, corp: Corp, group: Group, body: Json, name: str) -> str:
    who = _id(world, corp, fields.given(body, name))
    if who not in group.members:
        raise RefusedError(f"{who} is not in this group", 409)
    return who


def _colleague(world: World, corp: Corp, group: Group, body: Json, name: str) -> str:
    who = _inside(world, corp, group, body, name)
    return world.member(corp, who).userid


def _shown(group: Group) -> Json:
    return {
        "chat_id": group.chat_id,
        "members": list(group.members),
        "member_version": group.version,
    }


# Coming and going ------------------------------------------------------------------------------


def create(world: World, body: Json) -> Json:
    corp = world.corp(fields.given(body, "corpid"))
    owner = world.member(corp, fields.given(body, "owner"))
    if not owner.customer_contact:
        raise RefusedError(f"{owner.userid} may not have customer groups", 409)
    others = [who for who in _ids(world, corp, body, "members") if who != owner.userid]
    _check_room(world, 1 + len(others))
    group = grouping.found(world, corp, owner.userid, fields.text(body, "name"))
    group.notice = fields.text(body, "notice")
    grouping.enrol(world, corp, group, others, INVITED, invitor=owner.userid)
    grouping.announce(world, corp, group, "create")
    return _shown(group)


def _check_room(world: World, members: int) -> None:
    most = world.settings.group_size
    if members > most:
        raise RefusedError(f"a group has at most {most} members", 409)


def invite(world: World, body: Json) -> Json:
    """`by` whom, at once or by a link; those who are in already stay as they are."""
    corp, group = _group(world, body)
    by = _inside(world, corp, group, body, "by")
    scene = fields.integer(body, "scene", INVITED)
    if scene not in (INVITED, BY_LINK):
        raise RefusedError("scene is 1 (invited) or 2 (by an invitation's link)")
    new = [who for who in _ids(world, corp, body, "who") if who not in group.members]
    if not new:
        raise RefusedError("nobody is named who is not in this group already", 409)
    _check_room(world, len(group.members) + len(new))
    # The platform names an inviter only when it is a member of the corp.
    invitor = "" if grouping.is_customer(corp, by) else by
    grouping.add(world, corp, group, new, scene, invitor=invitor)
    return _shown(group)


def join(world: World, body: Json) -> Json:
    """Somebody known, described or quite new scans the QR code of a join way."""
    way = _way(world, body)
    corp = world.corp(way.corpid)
    person = founding.someone(world, body)
    who = friends.external_id(world, corp, person)
    group = join_ways.group_for(world, corp, way, who)
    already = who in group.members
    if not already:
        grouping.add(world, corp, group, [who], BY_QR, state=way.state)
    return {
        "customer": person.id,
        "external_userid": who,
        "chat_id": group.chat_id,
        "config_id": way.config_id,
        "state": way.state,
        "already": already,
    }


def _way(world: World, body: Json) -> JoinWay:
    config_id, corpid = fields.text(body, "config_id"), fields.text(body, "corpid")
    state = fields.text(body, "state")
    for way in world.state.join_ways.values():
        if corpid in ("", way.corpid) and (
            way.config_id == config_id if config_id else corpid and state and way.state == state
        ):
            return way
    raise RefusedError("there is no such join way", 404)


def leave(world: World, body: Json) -> Json:
    corp, group = _group(world, body)
    who = _inside(world, corp, group, body, "who")
    if who == group.owner:
        raise RefusedError("the owner must hand the group over or dismiss it", 409)
    grouping.drop(world, corp, group, [who], LEFT)
    return _shown(group)


def remove(world: World, body: Json) -> Json:
    corp, group = _group(world, body)
    out = _ids(world, corp, body, "who")
    strangers = [who for who in out if who not in group.members or who == group.owner]
    if strangers or not out:
        raise RefusedError("those who are removed must be in the group, and not own it", 409)
    grouping.drop(world, corp, group, out, REMOVED)
    return _shown(group)


# The rest --------------------------------------------------------------------------------------


def rename(world: World, body: Json) -> Json:
    corp, group = _group(world, body)
    group.name = fields.given(body, "name")
    grouping.announce(world, corp, group, "update", [("UpdateDetail", "change_name")])
    return {"ok": True}


def notice(world: World, body: Json) -> Json:
    corp, group = _group(world, body)
    group.notice = fields.text(body, "notice")
    grouping.announce(world, corp, group, "update", [("UpdateDetail", "change_notice")])
    return {"ok": True}


def change_owner(world: World, body: Json) -> Json:
    corp, group = _group(world, body)
    owner = _colleague(world, corp, group, body, "owner")
    if owner == group.owner:
        raise RefusedError(f"{owner} owns this group already", 409)
    grouping.hand_over(world, corp, group, owner)
    return {"ok": True}


def admins(world: World, body: Json) -> Json:
    """No event tells of administrators or nicknames; reads show them."""
    corp, group = _group(world, body)
    chosen = _ids(world, corp, body, "admins")
    if any(who not in group.members or who == group.owner for who in chosen):
        raise RefusedError("administrators must be in the group, and not own it", 409)
    group.admins = chosen
    return {"ok": True}


def nickname(world: World, body: Json) -> Json:
    corp, group = _group(world, body)
    who = _inside(world, corp, group, body, "who")
    group.members[who].nickname = fields.text(body, "nickname")
    return {"ok": True}


def dismiss(world: World, body: Json) -> Json:
    corp, group = _group(world, body)
    grouping.dismiss(world, corp, group)
    return {"ok": True}


def speak(world: World, body: Json) -> Json:
    corp, group = _group(world, body)
    speaker = _inside(world, corp, group, body, "from")
    grouping.deliver(world, corp, group, speaker, "group", fields.given(body, "text"), [])
    return {"ok": True}


def use_template(world: World, body: Json) -> Json:
    """Those who join from now on are greeted with it; an empty id ends that."""
    corp, group = _group(world, body)
    template_id = fields.text(body, "template_id")
    if template_id and template_id not in corp.group_templates:
        raise RefusedError("there is no such group welcome template", 404)
    group.template_id = template_id
    return {"ok": True}


ACTS = {
    "group_create": create,
    "group_invite": invite,
    "group_join": join,
    "group_leave": leave,
    "group_remove": remove,
    "group_rename": rename,
    "group_notice": notice,
    "group_owner": change_owner,
    "group_admins": admins,
    "group_nickname": nickname,
    "group_dismiss": dismiss,
    "group_speak": speak,
    "group_template": use_template,
}
