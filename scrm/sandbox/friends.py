"""Who knows whom: how do a member and a customer find, keep and lose each other?"""

from scrm.sandbox import behaviour, events, fields, links, welcome
from scrm.sandbox.errors import RefusedError
from scrm.sandbox.fields import Json
from scrm.sandbox.state import Corp, Follow, Person, WelcomeCode
from scrm.sandbox.telling import listeners, tell
from scrm.sandbox.world import World


def external_id(world: World, corp: Corp, person: Person) -> str:
    """What this corp calls the person."""
    if corp.corpid not in person.externals:
        new_id = "wm" + world.dice.word(30, "external", corp.corpid, person.id)
        person.externals[corp.corpid] = new_id
        corp.externals[new_id] = person.id
    return person.externals[corp.corpid]


def store(corp: Corp, follow: Follow) -> None:
    corp.follows.setdefault(follow.external_userid, {})[follow.userid] = follow


def part(corp: Corp, follow: Follow) -> None:
    followers = corp.follows[follow.external_userid]
    del followers[follow.userid]
    if not followers:
        del corp.follows[follow.external_userid]


def notify(
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

    pair = [
        ("ChangeType", change),
        ("UserID", follow.userid),
        ("ExternalUserID", follow.external_userid),
    ]
    apps = listeners(corp, follow.userid)
    tell(world, corp, apps, "change_external_contact", [*pair, *more], begun=begun)


def announce_add(world: World, corp: Corp, follow: Follow, change: str) -> None:
    """With a welcome code, unless the admin greets, the two chat, or an earlier code was used."""
    apps = listeners(corp, follow.userid)
    silent = corp.staff[follow.userid].admin_welcome or follow.chatting
    code = None
    if apps and not silent and not follow.welcomed:
        code = welcome.new_code(world, corp, follow, apps)
    more = [("State", follow.state)] if follow.state else []
    if code:
        more.append(("WelcomeCode", code.code))
    notify(world, corp, follow, change, more, code)


def request(world: World, corp: Corp, follow: Follow, *, skip_verify: bool) -> None:
    """A customer asks to add a member, who accepts after a while, or only by an act."""
    if skip_verify:
        store(corp, follow)
        announce_add(world, corp, follow, "add_half_external_contact")
    else:
        corp.requests.setdefault(follow.external_userid, {})[follow.userid] = follow
    wait = world.settings.accept_after_s
    if wait == 0:
        accept(world, corp, follow)
    elif wait > 0:
        world.callbacks.later(wait, lambda: _accept_later(world, corp, follow))


def _accept_later(world: World, corp: Corp, follow: Follow) -> None:
    with world.lock:
        current = corp.follow(follow.userid, follow.external_userid)
        waiting = corp.requests.get(follow.external_userid, {}).get(follow.userid)
        if follow.half and follow in (current, waiting):
            accept(world, corp, follow)


def accept(world: World, corp: Corp, follow: Follow) -> None:
    corp.requests.get(follow.external_userid, {}).pop(follow.userid, None)
    follow.half = False
    store(corp, follow)
    announce_add(world, corp, follow, "add_external_contact")
    behaviour.added(world, corp, follow.userid)
    links.added(world, corp, follow)


def pair(world: World, body: Json) -> tuple[Corp, str, str]:
    """Corp, userid and external_userid that a control call names."""
    corp = world.corp(fields.given(body, "corpid"))
    userid = world.member(corp, fields.given(body, "userid")).userid
    person = world.person(fields.given(body, "customer"))
    return corp, userid, person.externals.get(corp.corpid, "")


def relation(world: World, body: Json) -> tuple[Corp, Follow]:
    corp, userid, external_userid = pair(world, body)
    follow = corp.follow(userid, external_userid)
    if follow is None:
        raise RefusedError(f"{userid} and this customer have not added each other", 409)
    return corp, follow
