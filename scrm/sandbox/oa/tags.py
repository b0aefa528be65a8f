"""How does an account sort its fans?"""

from collections import Counter

from scrm.sandbox import fields
from scrm.sandbox.fields import Json
from scrm.sandbox.oa.calls import OaCall, OaEndpoint
from scrm.sandbox.oa.errors import OaError
from scrm.sandbox.oa.fans import page
from scrm.sandbox.oa.state import Fan, FanTag

RESERVED = (0, 1, 2)
STARRED: Json = {"id": 2, "name": "星标组", "count": 0}
FIRST_ID = 100
MOST_TAGS = 100
MOST_A_FAN = 20
MOST_OPENIDS = 50
NAME_CHARS = 30
MOST_FANS_TO_DELETE = 100_000


def _given(call: OaCall) -> Json:
    return fields.mapping(call.body, "tag")


def _checked_name(call: OaCall, own: int = 0) -> str:
    name = fields.text(_given(call), "name")
    if len(name) > NAME_CHARS:
        raise OaError(45158)
    taken = {tag.name for tag in call.account.tags.values() if tag.id != own}
    if not name or name in taken or name == STARRED["name"]:
        raise OaError(45157)
    return name


def _tag(call: OaCall, number: int) -> FanTag:
    tag = call.account.tags.get(str(number))
    if tag is None:
        raise OaError(45159)
    return tag


def _own_tag(call: OaCall) -> FanTag:
    """One that may be changed: the platform's own may not."""
    number = fields.integer(_given(call), "id", -1)
    if number in RESERVED:
        raise OaError(45058)
    return _tag(call, number)


def _wearers(call: OaCall, tag: FanTag) -> list[Fan]:
    return [fan for fan in call.account.followers() if tag.id in fan.tag_ids]


def create(call: OaCall) -> Json:
    name = _checked_name(call)
    if len(call.account.tags) >= MOST_TAGS:
        raise OaError(45056)
    number = FIRST_ID - 1 + call.world.dice.number(f"fan tag {call.account.appid}")
    call.account.tags[str(number)] = FanTag(number, name)
    return {"tag": {"id": number, "name": name}}


def list_all(call: OaCall) -> Json:
    worn = Counter(number for fan in call.account.followers() for number in fan.tag_ids)
    own: list[Json] = [
        {"id": tag.id, "name": tag.name, "count": worn[tag.id]}
        for tag in call.account.tags.values()
    ]
    return {"tags": [STARRED, *own]}


def update(call: OaCall) -> Json:
    tag = _own_tag(call)
    tag.name = _checked_name(call, tag.id)
    return {}


def delete(call: OaCall) -> Json:
    tag = _own_tag(call)
    if len(_wearers(call, tag)) > MOST_FANS_TO_DELETE:
        raise OaError(45057)
    del call.account.tags[str(tag.id)]
    for fan in call.account.fans.values():
        fan.tag_ids = [number for number in fan.tag_ids if number != tag.id]
    return {}


def _named(call: OaCall) -> list[Fan]:
    """All of them or none: a wrong one refuses the whole call."""
    openids = fields.strings(call.body, "openid_list")
    if not 1 <= len(openids) <= MOST_OPENIDS:
        raise OaError(40032)
    everywhere = call.world.state.accounts.values()
    for openid in openids:
        if openid not in call.account.fans and any(openid in each.fans for each in everywhere):
            raise OaError(49003)
    return [call.follower(openid) for openid in dict.fromkeys(openids)]


def put_on(call: OaCall) -> Json:
    tag = _tag(call, fields.integer(call.body, "tagid", -1))
    bare = [fan for fan in _named(call) if tag.id not in fan.tag_ids]
    if any(len(fan.tag_ids) >= MOST_A_FAN for fan in bare):
        raise OaError(45059)
    for fan in bare:
        fan.tag_ids.append(tag.id)
    return {}


def take_off(call: OaCall) -> Json:
    tag = _tag(call, fields.integer(call.body, "tagid", -1))
    for fan in _named(call):
        fan.tag_ids = [number for number in fan.tag_ids if number != tag.id]
    return {}


def of_fan(call: OaCall) -> Json:
    return {"tagid_list": call.follower(fields.text(call.body, "openid")).tag_ids[:]}


def wearers(call: OaCall) -> Json:
    tag = _tag(call, fields.integer(call.body, "tagid", -1))
    return page(call, _wearers(call, tag), fields.text(call.body, "next_openid"))


ENDPOINTS = {
    "tags/create": OaEndpoint(create, daily=1000, bare=True),
    "tags/get": OaEndpoint(list_all, daily=1000, post=False, bare=True),
    "tags/update": OaEndpoint(update, daily=1000),
    "tags/delete": OaEndpoint(delete, daily=1000),
    "tags/members/batchtagging": OaEndpoint(put_on, daily=100_000),
    "tags/members/batchuntagging": OaEndpoint(take_off, daily=100_000),
    "tags/getidlist": OaEndpoint(of_fan, daily=100_000, bare=True),
    "user/tag/get": OaEndpoint(wearers, daily=1000, bare=True),
}
