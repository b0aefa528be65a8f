"""What does an app tell the staff, and is the same thing told twice?"""

import hashlib
import json
from collections.abc import Callable

from scrm.sandbox import fields, media, phones
from scrm.sandbox.calls import Call, Endpoint
from scrm.sandbox.errors import ApiError, BadFieldError
from scrm.sandbox.fields import Json
from scrm.sandbox.people import below
from scrm.sandbox.state import AppSend, Staff

TEXT_BYTES = 2048
DEFAULT_INTERVAL_S = 1800
LONGEST_INTERVAL_S = 4 * 3600
A_MINUTE = 30
AN_HOUR = 1000
FILES = ("image", "voice", "video", "file")
CARDS = ("textcard", "news", "mpnews", "template_card", "miniprogram_notice")
KINDS = ("text", "markdown", *FILES, *CARDS)
ARTICLES = 8
# Each kind of template card, and whether it has buttons: then the answer has a response_code.
TEMPLATES = {
    "text_notice": False,
    "news_notice": False,
    "button_interaction": True,
    "vote_interaction": True,
    "multiple_interaction": True,
}


def _receivers(call: Call) -> tuple[list[str], list[str], list[str]]:
    """Members, and the ids of members and of departments that are no good."""
    named = fields.text(call.body, "touser")
    if named == "@all":
        return [userid for userid in call.corp.staff if call.app.sees(userid)], [], []
    wanted = _split(named)
    known = [userid for userid in wanted if userid in call.corp.staff and call.app.sees(userid)]
    parties = _split(fields.text(call.body, "toparty"))
    good = [party for party in parties if party in call.corp.departments]
    within = set[int]().union(*(below(call.corp, int(party)) for party in good))
    known += [
        staff.userid
        for staff in call.corp.staff.values()
        if within & set(staff.departments) and call.app.sees(staff.userid)
    ]
    return (
        list(dict.fromkeys(known)),
        [userid for userid in wanted if userid not in known],
        [party for party in parties if party not in good],
    )


def _split(named: str) -> list[str]:
    return [each for each in named.split("|") if each]


def _shown_text(call: Call, kind: str) -> str:
    content = fields.mapping(call.body, kind)
    if not content:
        raise BadFieldError(f"{kind} is missing")
    if kind in FILES:
        media.usable(call.world, call.corp, fields.text(content, "media_id"), kind)
        return f"[{kind}]"
    say = SAYS.get(kind)
    return say(content) if say else json.dumps(content, ensure_ascii=False)


def _plain_text(content: Json) -> str:
    message = fields.text(content, "content")
    if not message:
        raise ApiError(44004)
    # The platform cuts longer texts off; it does not refuse them.
    return message.encode()[:TEXT_BYTES].decode(errors="ignore")


def _text_card(content: Json) -> str:
    return "\n".join(fields.given(content, name) for name in ("title", "description", "url"))


def _article_titles(content: Json) -> str:
    articles = fields.mappings(content, "articles", most=ARTICLES)
    if not articles:
        raise BadFieldError("articles is missing")
    return "\n".join(fields.given(article, "title") for article in articles)


def _card_text(card: Json) -> str:
    """What must be there differs by card_type."""
    kind = fields.given(card, "card_type")
    if kind not in TEMPLATES:
        raise BadFieldError(f"card_type {kind} is unknown")
    if TEMPLATES[kind]:
        fields.given(card, "task_id")
        inside = {"button_interaction": "button_list", "vote_interaction": "checkbox"}
        if not card.get(inside.get(kind, "select_list")):
            raise BadFieldError(f"{inside.get(kind, 'select_list')} is missing")
    elif not fields.integer(fields.mapping(card, "card_action"), "type"):
        raise BadFieldError("card_action is missing")
    title = fields.mapping(card, "main_title")
    texts = [fields.text(title, "title"), fields.text(title, "desc")]
    texts.append(fields.text(card, "sub_title_text"))
    if not any(texts):
        raise BadFieldError("main_title or sub_title_text is missing")
    return "\n".join(text for text in texts if text)


SAYS: dict[str, Callable[[Json], str]] = {
    "text": _plain_text,
    "markdown": _plain_text,
    "textcard": _text_card,
    "news": _article_titles,
    "mpnews": _article_titles,
    "template_card": _card_text,
}


def send(call: Call) -> Json:
    kind = fields.given(call.body, "msgtype")
    if fields.integer(call.body, "agentid") != call.app.agentid:
        raise ApiError(40056)
    if kind not in KINDS:
        raise BadFieldError(f"msgtype {kind} is unknown")
    message = _shown_text(call, kind)
    known, bad_users, bad_parties = _receivers(call)
    if not known:
        raise ApiError(81013)
    told: Json = {"invaliduser": "|".join(bad_users), "invalidparty": "|".join(bad_parties)}
    told["invalidtag"] = fields.text(call.body, "totag")
    earlier = _earlier(call)
    msgid = earlier.msgid if earlier else _deliver(call, kind, message, known)
    told["msgid"] = msgid
    card = fields.mapping(call.body, "template_card")
    if kind == "template_card" and TEMPLATES[fields.text(card, "card_type")]:
        told["response_code"] = call.world.dice.word(60, "response code", msgid)
    return told


def _deliver(call: Call, kind: str, message: str, userids: list[str]) -> str:
    world = call.world
    msgid = world.dice.word(40, "app message", world.dice.number("app message"))
    for userid in userids:
        staff = call.corp.staff[userid]
        if _has_enough(call, staff):
            # The surplus is dropped without a word.
            continue
        whole = [call.body] if kind not in ("text", "markdown") else []
        phones.land(
            world,
            staff,
            "app",
            call.corp.corpid,
            message,
            whole,
            userid=userid,
            agentid=call.app.agentid,
        )
    if _duplicate_check(call):
        interval = fields.integer(call.body, "duplicate_check_interval", DEFAULT_INTERVAL_S)
        until = world.clock.now() + min(interval, LONGEST_INTERVAL_S)
        call.corp.app_sends[_digest(call)] = AppSend(msgid, until)
    return msgid


def _has_enough(call: Call, staff: Staff) -> bool:
    """Of one app, a member gets 30 messages a minute and 1,000 an hour."""
    now = call.world.clock.now()
    minute = hour = 0
    for message in reversed(staff.messages):
        if message.at <= now - 3600:
            break
        if message.kind == "app" and message.agentid == call.app.agentid:
            hour += 1
            minute += message.at > now - 60
    return minute >= A_MINUTE or hour >= AN_HOUR


def _duplicate_check(call: Call) -> bool:
    return fields.flag(call.body, "enable_duplicate_check")


def _digest(call: Call) -> str:
    frozen = json.dumps([call.app.agentid, call.body], sort_keys=True)
    return hashlib.sha256(frozen.encode()).hexdigest()


def _earlier(call: Call) -> AppSend | None:
    if not _duplicate_check(call):
        return None
    earlier = call.corp.app_sends.get(_digest(call))
    return earlier if earlier and call.world.clock.now() < earlier.until else None


ENDPOINTS = {"message/send": Endpoint(send, contact=False)}
