"""Which calls need no token of the account: those that fetch one, and those of a person's pages?"""

from collections.abc import Callable

from scrm.sandbox import fields
from scrm.sandbox.fields import Json
from scrm.sandbox.oa.errors import OaError
from scrm.sandbox.oa.fans import unionid
from scrm.sandbox.oa.tokens import account_of
from scrm.sandbox.world import World


def token(world: World, given: Json) -> Json:
    credentials = (fields.text(given, name) for name in ("appid", "secret", "grant_type"))
    return world.oa_tokens.issue(*credentials, factor=world.settings.rate_factor)


def stable_token(world: World, given: Json) -> Json:
    credentials = (fields.text(given, name) for name in ("appid", "secret", "grant_type"))
    force = fields.flag(given, "force_refresh")
    factor = world.settings.rate_factor
    return world.oa_tokens.issue_stable(*credentials, force=force, factor=factor)


def page_token(world: World, given: Json) -> Json:
    """`unionid` comes with the wider scope alone."""
    appid = fields.text(given, "appid")
    account = account_of(world.state, appid, fields.text(given, "secret"))
    if fields.text(given, "grant_type") != "authorization_code":
        raise OaError(40002)
    shown = world.grants.redeem(appid, fields.text(given, "code"))
    if shown["scope"] != "snsapi_userinfo":
        return shown
    return {**shown, **unionid(world, account, account.fans[fields.text(shown, "openid")])}


def refreshed_token(world: World, given: Json) -> Json:
    appid = fields.text(given, "appid")
    if appid not in world.state.accounts:
        raise OaError(40013)
    if fields.text(given, "grant_type") != "refresh_token":
        raise OaError(40002)
    return world.grants.refresh(appid, fields.text(given, "refresh_token"))


def person(world: World, given: Json) -> Json:
    openid = fields.text(given, "openid")
    grant = world.grants.bearer(fields.text(given, "access_token"), openid)
    if grant.scope != "snsapi_userinfo":
        raise OaError(48001)
    account = world.state.accounts[grant.appid]
    fan = account.fans[openid]
    known = world.state.people[fan.person]
    return {
        "openid": openid,
        "nickname": known.name,
        "sex": known.gender,
        "province": "",
        "city": "",
        "country": "",
        "headimgurl": "",
        "privilege": [],
        **unionid(world, account, fan),
    }


OPEN_CALLS: dict[str, Callable[[World, Json], Json]] = {
    "token": token,
    "stable_token": stable_token,
    "sns/oauth2/access_token": page_token,
    "sns/oauth2/refresh_token": refreshed_token,
    "sns/userinfo": person,
}
POST_ONLY = ("stable_token",)
