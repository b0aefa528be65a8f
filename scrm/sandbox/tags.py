"""Which tags does a corp have, and which customers wear them?"""

from scrm.sandbox import fields
from scrm.sandbox.calls import Call, Endpoint
from scrm.sandbox.errors import ApiError, BadFieldError
from scrm.sandbox.fields import Json
from scrm.sandbox.state import Corp, Tag, TagGroup

NAME_CHARS = 30
MOST_TAGS = 10_000
MOST_ON_ONE = 3000


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


def _group(call: Call) -> TagGroup:
    group_id = fields.text(call.body, "group_id")
    name = fields.text(call.body, "group_name", chars=NAME_CHARS)
    groups = call.corp.tag_groups
    if group_id:
        if group_id not in groups or groups[group_id].deleted:
            raise ApiError(40068)
        return groups[group_id]
    if not name:
        raise ApiError(40071)
    for group in groups.values():
        if group.name == name and not group.deleted:
            return group
    dice = call.world.dice
    number = dice.number("tag")
    new_id = "et" + dice.word(30, "tag", number)
    order = fields.integer(call.body, "order")
    return TagGroup(new_id, name, order, int(call.world.clock.now()))


def add(call: Call) -> Json:
    wanted = fields.mappings(call.body, "tag")
    names = [fields.text(tag, "name", chars=NAME_CHARS) for tag in wanted]
    if not names or not all(names):
        raise ApiError(40071)
    total = sum(len(group.tags) for group in call.corp.tag_groups.values())
    if total + len(names) > MOST_TAGS:
        raise ApiError(40058, "too many tags")
    group = _group(call)
    taken = {tag.name for tag in group.tags.values() if not tag.deleted}
    dice, now = call.world.dice, int(call.world.clock.now())
    added = []
    for name, tag in zip(names, wanted, strict=True):
        if name in taken:
            continue
        taken.add(name)
        new_id = "et" + dice.word(30, "tag", dice.number("tag"))
        added.append(Tag(new_id, name, fields.integer(tag, "order"), now))
    if not added:
        raise ApiError(40071)
    call.corp.tag_groups[group.id] = group
    group.tags.update({tag.id: tag for tag in added})
    return {"tag_group": _shown_group(group, added, by_id=False)}


def edit(call: Call) -> Json:
    which = fields.given(call.body, "id")
    name = fields.text(call.body, "name", chars=NAME_CHARS)
    found: TagGroup | Tag | None = call.corp.tag_groups.get(which)
    if found is None or found.deleted:
        found = corp_tag(call.corp, which)[1]
    found.name = name or found.name
    found.order = fields.integer(call.body, "order", found.order)
    return {}


def delete(call: Call) -> Json:
    """The last tag that goes takes its group along."""
    group_ids, tag_ids = fields.strings(call.body, "group_id"), fields.strings(call.body, "tag_id")
    if not group_ids and not tag_ids:
        raise ApiError(40063)
    for tag_id in tag_ids:
        corp_tag(call.corp, tag_id)
    for group in call.corp.tag_groups.values():
        for tag in group.tags.values():
            tag.deleted |= tag.id in tag_ids or group.id in group_ids
        group.deleted = all(tag.deleted for tag in group.tags.values())
    for followers in call.corp.follows.values():
        for follow in followers.values():
            follow.tag_ids = [tag for tag in follow.tag_ids if _lives(call.corp, tag)]
    return {}


def _lives(corp: Corp, tag_id: str) -> bool:
    groups = corp.tag_groups.values()
    return any(tag_id in group.tags and not group.tags[tag_id].deleted for group in groups)


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
    follow.tag_ids = kept
    return {}


ENDPOINTS = {
    "externalcontact/get_corp_tag_list": Endpoint(list_all, empty=("tag_group",)),
    "externalcontact/add_corp_tag": Endpoint(add),
    "externalcontact/edit_corp_tag": Endpoint(edit),
    "externalcontact/del_corp_tag": Endpoint(delete),
    "externalcontact/mark_tag": Endpoint(mark, at_once=5),
}
