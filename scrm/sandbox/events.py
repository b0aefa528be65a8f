"""What does a callback say, before and after encryption?"""

import re
from collections.abc import Sequence

Value = str | int | float | Sequence[tuple[str, "Value"]]
Fields = Sequence[tuple[str, Value]]
SENDER = re.compile(r"<FromUserName><!\[CDATA\[(.*?)\]\]></FromUserName>")


def xml(fields: Fields) -> str:
    return "<xml>" + "".join(_element(name, value) for name, value in fields) + "</xml>"


def _element(name: str, value: Value) -> str:
    if isinstance(value, float):
        return f"<{name}>{value:.6f}</{name}>"
    if isinstance(value, int):
        return f"<{name}>{value}</{name}>"
    if not isinstance(value, str):
        return f"<{name}>" + "".join(_element(*inner) for inner in value) + f"</{name}>"
    # "]]>" would end the section early: split it over two.
    safe = value.replace("]]>", "]]]]><![CDATA[>")
    return f"<{name}><![CDATA[{safe}]]></{name}>"


def event(corpid: str, name: str, at: float, fields: Fields) -> str:
    """An event of the system; it has no MsgId."""
    head: list[tuple[str, Value]] = [
        ("ToUserName", corpid),
        ("FromUserName", "sys"),
        ("CreateTime", int(at)),
        ("MsgType", "event"),
        ("Event", name),
    ]
    return xml([*head, *fields])


def suite_event(suite_id: str, corpid: str, name: str, at: float, fields: Fields) -> str:
    """The same for an app of a provider's suite: another head, no FromUserName, no MsgType."""
    head: list[tuple[str, Value]] = [
        ("SuiteId", suite_id),
        ("AuthCorpId", corpid),
        ("InfoType", name),
        ("TimeStamp", int(at)),
    ]
    return xml([*head, *fields])


def envelope(receiver: str, encrypted: str, agentid: str = "") -> bytes:
    """AgentID is empty for customer events."""
    parts = [("ToUserName", receiver), ("Encrypt", encrypted), ("AgentID", agentid)]
    return xml(parts).encode()


def sender(message: str) -> str:
    found = SENDER.search(message)
    return found[1] if found else ""


def with_encrypted(message: str, encrypted: str) -> bytes:
    """Compatible mode: the fields in clear, and the same once more encrypted."""
    return _extended(message, _element("Encrypt", encrypted)).encode()


def with_dtd(message: str) -> str:
    """The same message behind an entity that a careless parser would expand."""
    return '<!DOCTYPE xml [<!ENTITY bomb "boom">]>' + _extended(message, "<Bomb>&bomb;</Bomb>")


def _extended(message: str, more: str) -> str:
    # What somebody wrote may hold the closing tag too: only the last one closes.
    inside, end, after = message.rpartition("</xml>")
    return f"{inside}{more}{end}{after}"
