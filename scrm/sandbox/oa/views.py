"""What can be seen of official accounts from outside?"""

from dataclasses import asdict
from typing import cast

from scrm.sandbox.errors import RefusedError
from scrm.sandbox.fields import Json
from scrm.sandbox.oa import menus, qr
from scrm.sandbox.oa.state import Fan, OfficialAccount
from scrm.sandbox.views import message
from scrm.sandbox.world import World

NEWEST_CODES = 200


def account(world: World, shown: OfficialAccount) -> Json:
    codes = list(shown.qr_codes.values())[-NEWEST_CODES:]
    return {
        "appid": shown.appid,
        "name": shown.name,
        "original_id": shown.original_id,
        "mode": shown.mode,
        "callback_url": shown.callback_url,
        "followers": len(shown.followers()),
        "tags": [asdict(tag) for tag in shown.tags.values()],
        "templates": [asdict(template) for template in shown.templates.values()],
        "menu": shown.menu.buttons if shown.menu else [],
        "qr_codes": [
            {
                "ticket": code.ticket,
                "scene": code.scene,
                "url": qr.address(world, code),
                "expires": code.expires,
            }
            for code in codes
        ],
    }


def fans(world: World, appid: str) -> Json:
    known = world.account(appid)
    ordered = sorted(known.fans.values(), key=lambda each: each.number)
    return {"appid": appid, "fans": [_fan(world, known, each) for each in ordered]}


def fan(world: World, appid: str, openid: str) -> Json:
    """What the account knows, and the part of the phone that belongs to it."""
    known = world.account(appid)
    found = known.fans.get(openid)
    if found is None:
        raise RefusedError(f"account {appid!r} has no fan {openid!r}", 404)
    person = world.state.people[found.person]
    menu = menus.seen_by(known, found)
    return {
        **_fan(world, known, found),
        "menu": menus.buttons(menu) if menu else [],
        "messages": [message(each) for each in person.messages if each.corpid == appid],
    }


def _fan(world: World, known: OfficialAccount, shown: Fan) -> Json:
    person = world.state.people[shown.person]
    facts = cast(Json, asdict(shown))
    return {**facts, "customer": shown.person, "name": person.name, "unionid": person.unionid}
