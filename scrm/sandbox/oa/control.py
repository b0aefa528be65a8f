"""How are official accounts founded, steered and looked at? (/_sim/oa)"""

from collections.abc import Callable

from scrm.sandbox import fields
from scrm.sandbox.fields import Json
from scrm.sandbox.oa import founding, news, views
from scrm.sandbox.world import World

Route = Callable[[World, Json], Json]


def _revoke(world: World, body: Json) -> Json:
    return {"revoked": world.oa_tokens.revoke(world.account(fields.given(body, "appid")).appid)}


UNLOCKED: dict[tuple[str, str], Route] = {
    ("POST", "oa/accounts"): founding.new_account,
    ("POST", "oa/callback_url"): founding.set_callback_url,
}
LOCKED: dict[tuple[str, str], Route] = {
    ("POST", "oa/templates"): founding.new_template,
    ("POST", "oa/fans"): founding.new_fans,
    ("POST", "oa/callbacks/send"): news.inject,
    ("POST", "oa/tokens/revoke"): _revoke,
}


def accounts(world: World) -> Json:
    return {"accounts": [views.account(world, each) for each in world.state.accounts.values()]}


def one(world: World, parts: list[str]) -> Json | None:
    """oa/accounts/APPID, oa/fans/APPID and oa/fans/APPID/OPENID."""
    match parts:
        case ["oa", "accounts", appid]:
            return views.account(world, world.account(appid))
        case ["oa", "fans", appid]:
            return views.fans(world, appid)
        case ["oa", "fans", appid, openid]:
            return views.fan(world, appid, openid)
    return None
