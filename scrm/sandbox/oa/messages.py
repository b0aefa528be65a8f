"""May the account write to a fan now, and what arrives?

A fan's own message allows five within 48 hours, and each new one begins the count again; a click,
a scan or a new follow allows three within a minute.
"""

from scrm.sandbox import fields, phones
from scrm.sandbox.errors import BadFieldError
from scrm.sandbox.fields import Json
from scrm.sandbox.oa.calls import OaCall, OaEndpoint
from scrm.sandbox.oa.errors import OaError
from scrm.sandbox.oa.media import usable
from scrm.sandbox.oa.state import Fan, OfficialAccount, Opening
from scrm.sandbox.world import World

SPOKE, ACTED = "spoke", "acted"
ALLOWED = {SPOKE: (5, 48 * 3600), ACTED: (3, 60)}
TEXT_BYTES = 2048
MOST_ARTICLES = 8
# The texts that each kind must have; a media id has to be one of these kinds of file.
REQUIRED: dict[str, tuple[str, ...]] = {
    "music": ("musicurl", "hqmusicurl"),
    "mpnews": ("media_id",),
    "mpnewsarticle": ("article_id",),
    "wxcard": ("card_id",),
    "miniprogrampage": ("appid", "pagepath"),
}
FILES: dict[str, dict[str, tuple[str, ...]]] = {
    "image": {"media_id": ("image",)},
    "voice": {"media_id": ("voice",)},
    "video": {"media_id": ("video",)},
    "music": {"thumb_media_id": ("thumb", "image")},
    "miniprogrampage": {"thumb_media_id": ("thumb", "image")},
}


def open_for(world: World, fan: Fan, kind: str) -> None:
    left, seconds = ALLOWED[kind]
    now = world.clock.now()
    others = [each for each in fan.openings if each.kind != kind and now < each.until]
    fan.openings = [*others, Opening(kind, now + seconds, left)]


def _use(world: World, fan: Fan) -> None:
    """Takes one message from what ends first."""
    now = world.clock.now()
    live = [each for each in fan.openings if now < each.until]
    if not fan.subscribed or not live:
        raise OaError(45015)
    left = [each for each in live if each.left]
    if not left:
        raise OaError(45047)
    min(left, key=lambda each: each.until).left -= 1


def arrive(
    world: World,
    account: OfficialAccount,
    fan: Fan,
    kind: str,
    text: str,
    attachments: list[Json] | None = None,
) -> None:
    """On the person's phone: `corpid` is the appid and `external_userid` the openid there."""
    phone = world.state.people[fan.person]
    phones.land(world, phone, kind, account.appid, text, attachments, external_userid=fan.openid)


def _text(content: Json) -> tuple[str, list[Json]]:
    text = fields.text(content, "content")
    if not text:
        raise OaError(44004)
    if len(text.encode()) > TEXT_BYTES:
        raise OaError(45002)
    return text, []


def _news(content: Json) -> tuple[str, list[Json]]:
    articles = fields.mappings(content, "articles")
    if not 1 <= len(articles) <= MOST_ARTICLES:
        raise OaError(45008)
    titles = [fields.given(article, "title") for article in articles]
    return "\n".join(titles), [{"msgtype": "news", "news": article} for article in articles]


def _menu(content: Json) -> tuple[str, list[Json]]:
    choices = [fields.given(choice, "content") for choice in fields.mappings(content, "list")]
    if not choices:
        raise BadFieldError("list is empty")
    head, tail = (fields.text(content, name) for name in ("head_content", "tail_content"))
    return "\n".join([head, *choices, tail]).strip(), []


WORDED = {"text": _text, "news": _news, "msgmenu": _menu}


def _checked(call: OaCall) -> tuple[str, list[Json]]:
    kind = fields.text(call.body, "msgtype")
    content = fields.mapping(call.body, kind) if kind else {}
    if kind in WORDED:
        return WORDED[kind](content)
    if kind not in REQUIRED and kind not in FILES:
        raise OaError(40008)
    for name in REQUIRED.get(kind, ()):
        fields.given(content, name)
    for name, kinds in FILES.get(kind, {}).items():
        usable(call, fields.text(content, name), kinds)
    return fields.text(content, "title"), [{"msgtype": kind, kind: content}]


def send(call: OaCall) -> Json:
    fan = call.fan(fields.text(call.body, "touser"))
    text, attachments = _checked(call)
    _use(call.world, fan)
    arrive(call.world, call.account, fan, "custom", text, attachments)
    return {}


ENDPOINTS = {"message/custom/send": OaEndpoint(send, daily=500_000)}
