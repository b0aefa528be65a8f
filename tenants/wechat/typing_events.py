"""Which type does a callback have, and which of its elements are its attributes?"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from tenants.wechat import event_types as types
from tenants.wechat.event_types import Event, Fields, Value

Own = dict[str, object]


@dataclass(frozen=True, slots=True)
class _Type:
    """`texts` are attributes taken from elements as they are; `needed` of these are not empty."""

    make: Callable[..., Event]
    texts: dict[str, str]
    needed: tuple[str, ...] = ()
    more: Callable[[Event], Own] = lambda _event: {}


def typed(event: Event) -> Event:
    """The event as its own type, or unchanged when it has none or lacks what the type needs."""
    kind = _type_of(event)
    if kind is None:
        return event
    own: Own = {name: _text(event.fields, element) for name, element in kind.texts.items()}
    own |= kind.more(event)
    if not all(own[name] for name in kind.needed):
        return event
    common = {name: getattr(event, name) for name in Event.__dataclass_fields__}
    return kind.make(**common, **own)


def _type_of(event: Event) -> _Type | None:
    family, _slash, change = event.route.partition("/")
    if event.kind == "suite_event" and event.route in _SUITE:
        return _SUITE_CHANGED
    if family == "change_external_contact":
        return _CONTACT.get(change)
    if family in _FAMILIES:
        return _FAMILIES[family]
    if family == "change_contact":
        return _STAFF.get(change.partition("_")[2])
    if "AgentID" in event.fields:  # the app's own channel; official accounts have none
        return _APP_USED if event.kind == "event" and family in _OF_APPS else None
    if event.kind == "message":
        return _FAN_SPOKE
    return _FAN.get(family)


def _change(event: Event) -> Own:
    return {"change": event.route.partition("/")[2].partition("_")[0]}


def _whole_change(event: Event) -> Own:
    return {"change": event.route.partition("/")[2]}


def _group(event: Event) -> Own:
    fields = event.fields
    listed = fields.get("MemChangeList")
    members = tuple(str(one) for one in listed) if isinstance(listed, list) else None
    return {
        # The oldest form told only that a group changed.
        "change": event.route.partition("/")[2] or "update",
        "join_scene": _number(fields, "JoinScene"),
        "quit_scene": _number(fields, "QuitScene"),
        "members": members,
    }


def _job(event: Event) -> Own:
    job = event.fields.get("BatchJob")
    job = job if isinstance(job, dict) else {}
    return {
        "job_id": _text(job, "JobId"),
        "job_type": _text(job, "JobType"),
        "errcode": _number(job, "ErrCode"),
    }


def _fan(event: Event) -> Own:
    return {"openid": event.sender or ""}


def _subscribe_messages(event: Event) -> Own:
    change = event.route.removeprefix("subscribe_msg_").removesuffix("_event")
    return {**_fan(event), "change": change, "entries": tuple(_entries(event.fields))}


def _entries(value: Value) -> Iterator[tuple[str, str, str]]:
    """(template, what became of it, msgid), wherever the list lies: once or often, at any depth."""
    if isinstance(value, list):
        for one in value:
            yield from _entries(one)
    elif isinstance(value, dict) and "TemplateId" in value:
        said = _text(value, "SubscribeStatusString") or _text(value, "ErrorStatus")
        yield _text(value, "TemplateId"), said, _text(value, "MsgID")
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _entries(inner)


def _text(fields: Fields, name: str) -> str:
    value = fields.get(name)
    return str(value) if isinstance(value, str | int) else ""


def _number(fields: Fields, name: str) -> int | None:
    value = fields.get(name)
    return value if isinstance(value, int) else None


def _with_customer(make: Callable[..., Event], **texts: str) -> _Type:
    pair = {"user_id": "UserID", "external_user_id": "ExternalUserID"}
    return _Type(make, pair | texts, tuple(pair))


def _of_fan(make: Callable[..., Event], more: Callable[[Event], Own] = _fan, **texts: str) -> _Type:
    return _Type(make, texts, ("openid",), more)


_ADDED: Final = {"state": "State", "welcome_code": "WelcomeCode"}
_CONTACT: Final = {
    "add_external_contact": _with_customer(types.ContactAdded, **_ADDED),
    "add_half_external_contact": _with_customer(types.HalfAdded, **_ADDED),
    "edit_external_contact": _with_customer(types.ContactEdited, state="State"),
    "del_external_contact": _with_customer(types.StaffRemovedContact, source="Source"),
    "del_follow_user": _with_customer(types.ContactRemovedStaff),
    "transfer_fail": _with_customer(types.TransferFailed, reason="FailReason"),
    "msg_audit_approved": _with_customer(types.ArchiveAgreed, welcome_code="WelcomeCode"),
}
_STAFF: Final = {
    "user": _Type(
        types.StaffChanged,
        {"user_id": "UserID", "new_user_id": "NewUserID"},
        ("user_id",),
        _change,
    ),
    "party": _Type(types.DepartmentChanged, {"department_id": "Id"}, ("department_id",), _change),
}
_FAMILIES: Final = {
    "change_external_chat": _Type(
        types.GroupChanged,
        {
            "chat_id": "ChatId",
            "detail": "UpdateDetail",
            "last_version": "LastMemVer",
            "version": "CurMemVer",
        },
        ("chat_id",),
        _group,
    ),
    "change_external_tag": _Type(
        types.TagChanged,
        {"object_id": "Id", "tag_type": "TagType", "strategy_id": "StrategyId"},
        more=_change,
    ),
    "customer_acquisition": _Type(
        types.AcquisitionChanged,
        {
            "link_id": "LinkId",
            "state": "State",
            "user_id": "UserID",
            "external_user_id": "ExternalUserID",
        },
        more=_whole_change,
    ),
    "msgaudit_notify": _Type(types.ArchiveReady, {}),
    "kf_msg_or_event": _Type(
        types.ServiceMessage, {"token": "Token", "account": "OpenKfId"}, ("token", "account")
    ),
    "batch_job_result": _Type(types.JobDone, {}, ("job_id",), _job),
}
_SUITE: Final = frozenset(
    {"suite_ticket", "create_auth", "change_auth", "cancel_auth", "register_corp"}
)
_SUITE_CHANGED: Final = _Type(
    types.SuiteChanged,
    {
        "change": "InfoType",
        "suite_id": "SuiteId",
        "corp_id": "AuthCorpId",
        "auth_code": "AuthCode",
        "ticket": "SuiteTicket",
    },
    ("suite_id",),
)
_OF_APPS: Final = frozenset(
    {"enter_agent", "click", "view", "template_card_event", "subscribe", "unsubscribe"}
)
_APP_USED: Final = _Type(
    types.AppUsed, {"name": "Event", "user_id": "FromUserName", "key": "EventKey"}, ("user_id",)
)
_FAN_SPOKE: Final = _of_fan(
    types.FanSpoke, message_type="MsgType", message_id="MsgId", text="Content"
)
_FAN: Final = {
    "subscribe": _of_fan(types.FanFollowed, ticket="Ticket"),
    "scan": _of_fan(types.FanScanned, ticket="Ticket"),
    "unsubscribe": _of_fan(types.FanLeft),
    "click": _of_fan(types.MenuClicked, key="EventKey"),
    "view": _of_fan(types.MenuLinkOpened, address="EventKey"),
    "view_miniprogram": _of_fan(types.MenuLinkOpened, address="EventKey"),
    "location": _of_fan(types.FanLocated, latitude="Latitude", longitude="Longitude"),
    "templatesendjobfinish": _of_fan(types.TemplateFinished, message_id="MsgID", status="Status"),
    "masssendjobfinish": _of_fan(types.MassFinished, message_id="MsgID", status="Status"),
    "subscribe_msg_popup_event": _of_fan(types.SubscribeMessageChanged, _subscribe_messages),
    "subscribe_msg_change_event": _of_fan(types.SubscribeMessageChanged, _subscribe_messages),
    "subscribe_msg_sent_event": _of_fan(types.SubscribeMessageChanged, _subscribe_messages),
}
