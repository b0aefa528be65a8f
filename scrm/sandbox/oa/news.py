"""What does the platform tell the account's server, and what does the fan see of its answer?"""

import base64
import re
from typing import cast

from scrm.sandbox import cipher, events, fields
from scrm.sandbox.errors import RefusedError
from scrm.sandbox.fields import Json
from scrm.sandbox.oa.messages import arrive
from scrm.sandbox.oa.state import Fan, OfficialAccount
from scrm.sandbox.transport import Answer
from scrm.sandbox.world import World

FAULT = "该公众号提供的服务出现故障，请稍后再试"
SILENT = (b"", b"success")
ELEMENT = re.compile(r"<(\w+)>(?:<!\[CDATA\[(.*?)\]\]>|([^<]*))</\1>", re.DOTALL)


def _head(
    account: OfficialAccount, fan: Fan, at: float, kind: str
) -> list[tuple[str, events.Value]]:
    return [
        ("ToUserName", account.original_id),
        ("FromUserName", fan.openid),
        ("CreateTime", int(at)),
        ("MsgType", kind),
    ]


def worded(
    account: OfficialAccount, fan: Fan, name: str, at: float, more: events.Fields = ()
) -> str:
    """An event; it has no MsgId."""
    return events.xml([*_head(account, fan, at, "event"), ("Event", name), *more])


def tell(
    world: World,
    account: OfficialAccount,
    fan: Fan,
    name: str,
    more: events.Fields = (),
    *,
    answered: bool = True,
) -> None:
    """`answered` is off for events that the fan waits for nothing after."""
    xml = worded(account, fan, name, world.clock.now(), more)
    _send(world, account, fan, name, xml, answered=answered)


def tell_message(
    world: World, account: OfficialAccount, fan: Fan, kind: str, content: events.Fields
) -> str:
    """What a fan said; gives its MsgId."""
    msgid = _message_id(world)
    shown: events.Value = int(msgid) if msgid.isdigit() else msgid
    head = _head(account, fan, world.clock.now(), kind)
    xml = events.xml([*head, *content, ("MsgId", shown)])
    _send(world, account, fan, f"message/{kind}", xml, answered=True)
    return msgid


def _message_id(world: World) -> str:
    """Digits, or the newer form; both come until everybody has moved on."""
    number, form = world.dice.number("oa message"), world.settings.message_id_form
    if form == "mixed":
        form = "numeric" if world.dice.fraction("message id", number) < 0.5 else "string"
    if form == "numeric":
        return str(24_000_000_000_000_000 + number)
    return base64.b64encode(world.dice.octets(22, "message id", number)).decode()


def _send(
    world: World, account: OfficialAccount, fan: Fan, name: str, xml: str, *, answered: bool
) -> None:
    if not account.callback_url:
        return

    def heard(answer: Answer) -> None:
        if answered:
            with world.lock:
                _show_answer(world, account, fan, answer)

    world.callbacks.send(account.appid, account, name, xml, world.settings, heard=heard)


def _show_answer(world: World, account: OfficialAccount, fan: Fan, answer: Answer) -> None:
    """A passive reply arrives; silence and "success" are fine; anything else the fan sees."""
    if answer.status == 200 and answer.body.strip() in SILENT:
        return
    reply = _reply(account, fan, answer.body) if answer.status == 200 else None
    if reply is None:
        arrive(world, account, fan, "fault", FAULT)
    else:
        kind = reply.pop("MsgType", "")
        text = cast(str, reply.get("Content", reply.get("Title", "")))
        attachments: list[Json] = [] if kind == "text" else [{"msgtype": kind, **reply}]
        arrive(world, account, fan, "reply", text, attachments)


def _reply(account: OfficialAccount, fan: Fan, body: bytes) -> Json | None:
    try:
        found = _elements(body.decode())
        if account.mode != "plain" and "Encrypt" in found:
            found = _opened(account, found)
        elif account.mode == "aes":
            return None
    except (UnicodeDecodeError, cipher.UnreadableError):
        return None
    meant = found.get("ToUserName") == fan.openid and found.get("MsgType")
    return cast(Json, found) if meant else None


def _opened(account: OfficialAccount, sealed: dict[str, str]) -> dict[str, str]:
    stamp = (sealed.get("TimeStamp", ""), sealed.get("Nonce", ""), sealed["Encrypt"])
    if not cipher.signed_by(account.token, *stamp, sealed.get("MsgSignature", "")):
        raise cipher.UnreadableError("not signed by this account")
    key = cipher.key_from(account.aes_key)
    return _elements(cipher.decrypt(sealed["Encrypt"], account.appid, key))


def _elements(xml: str) -> dict[str, str]:
    """The innermost elements by name; of equal ones the last."""
    inside = xml.strip().removeprefix("<xml>").removesuffix("</xml>")
    return {name: quoted or bare.strip() for name, quoted, bare in ELEMENT.findall(inside)}


def inject(world: World, body: Json) -> Json:
    """Any event at all, for receivers that must live with what they do not know."""
    account = world.account(fields.given(body, "appid"))
    if not account.callback_url:
        raise RefusedError("this account has no callback URL", 409)
    name = fields.given(body, "event")
    openid = fields.text(body, "openid")
    fan = account.fans.get(openid) or Fan(0, openid, "")
    pairs = [
        (key, value if isinstance(value, int) else str(value))
        for key, value in fields.mapping(body, "fields").items()
    ]
    xml = fields.text(body, "xml") or worded(account, fan, name, world.clock.now(), pairs)
    return {"id": world.callbacks.send(account.appid, account, name, xml, world.settings).id}
