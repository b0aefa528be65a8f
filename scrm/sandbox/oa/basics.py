"""Tickets for pages, addresses of the platform's servers, and clearing the day's counts."""

from scrm.sandbox import fields
from scrm.sandbox.fields import Json
from scrm.sandbox.oa.calls import OaCall, OaEndpoint
from scrm.sandbox.oa.errors import OaError

TICKET_LIFE_S = 7200
TICKET_LENGTH = 86
TICKETS = ("jsapi", "wx_card")


def ticket(call: OaCall) -> Json:
    """The same one while its two hours last."""
    kind = fields.text({**call.query, **call.body}, "type")
    if kind not in TICKETS:
        raise OaError(40097)
    world = call.world
    turn, passed = divmod(int(world.clock.now()), TICKET_LIFE_S)
    value = world.dice.word(TICKET_LENGTH, "ticket", call.account.appid, kind, turn)
    return {"ticket": value, "expires_in": TICKET_LIFE_S - passed}


def callback_ips(call: OaCall) -> Json:
    return {"ip_list": ["127.0.0.1"]}


def clear_quota(call: OaCall) -> Json:
    if fields.text(call.body, "appid") != call.account.appid:
        raise OaError(40013)
    call.world.quotas.clear(call.account.appid)
    return {}


ENDPOINTS = {
    "ticket/getticket": OaEndpoint(ticket, daily=1_000_000, post=False),
    "getcallbackip": OaEndpoint(callback_ips, post=False, bare=True),
    "clear_quota": OaEndpoint(clear_quota),
}
