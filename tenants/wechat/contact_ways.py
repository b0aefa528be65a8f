"""Which codes can a customer scan to reach our staff?"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tenants.wechat import answers
from tenants.wechat.client import WeComClient
from tenants.wechat.customers import pages
from tenants.wechat.errors import Unknown
from tenants.wechat.transport import Json

REMARK_LIMIT = 30
STATE_LIMIT = 30
_SCENE_QR = 2


@dataclass(frozen=True, slots=True)
class NewContactWay:
    config_id: str
    qr_code: str


@dataclass(frozen=True, slots=True)
class ContactWay:
    config_id: str
    state: str
    remark: str
    qr_code: str
    users: tuple[str, ...]
    parties: tuple[str, ...]
    skip_verify: bool
    exclusive: bool


def add_contact_way(
    client: WeComClient,
    *,
    users: Sequence[str],
    state: str,
    remark: str = "",
    parties: Sequence[int] = (),
    skip_verify: bool = True,
    exclusive: bool = False,
    many: bool = False,
) -> NewContactWay:
    """Not repeatable: a lost answer is Unknown; `list_contact_ways` and `state` settle it.

    `many`: more members may be put behind it later, though there is one today. `exclusive`: who is
    a customer of one of the members already comes to that member again.
    """
    body: dict[str, object] = {
        # 1 is one member, 2 is many; the platform refuses a type that does not fit.
        "type": 1 if len(users) == 1 and not parties and not many else 2,
        "scene": _SCENE_QR,
        "remark": remark[:REMARK_LIMIT],
        "skip_verify": skip_verify,
        "is_exclusive": exclusive,
        "state": _checked_state(state),
        "user": list(users),
        "party": list(parties),
    }
    path = "externalcontact/add_contact_way"
    answer = client.call("post", path, data=body, repeatable=False)
    config_id = answers.text(answer, "config_id")
    if not config_id:
        raise Unknown("the answer names no config_id", api=path)
    return NewContactWay(config_id=config_id, qr_code=answers.text(answer, "qr_code"))


def update_contact_way(
    client: WeComClient,
    config_id: str,
    *,
    users: Sequence[str],
    state: str,
    remark: str = "",
    parties: Sequence[int] = (),
    skip_verify: bool = True,
    exclusive: bool = False,
) -> None:
    """Repeatable. Replaces the lists of members and departments."""
    body: dict[str, object] = {
        "config_id": config_id,
        "remark": remark[:REMARK_LIMIT],
        "skip_verify": skip_verify,
        "is_exclusive": exclusive,
        "state": _checked_state(state),
        "user": list(users),
        "party": list(parties),
    }
    client.call("post", "externalcontact/update_contact_way", data=body, repeatable=True)


def get_contact_way(client: WeComClient, config_id: str) -> ContactWay | None:
    """Repeatable. None when the answer holds no such way."""
    answer = client.call(
        "post", "externalcontact/get_contact_way", data={"config_id": config_id}, repeatable=True
    )
    # An object in today's documentation, a list in older answers.
    found = answers.parts(answer, "contact_way")
    return _contact_way(found[0]) if found else None


def list_contact_ways(client: WeComClient, *, since: int, until: int) -> Iterator[str]:
    """Repeatable. The config_ids of the ways made between two Unix times."""
    request = {"start_time": since, "end_time": until, "limit": 1000}
    for answer in pages(client, "post", "externalcontact/list_contact_way", request):
        for one in answers.parts(answer, "contact_way"):
            yield answers.text(one, "config_id")


def del_contact_way(client: WeComClient, config_id: str) -> None:
    """Repeatable."""
    client.call(
        "post", "externalcontact/del_contact_way", data={"config_id": config_id}, repeatable=True
    )


def _contact_way(part: Json) -> ContactWay:
    return ContactWay(
        config_id=answers.text(part, "config_id"),
        state=answers.text(part, "state"),
        remark=answers.text(part, "remark"),
        qr_code=answers.text(part, "qr_code"),
        users=answers.texts(part, "user"),
        parties=answers.texts(part, "party"),
        skip_verify=part.get("skip_verify") is not False,
        exclusive=part.get("is_exclusive") is True,
    )


def _checked_state(state: str) -> str:
    # Cut short it would name another code in the callback.
    if len(state) > STATE_LIMIT:
        raise ValueError(f"state is longer than {STATE_LIMIT} characters")
    return state
