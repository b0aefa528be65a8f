"""What does a callback say, before and after encryption?"""

from collections.abc import Sequence

Fields = Sequence[tuple[str, str | int]]


def xml(fields: Fields) -> str:
    return "<xml>" + "".join(_element(name, value) for name, value in fields) + "</xml>"


def _element(name: str, value: str | int) -> str:
    if isinstance(value, int):
        return f"<{name}>{value}</{name}>"
    # "]]>" would end the section early: split it over two.
    safe = value.replace("]]>", "]]]]><![CDATA[>")
    return f"<{name}><![CDATA[{safe}]]></{name}>"


def event(corpid: str, name: str, at: float, fields: Fields) -> str:
    """An event of the system; it has no MsgId."""
    head: list[tuple[str, str | int]] = [
        ("ToUserName", corpid),
        ("FromUserName", "sys"),
        ("CreateTime", int(at)),
        ("MsgType", "event"),
        ("Event", name),
    ]
    return xml([*head, *fields])


def envelope(corpid: str, encrypted: str, agentid: str = "") -> bytes:
    """AgentID is empty for customer events."""
    parts = [("ToUserName", corpid), ("Encrypt", encrypted), ("AgentID", agentid)]
    return xml(parts).encode()


def with_dtd(message: str) -> str:
    """The same message behind an entity that a careless parser would expand."""
    return '<!DOCTYPE xml [<!ENTITY bomb "boom">]>' + message.replace(
        "</xml>", "<Bomb>&bomb;</Bomb></xml>"
    )
