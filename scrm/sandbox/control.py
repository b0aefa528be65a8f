"""How do a test, a demo and its page steer the world? (/_sim)"""

import time
from collections.abc import Callable
from dataclasses import asdict
from typing import cast

from scrm.sandbox import (
    acquisition,
    acts,
    at_wecom,
    chat_archive,
    faults,
    fields,
    founding,
    group_views,
    handing_over,
    profiles,
    publishing,
    settings,
    staff_changes,
    tag_acts,
    tickets,
    views,
)
from scrm.sandbox.callbacks import Callback
from scrm.sandbox.errors import RefusedError
from scrm.sandbox.fields import Json
from scrm.sandbox.group_acts import ACTS as GROUP_ACTS
from scrm.sandbox.oa import control as oa
from scrm.sandbox.oa.acts import ACTS as OA_ACTS
from scrm.sandbox.telling import worded
from scrm.sandbox.world import World
from scrm.sandbox.wrapping import Recipient

Route = Callable[[World, Json], Json]
ACTS: dict[str, Route] = {
    **acts.ACTS,
    **staff_changes.ACTS,
    **handing_over.ACTS,
    **publishing.ACTS,
    **at_wecom.ACTS,
    **acquisition.ACTS,
    **tag_acts.ACTS,
    **chat_archive.ACTS,
}


def _clock(world: World, body: Json) -> Json:
    if "scale" in body:
        scale = fields.number(body, "scale")
        if not 0 < scale <= 100_000:
            raise RefusedError("scale is above 0 and at most 100000")
        world.clock.set_scale(scale)
    seconds = fields.number(body, "advance_s")
    if seconds < 0:
        raise RefusedError("time does not go back")
    if seconds:
        world.clock.advance(seconds)
        world.timetable.catch_up()
    return {"now": world.clock.now(), "scale": world.clock.scale}


def _settings(world: World, body: Json) -> Json:
    world.settings = settings.changed(world.settings, body)
    return settings.shown(world.settings)


def _fault(world: World, body: Json) -> Json:
    return cast(Json, asdict(world.faults.add(body)))


def _faults(world: World, body: Json) -> Json:
    return world.faults.shown()


def _clear_faults(world: World, body: Json) -> Json:
    world.faults.clear()
    return world.faults.shown()


def _profile(world: World, body: Json) -> Json:
    profiles.choose(world, fields.given(body, "name"))
    return {**settings.shown(world.settings), **world.faults.shown()}


def _journal(world: World, body: Json) -> Json:
    return world.journal.read(
        corpid=fields.text(body, "corpid"),
        path=fields.text(body, "path"),
        since=fields.integer(body, "since"),
        limit=fields.integer(body, "limit"),
    )


def _callbacks(world: World, body: Json) -> Json:
    return world.callbacks.read(
        corpid=fields.text(body, "corpid"),
        since=fields.integer(body, "since"),
        limit=fields.integer(body, "limit"),
    )


def _flush(world: World, body: Json) -> Json:
    began = time.monotonic()
    idle = world.callbacks.flush(fields.number(body, "timeout_s", 30.0))
    return {"idle": idle, "waited_s": round(time.monotonic() - began, 3)}


def _resend(world: World, body: Json) -> Json:
    def to_whom(callback: Callback) -> Recipient:
        account = world.state.accounts.get(callback.corpid)
        return account or world.app(world.corp(callback.corpid), callback.agentid)

    found = world.callbacks.again(fields.integer(body, "id"), to_whom, world.settings)
    return {"id": found.id}


def _inject(world: World, body: Json) -> Json:
    """Any event at all, for receivers that must live with what they do not know."""
    corp = world.corp(fields.given(body, "corpid"))
    app = world.app(corp, fields.integer(body, "agentid"))
    if not app.callback_url:
        raise RefusedError("this app has no callback URL", 409)
    name = fields.given(body, "event")
    pairs = [
        (key, value if isinstance(value, int) else str(value))
        for key, value in fields.mapping(body, "fields").items()
    ]
    xml = fields.text(body, "xml") or worded(corp, app, name, world.clock.now(), pairs)
    return {"id": world.callbacks.send(corp.corpid, app, name, xml, world.settings).id}


def _revoke(world: World, body: Json) -> Json:
    code = fields.integer(body, "errcode", 40014)
    corp = world.corp(fields.given(body, "corpid"))
    return {"revoked": world.tokens.revoke(corp.corpid, fields.integer(body, "agentid"), code)}


def _state(world: World, body: Json) -> Json:
    choices = {"profiles": list(profiles.PROFILES), "fault_kinds": faults.KINDS}
    return {**views.state(world), **oa.accounts(world), **choices}


def _customers(world: World, body: Json) -> Json:
    return views.customers(world)


# Calls that wait, or that reach out to a callback URL, must not hold the world's lock.
UNLOCKED: dict[tuple[str, str], Route] = {
    ("GET", "clock"): _clock,
    ("POST", "clock"): _clock,
    ("GET", "journal"): _journal,
    ("GET", "callbacks"): _callbacks,
    ("POST", "callbacks/flush"): _flush,
    ("POST", "corps"): founding.new_corp,
    ("POST", "apps"): founding.new_app,
    ("POST", "callback_url"): founding.set_callback_url,
    **oa.UNLOCKED,
}
LOCKED: dict[tuple[str, str], Route] = {
    ("GET", "state"): _state,
    ("GET", "customers"): _customers,
    ("POST", "customers"): founding.new_customer,
    ("POST", "customers/many"): founding.many_customers,
    ("POST", "staff"): founding.new_staff,
    ("POST", "departments"): founding.new_department,
    ("GET", "settings"): _settings,
    ("POST", "settings"): _settings,
    ("GET", "faults"): _faults,
    ("POST", "faults"): _fault,
    ("DELETE", "faults"): _clear_faults,
    ("POST", "profile"): _profile,
    ("POST", "callbacks/resend"): _resend,
    ("POST", "callbacks/send"): _inject,
    ("POST", "tokens/revoke"): _revoke,
    ("POST", "check_signature"): tickets.check_signature,
    **oa.LOCKED,
    **{("POST", f"act/{name}"): act for name, act in {**ACTS, **GROUP_ACTS, **OA_ACTS}.items()},
}


def answer(world: World, method: str, path: str, body: Json) -> Json:
    """`path` is what follows /_sim/. The query string of a GET arrives in `body`."""
    route = UNLOCKED.get((method, path))
    if route:
        return route(world, body)
    with world.lock:
        route = LOCKED.get((method, path))
        if route is None:
            return _one(world, method, path)
        if path.startswith("act/"):
            _note(world, path, body)
        return route(world, body)


def _one(world: World, method: str, path: str) -> Json:
    parts = path.split("/")
    if method == "GET" and len(parts) == 2 and parts[0] == "customers":
        return views.customer(world, parts[1])
    if method == "GET" and len(parts) == 3 and parts[0] == "staff":
        return views.staff(world, parts[1], parts[2])
    if method == "GET" and len(parts) == 3 and parts[0] == "groups":
        return group_views.group(world, parts[1], parts[2])
    shown = oa.one(world, parts) if method == "GET" else None
    if shown is None:
        raise RefusedError(f"there is no {method} /_sim/{path}", 404)
    return shown


def _note(world: World, path: str, body: Json) -> None:
    world.journal.add(
        "act",
        {
            "at": round(world.clock.now(), 3),
            "path": f"/_sim/{path}",
            "corpid": fields.text(body, "corpid") or fields.text(body, "appid"),
            "body": body,
        },
    )
