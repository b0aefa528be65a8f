"""What do customers and staff do, and what does the platform tell the apps about it?"""

from collections import Counter

from scrm.sandbox import behaviour, chat_archive, confirming, fields, friends, links, phones
from scrm.sandbox.contact_ways import members
from scrm.sandbox.errors import ApiError, RefusedError
from scrm.sandbox.fields import Json
from scrm.sandbox.founding import someone
from scrm.sandbox.state import ContactWay, Corp, Follow, Person
from scrm.sandbox.tags import corp_tag
from scrm.sandbox.world import World

BY_PHONE_SEARCH = 2

# A customer scans ------------------------------------------------------------------------------


def _way(world: World, body: Json) -> ContactWay:
    ways = world.state.contact_ways
    config_id, corpid = fields.text(body, "config_id"), fields.text(body, "corpid")
    state = fields.text(body, "state")
    if config_id:
        way = ways.get(config_id)
    else:
        mine = (way for way in ways.values() if way.corpid == corpid and way.state == state)
        way = next(mine, None) if state else None
    if way is None or corpid not in ("", way.corpid):
        raise RefusedError("there is no such contact way", 404)
    return way


def _least_loaded(corp: Corp, way: ContactWay) -> str:
    people = [
        userid
        for userid in members(corp, way.users, way.parties)
        if corp.staff[userid].active and corp.staff[userid].customer_contact
    ]
    if not people:
        raise RefusedError("nobody behind this contact way can take customers", 409)
    load = Counter(userid for known in corp.follows.values() for userid in known)
    return min(people, key=lambda userid: load[userid])


def scan(world: World, body: Json) -> Json:
    way = _way(world, body)
    corp = world.corp(way.corpid)
    person = someone(world, body)
    external_userid = friends.external_id(world, corp, person)
    known = corp.follows.get(external_userid, {})
    behind = members(corp, way.users, way.parties)
    met = next((known[userid] for userid in behind if userid in known), None)
    follow = met or _begin(world, corp, way, person, external_userid)
    return {
        "customer": person.id,
        "external_userid": external_userid,
        "userid": follow.userid,
        "config_id": way.config_id,
        "state": way.state,
        "half": follow.half,
        "already": met is not None,
    }


def _begin(
    world: World, corp: Corp, way: ContactWay, person: Person, external_userid: str
) -> Follow:
    now = world.clock.now()
    follow = Follow(
        number=world.dice.number("follow"),
        userid=_least_loaded(corp, way),
        external_userid=external_userid,
        person=person.id,
        createtime=int(now),
        state=way.state,
        half=True,
        fresh_until=now + world.settings.stale_read_s,
    )
    friends.request(world, corp, follow, skip_verify=way.skip_verify)
    return follow


# Staff and customers who know each other --------------------------------------------------------


def accept(world: World, body: Json) -> Json:
    corp, userid, external_userid = friends.pair(world, body)
    follow = corp.requests.get(external_userid, {}).get(userid)
    follow = follow or corp.follow(userid, external_userid)
    if follow is None or not follow.half:
        raise RefusedError("there is no request to accept", 409)
    friends.accept(world, corp, follow)
    return {"ok": True}


def apply(world: World, body: Json) -> Json:
    """A member asks a customer, who agrees at once unless `accepted` is false."""
    corp, userid, _ = friends.pair(world, body)
    person = world.person(fields.given(body, "customer"))
    external_userid = friends.external_id(world, corp, person)
    if corp.follow(userid, external_userid):
        raise RefusedError(f"{userid} and this customer have added each other already", 409)
    behaviour.applied(world, corp, userid)
    accepted = fields.flag(body, "accepted", default=True)
    if accepted:
        now = world.clock.now()
        follow = Follow(
            number=world.dice.number("follow"),
            userid=userid,
            external_userid=external_userid,
            person=person.id,
            createtime=int(now),
            add_way=fields.integer(body, "add_way", BY_PHONE_SEARCH),
            fresh_until=now + world.settings.stale_read_s,
        )
        friends.accept(world, corp, follow)
    return {"external_userid": external_userid, "accepted": accepted}


def staff_deletes(world: World, body: Json) -> Json:
    corp, follow = friends.relation(world, body)
    friends.part(corp, follow)
    source = fields.text(body, "source")
    more = [("Source", source)] if source else []
    friends.notify(world, corp, follow, "del_external_contact", more)
    return {"ok": True}


def customer_deletes(world: World, body: Json) -> Json:
    corp, follow = friends.relation(world, body)
    friends.part(corp, follow)
    behaviour.deleted_by_customer(world, corp, follow.userid)
    friends.notify(world, corp, follow, "del_follow_user")
    return {"ok": True}


def speak(world: World, body: Json) -> Json:
    """`from` and `to`: a userid on one side, a customer on the other. Closes the welcome window.
    `attachments` are those of the client's scripts."""
    corp = world.corp(fields.given(body, "corpid"))
    speaker, hearer = fields.given(body, "from"), fields.given(body, "to")
    by_staff = speaker in corp.staff
    userid, customer = (speaker, hearer) if by_staff else (hearer, speaker)
    pair: Json = {"corpid": corp.corpid, "userid": userid, "customer": customer}
    _, follow = friends.relation(world, pair)
    follow.chatting = True
    follow.last_spoken = world.clock.now()
    behaviour.spoken(world, corp, follow, by_staff=by_staff)
    phones.land(
        world,
        world.state.people[follow.person] if by_staff else corp.staff[userid],
        "chat",
        corp.corpid,
        fields.text(body, "text"),
        fields.mappings(body, "attachments"),
        userid=follow.userid,
        external_userid=follow.external_userid,
    )
    chat_archive.spoken(world, corp)
    if not by_staff:
        links.heard(world, corp, follow)
    return {"ok": True}


def edit_remark(world: World, body: Json) -> Json:
    """A change by hand is told to the apps; a change of phone numbers alone is not."""
    corp, follow = friends.relation(world, body)
    more, fewer = fields.strings(body, "add_tag"), fields.strings(body, "remove_tag")
    try:
        for tag_id in (*more, *fewer):
            corp_tag(corp, tag_id)
    except ApiError as error:
        raise RefusedError("there is no such corp tag", 404) from error
    follow.remark = fields.text(body, "remark", follow.remark)
    follow.description = fields.text(body, "description", follow.description)
    follow.remark_company = fields.text(body, "remark_company", follow.remark_company)
    if "remark_mobiles" in body:
        follow.remark_mobiles = fields.strings(body, "remark_mobiles")
    if "personal_tags" in body:
        follow.personal_tags = fields.strings(body, "personal_tags")
    worn = dict.fromkeys([*follow.tag_ids, *more])
    follow.tag_ids = [tag_id for tag_id in worn if tag_id not in fewer]
    told = set(body) - {"corpid", "userid", "customer", "remark_mobiles"}
    if told:
        friends.notify(world, corp, follow, "edit_external_contact")
    return {"ok": True, "told": bool(told)}


def confirm_task(world: World, body: Json) -> Json:
    """One member, or each that has not confirmed; `only` are the customers that are picked."""
    corp = world.corp(fields.given(body, "corpid"))
    send = corp.mass_sends.get(fields.given(body, "msgid"))
    if send is None:
        raise RefusedError("there is no such mass send", 404)
    userid = fields.text(body, "userid")
    if userid and userid not in send.tasks:
        raise RefusedError(f"{userid} has no share in this mass send", 404)
    if userid:
        world.member(corp, userid)
    only = fields.strings(body, "only") if "only" in body else None
    chosen = [send.tasks[userid]] if userid else list(send.tasks.values())
    tallies = {
        task.userid: confirming.confirm(world, corp, send, task, only)
        for task in chosen
        if userid or (not task.status and task.userid in corp.staff)
    }
    statuses = {
        name: {str(status): many for status, many in tally.items()}
        for name, tally in tallies.items()
    }
    return {"confirmed": statuses}


ACTS = {
    "scan": scan,
    "accept": accept,
    "apply": apply,
    "staff_deletes": staff_deletes,
    "customer_deletes": customer_deletes,
    "speak": speak,
    "edit_remark": edit_remark,
    "confirm_task": confirm_task,
}
