"""What do the client's own scripts do for a page that stands beside a chat?

Whose phone it is and which chat is open there, cookies know: `/chat` opens one. The script
(`pages/jweixin.js`) asks by loading its own address again, with the question in the query.
"""

import json
from http.cookies import SimpleCookie
from pathlib import Path
from typing import cast

from scrm.sandbox import acts, fields, friends, media, tickets, transport
from scrm.sandbox.errors import ApiError, BadFieldError, RefusedError
from scrm.sandbox.exchange import HTML_TYPE, Reply
from scrm.sandbox.fields import Json
from scrm.sandbox.state import Corp
from scrm.sandbox.world import World

SOURCE = Path(__file__).parent / "pages" / "jweixin.js"
SCRIPT = "/open/js/jweixin-1.2.0.js"
SECOND = "/wwopen/js/jwxwork-1.0.0.js"  # the real agentConfig needs it; ours has all in the first
CHAT = "/chat"
JS_TYPE = "text/javascript; charset=utf-8"
LONGEST_TEXT = 4000
Query = dict[str, str]


def respond(world: World, path: str, query: Query, cookies: str) -> Reply | None:
    """None when the address is not one of these."""
    if path == SECOND:
        return Reply(b"/* all is in jweixin */\n", content_type=JS_TYPE)
    if path == SCRIPT:
        return _script(world, query, SimpleCookie(cookies))
    return _opened(world, query) if path == CHAT else None


def _opened(world: World, query: Query) -> Reply:
    """`/chat?corpid=…&userid=…&customer=…&url=…`: on this member's phone the chat with this
    customer is open, and beside it the page at `url`."""
    try:
        with world.lock:
            corp, userid, external_userid = friends.pair(world, cast(Json, query))
        if not external_userid:
            raise RefusedError("this corp does not know the customer")
        url = fields.given(query, "url")
        if not transport.is_local_page(url):
            raise RefusedError("url is a page on this machine")
    except (RefusedError, BadFieldError) as refused:
        return Reply(str(refused).encode(), 400, "text/plain; charset=utf-8")
    held = {f"sandbox_phone_{corp.corpid}": userid, f"sandbox_chat_{corp.corpid}": external_userid}
    cookies = [f"{name}={value}; Path=/; HttpOnly; SameSite=Lax" for name, value in held.items()]
    return Reply(b"", 302, HTML_TYPE, location=url, cookie="\n".join(cookies))


def _script(world: World, query: Query, cookies: "SimpleCookie") -> Reply:
    name = query.get("ask", "")
    if not name:
        return Reply(SOURCE.read_bytes(), content_type=JS_TYPE)
    try:
        given = json.loads(query.get("given", ""))
        if not isinstance(given, dict):
            raise BadFieldError("given is an object")
        with world.lock:
            more = _answer(world, name, given, cookies)
        answer: Json = {**more, "errMsg": f"{name}:ok"}
    except (RefusedError, BadFieldError, ApiError, ValueError) as error:
        answer = {"errMsg": f"{name}:fail {error}"}
    told = f"wx.sandboxAnswered({json.dumps(query.get('key', ''))}, {json.dumps(answer)});\n"
    return Reply(told.encode(), content_type=JS_TYPE)


def _answer(world: World, name: str, given: Json, cookies: "SimpleCookie") -> Json:
    if name == "config":
        _check(world, {**given, "corpid": given.get("appId", ""), "agentid": 0})
        return {}
    if name == "agentConfig":
        _phone(world, _agent(world, given), cookies)
        return {}
    agent = given.get("agent")
    corp = _agent(world, agent if isinstance(agent, dict) else {})
    userid = _phone(world, corp, cookies)
    if name == "openUserProfile":
        return {}
    held = cookies.get(f"sandbox_chat_{corp.corpid}")
    if held is None:
        raise RefusedError("no chat is open: open one by /chat")
    pair: Json = {"corpid": corp.corpid, "userid": userid, "customer": held.value}
    _, _, external_userid = friends.pair(world, pair)
    if name == "getCurExternalContact":
        return {"userId": external_userid}
    if name == "sendChatMessage":
        text, attachments = _content(world, corp, given)
        spoken: Json = {"corpid": corp.corpid, "from": userid, "to": external_userid}
        acts.speak(world, {**spoken, "text": text, "attachments": attachments})
        return {}
    raise RefusedError("the sandbox does not simulate this")


def _agent(world: World, given: Json) -> Corp:
    """The corp whose app signed this page."""
    if not fields.integer(given, "agentid"):
        raise BadFieldError("agentid is missing")
    _check(world, given)
    return world.corp(fields.given(given, "corpid"))


def _check(world: World, given: Json) -> None:
    signed: Json = {**given, "noncestr": given.get("nonceStr", "")}
    if not tickets.check_signature(world, signed)["valid"]:
        raise RefusedError("invalid signature")


def _phone(world: World, corp: Corp, cookies: "SimpleCookie") -> str:
    held = cookies.get(f"sandbox_phone_{corp.corpid}")
    if held is None or held.value not in corp.staff:
        raise RefusedError("not in the client: open a chat by /chat")
    return held.value


# --- what is put into a chat -------------------------------------------------------------------


def _content(world: World, corp: Corp, given: Json) -> tuple[str, list[Json]]:
    """The text of a message, and what stands beside it in the form of other messages."""
    kind = fields.given(given, "msgtype")
    part = given.get(kind)
    part = cast(Json, part) if isinstance(part, dict) else {}
    if kind == "text":
        text = fields.given(part, "content")
        if len(text) > LONGEST_TEXT:
            raise BadFieldError("content is too long")
        return text, []
    if kind in ("image", "video", "file"):
        media_id = fields.given(part, "mediaid")
        media.usable(world, corp, media_id, kind, use=media.MESSAGE)
        return "", [{"msgtype": kind, kind: {"media_id": media_id}}]
    if kind == "news":
        shown = {name: fields.text(part, name) for name in ("title", "desc")}
        link: Json = {"url": fields.given(part, "link"), "picurl": fields.text(part, "imgUrl")}
        return "", [{"msgtype": "link", "link": {**shown, **link}}]
    if kind == "miniprogram":
        names = ("appid", "title", "page", "imgUrl")
        return "", [{"msgtype": kind, kind: {name: fields.given(part, name) for name in names}}]
    raise BadFieldError("msgtype is text, image, video, file, news or miniprogram")
