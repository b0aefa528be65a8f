"""What does the admin do with tags in the console, and what are the apps told?"""

from scrm.sandbox import fields, tags
from scrm.sandbox.errors import ApiError, RefusedError
from scrm.sandbox.fields import Json
from scrm.sandbox.state import Corp, Tag, TagGroup
from scrm.sandbox.world import World

ADMIN = -1


def _anybodys(tag: Tag) -> None:
    """The admin may change what an app made."""


def create_tags(world: World, body: Json) -> Json:
    """`tags` are names; a new group and n tags are n + 1 events of the same second."""
    corp = world.corp(fields.given(body, "corpid"))
    wanted: Json = {**body, "tag": [{"name": name} for name in fields.strings(body, "tags")]}
    try:
        group, added, changes = tags.create(world, corp, wanted, ADMIN)
    except ApiError as error:
        raise RefusedError(f"the tags cannot be made: {error.text}") from error
    tags.announce(world, corp, changes)
    return {"group_id": group.id, "tags": {tag.name: tag.id for tag in added}}


def edit_tag(world: World, body: Json) -> Json:
    """`id` of a tag or a group, with a new name or order."""
    corp = world.corp(fields.given(body, "corpid"))
    try:
        changes = tags.change(corp, body, _anybodys)
    except ApiError as error:
        raise RefusedError("there is no such tag or group", 404) from error
    tags.announce(world, corp, changes)
    return {"told": len(changes)}


def delete_tags(world: World, body: Json) -> Json:
    corp = world.corp(fields.given(body, "corpid"))
    try:
        changes = tags.remove(corp, body, _anybodys)
    except ApiError as error:
        raise RefusedError("there is no such tag, or none is named", 404) from error
    tags.announce(world, corp, changes)
    return {"told": len(changes)}


def shuffle_tags(world: World, body: Json) -> Json:
    """Reverses the order of the groups, or of the tags in the group that is named. Told once."""
    corp = world.corp(fields.given(body, "corpid"))
    group_id = fields.text(body, "group_id")
    rows = _rows(corp, group_id)
    rows.sort(key=lambda row: row.order)
    for place, row in enumerate(rows):
        row.order = len(rows) - place
    tags.announce(world, corp, [("shuffle", "", group_id)])
    return {"shuffled": len(rows)}


def _rows(corp: Corp, group_id: str) -> list[Tag | TagGroup]:
    if not group_id:
        return [group for group in corp.tag_groups.values() if not group.deleted]
    group = corp.tag_groups.get(group_id)
    if group is None or group.deleted:
        raise RefusedError("there is no such tag group", 404)
    return [tag for tag in group.tags.values() if not tag.deleted]


ACTS = {
    "create_tags": create_tags,
    "edit_tag": edit_tag,
    "delete_tags": delete_tags,
    "shuffle_tags": shuffle_tags,
}
