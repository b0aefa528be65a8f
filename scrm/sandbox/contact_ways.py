"""Which QR codes (contact ways) does a corp have, and whom do they lead to?"""

from dataclasses import replace

from scrm.sandbox import cursors, fields, way_codes
from scrm.sandbox.calls import Call, Endpoint
from scrm.sandbox.days import DAY_S
from scrm.sandbox.errors import ApiError, BadFieldError
from scrm.sandbox.fields import Json
from scrm.sandbox.people import below
from scrm.sandbox.state import ContactWay, Corp
from scrm.sandbox.world import World

MOST_CHARS = 30
MOST_USERS = 100
NINETY_DAYS = 90 * DAY_S
TWO_WEEKS = 14 * DAY_S
KEPT_FIELDS = (
    "style",
    "is_temp",
    "expires_in",
    "chat_expires_in",
    "unionid",
    "is_exclusive",
    "mark_source",
    "conclusions",
)


def members(corp: Corp, users: list[str], parties: list[int]) -> list[str]:
    """The people behind a way who are still there, departments expanded."""
    wanted = set[int]().union(*(below(corp, party) for party in parties))
    found = dict.fromkeys(userid for userid in users if userid in corp.staff)
    for staff in corp.staff.values():
        if wanted & set(staff.departments):
            found[staff.userid] = None
    return list(found)


def _checked_range(call: Call, kind: int, body: Json) -> tuple[list[str], list[int]]:
    users, parties = fields.strings(body, "user"), fields.integers(body, "party")
    for userid in users:
        staff = call.member(userid)
        if not staff.active:
            raise ApiError(84083)
        if not staff.customer_contact:
            raise ApiError(84074)
        if not staff.verified:
            raise ApiError(40098)
    if any(str(party) not in call.corp.departments for party in parties):
        raise ApiError(60123)
    people = members(call.corp, users, parties)
    if not people or (kind == 1 and (len(people) != 1 or parties)):
        raise ApiError(40058, "invalid user or party of contact way")
    if len(people) > MOST_USERS:
        raise ApiError(40058, "too many users of contact way")
    return users, parties


def _check_texts(body: Json) -> None:
    fields.text(body, "remark", chars=MOST_CHARS)
    fields.text(body, "state", chars=MOST_CHARS)
    for name in ("expires_in", "chat_expires_in"):
        if not 0 <= fields.integer(body, name) <= TWO_WEEKS:
            raise BadFieldError(f"{name} is out of range")


def _kept(body: Json, kind: int, scene: int) -> Json:
    given = {name: body[name] for name in KEPT_FIELDS if name in body}
    return {"type": kind, "scene": scene, "remark": fields.text(body, "remark"), **given}


def qr_code(world: World, way: ContactWay) -> str:
    return way_codes.address(world, f"qr/{way.config_id}")


def add(call: Call) -> Json:
    kind, scene = fields.integer(call.body, "type"), fields.integer(call.body, "scene")
    if not kind:
        raise ApiError(41037)
    if kind not in (1, 2) or scene not in (1, 2):
        raise BadFieldError("type and scene are 1 or 2")
    _check_texts(call.body)
    users, parties = _checked_range(call, kind, call.body)
    world = call.world
    if world.state.ways_of(call.corp.corpid) >= world.settings.contact_way_limit:
        raise ApiError(41044)
    number = world.dice.number("contact way")
    way = ContactWay(
        number=number,
        config_id=world.dice.hexadecimal(32, "contact way", number),
        corpid=call.corp.corpid,
        created=int(world.clock.now()),
        fields=_kept(call.body, kind, scene),
        users=users,
        parties=parties,
        state=fields.text(call.body, "state"),
        skip_verify=fields.flag(call.body, "skip_verify", default=True),
    )
    world.state.contact_ways[way.config_id] = way
    code: Json = {"qr_code": qr_code(world, way)} if scene == 2 else {}
    return {"config_id": way.config_id, **code}


def _way(call: Call) -> ContactWay:
    config_id = fields.text(call.body, "config_id")
    way = call.world.state.contact_ways.get(config_id)
    if way is None or way.corpid != call.corp.corpid:
        raise ApiError(41056)
    return way


def get(call: Call) -> Json:
    way = _way(call)
    shown: Json = {
        "config_id": way.config_id,
        **way.fields,
        "skip_verify": way.skip_verify,
        "state": way.state,
        "user": way.users,
        "party": way.parties,
    }
    if way.fields["scene"] == 2:
        shown["qr_code"] = qr_code(call.world, way)
    as_list = call.world.settings.contact_way_shape == "list"
    return {"contact_way": [shown] if as_list else shown}


def list_all(call: Call) -> Json:
    now = int(call.world.clock.now())
    begins = fields.integer(call.body, "start_time", now - NINETY_DAYS)
    ends = fields.integer(call.body, "end_time", now)
    limit = fields.limit(call.body, 100, 1000)
    rows = [
        way
        for way in call.world.state.contact_ways.values()
        if way.corpid == call.corp.corpid and begins <= way.created <= ends
    ]
    taken, following = cursors.page(
        rows,
        number=lambda way: way.number,
        of=f"ways:{call.corp.corpid}",
        cursor=fields.text(call.body, "cursor"),
        limit=limit,
        dice=call.world.dice,
        short=call.world.settings.short_pages,
    )
    return {
        "contact_way": [{"config_id": way.config_id} for way in taken],
        "next_cursor": following,
    }


def update(call: Call) -> Json:
    """Overwrites the lists of users and parties when either is given."""
    way = _way(call)
    _check_texts(call.body)
    body, kind = call.body, fields.integer(way.fields, "type")
    users, parties = way.users, way.parties
    if "user" in body or "party" in body:
        users, parties = _checked_range(call, kind, body)
    names = ("remark", *KEPT_FIELDS)
    call.world.state.contact_ways[way.config_id] = replace(
        way,
        fields={**way.fields, **{name: body[name] for name in names if name in body}},
        users=users,
        parties=parties,
        state=fields.text(body, "state", way.state),
        skip_verify=fields.flag(body, "skip_verify", default=way.skip_verify),
    )
    return {}


def delete(call: Call) -> Json:
    del call.world.state.contact_ways[_way(call).config_id]
    return {}


ENDPOINTS = {
    "externalcontact/add_contact_way": Endpoint(add),
    "externalcontact/get_contact_way": Endpoint(get),
    "externalcontact/list_contact_way": Endpoint(list_all, empty=("contact_way",)),
    "externalcontact/update_contact_way": Endpoint(update),
    "externalcontact/del_contact_way": Endpoint(delete),
}
