"""What does the menu under a conversation hold, and for whom?"""

from scrm.sandbox import fields
from scrm.sandbox.fields import Json
from scrm.sandbox.oa.calls import OaCall, OaEndpoint
from scrm.sandbox.oa.errors import OaError
from scrm.sandbox.oa.state import Fan, Menu, OfficialAccount

MOST_TOP, MOST_SUB = 3, 5
KEY_BYTES, URL_BYTES = 128, 1024
NAME_BYTES = {"top": 16, "sub": 60}
# What each kind of button must have.
REQUIRED = {
    "click": ("key",),
    "view": ("url",),
    "miniprogram": ("url", "appid", "pagepath"),
    "scancode_push": ("key",),
    "scancode_waitmsg": ("key",),
    "pic_sysphoto": ("key",),
    "pic_photo_or_album": ("key",),
    "pic_weixin": ("key",),
    "location_select": ("key",),
    "media_id": ("media_id",),
    "article_id": ("article_id",),
    "article_view_limited": ("article_id",),
}
# Of a button at the top, and of one below it.
CODES = {
    "top": {"count": 40016, "type": 40017, "name": 40018, "key": 40019, "url": 40020},
    "sub": {"count": 40023, "type": 40024, "name": 40025, "key": 40026, "url": 40027},
}


def _checked(body: Json) -> list[Json]:
    buttons = fields.mappings(body, "button")
    if not 1 <= len(buttons) <= MOST_TOP:
        raise OaError(40016)
    return [_button(button, "top") for button in buttons]


def _button(button: Json, level: str) -> Json:
    codes = CODES[level]
    if not 1 <= len(fields.text(button, "name").encode()) <= NAME_BYTES[level]:
        raise OaError(codes["name"])
    below = fields.mappings(button, "sub_button") if level == "top" else []
    if len(below) > MOST_SUB:
        raise OaError(CODES["sub"]["count"])
    if below:
        return {"name": button["name"], "sub_button": [_button(each, "sub") for each in below]}
    _check_action(button, codes)
    return {**button, "sub_button": []}


def _check_action(button: Json, codes: dict[str, int]) -> None:
    kind = fields.text(button, "type")
    if kind not in REQUIRED:
        raise OaError(codes["type"])
    for name in REQUIRED[kind]:
        if not fields.text(button, name):
            raise OaError(codes.get(name, 40035))
    if len(fields.text(button, "key").encode()) > KEY_BYTES:
        raise OaError(codes["key"])
    if len(fields.text(button, "url").encode()) > URL_BYTES:
        raise OaError(codes["url"])


def _new_id(call: OaCall) -> int:
    return 400_000_000 + call.world.dice.number("menu")


def create(call: OaCall) -> Json:
    call.account.menu = Menu(_new_id(call), _checked(call.body))
    return {}


def add_conditional(call: OaCall) -> Json:
    buttons = _checked(call.body)
    rule = fields.mapping(call.body, "matchrule")
    if not any(rule.values()):
        raise OaError(65304)
    if call.account.menu is None:
        raise OaError(65303)
    menu = Menu(_new_id(call), buttons, rule)
    call.account.conditional_menus.append(menu)
    return {"menuid": str(menu.id)}


def get(call: OaCall) -> Json:
    """With ids only once there are menus for some."""
    menu, others = call.account.menu, call.account.conditional_menus
    if menu is None:
        raise OaError(46003)
    if not others:
        return {"menu": {"button": menu.buttons}}
    return {
        "menu": {"button": menu.buttons, "menuid": menu.id},
        "conditionalmenu": [
            {"button": each.buttons, "matchrule": each.rule, "menuid": each.id}
            for each in reversed(others)
        ],
    }


def delete(call: OaCall) -> Json:
    call.account.menu = None
    call.account.conditional_menus.clear()
    return {}


def seen_by(account: OfficialAccount, fan: Fan) -> Menu | None:
    """The newest that fits: of the rules only a fan's tag is looked at."""
    for menu in reversed(account.conditional_menus):
        wanted = str(menu.rule.get("tag_id", ""))
        if wanted and wanted in map(str, fan.tag_ids):
            return menu
    return account.menu


def buttons(menu: Menu) -> list[Json]:
    """Those that do something, at the top and below."""
    found: list[Json] = []
    for button in menu.buttons:
        found += fields.mappings(button, "sub_button") or [button]
    return found


ENDPOINTS = {
    "menu/create": OaEndpoint(create, daily=1000),
    "menu/get": OaEndpoint(get, daily=10_000, post=False, bare=True),
    "menu/delete": OaEndpoint(delete, daily=1000, post=False),
    "menu/addconditional": OaEndpoint(add_conditional, daily=2000, bare=True),
}
