"""May this welcome message still be sent, and does it arrive exactly once?

A code is good for one message within 20 s of its callback's first delivery attempt. While one app
is sending, the others hear 41096; once a message arrived, or the two began to chat, 41051.
"""

from scrm.sandbox import content, fields, phones
from scrm.sandbox.calls import Call, Endpoint
from scrm.sandbox.errors import ApiError
from scrm.sandbox.fields import Json
from scrm.sandbox.state import App, Corp, Follow, WelcomeCode
from scrm.sandbox.world import World


def new_code(world: World, corp: Corp, follow: Follow, apps: list[App]) -> WelcomeCode:
    number = world.dice.number("welcome code")
    code = WelcomeCode(
        code=world.dice.word(43, "welcome code", number),
        userid=follow.userid,
        external_userid=follow.external_userid,
        agentids=[app.agentid for app in apps],
    )
    corp.welcome_codes[code.code] = code
    return code


def send(call: Call) -> Json:
    message, attachments = _checked(call)
    world = call.world
    with world.lock:
        code = _claimed(call)
        code.tries += 1
        key = (code.code, code.tries)
    low, high = world.settings.welcome_in_flight_s
    world.clock.sleep(world.dice.between(low, high, "in flight", *key), world.timetable.is_stopped)
    with world.lock:
        first = code.tries == 1
        share = world.settings.welcome_fail_share
        if first and world.dice.fraction("welcome fails", *key) < share:
            _mark(call, code, "fresh")
            raise ApiError(-1)
        _mark(call, code, "used")
        _arrive(call, code, message, attachments)
    return {}


def _checked(call: Call) -> tuple[str, list[Json]]:
    if not fields.text(call.body, "welcome_code"):
        raise ApiError(41049)
    return content.of(call)


def _claimed(call: Call) -> WelcomeCode:
    code = call.corp.welcome_codes.get(fields.text(call.body, "welcome_code"))
    if code is None or call.app.agentid not in code.agentids:
        raise ApiError(41050)
    follow = call.corp.follow(code.userid, code.external_userid)
    chatting = follow is None or follow.chatting
    if code.status == "used" or chatting:
        raise ApiError(41051)
    if code.status == "sending":
        raise ApiError(41096)
    now, life = call.world.clock.steady(), call.world.settings.welcome_life_s
    if code.started is not None and now - code.started > life:
        raise ApiError(41050)
    if call.corp.staff[code.userid].dormant:
        raise ApiError(40098, "the member has not logged in for long")
    _mark(call, code, "sending")
    return code


def _mark(call: Call, code: WelcomeCode, status: str) -> None:
    code.status = status
    follow = call.corp.follow(code.userid, code.external_userid)
    if follow:
        follow.welcomed = status != "fresh"


def _arrive(call: Call, code: WelcomeCode, message: str, attachments: list[Json]) -> None:
    phones.land(
        call.world,
        phones.of_customer(call.world, call.corp, code.external_userid),
        "welcome",
        call.corp.corpid,
        message,
        attachments,
        userid=code.userid,
        external_userid=code.external_userid,
    )


ENDPOINTS = {"externalcontact/send_welcome_msg": Endpoint(send, locked=False)}
