"""What do fans do, and what is the account told?"""

from scrm.sandbox import events, fields, transport
from scrm.sandbox.errors import RefusedError
from scrm.sandbox.fields import Json
from scrm.sandbox.founding import new_person
from scrm.sandbox.oa import menus, qr
from scrm.sandbox.oa.fans import fan_of, openid_of
from scrm.sandbox.oa.messages import ACTED, SPOKE, open_for
from scrm.sandbox.oa.news import tell, tell_message
from scrm.sandbox.oa.state import Fan, OfficialAccount, QrCode
from scrm.sandbox.oa.web import checked_request
from scrm.sandbox.world import World

SCENES = (
    "ADD_SCENE_SEARCH",
    "ADD_SCENE_ACCOUNT_MIGRATION",
    "ADD_SCENE_PROFILE_CARD",
    "ADD_SCENE_QR_CODE",
    "ADD_SCENE_PROFILE_LINK",
    "ADD_SCENE_PROFILE_ITEM",
    "ADD_SCENE_PAID",
    "ADD_SCENE_WECHAT_ADVERTISEMENT",
    "ADD_SCENE_REPRINT",
    "ADD_SCENE_LIVESTREAM",
    "ADD_SCENE_CHANNELS",
    "ADD_SCENE_WXA",
    "ADD_SCENE_OTHERS",
)
ANSWERS = ("accept", "reject")
MESSAGE_BYTES = 2048


def _account(world: World, body: Json) -> OfficialAccount:
    return world.account(fields.given(body, "appid"))


def _fan(world: World, account: OfficialAccount, body: Json) -> Fan:
    """Someone known by a customer's id or an openid, or someone new, described or not."""
    who = body.get("customer")
    if isinstance(who, str) and who:
        return fan_of(world, account, world.person(who))
    return fan_of(world, account, new_person(world, fields.mapping(body, "customer")))


def _follower(world: World, body: Json) -> tuple[OfficialAccount, Fan]:
    account = _account(world, body)
    person = world.person(fields.given(body, "customer"))
    fan = account.fans.get(openid_of(world, account, person))
    if fan is None or not fan.subscribed:
        raise RefusedError("this person does not follow the account", 409)
    return account, fan


def _shown(account: OfficialAccount, fan: Fan, **more: object) -> Json:
    return {"appid": account.appid, "customer": fan.person, "openid": fan.openid, **more}


# Following and scanning --------------------------------------------------------------------------


def follow(world: World, body: Json) -> Json:
    """Without a QR code: by search, a card, an article …"""
    account = _account(world, body)
    how = fields.text(body, "how") or SCENES[0]
    if how not in SCENES:
        raise RefusedError(f"how is one of {', '.join(SCENES)}")
    fan = _fan(world, account, body)
    already = fan.subscribed
    if not already:
        _subscribe(world, account, fan, how)
    return _shown(account, fan, already=already)


def _subscribe(
    world: World, account: OfficialAccount, fan: Fan, how: str, code: QrCode | None = None
) -> None:
    fan.subscribed = True
    fan.subscribe_time = int(world.clock.now())
    fan.subscribe_scene = how
    fan.qr_scene = code.scene_id if code else 0
    fan.qr_scene_str = code.scene_str if code else ""
    open_for(world, fan, ACTED)
    carried = [("EventKey", f"qrscene_{code.scene}"), ("Ticket", code.ticket)] if code else []
    tell(world, account, fan, "subscribe", carried)


def _scanned(world: World, body: Json) -> tuple[OfficialAccount, QrCode]:
    """By its ticket, the end of its address, or the scene it carries."""
    scene, appid = fields.text(body, "scene"), fields.text(body, "appid")
    if scene:
        account = _account(world, body)
        return account, qr.with_scene(world, account, scene)
    ticket, key = fields.text(body, "ticket"), fields.text(body, "key")
    found = qr.find(world, ticket=ticket, key=key)
    if found is None or appid not in ("", found[0].appid):
        raise RefusedError("there is no such QR code, or it has expired", 404)
    return found


def scan(world: World, body: Json) -> Json:
    """Whoever does not follow yet, follows with it."""
    account, code = _scanned(world, body)
    fan = _fan(world, account, body)
    already = fan.subscribed
    if already:
        open_for(world, fan, ACTED)
        tell(world, account, fan, "SCAN", [("EventKey", code.scene), ("Ticket", code.ticket)])
    else:
        _subscribe(world, account, fan, "ADD_SCENE_QR_CODE", code)
    return _shown(account, fan, already=already, scene=code.scene)


def unfollow(world: World, body: Json) -> Json:
    account, fan = _follower(world, body)
    fan.subscribed = False
    fan.openings.clear()
    tell(world, account, fan, "unsubscribe", answered=False)
    return _shown(account, fan)


# In the conversation -----------------------------------------------------------------------------


def text(world: World, body: Json) -> Json:
    account, fan = _follower(world, body)
    said = fields.given(body, "text")
    if len(said.encode()) > MESSAGE_BYTES:
        raise RefusedError(f"nobody can write more than {MESSAGE_BYTES} bytes at once")
    open_for(world, fan, SPOKE)
    msgid = tell_message(world, account, fan, "text", [("Content", said)])
    return _shown(account, fan, msgid=msgid)


def _pressed(account: OfficialAccount, fan: Fan, kind: str, name: str, wanted: str) -> int:
    """The id of the menu in which the fan finds that button."""
    menu = menus.seen_by(account, fan)
    for button in menus.buttons(menu) if menu else []:
        if button.get("type") == kind and button.get(name) == wanted and menu:
            return menu.id
    raise RefusedError(f"this fan's menu has no {kind} button with the {name} {wanted!r}", 404)


def click(world: World, body: Json) -> Json:
    account, fan = _follower(world, body)
    key = fields.given(body, "key")
    _pressed(account, fan, "click", "key", key)
    open_for(world, fan, ACTED)
    tell(world, account, fan, "CLICK", [("EventKey", key)])
    return _shown(account, fan)


def view(world: World, body: Json) -> Json:
    account, fan = _follower(world, body)
    url = fields.given(body, "url")
    menu = _pressed(account, fan, "view", "url", url)
    tell(world, account, fan, "VIEW", [("EventKey", url), ("MenuId", menu)], answered=False)
    return _shown(account, fan)


def location(world: World, body: Json) -> Json:
    """The phone tells where it is as its owner opens the conversation."""
    account, fan = _follower(world, body)
    names = (("Latitude", 23.137466), ("Longitude", 113.352425), ("Precision", 119.38504))
    place = [(name, fields.number(body, name.lower(), usual)) for name, usual in names]
    tell(world, account, fan, "LOCATION", place, answered=False)
    return _shown(account, fan)


# Notices -----------------------------------------------------------------------------------------


def popup(world: World, body: Json) -> Json:
    """`answers` maps subscription templates to accept or reject; a stranger can answer too."""
    account = _account(world, body)
    answers = fields.mapping(body, "answers")
    if not answers:
        raise RefusedError("answers maps template ids to accept or reject")
    for template_id, answer in answers.items():
        template = account.templates.get(template_id)
        if template is None or template.kind != "subscribe":
            raise RefusedError(f"there is no subscription template {template_id!r}", 404)
        if answer not in ANSWERS:
            raise RefusedError(f"an answer is one of {', '.join(ANSWERS)}")
    fan = _fan(world, account, body)
    scene = fields.integer(body, "scene", 1)
    rows: list[tuple[str, events.Value]] = []
    for template_id, answer in answers.items():
        if answer == "accept":
            fan.accepted[template_id] = fan.accepted.get(template_id, 0) + 1
        told = [("TemplateId", template_id), ("SubscribeStatusString", str(answer))]
        rows.append(("List", [*told, ("PopupScene", scene)]))
    more = [("SubscribeMsgPopupEvent", rows)]
    tell(world, account, fan, "subscribe_msg_popup_event", more, answered=False)
    return _shown(account, fan, accepted=fan.accepted)


def cancel_subscription(world: World, body: Json) -> Json:
    """In the settings of the service notices; only a refusal is told."""
    account = _account(world, body)
    fan = fan_of(world, account, world.person(fields.given(body, "customer")))
    template_id = fields.given(body, "template_id")
    fan.accepted.pop(template_id, None)
    told = [("TemplateId", template_id), ("SubscribeStatusString", "reject")]
    more = [("SubscribeMsgChangeEvent", [("List", told)])]
    tell(world, account, fan, "subscribe_msg_change_event", more, answered=False)
    return _shown(account, fan)


def refuse_templates(world: World, body: Json) -> Json:
    """Nobody is told of it until the next template message fails."""
    account, fan = _follower(world, body)
    fan.refuses_templates = fields.flag(body, "refuse", default=True)
    return _shown(account, fan, refuse=fan.refuses_templates)


def authorize(world: World, body: Json) -> Json:
    """Somebody opens a page that asks WeChat who they are; gives the address they are sent to."""
    account = _account(world, body)
    target, scope = checked_request(body)
    fan = _fan(world, account, body)
    code = world.grants.new_code(account.appid, fan.openid, scope)
    back = [("code", code), ("state", fields.text(body, "state"))]
    return _shown(account, fan, code=code, location=transport.with_query(target, back))


ACTS = {
    "oa_follow": follow,
    "oa_scan": scan,
    "oa_unfollow": unfollow,
    "oa_text": text,
    "oa_click": click,
    "oa_view": view,
    "oa_location": location,
    "oa_popup": popup,
    "oa_cancel_subscription": cancel_subscription,
    "oa_refuse_templates": refuse_templates,
    "oa_authorize": authorize,
}
