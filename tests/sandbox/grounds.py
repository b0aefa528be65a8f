"""Groups, ways into them, and the calls about them."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from .actors import Scene, scene

CHAT = "externalcontact/groupchat/"


def customers(s: Scene, many: int) -> list[str]:
    """External ids of people who know li."""
    return [s.customer()["external_userid"] for _ in range(many)]


def group(s: Scene, *members: str, owner: str = "li", **more: object) -> str:
    body = {"corpid": s.corpid, "owner": owner, "members": list(members), **more}
    return str(s.sim.post("act/group_create", body)["chat_id"])


def act(s: Scene, what: str, chat_id: str, /, **more: object) -> Any:
    body = {"corpid": s.corpid, "chat_id": chat_id, **more}
    return s.sim.post(f"act/group_{what}", body)


def read(s: Scene, chat_id: str, **more: object) -> Any:
    answer = s.caller.post(CHAT + "get", chat_id=chat_id, **more)
    return answer["group_chat"] if answer["errcode"] == 0 else answer["errcode"]


def statuses(s: Scene, **more: object) -> dict[str, int]:
    rows = s.caller.post(CHAT + "list", **{"limit": 100, **more})["group_chat_list"]
    return {row["chat_id"]: row["status"] for row in rows}


def join_way(s: Scene, *chat_ids: str, **more: object) -> str:
    body = {"scene": 2, "chat_id_list": list(chat_ids), **more}
    return str(s.caller.post(CHAT + "add_join_way", **body)["config_id"])


def advance(s: Scene, seconds: float) -> None:
    """And forgets the token, which may have expired."""
    s.sim.post("clock", advance_s=seconds)
    s.caller.token = ""


@contextmanager
def groups(**more: Any) -> Iterator[Scene]:
    """A corp whose events are heard, with one more member of staff."""
    with scene(listening=True, **more) as s:
        s.sim.post("staff", corpid=s.corpid, userid="wang", name="Wang")
        yield s
