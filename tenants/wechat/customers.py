"""Who are the staff and customers of a corp, and what do we do with one of them?"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from tenants.wechat import answers
from tenants.wechat.client import WeComClient
from tenants.wechat.errors import (
    WELCOME_ALREADY_CHATTING,
    WELCOME_CODE_INVALID,
    Retryable,
    Terminal,
)
from tenants.wechat.transport import Json

PAGES_LIMIT = 1000
MEMBERS_AT_ONCE = 100
ROWS_A_PAGE = 100
ATTACHMENTS_LIMIT = 9
REMARK_LIMIT = 20
DESCRIPTION_LIMIT = 150
REMARK_LIMIT = 20
DESCRIPTION_LIMIT = 150


class Welcome(Enum):
    SENT = "sent"
    ALREADY = "already"  # delivered before, or the two are chatting: final
    EXPIRED = "expired"  # later than 20 s after the event, or no code of this corp: final


@dataclass(frozen=True, slots=True)
class Staff:
    userid: str
    name: str


@dataclass(frozen=True, slots=True)
class CustomerTag:
    """`tag_id` is empty for a member's personal tag (type 2)."""

    tag_id: str
    name: str
    group_name: str
    type: int | None


@dataclass(frozen=True, slots=True)
class FollowInfo:
    """One member's relation with the customer. `created` is Unix seconds."""

    userid: str
    remark: str
    description: str
    created: int | None
    state: str
    add_way: int | None
    oper_userid: str
    remark_company: str
    remark_mobiles: tuple[str, ...]
    tags: tuple[CustomerTag, ...]


@dataclass(slots=True)
class Relation:
    """A customer as one member has them. `created` is Unix seconds; `gender` as in Customer."""

    external_userid: str
    userid: str
    name: str
    avatar: str
    gender: int | None
    unionid: str
    remark: str
    description: str
    company: str
    mobiles: tuple[str, ...]
    created: int | None
    state: str
    add_way: int | None
    tag_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Customer:
    """`type` is 1 for a WeChat user, 2 for a WeCom user; `gender` 1 man, 2 woman, 0 unknown."""

    external_userid: str
    name: str
    avatar: str
    type: int | None
    gender: int | None
    unionid: str
    position: str
    corp_name: str
    follows: tuple[FollowInfo, ...]


def pages(
    client: WeComClient, method: str, path: str, request: Mapping[str, object]
) -> Iterator[Json]:
    """All pages of a read; short pages say nothing, only the cursor does."""
    cursor = ""
    for _ in range(PAGES_LIMIT):
        asked = {**request, "cursor": cursor} if cursor else dict(request)
        params, data = (asked, None) if method == "get" else (None, asked)
        answer = client.call(method, path, params=params, data=data, repeatable=True)
        yield answer
        following = answers.text(answer, "next_cursor")
        if not following:
            return
        if following == cursor:
            break
        cursor = following
    raise Retryable("the cursor does not end", api=path)


def page(
    client: WeComClient, path: str, request: Mapping[str, object], cursor: str
) -> tuple[Json, str]:
    """One page of a read, and the cursor that goes on; it is empty after the last one."""
    body = {**request, "cursor": cursor} if cursor else dict(request)
    answer = client.call("post", path, data=body, repeatable=True)
    following = answers.text(answer, "next_cursor")
    if following and following == cursor:
        raise Retryable("the cursor does not end", api=path)
    return answer, following


def get_customer(client: WeComClient, external_userid: str) -> Customer:
    """Repeatable. Raises NotACustomer; right after an add event that may only be a delay."""
    request = {"external_userid": external_userid}
    contact: Json = {}
    follows: list[FollowInfo] = []
    for answer in pages(client, "get", "externalcontact/get", request):
        contact = answers.part(answer, "external_contact") or contact
        follows += [_follow(one) for one in answers.parts(answer, "follow_user")]
    return Customer(
        external_userid=answers.text(contact, "external_userid") or external_userid,
        name=answers.text(contact, "name"),
        avatar=answers.text(contact, "avatar"),
        type=answers.number(contact, "type"),
        gender=answers.number(contact, "gender"),
        unionid=answers.text(contact, "unionid"),
        position=answers.text(contact, "position"),
        corp_name=answers.text(contact, "corp_full_name") or answers.text(contact, "corp_name"),
        follows=tuple(follows),
    )


def relations_page(
    client: WeComClient, userids: Sequence[str], cursor: str = ""
) -> tuple[list[Relation], str]:
    """Repeatable. A page of the customers of these members (at most 100), and the next cursor,
    empty after the last page. A member who is none any more is Terminal for all of them."""
    body: dict[str, object] = {"userid_list": list(userids), "limit": ROWS_A_PAGE}
    if cursor:
        body["cursor"] = cursor
    answer = client.call("post", "externalcontact/batch/get_by_user", data=body, repeatable=True)
    rows = []
    for one in answers.parts(answer, "external_contact_list"):
        row = _relation(answers.part(one, "external_contact"), answers.part(one, "follow_info"))
        if row.external_userid and row.userid:
            rows.append(row)
    return rows, answers.text(answer, "next_cursor")


def change_remark(
    client: WeComClient, *, userid: str, external_userid: str, remark: str, description: str
) -> None:
    """Repeatable: it overwrites. The platform takes 20 and 150 characters."""
    body = {
        "userid": userid,
        "external_userid": external_userid,
        "remark": remark[:REMARK_LIMIT],
        "description": description[:DESCRIPTION_LIMIT],
    }
    client.call("post", "externalcontact/remark", data=body, repeatable=True)


def list_customers(client: WeComClient, userid: str) -> tuple[str, ...]:
    """Repeatable. The external_userids of one member."""
    try:
        answer = client.call(
            "get", "externalcontact/list", params={"userid": userid}, repeatable=True
        )
    except Terminal as error:
        if error.errcode == 84061:  # here it says: this member has none
            return ()
        raise
    return answers.texts(answer, "external_userid")


def list_follow_users(client: WeComClient) -> tuple[str, ...]:
    """Repeatable. The members who may have customers, within the app's visible range."""
    answer = client.call("get", "externalcontact/get_follow_user_list", repeatable=True)
    return answers.texts(answer, "follow_user")


def list_staff(client: WeComClient, department_id: int = 1) -> tuple[Staff, ...]:
    """Repeatable. Members of a department and those below it."""
    params = {"department_id": department_id, "fetch_child": 1}
    answer = client.call("get", "user/simplelist", params=params, repeatable=True)
    return tuple(
        Staff(userid=answers.text(one, "userid"), name=answers.text(one, "name"))
        for one in answers.parts(answer, "userlist")
    )


def send_welcome(
    client: WeComClient,
    welcome_code: str,
    text: str,
    attachments: Sequence[Mapping[str, object]] = (),
) -> Welcome:
    """Repeatable: a code delivers once, so a lost answer is Retryable within its 20 seconds."""
    body: dict[str, object] = {"welcome_code": welcome_code}
    if text:
        body["text"] = {"content": text}
    if attachments:
        body["attachments"] = [dict(one) for one in attachments[:ATTACHMENTS_LIMIT]]
    try:
        client.call("post", "externalcontact/send_welcome_msg", data=body, repeatable=True)
    except Terminal as error:
        if error.errcode == WELCOME_ALREADY_CHATTING:
            return Welcome.ALREADY
        if error.errcode == WELCOME_CODE_INVALID:
            return Welcome.EXPIRED
        raise
    return Welcome.SENT


def mark_tag(
    client: WeComClient,
    *,
    userid: str,
    external_userid: str,
    add: Sequence[str] = (),
    remove: Sequence[str] = (),
) -> None:
    """Repeatable. Tags are the corp's tag ids; nothing to change is no call."""
    if not add and not remove:
        return  # the platform calls that an error
    body: dict[str, object] = {"userid": userid, "external_userid": external_userid}
    if add:
        body["add_tag"] = list(add)
    if remove:
        body["remove_tag"] = list(remove)
    client.call("post", "externalcontact/mark_tag", data=body, repeatable=True)


def remark(
    client: WeComClient,
    *,
    userid: str,
    external_userid: str,
    remark: str = "",
    description: str = "",
) -> None:
    """Repeatable. What the member calls the customer; what is empty here stays as it is."""
    body: dict[str, object] = {"userid": userid, "external_userid": external_userid}
    if remark:
        body["remark"] = remark[:REMARK_LIMIT]
    if description:
        body["description"] = description[:DESCRIPTION_LIMIT]
    if len(body) > 2:
        client.call("post", "externalcontact/remark", data=body, repeatable=True)


def _follow(part: Json) -> FollowInfo:
    company = answers.text(part, "remark_corp_name") or answers.text(part, "remark_company")
    return FollowInfo(
        userid=answers.text(part, "userid"),
        remark=answers.text(part, "remark"),
        description=answers.text(part, "description"),
        created=answers.number(part, "createtime"),
        state=answers.text(part, "state"),
        add_way=answers.number(part, "add_way"),
        oper_userid=answers.text(part, "oper_userid"),
        remark_company=company,
        remark_mobiles=answers.texts(part, "remark_mobiles"),
        tags=tuple(_tag(one) for one in answers.parts(part, "tags")),
    )


def _relation(contact: Json, info: Json) -> Relation:
    return Relation(
        external_userid=answers.text(contact, "external_userid"),
        userid=answers.text(info, "userid"),
        name=answers.text(contact, "name"),
        avatar=answers.text(contact, "avatar"),
        gender=answers.number(contact, "gender"),
        unionid=answers.text(contact, "unionid"),
        remark=answers.text(info, "remark"),
        description=answers.text(info, "description"),
        company=answers.text(info, "remark_corp_name") or answers.text(info, "remark_company"),
        mobiles=answers.texts(info, "remark_mobiles"),
        created=answers.number(info, "createtime"),
        state=answers.text(info, "state"),
        add_way=answers.number(info, "add_way"),
        tag_ids=answers.texts(info, "tag_id"),
    )


def _tag(part: Json) -> CustomerTag:
    return CustomerTag(
        tag_id=answers.text(part, "tag_id"),
        name=answers.text(part, "tag_name"),
        group_name=answers.text(part, "group_name"),
        type=answers.number(part, "type"),
    )
