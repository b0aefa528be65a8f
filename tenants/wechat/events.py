"""What did WeChat tell us? Reading of decrypted callbacks; meaning is given elsewhere."""

import hashlib
import json
import re
from typing import Final

from tenants.wechat.event_types import Event, Fields, Kind, Value
from tenants.wechat.payload import BadPayload, Node, read
from tenants.wechat.typing_events import typed

# Elements that are numbers at the platform. Everything else is text: ids most of all.
INTEGERS: Final = frozenset(
    {
        *("CreateTime", "TimeStamp", "AgentID", "Status", "Type", "Gender", "MainDepartment"),
        *("IsLeader", "Order", "ErrCode", "Count", "TotalCount", "FilterCount", "SentCount"),
        *("ErrorCount", "JoinScene", "QuitScene", "MemChangeCnt", "ExpireTime", "ExpireQuotaNum"),
    }
)
# Repeatable elements: a list even with one entry or none.
REPEATED: Final = frozenset({"List"})
CONTAINERS: Final = frozenset({"MemChangeList", "ExtAttr", "PicList", "ResultList"})

_NUMBER = re.compile(r"-?[0-9]{1,18}")
_SCENE_PREFIX = "qrscene_"


def parse(body: bytes) -> Event:
    """The event or message in a decrypted body; raises BadPayload.

    What has no type of its own, or lacks what its type needs, comes back as a plain Event.
    """
    fields = _fields(read(body))
    kind = _kind(fields)
    route = _route(fields, kind)
    event = Event(
        route=route,
        kind=kind,
        fields=fields,
        sender=_text(fields, "FromUserName") or None,
        created=_created(fields),
        scene=_scene(route, fields),
        dedupe=_dedupe(kind, fields),
    )
    return typed(event)


def _kind(fields: Fields) -> Kind:
    if "InfoType" in fields and "MsgType" not in fields:
        return "suite_event"
    # Device messages carry an Event element too: only MsgType decides.
    return "event" if _text(fields, "MsgType").lower() == "event" else "message"


def _route(fields: Fields, kind: Kind) -> str:
    head = {"suite_event": "InfoType", "event": "Event", "message": "MsgType"}[kind]
    name = _text(fields, head).lower()
    if not name:
        raise BadPayload("no_type")
    change = _text(fields, "ChangeType").lower() if kind != "message" else ""
    return f"{name}/{change}" if change else name


def _created(fields: Fields) -> int | None:
    value = fields.get("CreateTime", fields.get("TimeStamp"))
    return value if isinstance(value, int) else None


def _scene(route: str, fields: Fields) -> str | None:
    key = _text(fields, "EventKey")
    if route == "scan":
        return key or None
    if route == "subscribe" and key.startswith(_SCENE_PREFIX):
        return key.removeprefix(_SCENE_PREFIX) or None
    return None


def _dedupe(kind: Kind, fields: Fields) -> str:
    """The platform's FromUserName + CreateTime loses events that share a second."""
    message_id = _text(fields, "MsgId")
    if kind == "message" and message_id:
        return f"msgid:{message_id}"
    canonical = json.dumps(fields, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return f"sha256:{hashlib.sha256(canonical.encode()).hexdigest()}"


def _text(fields: Fields, name: str) -> str:
    value = fields.get(name)
    return str(value) if isinstance(value, str | int) else ""


def _fields(root: Node) -> Fields:
    fields: Fields = {}
    for child in root.children:
        value = _value(child)
        earlier = fields.get(child.name)
        if child.name in REPEATED and earlier is None:
            fields[child.name] = [value]
        elif earlier is None:
            fields[child.name] = value
        elif isinstance(earlier, list):
            earlier.append(value)
        else:
            fields[child.name] = [earlier, value]
    return fields


def _value(node: Node) -> Value:
    if node.children:
        if all(child.name.lower() == "item" for child in node.children):
            return [_value(child) for child in node.children]
        return dict(_fields(node))
    if node.name in CONTAINERS:
        # One form of the group update joins the members with commas.
        return [part for part in node.text.split(",") if part]
    if node.name in INTEGERS and _NUMBER.fullmatch(node.text):
        return int(node.text)
    return node.text
