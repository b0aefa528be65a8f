"""What does an app tell the staff, and is the same thing told twice?"""

import hashlib
import json

from scrm.sandbox import fields
from scrm.sandbox.calls import Call, Endpoint
from scrm.sandbox.errors import ApiError, BadFieldError
from scrm.sandbox.fields import Json
from scrm.sandbox.state import AppSend, Message

TEXT_BYTES = 2048
DEFAULT_INTERVAL_S = 1800
LONGEST_INTERVAL_S = 4 * 3600
KINDS = ("text", "markdown", "textcard", "news", "template_card", "miniprogram_notice")


def _receivers(call: Call) -> tuple[list[str], list[str]]:
    named = fields.text(call.body, "touser")
    if named == "@all":
        return [userid for userid in call.corp.staff if call.app.sees(userid)], []
    wanted = [userid for userid in named.split("|") if userid]
    known = [userid for userid in wanted if userid in call.corp.staff and call.app.sees(userid)]
    return known, [userid for userid in wanted if userid not in known]


def _shown_text(body: Json, kind: str) -> str:
    content = fields.mapping(body, kind)
    if not content:
        raise BadFieldError(f"{kind} is missing")
    if kind in ("text", "markdown"):
        message = fields.text(content, "content")
        if not message:
            raise ApiError(44004)
        # The platform cuts longer texts off; it does not refuse them.
        return message.encode()[:TEXT_BYTES].decode(errors="ignore")
    if kind == "textcard":
        names = ("title", "description", "url")
        return "\n".join(fields.given(content, name) for name in names)
    return json.dumps(content, ensure_ascii=False)


def send(call: Call) -> Json:
    kind = fields.given(call.body, "msgtype")
    if fields.integer(call.body, "agentid") != call.app.agentid:
        raise ApiError(40056)
    if kind not in KINDS:
        raise BadFieldError(f"msgtype {kind} is unknown")
    message = _shown_text(call.body, kind)
    known, unknown = _receivers(call)
    if not known:
        raise ApiError(81013)
    told: Json = {"invaliduser": "|".join(unknown)}
    earlier = _earlier(call)
    if earlier:
        return {**told, "msgid": earlier.msgid}
    msgid = _deliver(call, kind, message, known)
    return {**told, "msgid": msgid}


def _deliver(call: Call, kind: str, message: str, userids: list[str]) -> str:
    world = call.world
    msgid = world.dice.word(40, "app message", world.dice.number("app message"))
    for userid in userids:
        call.corp.staff[userid].messages.append(
            Message(
                id=f"m{world.dice.number('message')}",
                kind="app",
                corpid=call.corp.corpid,
                userid=userid,
                external_userid="",
                at=int(world.clock.now()),
                text=message,
                attachments=[call.body] if kind not in ("text", "markdown") else [],
            )
        )
    if _duplicate_check(call):
        interval = fields.integer(call.body, "duplicate_check_interval", DEFAULT_INTERVAL_S)
        until = world.clock.now() + min(interval, LONGEST_INTERVAL_S)
        call.corp.app_sends[_digest(call)] = AppSend(msgid, until)
    return msgid


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
