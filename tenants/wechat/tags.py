"""Which tags does a corp have? And making, renaming, removing them there."""

from collections.abc import Sequence
from dataclasses import dataclass

from tenants.wechat import answers
from tenants.wechat.client import WeComClient
from tenants.wechat.transport import Json

LONGEST = 30  # characters of a name
EXISTS = frozenset({40071, 301021})  # a name that is taken
UNKNOWN_TAG = 40068
NOT_OURS = 301002  # made by another app, or by an administrator


@dataclass(frozen=True, slots=True)
class CorpTag:
    tag_id: str
    name: str
    order: int


@dataclass(frozen=True, slots=True)
class CorpTagGroup:
    group_id: str
    name: str
    order: int
    tags: tuple[CorpTag, ...]


def list_corp_tags(client: WeComClient) -> tuple[CorpTagGroup, ...]:
    """Repeatable. All that live."""
    answer = client.call("post", "externalcontact/get_corp_tag_list", data={}, repeatable=True)
    return tuple(_group(one) for one in answers.parts(answer, "tag_group"))


def add_corp_tags(client: WeComClient, group: str, names: Sequence[str]) -> CorpTagGroup:
    """Adds tags to the group of this name, which is made when there is none. Unknown is settled
    by the list: a name is there once. A name that is taken is Terminal (EXISTS)."""
    body = {"group_name": group, "tag": [{"name": name} for name in names]}
    answer = client.call("post", "externalcontact/add_corp_tag", data=body, repeatable=False)
    return _group(answers.part(answer, "tag_group"))


def rename_corp_tag(client: WeComClient, platform_id: str, name: str) -> None:
    """Repeatable. A tag, or a group."""
    body = {"id": platform_id, "name": name}
    client.call("post", "externalcontact/edit_corp_tag", data=body, repeatable=True)


def delete_corp_tags(
    client: WeComClient, *, tags: Sequence[str] = (), groups: Sequence[str] = ()
) -> None:
    """Repeatable. What is gone already is Terminal (UNKNOWN_TAG)."""
    body: dict[str, object] = {}
    if tags:
        body["tag_id"] = list(tags)
    if groups:
        body["group_id"] = list(groups)
    client.call("post", "externalcontact/del_corp_tag", data=body, repeatable=True)


def _group(part: Json) -> CorpTagGroup:
    return CorpTagGroup(
        group_id=answers.text(part, "group_id"),
        name=answers.text(part, "group_name"),
        order=answers.number(part, "order") or 0,
        tags=tuple(
            CorpTag(
                tag_id=answers.text(one, "id"),
                name=answers.text(one, "name"),
                order=answers.number(one, "order") or 0,
            )
            for one in answers.parts(part, "tag")
            if not one.get("deleted")
        ),
    )
