"""What does the platform answer to a call for an official account?

WeCom and official accounts share the root /cgi-bin/ and some paths under it: whose call it is, the
owner of the token says, and the path where there is no token.
"""

import json

from scrm.sandbox import multipart
from scrm.sandbox.calls import File
from scrm.sandbox.errors import ApiError, BadFieldError
from scrm.sandbox.exchange import HTML_TYPE, Reply, Request, Story, file_reply, json_body
from scrm.sandbox.faults import Rule
from scrm.sandbox.fields import Json, text
from scrm.sandbox.oa import basics, fans, media, menus, messages, qr, tags, templates
from scrm.sandbox.oa.calls import OaCall, OaEndpoint
from scrm.sandbox.oa.errors import OaError, long_text
from scrm.sandbox.oa.open_calls import OPEN_CALLS, POST_ONLY
from scrm.sandbox.oa.state import OfficialAccount
from scrm.sandbox.world import World

ENDPOINTS: dict[str, OaEndpoint] = {
    **fans.ENDPOINTS,
    **tags.ENDPOINTS,
    **qr.ENDPOINTS,
    **messages.ENDPOINTS,
    **templates.ENDPOINTS,
    **menus.ENDPOINTS,
    **media.ENDPOINTS,
    **basics.ENDPOINTS,
}
IMAGE = "showqrcode"
PAGES = "sns/"
NO_IMAGE = b"<html><body>404 Not Found</body></html>"


def is_ours(world: World, request: Request, api: str, *, wecom: bool) -> bool:
    """`wecom`: a WeCom app has a call of this path too."""
    if api == IMAGE or api in OPEN_CALLS or api.startswith(PAGES):
        return True
    if world.oa_tokens.appid_of(request.query.get("access_token", "")):
        return api in ENDPOINTS or not wecom
    return api in ENDPOINTS and not wecom


def appid_of(world: World, request: Request) -> str:
    """For faults and the journal, also when the call will be refused."""
    token = request.query.get("access_token", "")
    named = world.oa_tokens.appid_of(token) or world.grants.appid_of(token)
    named = named or request.query.get("appid", "")
    if named or not request.path.endswith("/stable_token"):
        return named
    try:
        return text(json_body(request), "appid")
    except BadFieldError:
        return ""


def answered(world: World, request: Request, api: str, story: Story, refusal: Rule | None) -> Reply:
    """Good answers of the calls that only read carry no errcode."""
    if api == IMAGE:
        return _image(world, request, story)
    try:
        if refusal:
            raise OaError(refusal.errcode, refusal.errmsg)
        result = _called(world, request, api, story)
    except BadFieldError as bad:
        error = OaError(47001) if bad.wrong_type else OaError(40035, f"invalid parameter: {bad}")
        story.answer = _refusal(world, error, story)
    except ApiError as error:
        story.answer = _refusal(world, error, story)
    else:
        if isinstance(result, File):
            story.answer = {"file": result.name, "bytes": len(result.content)}
            return file_reply(result)
        story.answer = result
    return Reply(json.dumps(story.answer, ensure_ascii=False).encode())


def _image(world: World, request: Request, story: Story) -> Reply:
    drawn = qr.image(world, request.query.get("ticket", ""))
    if drawn is None:
        return Reply(NO_IMAGE, 404, HTML_TYPE)
    story.answer = {"bytes": len(drawn)}
    return Reply(drawn, content_type="image/png")


def _refusal(world: World, error: ApiError, story: Story) -> Json:
    story.errcode, story.errmsg = error.code, error.text
    told = long_text(error, at=world.clock.now(), dice=world.dice)
    return {"errcode": error.code, "errmsg": told}


def _called(world: World, request: Request, api: str, story: Story) -> Json | File:
    if api in OPEN_CALLS:
        if api in POST_ONLY and request.method != "POST":
            raise OaError(43002)
        with world.lock:
            return OPEN_CALLS[api](world, {**request.query, **json_body(request)})
    if api.startswith(PAGES):
        raise _not_simulated(story)
    account = world.oa_tokens.bearer(request.query.get("access_token", ""))
    story.corpid = account.appid
    endpoint = ENDPOINTS.get(api)
    if endpoint is None:
        raise _not_simulated(story)
    _admit(world, account, api, endpoint, request)
    call = _call(world, account, endpoint, request)
    with world.lock:
        result = endpoint.answer(call)
    if endpoint.bare or isinstance(result, File):
        return result
    return {"errcode": 0, "errmsg": "ok", **result}


def _not_simulated(story: Story) -> OaError:
    story.mark = "not simulated"
    return OaError(48001)


def _admit(
    world: World, account: OfficialAccount, api: str, endpoint: OaEndpoint, request: Request
) -> None:
    if endpoint.post and request.method != "POST":
        raise OaError(43002)
    if endpoint.daily:
        daily = max(1, int(endpoint.daily * world.settings.rate_factor))
        world.quotas.take(account.appid, api, daily)
    if endpoint.post and not request.raw:
        raise OaError(44002)


def _call(world: World, account: OfficialAccount, endpoint: OaEndpoint, request: Request) -> OaCall:
    if endpoint.upload:
        sent = multipart.parts(request.content_type, request.raw)
        return OaCall(world, account, request.query, {}, sent)
    return OaCall(world, account, request.query, json_body(request))
