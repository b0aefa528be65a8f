"""How does one message reach many customers or groups through their members?

The platform makes a task of each member's share; nothing goes out before the member confirms it.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Literal

from tenants.wechat import answers
from tenants.wechat.client import WeComClient
from tenants.wechat.content import Attached, Attachments, attached, content, same_content
from tenants.wechat.customers import page, pages
from tenants.wechat.errors import Terminal, Unknown
from tenants.wechat.transport import Json

RECIPIENTS_LIMIT = 10_000
GROUPS_LIMIT = 2000
REMINDERS_A_DAY = 3
RESULTS_A_PAGE = 1000
TASKS_A_PAGE = 100

ChatType = Literal["single", "group"]


@dataclass(frozen=True, slots=True)
class NewMassTask:
    """`failed` are the external_userids (of a group send: chat ids) that cannot be sent to."""

    msgid: str
    failed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MassTask:
    """`created` is Unix seconds; `creator` is empty for tasks made through the API. `personal`: a
    member's own, not the business's."""

    msgid: str
    creator: str
    created: int | None
    text: str = ""
    attached: tuple[Attached, ...] = ()
    personal: bool = False


@dataclass(frozen=True, slots=True)
class MassTaskPage:
    """`cursor` is empty on the last page."""

    tasks: tuple[MassTask, ...]
    cursor: str


class MassStatus(IntEnum):
    UNSENT = 0  # the member has not confirmed
    SENT = 1
    NOT_A_FRIEND = 2
    OTHER_MASS_MESSAGE = 3  # the customer's quota is used up
    UNSEEN = -1  # a status that the platform did not have when this was written


@dataclass(frozen=True, slots=True)
class MassResult:
    """Of a customer (`external_userid`) or of a group (`chat_id`)."""

    external_userid: str
    userid: str
    status: MassStatus
    sent: int | None
    chat_id: str = ""


@dataclass(frozen=True, slots=True)
class MassShare:
    """A member's part of a task. `sent` is Unix seconds."""

    userid: str
    confirmed: bool
    sent: int | None


@dataclass(frozen=True, slots=True)
class MassResultPage:
    """`cursor` is empty on the last page."""

    results: tuple[MassResult, ...]
    cursor: str


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
    body: dict[str, object] = {
        "chat_type": "single",
        "external_userid": list(external_userids),
        "sender": sender,
    }
    return _create(client, body | content(text, attachments))


def create_group_task(
    client: WeComClient,
    *,
    chat_ids: Sequence[str],
    sender: str,
    text: str,
    attachments: Attachments = (),
) -> NewMassTask:
    """Not repeatable: settle Unknown with `find_mass_task`. To groups that `sender` owns."""
    if not 1 <= len(chat_ids) <= GROUPS_LIMIT:
        raise ValueError(f"1 to {GROUPS_LIMIT} groups a task")
    body: dict[str, object] = {
        "chat_type": "group",
        "chat_id_list": list(chat_ids),
        "sender": sender,
    }
    return _create(client, body | content(text, attachments))


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
    chat_type: ChatType = "single",
) -> tuple[MassTask, ...]:
    """Repeatable. Tasks of that content made between two Unix times (at most a month apart).

    With `sender` only that member's tasks remain, and with `external_userids` only those that
    address one of these customers: one text goes to many people, and of the customers asked for
    some may be left out by the platform. `known` msgids are passed over: whom a task addresses
    costs a call. Results may lag a minute behind: none found is no proof before.
    """
    found: list[MassTask] = []
    wanted = content(text, attachments)
    for task, listed in _listed(client, since, until, chat_type, 0):
        if task.msgid in known or not same_content(listed, wanted):
            continue
        if _addresses(client, task, sender, external_userids, chat_type):
            found.append(task)
    return tuple(found)


def mass_task_page(
    client: WeComClient, *, since: int, until: int, chat_type: ChatType = "single", cursor: str = ""
) -> MassTaskPage:
    """Repeatable. A page of all tasks made between two Unix times (at most a month apart), by
    whomever; go on with its cursor."""
    request = _list_request(since, until, chat_type, 2)
    answer, following = page(client, "externalcontact/get_groupmsg_list_v2", request, cursor)
    rows = tuple(_mass_task(one) for one in answers.parts(answer, "group_msg_list"))
    return MassTaskPage(rows, following)


def mass_shares(client: WeComClient, msgid: str) -> Iterator[MassShare]:
    """Repeatable. Whose parts a task has, and who has confirmed theirs."""
    request = {"msgid": msgid, "limit": RESULTS_A_PAGE}
    for answer in pages(client, "post", "externalcontact/get_groupmsg_task", request):
        for one in answers.parts(answer, "task_list"):
            # 0 waits; the documentation shows 1 and 2 for one that was sent.
            confirmed = (answers.number(one, "status") or 0) > 0
            yield MassShare(
                answers.text(one, "userid"), confirmed, answers.number(one, "send_time")
            )


def mass_task_result(client: WeComClient, msgid: str, userid: str) -> tuple[MassResult, ...]:
    """Repeatable. What became of one member's share of a task; poll, no event tells."""
    return tuple(_results(client, msgid, userid))


def mass_result_page(
    client: WeComClient, msgid: str, userid: str, cursor: str = ""
) -> MassResultPage:
    """Repeatable. A page of at most a thousand results; go on with its cursor.

    Of groups only those are listed that the message was sent to.
    """
    request = {"msgid": msgid, "userid": userid, "limit": RESULTS_A_PAGE}
    path = "externalcontact/get_groupmsg_send_result"
    answer, following = page(client, path, request, cursor)
    rows = tuple(_mass_result(one) for one in answers.parts(answer, "send_list"))
    return MassResultPage(rows, following)


def remind(client: WeComClient, msgid: str) -> None:
    """Not repeatable in effect: each call is one of three reminders in 24 hours. Members who have
    not confirmed are told once more. A fourth is refused as RateLimited."""
    path = "externalcontact/remind_groupmsg_send"
    client.call("post", path, data={"msgid": msgid}, repeatable=False)


def cancel(client: WeComClient, msgid: str) -> None:
    """Repeatable. Stops what no member has confirmed yet."""
    path = "externalcontact/cancel_groupmsg_send"
    client.call("post", path, data={"msgid": msgid}, repeatable=True)


def _create(client: WeComClient, body: dict[str, object]) -> NewMassTask:
    path = "externalcontact/add_msg_template"
    answer = client.call("post", path, data=body, repeatable=False)
    msgid = answers.text(answer, "msgid")
    if not msgid:
        raise Unknown("the answer names no msgid", api=path)
    return NewMassTask(msgid=msgid, failed=answers.texts(answer, "fail_list"))


def _listed(
    client: WeComClient, since: int, until: int, chat_type: ChatType, filter_type: int
) -> Iterator[tuple[MassTask, Json]]:
    request = _list_request(since, until, chat_type, filter_type)
    for answer in pages(client, "post", "externalcontact/get_groupmsg_list_v2", request):
        for one in answers.parts(answer, "group_msg_list"):
            yield _mass_task(one), one


def _list_request(
    since: int, until: int, chat_type: ChatType, filter_type: int
) -> dict[str, object]:
    return {
        "chat_type": chat_type,
        "start_time": since,
        "end_time": until,
        "filter_type": filter_type,
        "limit": TASKS_A_PAGE,
    }


def _addresses(
    client: WeComClient,
    task: MassTask,
    sender: str,
    wanted: Sequence[str],
    chat_type: ChatType,
) -> bool:
    if not sender:
        return True
    if chat_type == "group":
        # Results of groups name only what was sent: the sender and the content must do.
        return any(share.userid == sender for share in mass_shares(client, task.msgid))
    if not wanted:
        return True
    people = set(wanted)
    try:
        return any(one.external_userid in people for one in _results(client, task.msgid, sender))
    except Terminal:
        return False  # that member has no share in it


def _results(client: WeComClient, msgid: str, userid: str) -> Iterable[MassResult]:
    request = {"msgid": msgid, "userid": userid, "limit": RESULTS_A_PAGE}
    for answer in pages(client, "post", "externalcontact/get_groupmsg_send_result", request):
        for one in answers.parts(answer, "send_list"):
            yield _mass_result(one)


def _mass_task(one: Json) -> MassTask:
    return MassTask(
        msgid=answers.text(one, "msgid"),
        creator=answers.text(one, "creator"),
        created=answers.number(one, "create_time"),
        text=answers.text(answers.part(one, "text"), "content"),
        attached=attached(one),
        personal=answers.number(one, "create_type") == 1,
    )


def _mass_result(one: Json) -> MassResult:
    return MassResult(
        external_userid=answers.text(one, "external_userid"),
        userid=answers.text(one, "userid"),
        status=_status(answers.number(one, "status")),
        sent=answers.number(one, "send_time"),
        chat_id=answers.text(one, "chat_id"),
    )


def _status(number: int | None) -> MassStatus:
    try:
        return MassStatus(-1 if number is None else number)
    except ValueError:
        return MassStatus.UNSEEN
