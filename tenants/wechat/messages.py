"""How does a message reach customers through their member, or a member through our app?"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum

from tenants.wechat import answers
from tenants.wechat.client import WeComClient
from tenants.wechat.customers import pages
from tenants.wechat.errors import Terminal, Unknown
from tenants.wechat.transport import Json

RECIPIENTS_LIMIT = 10_000
ATTACHMENTS_LIMIT = 9
# The longest time in which the platform recognises a repeated app message: stop retrying then.
DUPLICATE_CHECK_S = 4 * 3600

Attachments = Sequence[Mapping[str, object]]


@dataclass(frozen=True, slots=True)
class NewMassTask:
    """`failed` are the external_userids that this member cannot send to."""

    msgid: str
    failed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MassTask:
    """`created` is Unix seconds; `creator` is empty for tasks made through the API."""

    msgid: str
    creator: str
    created: int | None


class MassStatus(IntEnum):
    UNSENT = 0  # the member has not confirmed
    SENT = 1
    NOT_A_FRIEND = 2
    OTHER_MASS_MESSAGE = 3  # the customer's quota is used up
    UNSEEN = -1  # a status that the platform did not have when this was written


@dataclass(frozen=True, slots=True)
class MassResult:
    external_userid: str
    userid: str
    status: MassStatus
    sent: int | None


@dataclass(frozen=True, slots=True)
class AppMessage:
    msgid: str
    invalid_users: tuple[str, ...]


def create_mass_task(
    client: WeComClient,
    *,
    external_userids: Sequence[str],
    sender: str,
    text: str,
    attachments: Attachments = (),
) -> NewMassTask:
    """Not repeatable: settle Unknown with `find_mass_task`. The member has to confirm."""
    if not 1 <= len(external_userids) <= RECIPIENTS_LIMIT:
        raise ValueError(f"1 to {RECIPIENTS_LIMIT} customers a task")
    path = "externalcontact/add_msg_template"
    body: dict[str, object] = {
        "chat_type": "single",
        "external_userid": list(external_userids),
        "sender": sender,
    }
    body |= _content(text, attachments)
    answer = client.call("post", path, data=body, repeatable=False)
    msgid = answers.text(answer, "msgid")
    if not msgid:
        raise Unknown("the answer names no msgid", api=path)
    return NewMassTask(msgid=msgid, failed=answers.texts(answer, "fail_list"))


def find_mass_task(
    client: WeComClient,
    *,
    since: int,
    until: int,
    text: str,
    attachments: Attachments = (),
    sender: str = "",
    external_userids: Sequence[str] = (),
    known: Collection[str] = (),
) -> tuple[MassTask, ...]:
    """Repeatable. Tasks of that content made between two Unix times (at most a month apart).

    With `sender` and `external_userids` only tasks that address all these customers remain: one
    text goes to many people. `known` msgids are passed over: whom a task addresses costs a call.
    Results may lag a minute behind: none found is no proof before.
    """
    request = {
        "chat_type": "single",
        "start_time": since,
        "end_time": until,
        "filter_type": 0,
        "limit": 100,
    }
    found: list[MassTask] = []
    wanted = _content(text, attachments)
    for answer in pages(client, "post", "externalcontact/get_groupmsg_list_v2", request):
        for one in answers.parts(answer, "group_msg_list"):
            task = _mass_task(one)
            if task.msgid in known or not _same_content(one, wanted):
                continue
            if _addresses(client, task, sender, external_userids):
                found.append(task)
    return tuple(found)


def mass_task_result(client: WeComClient, msgid: str, userid: str) -> tuple[MassResult, ...]:
    """Repeatable. What became of one member's share of a task; poll, no event tells."""
    request = {"msgid": msgid, "userid": userid, "limit": 1000}
    return tuple(
        _mass_result(one)
        for answer in pages(client, "post", "externalcontact/get_groupmsg_send_result", request)
        for one in answers.parts(answer, "send_list")
    )


def send_app_message(
    client: WeComClient, *, users: Sequence[str], message: Mapping[str, object]
) -> AppMessage:
    """Repeatable for four hours as long as `message` stays the same: the platform drops repeats.

    `message` holds msgtype and its object, for example `{"msgtype": "text", "text": {…}}`.
    """
    body: dict[str, object] = {
        "touser": "|".join(users),
        "agentid": int(client.credentials.agent_id or 0),
        **message,
        "enable_duplicate_check": 1,
        "duplicate_check_interval": DUPLICATE_CHECK_S,
    }
    answer = client.call("post", "message/send", data=body, repeatable=True)
    invalid = answers.text(answer, "invaliduser")
    return AppMessage(
        msgid=answers.text(answer, "msgid"),
        invalid_users=tuple(one for one in invalid.split("|") if one),
    )


def _content(text: str, attachments: Attachments) -> dict[str, object]:
    content: dict[str, object] = {}
    if text:
        content["text"] = {"content": text}
    if attachments:
        content["attachments"] = [dict(one) for one in attachments[:ATTACHMENTS_LIMIT]]
    return content


def _same_content(one: Json, wanted: Mapping[str, object]) -> bool:
    listed = answers.text(answers.part(one, "text"), "content")
    text = answers.text(answers.part(dict(wanted), "text"), "content")
    # The list shows media under other ids than we sent: text, kinds and links must do.
    return listed == text and _outline(one) == _outline(dict(wanted))


def _outline(content: Json) -> list[tuple[str, str, str]]:
    outline: list[tuple[str, str, str]] = []
    for one in answers.parts(content, "attachments"):
        kind = answers.text(one, "msgtype")
        inner = answers.part(one, kind)
        address = answers.text(inner, "url") or answers.text(inner, "page")
        outline.append((kind, answers.text(inner, "title"), address))
    return outline


def _addresses(client: WeComClient, task: MassTask, sender: str, wanted: Sequence[str]) -> bool:
    if not sender or not wanted:
        return True
    try:
        results = mass_task_result(client, task.msgid, sender)
    except Terminal:
        return False  # that member has no share in it
    return {one.external_userid for one in results}.issuperset(wanted)


def _mass_task(one: Json) -> MassTask:
    return MassTask(
        msgid=answers.text(one, "msgid"),
        creator=answers.text(one, "creator"),
        created=answers.number(one, "create_time"),
    )


def _mass_result(one: Json) -> MassResult:
    return MassResult(
        external_userid=answers.text(one, "external_userid"),
        userid=answers.text(one, "userid"),
        status=_status(answers.number(one, "status")),
        sent=answers.number(one, "send_time"),
    )


def _status(number: int | None) -> MassStatus:
    try:
        return MassStatus(-1 if number is None else number)
    except ValueError:
        return MassStatus.UNSEEN
