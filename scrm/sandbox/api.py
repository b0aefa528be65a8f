"""What does the platform answer to a call under /cgi-bin/?"""

import json
import time
from typing import cast

from scrm.sandbox import (
    acquisition,
    app_messages,
    behaviour,
    contact_ways,
    customers,
    errors,
    group_statistics,
    group_templates,
    group_transfers,
    groups,
    identity,
    join_ways,
    mass_sends,
    media,
    moment_making,
    moments,
    multipart,
    people,
    tags,
    tickets,
    transfers,
    welcome,
)
from scrm.sandbox.calls import Call, Endpoint, File
from scrm.sandbox.errors import ApiError, BadFieldError
from scrm.sandbox.exchange import HTML_TYPE, Reply, Request, Story, file_reply, json_body
from scrm.sandbox.faults import Rule
from scrm.sandbox.fields import Json
from scrm.sandbox.journal import LONGEST, masked, masked_body, masked_query
from scrm.sandbox.oa import router as oa
from scrm.sandbox.state import App, Corp
from scrm.sandbox.world import World

ENDPOINTS: dict[str, Endpoint] = {
    **people.ENDPOINTS,
    **contact_ways.ENDPOINTS,
    **customers.ENDPOINTS,
    **tags.ENDPOINTS,
    **welcome.ENDPOINTS,
    **mass_sends.ENDPOINTS,
    **app_messages.ENDPOINTS,
    **media.ENDPOINTS,
    **groups.ENDPOINTS,
    **join_ways.ENDPOINTS,
    **group_transfers.ENDPOINTS,
    **group_templates.ENDPOINTS,
    **group_statistics.ENDPOINTS,
    **behaviour.ENDPOINTS,
    **transfers.ENDPOINTS,
    **moment_making.ENDPOINTS,
    **moments.ENDPOINTS,
    **acquisition.ENDPOINTS,
    **tickets.ENDPOINTS,
    **identity.ENDPOINTS,
}
IP = "127.0.0.1"
BAD_GATEWAY = b"<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"


def respond(world: World, request: Request) -> Reply:
    began = time.monotonic()
    api = request.path.removeprefix("/cgi-bin/").removeprefix("/")
    story = Story(corpid=_corpid(world, request))
    struck = world.faults.struck("api", story.corpid, api)
    story.faults = [rule.kind for rule in struck]
    _linger(world, api, struck)
    kinds = {rule.kind for rule in struck}
    reply = Reply(b"", reset=True) if "reset_before" in kinds else None
    if reply is None:
        reply = _spoiled(_answer(world, request, api, story, struck), struck)
    _note(world, request, reply, story, began)
    return reply


def _corpid(world: World, request: Request) -> str:
    token = request.query.get("access_token", "")
    corpid = world.tokens.corpid_of(token) or request.query.get("corpid", "")
    return corpid or oa.appid_of(world, request)


def _linger(world: World, api: str, struck: list[Rule]) -> None:
    low, high = world.settings.latency_s
    pause = sum(rule.delay_s for rule in struck if rule.kind == "delay")
    if high:
        pause += world.dice.between(low, high, "latency", api, world.dice.number(f"slow {api}"))
    if pause:
        world.clock.sleep(pause, world.timetable.is_stopped)


def _answer(world: World, request: Request, api: str, story: Story, struck: list[Rule]) -> Reply:
    """Faults that stand for a refusal leave no effect; the others spoil the answer afterwards."""
    if any(rule.kind == "http_502" for rule in struck):
        return Reply(BAD_GATEWAY, 502, HTML_TYPE)
    endpoint = ENDPOINTS.get(api)
    refusal = next((rule for rule in struck if rule.kind == "errcode"), None)
    if oa.is_ours(world, request, api, wecom=endpoint is not None):
        return oa.answered(world, request, api, story, refusal)
    fields: Json | File
    try:
        if refusal:
            raise ApiError(refusal.errcode, refusal.errmsg)
        if api == "gettoken":
            corpid, secret = (request.query.get(name, "") for name in ("corpid", "corpsecret"))
            fields = world.tokens.issue(corpid, secret)
        else:
            fields = _called(world, request, api, endpoint, story)
        if isinstance(fields, File):
            story.answer = {"file": fields.name, "bytes": len(fields.content)}
            return file_reply(fields)
        story.answer = {"errcode": 0, "errmsg": "ok", **fields}
    except BadFieldError as bad:
        error = ApiError(40058, f"{errors.WRONG_JSON if bad.wrong_type else ''}{bad}")
        story.answer = _refusal(world, error, endpoint, story)
    except ApiError as error:
        story.answer = _refusal(world, error, endpoint, story)
    return Reply(json.dumps(story.answer, ensure_ascii=False).encode())


def _called(
    world: World, request: Request, api: str, endpoint: Endpoint | None, story: Story
) -> Json | File:
    corp, app = world.tokens.bearer(request.query.get("access_token", ""))
    story.corpid, story.agentid = corp.corpid, app.agentid
    if app.ip_list and IP not in app.ip_list:
        raise ApiError(60020)
    if endpoint is None:
        story.mark = "not simulated"
        raise ApiError(48002)
    if endpoint.contact and not app.customer_contact:
        raise ApiError(48002)
    world.limits.admit(corp.corpid, api, factor=world.settings.rate_factor)
    call = _call(world, corp, app, request, upload=endpoint.upload)
    with world.limits.at_once(corp.corpid, api, endpoint.at_once):
        if not endpoint.locked:
            return endpoint.answer(call)
        with world.lock:
            return endpoint.answer(call)


def _call(world: World, corp: Corp, app: App, request: Request, *, upload: bool) -> Call:
    if upload:
        sent = multipart.parts(request.content_type, request.raw) if request.raw else []
        return Call(world, corp, app, request.query, {}, sent)
    return Call(world, corp, app, request.query, json_body(request))


def _refusal(world: World, error: ApiError, endpoint: Endpoint | None, story: Story) -> Json:
    story.errcode, story.errmsg = error.code, error.text
    empty: Json = {name: [] for name in endpoint.empty} if endpoint else {}
    text = errors.long_text(error, at=world.clock.now(), dice=world.dice, ip=IP)
    return {"errcode": error.code, "errmsg": text, **empty, **error.fields}


def _spoiled(reply: Reply, struck: list[Rule]) -> Reply:
    for rule in struck:
        if rule.kind == "reset_after":
            reply.reset = True
        elif rule.kind == "truncated_json":
            reply.body = reply.body[: len(reply.body) // 2]
        elif rule.kind == "html_200":
            reply.body, reply.content_type = b"<html><body>ok</body></html>", HTML_TYPE
        elif rule.kind == "slow_body":
            reply.slow_s = rule.delay_s
    return reply


def _note(world: World, request: Request, reply: Reply, story: Story, began: float) -> None:
    world.journal.add(
        "api",
        {
            "at": round(world.clock.now(), 3),
            "method": request.method,
            "path": request.path,
            "corpid": story.corpid,
            "agentid": story.agentid,
            "query": masked_query(request.target),
            "body": masked_body(request.raw),
            "status": 0 if reply.reset else reply.status,
            "errcode": story.errcode,
            "errmsg": story.errmsg,
            "answer": _shown_answer(story, len(reply.body)),
            "faults": story.faults,
            "mark": story.mark,
            "latency_ms": round((time.monotonic() - began) * 1000, 2),
        },
    )


def _shown_answer(story: Story, size: int) -> object:
    """Without the hint, which differs from run to run."""
    if size > LONGEST:
        return f"{size} bytes"
    shown = cast(Json, masked(story.answer))
    return {**shown, "errmsg": story.errmsg} if "errmsg" in shown else shown
