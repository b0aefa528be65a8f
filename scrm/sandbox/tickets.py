"""Which tickets sign a page's use of the client's scripts, and is a signature right?"""

import hmac

from scrm.sandbox import fields
from scrm.sandbox.calls import Call, Endpoint
from scrm.sandbox.errors import BadFieldError
from scrm.sandbox.fields import Json
from scrm.sandbox.limits import HOUR
from scrm.sandbox.world import World

CORP_AN_HOUR = 400
APP_AN_HOUR = 100


def _limit(call: Call) -> None:
    limits, corpid = call.world.limits, call.corp.corpid
    limits.allow(corpid, "jsapi ticket", most=CORP_AN_HOUR, seconds=HOUR)
    limits.allow(f"{corpid}:{call.app.agentid}", "jsapi ticket", most=APP_AN_HOUR, seconds=HOUR)


def of_corp(call: Call) -> Json:
    _limit(call)
    return call.world.tickets.issue(call.corp.corpid, 0)


def of_app(call: Call) -> Json:
    if fields.text({**call.query, **call.body}, "type") != "agent_config":
        raise BadFieldError("type is agent_config")
    _limit(call)
    return call.world.tickets.issue(call.corp.corpid, call.app.agentid)


def check_signature(world: World, body: Json) -> Json:
    """What the client does with the four fields of wx.config, or with `agentid` of
    wx.agentConfig: it makes the signature anew from the ticket that is good now."""
    corp = world.corp(fields.given(body, "corpid"))
    agentid = fields.integer(body, "agentid")
    if agentid:
        world.app(corp, agentid)
    url = fields.given(body, "url").partition("#")[0]
    wanted = world.tickets.signature(
        corp.corpid,
        agentid,
        [
            ("noncestr", fields.given(body, "noncestr")),
            ("timestamp", str(fields.integer(body, "timestamp"))),
            ("url", url),
        ],
    )
    given = fields.text(body, "signature")
    return {"valid": bool(wanted) and hmac.compare_digest(wanted, given)}


ENDPOINTS = {
    "get_jsapi_ticket": Endpoint(of_corp, contact=False),
    "ticket/get": Endpoint(of_app, contact=False),
}
