"""Who works at a corp, and in which departments?"""

from dataclasses import dataclass

from tenants.wechat import answers
from tenants.wechat.client import WeComClient
from tenants.wechat.errors import Terminal
from tenants.wechat.transport import Json

TOP = 1  # the department that holds all others
GONE = frozenset({60111, 40003, 46004})  # no such member
NO_DEPARTMENT = 60123


@dataclass(frozen=True, slots=True)
class Department:
    """`parent` is 0 at the top."""

    number: int
    parent: int
    name: str
    position: int


@dataclass(frozen=True, slots=True)
class Member:
    """`active` is False for one who is disabled, has not joined yet or has left."""

    userid: str
    name: str
    departments: tuple[int, ...]
    active: bool


def list_departments(client: WeComClient) -> tuple[Department, ...]:
    """Repeatable. Those that the app may see. Names are numbers where the app may not read them."""
    answer = client.call("get", "department/list", repeatable=True)
    found = []
    for one in answers.parts(answer, "department"):
        number = answers.number(one, "id")
        if number is not None:
            found.append(
                Department(
                    number=number,
                    parent=answers.number(one, "parentid") or 0,
                    name=answers.text(one, "name") or str(number),
                    position=answers.number(one, "order") or 0,
                )
            )
    return tuple(found)


def list_members(client: WeComClient, department: int) -> tuple[Member, ...]:
    """Repeatable. Members of a department and all below it; none when it is gone."""
    params = {"department_id": department, "fetch_child": 1}
    try:
        answer = client.call("get", "user/list", params=params, repeatable=True)
    except Terminal as error:
        if error.errcode == NO_DEPARTMENT:
            return ()
        raise
    return tuple(_member(one) for one in answers.parts(answer, "userlist"))


def get_member(client: WeComClient, userid: str) -> Member | None:
    """Repeatable. None: there is no such member any more. One who is only outside the app's
    visible range is Forbidden or Terminal."""
    try:
        answer = client.call("get", "user/get", params={"userid": userid}, repeatable=True)
    except Terminal as error:
        if error.errcode in GONE:
            return None
        raise
    return _member(answer)


def _member(part: Json) -> Member:
    status = answers.number(part, "status")  # 1 active, 2 disabled, 4 not joined, 5 left
    listed = part.get("department")
    numbers = [one for one in listed if isinstance(one, int)] if isinstance(listed, list) else []
    return Member(
        userid=answers.text(part, "userid"),
        name=answers.text(part, "name"),
        departments=tuple(numbers),
        active=status in (None, 1, 4),
    )
