"""What do customers and staff do, and what does the platform tell the apps about it?"""

from collections import Counter

from scrm.sandbox import confirming, events, fields, welcome
from scrm.sandbox.contact_ways import members
from scrm.sandbox.errors import ApiError, RefusedError
from scrm.sandbox.fields import Json
from scrm.sandbox.founding import new_person
from scrm.sandbox.state import App, ContactWay, Corp, Follow, Message, Person, WelcomeCode
from scrm.sandbox.tags import corp_tag
from scrm.sandbox.world import World


def _listeners(corp: Corp, userid: str) -> list[App]:
    return [
        app
        for app in corp.apps.values()
        if app.callback_url and app.customer_contact and app.sees(userid)
    ]


def _notify(
    world: World,
    corp: Corp,
    follow: Follow,
    change: str,
    more: events.Fields = (),
    code: WelcomeCode | None = None,
) -> None:
    def begun() -> None:
        with world.lock:
            if code and code.started is None:
                code.started = world.clock.steady()

    for app in _listeners(corp, follow.userid):
        pair = [
            ("ChangeType", change),
            ("UserID", follow.userid),
            ("ExternalUserID", follow.external_userid),
        ]
        name = "change_external_contact"
        xml = events.event(corp.corpid, name, world.clock.now(), [*pair, *more])
        world.callbacks.send(corp.corpid, app, f"{name}/{change}", xml, world.settings, begun)


def _announce_add(world: World, corp: Corp, follow: Follow, change: str) -> None:
    """With a welcome code, unless the admin greets, the two chat, or an earlier code was used."""
    apps = _listeners(corp, follow.userid)
    silent = corp.staff[follow.userid].admin_welcome or follow.chatting
    code = None
    if apps and not silent and not follow.welcomed:
        code = welcome.new_code(world, corp, follow, apps)
    more = [("State", follow.state)] if follow.state else []
    if code:
        more.append(("WelcomeCode", code.code))
    _notify(world, corp, follow, change, more, code)


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


def _scanner(world: World, body: Json) -> Person:
    """Someone known by id, or someone new, described or not."""
    who = body.get("customer")
    if isinstance(who, str) and who:
        return world.person(who)
    return new_person(world, fields.mapping(body, "customer"))


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
    person = _scanner(world, body)
    external_userid = _external_id(world, corp, person)
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


def _external_id(world: World, corp: Corp, person: Person) -> str:
    if corp.corpid not in person.externals:
        new_id = "wm" + world.dice.word(30, "external", corp.corpid, person.id)
        person.externals[corp.corpid] = new_id
        corp.externals[new_id] = person.id
    return person.externals[corp.corpid]


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
    if way.skip_verify:
        _store(corp, follow)
        _announce_add(world, corp, follow, "add_half_external_contact")
    else:
        corp.requests.setdefault(external_userid, {})[follow.userid] = follow
    wait = world.settings.accept_after_s
    if wait == 0:
        _accept(world, corp, follow)
    elif wait > 0:
        world.callbacks.later(wait, lambda: _accept_later(world, corp, follow))
    return follow


def _store(corp: Corp, follow: Follow) -> None:
    corp.follows.setdefault(follow.external_userid, {})[follow.userid] = follow


def _accept_later(world: World, corp: Corp, follow: Follow) -> None:
    with world.lock:
        current = corp.follow(follow.userid, follow.external_userid)
        waiting = corp.requests.get(follow.external_userid, {}).get(follow.userid)
        if follow.half and follow in (current, waiting):
            _accept(world, corp, follow)


def _accept(world: World, corp: Corp, follow: Follow) -> None:
    corp.requests.get(follow.external_userid, {}).pop(follow.userid, None)
    follow.half = False
    _store(corp, follow)
    _announce_add(world, corp, follow, "add_external_contact")


# Staff and customers who know each other --------------------------------------------------------


def _pair(world: World, body: Json) -> tuple[Corp, str, str]:
    corp = world.corp(fields.given(body, "corpid"))
    userid = world.member(corp, fields.given(body, "userid")).userid
    person = world.person(fields.given(body, "customer"))
    return corp, userid, person.externals.get(corp.corpid, "")


def _relation(world: World, body: Json) -> tuple[Corp, Follow]:
    corp, userid, external_userid = _pair(world, body)
    follow = corp.follow(userid, external_userid)
    if follow is None:
        raise RefusedError(f"{userid} and this customer have not added each other", 409)
    return corp, follow


def accept(world: World, body: Json) -> Json:
    corp, userid, external_userid = _pair(world, body)
    follow = corp.requests.get(external_userid, {}).get(userid)
    follow = follow or corp.follow(userid, external_userid)
    if follow is None or not follow.half:
        raise RefusedError("there is no request to accept", 409)
    _accept(world, corp, follow)
    return {"ok": True}


def _part(corp: Corp, follow: Follow) -> None:
    followers = corp.follows[follow.external_userid]
    del followers[follow.userid]
    if not followers:
        del corp.follows[follow.external_userid]


def staff_deletes(world: World, body: Json) -> Json:
    corp, follow = _relation(world, body)
    _part(corp, follow)
    source = fields.text(body, "source")
    more = [("Source", source)] if source else []
    _notify(world, corp, follow, "del_external_contact", more)
    return {"ok": True}


def customer_deletes(world: World, body: Json) -> Json:
    corp, follow = _relation(world, body)
    _part(corp, follow)
    _notify(world, corp, follow, "del_follow_user")
    return {"ok": True}


def speak(world: World, body: Json) -> Json:
    """`from` and `to`: a userid on one side, a customer on the other. Closes the welcome window."""
    corp = world.corp(fields.given(body, "corpid"))
    speaker, hearer = fields.given(body, "from"), fields.given(body, "to")
    by_staff = speaker in corp.staff
    userid, customer = (speaker, hearer) if by_staff else (hearer, speaker)
    pair: Json = {"corpid": corp.corpid, "userid": userid, "customer": customer}
    _, follow = _relation(world, pair)
    follow.chatting = True
    follow.last_spoken = world.clock.now()
    message = Message(
        id=f"m{world.dice.number('message')}",
        kind="chat",
        corpid=corp.corpid,
        userid=follow.userid,
        external_userid=follow.external_userid,
        at=int(world.clock.now()),
        text=fields.text(body, "text"),
    )
    hears = world.state.people[follow.person] if by_staff else corp.staff[userid]
    hears.messages.append(message)
    return {"ok": True}


def edit_remark(world: World, body: Json) -> Json:
    """A change by hand is told to the apps; a change of phone numbers alone is not."""
    corp, follow = _relation(world, body)
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
        _notify(world, corp, follow, "edit_external_contact")
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
    only = fields.strings(body, "only") if "only" in body else None
    chosen = [send.tasks[userid]] if userid else list(send.tasks.values())
    tallies = {
        task.userid: confirming.confirm(world, corp, send, task, only)
        for task in chosen
        if userid or not task.status
    }
    statuses = {
        name: {str(status): many for status, many in tally.items()}
        for name, tally in tallies.items()
    }
    return {"confirmed": statuses}


ACTS = {
    "scan": scan,
    "accept": accept,
    "staff_deletes": staff_deletes,
    "customer_deletes": customer_deletes,
    "speak": speak,
    "edit_remark": edit_remark,
    "confirm_task": confirm_task,
}
