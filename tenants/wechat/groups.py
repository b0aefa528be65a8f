"""Which customer groups does a corp have, who is in them, by which codes do people come in?"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from tenants.wechat import answers
from tenants.wechat.client import WeComClient
from tenants.wechat.customers import pages
from tenants.wechat.errors import NOT_A_CUSTOMER, Terminal, Unknown
from tenants.wechat.transport import Json

OWNERS_AT_ONCE = 100
GROUPS_A_PAGE = 1000
GROUPS_OF_A_WAY = 5
STATE_LIMIT = 30
REMARK_LIMIT = 30
TEMPLATES_LIMIT = 100
NAME_LIMIT = 40  # of the groups that a way makes
DAYS_AT_ONCE = 30

UNKNOWN_GROUP = 40050
DISMISSED = 49008
GONE_WAY = 41056
TEMPLATES_FULL = 41055
UNKNOWN_TEMPLATE = 40058
# What groupchat/get answers for a group that is no more; 84061 also for one that is very new.
GONE = frozenset({UNKNOWN_GROUP, DISMISSED, NOT_A_CUSTOMER})

_SCENE_QR = 2


@dataclass(frozen=True, slots=True)
class Listed:
    """`status`: 0 with its owner, 1 owner resigned, 2 being inherited, 3 inherited."""

    chat_id: str
    status: int


@dataclass(frozen=True, slots=True)
class JoinWay:
    config_id: str
    state: str
    remark: str
    chat_ids: tuple[str, ...]
    makes_more: bool
    base_name: str
    base_number: int
    qr_code: str


@dataclass(frozen=True, slots=True)
class Day:
    """Figures of the groups of one owner on one day; `at` is its midnight, Unix seconds."""

    at: int
    owner: str
    groups: int
    new_groups: int
    groups_that_spoke: int
    members: int
    new_members: int
    members_that_spoke: int
    messages: int


def list_groups(client: WeComClient, owners: Sequence[str]) -> Iterator[Listed]:
    """Repeatable. The groups of these members; without them a large corp answers 81017."""
    for start in range(0, len(owners), OWNERS_AT_ONCE):
        request: dict[str, object] = {
            "status_filter": 0,
            "owner_filter": {"userid_list": list(owners[start : start + OWNERS_AT_ONCE])},
            "limit": GROUPS_A_PAGE,
        }
        for answer in pages(client, "post", "externalcontact/groupchat/list", request):
            for one in answers.parts(answer, "group_chat_list"):
                status = answers.number(one, "status") or 0
                yield Listed(chat_id=answers.text(one, "chat_id"), status=status)


def get_group(client: WeComClient, chat_id: str) -> Json:
    """Repeatable. The group with its members, as the platform words it (`group_chat`)."""
    body = {"chat_id": chat_id, "need_name": 1}
    answer = client.call("post", "externalcontact/groupchat/get", data=body, repeatable=True)
    return answers.part(answer, "group_chat")


# --- ways of joining ---


def add_join_way(
    client: WeComClient,
    *,
    chat_ids: Sequence[str],
    state: str,
    remark: str = "",
    makes_more: bool = False,
    base_name: str = "",
    base_number: int = 1,
) -> str:
    """Not repeatable: a lost answer is Unknown, and no call lists ways: nothing settles it.

    Answers the config_id. `makes_more`: when all groups are full a new one is made, called by
    `base_name` and a number from `base_number` on.
    """
    path = "externalcontact/groupchat/add_join_way"
    body = _way(chat_ids, state, remark, makes_more, base_name, base_number)
    answer = client.call("post", path, data=body, repeatable=False)
    config_id = answers.text(answer, "config_id")
    if not config_id:
        raise Unknown("the answer names no config_id", api=path)
    return config_id


def update_join_way(
    client: WeComClient,
    config_id: str,
    *,
    chat_ids: Sequence[str],
    state: str,
    remark: str = "",
    makes_more: bool = False,
    base_name: str = "",
    base_number: int = 1,
) -> None:
    """Repeatable. Overwrites everything."""
    body = _way(chat_ids, state, remark, makes_more, base_name, base_number)
    path = "externalcontact/groupchat/update_join_way"
    client.call("post", path, data={"config_id": config_id, **body}, repeatable=True)


def _way(
    chat_ids: Sequence[str], state: str, remark: str, makes_more: bool,  # noqa: FBT001
    base_name: str, base_number: int,
) -> dict[str, object]:  # fmt: skip
    if len(state) > STATE_LIMIT:
        raise ValueError(f"state is longer than {STATE_LIMIT} characters")
    if len(chat_ids) > GROUPS_OF_A_WAY:
        raise ValueError(f"more than {GROUPS_OF_A_WAY} groups")
    body: dict[str, object] = {
        "scene": _SCENE_QR,
        "remark": remark[:REMARK_LIMIT],
        "auto_create_room": int(makes_more),
        "chat_id_list": list(chat_ids),
        "state": state,
    }
    if makes_more:
        body |= {"room_base_name": base_name[:NAME_LIMIT], "room_base_id": base_number}
    return body


def get_join_way(client: WeComClient, config_id: str) -> JoinWay | None:
    """Repeatable. None when there is no such way."""
    path = "externalcontact/groupchat/get_join_way"
    try:
        answer = client.call("post", path, data={"config_id": config_id}, repeatable=True)
    except Terminal as error:
        if error.errcode == GONE_WAY:
            return None
        raise
    found = answers.parts(answer, "join_way")
    if not found:
        return None
    one = found[0]
    return JoinWay(
        config_id=answers.text(one, "config_id") or config_id,
        state=answers.text(one, "state"),
        remark=answers.text(one, "remark"),
        chat_ids=answers.texts(one, "chat_id_list"),
        makes_more=answers.number(one, "auto_create_room") == 1,
        base_name=answers.text(one, "room_base_name"),
        base_number=answers.number(one, "room_base_id") or 0,
        qr_code=answers.text(one, "qr_code"),
    )


def del_join_way(client: WeComClient, config_id: str) -> None:
    """Repeatable: one that is gone already is gone."""
    path = "externalcontact/groupchat/del_join_way"
    try:
        client.call("post", path, data={"config_id": config_id}, repeatable=True)
    except Terminal as error:
        if error.errcode != GONE_WAY:
            raise


# --- what new members are greeted with ---


def add_template(
    client: WeComClient, text: str, attachment: Mapping[str, object] | None, *, tell: bool = False
) -> str:
    """Not repeatable: a lost answer is Unknown, and no call lists templates. Answers its id.

    `tell`: the owners of groups are told that there is a new one.
    """
    path = "externalcontact/group_welcome_template/add"
    body = _template(text, attachment) | {"notify": int(tell)}
    answer = client.call("post", path, data=body, repeatable=False)
    template_id = answers.text(answer, "template_id")
    if not template_id:
        raise Unknown("the answer names no template_id", api=path)
    return template_id


def edit_template(
    client: WeComClient, template_id: str, text: str, attachment: Mapping[str, object] | None
) -> None:
    """Repeatable. Overwrites everything."""
    path = "externalcontact/group_welcome_template/edit"
    body = _template(text, attachment) | {"template_id": template_id}
    client.call("post", path, data=body, repeatable=True)


def del_template(client: WeComClient, template_id: str) -> None:
    """Repeatable: one that is gone already is gone."""
    path = "externalcontact/group_welcome_template/del"
    try:
        client.call("post", path, data={"template_id": template_id}, repeatable=True)
    except Terminal as error:
        if error.errcode != UNKNOWN_TEMPLATE:
            raise


def _template(text: str, attachment: Mapping[str, object] | None) -> dict[str, object]:
    body: dict[str, object] = {"text": {"content": text}} if text else {}
    if attachment is not None:
        kind = str(attachment["msgtype"])
        body[kind] = attachment[kind]
    return body


# --- figures ---


def figures_by_day(
    client: WeComClient, owners: Sequence[str], *, since: int, until: int
) -> Iterator[Day]:
    """Repeatable. One member a call: several would be summed. Days as Unix seconds, both inside;
    30 days at once and 180 back at most."""
    path = "externalcontact/groupchat/statistic_group_by_day"
    for owner in owners:
        body = {
            "day_begin_time": since,
            "day_end_time": until,
            "owner_filter": {"userid_list": [owner]},
        }
        answer = client.call("post", path, data=body, repeatable=True)
        for one in answers.parts(answer, "items"):
            data = answers.part(one, "data")
            yield Day(
                at=answers.number(one, "stat_time") or 0,
                owner=owner,
                groups=answers.number(data, "chat_total") or 0,
                new_groups=answers.number(data, "new_chat_cnt") or 0,
                groups_that_spoke=answers.number(data, "chat_has_msg") or 0,
                members=answers.number(data, "member_total") or 0,
                new_members=answers.number(data, "new_member_cnt") or 0,
                members_that_spoke=answers.number(data, "member_has_msg") or 0,
                messages=answers.number(data, "msg_total") or 0,
            )
