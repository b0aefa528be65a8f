"""Which tags does a corp have, and which customers wear them?"""

from collections.abc import Callable

from scrm.sandbox import fields, friends
from scrm.sandbox.calls import Call, Endpoint
from scrm.sandbox.errors import ApiError, BadFieldError
from scrm.sandbox.fields import Json
from scrm.sandbox.state import Corp, Tag, TagGroup
from scrm.sandbox.telling import listeners, tell
from scrm.sandbox.world import World

NAME_CHARS = 30
MOST_TAGS = 10_000
MOST_ON_ONE = 3000
TAG, GROUP = "tag", "tag_group"
# What happened, to a tag or a group, of which id.
Changes = list[tuple[str, str, str]]


def corp_tag(corp: Corp, tag_id: str) -> tuple[TagGroup, Tag]:
    for group in corp.tag_groups.values():
        tag = group.tags.get(tag_id)
        if tag and not tag.deleted:
            return group, tag
    raise ApiError(40068)


def _shown_tag(tag: Tag, *, by_id: bool) -> Json:
    shown: Json = {
        "id": tag.id,
        "name": tag.name,
        "create_time": tag.created,
        "order": tag.order,
    }
    return {**shown, "deleted": tag.deleted} if by_id else shown


def _shown_group(group: TagGroup, tags: list[Tag], *, by_id: bool) -> Json:
    shown: Json = {
        "group_id": group.id,
        "group_name": group.name,
        "create_time": group.created,
        "order": group.order,
        "tag": [_shown_tag(tag, by_id=by_id) for tag in tags],
    }
    return {**shown, "deleted": group.deleted} if by_id else shown


def list_all(call: Call) -> Json:
    """Groups win over tags; deleted ones show only when asked for by id."""
    group_ids, tag_ids = fields.strings(call.body, "group_id"), fields.strings(call.body, "tag_id")
    by_id = bool(group_ids or tag_ids)
    answer = []
    for group in call.corp.tag_groups.values():
        if group_ids and group.id not in group_ids:
            continue
        tags = list(group.tags.values())
        if tag_ids and not group_ids:
            tags = [tag for tag in tags if tag.id in tag_ids]
        if not by_id:
            tags = [tag for tag in tags if not tag.deleted]
        if tags:
            answer.append(_shown_group(group, tags, by_id=by_id))
    return {"tag_group": answer}


def _group(world: World, corp: Corp, body: Json) -> TagGroup:
    group_id = fields.text(body, "group_id")
    name = fields.text(body, "group_name", chars=NAME_CHARS)
    groups = corp.tag_groups
    if group_id:
        if group_id not in groups or groups[group_id].deleted:
            raise ApiError(40068)
        return groups[group_id]
    if not name:
        raise ApiError(40071)
    for group in groups.values():
        if group.name == name and not group.deleted:
            return group
    number = world.dice.number("tag")
    new_id = "et" + world.dice.word(30, "tag", number)
    return TagGroup(new_id, name, fields.integer(body, "order"), int(world.clock.now()))


def create(world: World, corp: Corp, body: Json, maker: int) -> tuple[TagGroup, list[Tag], Changes]:
    """Tags in a group, which is made when there is none of that name."""
    wanted = fields.mappings(body, "tag")
    names = [fields.text(tag, "name", chars=NAME_CHARS) for tag in wanted]
    if not names or not all(names):
        raise ApiError(40071)
    total = sum(len(group.tags) for group in corp.tag_groups.values())
    if total + len(names) > MOST_TAGS:
        raise ApiError(40058, "too many tags")
    group = _group(world, corp, body)
    taken = {tag.name for tag in group.tags.values() if not tag.deleted}
    now = int(world.clock.now())
    added = []
    for name, tag in zip(names, wanted, strict=True):
        if name in taken:
            continue
        taken.add(name)
        new_id = "et" + world.dice.word(30, "tag", world.dice.number("tag"))
        added.append(Tag(new_id, name, fields.integer(tag, "order"), now, maker=maker))
    if not added:
        raise ApiError(40071)
    changes = [] if group.id in corp.tag_groups else [("create", GROUP, group.id)]
    corp.tag_groups[group.id] = group
    group.tags.update({tag.id: tag for tag in added})
    return group, added, [*changes, *(("create", TAG, tag.id) for tag in added)]


def change(corp: Corp, body: Json, may: Callable[[Tag], None]) -> Changes:
    which = fields.given(body, "id")
    name = fields.text(body, "name", chars=NAME_CHARS)
    found: TagGroup | Tag | None = corp.tag_groups.get(which)
    if found is None or found.deleted:
        found = corp_tag(corp, which)[1]
    for tag in found.tags.values() if isinstance(found, TagGroup) else (found,):
        may(tag)
    found.name = name or found.name
    found.order = fields.integer(body, "order", found.order)
    return [("update", GROUP if isinstance(found, TagGroup) else TAG, which)]


def remove(corp: Corp, body: Json, may: Callable[[Tag], None]) -> Changes:
    """The last tag that goes takes its group along. A group that goes is told once."""
    group_ids, tag_ids = fields.strings(body, "group_id"), fields.strings(body, "tag_id")
    if not group_ids and not tag_ids:
        raise ApiError(40063)
    for tag_id in tag_ids:
        corp_tag(corp, tag_id)
    going = [
        tag
        for group in corp.tag_groups.values()
        for tag in group.tags.values()
        if not tag.deleted and (tag.id in tag_ids or group.id in group_ids)
    ]
    for tag in going:
        may(tag)
    for tag in going:
        tag.deleted = True
    changes: Changes = [("delete", TAG, tag.id) for tag in going if tag.id in tag_ids]
    for followers in corp.follows.values():
        for follow in followers.values():
            follow.tag_ids = living(corp, follow.tag_ids)
    return changes + _emptied(corp)


def _emptied(corp: Corp) -> Changes:
    gone = [
        group
        for group in corp.tag_groups.values()
        if not group.deleted and all(tag.deleted for tag in group.tags.values())
    ]
    for group in gone:
        group.deleted = True
    return [("delete", GROUP, group.id) for group in gone]


def living(corp: Corp, tag_ids: list[str]) -> list[str]:
    """Those that have not been deleted."""
    groups = corp.tag_groups.values()
    return [
        tag_id
        for tag_id in tag_ids
        if any(tag_id in group.tags and not group.tags[tag_id].deleted for group in groups)
    ]


def announce(world: World, corp: Corp, changes: Changes) -> None:
    """One admin's action may be many events; they share a second."""
    now = world.clock.now()
    for verb, kind, which in changes:
        of_kind = [("TagType", kind)] if kind else []
        told = [("Id", which), *of_kind, ("ChangeType", verb)]
        tell(world, corp, listeners(corp), "change_external_tag", told, at=now)


def _echo(call: Call, changes: Changes) -> None:
    if call.world.settings.echo_api_changes:
        announce(call.world, call.corp, changes)


def _own(call: Call) -> Callable[[Tag], None]:
    """An app changes only tags that an app made, and only its own."""

    def check(tag: Tag) -> None:
        if tag.maker not in (0, call.app.agentid):
            raise ApiError(301002)

    return check


def add(call: Call) -> Json:
    group, added, changes = create(call.world, call.corp, call.body, call.app.agentid)
    _echo(call, changes)
    return {"tag_group": _shown_group(group, added, by_id=False)}


def edit(call: Call) -> Json:
    _echo(call, change(call.corp, call.body, _own(call)))
    return {}


def delete(call: Call) -> Json:
    _echo(call, remove(call.corp, call.body, _own(call)))
    return {}


def mark(call: Call) -> Json:
    more, fewer = fields.strings(call.body, "add_tag"), fields.strings(call.body, "remove_tag")
    if not more and not fewer:
        raise ApiError(40063)
    follow = call.relation(
        fields.text(call.body, "userid"), fields.text(call.body, "external_userid")
    )
    for tag_id in (*more, *fewer):
        corp_tag(call.corp, tag_id)
    worn = dict.fromkeys([*follow.tag_ids, *more])
    kept = [tag_id for tag_id in worn if tag_id not in fewer]
    if len(kept) > MOST_ON_ONE:
        raise BadFieldError("too many tags on one customer")
    changed = kept != follow.tag_ids
    follow.tag_ids = kept
    if changed and call.world.settings.echo_api_changes:
        friends.notify(call.world, call.corp, follow, "edit_external_contact")
    return {}


ENDPOINTS = {
    "externalcontact/get_corp_tag_list": Endpoint(list_all, empty=("tag_group",)),
    "externalcontact/add_corp_tag": Endpoint(add),
    "externalcontact/edit_corp_tag": Endpoint(edit),
    "externalcontact/del_corp_tag": Endpoint(delete),
    "externalcontact/mark_tag": Endpoint(mark, at_once=5),
}
